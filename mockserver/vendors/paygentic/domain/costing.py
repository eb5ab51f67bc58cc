"""Cost metrics: their rules, and the summary of what they measured (pure)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from mockserver.kernel.errors import InvalidRequest, Problem
from mockserver.vendors.paygentic.domain.aggregation import (
    NEEDS_VALUE,
    Aggregation,
    Tally,
    is_usable,
    quantity,
)
from mockserver.vendors.paygentic.domain.buckets import Window, buckets, refuse_window
from mockserver.vendors.paygentic.domain.errors import Refused
from mockserver.vendors.paygentic.domain.filters import Dimensions
from mockserver.vendors.paygentic.domain.json_text import EXACT
from mockserver.vendors.paygentic.domain.metering import Labels, Meter

# Source: paygentic/cost-tracking "Create cost request", row unitCost (documented).
MIN_UNIT_COST = Decimal(0)
MAX_UNIT_COST = Decimal(1_000_000)


@dataclass(frozen=True, slots=True)
class CostDraft:
    """A cost metric as it was asked for."""

    name: str
    event_type: str
    aggregation: Aggregation
    unit_cost: Decimal
    currency: str
    product_id: str
    value_property: str | None = None
    unit: str | None = None
    group_by: Mapping[str, str] | None = None
    merchant_id: str | None = None


@dataclass(frozen=True, slots=True)
class Cost:
    """A cost metric.

    :param group_by: dimension name -> path, in the order given.
    :param created_at: whole seconds, as microseconds; the other two likewise.
    """

    id: str
    name: str
    currency: str
    unit_cost: Decimal
    unit: str | None
    aggregation: Aggregation | None
    event_type: str | None
    value_property: str | None
    group_by: Mapping[str, str] | None
    product_id: str
    merchant_id: str
    created_at: int
    updated_at: int
    deleted_at: int | None = None

    @property
    def meter(self) -> Meter | None:
        """How this cost reads events, or `None` when it names no event type."""
        if self.event_type is None:
            return None
        keeps_distinct = self.aggregation == "UNIQUE_COUNT" and self.value_property is not None
        return Meter(self.event_type, self.value_property, self.group_by or {}, keeps_distinct)


def changed(cost: Cost, changes: Mapping[str, Any], at: int) -> Cost:
    """Return a cost with some fields replaced; `updated_at` moves when at least one was named.

    :param changes: field name -> new value; fields not in it stay.
    :raises InvalidRequest: the result could not have been created.

    Source: paygentic/cost-tracking "Update a cost" (documented), that the result must be valid (assumed).
    """
    if not changes:
        return cost
    result = replace(cost, **changes, updated_at=at)
    refuse_missing_path(result.aggregation, result.value_property)
    return result


def refuse_missing_path(aggregation: str | None, value_property: Any) -> None:
    """Refuse settings that read a value from nowhere.

    :raises InvalidRequest: they do.

    Source: paygentic/cost-tracking "Create cost request", row valueProperty (documented).
    """
    if aggregation in NEEDS_VALUE and value_property is None:
        raise InvalidRequest(
            Problem(("body", "valueProperty"), f"needed when aggregation is {aggregation}", "required")
        )


def refuse_currency(currency: str, enabled: Iterable[str]) -> None:
    """Refuse a currency that the organization has not enabled.

    :raises Refused: it has not.

    Source: paygentic/cost-tracking "Create cost request", row currency (documented), the code (assumed).
    """
    if currency not in enabled:
        raise Refused(f"Currency {currency} is not enabled for this organization", "CURRENCY_NOT_ENABLED")


@dataclass(frozen=True, slots=True)
class Question:
    """What a summary is asked for.

    :param group_by: dimension keys, or `None` when no grouping is wanted.
    :param filters: text of the JSON object that narrows the dimensions, or `None`.
    """

    start: int
    end: int
    subject: str | None = None
    group_by: tuple[str, ...] | None = None
    window: Window | None = None
    filters: str | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """One combination of dimension values."""

    dimensions: Mapping[str, str]
    quantity: Decimal
    cost: Decimal


@dataclass(frozen=True, slots=True)
class Point:
    """One bucket of time."""

    start: int
    end: int
    quantity: Decimal
    cost: Decimal


@dataclass(frozen=True, slots=True)
class Summary:
    """What a cost came to.

    :param groups: `None` when no grouping was asked for; `series` likewise.
    """

    cost: Cost
    total_quantity: Decimal | None
    total_cost: Decimal | None
    groups: tuple[Group, ...] | None = None
    series: tuple[Point, ...] | None = None


def dimensions(cost: Cost) -> Dimensions:
    """Return the dimensions of a cost."""
    return Dimensions(cost.group_by or {}, "this cost")


def filters_for(cost: Cost, question: Question) -> dict[str, str]:
    """Check the dimensions and the window a question names, and return the wanted value of each filtered dimension.

    :raises InvalidRequest: a key is not a dimension of the cost, or the filter is not an object of scalars.
    :raises Refused: the window is empty or would have too many buckets.

    Source: paygentic/cost-tracking "Filter by dimension values" (documented), what is refused (assumed).
    """
    filters = dimensions(cost).filters(question.group_by or (), question.filters)
    refuse_window(question.start, question.end, question.window)
    return filters


Reading = tuple[int, Labels, Tally]
"""The tally of one bucket (0 when no window is wanted) and one combination of dimension values."""


def summarise(cost: Cost, question: Question, readings: Iterable[Reading], *, fill: bool = False) -> Summary:
    """Fold readings into the total, the groups and the buckets that a question asks for.

    Each of them is computed from the readings themselves, never from one another, because most
    aggregations do not add up.

    :param readings: those of the window, the subject and the filter, and no others.
    :param fill: whether empty buckets of SUM and COUNT are shown as zero.

    Source: paygentic/cost-tracking "Query Cost Summary" (documented), order and empty entries (assumed).
    """
    aggregation = cost.aggregation
    wanted = question.group_by
    if aggregation is None or cost.event_type is None:
        return Summary(cost, None, None, None if wanted is None else (), None if question.window is None else ())
    names = tuple(sorted(cost.group_by or {}))
    places = [names.index(key) for key in wanted or ()]
    total = Tally()
    groups: dict[Labels, Tally] = {}
    series: dict[int, Tally] = {}
    for bucket, labels, tally in readings:
        total.add(tally)
        if wanted is not None:
            groups.setdefault(tuple([labels[place] for place in places]), Tally()).add(tally)
        if question.window is not None:
            series.setdefault(bucket, Tally()).add(tally)
    has_path = cost.value_property is not None
    amount = quantity(aggregation, total, has_path=has_path)
    return Summary(
        cost,
        amount,
        None if amount is None else EXACT.multiply(amount, cost.unit_cost),
        None if wanted is None else _groups(cost, aggregation, wanted, groups),
        None if question.window is None else _series(cost, aggregation, question, series, fill=fill),
    )


def _groups(
    cost: Cost, aggregation: Aggregation, keys: tuple[str, ...], tallies: Mapping[Labels, Tally]
) -> tuple[Group, ...]:
    has_path = cost.value_property is not None
    found = []
    for labels, tally in sorted(tallies.items()):
        amount = quantity(aggregation, tally, has_path=has_path)
        if amount is not None:
            dimensions = dict(zip(keys, labels, strict=True))
            found.append(Group(dimensions, amount, EXACT.multiply(amount, cost.unit_cost)))
    return tuple(sorted(found, key=lambda group: group.cost, reverse=True))


def _series(
    cost: Cost, aggregation: Aggregation, question: Question, tallies: Mapping[int, Tally], *, fill: bool
) -> tuple[Point, ...]:
    assert question.window is not None
    has_path = cost.value_property is not None
    is_filled = fill and aggregation in ("SUM", "COUNT")
    found = []
    for start, end in buckets(question.start, question.end, question.window):
        tally = tallies.get(start, Tally())
        if is_filled or is_usable(aggregation, tally, has_path=has_path):
            amount = quantity(aggregation, tally, has_path=has_path)
            assert amount is not None
            found.append(Point(start, end, amount, EXACT.multiply(amount, cost.unit_cost)))
    return tuple(found)


def canonical_group_by(group_by: Mapping[str, str]) -> str:
    """Return a dimension map as text that is equal for equal maps."""
    return json.dumps(dict(sorted(group_by.items())), separators=(",", ":"))
