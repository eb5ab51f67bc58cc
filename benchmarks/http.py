"""Chats per second over sockets, beside a bare Starlette handler on the same server."""

from __future__ import annotations

import importlib.util
import json
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from benchmarks.load import Job, measured, request
from benchmarks.processes import PARETA_KEY, PAYGENTIC_KEY, WORLD, Server, floor, simulator, started
from benchmarks.table import Samples, show

CHAT = json.dumps(
    {
        "model": "ep-contract-key-fields",
        "temperature": 0,
        "messages": [
            {"role": "system", "content": "Extract the key fields of this contract as JSON."},
            {"role": "user", "content": "This agreement is made on 2026-01-05 between Northwind Ltd and Contoso GmbH "
             "for a term of 24 months at 12,000 USD a year."},
        ],
    }
).encode()  # fmt: skip

COST = {
    "type": "metered",
    "name": "Pages read",
    "eventType": "cost.bench.page",
    "aggregation": "SUM",
    "valueProperty": "$.pages",
    "groupBy": {"region": "$.region"},
    "unitCost": 0.25,
    "currency": "USD",
    "productId": "prod_YOUR_PRODUCT_ID",
}

CONNECTIONS = (1, 16, 64)
CPU = "CPU us/request"


@dataclass(frozen=True, slots=True)
class Target:
    """One kind of request to one server process."""

    name: str
    server: Server
    request: str


def run(*, quick: bool) -> None:
    """Measure every server that is installed."""
    measure("chat", request("POST", "/v1/chat/completions", CHAT, PARETA_KEY), quick=quick)


def measure(kind: str, sent: str, *, quick: bool) -> None:
    """Send one kind of request to every server that is installed, in memory and on a file."""
    rounds, seconds = (1, 0.5) if quick else (5, 1.5)
    for name in ("hypercorn", "uvicorn", "granian"):
        if importlib.util.find_spec(name) is not None:
            _measure(name, kind, sent, rounds, seconds)


def _measure(server: str, kind: str, sent: str, rounds: int, seconds: float) -> None:
    samples = Samples()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        bare = stack.enter_context(started(floor(server)))
        targets = [Target("bare Starlette", bare, request("POST", "/v1/chat/completions", CHAT, PARETA_KEY))]
        for place, db in (("memory", None), ("file", folder / "bench.db")):
            process = stack.enter_context(started(simulator(server, db)))
            prepare(process)
            targets.append(Target(f"{kind}, {place}", process, sent))
        number = 1
        for _ in range(rounds):
            for connections in CONNECTIONS:
                for target in targets:
                    job = Job(target.server.port, target.request, connections, seconds, number)
                    before = target.server.cpu_seconds()
                    outcome = measured(job)
                    used = target.server.cpu_seconds() - before
                    number += outcome.answers + connections
                    samples.add(target.name, str(connections), value=outcome.per_second)
                    samples.add(target.name, CPU, value=used / outcome.answers * 1e6)
    _show(server, [target.name for target in targets], samples, rounds)


def prepare(server: Server) -> None:
    """Give the measured world more credit than it can use, and a cost for its events."""
    server.call("PUT", f"/_mock/worlds/{WORLD}/credits", {"balance_usd": "1000000000"})
    server.call("POST", "/v0/costs", COST, PAYGENTIC_KEY)


def _show(server: str, names: list[str], samples: Samples, rounds: int) -> None:
    rows = []
    for name in names:
        row = [name]
        for connections in map(str, CONNECTIONS):
            rate = samples.median(name, connections)
            row += [f"{rate:,.0f}", f"{rate / samples.median(names[0], connections):.2f}"]
        rows.append([*row, f"{samples.median(name, CPU):.0f}"])
    head = [server, *(text for n in CONNECTIONS for text in (f"{n} conn.", "ratio")), CPU]
    note = "Ratios are to bare Starlette. Processor time is the server's alone, so busy neighbours hardly move it."
    show(f"Requests per second on {server}, median of {rounds} interleaved rounds", head, rows, note)
