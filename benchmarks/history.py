"""A month of cost events, and the places the benchmarks put them: our file, DuckDB's, bare SQLite's.

`python -m benchmarks.history PLACE FILE EVENTS` fills one of them in a process of its own and prints what that took.
The events are made anew each time, the same for every place, and what makes them ready is not timed.
"""

from __future__ import annotations

import json
import random
import re
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import duckdb

from mockserver.app import Simulator
from mockserver.config import Settings
from mockserver.http.messages import Request
from mockserver.kernel.windows import DAY, parse_instant
from mockserver.kernel.world import Beginning
from mockserver.vendors.paygentic.domain.metering import EventDraft
from mockserver.vendors.paygentic.operations.events import ingest_many

START = parse_instant("2026-02-01T00:00:00Z")
DAYS = 30
SUBJECTS = 200
PROVIDERS = ("anthropic", "openai", "mistral")
OPERATIONS = ("extraction", "summarization")
WORLD = "bench"

_CHUNK = 50_000
_AMOUNTS = range(1, 500_000)


class Event(NamedTuple):
    """One event, as every place is given it.

    :param at: microseconds since 1970.
    :param amount: dollars, with seven decimals.
    """

    at: int
    key: str
    subject: str
    amount: Decimal
    provider: str
    operation: str


def chunks(count: int) -> Iterator[list[Event]]:
    """Yield a month of events, in order of time; whatever the count, they begin alike."""
    draw = random.Random(7)
    subjects = [f"cus_{number}" for number in range(SUBJECTS)]
    for first in range(0, count, _CHUNK):
        size = min(_CHUNK, count - first)
        numbers = range(first, first + size)
        yield [
            Event(START + number * DAYS * DAY // count, f"key-{number}", subject, amount, provider, operation)
            for number, subject, amount, provider, operation in zip(
                numbers,
                draw.choices(subjects, k=size),
                [Decimal(units).scaleb(-7) for units in draw.choices(_AMOUNTS, k=size)],
                draw.choices(PROVIDERS, k=size),
                draw.choices(OPERATIONS, k=size),
                strict=True,
            )
        ]


@dataclass(frozen=True, slots=True)
class Filled:
    """What filling a place took.

    :param seconds: without the time it took to make the events.
    :param cpu_seconds: processor time of the same, which busy neighbours hardly move.
    :param peak_mb: the most memory the process held.
    """

    seconds: float
    cpu_seconds: float
    peak_mb: float
    events: int

    @property
    def per_second(self) -> float:
        """Events per second."""
        return self.events / self.seconds

    @property
    def cpu_us(self) -> float:
        """Microseconds of processor time for each event."""
        return self.cpu_seconds / self.events * 1e6


# Places


class Place(Protocol):
    """Somewhere events are put; only `put` and `close` are timed."""

    def prepare(self, chunk: Sequence[Event]) -> Any:
        """Return events in the form the place is given them in."""

    def put(self, ready: Any) -> None:
        """Store them durably."""

    def close(self) -> None:
        """Leave one file behind."""


def simulator(file: Path | None) -> Simulator:
    """Return a simulator whose clock stands still after the month."""
    beginning = Beginning(seed=7, clock_mode="frozen", clock_at=parse_instant("2026-03-05T00:00:00Z"))
    return Simulator(Settings(file, beginning))


def call(simulator: Simulator, method: str, path: str, query: str = "", body: Any = None) -> bytes:
    """Serve one request the way a server does, and return its answer's body."""
    headers = {b"authorization": f"Bearer sk_test_{WORLD}".encode()}
    data = b"" if body is None else json.dumps(body).encode()
    reply = simulator.gateway.handle(Request(method, path, query.encode(), headers, data))
    simulator.store.commit()
    assert reply.status < 300, reply.body
    return reply.body


COST = {
    "type": "metered",
    "name": "AI inference",
    "eventType": "cost.ai",
    "aggregation": "SUM",
    "valueProperty": "$.amount",
    "unitCost": 1,
    "currency": "USD",
    "productId": "prod_YOUR_PRODUCT_ID",
}
# Each set of dimensions is another way of reading the events, to be kept up to date by itself.
_GROUP_BYS = (("provider", "operation"), ("provider",), ("operation",))


class Ours:
    """Bulk intake into the simulator's file, with so many costs to keep up to date.

    :param has_keys: whether events bring an idempotency key.
    """

    def __init__(self, file: Path, costs: int = 1, *, has_keys: bool = True) -> None:
        self._simulator = simulator(file)
        self._has_keys = has_keys
        for names in _GROUP_BYS[:costs]:
            call(self._simulator, "POST", "/v0/costs", body={**COST, "groupBy": {name: f"$.{name}" for name in names}})
        with self._simulator.store.committed():
            self._world = self._simulator.worlds.admit(WORLD)

    def prepare(self, chunk: Sequence[Event]) -> list[tuple[int, EventDraft]]:
        return [
            (
                at,
                EventDraft(
                    "cost.ai", "bench", {"amount": amount, "provider": provider, "operation": operation},
                    subject=subject, idempotency_key=key if self._has_keys else None, at=at,
                ),
            )
            for at, key, subject, amount, provider, operation in chunk
        ]  # fmt: skip

    def put(self, ready: list[tuple[int, EventDraft]]) -> None:
        with self._simulator.store.committed():
            taken = ingest_many(self._world, ready)
        assert taken == len(ready)

    def close(self) -> None:
        self._simulator.close()


class Bare:
    """The same columns in an SQLite table with nothing else: no index, no rules, no sums."""

    def __init__(self, file: Path) -> None:
        self._conn = sqlite3.connect(file, isolation_level=None)
        self._conn.execute("PRAGMA journal_mode = WAL")
        self._conn.execute("PRAGMA synchronous = NORMAL")
        self._conn.execute(
            "CREATE TABLE events (seq INTEGER PRIMARY KEY, id TEXT, type TEXT, source TEXT, subject TEXT,"
            " external_subject TEXT, external_id TEXT, namespace TEXT, at INTEGER, received_at INTEGER,"
            " idempotency_key TEXT, data TEXT)"
        )
        self._seq = 0

    def prepare(self, chunk: Sequence[Event]) -> list[tuple[Any, ...]]:
        rows = []
        for at, key, subject, amount, provider, operation in chunk:
            self._seq += 1
            data = f'{{"amount":{amount},"provider":"{provider}","operation":"{operation}"}}'
            row = (
                self._seq, f"evt_{self._seq:016d}", "cost.ai", "bench", subject, None, None, "org_YOUR_ORG_ID", at, at,
                key, data,
            )  # fmt: skip
            rows.append(row)
        return rows

    def put(self, ready: list[tuple[Any, ...]]) -> None:
        self._conn.execute("BEGIN")
        self._conn.executemany("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", ready)
        self._conn.execute("COMMIT")

    def close(self) -> None:
        self._conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._conn.close()


class Duck:
    """Typed columns in DuckDB, which is the best case for it: no JSON to read, exact decimals, time as integers."""

    def __init__(self, file: Path) -> None:
        self._conn = duckdb.connect(str(file))
        self._conn.execute(
            "CREATE TABLE events (micros BIGINT, key VARCHAR, subject VARCHAR, amount DECIMAL(18, 7), provider VARCHAR,"
            " operation VARCHAR)"
        )
        self._csv = file.with_suffix(".csv")

    def prepare(self, chunk: Sequence[Event]) -> Path:
        with self._csv.open("w", encoding="utf-8") as csv:
            csv.writelines([",".join(map(str, event)) + "\n" for event in chunk])
        return self._csv

    def put(self, ready: Path) -> None:
        self._conn.execute(f"COPY events FROM '{ready}' (HEADER false)")

    def close(self) -> None:
        self._conn.close()
        self._csv.unlink()


PLACES: dict[str, Callable[[Path], Place]] = {
    "ours": Ours,
    "ours, no keys": partial(Ours, has_keys=False),
    "ours, three costs": partial(Ours, costs=3),
    "bare": Bare,
    "duckdb": Duck,
}


def fill(place: str, file: Path, events: int) -> Filled:
    """Fill a place in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.history", place, str(file), str(events)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    return Filled(**json.loads(done.stdout))


def main() -> None:
    name, file, count = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    place = PLACES[name](file)
    watch = _Watch()
    for chunk in chunks(count):
        ready = place.prepare(chunk)
        with watch:
            place.put(ready)
    with watch:
        place.close()
    print(json.dumps(asdict(Filled(watch.seconds, watch.cpu_seconds, peak_mb(), count))))


class _Watch:
    """Adds up the time of the blocks it stands around."""

    def __init__(self) -> None:
        self.seconds = self.cpu_seconds = 0.0

    def __enter__(self) -> None:
        self.seconds -= time.perf_counter()
        self.cpu_seconds -= time.process_time()

    def __exit__(self, *error: object) -> None:
        self.seconds += time.perf_counter()
        self.cpu_seconds += time.process_time()


def peak_mb() -> float:
    """Return the most memory this process held; the usage that `resource` tells includes the parent's at the fork."""
    match = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"))
    assert match is not None
    return int(match[1]) / 1024


if __name__ == "__main__":
    main()
