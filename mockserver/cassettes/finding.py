"""What a difference is, and a place where they are collected, each cause once."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import Any, Literal

Grade = Literal["breaking", "additive", "value"]
"""How much a difference matters, worst first: a client that was tested on the simulator fails in reality; reality has
more than the simulator; both are of one form, and say different things.
"""

Kind = Literal[
    "status",
    "header",
    "body",
    "missing_field",
    "new_field",
    "type",
    "null",
    "format",
    "enum",
    "number",
    "boolean",
    "instant",
    "id",
    "keys",
    "length",
    "order",
    "missing_event",
    "new_event",
]

MAX_DIFFERENCES = 500
"""Of one answer; one that has more has nothing to do with the other."""

MAX_NAME = 60
"""Characters of a name or value that a report shows."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One way in which an answer of the simulator is not what was recorded.

    :param where: a path in the body, such as `$.choices[].finish_reason`, with `[]` for any item of a list and `.*` for
        any value of a map; `events[KIND].choices[].delta` for what is in the events of a stream, and `events` for the
        stream itself; a header's name in lower case; `status`, or `body`.
    :param recorded: a short text of what reality had there, empty where it had nothing.
    :param simulated: likewise of what the simulator had.
    :param note: what else is known, for people.
    :param count: how often it is in this one answer.
    """

    kind: Kind
    grade: Grade
    where: str
    recorded: str = ""
    simulated: str = ""
    note: str = ""
    count: int = 1


class Findings:
    """Differences of one answer, so many at most; those of one kind at one place are one."""

    def __init__(self) -> None:
        self._found: dict[tuple[Kind, Grade, str], Difference] = {}
        self._counts: Counter[tuple[Kind, Grade, str]] = Counter()

    def add(
        self, kind: Kind, grade: Grade, where: str, recorded: str = "", simulated: str = "", note: str = ""
    ) -> None:
        """Take in a difference."""
        key = (kind, grade, where)
        if key not in self._found:
            if len(self._found) == MAX_DIFFERENCES:
                return
            self._found[key] = Difference(kind, grade, where, recorded, simulated, note)
        self._counts[key] += 1

    def add_once(
        self, kind: Kind, grade: Grade, where: str, recorded: str = "", simulated: str = "", note: str = ""
    ) -> None:
        """Take in a difference, unless it is there."""
        if (kind, grade, where) not in self._found:
            self.add(kind, grade, where, recorded, simulated, note)

    def differences(self) -> list[Difference]:
        """Return them in the order they were found."""
        return [replace(each, count=self._counts[key]) for key, each in self._found.items()]


def cut(text: str, length: int = MAX_NAME) -> str:
    """Return a text without control characters, and not longer than can be shown."""
    text = text if len(text) <= length else f"{text[: length - 1]}…"
    return text if text.isprintable() else "".join(each if each.isprintable() else "�" for each in text)


Type = Literal["null", "boolean", "number", "text", "list", "object"]


def type_of(value: Any) -> Type:
    """Return which of JSON's types a value is of."""
    if isinstance(value, str):
        return "text"
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, dict):
        return "object"
    return "list" if isinstance(value, list) else "number"


def sketched(value: Any) -> str:
    """Return what a value is, without what a text or an object says: that may be anybody's secret."""
    kind = type_of(value)
    if kind in ("number", "boolean"):
        return cut(
            f"{value}".lower() if kind == "boolean" else f"{value:.12g}" if isinstance(value, float) else f"{value}"
        )
    if kind == "object" and value:
        names = list(value)
        return f"object with {', '.join(cut(name, 24) for name in names[:4])}{', …' if len(names) > 4 else ''}"
    return f"list of {len(value)}" if kind == "list" else kind
