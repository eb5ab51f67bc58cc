"""Differences that somebody decided to live with: rules in a YAML file.

A file is a list of rules:

    - reason: our tokens are counted by another tokenizer     # required: why it is all right
      operation: pareta.chat.*                                # a glob, with or without the vendor
      where: $.usage.*                                        # a glob; `[]` stands for itself
      kind: number
      grade: value
      cassette: chat.yaml                                     # a glob; without `/` of the file's name
      status: 200                                             # that was recorded
      until: 2027-01-31                                       # the last day on which it counts

A rule says at least one thing besides its reason, and is about the differences of which all it says is true.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from mockserver.cassettes.finding import Difference, Grade, Kind
from mockserver.kernel.errors import Unusable

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

MAX_BYTES = 256 * 1024


class FaultyRules(Unusable):
    """A file of rules says something that cannot be; `lines` are `file:line: fault`."""

    def __init__(self, lines: Sequence[str]) -> None:
        self.lines = list(lines)
        super().__init__("; ".join(lines))


@dataclass(frozen=True, slots=True)
class Rule:
    """One decision. Patterns are globs, of which only `*` and `?` mean anything but themselves.

    :param reason: why it is all right.
    :param until: the last day on which it counts.
    :param line: of the file it stands in.
    """

    reason: str
    operation: str = "*"
    where: str = "*"
    kind: Kind | None = None
    grade: Grade | None = None
    cassette: str = "*"
    status: int | None = None
    until: date | None = None
    line: int = 0

    def matches(self, difference: Difference, operation: str, cassette: str, status: int) -> bool:
        """Return whether the rule is about a difference.

        :param operation: its name, with the vendor; empty where there is none.
        :param cassette: path of the file.
        :param status: that was recorded.
        """
        return (
            (self.kind is None or self.kind == difference.kind)
            and (self.grade is None or self.grade == difference.grade)
            and (self.status is None or self.status == status)
            and _is_like(difference.where, self.where)
            and (_is_like(operation, self.operation) or _is_like(operation.partition(".")[2], self.operation))
            and _is_file(cassette, self.cassette)
        )

    def __str__(self) -> str:
        """Return what the rule is about, as the file says it."""
        said = {
            "operation": "" if self.operation == "*" else self.operation,
            "where": "" if self.where == "*" else self.where,
            "kind": self.kind,
            "grade": self.grade,
            "cassette": "" if self.cassette == "*" else self.cassette,
            "status": self.status,
        }
        return ", ".join(f"{name} {value}" for name, value in said.items() if value)


@dataclass(frozen=True, slots=True)
class Rules:
    """All rules of a file.

    :param path: what to call the file in messages; empty for none.
    :param rules: those that count.
    :param expired: those that no longer do.
    """

    path: str = ""
    rules: Sequence[Rule] = ()
    expired: Sequence[Rule] = ()

    def match(self, difference: Difference, operation: str, cassette: str, status: int) -> Rule | None:
        """Return the first rule that is about a difference, if there is one."""
        return next((rule for rule in self.rules if rule.matches(difference, operation, cassette, status)), None)


@lru_cache(maxsize=1024)
def _pattern(glob: str) -> re.Pattern[str]:
    first, *rest = ["".join("." if each == "?" else re.escape(each) for each in part) for part in glob.split("*")]
    if not rest:
        return re.compile(first)
    # What stands between two stars is taken where it is found first: no other place leaves more for the rest.
    middle = "".join(f"(?>.*?{part})" for part in rest[:-1] if part)
    return re.compile(f"{first}{middle}.*{rest[-1]}")


def _is_like(text: str, glob: str) -> bool:
    return glob == "*" or _pattern(glob).fullmatch(text) is not None


def _is_file(path: str, glob: str) -> bool:
    name = path.replace("\\", "/")
    if "/" not in glob:
        return _is_like(name.rpartition("/")[2], glob)
    return _is_like(name, glob) or _is_like(name, f"*/{glob.removeprefix('./')}")


def load(path: Path, today: date) -> Rules:
    """Read a file of rules.

    :param today: rules that ended before it no longer count.
    :raises FaultyRules: it is none.
    :raises Unusable: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise Unusable(f"cannot read {path}: {error.strerror}") from None
    if len(content) > MAX_BYTES:
        raise FaultyRules([f"{path}:1: too large for rules: {MAX_BYTES} bytes are the most"])
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unusable(f"cannot read {path}: it is not UTF-8 text, as byte {error.start + 1} shows") from None
    return parse(text, str(path), today)


def parse(text: str, path: str, today: date) -> Rules:
    """Read rules.

    :param path: what to call the file in messages.
    :raises FaultyRules: they are none.
    """
    from pydantic import TypeAdapter, ValidationError

    from mockserver.cassettes.rules import RulePart
    from mockserver.simulation.script import FaultyScript, read_document

    try:
        data, source, repeated = read_document(text, path)
    except FaultyScript as error:
        raise FaultyRules(error.lines) from None
    if data is None:
        return Rules(path)
    if not isinstance(data, list):
        raise FaultyRules([f"{path}:{source.line(())}: must be a list of rules, each beginning with `- reason: ...`"])
    faults = [(line, f"{path}:{line}: {message}") for line, message in repeated]
    try:
        parts = TypeAdapter(list[RulePart]).validate_python(data)
    except ValidationError as error:
        parts = []
        faults += [(source.line(each["loc"]), source.fault(each["loc"], _told(each))) for each in error.errors()]
    if faults:
        raise FaultyRules([message for _, message in sorted(faults)])
    rules = [part.rule(source.line((n,))) for n, part in enumerate(parts)]
    expired = [rule for rule in rules if rule.until is not None and rule.until < today]
    return Rules(path, tuple(rule for rule in rules if rule not in expired), tuple(expired))


def _told(error: ErrorDetails) -> str:
    from mockserver.cassettes.rules import RulePart
    from mockserver.simulation.script import told, unknown_key

    if error["type"] == "extra_forbidden":
        return unknown_key(str(error["loc"][-1]), list(RulePart.model_fields))
    name = error["loc"][-1]
    if error["type"] == "literal_error" and name in ("kind", "grade"):
        return f"must be one of {', '.join(get_args(Kind if name == 'kind' else Grade))}"
    return told(error)
