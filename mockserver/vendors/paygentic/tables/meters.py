"""Meters: ways of reading the events of one type.

For each meter there is one `readings` row per event it has read, and `rollups` that add readings up per hour and per
day, for each party and for everybody together, so that a summary touches a few rows and not the history. Meters read
in batches: `catch_up`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal

from sqlite_utils import Database, Migrations

from mockserver.kernel.store import Row, Store
from mockserver.kernel.windows import DAY, HOUR, floor_to
from mockserver.vendors.paygentic.domain.aggregation import Tally
from mockserver.vendors.paygentic.domain.amounts import (
    HALF,
    MARKED_FROM,
    joined,
    mark,
    sortable,
    split,
    summed,
    yocto_of,
)
from mockserver.vendors.paygentic.domain.costing import canonical_group_by
from mockserver.vendors.paygentic.domain.json_text import EXACT
from mockserver.vendors.paygentic.domain.metering import EVERYBODY, Meter, read
from mockserver.vendors.paygentic.tables.events import Metered, metered_events
from mockserver.vendors.paygentic.tables.summaries import floor

migrations = Migrations("paygentic.meters")


ROLLUP_WIDTHS = (DAY, HOUR)


@migrations()
def create_meters(db: Database) -> None:
    """Meters, the combinations of dimension values each has met, its readings, and their sums.

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
    # An amount is units + pico / 10**12 + yocto / 10**24, and, when that cannot hold it, the numbers in `extra`.
    db.execute(
        """
        CREATE TABLE paygentic_readings (
            world INTEGER NOT NULL, meter INTEGER NOT NULL, at INTEGER NOT NULL, seq INTEGER NOT NULL,
            party TEXT NOT NULL, combo INTEGER NOT NULL,
            units INTEGER NOT NULL, pico INTEGER NOT NULL, yocto INTEGER NOT NULL, extra TEXT, mark BLOB, key TEXT,
            PRIMARY KEY (world, meter, at, seq)
        ) WITHOUT ROWID
        """
    )
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
        CREATE TABLE paygentic_distinct_days (
            world INTEGER NOT NULL, meter INTEGER NOT NULL, party TEXT NOT NULL, day INTEGER NOT NULL,
            combo INTEGER NOT NULL, key TEXT NOT NULL,
            PRIMARY KEY (world, meter, party, day, combo, key)
        ) WITHOUT ROWID
        """
    )


def meter_for(store: Store, world: int, meter: Meter) -> int:
    """Return the meter that reads events so, making it from the events there are when it is new."""
    key = (world, meter.event_type, meter.value_path, canonical_group_by(meter.group_by))
    row = store.one(
        "SELECT id, keeps_distinct FROM paygentic_meters"
        " WHERE world = ? AND event_type = ? AND value_path IS ? AND group_by = ?",
        key,
    )
    if row is None:
        newest = store.one("SELECT max(id) FROM paygentic_meters WHERE world = ?", (world,))
        identity = ((newest and newest[0]) or 0) + 1
        store.execute(
            "INSERT INTO paygentic_meters VALUES (?, ?, ?, ?, ?, ?, 0)",
            (world, identity, *key[1:], meter.keeps_distinct),
        )
        catch_up(store, world, identity)
        return int(identity)
    identity, keeps_distinct = row
    if meter.keeps_distinct and not keeps_distinct:
        store.execute(
            "UPDATE paygentic_meters SET keeps_distinct = 1, read_up_to = 0 WHERE world = ? AND id = ?",
            (world, identity),
        )
        _forget(store, world, identity)
        catch_up(store, world, identity)
    return int(identity)


def drop_unused(store: Store, world: int, meter: int) -> None:
    """Forget a meter that no cost reads any more."""
    if store.one("SELECT 1 FROM paygentic_costs WHERE world = ? AND meter = ?", (world, meter)):
        return
    _forget(store, world, meter)
    store.execute("DELETE FROM paygentic_meters WHERE world = ? AND id = ?", (world, meter))


def _forget(store: Store, world: int, meter: int) -> None:
    for table in ("dimensions", "readings", "rollups", "distinct_days"):
        store.execute(f"DELETE FROM paygentic_{table} WHERE world = ? AND meter = ?", (world, meter))


def is_listened_to(store: Store, world: int, event_type: str) -> bool:
    """Return whether a cost that was not deleted reads a type of event."""
    row = store.one(
        "SELECT 1 FROM paygentic_meters m JOIN paygentic_costs c ON c.world = m.world AND c.meter = m.id"
        " WHERE m.world = ? AND m.event_type = ? AND c.deleted_at IS NULL LIMIT 1",
        (world, event_type),
    )
    return row is not None


def all_meters(store: Store, world: int) -> dict[int, Meter]:
    """Return every meter of a world, by id."""
    rows = store.all(
        "SELECT id, event_type, value_path, group_by, keeps_distinct FROM paygentic_meters WHERE world = ?", (world,)
    )
    return {row[0]: _meter(row[1:]) for row in rows}


def _meter(row: Row) -> Meter:
    event_type, value_path, group_by, keeps_distinct = row
    return Meter(event_type, value_path, json.loads(group_by), bool(keeps_distinct))


def meter_of_cost(store: Store, world: int, cost_id: str) -> int | None:
    """Return the meter a cost reads events with."""
    row = store.one("SELECT meter FROM paygentic_costs WHERE world = ? AND id = ?", (world, cost_id))
    return row[0] if row else None


def labels_of_meter(store: Store, world: int, meter: int) -> dict[int, tuple[str, ...]]:
    """Return the combinations of dimension values a meter has met."""
    rows = store.all("SELECT combo, labels FROM paygentic_dimensions WHERE world = ? AND meter = ?", (world, meter))
    return {row[0]: tuple(json.loads(row[1])) for row in rows}


def catch_up(store: Store, world: int, identity: int) -> None:
    """Let a meter read what has arrived since it last did."""
    row = store.one(
        "SELECT event_type, value_path, group_by, keeps_distinct, read_up_to FROM paygentic_meters"
        " WHERE world = ? AND id = ?",
        (world, identity),
    )
    assert row is not None
    meter, before = _meter(row[:-1]), row[-1]
    last, is_new = before, before == 0
    for batch in metered_events(store, world, meter.event_type, last):
        last = batch[-1][0]
        rows = _enter(store, world, identity, meter, batch)
        if not is_new:
            _add_up(store, world, identity, _widened(_hours(rows)))
    if last != before:
        if is_new:
            _roll_up_all(store, world, identity)
        store.execute("UPDATE paygentic_meters SET read_up_to = ? WHERE world = ? AND id = ?", (last, world, identity))


def catch_up_all(store: Store, world: int) -> None:
    """Let every meter read what has arrived since it last did."""
    for (identity,) in store.all("SELECT id FROM paygentic_meters WHERE world = ?", (world,)):
        catch_up(store, world, identity)


def _roll_up_all(store: Store, world: int, identity: int) -> None:
    """Fill a meter's empty rollups from all of its readings, in one pass for each kind of row."""
    everybody = f"'{EVERYBODY}'"
    _roll_up(store, world, identity, HOUR, "party", None)
    _roll_up(store, world, identity, DAY, "party", f"party <> {everybody}")
    _roll_up(store, world, identity, HOUR, everybody, f"party <> {everybody} AND width = {HOUR}")
    _roll_up(store, world, identity, DAY, everybody, f"party = {everybody}")


def _roll_up(store: Store, world: int, meter: int, width: int, party: str, hours: str | None) -> None:
    """Fill one kind of rollup rows at once, from the rollups that are its hours, or from readings.

    :param party: SQL for whom the rows belong to.
    :param hours: SQL that picks the rollups, or `None` for readings.
    """
    if hours is None:
        source, at, counts, latest = "paygentic_readings", "at", "count(*), count(mark)", "mark"
        least = greatest = f"substr(mark, {MARKED_FROM})"
    else:
        source, at, counts, latest = "paygentic_rollups", "bucket", "sum(events), sum(amounts)", "latest"
        least, greatest = "least", "greatest"
    yocto = "(sum(yocto / 1000000) + sum(yocto % 1000000) / 1000000)"
    pico = f"(sum(pico / 1000000) + (sum(pico % 1000000) + {yocto} / 1000000) / 1000000)"
    store.execute(
        f"INSERT INTO paygentic_rollups"
        f" SELECT world, meter, {width}, {party}, {floor(at, width)}, combo, {counts},"
        f" sum(units) + {pico} / 1000000,"
        f" ({pico} % 1000000) * 1000000 + (sum(pico % 1000000) + {yocto} / 1000000) % 1000000,"
        f" ({yocto} % 1000000) * 1000000 + sum(yocto % 1000000) % 1000000,"
        f" group_concat(extra, ' '), min({least}), max({greatest}), max({latest})"
        f" FROM {source} WHERE world = ? AND meter = ? AND {hours or 1} GROUP BY 4, 5, 6",
        (world, meter),
    )


# Reading: a batch of events into readings and rollups


class _Sum:
    """What a batch adds to one row of the rollups."""

    __slots__ = ("amounts", "events", "extra", "greatest", "latest", "least", "yocto")

    def __init__(self) -> None:
        self.events = self.amounts = self.yocto = 0
        self.extra: Decimal | None = None
        self.least: bytes | None = None
        self.greatest: bytes | None = None
        self.latest: bytes | None = None

    def take(self, yocto: int, extra: Decimal | None, key: bytes, latest: bytes) -> None:
        """Count one amount."""
        self.amounts += 1
        self.yocto += yocto
        if extra is not None:
            self.extra = extra if self.extra is None else EXACT.add(self.extra, extra)
        if self.least is None or key < self.least:
            self.least = key
        if self.greatest is None or key > self.greatest:
            self.greatest = key
        if self.latest is None or latest > self.latest:
            self.latest = latest

    def merge(self, other: _Sum) -> None:
        """Take in another sum."""
        self.events += other.events
        if not other.amounts:
            return
        assert other.least is not None
        assert other.greatest is not None
        assert other.latest is not None
        amounts = self.amounts + other.amounts
        self.take(other.yocto, other.extra, other.least, other.latest)
        if self.greatest is None or other.greatest > self.greatest:
            self.greatest = other.greatest
        self.amounts = amounts


_Place = tuple[int, str, int, int]
"""Width, party, bucket, combination: which row of the rollups."""

_INSERT_READING = "INSERT INTO paygentic_readings VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"

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


def _enter(store: Store, world: int, identity: int, meter: Meter, batch: Sequence[Metered]) -> list[Row]:
    """Enter events into a meter's readings and distinct values; return the readings' rows."""
    lens = meter.lens
    combos: dict[tuple[str, ...], int] = {(): 0}
    rows: list[Row] = []
    distinct: set[tuple[str, int, int, str]] = set()
    for seq, at, party, data in batch:
        labels, amount, key = read(lens, data)
        combo = combos.get(labels)
        if combo is None:
            combo = combos[labels] = _combo(store, world, identity, labels)
        if amount is None:
            rows.append((world, identity, at, seq, party, combo, 0, 0, 0, None, None, key))
        else:
            latest = mark(at, seq, sortable(amount))
            yocto = yocto_of(amount)
            if yocto is None:
                rows.append((world, identity, at, seq, party, combo, 0, 0, 0, str(amount), latest, key))
            else:
                rows.append((world, identity, at, seq, party, combo, *split(yocto), None, latest, key))
        if key is not None:
            day = floor_to(at, DAY)
            distinct.add((party, day, combo, key))
            distinct.add((EVERYBODY, day, combo, key))
    store.conn.executemany(_INSERT_READING, rows)
    if distinct:
        store.conn.executemany(
            "INSERT OR IGNORE INTO paygentic_distinct_days VALUES (?, ?, ?, ?, ?, ?)",
            [(world, identity, *row) for row in distinct],
        )
    return rows


def _hours(rows: Iterable[Row]) -> dict[_Place, _Sum]:
    """Return what readings add to the hours of single parties."""
    hours: dict[_Place, _Sum] = {}
    for _, _, at, _, party, combo, units, pico, yocto, extra, latest, _ in rows:
        place = (HOUR, party, floor_to(at, HOUR), combo)
        sums = hours.get(place)
        if sums is None:
            sums = hours[place] = _Sum()
        sums.events += 1
        if latest is not None:
            number = Decimal(extra) if extra is not None else None
            sums.take((units * HALF + pico) * HALF + yocto, number, latest[MARKED_FROM - 1 :], latest)
    return hours


def _widened(hours: Mapping[_Place, _Sum]) -> dict[_Place, _Sum]:
    """Return sums of single parties' hours together with those of their days, and of everybody."""
    sums = dict(hours)
    for (_, party, hour, combo), added in hours.items():
        day = floor_to(hour, DAY)
        for place in ((DAY, party, day, combo), (HOUR, EVERYBODY, hour, combo), (DAY, EVERYBODY, day, combo)):
            wider = sums.get(place)
            if wider is None:
                wider = sums[place] = _Sum()
            wider.merge(added)
    return sums


def _add_up(store: Store, world: int, identity: int, sums: Mapping[_Place, _Sum]) -> None:
    store.conn.executemany(
        _ADD_UP,
        [
            (world, identity, *place, s.events, s.amounts, *split(s.yocto), s.least, s.greatest, s.latest)
            for place, s in sums.items()
        ],
    )
    for place, s in sums.items():
        if s.extra is not None:
            where = "world = ? AND meter = ? AND width = ? AND party = ? AND bucket = ? AND combo = ?"
            row = store.one(f"SELECT extra FROM paygentic_rollups WHERE {where}", (world, identity, *place))
            total = EXACT.add(s.extra, summed((row and row[0]) or ""))
            store.execute(
                f"UPDATE paygentic_rollups SET extra = ? WHERE {where}", (str(total), world, identity, *place)
            )


def _combo(store: Store, world: int, meter: int, labels: tuple[str, ...]) -> int:
    text = json.dumps(labels)
    row = store.one(
        "SELECT combo FROM paygentic_dimensions WHERE world = ? AND meter = ? AND labels = ?", (world, meter, text)
    )
    if row is not None:
        return int(row[0])
    newest = store.one("SELECT max(combo) FROM paygentic_dimensions WHERE world = ? AND meter = ?", (world, meter))
    combo = ((newest and newest[0]) or 0) + 1
    store.execute("INSERT INTO paygentic_dimensions VALUES (?, ?, ?, ?)", (world, meter, combo, text))
    return int(combo)


# For checking


def rollups_of_meter(store: Store, world: int, meter: int) -> Iterator[tuple[int, str, int, int, Tally]]:
    """Yield every row of a meter's rollups: width, party, bucket, combination, tally."""
    for width, party, bucket, combo, events, amounts, units, pico, yocto, extra, *ordered in store.execute(
        "SELECT width, party, bucket, combo, events, amounts, units, pico, yocto, extra, least, greatest, latest"
        " FROM paygentic_rollups WHERE world = ? AND meter = ?",
        (world, meter),
    ):
        total = joined(units, pico, yocto)
        if extra is not None:
            total = EXACT.add(total, summed(extra))
        yield width, party, bucket, combo, Tally(events, amounts, total, *ordered)


def reading(
    store: Store, world: int, meter: int, at: int, seq: int
) -> tuple[str, int, Decimal | None, str | None] | None:
    """Return what a meter stored of one event: party, combination, amount and key."""
    row = store.one(
        "SELECT party, combo, units, pico, yocto, extra, mark, key FROM paygentic_readings"
        " WHERE world = ? AND meter = ? AND at = ? AND seq = ?",
        (world, meter, at, seq),
    )
    if row is None:
        return None
    party, combo, units, pico, yocto, extra, latest, key = row
    amount = None if latest is None else EXACT.add(joined(units, pico, yocto), summed(extra or ""))
    return party, combo, amount, key


def distinct_of_meter(store: Store, world: int, meter: int) -> list[Row]:
    """Return every distinct value a meter keeps: party, day, combination, value."""
    return store.all(
        "SELECT party, day, combo, key FROM paygentic_distinct_days WHERE world = ? AND meter = ?", (world, meter)
    )


def events_without_reading(store: Store, world: int, meter: int, event_type: str) -> list[int]:
    """Return arrival numbers of a type's events that a meter has not read, and of readings of no such event."""
    return [
        row[0]
        for row in store.all(
            "SELECT seq FROM paygentic_events WHERE world = :world AND type = :type EXCEPT"
            " SELECT seq FROM paygentic_readings WHERE world = :world AND meter = :meter"
            " UNION ALL SELECT seq FROM (SELECT seq FROM paygentic_readings WHERE world = :world AND meter = :meter"
            " EXCEPT SELECT seq FROM paygentic_events WHERE world = :world AND type = :type)",
            {"world": world, "type": event_type, "meter": meter},
        )
    ]
