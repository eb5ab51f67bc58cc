"""First answer kept per world, scope and key, for a span of the world's time."""

from __future__ import annotations

from dataclasses import dataclass

from sqlite_utils import Database, Migrations

from mockserver.kernel.store import Store

migrations = Migrations("kernel.idempotency")

_SWEEP_EVERY = 64


@migrations()
def create_idempotency(db: Database) -> None:
    """One row per key that still counts; a later first use replaces an expired one."""
    db.execute(
        """
        CREATE TABLE idempotency (
            world INTEGER NOT NULL, scope TEXT NOT NULL, key TEXT NOT NULL,
            first_at INTEGER NOT NULL, expires_at INTEGER NOT NULL, fingerprint TEXT NOT NULL,
            status INTEGER NOT NULL, headers BLOB NOT NULL, body BLOB NOT NULL,
            PRIMARY KEY (world, scope, key)
        ) WITHOUT ROWID
        """
    )
    db.execute("CREATE INDEX idempotency_expiry ON idempotency (world, expires_at)")


@dataclass(frozen=True, slots=True)
class Remembered:
    """The first use of a key.

    :param fingerprint: digest of the first body, to tell a replay from a mistake.
    """

    first_at: int
    fingerprint: str
    status: int
    headers: bytes
    body: bytes


class Idempotency:
    """The keys one world has seen. A key counts while `now < first_at + span`."""

    def __init__(self, store: Store, world: int) -> None:
        self._store = store
        self._world = world
        self._unswept = 0

    def find(self, scope: str, key: str, now: int) -> Remembered | None:
        """Return the first use of a key that still counts at `now`."""
        row = self._store.one(
            "SELECT first_at, fingerprint, status, headers, body FROM idempotency"
            " WHERE world = ? AND scope = ? AND key = ? AND expires_at > ?",
            (self._world, scope, key, now),
        )
        return Remembered(*row) if row else None

    def remember(
        self,
        scope: str,
        key: str,
        now: int,
        span: int,
        *,
        fingerprint: str = "",
        status: int = 0,
        headers: bytes = b"",
        body: bytes = b"",
    ) -> None:
        """Keep the first use of a key for `span` microseconds and, now and then, forget keys whose span is over."""
        self._unswept += 1
        if self._unswept >= _SWEEP_EVERY:
            self._unswept = 0
            self._store.execute("DELETE FROM idempotency WHERE world = ? AND expires_at <= ?", (self._world, now))
        self._store.execute(
            "INSERT OR REPLACE INTO idempotency VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (self._world, scope, key, now, now + span, fingerprint, status, headers, body),
        )
