"""A scenario's history into a file: calls, their debits and their cost events, beside a bare insert of the same rows.

`python -m benchmarks.scenarios FILE CALLS DAYS` plays one in a process of its own and prints what that took.
"""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.history import peak_mb
from benchmarks.table import Samples, show
from mockserver.app import Simulator
from mockserver.config import Settings

WORLD = "bench"
_BATCH = 20_000

SCENARIO = """
name: bench
purpose: As much as the benchmark wants, evenly.
clock: {{mode: frozen, at: 2026-02-02T00:00:00Z}}
length: {days}d
start:
  balance_usd: 1000000
  requests:
    - request: POST /v0/costs
      body:
        type: metered
        name: AI inference
        eventType: cost.ai.inference
        aggregation: SUM
        valueProperty: $.cost_usd
        unitCost: 1
        currency: USD
        productId: prod_YOUR_PRODUCT_ID
        groupBy: {{endpoint: $.endpoint}}
customers: {{count: 200}}
traffic:
  calls_per_day: {per_day}
  uses:
    - endpoint: ep-contract-key-fields
    - endpoint: auto
events:
  - type: cost.ai.inference
    data: {{call: "{{id}}", cost_usd: "{{cost_usd}}", endpoint: "{{endpoint}}", model: "{{model}}"}}
"""

# The tables a call leaves its rows in, and the statement that finds those of the world.
TABLES = ("pareta_calls", "pareta_ledger", "paygentic_events")


@dataclass(frozen=True, slots=True)
class Played:
    """What playing a history took.

    :param cpu_seconds: processor time, which busy neighbours hardly move.
    :param peak_mb: the most memory the process held.
    """

    seconds: float
    cpu_seconds: float
    peak_mb: float
    calls: int


def play(file: Path, calls: int, days: int) -> Played:
    """Play a history of about so many calls in this process."""
    simulator = Simulator(Settings(file))
    text = SCENARIO.format(days=days, per_day=calls / days)
    wall, cpu = time.perf_counter(), time.process_time()
    with simulator.store.committed():
        world = simulator.worlds.admit(WORLD)
        simulator.stage.play(world, "bench", text, None)
    *_, told = simulator.stage.backfill(world)
    simulator.close()
    return Played(time.perf_counter() - wall, time.process_time() - cpu, peak_mb(), told["tallies"]["calls"])


def in_own_process(file: Path, calls: int, days: int) -> Played:
    """Play a history in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.scenarios", str(file), str(calls), str(days)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    return Played(**json.loads(done.stdout))


def insert_bare(source: Path, target: Path) -> float:
    """Insert the same rows into tables without indexes or rules, and return the seconds that took, reading apart."""
    reader = sqlite3.connect(f"file:{source}?mode=ro", uri=True)
    conn = sqlite3.connect(target, isolation_level=None)
    conn.execute("PRAGMA journal_mode = WAL")
    conn.execute("PRAGMA synchronous = NORMAL")
    seconds = 0.0
    for table in TABLES:
        columns = [row[1] for row in reader.execute(f"PRAGMA table_info({table})")]
        conn.execute(f"CREATE TABLE {table} ({', '.join(columns)})")
        insert = f"INSERT INTO {table} VALUES ({', '.join('?' * len(columns))})"
        for rows in _batches(reader, table):
            begun = time.perf_counter()
            conn.execute("BEGIN")
            conn.executemany(insert, rows)
            conn.execute("COMMIT")
            seconds += time.perf_counter() - begun
    begun = time.perf_counter()
    conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    conn.close()
    reader.close()
    return seconds + time.perf_counter() - begun


def _batches(reader: sqlite3.Connection, table: str) -> Iterator[list[Any]]:
    cursor = reader.execute(f"SELECT * FROM {table}")
    while rows := cursor.fetchmany(_BATCH):
        yield rows


def run(*, quick: bool) -> None:
    """Play a month of traffic, and a month of a quarter of it."""
    rounds, sizes = (1, (50_000, 200_000)) if quick else (2, (250_000, 1_000_000))
    samples = Samples()
    for _ in range(rounds):
        for size in sizes:
            with tempfile.TemporaryDirectory() as folder:
                file = Path(folder) / "ours.db"
                played = in_own_process(file, size, 30)
                bare = insert_bare(file, Path(folder) / "bare.db")
            name = f"{size:,}"
            samples.add(name, "seconds", value=played.seconds)
            samples.add(name, "cpu", value=played.cpu_seconds / played.calls * 1e6)
            samples.add(name, "peak", value=played.peak_mb)
            samples.add(name, "bare", value=bare)
            samples.add(name, "ratio", value=played.seconds / bare)
    rows = [
        [
            name, f"{samples.median(name, 'seconds'):.1f}", f"{samples.median(name, 'cpu'):.1f}",
            f"{samples.median(name, 'bare'):.1f}", f"{samples.median(name, 'ratio'):.1f}",
            f"{samples.median(name, 'peak'):.0f}",
        ]
        for name in (f"{size:,}" for size in sizes)
    ]  # fmt: skip
    note = (
        "Each call is drawn, priced, debited, timed and now and then judged; each leaves a call, a debit and a cost\n"
        "event, which is told from repeated ones and added up for its customer and its dimension. Bare: the same rows\n"
        "into three tables without index, in batches."
    )
    head = ["calls in 30 days", "seconds", "CPU us/call", "bare seconds", "times bare", "peak MB"]
    show(f"A scenario's history into a file, median of {rounds} rounds", head, rows, note)


if __name__ == "__main__":
    print(json.dumps(asdict(play(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))))
