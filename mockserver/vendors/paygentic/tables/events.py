"""Every accepted event, in order of arrival: the truth that everything else is computed from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from mockserver.kernel.sqlite import Database, Migrations
from mockserver.kernel.store import Row, Store
from mockserver.vendors.paygentic.domain.event_pages import MeterEvent
from mockserver.vendors.paygentic.domain.json_text import dump, restore
from mockserver.vendors.paygentic.domain.metering import SUBJECT, EventDraft, Metered, party_of

migrations = Migrations("paygentic.events")


@migrations()
def create_events(db: Database) -> None:
    """Every accepted event, in order of arrival."""
    db.execute(
        """
        CREATE TABLE paygentic_events (
            world INTEGER NOT NULL, seq INTEGER NOT NULL, id TEXT NOT NULL, type TEXT NOT NULL, source TEXT NOT NULL,
            subject TEXT, external_subject TEXT, external_id TEXT, namespace TEXT NOT NULL,
            at INTEGER NOT NULL, received_at INTEGER NOT NULL, idempotency_key TEXT, data TEXT NOT NULL,
            PRIMARY KEY (world, seq)
        ) WITHOUT ROWID
        """
    )
    db.execute("CREATE INDEX paygentic_events_type ON paygentic_events (world, type, at)")
    db.execute("CREATE INDEX paygentic_events_subject ON paygentic_events (world, subject, type, at)")
    # By the names that others have for them; events without any cost nothing.
    db.execute(
        "CREATE INDEX paygentic_events_external_id ON paygentic_events (world, external_id)"
        " WHERE external_id IS NOT NULL"
    )
    db.execute(
        "CREATE INDEX paygentic_events_external_subject ON paygentic_events (world, external_subject, type, at)"
        " WHERE external_subject IS NOT NULL"
    )


Arrival = tuple[str, EventDraft, str, int, int, str]
"""What of an accepted event is stored: id, as it was sent, namespace, instant, when received, idempotency key."""


def insert_events(store: Store, world: int, arrivals: Iterable[Arrival]) -> int:
    """Save accepted events, in order of arrival, and return the first one's number; they are numbered from there."""
    row = store.one("SELECT max(seq) FROM paygentic_events WHERE world = ?", (world,))
    first = ((row and row[0]) or 0) + 1
    store.conn.executemany(
        "INSERT INTO paygentic_events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                world, seq, identifier, draft.type, draft.source, draft.subject, draft.external_subject,
                draft.external_id, namespace, at, received_at, key, dump(draft.data),
            )
            for seq, (identifier, draft, namespace, at, received_at, key) in enumerate(arrivals, first)
        ],
    )  # fmt: skip
    return first


def newest(store: Store, world: int) -> int:
    """Return the arrival number of the last event, or 0."""
    row = store.one("SELECT max(seq) FROM paygentic_events WHERE world = ?", (world,))
    return (row and row[0]) or 0


def last_received(store: Store, world: int) -> int | None:
    """Return when the last event was received, `None` when there is none."""
    row = store.one("SELECT received_at FROM paygentic_events WHERE world = ? ORDER BY seq DESC LIMIT 1", (world,))
    return None if row is None else row[0]


_BATCH = 20_000

_METERED = "SELECT seq, at, subject, external_subject, data FROM paygentic_events"
_STRETCH = "world = ? AND type = ? AND at >= ? AND at < ?"


def unread(store: Store, world: int, event_type: str, after: int) -> Iterator[list[Metered]]:
    """Yield the events of a type that arrived after another one, in order of arrival, in batches."""
    while rows := store.all(
        f"{_METERED} NOT INDEXED WHERE world = ? AND type = ? AND seq > ? ORDER BY seq LIMIT ?",
        (world, event_type, after, _BATCH),
    ):
        after = rows[-1][0]
        yield list(_metered(rows))


def between(
    store: Store, world: int, event_type: str, start: int, end: int, parties: Sequence[str] | None
) -> Iterator[Metered]:
    """Yield the events of a type in a stretch of time.

    :param parties: whose, or `None` for everybody's.
    """
    for index, whose, values in [("type", "", ())] if parties is None else map(_owned_by, parties):
        rows = store.execute(
            f"{_METERED} INDEXED BY paygentic_events_{index} WHERE {_STRETCH}{whose}",
            (world, event_type, start, end, *values),
        )
        yield from _metered(rows)


def _owned_by(party: str) -> tuple[str, str, tuple[str, ...]]:
    """Return the index that finds one party's events, and the condition with its values."""
    if party.startswith(SUBJECT):
        return "subject", " AND subject = ?", (party[2:],)
    return "external_subject", " AND subject IS NULL AND external_subject = ?", (party[2:],)


def _metered(rows: Iterable[Row]) -> Iterator[Metered]:
    for seq, at, subject, external, data in rows:
        yield seq, at, party_of(subject, external), restore(data)


# Looking at single events


@dataclass(frozen=True, slots=True)
class Search:
    """Which events of a type are looked for.

    :param parties: whose, or `None` for everybody's.
    """

    event_type: str
    start: int
    end: int
    parties: Sequence[str] | None = None
    external_id: str | None = None
    external_subject: str | None = None


_SHOWN = "id, type, source, subject, external_subject, external_id, at, seq, idempotency_key, data"


def found(store: Store, world: int, search: Search, limit: int, offset: int) -> list[MeterEvent]:
    """Return a page of events, the newest first and of equally old ones the last received; subjects are as sent."""
    sources = _sources(world, search)
    rows = store.all(
        f"{' UNION ALL '.join(f'SELECT {_SHOWN} FROM {source}' for source, _ in sources)}"
        " ORDER BY at DESC, seq DESC LIMIT ? OFFSET ?",
        (*[value for _, values in sources for value in values], limit, offset),
    )
    return [_shown(row) for row in rows]


def _shown(row: Row) -> MeterEvent:
    identifier, event_type, source, subject, external_subject, external_id, at, _, key, data = row
    return MeterEvent(identifier, event_type, source, subject, external_subject, external_id, at, key, restore(data))


def how_many(store: Store, world: int, search: Search) -> int:
    """Return how many events there are."""
    counts = [store.one(f"SELECT count(*) FROM {source}", values) for source, values in _sources(world, search)]
    return sum([row[0] for row in counts if row is not None])


def _sources(world: int, search: Search) -> list[tuple[str, list[int | str]]]:
    """Return table, index and condition for the events of each party, with the condition's values.

    The index is named, because SQLite would take the first that knows the type, and look at all of its events.
    """
    names = [
        (f"external_{kind}", f" AND external_{kind} = ?", (name,))
        for kind, name in (("id", search.external_id), ("subject", search.external_subject))
        if name is not None
    ]
    sources: list[tuple[str, list[int | str]]] = []
    for owner in [()] if search.parties is None else [(_owned_by(party),) for party in search.parties]:
        conditions = [*names, *owner]
        index = conditions[0][0] if conditions else "type"
        where = "".join(condition for _, condition, _ in conditions)
        values = [value for *_, bound in conditions for value in bound]
        stretch = (world, search.event_type, search.start, search.end)
        sources.append(
            (f"paygentic_events INDEXED BY paygentic_events_{index} WHERE {_STRETCH}{where}", [*stretch, *values])
        )
    return sources


# For checking


def idempotency_keys(store: Store, world: int) -> list[Row]:
    """Return key, receive time and id of every stored event, in order of arrival."""
    return store.all(
        "SELECT idempotency_key, received_at, id FROM paygentic_events"
        " WHERE world = ? AND idempotency_key IS NOT NULL ORDER BY seq",
        (world,),
    )
