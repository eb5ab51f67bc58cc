"""Servers under measurement, each in a process of its own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

WORLD = "bench"
PARETA_KEY = f"pareta_sk_test_{WORLD}"
PAYGENTIC_KEY = f"sk_test_{WORLD}"

_URL = re.compile(r"http://127\.0\.0\.1:(\d+)")


@dataclass(frozen=True, slots=True)
class Server:
    """A process that listens on a port of 127.0.0.1."""

    process: subprocess.Popen[str]
    port: int

    def call(self, method: str, path: str, body: Any = None, key: str = "") -> Any:
        """Send one request and return its JSON answer."""
        return json.loads(self.text(method, path, None if body is None else json.dumps(body).encode(), key))

    def text(
        self, method: str, path: str, body: bytes | None, key: str = "", media_type: str = "application/json"
    ) -> str:
        """Send one request and return its answer."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=300)
        headers = {"content-type": media_type, **({"authorization": f"Bearer {key}"} if key else {})}
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        if answer.status >= 300:
            raise RuntimeError(f"{method} {path} answered {answer.status}: {text[:500]!r}")
        return text.decode()

    def cpu_seconds(self) -> float:
        """Return the processor time the process has used (as Linux counts it)."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def resident_mb(self) -> float:
        """Return the memory the process holds, in MB (as Linux counts it)."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        match = re.search(r"VmRSS:\s+(\d+) kB", status)
        assert match is not None
        return int(match[1]) / 1024


def simulator(server: str = "hypercorn", db: Path | None = None) -> list[str]:
    """Return the command that serves the simulator."""
    command = [sys.executable, "-m", "mockserver", "serve", "--port", "0", "--server", server]
    return command if db is None else [*command, "--db", str(db)]


def floor(server: str = "hypercorn") -> list[str]:
    """Return the command that serves the bare handler."""
    return [sys.executable, "-m", "benchmarks.floor", server]


@contextmanager
def started(command: Sequence[str]) -> Iterator[Server]:
    """Run a server for the length of a block; it is ready when its first line says where it listens."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        match = _URL.search(line)
        if match is None:
            raise RuntimeError(f"{' '.join(command)} did not start: {line!r}")
        yield Server(process, int(match[1]))
    finally:
        process.terminate()
        process.communicate()


def seconds_to_first_answer(command: Sequence[str], key: str) -> tuple[float, float]:
    """Return how long a server takes from its process's start to its first answer, and the MB it holds then."""
    begun = time.perf_counter()
    with started(command) as server:
        server.call("GET", "/v1/models", key=key)
        taken = time.perf_counter() - begun
        time.sleep(0.3)
        return taken, server.resident_mb()
