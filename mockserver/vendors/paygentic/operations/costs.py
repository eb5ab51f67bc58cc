"""Cost metrics: create, list, get, change, delete, and what they came to."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import chain
from typing import Any

from mockserver.kernel.call import Call
from mockserver.kernel.errors import NotFound
from mockserver.kernel.windows import DAY, SECOND, floor_to
from mockserver.vendors.paygentic import tables
from mockserver.vendors.paygentic.domain import costing
from mockserver.vendors.paygentic.domain.aggregation import WIDTHS, cover
from mockserver.vendors.paygentic.domain.costing import Cell, Cost, CostDraft, Question, Summary
from mockserver.vendors.paygentic.domain.metering import parties_of
from mockserver.vendors.paygentic.operations import products
from mockserver.vendors.paygentic.operations.access import (
    Body,
    Parameters,
    may_read_costs,
    may_write_costs,
    own_organization,
)
from mockserver.vendors.paygentic.operations.paging import Page, PageOf

READ_DELETED = "paygentic.read_deleted"
ZERO_FILL = "paygentic.zero_fill"

_ID = re.compile(r"cst_[a-zA-Z0-9_-]+", re.ASCII)


def must_exist(call: Call, identifier: str, *, even_deleted: bool = False) -> Cost:
    """Return a cost.

    :raises NotFound: there is none, or it was deleted.
    """
    found = tables.costs.cost(call.world.store, call.world.id, identifier) if _ID.fullmatch(identifier) else None
    if found is None or (found.deleted_at is not None and not even_deleted):
        raise NotFound("Cost", identifier)
    return found


def may_change(call: Call, parameters: Parameters, body: Body) -> None:
    """Check the permission, then that the cost exists."""
    may_write_costs(call, parameters, body)
    must_exist(call, parameters[0])


def may_summarise(call: Call, parameters: Parameters, body: Body) -> None:
    """Check the permission, then that the cost exists."""
    may_read_costs(call, parameters, body)
    _readable(call, parameters[0])


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
    tables.costs.save_cost(store, world, cost)
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
        tables.costs.save_cost(store, world, cost)
    return cost


def delete(call: Call, identifier: str) -> None:
    """Delete a cost for everybody who asks; its row and its readings stay.

    Source: paygentic/cost-tracking "Delete a cost" (documented).
    """
    cost = must_exist(call, identifier)
    tables.costs.save_cost(call.world.store, call.world.id, replace(cost, deleted_at=floor_to(call.now, SECOND)))


def _readable(call: Call, identifier: str) -> Cost:
    return must_exist(call, identifier, even_deleted=call.world.is_on(READ_DELETED))


def summary(call: Call, identifier: str, question: Question) -> Summary:
    """Return what a cost came to over a window of time.

    :raises InvalidRequest: the question names a dimension the cost does not have.
    :raises Refused: the window is empty, or has too many buckets.

    Source: paygentic/cost-tracking "Step 3: Query Cost Summary" (documented).
    """
    cost = _readable(call, identifier)
    filters = costing.filters_for(cost, question)
    meter = tables.meters.meter_of_cost(call.world.store, call.world.id, identifier)
    if meter is not None:
        tables.meters.catch_up(call.world.store, call.world.id, meter)
    cells = iter(()) if meter is None else _cells(call, cost, meter, question, filters)
    return costing.summarise(cost, question, cells, fill=call.world.is_on(ZERO_FILL))


def _cells(call: Call, cost: Cost, meter: int, question: Question, filters: Mapping[str, str]) -> Iterator[Cell]:
    """Yield what is needed of a meter's readings, already narrowed to the question."""
    store, world = call.world.store, call.world.id
    parties = None
    if question.subject is not None:
        parties = parties_of(question.subject, tables.customers.external_id_of(store, world, question.subject))
    width = None if question.window is None else WIDTHS[question.window]
    by_combo = bool(filters or question.group_by)
    wanted: dict[int, tuple[str, ...]] = {0: ()}
    if by_combo:
        wanted = _matching(cost, filters, tables.meters.labels_of_meter(store, world, meter))
    rollups = tuple([each for each in tables.meters.ROLLUP_WIDTHS if width is None or each <= width])
    found = tables.summaries.tallies(
        store, world, meter, cover(question.start, question.end, rollups),
        parties=parties, bucket_width=width, by_combo=by_combo, aggregation=cost.aggregation or "",
    )  # fmt: skip
    if cost.aggregation == "UNIQUE_COUNT" and cost.value_property is not None:
        days = (DAY,) if width is None or width == DAY else ()
        distinct = tables.summaries.distinct_keys(
            store, world, meter, cover(question.start, question.end, days),
            parties=parties, bucket_width=width, by_combo=by_combo,
        )  # fmt: skip
        found = chain(found, distinct)
    for bucket, combo, tally in found:
        if combo in wanted:
            yield Cell(bucket, wanted[combo], tally)


def _matching(
    cost: Cost, filters: Mapping[str, str], labels: Mapping[int, tuple[str, ...]]
) -> dict[int, tuple[str, ...]]:
    """Return the combinations of dimension values that pass a filter."""
    names = sorted(cost.group_by or {})
    wanted = [(names.index(name), value) for name, value in filters.items()]
    return {combo: values for combo, values in labels.items() if all(values[place] == value for place, value in wanted)}
