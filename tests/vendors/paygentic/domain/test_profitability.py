"""Profitability: ranking, folding, margins, trends."""

from __future__ import annotations

from decimal import Decimal

import pytest

from mockserver.kernel.windows import DAY
from mockserver.vendors.paygentic.domain.profitability import CostData, Row, Trend, fitting_width, fold, rank, trend_of


def row(name: str, revenue: int = 0, cost: int | None = None) -> Row:
    data: CostData = "none" if cost is None else "recorded"
    return Row(name, name.upper(), Decimal(revenue), Decimal(cost or 0), data, is_billed=bool(revenue))


@pytest.mark.parametrize(
    ("revenue", "cost", "margin"),
    [
        (200, 50, Decimal(75)), (100, 0, Decimal(100)), (100, 150, Decimal(-50)), (100, None, None), (0, 5, None),
        (-10, 5, None),
    ],
)  # fmt: skip
def test_a_margin_needs_revenue_and_a_recorded_cost(revenue: int, cost: int | None, margin: Decimal | None) -> None:
    assert row("a", revenue, cost).margin == margin


def ids(rows: list[Row] | tuple[Row, ...]) -> list[str]:
    return [each.customer_id for each in rows]


LIVE = [row("low", 5, 1), row("idle"), row("top", 50, 1), row("loss", 0, 9), row("even", 4)]


def test_customers_come_by_profit_and_the_rest_in_one_row() -> None:
    standing = rank(LIVE, [], 2, exclude_empty=False, include_empty=False)

    assert ids(list(standing.rows)) == ["top", "even", "other"]
    assert standing.rows[2] == Row("other", "Other", Decimal(5), Decimal(10), "partial", is_billed=True)
    assert (standing.customers, standing.empty_customers, standing.empties) == (5, 1, None)


def test_equal_profits_come_by_id() -> None:
    rows = [row("b", 5, 1), row("a", 5, 1)]

    assert ids(list(rank(rows, [], 9, exclude_empty=False, include_empty=False).rows)) == ["a", "b"]


def test_empty_customers_are_dropped_before_ranking_and_may_be_listed_by_name() -> None:
    names = [*LIVE, Row("x2", "Ann"), Row("x1", "Ann"), Row("x0", "Zoe")]

    dropped = rank(names, [], 4, exclude_empty=True, include_empty=True)
    kept = rank(names, [], 4, exclude_empty=False, include_empty=True)

    assert ids(list(dropped.rows)) == ["top", "even", "low", "loss"]
    assert dropped.empties is not None
    assert ids(list(dropped.empties)) == ["x1", "x2", "idle", "x0"]
    assert (dropped.empty_customers, kept.empty_customers, kept.empties) == (4, 4, [])
    assert ids(list(kept.rows)) == ["top", "even", "low", "idle", "other"]


def test_while_a_cost_cannot_be_read_nobody_is_known_to_be_empty() -> None:
    standing = rank(LIVE, [], 9, exclude_empty=True, include_empty=True, is_complete=False)

    assert ids(list(standing.rows)) == ["top", "even", "low", "loss"]
    assert (standing.empty_customers, standing.unloaded_customers, standing.empties) == (None, 1, None)


def test_deleted_customers_with_something_are_one_row_behind_all_others() -> None:
    deleted = [row("gone", 1000, 1), row("silent"), row("also", 1, 1)]

    standing = rank(LIVE, deleted, 2, exclude_empty=False, include_empty=False)

    assert ids(list(standing.rows)) == ["top", "even", "other", "deleted"]
    assert standing.rows[3] == Row(
        "deleted", "Deleted customers", Decimal(1001), Decimal(2), "recorded", is_billed=True
    )
    assert standing.customers == 5
    assert ids(list(rank(LIVE, [row("silent")], 9, exclude_empty=True, include_empty=False).rows))[-1] == "loss"


def test_a_folded_row_says_for_how_many_cost_is_known() -> None:
    assert fold("k", "K", [row("a", 1, 1), row("b", 1, 0)]).cost_data == "recorded"
    assert fold("k", "K", [row("a", 1), row("b", 1)]).cost_data == "none"
    assert fold("k", "K", [row("a", 1, 1), row("b", 1)]).cost_data == "partial"


@pytest.mark.parametrize(("days", "width"), [(1, "hour"), (2, "hour"), (3, "day"), (92, "day"), (93, "week")])
def test_buckets_fit_the_window(days: int, width: str) -> None:
    assert fitting_width(5, 5 + days * DAY) == width


@pytest.mark.parametrize(
    ("values", "change"),
    [
        ([10, 15], 50), ([10, 5], -50), ([3, 99, 4], Decimal("33.33")), ([1, 2, 3, 4], Decimal("133.33")),
        ([0, 5], None), ([5, 0], -100),
    ],
)  # fmt: skip
def test_a_trend_compares_the_later_half_with_the_earlier_one(values: list[int], change: Decimal | None) -> None:
    amounts = [Decimal(value) for value in values]

    assert trend_of(amounts) == Trend(amounts, change)


@pytest.mark.parametrize("values", [[], [Decimal(5)], [Decimal(0), Decimal(0)]])
def test_there_is_no_trend_where_there_is_too_little_to_see(values: list[Decimal]) -> None:
    assert trend_of(values) is None
