"""Bounded record of every request: what came, what was decided, what it cost. Credentials never enter it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from mockserver.kernel.clock import monotonic_s
from mockserver.kernel.sqlite import Database, Migrations
from mockserver.kernel.store import Row, Store

MAX_ENTRIES = 20_000
MAX_BYTES = 64 * 1024 * 1024
MAX_BODY_BYTES = 16 * 1024
_TRIM_EVERY = 256
_ROW_BYTES = 256
_MAX_TIMES = 4096

_SECRET_HEADERS = frozenset(
    {b"authorization", b"proxy-authorization", b"cookie", b"set-cookie", b"x-api-key", b"x-admin-token"}
)
# Without a mode word a key's prefix must stand alone: `task_id` and `risk_score` are no credentials.
_SECRET_TEXT = re.compile(
    rb"(sk_(?:live_|test_)|(?<![A-Za-z0-9])sk_)[A-Za-z0-9._-]+|(Bearer[ \t]+)[^\s\"']+", re.IGNORECASE
)
REDACTED = b"[redacted]"

migrations = Migrations("kernel.journal")


@migrations()
def create_journal(db: Database) -> None:
    """One row per request; `seq` counts the world's requests in order of arrival.

    A rowid table: rows of this length spill out of a WITHOUT ROWID tree, which takes twice as long to write.
    """
    db.execute(
        """
        CREATE TABLE journal (
            world INTEGER NOT NULL, seq INTEGER NOT NULL, at INTEGER NOT NULL, vendor TEXT NOT NULL,
            operation TEXT, method TEXT NOT NULL, path TEXT NOT NULL, query TEXT NOT NULL,
            status INTEGER, cost_micro_usd INTEGER NOT NULL, duration_us INTEGER NOT NULL,
            request_id TEXT NOT NULL, client TEXT NOT NULL, reason TEXT, idempotency TEXT, fault TEXT, stub TEXT,
            retry_after TEXT,
            request_headers BLOB NOT NULL, request_body BLOB NOT NULL, response_body BLOB NOT NULL,
            size INTEGER NOT NULL,
            PRIMARY KEY (world, seq)
        )
        """
    )


@dataclass(slots=True)
class Entry:
    """One request as the journal keeps it.

    :param status: HTTP status, or `None` when the client left before a stream ended.
    :param duration_us: simulated microseconds, so that two runs of one script write the same bytes.
    :param reason: why a request was refused, or `None`.
    :param idempotency: `first`, `replayed`, `duplicate`, `mismatch`, or `None` without a key.
    :param fault: the faults that hit it, by id and separated by blanks.
    :param retry_after: what the answer's header of that name said.
    """

    seq: int
    at: int
    vendor: str
    operation: str | None
    method: str
    path: str
    query: str
    status: int | None
    request_id: str
    client: str = ""
    cost_micro_usd: int = 0
    duration_us: int = 0
    reason: str | None = None
    idempotency: str | None = None
    fault: str | None = None
    stub: str | None = None
    retry_after: str | None = None
    headers: dict[bytes, bytes] = field(default_factory=dict)
    request_body: bytes = b""
    response_body: bytes = b""

    @property
    def is_echo(self) -> bool:
        """Whether no client sent it: a fault let what one sent before arrive again, or later."""
        return self.reason is not None and self.fault is not None and self.reason.startswith(f"{self.fault}: arrived ")


class Journal:
    """The requests of one world, oldest dropped first when there are too many.

    When a request came by the machine's clock is no part of it, for two runs of one script write the same bytes. It is
    remembered beside it, once an answer asked to wait: a world's own clock may stand still.
    """

    def __init__(self, store: Store, world: int) -> None:
        self._store = store
        self._world = world
        row = store.one("SELECT max(seq) FROM journal WHERE world = ?", (world,))
        self._seq: int = (row and row[0]) or 0
        self._unweighed = 0
        self.unwritten: set[int] = set()
        """Numbers of the requests that have begun and not ended; gone when the process is."""
        self.came_s: dict[int, float] = {}
        """Machine's seconds at which requests came, by number; `answered_s` at which those were answered that were
        told to wait. Gone when the process is."""
        self.answered_s: dict[int, float] = {}
        self.unheard: set[int] = set()
        """Numbers of the requests whose client left while an answer was held back; gone when the process is."""

    @property
    def newest(self) -> int:
        """The number of the newest request that is written down; 0 when none is."""
        row = self._store.one("SELECT max(seq) FROM journal WHERE world = ?", (self._world,))
        return (row and row[0]) or 0

    @property
    def latest(self) -> int | None:
        """The instant of the newest request that is written down, `None` when none is."""
        row = self._store.one("SELECT at FROM journal WHERE world = ? ORDER BY seq DESC LIMIT 1", (self._world,))
        return None if row is None else row[0]

    def forget(self) -> None:
        """Count on from what is written down: what was written since was undone."""
        self._seq = self.newest

    def costs(self) -> list[tuple[int, int]]:
        """Return instant and cost of each request that is remembered and cost anything, oldest first."""
        rows = self._store.all(
            "SELECT at, cost_micro_usd FROM journal WHERE world = ? AND cost_micro_usd > 0 ORDER BY seq", (self._world,)
        )
        return [(at, cost) for at, cost in rows]

    def next_seq(self) -> int:
        """Return the arrival number of the request that begins now."""
        self._seq += 1
        self.unwritten.add(self._seq)
        if self.answered_s:
            _remember(self.came_s, self._seq)
        return self._seq

    def write(self, entry: Entry) -> None:
        """Keep one request."""
        self.unwritten.discard(entry.seq)
        if entry.retry_after is not None:
            _remember(self.answered_s, entry.seq)
        headers = redacted_headers(entry.headers)
        request_body = redacted(capped(entry.request_body))
        response_body = redacted(capped(entry.response_body))
        size = len(headers) + len(request_body) + len(response_body) + _ROW_BYTES
        self._store.execute(
            "INSERT INTO journal VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                self._world, entry.seq, entry.at, entry.vendor, entry.operation, entry.method,
                redacted_text(entry.path), redacted_text(entry.query), entry.status, entry.cost_micro_usd,
                entry.duration_us, entry.request_id, entry.client, entry.reason, entry.idempotency, entry.fault,
                entry.stub, entry.retry_after, headers, request_body, response_body, size,
            ),
        )  # fmt: skip
        if entry.seq % _TRIM_EVERY == 0:
            self._store.execute(
                "DELETE FROM journal WHERE world = ? AND seq <= ?", (self._world, entry.seq - MAX_ENTRIES)
            )
        # Weighing reads every row, so it waits until there is something to find; the journal may be that much over.
        self._unweighed += size
        if self._unweighed > MAX_BYTES // 4:
            self._unweighed = 0
            self._drop_excess_bytes()

    def _drop_excess_bytes(self) -> None:
        row = self._store.one(
            "SELECT max(seq) FROM (SELECT seq, sum(size) OVER (ORDER BY seq DESC) AS kept FROM journal WHERE world = ?)"
            " WHERE kept > ?",
            (self._world, MAX_BYTES),
        )
        if row and row[0] is not None:
            self._store.execute("DELETE FROM journal WHERE world = ? AND seq <= ?", (self._world, row[0]))

    def read(
        self, *, after: int = 0, limit: int = 100, operation: str | None = None, status: int | None = None
    ) -> list[Entry]:
        """Return entries newer than `after`, oldest first, at most `limit`.

        :param operation: only this operation's; `*` stands for any text, and the vendor may be left out.
        :param status: only those answered with it.
        """
        rows = self._store.all(
            "SELECT seq, at, vendor, operation, method, path, query, status, request_id, client, cost_micro_usd,"
            " duration_us, reason, idempotency, fault, stub, retry_after, request_headers, request_body, response_body"
            " FROM journal WHERE world = :world AND seq > :after AND (:status IS NULL OR status = :status)"
            " AND (:operation IS NULL OR operation GLOB :operation"
            "      OR substr(operation, instr(operation, '.') + 1) GLOB :operation)"
            " ORDER BY seq LIMIT :limit",
            {"world": self._world, "after": after, "status": status, "operation": operation, "limit": limit},
        )
        return [_entry(row) for row in rows]


def _remember(times: dict[int, float], seq: int) -> None:
    times[seq] = monotonic_s()
    if len(times) > _MAX_TIMES:
        del times[next(iter(times))]


def _entry(row: Row) -> Entry:
    *plain, headers, request_body, response_body = row
    entry = Entry(*plain)
    entry.headers, entry.request_body, entry.response_body = _headers(headers), request_body, response_body
    return entry


def capped(body: bytes) -> bytes:
    """Return the part of a body that is kept, without half a character at its end."""
    if len(body) <= MAX_BODY_BYTES:
        return body
    end = MAX_BODY_BYTES
    while end > MAX_BODY_BYTES - 4 and body[end] & 0xC0 == 0x80:  # a UTF-8 character goes on here
        end -= 1
    return body[:end]


def redacted_headers(headers: dict[bytes, bytes]) -> bytes:
    """Return headers as `name: value` lines with every credential replaced."""
    lines = [name + b": " + (REDACTED if name in _SECRET_HEADERS else value) for name, value in headers.items()]
    return redacted(b"\n".join(lines))


def is_secret(header: bytes) -> bool:
    """Whether a header, by its lower-case name, carries a credential."""
    return header in _SECRET_HEADERS


def _headers(lines: bytes) -> dict[bytes, bytes]:
    pairs = (line.partition(b": ") for line in lines.split(b"\n"))
    return {name: value for name, found, value in pairs if found}


def redacted(text: bytes) -> bytes:
    """Return bytes with everything that looks like one of the vendors' keys or a bearer credential replaced."""
    lowered = text.lower()
    if b"sk_" not in lowered and b"bearer" not in lowered:
        return text
    return _SECRET_TEXT.sub(rb"\1\2" + REDACTED, text)


def redacted_text(text: str) -> str:
    """`redacted` for text."""
    return redacted(text.encode("utf-8", "surrogateescape")).decode("utf-8", "replace") if "sk_" in text else text
