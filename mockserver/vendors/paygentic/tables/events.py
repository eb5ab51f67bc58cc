"""Every accepted event, in order of arrival: the truth that everything else is computed from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from sqlite_utils import Database, Migrations

from mockserver.kernel.store import Row, Store
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


_BATCH = 20_000

_METERED = "SELECT seq, at, subject, external_subject, data FROM paygentic_events"


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
    where, values = "", []
    if parties is not None:
        owners = [
            ("subject = ?" if party.startswith(SUBJECT) else "subject IS NULL AND external_subject = ?", party[2:])
            for party in parties
        ]
        where = f" AND ({' OR '.join(owner for owner, _ in owners)})"
        values = [value for _, value in owners]
    return _metered(
        store.execute(
            f"{_METERED} WHERE world = ? AND type = ? AND at >= ? AND at < ?{where}",
            (world, event_type, start, end, *values),
        )
    )


def _metered(rows: Iterable[Row]) -> Iterator[Metered]:
    for seq, at, subject, external, data in rows:
        yield seq, at, party_of(subject, external), restore(data)


# For checking


def idempotency_keys(store: Store, world: int) -> list[Row]:
    """Return key, receive time and id of every stored event, in order of arrival."""
    return store.all(
        "SELECT idempotency_key, received_at, id FROM paygentic_events"
        " WHERE world = ? AND idempotency_key IS NOT NULL ORDER BY seq",
        (world,),
    )
