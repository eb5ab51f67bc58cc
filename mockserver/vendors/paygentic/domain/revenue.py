"""Revenue: what was billed in a window of time, less what was refunded in it, both without tax (pure).

Source: paygentic/sdk-0.6.3 "Revenue.get" (sdk): invoices count whatever became of them, payments are shown beside
revenue, amounts of invoices and of refunds are shown with tax.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from typing import Literal

from mockserver.kernel.windows import DAY, HOUR, WEEK
from mockserver.vendors.billing import Invoice, Payment, Refund
from mockserver.vendors.paygentic.domain.buckets import MAX_BUCKETS
from mockserver.vendors.paygentic.domain.errors import Refused
from mockserver.vendors.paygentic.domain.invoicing import grand_total, total_of
from mockserver.vendors.paygentic.domain.json_text import EXACT

Width = Literal["hour", "day", "week"]
GroupBy = Literal["plan", "customer", "currency"]
Basis = Literal["issued", "billingPeriod"]

WIDTHS: dict[Width, int] = {"hour": HOUR, "day": DAY, "week": WEEK}
MOST_GROUPS: dict[GroupBy, int] = {"plan": 5, "customer": 25}
"""How many groups are told apart. Source: paygentic/sdk-0.6.3 "Revenue.get", parameter group_by (sdk)."""

OTHER = "other"
"""Key of the group that what is not told apart is in."""

# Weeks begin on Mondays, and this is one; days and hours begin there too.
_A_MONDAY = 4 * DAY
_CENT = Decimal("0.01")


def cents(value: Decimal) -> Decimal:
    """Round half up to two places, the one rounding there is; never a negative zero."""
    rounded = value.quantize(_CENT, ROUND_HALF_UP, EXACT)
    return rounded if rounded else _CENT - _CENT


def bucket_of(at: int, width: Width) -> int:
    """Return the start of the UTC hour, day or week that holds an instant."""
    return at - (at - _A_MONDAY) % WIDTHS[width]


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
    :param subscription_ids: only these, unless there are none.
    """

    start: int
    end: int
    currency: str | None = None
    customer_id: str | None = None
    subscription_ids: Sequence[str] = ()
    by_period: bool = False


@dataclass(frozen=True, slots=True)
class Books:
    """Everything that falls into a window of time, each with the instant it counts at."""

    issued: list[tuple[int, Invoice]] = field(default_factory=list)
    written_off: list[tuple[int, Invoice]] = field(default_factory=list)
    refunds: list[tuple[int, Invoice, Refund]] = field(default_factory=list)
    payments: list[tuple[int, Invoice, Payment]] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        """Whether nothing happened."""
        return not (self.issued or self.written_off or self.refunds or self.payments)

    def by(self, key: Callable[[Invoice], str]) -> dict[str, Books]:
        """Return books of their own for invoices that differ in something."""
        parts: defaultdict[str, Books] = defaultdict(Books)
        for issued in self.issued:
            parts[key(issued[1])].issued.append(issued)
        for written_off in self.written_off:
            parts[key(written_off[1])].written_off.append(written_off)
        for refund in self.refunds:
            parts[key(refund[1])].refunds.append(refund)
        for payment in self.payments:
            parts[key(payment[1])].payments.append(payment)
        return dict(parts)


@dataclass(slots=True)
class Count:
    """How many, and how much in all."""

    count: int = 0
    amount: Decimal = Decimal(0)

    def add(self, amount: Decimal) -> None:
        """Count one more."""
        self.count += 1
        self.amount = EXACT.add(self.amount, amount)


@dataclass(slots=True)
class Billed:
    """What was billed and what was left of it, without tax."""

    invoices: Decimal = Decimal(0)
    revenue: Decimal = Decimal(0)

    def add(self, amount: Decimal) -> None:
        """Take an invoice in."""
        self.invoices = EXACT.add(self.invoices, amount)
        self.revenue = EXACT.add(self.revenue, amount)

    def subtract(self, amount: Decimal) -> None:
        """Take a refund in."""
        self.revenue = EXACT.subtract(self.revenue, amount)


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


def net(books: Books) -> Decimal:
    """Return revenue: invoices less refunds."""
    billed = total_of(invoice.amount for _, invoice in books.issued)
    return EXACT.subtract(billed, total_of(refund.amount for _, _, refund in books.refunds))


def net_by_bucket(books: Books, starts: Iterable[int], width: Width) -> list[Decimal]:
    """Return the revenue of every bucket, in their order."""
    values = dict.fromkeys(starts, Decimal(0))
    for at, invoice in books.issued:
        start = bucket_of(at, width)
        values[start] = EXACT.add(values[start], invoice.amount)
    for at, _, refund in books.refunds:
        start = bucket_of(at, width)
        values[start] = EXACT.subtract(values[start], refund.amount)
    return list(values.values())


def summarise(
    books: Books, currency: str, width: Width, group_by: GroupBy | None = None, names: Mapping[str, str] | None = None
) -> Summary:
    """Add the books of one currency up.

    :param group_by: `plan` or `customer`; anything else tells nothing apart.
    :param names: of customers, by id.
    """
    groups = _Groups(books, group_by, names or {}) if group_by in MOST_GROUPS else None
    found = Summary(
        currency, Billed(), Count(), Count(), Count(), defaultdict(Count), defaultdict(Count), {},
        None if groups is None else groups.ordered,
    )  # fmt: skip
    trend: defaultdict[int, Bucket] = defaultdict(Bucket)
    for at, invoice in books.issued:
        bucket = trend[bucket_of(at, width)]
        total = grand_total(invoice)
        found.issued.add(total)
        found.invoices[invoice.status].add(total)
        if invoice.rebate:
            found.rebates.add(invoice.rebate)
            bucket.rebates = EXACT.add(bucket.rebates, invoice.rebate)
        billed = [found.billed, bucket.billed]
        if groups is not None:
            group = groups.of(invoice)
            group.statuses[invoice.status].add(total)
            billed.append(bucket.groups[group.key])
        for each in billed:
            each.add(invoice.amount)
    for at, invoice, refund in books.refunds:
        bucket = trend[bucket_of(at, width)]
        found.refunds.add(grand_total(refund))
        billed = [found.billed, bucket.billed]
        if groups is not None:
            billed.append(bucket.groups[groups.of(invoice).key])
        for each in billed:
            each.subtract(refund.amount)
    for at, invoice in books.written_off:
        bucket = trend[bucket_of(at, width)]
        bucket.written_off = EXACT.add(bucket.written_off, grand_total(invoice))
    for at, _, payment in books.payments:
        found.payments[payment.status].add(payment.amount)
        if payment.status == "completed":
            bucket = trend[bucket_of(at, width)]
            bucket.completed = EXACT.add(bucket.completed, payment.amount)
    found.trend = dict(sorted(trend.items()))
    return found


class _Groups:
    """The groups that are told apart: those of most revenue among those with an invoice in the window."""

    def __init__(self, books: Books, group_by: GroupBy | None, names: Mapping[str, str]) -> None:
        self._by_customer = group_by == "customer"
        revenue: defaultdict[str, Decimal] = defaultdict(Decimal)
        labels: dict[str, str] = {}
        for _, invoice in books.issued:
            key = self._key(invoice)
            if key is not None:
                revenue[key] = EXACT.add(revenue[key], invoice.amount)
                labels[key] = (names.get(key) if self._by_customer else invoice.plan_name) or labels.get(key, key)
        has_rest = any(self._key(invoice) is None for _, invoice in books.issued)
        for _, invoice, refund in books.refunds:
            key = self._key(invoice)
            if key is None or key not in revenue:
                has_rest = True
            else:
                revenue[key] = EXACT.subtract(revenue[key], refund.amount)
        ranked = sorted(revenue, key=lambda key: (-revenue[key], key))
        most = MOST_GROUPS[group_by or "plan"]
        if len(ranked) + has_rest > most:
            ranked, has_rest = ranked[: most - 1], True
        self._named = {key: Group(key, labels[key]) for key in ranked}
        self._rest = Group(OTHER, "Other")
        self.ordered = [*self._named.values(), *([self._rest] if has_rest else [])]

    def of(self, invoice: Invoice) -> Group:
        """Return the group an invoice is in."""
        return self._named.get(self._key(invoice) or OTHER, self._rest)

    def _key(self, invoice: Invoice) -> str | None:
        return invoice.customer_id if self._by_customer else invoice.plan_id
