"""The profitability summary: revenue from invoices, cost from events, and what is left, by customer."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from mockserver.kernel.call import Call
from mockserver.kernel.world import World
from mockserver.vendors.paygentic import tables
from mockserver.vendors.paygentic.domain.aggregation import Tally, is_usable, quantity
from mockserver.vendors.paygentic.domain.costing import Cost
from mockserver.vendors.paygentic.domain.json_text import EXACT
from mockserver.vendors.paygentic.domain.metering import subject_of
from mockserver.vendors.paygentic.domain.profitability import Row, Standing, Trend, fitting_width, rank, trend_of
from mockserver.vendors.paygentic.domain.revenue import (
    BILLED,
    Line,
    Scope,
    Width,
    net,
    net_by_bucket,
    refuse_span,
    starts_of,
)
from mockserver.vendors.paygentic.operations.access import own_organization
from mockserver.vendors.paygentic.operations.readings import Cut, cells, linked


@dataclass(frozen=True, slots=True)
class ProfitabilityQuestion:
    """What is asked of customers.

    :param start: first instant of the window, in microseconds; `end` is the first one after it.
    :param most: how many customers get a row of their own.
    :param currency: the primary one when `None`.
    :param width: of the buckets of each customer's trend; one that fits the window when `None`.
    """

    merchant_id: str
    start: int
    end: int
    most: int
    currency: str | None = None
    width: Width | None = None
    exclude_empty: bool = False
    include_empty: bool = False


@dataclass(frozen=True, slots=True)
class Profitability:
    """The answer.

    :param trends: of the customers that have one, by id.
    :param revenue_extent: where in time there are invoices, asked for when this window has none; likewise costs.
    """

    currency: str
    standing: Standing
    trends: Mapping[str, Trend | None]
    warnings: Sequence[str]
    has_revenue: bool
    has_cost: bool
    revenue_extent: tuple[int, int] | None
    cost_extent: tuple[int, int] | None


def get(call: Call, question: ProfitabilityQuestion) -> Profitability:
    """Return what customers brought and cost over a window of time.

    :raises NotMember: another organization is named.
    :raises Refused: the window is empty, or has too many buckets.

    Source: paygentic/openapi "getProfitability" (documented).
    """
    world, store = call.world, call.world.store
    own_organization(call, question.merchant_id)
    width = question.width or fitting_width(question.start, question.end)
    refuse_span(question.start, question.end, width, ("from", "to"))
    currency = question.currency or tables.organizations.organization(store, world.id).primary_currency
    scope = Scope(question.start, question.end, currency)
    billed = _billed(world, scope)
    costs = [cost for cost in tables.costs.live_costs(store, world.id) if cost.currency == currency]
    spent = _spent(world, costs, question)
    rows = [
        Row(
            customer, name, net(billed.get(customer, ())), spent.get(customer, Decimal(0)),
            "recorded" if customer in spent else "none", is_billed=customer in billed,
        )
        for customer, name in tables.customers.names(store, world.id).items()
    ]  # fmt: skip
    live = tables.customers.live_ids(store, world.id)
    warnings = [_warning(cost) for cost in costs if cost.meter is None or cost.aggregation is None]
    standing = rank(
        [row for row in rows if row.customer_id in live],
        [row for row in rows if row.customer_id not in live],
        question.most, exclude_empty=question.exclude_empty, include_empty=question.include_empty,
        is_complete=not warnings,
    )  # fmt: skip
    shown = [row.customer_id for row in standing.rows if row.customer_id in billed]
    starts = starts_of(question.start, question.end, width)
    trends = {
        customer: trend_of(net_by_bucket(lines, starts))
        for customer, lines in _billed(world, replace(scope, customer_ids=shown), width).items()
    }
    has_revenue = bool(billed)
    has_cost = any(row.cost_data != "none" for row in rows)
    types = sorted({cost.event_type for cost in costs if cost.event_type is not None})
    return Profitability(
        currency, standing, trends, warnings[:_MOST_WARNINGS], has_revenue, has_cost,
        None if has_revenue else tables.invoices.extent(store, world.id, scope),
        None if has_cost else tables.reports.extent(store, world.id, types),
    )  # fmt: skip


# Source: paygentic/openapi "ProfitabilitySummaryResponse" (documented).
_MOST_WARNINGS = 100


def _billed(world: World, scope: Scope, width: Width | None = None) -> Mapping[str, list[Line]]:
    """Return what customers were billed and got back, by their ids."""
    found: defaultdict[str, list[Line]] = defaultdict(list)
    for line in tables.invoices.lines(world.store, world.id, scope, BILLED, width=width, group_by="customer"):
        found[line.key or ""].append(line)
    return found


def _warning(cost: Cost) -> str:
    return f"Cost {cost.id} has no event type or no aggregation and could not be computed"


def _spent(world: World, costs: Sequence[Cost], question: ProfitabilityQuestion) -> Mapping[str, Decimal]:
    """Return what subjects cost, by customer id or whatever else they are called; all of them were metered."""
    customers = linked(world)
    spent: defaultdict[str, Decimal] = defaultdict(Decimal)
    for cost in costs:
        if cost.aggregation is None:
            continue
        tallies: defaultdict[str | None, Tally] = defaultdict(Tally)
        for cell in cells(world, cost, Cut(question.start, question.end, by_party=True)):
            tallies[subject_of(cell.party, customers)].add(cell.tally)
        has_path = cost.value_property is not None
        for subject, tally in tallies.items():
            if subject is not None and is_usable(cost.aggregation, tally, has_path=has_path):
                amount = quantity(cost.aggregation, tally, has_path=has_path) or Decimal(0)
                spent[subject] = EXACT.add(spent[subject], EXACT.multiply(amount, cost.unit_cost))
    return spent
