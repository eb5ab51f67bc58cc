"""Embeddings and reranking over sockets, beside a bare Starlette handler that sends the same body without any work."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

from benchmarks.http import CPU, Target, prepare
from benchmarks.load import COUNTER, Job, measured, request
from benchmarks.processes import PARETA_KEY, Server, floor, simulator, started
from benchmarks.table import Samples, show

CONNECTIONS = 4
SIZES = {"embeddings": (1, 64, 512), "rerank": (1, 100, 1000)}
SERVER = "uvicorn"

_SENTENCE = (
    "Clause {number}: the supplier delivers {goods} to the customer within {number} days and invoices them monthly."
)
_GOODS = ("copper wire", "printed manuals", "spare parts", "cloud storage", "office chairs", "legal advice", "bread")


def run(*, quick: bool) -> None:
    """Measure both on the quickest server, so that the work shows."""
    rounds, seconds = (1, 0.7) if quick else (5, 2.0)
    with ExitStack() as stack:
        bare = stack.enter_context(started(floor(SERVER)))
        ours = stack.enter_context(started(simulator(SERVER)))
        prepare(ours)
        for operation, sizes in SIZES.items():
            samples = Samples()
            for size in sizes:
                _measure(samples, size, _kinds(operation, size), bare, ours, rounds, seconds)
            _show(operation, samples, rounds)


def _kinds(operation: str, size: int) -> dict[str, Mapping[str, Any]]:
    """Return the bodies to send; a counter in the first text makes each request a new one."""
    texts = [_SENTENCE.format(number=n, goods=_GOODS[n % len(_GOODS)]) for n in range(size)]
    texts[0] += f" Reference {COUNTER.decode()}."
    if operation == "rerank":
        return {"rerank": {"query": "When are office chairs delivered?", "documents": texts, "top_n": 10}}
    return {"floats": {"input": texts}, "base64": {"input": texts, "encoding_format": "base64"}}


def _measure(
    samples: Samples,
    size: int,
    kinds: Mapping[str, Mapping[str, Any]],
    bare: Server,
    ours: Server,
    rounds: int,
    seconds: float,
) -> None:
    path = "/v1/rerank" if "rerank" in kinds else "/v1/embeddings"
    number = 1
    for _ in range(rounds):
        for kind, fields in kinds.items():
            body = json.dumps(fields).encode()
            bare.call("PUT", "/kept", [ours.text("POST", path, body, PARETA_KEY)])
            for target in (
                Target(f"bare Starlette, {kind}", bare, request("POST", "/body", body, PARETA_KEY)),
                Target(kind, ours, request("POST", path, body, PARETA_KEY)),
            ):
                before = target.server.cpu_seconds()
                outcome = measured(Job(target.server.port, target.request, CONNECTIONS, seconds, number))
                used = target.server.cpu_seconds() - before
                number += outcome.answers + CONNECTIONS
                samples.add(target.name, str(size), value=outcome.per_second * size)
                samples.add(target.name, str(size), CPU, value=used / outcome.answers / size * 1e6)


def _show(operation: str, samples: Samples, rounds: int) -> None:
    rows = []
    for kind in _kinds(operation, 1):
        for name in (f"bare Starlette, {kind}", kind):
            row = [name]
            for size in map(str, SIZES[operation]):
                rate = samples.median(name, size)
                ratio = rate / samples.median(f"bare Starlette, {kind}", size)
                row += [f"{rate:,.0f}", f"{ratio:.2f}", f"{samples.median(name, size, CPU):.0f}"]
            rows.append(row)
    columns = ((f"{size} a request: texts/s", "ratio", "CPU us") for size in SIZES[operation])
    head = [operation, *(text for column in columns for text in column)]
    title = f"{operation} on {SERVER}, {CONNECTIONS} connections, median of {rounds} interleaved rounds"
    show(title, head, rows, "Processor time is the server's for each text. Bare Starlette sends a body made before.")
