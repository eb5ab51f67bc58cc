"""Tools: which of the functions a request brings along are to be called, and from which words their arguments come."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mockserver.vendors.pareta.domain.formats import words_of
from mockserver.vendors.pareta.domain.generation import Choice, Tool
from mockserver.vendors.pareta.domain.reading import KINDS, keywords

MAX_CALLS = 8
"""How many calls one answer makes at most."""

_CLAUSES = re.compile(
    r"(?<=[.!?;])\s+|\n+|,?\s+(?:and then|and also|then|and)\s+(?=(?:what|how|where|when|who)\b|(?:please |also )?"
    r"(?:[a-z]{2,12}\s+(?:the|a|an|my|me|our|all|it|for|in|to|what|how|up|[A-Z0-9])))"
    r"|,\s+(?=(?:what|how|where|when|who)\b)",
)
_ORDERS = re.compile(
    r"^(?:please |can you |could you |would you |now |then |also |next )*"
    r"(?:list|run|find|search|open|read|write|create|delete|remove|send|book|fetch|check|get|look|show|calculate|compute|"
    r"call|use|add|update|set|execute|install|start|stop|schedule|remind|order|cancel|query|load|save|download|upload|"
    r"turn|play|convert|translate|edit|fix|build|test|deploy|move|copy|rename|count|inspect|summari[sz]e the)\b",
    re.I,
)
_TOOL_ASKED = re.compile(
    r"\b(?:use|call|invoke|with) (?:the |your |a |an )?(?:[\w-]{1,40} )?(?:tools?|functions?)\b", re.I
)
_NAME = r"[A-Z][\w'-]{0,40}(?: [A-Z][\w'-]{0,40}){0,2}"
_SERIES = re.compile(rf"(?<![\w'])({_NAME})((?:, {_NAME}){{0,6}}),? (?:and|&) ({_NAME})")
_SPANS = re.compile(r"\b(?:between|from)\s+$", re.I)
_MAX_READ = 8_000
_MAX_CLAUSES = 63
# So much must a text speak of a tool for it to be called: one word of its name, or two of what it does.
_TELLING = 2
_NEUTRAL = frozenset(
    "get set fetch find call run use tool function data info information api item items value values".split()
)


@dataclass(frozen=True, slots=True)
class Plan:
    """A call to be made.

    :param words: the part of the request it comes from.
    """

    tool: Tool
    words: str


def planned(tools: Sequence[Tool], choice: Choice, request: str) -> list[Plan]:
    """Return the calls a request is answered with; none if it is to be answered in words.

    :param request: the last user message.
    """
    usable = [tool for tool in tools if not choice.names or tool.name in choice.names]
    if choice.mode == "none" or not usable:
        return []
    known = [(tool, _Words(tool)) for tool in usable]
    plans: list[Plan] = []
    for clause in _CLAUSES.split(request[:_MAX_READ], maxsplit=_MAX_CLAUSES):
        best, fit = _best(known, clause)
        if clause.strip() and fit >= _TELLING:
            plans += [Plan(best, words) for words in _each(best, clause)]
    if not plans and (choice.mode == "required" or is_order(request)):
        best, _ = _best(known, request[:_MAX_READ])
        plans = [Plan(best, words) for words in _each(best, request)]
    distinct = list({(plan.tool.name, plan.words): plan for plan in plans}.values())
    return distinct[: MAX_CALLS if choice.is_parallel else 1]


class _Words:
    """What a tool is spoken of with: the words of its name weigh most."""

    def __init__(self, tool: Tool) -> None:
        neutral = {_stem(word) for word in _NEUTRAL}
        self.named = {_stem(word) for word in words_of(tool.name) if len(word) > 2} - neutral
        self.described = {_stem(word) for word in keywords(tool.description[:_MAX_READ])} - self.named - neutral
        members = {_stem(word) for name in _members(tool) for word in words_of(name)}
        self.members = members - self.named - self.described


def _best(known: Sequence[tuple[Tool, _Words]], text: str) -> tuple[Tool, int]:
    """Return the tool a text speaks of most, and how much."""
    stems = {_stem(word) for word in keywords(text)}
    fits = [3 * len(w.named & stems) + len(w.described & stems) + len(w.members & stems) for _, w in known]
    fit = max(fits)
    return known[fits.index(fit)][0], fit


def is_order(text: str) -> bool:
    """Whether a text tells somebody to do something, rather than to explain it."""
    return _ORDERS.match(text.strip()[:200]) is not None or _TOOL_ASKED.search(text[:4_000]) is not None


def _members(tool: Tool) -> list[str]:
    members = tool.parameters.get("properties")
    return [name for name in members if isinstance(name, str)] if isinstance(members, Mapping) else []


def _stem(word: str) -> str:
    return word[:5]


def _each(tool: Tool, clause: str) -> list[str]:
    """Return a clause once for each of the names it lists, if the tool takes one at a time."""
    series = _SERIES.search(clause)
    if series is None or _SPANS.search(clause[: series.start()]) or not _takes_one_name(tool):
        return [clause]
    names = [series[1], *(name.strip() for name in series[2].split(",") if name.strip()), series[3]]
    return [clause[: series.start()] + name + clause[series.end() :] for name in names]


def _takes_one_name(tool: Tool) -> bool:
    members = tool.parameters.get("properties")
    if not isinstance(members, Mapping):
        return False
    kinds = KINDS["place"] | KINDS["person"] | KINDS["firm"]
    named = [
        name for name, schema in members.items()
        if kinds & set(words_of(name)) and isinstance(schema, Mapping) and schema.get("type") == "string"
    ]  # fmt: skip
    return len(named) == 1
