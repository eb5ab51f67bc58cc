"""Billable metrics: create, list, get, change."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from mockserver.kernel.call import Call
from mockserver.kernel.errors import NotFound
from mockserver.kernel.windows import SECOND, floor_to
from mockserver.vendors.paygentic import tables
from mockserver.vendors.paygentic.domain import billable_metrics as rules
from mockserver.vendors.paygentic.domain.billable_metrics import BillableMetric, BillableMetricDraft, Item
from mockserver.vendors.paygentic.domain.errors import Refused, StateForbids
from mockserver.vendors.paygentic.operations import products, readings
from mockserver.vendors.paygentic.operations.access import (
    Body,
    Parameters,
    may_read_billable_metrics,
    may_write_billable_metrics,
    own_organization,
    refuse_other_organization,
)
from mockserver.vendors.paygentic.operations.paging import Page, PageOf

_ID = re.compile(r"bm_[a-zA-Z0-9_-]+", re.ASCII)
_ITEM_ID = re.compile(r"itm_[a-zA-Z0-9_-]+", re.ASCII)


def must_exist(call: Call, identifier: str) -> BillableMetric:
    """Return a billable metric.

    :raises NotFound: there is none.
    """
    store, world = call.world.store, call.world.id
    found = tables.billable_metrics.billable_metric(store, world, identifier) if _ID.fullmatch(identifier) else None
    if found is None:
        raise NotFound("Billable metric", identifier)
    return found


def may_create(call: Call, parameters: Parameters, body: Body) -> None:
    """Check the permission, the organization, the product and the item, whatever else may be wrong."""
    may_write_billable_metrics(call, parameters, body)
    refuse_other_organization(call, body, "merchantId")
    products.refuse_unknown(call, body)
    _refuse_unknown_item(call, body)


def may_change(call: Call, parameters: Parameters, body: Body) -> None:
    """Check the permission, then that the metric exists, its new item, and that it keeps the path it needs.

    :raises InvalidRequest: it would not.
    """
    may_write_billable_metrics(call, parameters, body)
    metric = must_exist(call, parameters[0])
    _refuse_unknown_item(call, body)
    rules.refuse_cleared_path(metric, (body or {}).get("valueProperty", metric.value_property))


def may_measure(call: Call, parameters: Parameters, body: Body) -> None:
    """Check the permission, then that the metric exists."""
    may_read_billable_metrics(call, parameters, body)
    must_exist(call, parameters[0])


def create(call: Call, draft: BillableMetricDraft) -> BillableMetric:
    """Add a billable metric; it counts the events that are there already, from its `event_from` on.

    :raises NotFound: the product or the item does not exist.
    :raises Refused: the item belongs to another product, or is archived.

    Without an event type it measures nothing until a change names one.

    Source: paygentic/openapi "createBillableMetric" (documented), earlier events (assumed).
    """
    merchant = own_organization(call, draft.merchant_id)
    item = None if draft.item_id is None else _item(call, draft.item_id)
    if draft.product_id is not None:
        products.must_exist(call, draft.product_id)
    product_id = draft.product_id if item is None else draft.product_id or item.product_id
    assert product_id is not None
    if item is not None and (reason := rules.misfit(item, product_id)):
        raise Refused(*reason)
    now = floor_to(call.now, SECOND)
    metric = BillableMetric(
        call.world.new_id("bm"), draft.name, draft.description, draft.unit, merchant, product_id, draft.item_id,
        draft.aggregation, draft.event_type, rules.stored_path(draft.aggregation, draft.value_property),
        draft.group_by, draft.event_from, created_at=now, updated_at=now,
    )  # fmt: skip
    _save(call, metric)
    return metric


def _save(call: Call, metric: BillableMetric) -> None:
    meter = None if metric.meter is None else readings.follow(call.world, metric.meter)
    tables.billable_metrics.save_billable_metric(call.world.store, call.world.id, metric, meter)


def page(call: Call, wanted: Page) -> PageOf[BillableMetric]:
    """Return some billable metrics, newest first.

    Source: paygentic/openapi "listBillableMetrics" (documented), order (assumed).
    """
    own_organization(call, wanted.merchant_id)
    found, total = tables.billable_metrics.billable_metrics(
        call.world.store, call.world.id, wanted.limit, wanted.offset,
        product_id=wanted.product_id, item_id=wanted.item_id,
    )  # fmt: skip
    return PageOf(found, wanted, total)


def update(call: Call, identifier: str, changes: Mapping[str, Any]) -> BillableMetric:
    """Change a billable metric; the new settings hold for every event, also for those that were there before.

    :raises InvalidRequest: the path is cleared that the aggregation needs.
    :raises NotFound: the item does not exist.
    :raises StateForbids: the item belongs to another product, or is archived.

    Source: paygentic/sdk-0.6.3 "updateBillableMetric" (sdk), earlier events (assumed).
    """
    metric = rules.changed(must_exist(call, identifier), changes, floor_to(call.now, SECOND))
    tag = changes.get("item_id")
    if tag is not None and (reason := rules.misfit(_item(call, tag), metric.product_id)):
        raise StateForbids(*reason)
    if changes:
        _save(call, metric)
    return metric


def _refuse_unknown_item(call: Call, body: Body) -> None:
    named = None if body is None else body.get("itemId")
    if isinstance(named, str) and _ITEM_ID.fullmatch(named):
        _item(call, named)


def _item(call: Call, identifier: str) -> Item:
    found = tables.billable_metrics.item(call.world.store, call.world.id, identifier)
    if found is None:
        raise NotFound("Item", identifier)
    return found
