"""What one event is worth by itself, in dollars, and which texts it carries (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from mockserver.vendors.paygentic.domain.costing import Cost
from mockserver.vendors.paygentic.domain.json_text import EXACT
from mockserver.vendors.paygentic.domain.metering import Steps, number, reach, steps_of

CURRENCY = "USD"


@dataclass(frozen=True, slots=True)
class Tariff:
    """What the costs that read a type of event make of each one.

    :param flat: dollars for any event.
    :param rates: dollars for each unit of the number that a path leads to.
    :param caveats: the costs that make nothing of a single event, or nothing in dollars, and why.
    """

    flat: Decimal = Decimal(0)
    rates: tuple[tuple[Steps, Decimal], ...] = ()
    caveats: tuple[str, ...] = ()

    def worth(self, data: Mapping[str, Any]) -> Decimal:
        """Return what an event adds to the totals of these costs, in dollars; what is no number adds nothing."""
        total = self.flat
        for steps, unit_cost in self.rates:
            amount = number(reach(data, steps))
            if amount is not None:
                total = EXACT.fma(amount, unit_cost, total)
        return total


def tariffs(costs: Iterable[Cost]) -> dict[str, Tariff]:
    """Return what events are worth, by type: SUM gives each its value x unitCost, COUNT its unitCost.

    Source: paygentic/assumptions (that an event by itself is worth what it adds to the totals).
    """
    found: dict[str, Tariff] = {}
    for cost in costs:
        if cost.event_type is None:
            continue
        before = found.get(cost.event_type, Tariff())
        found[cost.event_type] = _with(before, cost)
    return found


def _with(tariff: Tariff, cost: Cost) -> Tariff:
    if cost.currency != CURRENCY:
        why = f"cost {cost.id} is in {cost.currency}: what its events are worth in {CURRENCY} is not known"
    elif cost.aggregation == "COUNT":
        return Tariff(EXACT.add(tariff.flat, cost.unit_cost), tariff.rates, tariff.caveats)
    elif cost.aggregation == "SUM":
        assert cost.value_property is not None
        rate = (steps_of(cost.value_property), cost.unit_cost)
        return Tariff(tariff.flat, (*tariff.rates, rate), tariff.caveats)
    else:
        how = cost.aggregation or "without an aggregation"
        why = f"cost {cost.id} is {how}: none of its events is worth anything by itself"
    return Tariff(tariff.flat, tariff.rates, (*tariff.caveats, why))


def strings_in(data: Mapping[str, Any]) -> list[str]:
    """Return every string in an event's data, at any depth; names of members are none."""
    found: list[str] = []
    waiting: list[Any] = [data]
    while waiting:
        here = waiting.pop()
        for value in here if type(here) is list else here.values():
            kind = type(value)
            if kind is str:
                found.append(value)
            elif kind is dict or kind is list:
                waiting.append(value)
    return found
