"""Folding what a billable metric measured into a total, buckets and groups."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from mockserver.kernel.errors import InvalidRequest
from mockserver.kernel.windows import DAY, HOUR
from mockserver.vendors.paygentic.domain.aggregation import Aggregation, Tally
from mockserver.vendors.paygentic.domain.amounts import sortable
from mockserver.vendors.paygentic.domain.billable_metrics import BillableMetric
from mockserver.vendors.paygentic.domain.errors import Refused
from mockserver.vendors.paygentic.domain.usage import Group, Part, Point, UsageQuestion, filters_for, measured

METRIC = BillableMetric(
    "bm_1", "n", "d", "u", "org_1", "prod_1", None, "SUM", "t", "$.v", {"r": "$.r"}, None, created_at=10, updated_at=10
)
WHOLE = UsageQuestion(0, DAY)
BY_HOUR = replace(WHOLE, window="HOUR")
BY_GROUP = replace(WHOLE, group_by=("r", "subject"))
BY_BOTH = replace(BY_GROUP, window="HOUR")


def tally(*amounts: str, events: int | None = None) -> Tally:
    """Return the tally of events with these amounts, and of some without any."""
    numbers = [Decimal(amount) for amount in amounts]
    keys = sorted(map(sortable, numbers))
    return Tally(
        len(numbers) if events is None else events, len(numbers), sum(numbers, Decimal(0)),
        keys[0] if keys else None, keys[-1] if keys else None, None, set(amounts),
    )  # fmt: skip


PARTS = [
    Part(0, ("eu", "ann"), tally("1", "2")),
    Part(HOUR, ("eu", "ann"), tally("4")),
    Part(0, ("us", "ann"), tally("9")),
    Part(HOUR, ("eu", "bob"), tally("7", events=3)),
    Part(HOUR, ("us", "bob"), tally(events=2)),
]


def group(region: str, subject: str, value: str, events: int) -> Group:
    return Group({"r": region, "subject": subject}, Decimal(value), events)


def test_a_total_is_of_everything() -> None:
    usage = measured(METRIC, WHOLE, PARTS)

    assert (usage.total, usage.points, usage.groups, usage.group_count) == (Decimal(23), None, None, None)


@pytest.mark.parametrize("aggregation", ["SUM", "COUNT", "AVG", "MIN", "MAX", "UNIQUE_COUNT", "LATEST"])
def test_a_total_of_nothing_is_zero_and_never_missing(aggregation: Aggregation) -> None:
    usage = measured(replace(METRIC, aggregation=aggregation), BY_BOTH, [])

    assert (usage.total, usage.points, usage.groups) == (Decimal(0), (), ())


def test_groups_come_greatest_first_and_then_by_name() -> None:
    usage = measured(METRIC, BY_GROUP, PARTS)

    assert usage.groups == (
        group("us", "ann", "9", 1), group("eu", "ann", "7", 3), group("eu", "bob", "7", 3), group("us", "bob", "0", 2),
    )  # fmt: skip
    assert usage.group_count is None


@pytest.mark.parametrize("aggregation", ["AVG", "MIN", "MAX"])
def test_a_group_without_any_value_is_left_out_where_there_is_no_number_for_it(aggregation: Aggregation) -> None:
    usage = measured(replace(METRIC, aggregation=aggregation), replace(BY_GROUP, group_limit=9), PARTS)

    assert usage.groups is not None
    assert [each.dimensions for each in usage.groups].count({"r": "us", "subject": "bob"}) == 0
    assert usage.group_count == 3


@pytest.mark.parametrize(
    ("limit", "offset", "expected"),
    [(1, 0, ["9"]), (2, 0, ["9", "7"]), (2, 2, ["7", "0"]), (9, 3, ["0"]), (1, 4, [])],
)
def test_groups_are_cut_by_value_and_counted_before_the_cut(limit: int, offset: int, expected: list[str]) -> None:
    usage = measured(METRIC, replace(BY_GROUP, group_limit=limit, group_offset=offset), PARTS)

    assert usage.groups is not None
    assert [each.value for each in usage.groups] == list(map(Decimal, expected))
    assert usage.group_count == 4
    assert usage.total == 23


def test_buckets_without_a_value_are_left_out_unless_they_are_filled() -> None:
    plain = measured(METRIC, BY_HOUR, PARTS)
    filled = measured(METRIC, BY_HOUR, PARTS, fill=True)
    middle = measured(replace(METRIC, aggregation="AVG"), BY_HOUR, PARTS, fill=True)

    assert plain.points == (Point(0, HOUR, Decimal(12)), Point(HOUR, 2 * HOUR, Decimal(11)))
    assert filled.points is not None
    assert middle.points is not None
    assert (len(filled.points), filled.points[23]) == (24, Point(23 * HOUR, DAY, Decimal(0)))
    assert len(middle.points) == 2


def test_buckets_and_groups_together_are_two_lists_of_the_same_things() -> None:
    usage = measured(METRIC, replace(BY_BOTH, group_limit=3), PARTS, fill=True)

    assert usage.points == (
        Point(0, HOUR, Decimal(9)), Point(0, HOUR, Decimal(3)),
        Point(HOUR, 2 * HOUR, Decimal(4)), Point(HOUR, 2 * HOUR, Decimal(7)),
    )  # fmt: skip
    assert usage.groups == (
        group("us", "ann", "9", 1), group("eu", "ann", "3", 2), group("eu", "ann", "4", 1), group("eu", "bob", "7", 3),
    )  # fmt: skip
    assert usage.group_count == 4


def test_what_is_cut_off_over_the_whole_window_is_cut_off_in_every_bucket() -> None:
    usage = measured(METRIC, replace(BY_BOTH, group_limit=1, group_offset=1), PARTS)

    assert usage.groups == (group("eu", "ann", "3", 2), group("eu", "ann", "4", 1))


def test_months_have_their_own_lengths() -> None:
    february = replace(WHOLE, start=31 * DAY, end=59 * DAY, window="MONTH")

    usage = measured(METRIC, february, [Part(31 * DAY, (), tally("1"))])

    assert usage.points == (Point(31 * DAY, 59 * DAY, Decimal(1)),)


def test_the_dimensions_of_a_question_are_checked_together() -> None:
    question = replace(WHOLE, group_by=("subject", "r", "nope", "neither"), filters="[]")

    with pytest.raises(InvalidRequest) as refused:
        filters_for(replace(METRIC, group_by=None), question)

    assert [(problem.field, problem.message) for problem in refused.value.problems] == [
        ("groupBy", "'r' is not a dimension of this metric"), ("filterGroupBy", "must be a JSON object"),
    ]  # fmt: skip


def test_a_filter_names_configured_dimensions_only() -> None:
    assert filters_for(METRIC, replace(BY_GROUP, filters='{"r": 1}')) == {"r": "1"}
    assert filters_for(METRIC, WHOLE) == {}
    with pytest.raises(InvalidRequest, match="'subject' is not a dimension of this metric"):
        filters_for(METRIC, replace(WHOLE, filters='{"subject": "ann"}'))


@pytest.mark.parametrize(
    ("question", "message"),
    [(UsageQuestion(5, 5), "from must be before to"),
     (UsageQuestion(0, 50_001 * HOUR, window="HOUR"), "the window holds more than 50000 HOUR buckets")],
)  # fmt: skip
def test_a_window_no_single_field_is_to_blame_for(question: UsageQuestion, message: str) -> None:
    with pytest.raises(Refused, match=message):
        filters_for(METRIC, question)
