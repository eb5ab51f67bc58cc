"""What came out of a check: taken in one interaction after the other, and kept so that it does not grow with them.

The same difference in any number of interactions of an operation is one, with its count and the first of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from mockserver.cassettes.finding import Difference, Grade, Kind, cut
from mockserver.cassettes.ignoring import Rule, Rules

Json = dict[str, Any]

Outcome = Literal["same", "differs", "ignored", "not comparable", "not simulated"]
OUTCOMES: tuple[Outcome, ...] = ("same", "differs", "ignored", "not comparable", "not simulated")
GRADES: tuple[Grade, ...] = ("breaking", "additive", "value")
"""Worst first."""

FORMAT = 1
"""Of the report for programs; a report that cannot be read as one of this format says a higher one."""

MAX_FOUND = 2_000
"""Differences that are told apart; further ones are only counted."""
MAX_DETAILS = 1_000
"""Interactions that are named one by one; only those of which there is something to say."""
MAX_CASES = 5_000
"""Operations of cassettes that are told apart in JUnit reports."""
MAX_CASSETTES = 2_000
MAX_REASONS = 500

_TOLD_BY_VALUE: frozenset[Kind] = frozenset(("status", "enum", "header", "type", "format", "body"))
"""Kinds of differences that are others where other values differ."""

OTHERS = "(others)"


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


@dataclass(slots=True)
class Found:
    """One difference, in however many interactions.

    :param example: the first of it.
    :param interactions: how many have it; `times` counts every place in them.
    :param first: where it was met first.
    :param rule: that makes it not count.
    """

    operation: str
    example: Difference
    first: str
    rule: Rule | None
    interactions: int = 0
    times: int = 0


@dataclass(slots=True)
class Passed:
    """Interactions that were not compared, for one reason."""

    outcome: Outcome
    operation: str
    reason: str
    first: str
    interactions: int = 0


@dataclass(slots=True)
class Case:
    """What became of an operation's interactions in one cassette.

    :param found: differences that count.
    """

    cassette: str
    operation: str
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    found: list[Found] = field(default_factory=list)
    reason: str = ""


class Verdict:
    """What came out of a check.

    :param rules: about differences that do not count.
    :ivar coverage: every documented operation; set once all interactions are in.
    :ivar outcomes: how many interactions had each.
    :ivar left_out: how many of what is kept within bounds were not kept, by what it is.
    """

    def __init__(self, rules: Rules | None = None) -> None:
        self.rules = rules or Rules()
        self.coverage: Sequence[Covered] = ()
        self.outcomes: Counter[Outcome] = Counter()
        self.cassettes: dict[str, Counter[Outcome]] = {}
        self.details: list[Json] = []
        self.left_out: Counter[str] = Counter()
        self._found: dict[tuple[Any, ...], Found] = {}
        self._passed: dict[tuple[Outcome, str, str], Passed] = {}
        self._cases: dict[tuple[str, str], Case] = {}
        self._used: Counter[int] = Counter()

    def add(self, judged: Judged) -> Outcome:
        """Take in an interaction, and return what it counts as."""
        # Names of files are anybody's.
        judged = replace(
            judged, place=cut(judged.place, 200), method=cut(judged.method, 20), operation=cut(judged.operation, 120)
        )
        founds = [] if judged.reason or not judged.is_simulated else self._take_in(judged)
        counting = [found for found in founds if found is None or found.rule is None]
        outcome: Outcome = "differs" if counting else "ignored" if founds else "same"
        if not judged.is_simulated:
            outcome = "not simulated"
        elif judged.reason:
            outcome = "not comparable"
        self.outcomes[outcome] += 1
        self._of_cassette(judged.cassette)[outcome] += 1
        case = self._case(judged)
        case.outcomes[outcome] += 1
        case.reason = case.reason or judged.reason
        known = {id(found) for found in case.found}
        case.found += [found for found in counting if found is not None and id(found) not in known]
        if outcome in ("not comparable", "not simulated"):
            self._pass(judged, outcome)
        if outcome != "same":
            self._note(judged, outcome)
        return outcome

    @property
    def is_clean(self) -> bool:
        """Whether no difference was found that counts."""
        return not self.outcomes["differs"]

    @property
    def checked(self) -> int:
        """How many interactions were taken in."""
        return self.outcomes.total()

    @property
    def sums(self) -> Mapping[Grade, int]:
        """How many differences that count there are of each grade."""
        sums = Counter(found.example.grade for found in self._found.values() if found.rule is None)
        return {grade: sums[grade] + self.left_out[grade] for grade in GRADES}

    def found(self, *, is_ignored: bool = False) -> list[Found]:
        """Return the differences that count, or those that do not; worst and most frequent first."""
        chosen = [found for found in self._found.values() if (found.rule is not None) == is_ignored]
        return sorted(chosen, key=lambda each: (GRADES.index(each.example.grade), -each.interactions))

    def passed(self, outcome: Outcome) -> list[Passed]:
        """Return what was not compared, most frequent first."""
        return sorted(
            (each for each in self._passed.values() if each.outcome == outcome), key=lambda each: -each.interactions
        )

    @property
    def cases(self) -> Iterable[Case]:
        """Operations by cassette, in order of their first interaction."""
        return self._cases.values()

    @property
    def unused(self) -> list[Rule]:
        """Rules that count and met nothing."""
        return [rule for rule in self.rules.rules if not self._used[id(rule)]]

    def uses(self, rule: Rule) -> int:
        """Return how many interactions' differences a rule was the first to be about."""
        return self._used[id(rule)]

    @property
    def uncovered(self) -> list[Covered]:
        """Documented operations of which there is no interaction."""
        return [each for each in self.coverage if not each.interactions]

    def text(self) -> str:
        """Return the report for people."""
        from mockserver.cassettes.reports import text

        return text(self)

    def json(self) -> Json:
        """Return the report for programs, as `reports` describes it."""
        from mockserver.cassettes.reports import json_report

        return json_report(self)

    def junit(self) -> bytes:
        """Return the report as JUnit XML."""
        from mockserver.cassettes.reports import junit

        return junit(self)

    def _take_in(self, judged: Judged) -> list[Found | None]:
        """Return what the differences of an interaction are among those of all; `None` for those not told apart."""
        founds: list[Found | None] = []
        for difference in judged.differences:
            rule = self.rules.match(difference, judged.operation, judged.cassette, judged.status)
            if rule is not None:
                self._used[id(rule)] += 1
            values = (difference.recorded, difference.simulated) if difference.kind in _TOLD_BY_VALUE else ()
            key = (judged.operation, difference.kind, difference.grade, difference.where, id(rule), *values)
            found = self._found.get(key)
            if found is None:
                if len(self._found) == MAX_FOUND:
                    if rule is None:
                        self.left_out[difference.grade] += 1
                        founds.append(None)
                    continue
                found = self._found[key] = Found(judged.operation, difference, judged.place, rule)
            found.interactions += 1
            found.times += difference.count
            founds.append(found)
        return founds

    def _of_cassette(self, path: str) -> Counter[Outcome]:
        if path not in self.cassettes and len(self.cassettes) >= MAX_CASSETTES:
            path = OTHERS
        return self.cassettes.setdefault(path, Counter())

    def _case(self, judged: Judged) -> Case:
        key = (judged.cassette, judged.operation)
        if key not in self._cases and len(self._cases) >= MAX_CASES:
            key = (OTHERS, OTHERS)
        return self._cases.setdefault(key, Case(*key))

    def _pass(self, judged: Judged, outcome: Outcome) -> None:
        reason = cut(judged.reason, 200)
        operation = judged.operation or judged.method
        key = (outcome, operation, reason)
        passed = self._passed.get(key)
        if passed is None:
            if len(self._passed) == MAX_REASONS:
                self.left_out["not_compared"] += 1
                return
            passed = self._passed[key] = Passed(outcome, operation, reason, judged.place)
        passed.interactions += 1

    def _note(self, judged: Judged, outcome: Outcome) -> None:
        if len(self.details) == MAX_DETAILS:
            self.left_out["details"] += 1
            return
        self.details.append(
            {
                "place": judged.place,
                "method": judged.method,
                "path": cut(judged.path, 120),
                "operation": judged.operation or None,
                "status": judged.status,
                "outcome": outcome,
                "reason": cut(judged.reason, 200) or None,
                "differences": [
                    {"kind": each.kind, "grade": each.grade, "where": each.where} for each in judged.differences[:50]
                ],
            }
        )
