"""Stored events in the order in which they are handed to other programs."""

from __future__ import annotations

from mockserver.kernel.store import Row, Store


def events_after(store: Store, world: int, after: int, last: int, limit: int) -> list[Row]:
    """Return accepted events in order of arrival, from one arrival number up to another, as they are stored."""
    return store.all(
        "SELECT seq, id, type, source, subject, external_subject, external_id, namespace, at, received_at,"
        " idempotency_key, data FROM paygentic_events WHERE world = ? AND seq > ? AND seq <= ? ORDER BY seq LIMIT ?",
        (world, after, last, limit),
    )


def next_event(store: Store, world: int, event_type: str, start: int) -> int | None:
    """Return the first instant, from `start` on, at which there is an event of a type."""
    row = store.one(
        "SELECT min(at) FROM paygentic_events WHERE world = ? AND type = ? AND at >= ?", (world, event_type, start)
    )
    return row[0] if row else None
