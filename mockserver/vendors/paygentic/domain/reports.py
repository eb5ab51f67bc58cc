"""The cost report: which costs it is about, and their readings as ranked groups and buckets of time (pure)."""

from __future__ import annotations

import sys
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import ROUND_HALF_UP, Decimal
from typing import Literal, NamedTuple, TypeVar

from mockserver.kernel.errors import InvalidRequest, Problem
from mockserver.kernel.windows import parse_instant
from mockserver.vendors.paygentic.domain.aggregation import Tally, is_usable, quantity
from mockserver.vendors.paygentic.domain.buckets import Window, buckets, refuse_window
from mockserver.vendors.paygentic.domain.costing import Cost
from mockserver.vendors.paygentic.domain.filters import filters_in
from mockserver.vendors.paygentic.domain.json_text import EXACT

BY_COST = "cost"
BY_CUSTOMER = "customer"

OTHER = "__other__"
"""Key of the entry that everything below the top is folded into."""

# Source: paygentic/sdk-0.6.3 "get_cost_report", filter_group_by (documented).
MAX_FILTERS = 5

ADDS_UP: frozenset[str] = frozenset({"SUM", "COUNT"})
"""Aggregations of which the whole is the sum of its parts."""

Sort = Literal["totalCost", "totalQuantity"]

_EARLIEST = parse_instant("0001-01-02T00:00:00Z")
_LARGEST = Decimal(sys.float_info.max)


@dataclass(frozen=True, slots=True)
class ReportQuestion:
    """What a report is asked for.

    :param group_by: `cost`, `customer`, or a dimension of the one cost that is named.
    :param cost_ids: costs to look at, each once; none names all.
    :param filters: text of the JSON object that narrows the dimensions, or `None`.
    :param top: how many groups are told apart; the rest is one entry.
    :param currency: `None` for the merchant's primary one.
    """

    start: int
    end: int
    group_by: str
    merchant_id: str | None = None
    cost_ids: tuple[str, ...] = ()
    subject: str | None = None
    filters: str | None = None
    top: int = 9
    compares: bool = False
    excludes_empty: bool = False
    window: Window | None = None
    sort: Sort = "totalCost"
    is_ascending: bool = False
    offset: int = 0
    limit: int = 25
    currency: str | None = None

    @property
    def before(self) -> tuple[int, int]:
        """The window of equal length that ends where this one starts; there is nothing before the year 1."""
        return max(self.start - (self.end - self.start), _EARLIEST), self.start


@dataclass(frozen=True, slots=True)
class Selection:
    """The costs that a report is about.

    :param filters: dimension -> wanted value; a cost that lacks one of the dimensions measures nothing.
    :param dimensions: those of the one cost that is named, in order; none otherwise.
    :param warnings: what was asked for and cannot be had.
    """

    currency: str
    costs: tuple[Cost, ...]
    filters: Mapping[str, str]
    dimensions: tuple[str, ...]
    warnings: tuple[str, ...]

    @property
    def readable(self) -> tuple[Cost, ...]:
        """The costs that measure something: they have settings to compute with, and every filtered dimension."""
        return tuple([c for c in self.costs if _is_computable(c) and self.filters.keys() <= (c.group_by or {}).keys()])

    @property
    def is_complete(self) -> bool:
        """Whether every cost can be computed."""
        return all(map(_is_computable, self.costs))

    @property
    def unit(self) -> str | None:
        """The unit that all costs share, or `None`."""
        units = {cost.unit for cost in self.costs}
        return units.pop() if len(units) == 1 else None


def _is_computable(cost: Cost) -> bool:
    return cost.aggregation is not None and cost.event_type is not None


def select(question: ReportQuestion, currency: str, live: Iterable[Cost]) -> Selection:
    """Choose the costs that a question is about, and check what it asks of them.

    :param currency: the one wanted, or the merchant's primary one.
    :param live: every cost that was not deleted.
    :raises InvalidRequest: a dimension is named that cannot be, or the filter is faulty.
    :raises Refused: the window is empty, or has too many buckets.

    Source: paygentic/openapi "getCostReport" (documented), warnings (assumed).
    """
    by_id = {cost.id: cost for cost in live}
    costs, warnings = [], []
    for identifier in question.cost_ids or by_id:
        cost = by_id.get(identifier)
        if cost is None:
            warnings.append(f"Cost {identifier} was not found and is left out")
        elif cost.currency == currency:
            costs.append(cost)
            if not _is_computable(cost):
                warnings.append(f"Cost {identifier} has no event type or no aggregation and could not be computed")
        elif question.cost_ids:
            warnings.append(f"Cost {identifier} is in {cost.currency} and is left out of a report in {currency}")
    is_single = len(question.cost_ids) == 1
    known = {name for cost in costs for name in cost.group_by or ()}
    dimensions = tuple(sorted(known)) if is_single else ()
    problems = []
    if question.group_by not in (BY_COST, BY_CUSTOMER, *dimensions):
        message = (
            f"'{question.group_by}' is not a dimension of that cost in {currency}"
            if is_single
            else f"must be '{BY_COST}', '{BY_CUSTOMER}', or a dimension of the cost that exactly one costId names"
        )
        problems.append(Problem(("query", "groupBy"), message, "unknown_key"))
    filters: dict[str, str] = {}
    if question.filters is not None:
        try:
            filters = filters_in(question.filters, known, f"any of these costs in {currency}")
        except InvalidRequest as error:
            problems.extend(error.problems)
    if len(filters) > MAX_FILTERS:
        problems.append(Problem(("query", "filterGroupBy"), f"must not have more than {MAX_FILTERS} keys", "too_long"))
    if problems:
        raise InvalidRequest(*problems)
    refuse_window(question.start, question.end, question.window)
    return Selection(currency, tuple(costs), filters, dimensions, tuple(warnings))


class Amount(NamedTuple):
    """What something cost, and how much of it was used."""

    cost: Decimal = Decimal(0)
    quantity: Decimal = Decimal(0)

    def plus(self, other: Amount) -> Amount:
        """Return both together."""
        return Amount(EXACT.add(self.cost, other.cost), EXACT.add(self.quantity, other.quantity))

    @property
    def is_empty(self) -> bool:
        """Whether there is neither cost nor usage."""
        return not self.cost and not self.quantity


NOTHING = Amount()

Reading = tuple[str, int, Tally]
"""Key of a group, start of a bucket (0 without a window), and what was read there; a place may come twice."""

Measured = Iterable[tuple[Cost, Iterable[Reading]]]
"""What each cost measured in a window of time."""


@dataclass(frozen=True, slots=True)
class Prior:
    """What a group cost in the window before.

    :param change: per cent, or `None` when it cost nothing.
    """

    cost: Decimal
    change: Decimal | None


@dataclass(frozen=True, slots=True)
class ReportGroup:
    """One group, or everything below the top.

    :param percent: its share of the total cost, two decimals.
    """

    key: str
    amount: Amount
    percent: Decimal
    unit: str | None
    prior: Prior | None = None
    is_other: bool = False


@dataclass(frozen=True, slots=True)
class ReportBucket:
    """What each group of a report cost in one bucket of time."""

    start: int
    end: int
    costs: Mapping[str, Decimal]


@dataclass(frozen=True, slots=True)
class Report:
    """What costs came to, in groups.

    :param groups: those of the page, best first, the rest last.
    :param matching: how many groups were ranked.
    :param group_count: how many groups there are, empty ones included.
    :param empty_count: how many of them are empty, `None` when a cost could not be computed.
    :param is_empty: whether nothing was found.
    :param top: keys of the groups that are told apart, on whatever page they are.
    :param series: what the groups of the page cost in each bucket of time.
    :param labels: what groups are called, by key; whichever is not in it is called by its key.
    :param extent: first and last instant at which there is something, when nothing was found here.
    """

    question: ReportQuestion
    selection: Selection
    total: Amount
    groups: tuple[ReportGroup, ...]
    top: tuple[str, ...]
    matching: int
    group_count: int
    empty_count: int | None
    is_empty: bool
    series: tuple[ReportBucket, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    extent: tuple[int, int] | None = None


def compiled(question: ReportQuestion, selection: Selection, measured: Measured, before: Measured) -> Report:
    """Rank groups, keep the top, fold the rest, and cut out the page that is wanted; see `with_series`.

    :param measured: what each readable cost measured, by group; `before` likewise, in the prior window.

    Source: paygentic/sdk-0.6.3 "get_cost_report" (documented), ties, and that paging comes last (assumed).
    """
    costs = {cost.id: cost for cost in selection.costs} if question.group_by == BY_COST else {}
    found = _by_group(measured, dict.fromkeys(costs, NOTHING))
    empty = sum(amount.is_empty for amount in found.values())
    total = _together(found.values())
    ranked = _ranked(question, found)
    if question.excludes_empty and selection.is_complete:
        ranked = [key for key in ranked if not found[key].is_empty]
    top, rest = ranked[: question.top], ranked[question.top :]
    prior = _by_group(before, {}) if question.compares else None

    def group(key: str, keys: Sequence[str], unit: str | None, *, is_other: bool = False) -> ReportGroup:
        amount = _together([found[each] for each in keys])
        then = None if prior is None else _together([prior.get(each, NOTHING) for each in keys]).cost
        compared = None if then is None else Prior(then, _change(amount.cost, then))
        return ReportGroup(key, amount, _percent(amount.cost, total.cost), unit, compared, is_other)

    groups = [group(key, [key], costs[key].unit if key in costs else selection.unit) for key in top]
    if rest:
        groups.append(group(OTHER, rest, selection.unit, is_other=True))
    return Report(
        question, selection, total, tuple(groups[question.offset : question.offset + question.limit]), tuple(top),
        matching=len(ranked), group_count=len(found), empty_count=empty if selection.is_complete else None,
        is_empty=empty == len(found),
    )  # fmt: skip


def with_series(report: Report, measured: Measured, everybody: Measured = (), *, fill: bool = False) -> Report:
    """Return a report with what its groups cost in each bucket in which any group has something.

    :param measured: what each readable cost measured, by group and bucket; only the top groups matter of a cost that is
        in `everybody`.
    :param everybody: what costs that add up measured in each bucket, all groups together: what the top ones do not
        account for is the rest's. That spares telling apart those that are folded.
    :param fill: whether buckets in which nothing happened are shown.

    Source: paygentic/sdk-0.6.3 "get_cost_report" (documented), zeros and left out buckets (assumed).
    """
    question, top = report.question, frozenset(report.top)
    assert question.window is not None
    nothing = {group.key: Decimal(0) for group in report.groups}
    found: dict[int, dict[str, Decimal]] = {}

    def enter(key: str, start: int, amount: Decimal) -> None:
        costs = found.setdefault(start, dict(nothing))
        if key in costs:
            costs[key] = EXACT.add(costs[key], amount)

    whole = set()
    for cost, start, _, amount in _amounts(everybody):
        whole.add(cost.id)
        enter(OTHER, start, amount.cost)
    for cost, start, key, amount in _amounts(measured):
        enter(key if key in top else OTHER, start, amount.cost)
        if cost.id in whole:
            enter(OTHER, start, EXACT.minus(amount.cost))
    series = [
        ReportBucket(start, end, found.get(start, nothing))
        for start, end in buckets(question.start, question.end, question.window)
        if fill or start in found
    ]
    return replace(report, series=tuple(series))


P = TypeVar("P", bound=Hashable)


def _folded(readings: Iterable[tuple[P, Tally]]) -> dict[P, Tally]:
    """Return one tally for each place.

    Most places have one anyway, and there may be very many: those are passed on and not copied.
    """
    found: dict[P, Tally] = {}
    own: set[P] = set()
    for place, tally in readings:
        known = found.get(place)
        if known is None:
            found[place] = tally
        elif place in own:
            known.add(tally)
        else:
            own.add(place)
            found[place] = total = Tally()
            total.add(known)
            total.add(tally)
    return found


def _amount(cost: Cost, tally: Tally) -> Amount | None:
    """Return what a tally comes to, or `None` when there is nothing to go by."""
    assert cost.aggregation is not None
    has_path = cost.value_property is not None
    amount = quantity(cost.aggregation, tally, has_path=has_path)
    if amount is None or not is_usable(cost.aggregation, tally, has_path=has_path):
        return None
    return Amount(EXACT.multiply(amount, cost.unit_cost), amount)


def _amounts(measured: Measured) -> Iterator[tuple[Cost, int, str, Amount]]:
    """Yield what each cost came to in each bucket and group, where there is something to go by."""
    for cost, readings in measured:
        for (key, start), tally in _folded(((key, start), tally) for key, start, tally in readings).items():
            amount = _amount(cost, tally)
            if amount is not None:
                yield cost, start, key, amount


def _by_group(measured: Measured, groups: Mapping[str, Amount]) -> dict[str, Amount]:
    """Add up what each group came to.

    :param groups: those that are there in any case.
    """
    found = dict(groups)
    for cost, readings in measured:
        for key, tally in _folded((key, tally) for key, _, tally in readings).items():
            amount = _amount(cost, tally) or NOTHING
            known = found.get(key)
            found[key] = amount if known is None else known.plus(amount)
    return found


def _together(amounts: Iterable[Amount]) -> Amount:
    total = NOTHING
    for amount in amounts:
        total = total.plus(amount)
    return total


def _ranked(question: ReportQuestion, found: Mapping[str, Amount]) -> list[str]:
    """Return the groups' keys, best first; equal ones by key."""

    def worth(key: str) -> Decimal:
        return found[key].cost if question.sort == "totalCost" else found[key].quantity

    return sorted(sorted(found), key=worth, reverse=not question.is_ascending)


def _percent(part: Decimal, whole: Decimal) -> Decimal:
    if not whole:
        return Decimal(0)
    share = _writable(EXACT.multiply(EXACT.divide(part, whole), Decimal(100)))
    return share.quantize(Decimal("0.01"), ROUND_HALF_UP, EXACT)


def _change(now: Decimal, then: Decimal) -> Decimal | None:
    if not then:
        return None
    return _writable(EXACT.multiply(EXACT.divide(EXACT.subtract(now, then), then), Decimal(100)))


def _writable(ratio: Decimal) -> Decimal:
    """Return the nearest number a double can hold: sums always fit, a ratio of two of them may not."""
    return max(-_LARGEST, min(ratio, _LARGEST))
