"""Revenue: what was billed in a window of time, less what was refunded in it, both without tax (pure).

Source: paygentic/sdk-0.6.3 "Revenue.get" (sdk): invoices count whatever became of them, payments are shown beside
revenue, amounts of invoices and of refunds are shown with tax.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from typing import Literal

from mockserver.kernel.windows import DAY, HOUR, WEEK
from mockserver.vendors.paygentic.domain.buckets import MAX_BUCKETS
from mockserver.vendors.paygentic.domain.errors import Refused
from mockserver.vendors.paygentic.domain.json_text import EXACT

Width = Literal["hour", "day", "week"]
GroupBy = Literal["plan", "customer", "currency"]
Basis = Literal["issued", "billingPeriod"]
Kind = Literal["issued", "written_off", "refund", "payment"]

KINDS: tuple[Kind, ...] = ("issued", "written_off", "refund", "payment")
BILLED: tuple[Kind, ...] = ("issued", "refund")
"""The kinds that revenue is made of."""

WIDTHS: dict[Width, int] = {"hour": HOUR, "day": DAY, "week": WEEK}
MOST_GROUPS: dict[GroupBy, int] = {"plan": 5, "customer": 25}
"""How many groups are told apart. Source: paygentic/sdk-0.6.3 "Revenue.get", parameter group_by (sdk)."""

OTHER = "other"
"""Key of the group that what is not told apart is in."""

A_MONDAY = 4 * DAY
"""Weeks begin on Mondays, and this is one; days and hours begin there too."""

_CENT = Decimal("0.01")


def cents(value: Decimal) -> Decimal:
    """Round half up to two places, the one rounding there is; never a negative zero."""
    rounded = value.quantize(_CENT, ROUND_HALF_UP, EXACT)
    return rounded if rounded else _CENT - _CENT


def bucket_of(at: int, width: Width) -> int:
    """Return the start of the UTC hour, day or week that holds an instant."""
    return at - (at - A_MONDAY) % WIDTHS[width]


def starts_of(start: int, end: int, width: Width) -> range:
    """Return the starts of the buckets that touch the half-open window [start, end)."""
    return range(bucket_of(start, width), end, WIDTHS[width])


def refuse_span(start: int, end: int, width: Width, names: tuple[str, str]) -> None:
    """Refuse a window of time that is empty, or that would have too many buckets.

    :param names: what the request calls its two ends.
    :raises Refused: it is.
    """
    if start >= end:
        raise Refused(f"{names[0]} must be before {names[1]}")
    if len(starts_of(start, end, width)) > MAX_BUCKETS:
        raise Refused(f"the window holds more than {MAX_BUCKETS} {width} buckets")


@dataclass(frozen=True, slots=True)
class Scope:
    """Which invoices, and from when.

    :param by_period: whether everything counts where its invoice's billing period starts, and not when it happened.
    :param customer_ids: only these, unless `None`; likewise `currency`.
    :param subscription_ids: only these, unless there are none.
    """

    start: int
    end: int
    currency: str | None = None
    customer_ids: Sequence[str] | None = None
    subscription_ids: Sequence[str] = ()
    by_period: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """Invoices, write-offs, refunds or payments that are not to be told apart, added up.

    :param bucket: start of the bucket of time they count in, or 0 when buckets are not told apart.
    :param key: the plan or the customer they are of, `None` when there is none or groups are not told apart.
    :param label: what the plan is called, where it has a name.
    :param status: of the invoices or payments.
    :param amount: without tax, but of payments with it.
    :param rebates: how many of the invoices have a rebate.
    """

    kind: Kind
    bucket: int
    currency: str
    key: str | None
    label: str | None
    status: str
    count: int
    amount: Decimal
    tax: Decimal = Decimal(0)
    rebate: Decimal = Decimal(0)
    rebates: int = 0

    @property
    def total(self) -> Decimal:
        """The amount with tax."""
        return EXACT.add(self.amount, self.tax)


@dataclass(slots=True)
class Count:
    """How many, and how much in all."""

    count: int = 0
    amount: Decimal = Decimal(0)

    def add(self, count: int, amount: Decimal) -> None:
        """Count some more."""
        self.count += count
        self.amount = EXACT.add(self.amount, amount)


@dataclass(slots=True)
class Billed:
    """What was billed and what was left of it, without tax."""

    invoices: Decimal = Decimal(0)
    revenue: Decimal = Decimal(0)

    def take(self, line: Line) -> None:
        """Take invoices or refunds in; anything else is no revenue."""
        if line.kind == "issued":
            self.invoices = EXACT.add(self.invoices, line.amount)
            self.revenue = EXACT.add(self.revenue, line.amount)
        elif line.kind == "refund":
            self.revenue = EXACT.subtract(self.revenue, line.amount)


@dataclass(slots=True)
class Bucket:
    """One bucket of the trend.

    :param groups: by key.
    """

    billed: Billed = field(default_factory=Billed)
    written_off: Decimal = Decimal(0)
    completed: Decimal = Decimal(0)
    rebates: Decimal = Decimal(0)
    groups: dict[str, Billed] = field(default_factory=lambda: defaultdict(Billed))

    def take(self, line: Line) -> None:
        """Take something in."""
        self.billed.take(line)
        match line.kind:
            case "issued":
                self.rebates = EXACT.add(self.rebates, line.rebate)
            case "written_off":
                self.written_off = EXACT.add(self.written_off, line.total)
            case "payment":
                self.completed = EXACT.add(self.completed, line.amount)


@dataclass(slots=True)
class Group:
    """What one plan or customer was billed.

    :param statuses: by status of the invoices, with tax.
    """

    key: str
    label: str
    statuses: dict[str, Count] = field(default_factory=lambda: defaultdict(Count))


@dataclass(slots=True)
class Summary:
    """Revenue of one currency in one window.

    :param invoices: by status, with tax.
    :param payments: by status.
    :param trend: by the start of the bucket, in order; those in which nothing happened are missing.
    :param groups: in order of revenue, greatest first, the rest of them last; `None` when none were asked for.
    """

    currency: str
    billed: Billed
    issued: Count
    refunds: Count
    rebates: Count
    invoices: dict[str, Count]
    payments: dict[str, Count]
    trend: dict[int, Bucket]
    groups: list[Group] | None

    def take(self, line: Line) -> None:
        """Take something in."""
        self.billed.take(line)
        match line.kind:
            case "issued":
                self.issued.add(line.count, line.total)
                self.invoices[line.status].add(line.count, line.total)
                self.rebates.add(line.rebates, line.rebate)
            case "refund":
                self.refunds.add(line.count, line.total)
            case "payment":
                self.payments[line.status].add(line.count, line.amount)


def net(lines: Iterable[Line]) -> Decimal:
    """Return revenue: invoices less refunds."""
    revenue = Billed()
    for line in lines:
        revenue.take(line)
    return revenue.revenue


def net_by_bucket(lines: Iterable[Line], starts: Iterable[int]) -> list[Decimal]:
    """Return the revenue of every bucket, in their order."""
    values = {start: Billed() for start in starts}
    for line in lines:
        values[line.bucket].take(line)
    return [value.revenue for value in values.values()]


def summarise(
    lines: Sequence[Line], currency: str, group_by: GroupBy | None = None, names: Mapping[str, str] | None = None
) -> Summary:
    """Add the lines of one currency up.

    :param group_by: `plan` or `customer`; anything else tells nothing apart.
    :param names: of customers, by id.
    """
    groups = (
        None if group_by is None or group_by not in MOST_GROUPS else _Groups(lines, MOST_GROUPS[group_by], names or {})
    )
    found = Summary(
        currency, Billed(), Count(), Count(), Count(), defaultdict(Count), defaultdict(Count), {},
        None if groups is None else groups.ordered,
    )  # fmt: skip
    trend: defaultdict[int, Bucket] = defaultdict(Bucket)
    for line in lines:
        found.take(line)
        if line.kind != "payment" or line.status == "completed":
            trend[line.bucket].take(line)
        if groups is not None and line.kind in BILLED:
            group = groups.of(line)
            trend[line.bucket].groups[group.key].take(line)
            if line.kind == "issued":
                group.statuses[line.status].add(line.count, line.total)
    found.trend = dict(sorted(trend.items()))
    return found


class _Groups:
    """The groups that are told apart: those of most revenue among those with an invoice in the window."""

    def __init__(self, lines: Sequence[Line], most: int, names: Mapping[str, str]) -> None:
        billed = [line for line in lines if line.kind in BILLED]
        keys = {line.key for line in billed if line.kind == "issued"} - {None}
        revenue: defaultdict[str, Billed] = defaultdict(Billed)
        labels: dict[str, str] = {}
        has_rest = False
        for line in billed:
            if line.key is None or line.key not in keys:
                has_rest = True
                continue
            revenue[line.key].take(line)
            labels[line.key] = names.get(line.key) or line.label or labels.get(line.key, line.key)
        # A minus sign would round to 28 digits.
        ranked = sorted(revenue, key=lambda key: (revenue[key].revenue.copy_negate(), key))
        if len(ranked) + has_rest > most:
            ranked, has_rest = ranked[: most - 1], True
        self._named = {key: Group(key, labels[key]) for key in ranked}
        self._rest = Group(OTHER, "Other")
        self.ordered = [*self._named.values(), *([self._rest] if has_rest else [])]

    def of(self, line: Line) -> Group:
        """Return the group a line is in."""
        return self._named.get(line.key or OTHER, self._rest)
