"""First answer kept per world, scope and key, for a span of the world's time."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter

from mockserver.kernel.sqlite import Database, Migrations
from mockserver.kernel.store import Store
from mockserver.kernel.windows import DAY

migrations = Migrations("kernel.idempotency")

REPLAY_SPAN = DAY
"""How long the first success under a key is given again."""

_SWEEP_EVERY = 64
_SWEEP_CLAIMS_EVERY = 4096

# Clients that send a key with everything would otherwise have every embedding, picture and recording kept in full.
_PACKED_FROM = 32 * 1024


@migrations()
def create_idempotency(db: Database) -> None:
    """One row per key that still counts; a later first use replaces an expired one."""
    db.execute(
        """
        CREATE TABLE idempotency (
            world INTEGER NOT NULL, scope TEXT NOT NULL, key TEXT NOT NULL,
            first_at INTEGER NOT NULL, expires_at INTEGER NOT NULL, fingerprint TEXT NOT NULL,
            status INTEGER NOT NULL, headers BLOB NOT NULL, body BLOB NOT NULL, is_packed INTEGER NOT NULL,
            PRIMARY KEY (world, scope, key)
        ) WITHOUT ROWID
        """
    )
    db.execute("CREATE INDEX idempotency_expiry ON idempotency (world, expires_at)")


@migrations()
def create_claims(db: Database) -> None:
    """One row per key whose first use has no answer to keep; a use after its span replaces it."""
    db.execute(
        """
        CREATE TABLE claimed_keys (
            world INTEGER NOT NULL, scope TEXT NOT NULL, key TEXT NOT NULL, expires_at INTEGER NOT NULL,
            PRIMARY KEY (world, scope, key)
        ) WITHOUT ROWID
        """
    )


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
        self._claims = 0
        self._claims_kept = 0

    def find(self, scope: str, key: str, now: int) -> Remembered | None:
        """Return the first use of a key that still counts at `now`."""
        row = self._store.one(
            "SELECT first_at, fingerprint, status, headers, body, is_packed FROM idempotency"
            " WHERE world = ? AND scope = ? AND key = ? AND expires_at > ?",
            (self._world, scope, key, now),
        )
        if row is None:
            return None
        first_at, fingerprint, status, headers, body, is_packed = row
        return Remembered(first_at, fingerprint, status, headers, zlib.decompress(body) if is_packed else body)

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
            "INSERT OR REPLACE INTO idempotency VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (self._world, scope, key, now, now + span, fingerprint, status, headers, *_packed(body)),
        )

    def claim(self, scope: str, key: str, now: int, span: int) -> bool:
        """Use a key for `span` microseconds; `False`, and nothing changes, while an earlier use still counts."""
        return self.claim_all(scope, [(key, now)], span)[0]

    def claim_all(self, scope: str, uses: Sequence[tuple[str, int]], span: int) -> list[bool]:
        """Use keys one after the other as `claim` does, each at an instant of its own."""
        self._sweep_claims(len(uses), uses[-1][1] if uses else 0)
        rows = [(self._world, scope, key, now + span, now) for key, now in uses]
        conn = self._store.conn
        if len(rows) > 1:
            # A batch without a repeated key, which is what most are, needs no look at single rows.
            conn.execute("SAVEPOINT claims")
            before = conn.total_changes
            conn.executemany(_CLAIM, sorted(rows, key=_KEY))  # in the table's order, or each is on another page
            if conn.total_changes - before == len(rows):
                conn.execute("RELEASE claims")
                return [True] * len(rows)
            conn.execute("ROLLBACK TO claims")
            conn.execute("RELEASE claims")
        return [conn.execute(_CLAIM, row).rowcount == 1 for row in rows]

    def _sweep_claims(self, added: int, now: int) -> None:
        """Forget, when as many keys were added as are kept, those whose span is over: a full look at the table."""
        self._claims += added
        if self._claims > max(_SWEEP_CLAIMS_EVERY, self._claims_kept):
            self._claims = 0
            self._store.execute("DELETE FROM claimed_keys WHERE world = ? AND expires_at <= ?", (self._world, now))
            row = self._store.one("SELECT count(*) FROM claimed_keys WHERE world = ?", (self._world,))
            self._claims_kept = row[0] if row else 0


_KEY = itemgetter(2)

_CLAIM = (
    "INSERT INTO claimed_keys VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET expires_at = excluded.expires_at"
    " WHERE expires_at <= ?"
)


def _packed(body: bytes) -> tuple[bytes, bool]:
    """Return a body as it is stored, and whether that is compressed."""
    if len(body) < _PACKED_FROM:
        return body, False
    return zlib.compress(body, 1), True
