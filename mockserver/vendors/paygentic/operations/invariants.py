"""What must hold in every world: recomputed from the raw events with plain decimal arithmetic, and compared."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import Any

from mockserver.kernel.invariants import Invariant
from mockserver.kernel.windows import DAY, floor_to
from mockserver.kernel.world import World
from mockserver.vendors.paygentic import tables
from mockserver.vendors.paygentic.domain.amounts import from_sortable, marked
from mockserver.vendors.paygentic.domain.json_text import EXACT
from mockserver.vendors.paygentic.domain.metering import EVERYBODY, Meter, read
from mockserver.vendors.paygentic.operations.events import IDEMPOTENCY_SPAN

Rows = tuple[dict[str, Any], ...]


def check(world: World) -> list[Invariant]:
    """Return every claim about a world's events and sums, with the rows that break it."""
    tables.meters.catch_up_all(world.store, world.id)
    meters = tables.meters.all_meters(world.store, world.id)
    return [
        Invariant("summaries = accepted events", (*_wrong_readings(world, meters), *_wrong_sums(world, meters))),
        Invariant("every accepted event is read once by every meter of its type", _unread(world, meters)),
        Invariant("an idempotency key stores one event per 24 h", tuple(_repeated_keys(world))),
    ]


def _wrong_readings(world: World, meters: dict[int, Meter]) -> Rows:
    """Return the readings that are there, but do not say what their event says."""
    wrong: list[dict[str, Any]] = []
    for identity, meter in meters.items():
        labels = {0: (), **tables.meters.labels_of_meter(world.store, world.id, identity)}
        lens = meter.lens
        for batch in tables.events.metered_events(world.store, world.id, meter.event_type):
            for seq, at, party, data in batch:
                stored = tables.meters.reading(world.store, world.id, identity, at, seq)
                should = read(lens, data)
                if stored is not None and (party, *should) != (stored[0], labels.get(stored[1]), *stored[2:]):
                    wrong.append({"meter": identity, "event_seq": seq, "stored": str(stored), "expected": str(should)})
    return tuple(wrong)


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


def _wrong_sums(world: World, meters: dict[int, Meter]) -> list[dict[str, Any]]:
    wrong: list[dict[str, Any]] = []
    for identity, meter in meters.items():
        lens = meter.lens
        expected: defaultdict[tuple[int, str, int, tuple[str, ...]], _Expected] = defaultdict(_Expected)
        distinct: set[tuple[str, int, tuple[str, ...], str]] = set()
        for batch in tables.events.metered_events(world.store, world.id, meter.event_type):
            for seq, at, party, data in batch:
                reading = read(lens, data)
                for who in (party, EVERYBODY):
                    for width in tables.meters.ROLLUP_WIDTHS:
                        row = expected[width, who, floor_to(at, width), reading.labels]
                        row.events += 1
                        if reading.amount is not None:
                            row.amounts.append(reading.amount)
                            row.latest = max(row.latest or (at, seq, reading.amount), (at, seq, reading.amount))
                    if reading.key is not None:
                        distinct.add((who, floor_to(at, DAY), reading.labels, reading.key))
        should = {place: row.facts() for place, row in expected.items()}
        labels = {0: (), **tables.meters.labels_of_meter(world.store, world.id, identity)}
        stored = {
            (width, party, bucket, labels[combo]): {
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
                wrong.append(
                    {
                        "meter": identity, "width": place[0], "party": place[1], "bucket": place[2],
                        "dimensions": list(place[3]), "expected": _text(should.get(place)),
                        "stored": _text(stored.get(place)),
                    }
                )  # fmt: skip
        kept = {
            (party, day, labels[combo], key)
            for party, day, combo, key in tables.meters.distinct_of_meter(world.store, world.id, identity)
        }
        wrong.extend({"meter": identity, "distinct": list(map(str, row))} for row in distinct ^ kept)
    return wrong


def _text(facts: dict[str, Any] | None) -> dict[str, str] | None:
    return None if facts is None else {name: str(value) for name, value in facts.items()}


def _unread(world: World, meters: dict[int, Meter]) -> Rows:
    return tuple(
        {"meter": identity, "event_seq": seq, "event_type": meter.event_type}
        for identity, meter in meters.items()
        for seq in tables.meters.events_without_reading(world.store, world.id, identity, meter.event_type)
    )


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
