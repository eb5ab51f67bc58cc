"""Profitability: what each customer brought, what it cost, and what is left (pure).

Source: paygentic/sdk-0.6.3 "Profitability.get_profitability" (sdk): ranking, folding, when there is no margin.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from mockserver.kernel.windows import DAY
from mockserver.vendors.paygentic.domain.invoicing import total_of
from mockserver.vendors.paygentic.domain.json_text import EXACT
from mockserver.vendors.paygentic.domain.revenue import Width, cents

CostData = Literal["recorded", "partial", "none"]


@dataclass(frozen=True, slots=True)
class Trend:
    """Revenue over time.

    :param values: by bucket, oldest first, none left out.
    :param change: of the later half against the earlier one, in per cent; `None` when there was nothing to change.
    """

    values: Sequence[Decimal]
    change: Decimal | None


@dataclass(frozen=True, slots=True)
class Row:
    """What one customer, or several, brought and cost.

    :param is_billed: whether an invoice or a refund counts for it.
    """

    customer_id: str
    name: str
    revenue: Decimal = Decimal(0)
    cost: Decimal = Decimal(0)
    cost_data: CostData = "none"
    is_billed: bool = False

    @property
    def profit(self) -> Decimal:
        """Revenue less cost; may be negative."""
        return EXACT.subtract(self.revenue, self.cost)

    @property
    def margin(self) -> Decimal | None:
        """Profit as per cent of revenue; `None` without revenue, or where cost was not recorded for everybody."""
        if self.revenue <= 0 or self.cost_data != "recorded":
            return None
        return EXACT.multiply(EXACT.divide(self.profit, self.revenue), Decimal(100))

    @property
    def is_empty(self) -> bool:
        """Whether it neither brought nor cost anything."""
        return not self.is_billed and self.cost_data == "none"


@dataclass(frozen=True, slots=True)
class Standing:
    """The customers of a merchant in one window.

    :param empty_customers: how many are empty; `None` when not every cost could be read, for then nobody knows.
    :param unloaded_customers: how many may be empty or not; `None` when every cost could be read.
    :param empties: the empty ones that `rows` does not carry, by name; `None` when not asked for, or not known.
    """

    rows: Sequence[Row]
    customers: int
    empty_customers: int | None
    unloaded_customers: int | None
    empties: Sequence[Row] | None


def rank(
    customers: Sequence[Row],
    deleted: Iterable[Row],
    most: int,
    *,
    exclude_empty: bool,
    include_empty: bool,
    is_complete: bool = True,
) -> Standing:
    """Put customers in order of profit, and fold those beyond the first `most` into one row, deleted ones into another.

    :param customers: those that are not deleted.
    :param is_complete: whether every cost could be read.
    """
    idle = [row for row in customers if row.is_empty]
    drops_idle = exclude_empty or not is_complete
    kept = [row for row in customers if not (drops_idle and row.is_empty)]
    # A minus sign would round to 28 digits.
    kept.sort(key=lambda row: (row.profit.copy_negate(), row.customer_id))
    rows = kept[:most]
    if len(kept) > most:
        rows.append(fold("other", "Other", kept[most:]))
    gone = [row for row in deleted if not row.is_empty]
    if gone:
        rows.append(fold("deleted", "Deleted customers", gone))
    if not is_complete:
        return Standing(rows, len(customers), None, len(idle), None)
    listed = sorted(idle, key=lambda row: (row.name, row.customer_id)) if exclude_empty else []
    return Standing(rows, len(customers), len(idle), None, listed if include_empty else None)


def fold(key: str, name: str, rows: Sequence[Row]) -> Row:
    """Return one row for several."""
    known = {row.cost_data for row in rows}
    return Row(
        key, name, total_of(row.revenue for row in rows), total_of(row.cost for row in rows),
        known.pop() if len(known) == 1 else "partial", is_billed=True,
    )  # fmt: skip


def fitting_width(start: int, end: int) -> Width:
    """Return the width of buckets that suits a window: hours up to two days, days up to a quarter, then weeks."""
    length = end - start
    if length <= 2 * DAY:
        return "hour"
    return "day" if length <= 92 * DAY else "week"


def trend_of(values: Sequence[Decimal]) -> Trend | None:
    """Return how revenue went, or `None` when there is too little to see: no revenue at all, or a single bucket.

    The middle one of an odd number of buckets is in neither half.
    """
    if len(values) < 2 or not any(values):
        return None
    half = len(values) // 2
    before, after = total_of(values[:half]), total_of(values[-half:])
    change = None
    if before:
        ratio = EXACT.divide(EXACT.subtract(after, before), before)
        change = cents(EXACT.multiply(ratio, Decimal(100)))
    return Trend(values, change)
