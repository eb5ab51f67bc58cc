"""The cost report: what costs came to, by cost, by customer or by dimension."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from mockserver.kernel.call import Call
from mockserver.kernel.world import World
from mockserver.vendors.paygentic import tables
from mockserver.vendors.paygentic.domain import reports
from mockserver.vendors.paygentic.domain.buckets import Window
from mockserver.vendors.paygentic.domain.metering import subject_of
from mockserver.vendors.paygentic.domain.reports import (
    BY_COST,
    BY_CUSTOMER,
    Measured,
    Report,
    ReportQuestion,
    Selection,
)
from mockserver.vendors.paygentic.operations.access import own_organization
from mockserver.vendors.paygentic.operations.readings import Cut, cells, linked
from mockserver.vendors.paygentic.operations.summaries import ZERO_FILL


def report(call: Call, question: ReportQuestion) -> Report:
    """Return what costs came to over a window of time.

    :raises NotMember: another organization is named.
    :raises InvalidRequest: a dimension is named that cannot be, or the filter is faulty.
    :raises Refused: the window is empty, or has too many buckets.

    Source: paygentic/openapi "getCostReport" (documented).
    """
    world = call.world
    own_organization(call, question.merchant_id)
    currency = question.currency or tables.organizations.organization(world.store, world.id).primary_currency
    selection = reports.select(question, currency, tables.costs.live_costs(world.store, world.id))
    measured = _measured(world, question, selection, question.start, question.end, question.window)
    before = _measured(world, question, selection, *question.before, None) if question.compares else ()
    found = reports.compiled(question, selection, measured, before, fill=world.is_on(ZERO_FILL))
    return replace(found, labels=_labels(world, found), extent=_extent(world, found))


def _measured(
    world: World, question: ReportQuestion, selection: Selection, start: int, end: int, window: Window | None
) -> Measured:
    """Yield what each cost measured, read once per cost however many groups there are."""
    by_party = question.group_by == BY_CUSTOMER
    by_labels = question.group_by not in (BY_COST, BY_CUSTOMER)
    place = selection.dimensions.index(question.group_by) if by_labels else 0
    customers = linked(world) if by_party else {}
    cut = Cut(start, end, question.subject, selection.filters, window, by_labels=by_labels, by_party=by_party)
    for cost in selection.readable:
        found = cells(world, cost, cut)
        if by_party:
            yield cost, ((_whose(cell.party, customers), cell.bucket, cell.tally) for cell in found)
        elif by_labels:
            yield cost, ((cell.labels[place], cell.bucket, cell.tally) for cell in found)
        else:
            yield cost, ((cost.id, cell.bucket, cell.tally) for cell in found)


def _whose(party: str, customers: Mapping[str, str]) -> str:
    """Return the subject; an external subject that nobody has yet stands for itself."""
    return subject_of(party, customers) or party[2:]


def _labels(world: World, found: Report) -> Mapping[str, str]:
    """Return what the groups that are shown are called."""
    match found.question.group_by:
        case "cost":
            return {cost.id: cost.name for cost in found.selection.costs}
        case "customer":
            return tables.reports.customer_names(world.store, world.id, [group.key for group in found.groups])
        case _:
            return {}


def _extent(world: World, found: Report) -> tuple[int, int] | None:
    """Return where in time the costs' events are, when this window has none of them."""
    if not found.is_empty:
        return None
    types = {cost.event_type for cost in found.selection.costs if cost.event_type is not None}
    return tables.reports.extent(world.store, world.id, sorted(types))
