"""The cost report: which costs it is about, ranking, folding, paging, shares and buckets of time."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from operator import attrgetter
from typing import Any

import pytest

from mockserver.kernel.errors import InvalidRequest
from mockserver.kernel.windows import DAY, HOUR, parse_instant
from mockserver.vendors.paygentic.domain.aggregation import Tally
from mockserver.vendors.paygentic.domain.costing import Cost
from mockserver.vendors.paygentic.domain.errors import Refused
from mockserver.vendors.paygentic.domain.reports import (
    OTHER,
    Amount,
    Measured,
    Prior,
    Reading,
    Report,
    ReportQuestion,
    compiled,
    select,
    with_series,
)

FEBRUARY = parse_instant("2026-02-01T00:00:00Z")
MARCH = parse_instant("2026-03-01T00:00:00Z")

PAGES = Cost(
    id="cst_pages", name="Pages", currency="USD", unit_cost=Decimal(2), unit="page", aggregation="SUM",
    event_type="cost.page", value_property="$.n", group_by={"engine": "$.engine", "area": "$.area"},
    product_id="prod_1", merchant_id="org_1", created_at=0, updated_at=0,
)  # fmt: skip
CALLS = replace(PAGES, id="cst_calls", name="Calls", unit="call", aggregation="COUNT", group_by={"engine": "$.e"})
EUROS = replace(PAGES, id="cst_euros", currency="EUR")
BARE = replace(PAGES, id="cst_bare", group_by=None)
BROKEN = replace(PAGES, id="cst_broken", aggregation=None)


def question(**changes: Any) -> ReportQuestion:
    return replace(ReportQuestion(FEBRUARY, MARCH, "customer"), **changes)


def worth(amount: str | int) -> Tally:
    return Tally(events=1, values=1, total=Decimal(amount))


def reported(*amounts: tuple[str, int | str], cost: Cost = PAGES, fill: bool = False, **changes: Any) -> Report:
    """Return the report of a cost over what customers used at the start of the window."""
    readings = [(key, 0, worth(amount)) for key, amount in amounts]
    return over([(cost, readings)], fill=fill, **changes)


def over(measured: Measured, before: Measured = (), *, fill: bool = False, **changes: Any) -> Report:
    asked = question(**changes)
    measured = list(measured)
    report = compiled(asked, select(asked, "USD", [cost for cost, _ in measured]), measured, before)
    return report if asked.window is None else with_series(report, measured, fill=fill)


def brief(report: Report, *names: str) -> list[Any]:
    """Return some attributes of each group."""
    return [attrgetter(*names)(group) for group in report.groups]


def keys(report: Report) -> list[str]:
    return [group.key for group in report.groups]


# Which costs


def test_without_names_every_cost_of_the_currency_is_looked_at() -> None:
    chosen = select(question(), "USD", [PAGES, CALLS, EUROS])

    assert (chosen.costs, chosen.warnings, chosen.dimensions) == ((PAGES, CALLS), (), ())


def test_what_is_named_and_cannot_be_had_is_warned_of() -> None:
    chosen = select(
        question(cost_ids=("cst_none", "cst_euros", "cst_broken", "cst_pages")), "USD", [PAGES, EUROS, BROKEN]
    )

    assert chosen.costs == (BROKEN, PAGES)
    assert chosen.warnings == (
        "Cost cst_none was not found and is left out",
        "Cost cst_euros is in EUR and is left out of a report in USD",
        "Cost cst_broken has no event type or no aggregation and could not be computed",
    )
    assert chosen.readable == (PAGES,)
    assert not chosen.is_complete


def test_dimensions_are_those_of_the_one_cost_that_is_named() -> None:
    assert select(question(cost_ids=("cst_pages",)), "USD", [PAGES, CALLS]).dimensions == ("area", "engine")
    assert select(question(cost_ids=("cst_bare",)), "USD", [BARE]).dimensions == ()
    assert select(question(cost_ids=("cst_pages", "cst_calls")), "USD", [PAGES, CALLS]).dimensions == ()
    assert select(question(), "USD", [PAGES]).dimensions == ()


def test_a_cost_without_a_filtered_dimension_measures_nothing() -> None:
    chosen = select(question(filters='{"area": 1}'), "USD", [PAGES, CALLS, BARE])

    assert chosen.filters == {"area": "1"}
    assert chosen.readable == (PAGES,)
    assert chosen.costs == (PAGES, CALLS, BARE)


@pytest.mark.parametrize(
    ("changes", "fields", "message"),
    [
        ({"group_by": "engine"}, ["groupBy"], "exactly one costId"),
        ({"group_by": "engine", "cost_ids": ("cst_pages", "cst_calls")}, ["groupBy"], "exactly one costId"),
        ({"group_by": "region", "cost_ids": ("cst_pages",)}, ["groupBy"], "'region' is not a dimension"),
        ({"group_by": "engine", "cost_ids": ("cst_euros",)}, ["groupBy"], "that cost in USD"),
        ({"filters": '{"region": 1}'}, ["filterGroupBy"], "'region' is not a dimension of any of these costs in USD"),
        ({"filters": "[]"}, ["filterGroupBy"], "must be a JSON object"),
        ({"group_by": "region", "filters": "{"}, ["groupBy", "filterGroupBy"], "must be a JSON object"),
    ],
)
def test_dimensions_that_cannot_be_are_refused(changes: dict[str, Any], fields: list[str], message: str) -> None:
    with pytest.raises(InvalidRequest, match=message) as refused:
        select(question(**changes), "USD", [PAGES, CALLS, EUROS])

    assert [problem.field for problem in refused.value.problems] == fields


def test_a_filter_has_at_most_five_keys() -> None:
    wide = replace(PAGES, group_by={name: f"$.{name}" for name in "abcdef"})

    assert len(select(question(filters='{"a":1,"b":1,"c":1,"d":1,"e":1}'), "USD", [wide]).filters) == 5
    with pytest.raises(InvalidRequest, match="more than 5 keys"):
        select(question(filters='{"a":1,"b":1,"c":1,"d":1,"e":1,"f":1}'), "USD", [wide])


@pytest.mark.parametrize("changes", [{"end": FEBRUARY}, {"end": FEBRUARY - 1}, {"end": MARCH * 2, "window": "HOUR"}])
def test_a_window_that_is_empty_or_has_too_many_buckets_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(Refused):
        select(question(**changes), "USD", [])


# Groups


def test_groups_are_ranked_and_equal_ones_come_by_key() -> None:
    amounts = (("b", 1), ("a", 1), ("c", 3), ("d", -1))

    assert keys(reported(*amounts)) == ["c", "a", "b", "d"]
    assert keys(reported(*amounts, is_ascending=True)) == ["d", "a", "b", "c"]


def test_ranking_is_exact() -> None:
    amounts = (("a", "1.00000000000000000000000000000000001"), ("b", "1.00000000000000000000000000000000002"))

    assert keys(reported(*amounts)) == ["b", "a"]


def test_groups_may_be_ranked_by_quantity() -> None:
    measured = [
        (PAGES, [("dear", 0, worth(5))]),
        (replace(CALLS, unit_cost=Decimal(0)), [("busy", 0, Tally(events=9))]),
    ]

    assert keys(over(measured)) == ["dear", "busy"]
    assert keys(over(measured, sort="totalQuantity")) == ["busy", "dear"]


def test_a_group_adds_up_over_costs_and_places_may_come_twice() -> None:
    report = over([(PAGES, [("a", 0, worth(1)), ("a", 0, worth(2))]), (CALLS, [("a", 0, Tally(events=4))])])

    assert [(group.key, group.amount) for group in report.groups] == [("a", Amount(Decimal(14), Decimal(7)))]
    assert report.total == Amount(Decimal(14), Decimal(7))


def test_aggregations_that_do_not_add_up_are_computed_per_group_and_the_total_is_their_sum() -> None:
    mean = replace(PAGES, aggregation="AVG")
    report = over([(mean, [("a", 0, Tally(2, 2, Decimal(4))), ("a", 0, worth(8)), ("b", 0, worth(1))])])

    assert brief(report, "key", "amount.quantity") == [("a", 4), ("b", 1)]
    assert report.total.quantity == 5


def test_a_group_without_a_value_is_there_and_empty() -> None:
    report = over([(replace(PAGES, aggregation="MAX"), [("a", 0, Tally(events=1))])])

    assert [(group.key, group.amount) for group in report.groups] == [("a", Amount())]
    assert (report.group_count, report.empty_count, report.is_empty) == (1, 1, True)


def test_every_cost_is_a_group_when_grouped_by_cost() -> None:
    report = over([(PAGES, []), (CALLS, [("cst_calls", 0, Tally(events=1))])], group_by="cost")

    assert brief(report, "key", "amount.cost", "unit") == [
        ("cst_calls", 2, "call"),
        ("cst_pages", 0, "page"),
    ]
    assert (report.group_count, report.empty_count, report.is_empty) == (2, 1, False)


def test_below_the_top_everything_is_one_entry_at_the_end() -> None:
    report = reported(("a", 1), ("b", 20), ("c", 3), ("d", 4), top=1)

    assert brief(report, "key", "amount.cost", "percent", "is_other") == [
        ("b", 40, Decimal("71.43"), False),
        (OTHER, 16, Decimal("28.57"), True),
    ]
    assert (report.matching, report.group_count) == (4, 4)
    assert keys(reported(("a", 1), ("b", 2), top=2)) == ["b", "a"]


def test_the_rest_comes_last_also_when_the_least_come_first() -> None:
    assert keys(reported(("a", 1), ("b", 2), ("c", 3), top=2, is_ascending=True)) == ["a", "b", OTHER]


def test_the_page_is_cut_after_folding() -> None:
    amounts = (("a", 4), ("b", 3), ("c", 2), ("d", 1))

    assert keys(reported(*amounts, top=2, offset=1, limit=1)) == ["b"]
    assert keys(reported(*amounts, top=2, offset=2)) == [OTHER]
    assert keys(reported(*amounts, top=2, offset=3)) == []
    assert reported(*amounts, top=2, offset=3).total.quantity == 10


def test_empty_groups_may_be_left_out_and_are_counted_either_way() -> None:
    amounts = (("a", 1), ("b", 0), ("c", 0))
    with_them, without_them = reported(*amounts, top=1), reported(*amounts, top=1, excludes_empty=True)

    assert (keys(with_them), with_them.matching) == (["a", OTHER], 3)
    assert (keys(without_them), without_them.matching) == (["a"], 1)
    assert with_them.group_count == without_them.group_count == 3
    assert with_them.empty_count == without_them.empty_count == 2


def test_usage_at_no_price_is_not_empty() -> None:
    report = reported(("a", 1), cost=replace(PAGES, unit_cost=Decimal(0)), excludes_empty=True)

    assert (keys(report), report.empty_count, report.is_empty) == (["a"], 0, False)
    assert report.groups[0].percent == 0


def test_nobody_is_left_out_as_empty_when_a_cost_could_not_be_computed() -> None:
    asked = question(excludes_empty=True)
    chosen = select(asked, "USD", [PAGES, BROKEN])
    report = compiled(asked, chosen, [(PAGES, [("a", 0, worth(0))])], ())

    assert (keys(report), report.empty_count, report.group_count) == (["a"], None, 1)


def test_a_unit_is_named_when_all_costs_share_it() -> None:
    same = replace(CALLS, unit="page")

    assert reported(("a", 1), ("b", 1), top=1).groups[1].unit == "page"
    assert over([(PAGES, [("a", 0, worth(1))]), (same, [])]).groups[0].unit == "page"
    assert over([(PAGES, [("a", 0, worth(1))]), (CALLS, [])]).groups[0].unit is None


@pytest.mark.parametrize(
    ("amounts", "shares"),
    [
        ((1, 1, 1), ["33.33", "33.33", "33.33"]),
        ((1, 199), ["99.5", "0.5"]),
        ((1, 1999), ["99.95", "0.05"]),
        (("0.00005", "0.99995"), ["100", "0.01"]),  # half of a hundredth goes up
        ((5, -1), ["125", "-25"]),
        ((1, -1), ["0", "0"]),
        (("1e200", "-1e200", "1e-200"), [str(sys.float_info.max), "100", "-" + str(sys.float_info.max)]),
    ],
)
def test_shares_have_two_decimals_and_fit_a_number(amounts: Sequence[Any], shares: list[str]) -> None:
    report = reported(*[(str(place), amount) for place, amount in enumerate(amounts)])

    assert [float(group.percent) for group in report.groups] == [float(share) for share in shares]


# The period before


def test_the_period_before_is_as_long_and_begins_no_earlier_than_the_calendar() -> None:
    assert question(end=FEBRUARY + DAY).before == (FEBRUARY - DAY, FEBRUARY)
    first = parse_instant("0001-01-02T00:00:00Z")
    assert question(start=first + 5, end=first + 100).before == (first, first + 5)


def test_a_group_is_compared_with_what_it_cost_before() -> None:
    now: list[Reading] = [("a", 0, worth(3)), ("b", 0, worth(2)), ("c", 0, worth(1)), ("d", 0, worth(1))]
    then: list[Reading] = [("a", 0, worth(4)), ("c", 0, worth(3)), ("gone", 0, worth(9))]

    report = over([(PAGES, now)], [(PAGES, then)], compares=True, top=2)

    assert [(group.key, group.prior) for group in report.groups] == [
        ("a", Prior(Decimal(8), Decimal(-25))),
        ("b", Prior(Decimal(0), None)),
        (OTHER, Prior(Decimal(6), EXACT_MINUS_THIRD)),
    ]
    assert over([(PAGES, now)], top=2).groups[0].prior is None


EXACT_MINUS_THIRD = Decimal("-33." + "3" * 798)


def test_a_change_is_unrounded_and_fits_a_number() -> None:
    def change(now: str, then: str) -> Decimal | None:
        report = over([(PAGES, [("a", 0, worth(now))])], [(PAGES, [("a", 0, worth(then))])], compares=True)
        prior = report.groups[0].prior
        return None if prior is None else prior.change

    assert change("1.00000000000000000001", "1") == Decimal("1e-18")
    assert change("1e200", "1e-200") == Decimal(sys.float_info.max)
    assert change("-1e200", "1e-200") == -Decimal(sys.float_info.max)


# Buckets of time


def test_buckets_hold_what_the_shown_groups_cost() -> None:
    readings: list[Reading] = [
        ("a", FEBRUARY, worth(5)), ("b", FEBRUARY, worth(1)), ("c", FEBRUARY, worth(2)),
        ("a", FEBRUARY + 2 * DAY, worth(7)), ("c", FEBRUARY + 3 * DAY, worth(1)),
    ]  # fmt: skip
    measured: Measured = [(PAGES, readings), (CALLS, [("c", FEBRUARY, Tally(events=1))])]

    report = over(measured, window="DAY", top=1)

    assert [(bucket.start - FEBRUARY, bucket.end - FEBRUARY) for bucket in report.series] == [
        (0, DAY), (2 * DAY, 3 * DAY), (3 * DAY, 4 * DAY),
    ]  # fmt: skip
    assert [bucket.costs for bucket in report.series] == [{"a": 10, OTHER: 8}, {"a": 14, OTHER: 0}, {"a": 0, OTHER: 2}]
    assert [bucket.costs for bucket in over(measured, window="DAY", top=1, limit=1).series] == [
        {"a": 10}, {"a": 14}, {"a": 0},
    ]  # fmt: skip
    assert over(measured, top=1).series == ()


def test_buckets_are_whole_months_even_where_the_window_cuts_them() -> None:
    report = over([(PAGES, [("a", FEBRUARY, worth(5))])], window="MONTH", start=FEBRUARY + HOUR, end=FEBRUARY + DAY)

    assert [(bucket.start, bucket.end) for bucket in report.series] == [(FEBRUARY, MARCH)]


def test_buckets_in_which_nothing_counts_are_left_out_unless_they_are_filled() -> None:
    measured: Measured = [(PAGES, [("a", FEBRUARY, Tally(events=1)), ("a", FEBRUARY + HOUR, worth(0))])]
    span: dict[str, Any] = {"window": "HOUR", "end": FEBRUARY + 3 * HOUR}

    assert [bucket.start for bucket in over(measured, **span).series] == [FEBRUARY + HOUR]
    assert [bucket.costs for bucket in over(measured, fill=True, **span).series] == [{"a": 0}] * 3


def test_a_subject_that_is_called_like_the_rest_shares_its_line() -> None:
    measured: Measured = [(PAGES, [(OTHER, FEBRUARY, worth(5)), ("b", FEBRUARY, worth(1))])]

    report = over(measured, window="DAY", top=1)

    assert [(group.key, group.is_other) for group in report.groups] == [(OTHER, False), (OTHER, True)]
    assert [bucket.costs for bucket in report.series] == [{OTHER: 12}]


def test_what_the_top_does_not_account_for_is_the_rests() -> None:
    later = FEBRUARY + DAY
    readings: list[Reading] = [
        ("a", FEBRUARY, worth(5)), ("b", FEBRUARY, worth("0.1")), ("c", FEBRUARY, worth("0.2")), ("c", later, worth(1)),
    ]  # fmt: skip
    whole: list[Reading] = [("", FEBRUARY, worth("5.3")), ("", later, worth(1))]
    mean = replace(PAGES, id="cst_mean", aggregation="AVG")
    means: list[Reading] = [("a", FEBRUARY, worth(1)), ("b", FEBRUARY, worth(2)), ("c", FEBRUARY, worth(3))]
    full = over([(PAGES, readings), (mean, means)], window="DAY", top=1)

    spared = with_series(full, [(PAGES, readings[:1]), (mean, means)], [(PAGES, whole)])

    assert spared == full
    assert [bucket.costs for bucket in full.series] == [{"a": 12, OTHER: Decimal("10.6")}, {"a": 0, OTHER: 2}]
