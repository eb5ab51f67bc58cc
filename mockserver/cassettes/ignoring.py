"""Differences that somebody decided to live with: rules in a YAML file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from mockserver.cassettes.differences import Difference, Grade, Kind


@dataclass(frozen=True, slots=True)
class Rule:
    """One decision. Patterns are globs; `[]` in them stands for itself.

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
        :param cassette: path of the file; a pattern without `/` is about its name.
        :param status: that was recorded.
        """
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Rules:
    """All rules of a file.

    :param path: what to call the file in messages; empty for none.
    :param expired: rules that no longer count.
    """

    path: str = ""
    rules: Sequence[Rule] = ()
    expired: Sequence[Rule] = ()

    def match(self, difference: Difference, operation: str, cassette: str, status: int) -> Rule | None:
        """Return the first rule that is about a difference, if there is one."""
        raise NotImplementedError


def load(path: Path, today: date) -> Rules:
    """Read a file of rules.

    :raises FaultyRules: it is none; its lines are `file:line: fault`.
    """
    raise NotImplementedError
