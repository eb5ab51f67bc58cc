"""Rules of billable metrics and of the items that tag them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mockserver.kernel.errors import InvalidRequest
from mockserver.vendors.paygentic.domain.aggregation import Aggregation
from mockserver.vendors.paygentic.domain.billable_metrics import BillableMetric, Item, changed, misfit, stored_path
from mockserver.vendors.paygentic.domain.metering import Meter

METRIC = BillableMetric(
    "bm_1", "n", "d", "u", "org_1", "prod_1", None, "SUM", "t", "$.v", {"b": "$.b"}, None, created_at=10, updated_at=10
)
ITEM = Item("itm_1", "n", "prod_1", 10)


def test_naming_a_field_moves_the_time_of_change_and_naming_none_does_not() -> None:
    assert changed(METRIC, {}, 99) is METRIC
    assert changed(METRIC, {"name": "m"}, 99) == replace(METRIC, name="m", updated_at=99)


@pytest.mark.parametrize("aggregation", ["SUM", "AVG", "MIN", "MAX", "LATEST"])
def test_the_path_that_an_aggregation_needs_cannot_be_cleared(aggregation: Aggregation) -> None:
    with pytest.raises(InvalidRequest) as refused:
        changed(replace(METRIC, aggregation=aggregation), {"value_property": None}, 99)

    assert [(problem.field, problem.code) for problem in refused.value.problems] == [("valueProperty", "required")]


def test_counting_distinct_values_needs_no_path() -> None:
    distinct = replace(METRIC, aggregation="UNIQUE_COUNT")

    assert changed(distinct, {"value_property": None}, 99).value_property is None
    assert changed(distinct, {"value_property": "$.w"}, 99).value_property == "$.w"


def test_a_metric_that_counts_keeps_no_path() -> None:
    counting = replace(METRIC, aggregation="COUNT", value_property=None)

    assert stored_path("COUNT", "$.v") is None
    assert stored_path("SUM", "$.v") == "$.v"
    assert changed(counting, {"value_property": "$.v"}, 99).value_property is None


@pytest.mark.parametrize(
    ("aggregation", "path", "keeps"),
    [("UNIQUE_COUNT", "$.v", True), ("UNIQUE_COUNT", None, False), ("SUM", "$.v", False)],
)
def test_only_distinct_values_need_to_be_kept(aggregation: Aggregation, path: str | None, keeps: bool) -> None:
    meter = replace(METRIC, aggregation=aggregation, value_property=path, group_by=None).meter

    assert meter == Meter(METRIC.event_type or "", path, {}, keeps)


def test_without_an_event_type_there_is_nothing_to_read() -> None:
    assert replace(METRIC, event_type=None).meter is None


def test_an_item_tags_metrics_of_its_own_product_until_it_is_archived() -> None:
    assert misfit(ITEM, "prod_1") is None
    assert misfit(ITEM, "prod_2") == (
        "Item itm_1 belongs to product prod_1, not to prod_2", "ITEM_PRODUCT_MISMATCH",
    )  # fmt: skip
    assert misfit(replace(ITEM, archived_at=20), "prod_1") == ("Item itm_1 is archived", "ITEM_ARCHIVED")
