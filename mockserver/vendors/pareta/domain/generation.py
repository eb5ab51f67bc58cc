"""Answers: text a model could have written, made from the prompt alone, in the shape the task asks for."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from mockserver.vendors.pareta.domain.catalog import Task
from mockserver.vendors.pareta.domain.predictions import Roll

CHARACTERS_PER_TOKEN = 4
_MESSAGE_OVERHEAD_TOKENS = 4

_MONTHS = {
    name: number
    for number, name in enumerate(
        ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october",
         "november", "december"), 1,
    )
}  # fmt: skip
_MONTH = "|".join(_MONTHS)
_DATE = re.compile(
    rf"\b(?:(\d{{4}})-(\d\d)-(\d\d)|({_MONTH})\s+(\d{{1,2}}),?\s+(\d{{4}})|(\d{{1,2}})\s+({_MONTH})\s+(\d{{4}}))\b",
    re.I,
)
_AMOUNT = re.compile(r"(?:[$€£]\s?|\b(?:USD|EUR|GBP)\s)?(\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+\.\d{2}|\d+)\b")
_CURRENCY = {"$": "USD", "€": "EUR", "£": "GBP", "USD": "USD", "EUR": "EUR", "GBP": "GBP"}
_NAME = r"[A-Z][\w&.'-]*(?:\s+(?:[A-Z][\w&.'-]*|of|and|&)){0,8}"
_PARTIES = re.compile(
    rf"\b[Bb]etween\s+({_NAME}?)(?:\s*\([^)]*\))?,?\s+and\s+({_NAME}?)(?=\s*(?:\(|,|\.|;|\bis\b|\bare\b|$))"
)
_LAW = re.compile(rf"\blaws? of (?:the State of )?({_NAME})")
_NUMBERED = re.compile(r"(?:\bno\b\.?|\bnumber\b|#)\s*:?\s*((?=[A-Z-]*\d)[A-Z0-9][A-Z0-9-]*)", re.I)
_to_json = json.JSONEncoder(ensure_ascii=False).encode
_WORD = re.compile(r"[A-Za-z][A-Za-z'-]{2,}")
_DULL = frozenset(
    "the and for are was were with this that from have has had you your our not but can could would should what when "
    "where which who why how into about there their them then than will shall its his her she him they one please "
    "tell give write explain describe name list make let does did say said answer end".split()
)


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a chat request asks.

    :param text: all message texts joined, system message first if there is one.
    :param last: the last user message.
    :param max_tokens: where to cut the answer, or `None`.
    """

    text: str
    last: str
    tokens: int
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """What was written, with its size and why it ended (`stop` or `length`)."""

    text: str
    finish_reason: str
    tokens: int


def count_tokens(text: str) -> int:
    """Return about how many tokens a text is: one for every four characters, rounded up.

    Source: pareta/chat "usage" (that it is counted: documented; the tokenizer is not published: assumed).
    """
    return -(-len(text) // CHARACTERS_PER_TOKEN)


def prompt_tokens(texts: Sequence[str]) -> int:
    """Return the tokens of a conversation: its texts and a little for each message."""
    return sum(count_tokens(text) + _MESSAGE_OVERHEAD_TOKENS for text in texts)


def finished(text: str, prompt: Prompt) -> Answer:
    """Cut a text at the first stop sequence, then at `max_tokens`."""
    for stop in prompt.stop:
        cut = text.find(stop)
        if stop and cut >= 0:
            text = text[:cut]
    tokens = count_tokens(text)
    if prompt.max_tokens is not None and tokens > prompt.max_tokens:
        return Answer(text[: prompt.max_tokens * CHARACTERS_PER_TOKEN], "length", prompt.max_tokens)
    return Answer(text, "stop", tokens)


def pieces(text: str, size: int = 3) -> Iterator[str]:
    """Cut a text into the pieces a stream sends: `size` words each, nothing lost."""
    words = re.findall(r"\s*\S+\s*?(?=\s|$)|\s+$", text)
    for start in range(0, len(words), size):
        yield "".join(words[start : start + size])


def right_answer(task: Task, text: str) -> Mapping[str, Any]:
    """Return what a flawless model would answer on a task: the fields found in the text, or the best label."""
    return _remembered_answer(task, text) if len(text) <= _REMEMBERED_CHARACTERS else _right_answer(task, text)


def _right_answer(task: Task, text: str) -> Mapping[str, Any]:
    fields = task.output_fields
    labels = labels_of(task)
    if labels:
        return {next(iter(fields)): best_label(text, labels)}
    if task.scoring_strategy in ("extraction", "contract"):
        dates = [(match.start(), _iso(match)) for match in _DATE.finditer(text)]
        found = {name: find_field(name, schema, text, dates) for name, schema in fields.items()}
        asked = {name for name in fields if name.replace("_", " ") in text.lower()}
        chosen = {name: value for name, value in found.items() if value is not None or name in asked}
        return chosen or dict.fromkeys(fields)
    return {next(iter(fields)): prose(text, lambda _: 0.0)}


# Clients repeat themselves; what long texts say is not kept, so that memory stays bounded.
_REMEMBERED_CHARACTERS = 4_000
_remembered_answer = lru_cache(maxsize=512)(_right_answer)


def labels_of(task: Task) -> tuple[str, ...]:
    """Return a classifier's labels; none for other tasks."""
    for schema in task.output_fields.values():
        if "enum" in schema:
            return tuple(schema["enum"])
    return ()


def rendered(task: Task, value: Mapping[str, Any]) -> str:
    """Return an answer as the model would write it: a bare label or text, or one JSON object."""
    if len(value) == 1 and task.scoring_strategy not in ("extraction", "contract"):
        return str(next(iter(value.values())))
    return _to_json(value)


def find_field(name: str, schema: Mapping[str, Any], text: str, dates: Sequence[tuple[int, str]]) -> Any:
    """Return what a text says about one field of an output schema, or `None`.

    :param dates: where each date of the text stands.
    """
    if schema.get("format") == "date":
        return _date_near(name, text, dates)
    if schema.get("type") == "number":
        amounts = [float(amount.replace(",", "")) for amount in _AMOUNT.findall(text)]
        return next((amount for amount in reversed(amounts) if math.isfinite(amount)), None)
    if name in ("party_a", "party_b"):
        match = _PARTIES.search(text)
        return match[1 if name == "party_a" else 2].strip() if match else None
    if name == "governing_law":
        match = _LAW.search(text)
        return match[1].strip(" .") if match else None
    if name == "currency":
        return next((code for sign, code in _CURRENCY.items() if sign in text), None)
    if name.endswith("_number"):
        match = _NUMBERED.search(text)
        return match[1] if match else None
    return None


def _date_near(name: str, text: str, dates: Sequence[tuple[int, str]]) -> str | None:
    """Return the date that stands nearest behind a word of the field's name; the only date there is, failing that."""
    stem = name.split("_")[0][:6]
    if stem in ("date", "issue"):
        return dates[0][1] if dates else None
    clues = [match.start() for match in re.finditer(re.escape(stem), text, re.I)]
    near = [(at - clue, day) for clue in clues for at, day in dates if 0 <= at - clue < 80]
    return min(near)[1] if near else None


def _iso(match: re.Match[str]) -> str:
    year, month, day, name1, day1, year1, day2, name2, year2 = match.groups()
    if year:
        return f"{year}-{month}-{day}"
    if name1:
        return f"{year1}-{_MONTHS[name1.lower()]:02d}-{int(day1):02d}"
    return f"{year2}-{_MONTHS[name2.lower()]:02d}-{int(day2):02d}"


def best_label(text: str, labels: Sequence[str]) -> str:
    """Return the label whose words a text comes nearest to; the last one, the catch-all, when none fits."""
    words = {word.lower() for word in _WORD.findall(text)}

    def fit(label: str) -> int:
        return sum(any(word.startswith(part[:5]) for word in words) for part in label.split("_"))

    best = max(labels, key=fit)
    return best if fit(best) else labels[-1]


_OPENINGS = (
    "Here is a short answer about {topic}.",
    "Let us look at {topic}.",
    "The main point about {topic} is simple.",
    "{Topic} is best understood step by step.",
)
_MIDDLES = (
    "It rests on {second}, which decides most of the outcome.",
    "Start with {second}, because everything else follows from it.",
    "What matters most is how {second} changes over time.",
    "In practice, {second} is where most of the effort goes.",
)
_ENDINGS = (
    "Keep an eye on {third}, and check the result before you rely on it.",
    "With {third} settled, the rest is routine.",
    "Once {third} is clear, you can move on with confidence.",
    "If {third} is still open, ask a more specific question.",
)


def prose(text: str, roll: Roll) -> str:
    """Return a few coherent sentences about what a text asks.

    The same text and the same rolls give the same text.
    """
    topics = [word.lower() for word in _WORD.findall(text) if word.lower() not in _DULL]
    distinct = list(dict.fromkeys(topics)) or ["the question"]
    first, second, third = (distinct[min(n, len(distinct) - 1)] for n in range(3))
    return " ".join(
        options[int(roll(name) * len(options))].format(
            topic=first, Topic=first.capitalize(), second=second, third=third
        )
        for name, options in (("opening", _OPENINGS), ("middle", _MIDDLES), ("ending", _ENDINGS))
    )
