"""What must hold in every world: recomputed from the raw events with plain decimal arithmetic, and compared."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from mockserver.kernel.invariants import Invariant
from mockserver.kernel.world import World
from mockserver.vendors.paygentic import tables
from mockserver.vendors.paygentic.domain.amounts import from_sortable, marked
from mockserver.vendors.paygentic.domain.buckets import Window, bucket_start
from mockserver.vendors.paygentic.domain.folding import (
    DISTINCT_WINDOWS,
    EVERYBODY_WINDOWS,
    PARTY_LABELS_WINDOWS,
    PARTY_WINDOWS,
    DistinctPlace,
    Place,
)
from mockserver.vendors.paygentic.domain.json_text import EXACT
from mockserver.vendors.paygentic.domain.metering import EVERYBODY, Labels, Meter, read
from mockserver.vendors.paygentic.operations import invoices
from mockserver.vendors.paygentic.operations.events import IDEMPOTENCY_SPAN


def check(world: World) -> list[Invariant]:
    """Return every claim about a world's events, sums and invoices, with the rows that break it."""
    tables.meters.catch_up_all(world.store, world.id)
    return [
        Invariant("summaries = accepted events", tuple(_wrong_sums(world))),
        Invariant("an idempotency key stores one event per 24 h", tuple(_repeated_keys(world))),
        *invoices.check(world),
    ]


class _Expected:
    """What one row of the rollups should say."""

    def __init__(self) -> None:
        self.events = 0
        self.amounts: list[Decimal] = []
        self.latest: tuple[int, int, Decimal] | None = None

    def facts(self) -> dict[str, Any]:
        total = Decimal(0)
        for amount in self.amounts:
            total = EXACT.add(total, amount)
        return {
            "events": self.events,
            "amounts": len(self.amounts),
            "total": total,
            "least": min(self.amounts, default=None),
            "greatest": max(self.amounts, default=None),
            "latest": self.latest and self.latest[2],
        }


def _wrong_sums(world: World) -> Iterator[dict[str, Any]]:
    for identity, meter in tables.meters.all_meters(world.store, world.id).items():
        expected, distinct = _expected(world, meter)
        labels: dict[int, Labels | None] = {
            tables.meters.ANY: None, **tables.meters.labels_of_meter(world.store, world.id, identity)
        }  # fmt: skip
        windows: dict[int, Window] = {code: window for window, code in tables.meters.CODES.items()}
        should = {place: row.facts() for place, row in expected.items()}
        stored = {
            (windows[width], party, bucket, labels[combo]): {
                "events": tally.events,
                "amounts": tally.values,
                "total": tally.total,
                "least": tally.least and from_sortable(tally.least),
                "greatest": tally.greatest and from_sortable(tally.greatest),
                "latest": tally.latest and marked(tally.latest),
            }
            for width, party, bucket, combo, tally in tables.meters.rollups_of_meter(world.store, world.id, identity)
        }
        for place in should.keys() | stored.keys():
            if should.get(place) != stored.get(place):
                window, party, bucket, values = place
                yield {
                    "meter": identity, "window": window, "party": party, "bucket": bucket,
                    "dimensions": None if values is None else list(values),
                    "expected": _text(should.get(place)), "stored": _text(stored.get(place)),
                }  # fmt: skip
        kept = {
            (windows[width], party, bucket, labels[combo] or (), key)
            for width, party, bucket, combo, key in tables.meters.distinct_of_meter(world.store, world.id, identity)
        }
        for place_and_key in distinct ^ kept:
            yield {"meter": identity, "distinct": list(map(str, place_and_key))}


def _expected(world: World, meter: Meter) -> tuple[Mapping[Place, _Expected], set[DistinctPlace]]:
    """Return what a meter's rollups and distinct values should be, added up event by event."""
    rows: defaultdict[Place, _Expected] = defaultdict(_Expected)
    distinct: set[DistinctPlace] = set()
    for batch in tables.events.unread(world.store, world.id, meter.event_type, after=0):
        for seq, at, party, data in batch:
            labels, amount, key = read(meter.lens, data)
            for who, which, windows in (
                (party, None, PARTY_WINDOWS),
                (EVERYBODY, None, EVERYBODY_WINDOWS),
                (party, labels, PARTY_LABELS_WINDOWS if meter.group_by else ()),
                (EVERYBODY, labels, EVERYBODY_WINDOWS if meter.group_by else ()),
            ):
                for window in windows:
                    row = rows[window, who, bucket_start(at, window), which]
                    row.events += 1
                    if amount is not None:
                        row.amounts.append(amount)
                        row.latest = max(row.latest or (at, seq, amount), (at, seq, amount))
            if key is not None:
                for window in DISTINCT_WINDOWS:
                    distinct |= {(window, who, bucket_start(at, window), labels, key) for who in (party, EVERYBODY)}
    return rows, distinct


def _text(facts: dict[str, Any] | None) -> dict[str, str] | None:
    return None if facts is None else {name: str(value) for name, value in facts.items()}


def _repeated_keys(world: World) -> list[dict[str, Any]]:
    wrong: list[dict[str, Any]] = []
    first: dict[str, int] = {}
    for key, received_at, identifier in tables.events.idempotency_keys(world.store, world.id):
        since = first.get(key)
        if since is not None and since <= received_at < since + IDEMPOTENCY_SPAN:
            wrong.append({"idempotency_key": key, "event": identifier, "received_at": received_at})
        else:
            first[key] = received_at
    return wrong
