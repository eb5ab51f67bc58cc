"""Streamed chat over sockets, beside a bare Starlette handler that streams the same pieces on the same server."""

from __future__ import annotations

import importlib.util
import json
import re
from contextlib import ExitStack

from benchmarks.http import CHAT, CPU, Target, prepare
from benchmarks.load import Job, measured, request
from benchmarks.processes import PARETA_KEY, floor, simulator, started
from benchmarks.table import Samples, show

STREAMED = json.dumps({**json.loads(CHAT), "stream": True}).encode()
STREAMS = (1, 16, 64)

# What the simulator sends at a time: an event, or comments with the end they announce.
_PIECE = re.compile(r"(?:: [^\n]*\n\n)+(?:data: \[DONE\]\n\n)?|data: [^\n]*\n\n")


def run(*, quick: bool) -> None:
    """Measure every server that is installed."""
    rounds, seconds = (1, 0.5) if quick else (5, 1.5)
    for name in ("hypercorn", "uvicorn"):
        if importlib.util.find_spec(name) is not None:
            _measure(name, rounds, seconds)


def _measure(server: str, rounds: int, seconds: float) -> None:
    samples = Samples()
    with ExitStack() as stack:
        bare = stack.enter_context(started(floor(server)))
        ours = stack.enter_context(started(simulator(server)))
        prepare(ours)
        pieces = _PIECE.findall(ours.text("POST", "/v1/chat/completions", STREAMED, PARETA_KEY))
        bare.call("PUT", "/kept", pieces)
        targets = [
            Target("bare Starlette", bare, request("POST", "/stream", STREAMED, PARETA_KEY)),
            Target("chat", ours, request("POST", "/v1/chat/completions", STREAMED, PARETA_KEY)),
        ]
        for _ in range(rounds):
            for streams in STREAMS:
                for target in targets:
                    before = target.server.cpu_seconds()
                    outcome = measured(Job(target.server.port, target.request, streams, seconds))
                    used = target.server.cpu_seconds() - before
                    samples.add(target.name, str(streams), "ms", value=outcome.first_s * 1e3)
                    sent = outcome.answers * len(pieces)
                    samples.add(target.name, str(streams), "rate", value=sent / outcome.seconds)
                    samples.add(target.name, CPU, value=used / sent * 1e6)
    _show(server, samples, rounds, len(pieces))


def _show(server: str, samples: Samples, rounds: int, pieces: int) -> None:
    rows = []
    for name in ("bare Starlette", "chat"):
        row = [name]
        for streams in map(str, STREAMS):
            rate = samples.median(name, streams, "rate")
            ratio = rate / samples.median("bare Starlette", streams, "rate")
            row += [f"{samples.median(name, streams, 'ms'):.2f}", f"{rate:,.0f}", f"{ratio:.2f}"]
        rows.append([*row, f"{samples.median(name, CPU):.0f}"])
    head = [server, *(text for n in STREAMS for text in (f"{n}: first, ms", "pieces/s", "ratio")), "CPU us/piece"]
    title = f"Streams of {pieces} pieces on {server}: 1, 16 and 64 at once, median of {rounds} interleaved rounds"
    note = "Ratios are to bare Starlette. Each stream of ours also ends in a debit, a ledger row and a journal entry."
    show(title, head, rows, note)
