"""Rules of cost metrics, and folding cells into a summary."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from mockserver.kernel.errors import InvalidRequest
from mockserver.kernel.windows import DAY, HOUR
from mockserver.vendors.paygentic.domain.aggregation import Aggregation, Tally
from mockserver.vendors.paygentic.domain.buckets import MAX_BUCKETS
from mockserver.vendors.paygentic.domain.costing import (
    Cost,
    Group,
    Point,
    Question,
    Reading,
    canonical_group_by,
    changed,
    filters_for,
    refuse_currency,
    summarise,
)
from mockserver.vendors.paygentic.domain.errors import Refused

COST = Cost(
    "cst_1", "n", "USD", Decimal("0.5"), None, "SUM", "t", "$.v", {"b": "$.b", "a": "$.a"}, "prod_1", "org_1", 10, 10
)


def test_naming_a_field_moves_the_time_of_change_and_naming_none_does_not() -> None:
    assert changed(COST, {}, 99) is COST
    assert changed(COST, {"name": "m"}, 99) == replace(COST, name="m", updated_at=99)


@pytest.mark.parametrize("aggregation", ["SUM", "AVG", "MIN", "MAX", "LATEST"])
def test_a_change_must_leave_a_cost_that_could_have_been_created(aggregation: Aggregation) -> None:
    counting = replace(COST, aggregation="COUNT", value_property=None)

    with pytest.raises(InvalidRequest) as refused:
        changed(counting, {"aggregation": aggregation}, 99)

    assert [problem.field for problem in refused.value.problems] == ["valueProperty"]


def test_a_cost_without_an_event_type_has_no_meter() -> None:
    assert replace(COST, event_type=None).meter is None


@pytest.mark.parametrize(
    ("aggregation", "path", "keeps"),
    [("UNIQUE_COUNT", "$.v", True), ("UNIQUE_COUNT", None, False), ("SUM", "$.v", False)],
)
def test_only_distinct_values_need_to_be_kept(aggregation: Aggregation, path: str | None, keeps: bool) -> None:
    meter = replace(COST, aggregation=aggregation, value_property=path, group_by=None).meter

    assert meter is not None
    assert meter.keeps_distinct is keeps


def test_only_enabled_currencies_pass() -> None:
    refuse_currency("EUR", ("USD", "EUR"))
    with pytest.raises(Refused) as refused:
        refuse_currency("JPY", ("USD", "EUR"))
    assert refused.value.code == "CURRENCY_NOT_ENABLED"


def test_equal_dimension_maps_are_equal_text() -> None:
    assert canonical_group_by({"b": "$.b", "a": "$.a"}) == canonical_group_by({"a": "$.a", "b": "$.b"})


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (None, {}),
        ("{}", {}),
        ('{"a": "x", "b": 1.50}', {"a": "x", "b": "1.5"}),
        ('{"a": null, "b": true}', {"a": "", "b": "true"}),
    ],
)
def test_filter_values_are_compared_as_text(filters: str | None, expected: dict[str, str]) -> None:
    assert filters_for(COST, Question(0, 1, filters=filters)) == expected


@pytest.mark.parametrize(
    ("filters", "code"),
    [
        ("", "invalid_format"),
        ("nope", "invalid_format"),
        ("[]", "invalid_format"),
        ('"a"', "invalid_format"),
        ('{"a": []}', "invalid_format"),
        ('{"a": {}}', "invalid_format"),
        ('{"c": "x"}', "unknown_key"),
    ],
)
def test_a_filter_must_be_an_object_of_scalars_on_known_dimensions(filters: str, code: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        filters_for(COST, Question(0, 1, filters=filters))

    assert [(p.field, p.code) for p in refused.value.problems] == [("filterGroupBy", code)]


def test_an_unknown_group_and_a_bad_filter_are_reported_together() -> None:
    with pytest.raises(InvalidRequest) as refused:
        filters_for(replace(COST, group_by=None), Question(0, 1, group_by=("a", "subject"), filters="3"))

    assert [p.field for p in refused.value.problems] == ["groupBy", "filterGroupBy"]


@pytest.mark.parametrize(("start", "end"), [(5, 5), (6, 5)])
def test_a_window_must_not_be_empty(start: int, end: int) -> None:
    with pytest.raises(Refused, match="before"):
        filters_for(COST, Question(start, end))


def test_a_window_may_hold_so_many_buckets_and_no_more() -> None:
    most = MAX_BUCKETS * HOUR

    assert filters_for(COST, Question(0, most, window="HOUR")) == {}
    with pytest.raises(Refused, match="buckets"):
        filters_for(COST, Question(0, most + 1, window="HOUR"))


def cell(bucket: int, a: str, b: str, amount: str | None) -> Reading:
    """One event's cell."""
    value = None if amount is None else Decimal(amount)
    return bucket, (a, b), Tally(1) if value is None else Tally(1, 1, value)


CELLS = [cell(0, "x", "1", "2"), cell(DAY, "x", "2", "3"), cell(DAY, "y", "1", "5"), cell(2 * DAY, "z", "1", None)]


def test_groups_come_dearest_first_and_then_by_name() -> None:
    summary = summarise(COST, Question(0, 3 * DAY, group_by=("a",)), CELLS)

    assert summary.total_quantity == 10
    assert summary.total_cost == 5
    assert summary.series is None
    assert summary.groups == (
        Group({"a": "x"}, Decimal(5), Decimal("2.5")),
        Group({"a": "y"}, Decimal(5), Decimal("2.5")),
        Group({"a": "z"}, Decimal(0), Decimal(0)),
    )


def test_groups_take_the_keys_in_the_order_asked_for() -> None:
    summary = summarise(COST, Question(0, 3 * DAY, group_by=("b", "a")), CELLS)

    assert summary.groups is not None
    assert [dict(group.dimensions) for group in summary.groups] == [
        {"b": "1", "a": "y"}, {"b": "2", "a": "x"}, {"b": "1", "a": "x"}, {"b": "1", "a": "z"},
    ]  # fmt: skip


def test_a_group_without_a_value_is_left_out_of_averages() -> None:
    summary = summarise(replace(COST, aggregation="AVG"), Question(0, 3 * DAY, group_by=("a",)), CELLS)

    assert summary.groups is not None
    assert [group.dimensions["a"] for group in summary.groups] == ["y", "x"]
    assert str(summary.total_quantity).startswith("3.3333333333333333333333333333")


def test_buckets_without_a_value_are_left_out_unless_they_are_to_be_filled() -> None:
    question = Question(0, 4 * DAY, window="DAY")

    assert summarise(COST, question, CELLS).series == (
        Point(0, DAY, Decimal(2), Decimal(1)),
        Point(DAY, 2 * DAY, Decimal(8), Decimal(4)),
    )
    filled = summarise(COST, question, CELLS, fill=True).series
    assert filled is not None
    assert [point.quantity for point in filled] == [2, 8, 0, 0]
    averaged = summarise(replace(COST, aggregation="AVG"), question, CELLS, fill=True).series
    assert averaged is not None
    assert [point.quantity for point in averaged] == [2, 4]


def test_bounds_of_a_bucket_are_whole_even_when_the_window_cuts_it() -> None:
    summary = summarise(COST, Question(HOUR, DAY + HOUR, window="DAY"), CELLS[:2])

    assert summary.series is not None
    assert [(point.start, point.end) for point in summary.series] == [(0, DAY), (DAY, 2 * DAY)]


@pytest.mark.parametrize("cleared", [{"event_type": None}, {"aggregation": None}])
def test_a_cost_that_cannot_be_computed_has_no_totals(cleared: dict[str, None]) -> None:
    question = Question(0, DAY, group_by=("a",), window="DAY")

    summary = summarise(replace(COST, **cleared), question, [])  # type: ignore[arg-type]  # fields that may be null
    plainly = summarise(replace(COST, **cleared), Question(0, DAY), [])  # type: ignore[arg-type]

    assert (summary.total_cost, summary.total_quantity, summary.groups, summary.series) == (None, None, (), ())
    assert (plainly.groups, plainly.series) == (None, None)


def test_an_empty_average_is_null_and_costs_nothing_known() -> None:
    summary = summarise(replace(COST, aggregation="AVG"), Question(0, DAY), [])

    assert (summary.total_cost, summary.total_quantity) == (None, None)
