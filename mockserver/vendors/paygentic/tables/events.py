"""Every accepted event, in order of arrival: the truth that everything else is computed from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlite_utils import Database, Migrations

from mockserver.kernel.store import Row, Store
from mockserver.vendors.paygentic.domain.json_text import dump, restore
from mockserver.vendors.paygentic.domain.metering import Event, party_of

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
    db.execute("CREATE INDEX paygentic_events_type ON paygentic_events (world, type)")


def insert_events(store: Store, world: int, events: Sequence[Event]) -> int:
    """Save accepted events, in order of arrival, and return the last one's number."""
    row = store.one("SELECT max(seq) FROM paygentic_events WHERE world = ?", (world,))
    first = ((row and row[0]) or 0) + 1
    store.conn.executemany(
        "INSERT INTO paygentic_events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                world, seq, event.id, event.draft.type, event.draft.source, event.draft.subject,
                event.draft.external_subject, event.draft.external_id, event.namespace, event.at, event.received_at,
                event.idempotency_key, dump(event.draft.data),
            )
            for seq, event in enumerate(events, first)
        ],
    )  # fmt: skip
    return first + len(events) - 1


_BATCH = 20_000

Metered = tuple[int, int, str, Any]
"""What a meter needs of an event: arrival number, instant, party, data."""


def metered_events(store: Store, world: int, event_type: str, after: int = 0) -> Iterator[list[Metered]]:
    """Yield the stored events of a type that arrived after another one, in order of arrival, in batches."""
    while rows := store.all(
        "SELECT seq, at, subject, external_subject, data FROM paygentic_events"
        " WHERE world = ? AND type = ? AND seq > ? ORDER BY seq LIMIT ?",
        (world, event_type, after, _BATCH),
    ):
        after = rows[-1][0]
        yield [(seq, at, party_of(subject, external), restore(data)) for seq, at, subject, external, data in rows]


# For checking


def idempotency_keys(store: Store, world: int) -> list[Row]:
    """Return key, receive time and id of every stored event, in order of arrival."""
    return store.all(
        "SELECT idempotency_key, received_at, id FROM paygentic_events"
        " WHERE world = ? AND idempotency_key IS NOT NULL ORDER BY seq",
        (world,),
    )
