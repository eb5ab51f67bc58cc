"""A load generator light enough not to be what is measured: raw keep-alive sockets in a process of its own.

`python -m benchmarks.load` reads a job as JSON from standard input and writes how many answers came in.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from typing import cast

COUNTER = b"000000000000"
"""Twelve digits in a request that count up, so that each request can be a new one."""


@dataclass(frozen=True, slots=True)
class Job:
    """What to send, and for how long.

    :param request: the whole request as text.
    :param first: where the counter starts.
    """

    port: int
    request: str
    connections: int
    seconds: float
    first: int = 1


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it."""

    answers: int
    failures: int
    seconds: float

    @property
    def per_second(self) -> float:
        return self.answers / self.seconds


def request(method: str, path: str, body: bytes, key: str) -> str:
    """Return a keep-alive request as text."""
    head = (
        f"{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nuser-agent: bench/1\r\nauthorization: Bearer {key}\r\n"
        f"accept: application/json\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head + body.decode("ascii")


def measured(job: Job) -> Outcome:
    """Run a job in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.load"],
        input=json.dumps(asdict(job)), stdout=subprocess.PIPE, text=True, check=True, timeout=job.seconds + 60,
    )  # fmt: skip
    outcome = Outcome(**json.loads(done.stdout))
    if outcome.failures or not outcome.answers:
        raise RuntimeError(f"{outcome.failures} of {outcome.answers} answers were failures")
    return outcome


class _Connection(asyncio.Protocol):
    """Sends the next request as soon as an answer is whole."""

    def __init__(self, load: _Load) -> None:
        self._load = load
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but name
        self._transport.write(self._load.next())

    def data_received(self, data: bytes) -> None:
        received = self._received + data if self._received else data
        head = received.find(b"\r\n\r\n")
        if head < 0 or len(received) < head + 4 + _length(received[:head]):
            self._received = received
            return
        self._received = b""
        if self._load.answered(is_fine=received[9:10] == b"2"):
            self._transport.write(self._load.next())
        else:
            self._transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        self._load.lost(error)


class _Load:
    def __init__(self, job: Job) -> None:
        before, counter, after = job.request.encode("ascii").partition(COUNTER)
        self._before, self._after = before, after
        self._is_counted = bool(counter)
        self._number = job.first
        self._open = job.connections
        self._ends = float("inf")
        self.done = asyncio.get_running_loop().create_future()
        self.answers = self.failures = 0

    def until(self, at: float) -> None:
        self._ends = at

    def next(self) -> bytes:
        if not self._is_counted:
            return self._before
        self._number += 1
        return b"%s%012d%s" % (self._before, self._number, self._after)

    def answered(self, *, is_fine: bool) -> bool:
        """Count an answer; return whether to go on."""
        self.answers += 1
        self.failures += not is_fine
        return time.perf_counter() < self._ends

    def lost(self, error: Exception | None) -> None:
        self._open -= 1
        if time.perf_counter() < self._ends:
            self.failures += 1
        if not self._open:
            self.done.set_result(None)


def _length(head: bytes) -> int:
    lowered = head.lower()
    start = lowered.index(b"content-length:") + len(b"content-length:")
    end = lowered.find(b"\r\n", start)
    return int(lowered[start : end if end >= 0 else None])


async def run(job: Job) -> Outcome:
    """Keep every connection busy for the length of the job."""
    loop = asyncio.get_running_loop()
    load = _Load(job)
    begun = time.perf_counter()
    load.until(begun + job.seconds)
    for _ in range(job.connections):
        await loop.create_connection(lambda: _Connection(load), "127.0.0.1", job.port)
    await load.done
    return Outcome(load.answers, load.failures, time.perf_counter() - begun)


def main() -> None:
    job = Job(**json.load(sys.stdin))
    try:
        import uvloop
    except ImportError:
        outcome = asyncio.run(run(job))
    else:
        outcome = uvloop.run(run(job))
    print(json.dumps(asdict(outcome)))


if __name__ == "__main__":
    main()
