"""How often each key has called each limited operation in its present window."""

from __future__ import annotations

from mockserver.kernel.sqlite import Database, Migrations
from mockserver.kernel.store import Store

migrations = Migrations("paygentic.rate_limits")


@migrations()
def create_rate_limits(db: Database) -> None:
    """One row per key and operation; a later window replaces the one before."""
    db.execute(
        """
        CREATE TABLE paygentic_rate_limits (
            world INTEGER NOT NULL, key_mode TEXT NOT NULL, operation TEXT NOT NULL,
            began_at INTEGER NOT NULL, calls INTEGER NOT NULL,
            PRIMARY KEY (world, key_mode, operation)
        ) WITHOUT ROWID
        """
    )


def count_call(store: Store, world: int, key_mode: str, operation: str, began_at: int) -> int:
    """Count a call in the window that began at an instant, and return how many it now has."""
    row = store.one(
        "INSERT INTO paygentic_rate_limits VALUES (?, ?, ?, ?, 1) ON CONFLICT DO UPDATE SET"
        " calls = CASE began_at WHEN excluded.began_at THEN calls + 1 ELSE 1 END, began_at = excluded.began_at"
        " RETURNING calls",
        (world, key_mode, operation, began_at),
    )
    assert row is not None
    return int(row[0])
