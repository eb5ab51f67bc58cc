"""Billable metrics and the items they are tagged with: their rules (pure)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from mockserver.kernel.errors import InvalidRequest, Problem
from mockserver.vendors.paygentic.domain.aggregation import NEEDS_VALUE, Aggregation
from mockserver.vendors.paygentic.domain.metering import Meter


@dataclass(frozen=True, slots=True)
class Item:
    """A thing the merchant sells, as its books know it; a billable metric may be tagged with one.

    :param product_id: the product it is filed under.
    :param archived_at: when it was retired, or `None`.
    """

    id: str
    name: str
    product_id: str
    created_at: int
    archived_at: int | None = None


@dataclass(frozen=True, slots=True)
class BillableMetricDraft:
    """A billable metric as it was asked for: of a product, of an item's product, or both.

    :param event_from: instant from which events count, or `None` for all of them.
    """

    name: str
    description: str
    unit: str
    merchant_id: str
    aggregation: Aggregation
    event_type: str | None = None
    product_id: str | None = None
    item_id: str | None = None
    value_property: str | None = None
    group_by: Mapping[str, str] | None = None
    event_from: int | None = None


@dataclass(frozen=True, slots=True)
class BillableMetric:
    """What is measured in order to be billed; other than a cost it has no price of its own.

    :param group_by: dimension name -> path, in the order given.
    :param event_from: instant from which events count, or `None` for all of them.
    :param created_at: whole seconds, as microseconds; `updated_at` likewise.
    """

    id: str
    name: str
    description: str
    unit: str
    merchant_id: str
    product_id: str
    item_id: str | None
    aggregation: Aggregation
    event_type: str | None
    value_property: str | None
    group_by: Mapping[str, str] | None
    event_from: int | None
    created_at: int
    updated_at: int

    @property
    def meter(self) -> Meter | None:
        """How this metric reads events, or `None` as long as it names no event type."""
        if self.event_type is None:
            return None
        keeps_distinct = self.aggregation == "UNIQUE_COUNT" and self.value_property is not None
        return Meter(self.event_type, self.value_property, self.group_by or {}, keeps_distinct)


def stored_path(aggregation: Aggregation, value_property: str | None) -> str | None:
    """Return the path that is kept of the one that was sent: a metric that counts has none.

    Source: paygentic/sdk-0.6.3 "valueProperty: Not stored for COUNT" (sdk).
    """
    return None if aggregation == "COUNT" else value_property


def changed(metric: BillableMetric, changes: Mapping[str, Any], at: int) -> BillableMetric:
    """Return a metric with some fields replaced; `updated_at` moves when at least one was named.

    :param changes: field name -> new value; fields not in it stay.
    :raises InvalidRequest: the path is cleared that the aggregation needs.

    Source: paygentic/sdk-0.6.3 "updateBillableMetric" (sdk).
    """
    if not changes:
        return metric
    result = replace(metric, **changes, updated_at=at)
    refuse_cleared_path(metric, result.value_property)
    return replace(result, value_property=stored_path(result.aggregation, result.value_property))


def refuse_cleared_path(metric: BillableMetric, value_property: Any) -> None:
    """Refuse a change that leaves the aggregation without the path it needs.

    :raises InvalidRequest: it does.
    """
    if metric.aggregation in NEEDS_VALUE and value_property is None:
        message = f"cannot be cleared when aggregation is {metric.aggregation}"
        raise InvalidRequest(Problem(("body", "valueProperty"), message, "required"))


def misfit(item: Item, product_id: str) -> tuple[str, str] | None:
    """Return why an item cannot tag a metric of a product, as a message and a code, or `None` when it can.

    Source: paygentic/sdk-0.6.3 "updateBillableMetric", `itemId` (sdk), the code for an archived item (assumed).
    """
    if item.product_id != product_id:
        return f"Item {item.id} belongs to product {item.product_id}, not to {product_id}", "ITEM_PRODUCT_MISMATCH"
    if item.archived_at is not None:
        return f"Item {item.id} is archived", "ITEM_ARCHIVED"
    return None
