"""Writing an answer to a conversation: in the shape a task or a request wants, right or with a mistake."""

from __future__ import annotations

import ast
import json
import operator
import re
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from functools import lru_cache
from typing import Any, NamedTuple

from mockserver.vendors.pareta.domain import asking, attachments, code, prose, sql, structured
from mockserver.vendors.pareta.domain.catalog import Task
from mockserver.vendors.pareta.domain.formats import words_of
from mockserver.vendors.pareta.domain.generation import Prompt, ToolCall, form_of, gold_fields, labels_of
from mockserver.vendors.pareta.domain.predictions import Roll, predict, reword
from mockserver.vendors.pareta.domain.reading import Reader, best_label
from mockserver.vendors.pareta.domain.structured import Field, Find, Fits

to_json = json.JSONEncoder(ensure_ascii=False).encode
"""Writes JSON as models do: with blanks, and letters as they are."""

# Clients repeat themselves; what long texts say is not kept, so that memory stays bounded.
_REMEMBERED_CHARACTERS = 4_000

_EXACTLY = re.compile(
    r"^(?:please )?(?:just |only |simply )?"
    r"(?:say|repeat(?: after me)?|echo|(?:reply|respond|answer)(?: me)? with|reply|output|print)"
    r"(?: (?:only|just|exactly|back|the (?:single |one )?words?|the text|the phrase|the following|this))*\s*:?\s+"
    r"(?:\"([^\"\n]{1,400})\"|'([^'\n]{1,400})'|`([^`\n]{1,400})`|([^\n]{1,200}?))[.!]?(?:\s+and nothing else\.?)?$",
    re.I,
)
_NOT_EXACTLY = re.compile(
    r"^(?:something|anything|a|an|the|your|me|in|as|to|only|how|what|why|yes or|one of|json|about)\b", re.I
)
_YES_OR_NO = re.compile(r"\byes(?: or |/)no\b")
_SUM_ASKED = re.compile(r"\b(?:what(?:'s| is)|calculate|compute|how much is|evaluate|solve)\b|=\s*\??\s*$", re.I)
_SUM = re.compile(r"[-(]{0,3}\d{1,12}(?:\.\d{1,6})?\)?(?:\s*[-+*/x]\s*[-(]{0,3}\d{1,12}(?:\.\d{1,6})?\)?){1,12}")
_OPERATORS: dict[type[ast.operator], Callable[[Fraction, Fraction], Fraction]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
_SUMMARIES = frozenset("summary overview abstract gist synopsis".split())
_COMPOSED = frozenset(
    "answer response reply explanation reason reasoning rationale analysis comment conclusion description advice "
    "recommendation justification thought thoughts notes feedback story".split()
)


class Draft(NamedTuple):
    """What a model wants to say.

    :param given: its answer as the task's fields; `right` what a flawless model would have given; both `None` where
        no task says what is right.
    :param calls: of tools, instead of a text.
    :param is_free: whether it could as well have been said otherwise.
    """

    text: str
    given: Mapping[str, Any] | None = None
    right: Mapping[str, Any] | None = None
    calls: tuple[ToolCall, ...] = ()
    is_free: bool = False


def for_task(task: Task, prompt: Prompt, quality: float, roll: Roll) -> Draft:
    """Answer in a task's shape, right with the probability that a quality is."""
    prompt = prompt.within_reach()
    form = "chat" if prompt.results else form_of(task)
    if form == "chat":
        right: Mapping[str, Any] = {next(iter(task.output_fields)): reply(prompt, roll)}
    else:
        right = right_answer(task, prompt.subject)
    if form in _TEXTS:
        name, told = next(iter(right.items()))
        given: Mapping[str, Any] = {name: _TEXTS[form](told, quality, roll)}
    else:
        given = predict(right, quality, lambda n: roll(str(n)), labels_of(task))
    text = to_json(given) if form == "fields" else str(next(iter(given.values())))
    return Draft(text, given, right, is_free=form == "chat")


def _prose(text: str, quality: float, roll: Roll) -> str:
    return reword(text, quality, lambda n: roll(str(n)))


def _code(block: str, quality: float, roll: Roll) -> str:
    """Return a code block with mistakes between its fences."""
    opening, _, rest = block.partition("\n")
    source, _, closing = rest.rpartition("\n")
    return f"{opening}\n{_prose(source, quality, roll)}\n{closing}"


def _sql(statement: str, quality: float, roll: Roll) -> str:
    return statement if roll("right") < quality else sql.flawed(statement, roll)


_TEXTS = {"chat": _prose, "summary": _prose, "code": _code, "sql": _sql}
"""How a text of a form goes wrong, by a quality."""


def right_answer(task: Task, text: str) -> Mapping[str, Any]:
    """Return what a flawless model would answer on a task: the fields found in the text, the best label, ..."""
    return _remembered_answer(task, text) if len(text) <= _REMEMBERED_CHARACTERS else _right_answer(task, text)


def _right_answer(task: Task, text: str) -> Mapping[str, Any]:
    fields = gold_fields(task)
    first = next(iter(fields))
    form = form_of(task)
    if form == "label":
        labels = labels_of(task)
        return {first: best_label(text, labels) if labels else asking.diagnoses(text)[0][0]}
    if form == "fields":
        reader = Reader(text)
        found = {name: reader.first(_field(name, schema)) for name, schema in fields.items()}
        lowered = text.lower()
        named = {name for name in fields if name.replace("_", " ") in lowered}
        return {n: v for n, v in found.items() if v is not None or n in named} or dict.fromkeys(fields)
    if form == "sql":
        return {first: sql.statement(text)}
    if form == "code":
        return {first: code.block(text)}
    if form == "summary":
        return {first: prose.summary(asking.passage_of(text)) or text}
    return {first: prose.write(text, lambda _: 0.0)}


_remembered_answer = lru_cache(maxsize=512)(_right_answer)


def _field(name: str, schema: Mapping[str, Any]) -> Field:
    types = schema.get("type", "string")
    return Field(name, (types,) if isinstance(types, str) else tuple(types), schema.get("format", ""), is_wanted=False)


def reply(prompt: Prompt, roll: Roll) -> str:
    """Answer in the shape the conversation plainly asks for, in prose failing that."""
    prompt = prompt.within_reach()
    if prompt.results:
        return prose.told(prompt.results, prompt.last, roll)
    wanted = asking.asked(prompt.last, prompt.instructions)
    passages = (wanted.passage, *prompt.documents)
    if wanted.form == "fields":
        return to_json(_object(wanted, passages, prompt, roll))
    if wanted.form == "label":
        text = "\n".join(passages) if prompt.documents else wanted.passage
        return asking.label_for(text, wanted.labels, prompt.examples)
    if wanted.form == "sql":
        return sql.statement("\n".join((wanted.passage, *prompt.earlier)), sql.without_schema(prompt.last))
    if wanted.form == "code":
        return code.block(wanted.passage)
    if wanted.form == "summary":
        return prose.summary(wanted.passage)
    return _said(prompt) or _in_prose(prompt, roll)


def _object(wanted: asking.Asked, passages: tuple[str, ...], prompt: Prompt, roll: Roll) -> Any:
    """Return the object a request for JSON wants, or the list of them."""
    names = {each.name for each in wanted.fields}
    if wanted.is_list and "code" in names and re.search(r"\bicd\b", prompt.text, re.I):
        return [
            {each.name: which if each.name == "code" else condition for each in wanted.fields}
            for which, condition in asking.diagnoses("\n".join(passages))
        ]
    if wanted.fields:
        values = asking.found(wanted.fields, (*passages, *prompt.earlier))
    else:
        values = dict(_labelled("\n".join(passages))) or {"answer": _said(prompt) or _in_prose(prompt, roll)}
    return [values] if wanted.is_list else values


_PAIR = re.compile(r"^[ \t]*([A-Za-z][\w /-]{0,40}?)[ \t]*[:=][ \t]*(\S[^\n]{0,200}?)[ \t]*$", re.M)


def _labelled(text: str) -> Iterator[tuple[str, Any]]:
    """Yield what a text says in lines such as `Total due: 12.50`, as member names and values."""
    for name, value in _PAIR.findall(text):
        number = value.lstrip("$€£ ").replace(",", "")
        is_number = re.fullmatch(r"-?\d{1,15}(?:\.\d{1,6})?", number) is not None
        yield "_".join(words_of(name)), (float(number) if "." in number else int(number)) if is_number else value


def _said(prompt: Prompt) -> str | None:
    """Return an answer that the conversation itself holds: words to repeat, a sum, a sentence that says it."""
    context = (*prompt.documents, prompt.last, *prompt.earlier, prompt.instructions)
    if sum(map(len, context)) <= _REMEMBERED_CHARACTERS:
        return _remembered_saying(prompt.last, context)
    return _saying(prompt.last, context)


def _saying(last: str, context: tuple[str, ...]) -> str | None:
    request = last.strip()
    if len(request) < 600:
        exact = _EXACTLY.match(request)
        if exact and not (exact[4] and _NOT_EXACTLY.match(exact[4])):
            return next(group for group in exact.groups() if group)
        if _SUM_ASKED.search(request):
            total = _total(request)
            if total is not None:
                return total
    found = prose.found_answer(last, context)
    return found if found is None or found[-1] in ".!?" else f"{found}."


_remembered_saying = lru_cache(maxsize=512)(_saying)


def _total(request: str) -> str | None:
    """Return what the sum in a text comes to."""
    match = _SUM.search(request)
    if match is None:
        return None
    try:
        value = _evaluated(ast.parse(match[0].replace("x", "*").strip(), mode="eval").body)
    except (SyntaxError, ZeroDivisionError):
        return None
    number = str(value.numerator) if value.denominator == 1 else f"{float(value):.10g}"
    return f"{match[0].strip()} = {number}."


def _evaluated(node: ast.expr) -> Fraction:
    if isinstance(node, ast.Constant):
        return Fraction(str(node.value))
    if isinstance(node, ast.UnaryOp):
        return -_evaluated(node.operand)
    assert isinstance(node, ast.BinOp), "a sum has nothing but signs and numbers"
    return _OPERATORS[type(node.op)](_evaluated(node.left), _evaluated(node.right))


def _in_prose(prompt: Prompt, roll: Roll) -> str:
    if "yes" in prompt.text and _YES_OR_NO.search(f"{prompt.instructions[-400:]}\n{prompt.last[-400:]}"):
        return "Yes." if roll("yes") < 0.5 else "No."
    before = ""
    if prompt.pictures:
        before = f"{attachments.described(prompt.pictures)} "
    if prompt.documents:
        gist = prose.summary("\n".join(prompt.documents), 2)
        pages = f"The document says: {gist}" if gist else "The document holds no text that can be read."
        return before + pages
    earlier = next((text for text in prompt.earlier if text.strip()), "")
    return before + prose.write(prompt.last, roll, instructions=prompt.instructions, earlier=earlier)


# Values for schemas


def finder(prompt: Prompt, roll: Roll, *texts: str) -> Find:
    """Return what finds values for a schema in a conversation.

    Members that are named like an answer, a reason or a summary are written instead of found.

    :param texts: what to read first, if not the whole last message.
    """
    prompt = prompt.within_reach()
    results = tuple(_lines(content) for _, content in prompt.results)
    reader = Reader(*texts, *results, prompt.last, *prompt.documents, *prompt.earlier, prompt.instructions)

    def find(wanted: Field) -> Iterator[Any]:
        words = set(words_of(wanted.name))
        if "string" in wanted.types and not wanted.options and not wanted.format:
            if words & _SUMMARIES:
                yield prose.summary(prompt.subject, 2) or _composed(wanted.name)
            elif words & _COMPOSED:
                yield _composed(wanted.name)
        yield from reader.find(wanted)

    def _composed(name: str) -> str:
        said = _said(prompt) if not prompt.results else None
        if said is not None:
            return said
        text = (
            prose.told(prompt.results, prompt.last, roll)
            if prompt.results
            else prose.write(prompt.last, lambda what: roll(f"{name}:{what}"), instructions=prompt.instructions)
        )
        return " ".join(prose.sentences_of(text)[:2])

    return find


def _lines(content: str) -> str:
    """Return JSON with a line for each of its values, so that it reads like a form; other texts as they are."""
    try:
        value = json.loads(content) if content[:1] in "{[" else None
    except (ValueError, RecursionError):
        value = None
    return content if value is None else "\n".join(_leaves(value, ""))


def _leaves(value: Any, name: str) -> Iterator[str]:
    if isinstance(value, dict):
        for key, part in value.items():
            yield from _leaves(part, key)
    elif isinstance(value, list):
        for part in value:
            yield from _leaves(part, name)
    else:
        yield f"{name}: {value if isinstance(value, str) else json.dumps(value)}"


def structure(schema: Any, prompt: Prompt, fits: Fits, roll: Roll) -> Any:
    """Return a value for a schema, with what the conversation says.

    :raises Unsatisfiable: there is none.
    """
    return next(structured.values(schema, fits, finder(prompt, roll), roll))


def loose_object(prompt: Prompt, roll: Roll) -> Mapping[str, Any]:
    """Return an object for a request that wants JSON without saying which."""
    prompt = prompt.within_reach()
    wanted = asking.asked(prompt.last, prompt.instructions)
    if wanted.form != "fields":
        wanted = asking.asked(prompt.last, f"{prompt.instructions}\nReturn a JSON object.")
    passages = (wanted.passage, *prompt.documents)
    value = _object(wanted, passages, prompt, roll)
    return {"items": value} if isinstance(value, list) else value


def arguments(schema: Mapping[str, Any], words: str, prompt: Prompt, fits: Fits, roll: Roll) -> dict[str, Any]:
    """Return the arguments of a call: what the words that led to it say, and nothing optional they do not.

    :raises Unsatisfiable: there is no object that satisfies the schema.
    """
    for value in structured.values(schema, fits, finder(prompt, roll, words), roll, is_brief=True):
        if isinstance(value, dict):
            return value
    raise structured.Unsatisfiable("$", "arguments are an object, and no object satisfies it")
