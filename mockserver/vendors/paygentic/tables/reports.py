"""What a cost report needs besides readings: names, and where in time there are events."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mockserver.kernel.store import Store


def customer_names(store: Store, world: int, identifiers: Sequence[str]) -> dict[str, str]:
    """Return the names of those that are customers, or were before they were deleted, by id."""
    places = ", ".join("?" * len(identifiers))
    rows = store.all(
        f"SELECT id, name FROM paygentic_customers WHERE world = ? AND id IN ({places})", (world, *identifiers)
    )
    return {row[0]: row[1] for row in rows}


def extent(store: Store, world: int, event_types: Iterable[str]) -> tuple[int, int] | None:
    """Return the instants of the first and the last event of some types, or `None` when there is none."""
    found = [
        row[0]
        for event_type in event_types
        # One at a time: only then does SQLite go straight to the ends of the index.
        for end in ("min", "max")
        for row in store.all(
            f"SELECT {end}(at) FROM paygentic_events WHERE world = ? AND type = ?", (world, event_type)
        )
        if row[0] is not None
    ]
    return (min(found), max(found)) if found else None
