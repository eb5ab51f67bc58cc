"""The cost report: what costs came to, by cost, by customer or by dimension."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import chain

from mockserver.kernel.call import Call
from mockserver.kernel.world import World
from mockserver.vendors.paygentic import tables
from mockserver.vendors.paygentic.domain import reports
from mockserver.vendors.paygentic.domain.costing import Cost
from mockserver.vendors.paygentic.domain.metering import parties_of, party_of, subject_of
from mockserver.vendors.paygentic.domain.reports import (
    ADDS_UP,
    BY_COST,
    BY_CUSTOMER,
    Measured,
    Report,
    ReportQuestion,
    Selection,
)
from mockserver.vendors.paygentic.operations.access import own_organization
from mockserver.vendors.paygentic.operations.readings import Cell, Cut, cells, linked
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
    reader = _Reader(world, question, selection)
    before = reader.groups(*question.before) if question.compares else ()
    found = reports.compiled(question, selection, reader.groups(question.start, question.end), before)
    if question.window is not None:
        found = reports.with_series(found, *reader.buckets(found.top), fill=world.is_on(ZERO_FILL))
    return replace(found, labels=_labels(world, found), extent=_extent(world, found))


class _Reader:
    """Reads costs in the groups of a question: all groups of a cost at once, however many there are."""

    def __init__(self, world: World, question: ReportQuestion, selection: Selection) -> None:
        self._world, self._question, self._selection = world, question, selection
        self._by_customer = question.group_by == BY_CUSTOMER
        self._customers = linked(world) if self._by_customer else {}
        self._cut = Cut(
            question.start, question.end, question.subject, selection.filters,
            by_labels=question.group_by not in (BY_COST, BY_CUSTOMER), by_party=self._by_customer,
        )  # fmt: skip

    def groups(self, start: int, end: int) -> Measured:
        """Return what each cost measured in a window of time, by group."""
        return self._read(self._selection.readable, replace(self._cut, start=start, end=end))

    def buckets(self, top: Iterable[str]) -> tuple[Measured, Measured]:
        """Return what each cost measured by group and bucket, and what some measured by bucket alone.

        The latter are read by bucket and group only as far as the top groups go: there may be very many customers,
        unless one subject is asked about.
        """
        cut = replace(self._cut, window=self._question.window)
        costs = self._selection.readable
        has_many = self._by_customer and self._question.subject is None
        summed = [cost for cost in costs if has_many and cost.aggregation in ADDS_UP]
        others = [cost for cost in costs if cost not in summed]
        parts = self._read(summed, replace(cut, parties=self._parties(top)))
        return chain(parts, self._read(others, cut)), self._read(summed, replace(cut, by_party=False))

    def _read(self, costs: Iterable[Cost], cut: Cut) -> Measured:
        for cost in costs:
            yield cost, [(self._key(cost, cell), cell.bucket, cell.tally) for cell in cells(self._world, cost, cut)]

    def _key(self, cost: Cost, cell: Cell) -> str:
        """Return the group that a cell belongs to; an external subject that nobody has yet stands for itself."""
        if self._by_customer:
            return subject_of(cell.party, self._customers) or cell.party[2:]
        if self._question.group_by == BY_COST:
            return cost.id
        return cell.labels[self._selection.dimensions.index(self._question.group_by)]

    def _parties(self, subjects: Iterable[str]) -> tuple[str, ...]:
        """Return everybody who is one of these groups."""
        external_ids = {customer: name for name, customer in self._customers.items()}
        found: list[str] = []
        for subject in subjects:
            found += parties_of(subject, external_ids.get(subject))
            if subject not in self._customers:
                found.append(party_of(None, subject))
        return tuple(found)


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
