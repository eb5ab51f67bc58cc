"""A load generator light enough not to be what is measured: raw keep-alive sockets in a process of its own.

`python -m benchmarks.load` reads a job as JSON from standard input and writes what came of it.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from statistics import median
from typing import cast

COUNTER = b"000000000000"
"""Twelve digits in a request that count up, so that each request can be a new one."""

_HEAD_END = b"\r\n\r\n"
_LAST_CHUNK = b"0\r\n\r\n"
_EVENT_END = b"\n\n"


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
    """What came of it.

    :param events: server-sent events of streamed answers.
    :param first_s: the median time from a request to the first bytes of its answer's body.
    """

    answers: int
    failures: int
    seconds: float
    events: int
    first_s: float

    @property
    def per_second(self) -> float:
        return self.answers / self.seconds

    @property
    def events_per_second(self) -> float:
        return self.events / self.seconds


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
        self._head = b""
        self._is_in_body = False
        self._is_fine = False
        self._is_chunked = False
        self._missing = 0
        self._tail = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but name
        self._send()

    def _send(self) -> None:
        self._head = b""
        self._is_in_body = False
        self._sent_at = time.perf_counter()
        self._transport.write(self._load.next())

    def data_received(self, data: bytes) -> None:
        if not self._is_in_body:
            self._head += data
            end = self._head.find(_HEAD_END)
            if end < 0:
                return
            data = self._head[end + len(_HEAD_END) :]
            self._begin(self._head[:end])
        if data and self._sent_at:
            self._load.begun(time.perf_counter() - self._sent_at)
            self._sent_at = 0.0
        if self._is_whole(data):
            if self._load.answered(is_fine=self._is_fine):
                self._send()
            else:
                self._transport.close()

    def _begin(self, head: bytes) -> None:
        self._is_in_body = True
        self._is_fine = head[9:10] == b"2"
        self._is_chunked = b"chunked" in head
        self._tail = b""
        self._missing = 0 if self._is_chunked else _length(head)

    def _is_whole(self, data: bytes) -> bool:
        if not self._is_chunked:
            self._missing -= len(data)
            return self._missing <= 0
        seen = self._tail + data
        self._load.events += seen.count(_EVENT_END) - self._tail.count(_EVENT_END)
        self._tail = seen[1 - len(_LAST_CHUNK) :]
        return seen.endswith(_LAST_CHUNK)

    def connection_lost(self, error: Exception | None) -> None:
        self._load.lost()


class _Load:
    def __init__(self, job: Job) -> None:
        before, counter, after = job.request.encode("ascii").partition(COUNTER)
        self._before, self._after = before, after
        self._is_counted = bool(counter)
        self._number = job.first
        self._open = job.connections
        self._ends = float("inf")
        self.done = asyncio.get_running_loop().create_future()
        self.answers = self.failures = self.events = 0
        self.firsts: list[float] = []

    def until(self, at: float) -> None:
        self._ends = at

    def next(self) -> bytes:
        if not self._is_counted:
            return self._before
        self._number += 1
        return b"%s%012d%s" % (self._before, self._number, self._after)

    def begun(self, after_s: float) -> None:
        """Note how long the first bytes of a body took."""
        self.firsts.append(after_s)

    def answered(self, *, is_fine: bool) -> bool:
        """Count an answer; return whether to go on."""
        self.answers += 1
        self.failures += not is_fine
        return time.perf_counter() < self._ends

    def lost(self) -> None:
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
    seconds = time.perf_counter() - begun
    return Outcome(load.answers, load.failures, seconds, load.events, median(load.firsts or [0.0]))


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
