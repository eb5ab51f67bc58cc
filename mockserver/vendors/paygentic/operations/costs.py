"""Cost metrics: create, list, get, change, delete."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from mockserver.kernel.call import Call
from mockserver.kernel.errors import NotFound
from mockserver.kernel.windows import SECOND, floor_to
from mockserver.vendors.paygentic import tables
from mockserver.vendors.paygentic.domain import costing
from mockserver.vendors.paygentic.domain.costing import Cost, CostDraft
from mockserver.vendors.paygentic.operations import products, readings
from mockserver.vendors.paygentic.operations.access import (
    Body,
    Parameters,
    may_write_costs,
    own_organization,
    refuse_other_organization,
)
from mockserver.vendors.paygentic.operations.paging import Page, PageOf

_ID = re.compile(r"cst_[a-zA-Z0-9_-]+", re.ASCII)


def must_exist(call: Call, identifier: str, *, even_deleted: bool = False) -> Cost:
    """Return a cost.

    :raises NotFound: there is none, or it was deleted.
    """
    found = tables.costs.cost(call.world.store, call.world.id, identifier) if _ID.fullmatch(identifier) else None
    if found is None or (found.deleted_at is not None and not even_deleted):
        raise NotFound("Cost", identifier)
    return found


def may_create(call: Call, parameters: Parameters, body: Body) -> None:
    """Check the permission, the organization and the product, whatever else may be wrong."""
    may_write_costs(call, parameters, body)
    refuse_other_organization(call, body, "merchantId")
    products.refuse_unknown(call, body)


def may_delete(call: Call, parameters: Parameters, body: Body) -> None:
    """Check the permission, then that the cost exists."""
    may_write_costs(call, parameters, body)
    must_exist(call, parameters[0])


def may_update(call: Call, parameters: Parameters, body: Body) -> None:
    """Check the permission, that the cost exists, and that what it is to become reads a value where it needs one.

    :raises InvalidRequest: it would not.
    """
    may_write_costs(call, parameters, body)
    cost = must_exist(call, parameters[0])
    if body is not None:
        aggregation = body.get("aggregation", cost.aggregation)
        if isinstance(aggregation, str):
            costing.refuse_missing_path(aggregation, body.get("valueProperty", cost.value_property))


def create(call: Call, draft: CostDraft) -> Cost:
    """Add a cost metric; it counts the events that are there already.

    :raises NotFound: the product does not exist.
    :raises Refused: the currency is not enabled.

    Source: paygentic/cost-tracking "Step 1: Create a Cost Metric" (documented), earlier events (assumed).
    """
    store, world = call.world.store, call.world.id
    merchant = own_organization(call, draft.merchant_id)
    products.must_exist(call, draft.product_id)
    costing.refuse_currency(draft.currency, tables.organizations.organization(store, world).currencies)
    now = floor_to(call.now, SECOND)
    cost = Cost(
        tables.organizations.take_first_cost_id(store, world) or call.world.new_id("cst"),
        draft.name, draft.currency, draft.unit_cost, draft.unit, draft.aggregation, draft.event_type,
        draft.value_property, draft.group_by, draft.product_id, merchant, created_at=now, updated_at=now,
    )  # fmt: skip
    _save(call, cost)
    return cost


def page(call: Call, wanted: Page) -> PageOf[Cost]:
    """Return some costs, newest first; deleted ones are left out.

    Source: paygentic/cost-tracking "List costs" (documented), order (assumed).
    """
    own_organization(call, wanted.merchant_id)
    found, total = tables.costs.costs(call.world.store, call.world.id, wanted.limit, wanted.offset, wanted.product_id)
    return PageOf(found, wanted, total)


def update(call: Call, identifier: str, changes: Mapping[str, Any]) -> Cost:
    """Change a cost; the new settings hold for every event, also for those that were there before.

    :raises InvalidRequest: the result could not have been created.
    :raises Refused: the new currency is not enabled.

    Source: paygentic/cost-tracking "Update a cost" (documented), earlier events (assumed).
    """
    store, world = call.world.store, call.world.id
    cost = costing.changed(must_exist(call, identifier), changes, floor_to(call.now, SECOND))
    if "currency" in changes:
        costing.refuse_currency(cost.currency, tables.organizations.organization(store, world).currencies)
    if changes:
        _save(call, cost)
    return cost


def delete(call: Call, identifier: str) -> None:
    """Delete a cost for everybody who asks; its row and its readings stay.

    Source: paygentic/cost-tracking "Delete a cost" (documented).
    """
    cost = must_exist(call, identifier)
    _save(call, replace(cost, deleted_at=floor_to(call.now, SECOND)))


def _save(call: Call, cost: Cost) -> None:
    meter = None if cost.meter is None else readings.follow(call.world, cost.meter)
    tables.costs.save_cost(call.world.store, call.world.id, cost, meter)
