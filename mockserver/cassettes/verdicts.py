"""What came out of a check, and the reports of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from mockserver.cassettes.differences import Difference
from mockserver.cassettes.ignoring import Rules

Json = dict[str, Any]

Outcome = Literal["same", "differs", "ignored", "not comparable", "not simulated"]


@dataclass(frozen=True, slots=True)
class Judged:
    """One interaction that was checked.

    :param cassette: path of its file.
    :param place: where it is, for messages: `chat.yaml, interaction 3`.
    :param operation: its name, with the vendor; empty where none answers such a request.
    :param status: that was recorded.
    :param reason: why it cannot be compared, or is not simulated; empty where it was compared.
    :param is_simulated: whether the simulator has such an operation.
    """

    cassette: str
    place: str
    method: str
    path: str
    operation: str
    status: int
    differences: Sequence[Difference] = ()
    reason: str = ""
    is_simulated: bool = True


@dataclass(frozen=True, slots=True)
class Covered:
    """A documented operation, and how many interactions there are of it.

    :param operation: its name, with the vendor.
    """

    operation: str
    method: str
    path: str
    interactions: int


class Verdict:
    """Takes in one interaction after the other and keeps what a report says; what it keeps is bounded.

    :param rules: about differences that are not counted.
    """

    def __init__(self, rules: Rules | None = None) -> None:
        raise NotImplementedError

    coverage: Sequence[Covered]
    """Every documented operation; set once all interactions are in."""

    def add(self, judged: Judged) -> Outcome:
        """Take in an interaction, and return what it counts as."""
        raise NotImplementedError

    @property
    def is_clean(self) -> bool:
        """Whether no difference was found that is not ignored."""
        raise NotImplementedError

    def text(self) -> str:
        """Return the report for people."""
        raise NotImplementedError

    def json(self) -> Json:
        """Return the report for programs."""
        raise NotImplementedError

    def junit(self) -> bytes:
        """Return the report as JUnit XML."""
        raise NotImplementedError
