"""Meters: ways of reading the events of one type.

For each meter there are `rollups` that add up what its events say, per minute, hour, day and month, for each party and
for everybody together, so that a summary touches a few rows and not the history. Meters read in batches: `catch_up`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping

from mockserver.kernel.sqlite import Database, Migrations
from mockserver.kernel.store import Row, Store
from mockserver.vendors.paygentic.domain.aggregation import Tally
from mockserver.vendors.paygentic.domain.amounts import HALF, joined, summed
from mockserver.vendors.paygentic.domain.buckets import Window
from mockserver.vendors.paygentic.domain.costing import canonical_group_by
from mockserver.vendors.paygentic.domain.folding import Folded
from mockserver.vendors.paygentic.domain.json_text import EXACT
from mockserver.vendors.paygentic.domain.metering import Labels, Meter, Metered
from mockserver.vendors.paygentic.tables.events import newest, unread

migrations = Migrations("paygentic.meters")

CODES: Mapping[Window, int] = {"MINUTE": 1, "HOUR": 2, "DAY": 3, "MONTH": 4}
"""What a bucket's width is in the tables."""

ANY = 0
"""The combination that stands for any dimension values; a meter without dimensions has no other."""


@migrations()
def create_meters(db: Database) -> None:
    """Meters, the combinations of dimension values each has met, and the sums of what it read.

    What has arrived after `read_up_to` is read in one go when somebody asks, or when much has piled up.
    """
    db.execute(
        """
        CREATE TABLE paygentic_meters (
            world INTEGER NOT NULL, id INTEGER NOT NULL, event_type TEXT NOT NULL, value_path TEXT,
            group_by TEXT NOT NULL, keeps_distinct INTEGER NOT NULL, read_up_to INTEGER NOT NULL,
            PRIMARY KEY (world, id)
        ) WITHOUT ROWID
        """
    )
    db.execute("CREATE INDEX paygentic_meters_type ON paygentic_meters (world, event_type)")
    db.execute(
        """
        CREATE TABLE paygentic_dimensions (
            world INTEGER NOT NULL, meter INTEGER NOT NULL, combo INTEGER NOT NULL, labels TEXT NOT NULL,
            PRIMARY KEY (world, meter, combo)
        ) WITHOUT ROWID
        """
    )
    db.execute("CREATE UNIQUE INDEX paygentic_dimensions_labels ON paygentic_dimensions (world, meter, labels)")
    # A total is units + pico / 10**12 + yocto / 10**24, and, for what that cannot hold, the sum in `extra`.
    # The party comes before the bucket: one party's history, or everybody's, is one unbroken range.
    db.execute(
        """
        CREATE TABLE paygentic_rollups (
            world INTEGER NOT NULL, meter INTEGER NOT NULL, width INTEGER NOT NULL, party TEXT NOT NULL,
            bucket INTEGER NOT NULL, combo INTEGER NOT NULL,
            events INTEGER NOT NULL, amounts INTEGER NOT NULL,
            units INTEGER NOT NULL, pico INTEGER NOT NULL, yocto INTEGER NOT NULL, extra TEXT,
            least BLOB, greatest BLOB, latest BLOB,
            PRIMARY KEY (world, meter, width, party, bucket, combo)
        ) WITHOUT ROWID
        """
    )
    db.execute(
        """
        CREATE TABLE paygentic_distinct (
            world INTEGER NOT NULL, meter INTEGER NOT NULL, width INTEGER NOT NULL, party TEXT NOT NULL,
            bucket INTEGER NOT NULL, combo INTEGER NOT NULL, key TEXT NOT NULL,
            PRIMARY KEY (world, meter, width, party, bucket, combo, key)
        ) WITHOUT ROWID
        """
    )


# Which meters there are


def meter_for(store: Store, world: int, meter: Meter) -> int:
    """Return the meter that reads events so, making it when it is new; `catch_up` lets it read what there is."""
    found = _find(store, world, meter)
    if found is None:
        row = store.one("SELECT max(id) FROM paygentic_meters WHERE world = ?", (world,))
        identity = ((row and row[0]) or 0) + 1
        store.execute(
            "INSERT INTO paygentic_meters VALUES (?, ?, ?, ?, ?, ?, 0)",
            (
                world, identity, meter.event_type, meter.value_path, canonical_group_by(meter.group_by),
                meter.keeps_distinct,
            ),
        )  # fmt: skip
        return int(identity)
    identity, keeps_distinct = found
    if meter.keeps_distinct and not keeps_distinct:
        store.execute(
            "UPDATE paygentic_meters SET keeps_distinct = 1, read_up_to = 0 WHERE world = ? AND id = ?",
            (world, identity),
        )
        _forget(store, world, identity)
    return int(identity)


def _find(store: Store, world: int, meter: Meter) -> Row | None:
    return store.one(
        "SELECT id, keeps_distinct FROM paygentic_meters"
        " WHERE world = ? AND event_type = ? AND value_path IS ? AND group_by = ?",
        (world, meter.event_type, meter.value_path, canonical_group_by(meter.group_by)),
    )


def is_there(store: Store, world: int, identity: int) -> bool:
    """Return whether there is a meter of that number."""
    return store.one("SELECT 1 FROM paygentic_meters WHERE world = ? AND id = ?", (world, identity)) is not None


def existing(store: Store, world: int, meter: Meter) -> int:
    """Return the meter that reads events so; whatever asks has had it made."""
    found = _find(store, world, meter)
    assert found is not None
    return int(found[0])


def drop_unused(store: Store, world: int, meter: int) -> None:
    """Forget a meter that nothing reads any more."""
    for table in ("costs", "billable_metrics"):
        if store.one(f"SELECT 1 FROM paygentic_{table} WHERE world = ? AND meter = ?", (world, meter)):
            return
    _forget(store, world, meter)
    store.execute("DELETE FROM paygentic_meters WHERE world = ? AND id = ?", (world, meter))


def _forget(store: Store, world: int, meter: int) -> None:
    for table in ("dimensions", "rollups", "distinct"):
        store.execute(f"DELETE FROM paygentic_{table} WHERE world = ? AND meter = ?", (world, meter))


def is_listened_to(store: Store, world: int, event_type: str) -> bool:
    """Return whether a billable metric, or a cost that was not deleted, reads a type of event."""
    row = store.one(
        "SELECT 1 FROM paygentic_meters m WHERE m.world = ? AND m.event_type = ? AND ("
        " EXISTS (SELECT 1 FROM paygentic_costs c WHERE c.world = m.world AND c.meter = m.id AND c.deleted_at IS NULL)"
        " OR EXISTS (SELECT 1 FROM paygentic_billable_metrics b WHERE b.world = m.world AND b.meter = m.id)) LIMIT 1",
        (world, event_type),
    )
    return row is not None


def types_listened_to(store: Store, world: int) -> list[str]:
    """Return the types of event that billable metrics and costs that were not deleted read, in order of name."""
    rows = store.all(
        "SELECT event_type FROM paygentic_billable_metrics WHERE world = :world UNION"
        " SELECT event_type FROM paygentic_costs"
        " WHERE world = :world AND deleted_at IS NULL AND event_type IS NOT NULL ORDER BY 1",
        {"world": world},
    )
    return [row[0] for row in rows]


def all_meters(store: Store, world: int) -> dict[int, Meter]:
    """Return every meter of a world, by id."""
    rows = store.all(
        "SELECT id, event_type, value_path, group_by, keeps_distinct FROM paygentic_meters WHERE world = ?", (world,)
    )
    return {row[0]: _meter(row[1:]) for row in rows}


def _meter(row: Row) -> Meter:
    event_type, value_path, group_by, keeps_distinct = row
    return Meter(event_type, value_path, json.loads(group_by), bool(keeps_distinct))


def labels_of_meter(store: Store, world: int, meter: int) -> dict[int, Labels]:
    """Return the combinations of dimension values a meter has met."""
    rows = store.all("SELECT combo, labels FROM paygentic_dimensions WHERE world = ? AND meter = ?", (world, meter))
    return {row[0]: tuple(json.loads(row[1])) for row in rows}


# Reading events


def catch_up(store: Store, world: int, identity: int, batches: int | None = None) -> bool:
    """Let a meter read what has arrived since it last did; return whether it has read everything.

    :param batches: stop after so many, or `None` to read on to the end.
    """
    row = store.one(
        "SELECT event_type, value_path, group_by, keeps_distinct, read_up_to FROM paygentic_meters"
        " WHERE world = ? AND id = ?",
        (world, identity),
    )
    assert row is not None
    meter, last = _meter(row[:-1]), row[-1]
    for done, batch in enumerate(unread(store, world, meter.event_type, last), 1):
        take_in(store, world, identity, meter, batch)
        last = batch[-1][0]
        if done == batches:
            mark_read(store, world, identity, last)
            return False
    mark_read(store, world, identity, newest(store, world))
    return True


def catch_up_all(store: Store, world: int, batches: int | None = None) -> bool:
    """Let every meter read what has arrived since it last did; return whether all have read everything."""
    identities = store.all("SELECT id FROM paygentic_meters WHERE world = ?", (world,))
    unfinished = [identity for (identity,) in identities if not catch_up(store, world, identity, batches)]
    return not unfinished


def mark_read(store: Store, world: int, identity: int, seq: int) -> None:
    """Note that a meter has read all events up to one."""
    store.execute("UPDATE paygentic_meters SET read_up_to = ? WHERE world = ? AND id = ?", (seq, world, identity))


# What is above 10**12 is carried over before it is stored, so no sum comes near 2**63 and none becomes a float.
_ADD_UP = f"""
INSERT INTO paygentic_rollups VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, ?, ?, ?)
ON CONFLICT DO UPDATE SET
    events = events + excluded.events,
    amounts = amounts + excluded.amounts,
    units = units + excluded.units + (pico + excluded.pico + (yocto + excluded.yocto) / {HALF}) / {HALF},
    pico = (pico + excluded.pico + (yocto + excluded.yocto) / {HALF}) % {HALF},
    yocto = (yocto + excluded.yocto) % {HALF},
    least = coalesce(min(least, excluded.least), least, excluded.least),
    greatest = coalesce(max(greatest, excluded.greatest), greatest, excluded.greatest),
    latest = coalesce(max(latest, excluded.latest), latest, excluded.latest)
"""


def take_in(store: Store, world: int, identity: int, meter: Meter, events: Iterable[Metered]) -> None:
    """Add events that a meter has not read before to its sums; `mark_read` is left to whoever calls."""
    folded = Folded(meter, events)
    combos: dict[Labels | None, int] = {None: ANY, (): ANY}

    def combo_of(labels: Labels | None) -> int:
        combo = combos.get(labels)
        if combo is None:
            assert labels is not None
            combo = combos[labels] = _combo(store, world, identity, labels)
        return combo

    rows: list[Row] = []
    extras: list[tuple[str, Row]] = []
    for (window, party, start, labels), added in folded.sums().items():
        *sums, extra, least, greatest, latest = added.row()
        place = (world, identity, CODES[window], party, start, combo_of(labels))
        rows.append((*place, *sums, least, greatest, latest))
        if extra is not None:
            extras.append((extra, place))
    store.conn.executemany(_ADD_UP, rows)
    for extra, place in extras:
        _add_extra(store, place, extra)
    if folded.distinct:
        store.conn.executemany(
            "INSERT OR IGNORE INTO paygentic_distinct VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                (world, identity, CODES[window], party, start, combo_of(labels), key)
                for window, party, start, labels, key in folded.distinct
            ],
        )


def _add_extra(store: Store, place: Row, extra: str) -> None:
    where = "world = ? AND meter = ? AND width = ? AND party = ? AND bucket = ? AND combo = ?"
    row = store.one(f"SELECT extra FROM paygentic_rollups WHERE {where}", place)
    total = EXACT.add(summed(extra), summed((row and row[0]) or ""))
    store.execute(f"UPDATE paygentic_rollups SET extra = ? WHERE {where}", (str(total), *place))


def _combo(store: Store, world: int, meter: int, labels: Labels) -> int:
    text = json.dumps(labels)
    row = store.one(
        "SELECT combo FROM paygentic_dimensions WHERE world = ? AND meter = ? AND labels = ?", (world, meter, text)
    )
    if row is not None:
        return int(row[0])
    last = store.one("SELECT max(combo) FROM paygentic_dimensions WHERE world = ? AND meter = ?", (world, meter))
    combo = ((last and last[0]) or ANY) + 1
    store.execute("INSERT INTO paygentic_dimensions VALUES (?, ?, ?, ?)", (world, meter, combo, text))
    return int(combo)


# For checking


def rollups_of_meter(store: Store, world: int, meter: int) -> Iterator[tuple[int, str, int, int, Tally]]:
    """Yield every row of a meter's rollups: width's code, party, bucket, combination, tally."""
    for width, party, bucket, combo, events, amounts, units, pico, yocto, extra, *ordered in store.execute(
        "SELECT width, party, bucket, combo, events, amounts, units, pico, yocto, extra, least, greatest, latest"
        " FROM paygentic_rollups WHERE world = ? AND meter = ?",
        (world, meter),
    ):
        total = joined(units, pico, yocto)
        if extra is not None:
            total = EXACT.add(total, summed(extra))
        yield width, party, bucket, combo, Tally(events, amounts, total, *ordered)


def distinct_of_meter(store: Store, world: int, meter: int) -> list[Row]:
    """Return every distinct value a meter keeps: width's code, party, bucket, combination, value."""
    return store.all(
        "SELECT width, party, bucket, combo, key FROM paygentic_distinct WHERE world = ? AND meter = ?", (world, meter)
    )
