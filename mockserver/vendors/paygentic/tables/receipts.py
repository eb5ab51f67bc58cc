"""The stored events as receipts for work that somebody else was paid for."""

from __future__ import annotations

import json
from collections.abc import Collection

from mockserver.kernel.store import Row, Store

_EVENT = "SELECT seq, id, type, subject, external_subject, external_id, at, idempotency_key, data FROM paygentic_events"


def events(store: Store, world: int, types: Collection[str], after: int, last: int, limit: int) -> list[Row]:
    """Return events of some types that arrived after one and up to another, in order of arrival."""
    # Most events are of these types, so the table is read as it lies.
    return store.all(
        f"{_EVENT} NOT INDEXED WHERE world = ? AND seq > ? AND seq <= ?"
        " AND type IN (SELECT value FROM json_each(?)) ORDER BY seq LIMIT ?",
        (world, after, last, json.dumps(list(types)), limit),
    )


def events_numbered(store: Store, world: int, numbers: Collection[int]) -> list[Row]:
    """Return events by arrival number, in order of arrival."""
    return store.all(
        f"{_EVENT} WHERE world = ? AND seq IN (SELECT value FROM json_each(?)) ORDER BY seq",
        (world, json.dumps(list(numbers))),
    )
