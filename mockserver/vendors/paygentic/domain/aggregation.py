"""The seven aggregations, over tallies that add up (pure)."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from mockserver.vendors.paygentic.domain.amounts import from_sortable, marked
from mockserver.vendors.paygentic.domain.json_text import EXACT

Aggregation = Literal["SUM", "COUNT", "AVG", "MIN", "MAX", "UNIQUE_COUNT", "LATEST"]

NEEDS_VALUE: frozenset[str] = frozenset({"SUM", "AVG", "MIN", "MAX", "LATEST"})
"""Source: paygentic/cost-tracking "Create cost request", row valueProperty (documented)."""


@dataclass(slots=True)
class Tally:
    """What is known of a set of readings; two tallies of disjoint sets add up to that of both.

    :param events: how many readings.
    :param values: how many of them have a number.
    :param total: sum of the numbers.
    :param least: the least number, as sortable bytes; `greatest` likewise.
    :param latest: mark of the last reading that has a number.
    :param keys: distinct values.
    """

    events: int = 0
    values: int = 0
    total: Decimal = Decimal(0)
    least: bytes | None = None
    greatest: bytes | None = None
    latest: bytes | None = None
    keys: set[str] = field(default_factory=set)

    def add(self, other: Tally) -> None:
        """Take another tally in."""
        self.events += other.events
        self.values += other.values
        self.total = EXACT.add(self.total, other.total)
        if other.least is not None:
            self.least = other.least if self.least is None else min(self.least, other.least)
        if other.greatest is not None:
            self.greatest = other.greatest if self.greatest is None else max(self.greatest, other.greatest)
        if other.latest is not None:
            self.latest = other.latest if self.latest is None else max(self.latest, other.latest)
        self.keys |= other.keys


def quantity(aggregation: Aggregation, tally: Tally, *, has_path: bool) -> Decimal | None:
    """Return what an aggregation makes of a tally, or `None` when it has nothing to go by.

    :param has_path: whether the cost names a value; without one UNIQUE_COUNT counts events.

    Source: paygentic/cost-tracking "Create cost request", row aggregation (documented), empty results (assumed).
    """
    match aggregation:
        case "SUM":
            return tally.total
        case "COUNT":
            return Decimal(tally.events)
        case "UNIQUE_COUNT":
            return Decimal(len(tally.keys) if has_path else tally.events)
        case "AVG":
            return EXACT.divide(tally.total, Decimal(tally.values)) if tally.values else None
        case "MIN":
            return None if tally.least is None else from_sortable(tally.least)
        case "MAX":
            return None if tally.greatest is None else from_sortable(tally.greatest)
        case _:
            return None if tally.latest is None else marked(tally.latest)


def is_usable(aggregation: Aggregation, tally: Tally, *, has_path: bool) -> bool:
    """Whether anything in a tally counts for an aggregation; a bucket where nothing does is left out."""
    match aggregation:
        case "COUNT":
            return tally.events > 0
        case "UNIQUE_COUNT":
            return bool(tally.keys) if has_path else tally.events > 0
        case _:
            return tally.values > 0
