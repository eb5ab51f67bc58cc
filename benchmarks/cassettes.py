"""Recorded answers: what each player adds to a call, answers per second over a socket, the start, and memory.

VCR.py and mockserver play the same file, which has one interaction for each call.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import vcr
import yaml

from benchmarks.http import CHAT
from benchmarks.load import Job, measured, request
from benchmarks.processes import PARETA_KEY, floor, seconds_to_first_answer, simulator, started
from benchmarks.table import Samples, show
from mockserver.app import Simulator
from mockserver.cassettes.files import Library
from mockserver.cassettes.player import Player
from mockserver.cassettes.replaying import Playback
from mockserver.http.inprocess import InProcessTransport
from mockserver.http.messages import Reply, Request

URL = "https://api.pareta.ai"
PATH = "/v1/chat/completions"
FLOOR = "httpx MockTransport (the floor)"
OURS = "mockserver, player"
OURS_IN_A_TEST = "mockserver, a test's world"
VCRPY = "vcrpy"
VCRPY_ALONE = "vcrpy, a cassette of one"


def run(*, quick: bool) -> None:
    """Measure calls in process, answers over a socket, the start, and memory."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        _calls(folder, count=200 if quick else 2000, rounds=3 if quick else 5)
        _answers(folder, rounds=1 if quick else 5, seconds=0.5 if quick else 1.5)
        _starts(folder, count=1000 if quick else 10_000, rounds=1 if quick else 3)
        _memory(folder, megabytes=20 if quick else 200)


# What is played


def _body(number: int) -> bytes:
    said = {"role": "user", "content": f"Question {number}: in which month did revenue grow most, and by how much?"}
    return json.dumps({"model": "auto", "temperature": 0, "messages": [said]}).encode()


def _interaction(number: int, answer: str | None = None) -> dict[str, Any]:
    said = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": answer or "x" * 160}}
    completion = {"id": f"chatcmpl-{number:016d}", "object": "chat.completion", "choices": [said]}
    return {
        "request": {
            "method": "POST",
            "uri": f"{URL}{PATH}",
            "body": _body(number).decode(),
            "headers": {"content-type": ["application/json"], "accept": ["*/*"]},
        },
        "response": {
            "status": {"code": 200, "message": "OK"},
            "headers": {"content-type": ["application/json"], "x-request-id": [f"req_{number:016d}"]},
            "body": {"string": json.dumps(completion)},
        },
    }


def _cassette(path: Path, interactions: Iterator[dict[str, Any]]) -> Path:
    """Write a cassette as VCR.py does, one interaction after the other."""
    with path.open("w", encoding="utf-8") as file:
        file.write("interactions:\n")
        for each in interactions:
            file.write(yaml.dump([each], Dumper=yaml.CDumper))
        file.write("version: 1\n")
    return path


# Calls in process


class _Played:
    """What a test's gateway asks for the answers of a world that has a cassette."""

    is_carrying = False

    def __init__(self, player: Player) -> None:
        self.play: Callable[[Request], Reply] = player.play

    def ours(self, request: Request) -> Request:
        return request

    def heard(self, request: Request, played: Reply | None, simulated: Reply) -> Reply:
        return simulated


def _calls(folder: Path, *, count: int, rounds: int) -> None:
    path = _cassette(folder / "calls.yaml", map(_interaction, range(count)))
    alone = _cassette(folder / "alone.yaml", iter([_interaction(0)]))
    samples = Samples()
    canned = json.loads(_interaction(0)["response"]["body"]["string"])
    for _ in range(rounds):
        floor = httpx.MockTransport(lambda _: httpx.Response(200, json=canned))
        samples.add(FLOOR, "warm", value=_taken(floor, range(count)))
        _ours(samples, path, count)
        _gateway(samples, path, count)
        # It looks through all of them for each call, so that some calls from all over the cassette must do.
        _vcrpy(samples, VCRPY, path, range(count // 40, count, count // 20))
        _vcrpy(samples, VCRPY_ALONE, alone, [0] * 200)

    def over(name: str, state: str) -> float:
        return (samples.median(name, state) - samples.median(FLOOR, "warm")) * 1e6

    rows = [[FLOOR, f"{samples.median(FLOOR, 'warm') * 1e6:.0f}", *[""] * 6]]
    for name in (OURS, OURS_IN_A_TEST, VCRPY, VCRPY_ALONE):
        row = [name, f"{samples.median(name, 'warm') * 1e6:,.0f}", f"{samples.median(name, 'load') * 1e3:,.0f}"]
        for state in ("cold", "warm"):
            more = over(name, state)
            row += [f"{more:+,.0f}", f"{more / over(VCRPY, 'warm'):.3f}"]
        rows.append([*row, f"{over(name, 'warm') / over(VCRPY_ALONE, 'warm'):.2f}"])
    show(
        f"Replayed httpx calls in process, {count:,} distinct ones: us of CPU per call, median of {rounds} rounds",
        [
            "",
            "warm",
            "load, ms",
            "cold, over the floor",
            "of vcrpy",
            "warm, over the floor",
            "of vcrpy",
            "of one alone",
        ],
        rows,
        "Loading is what happens before the first call. Cold: each interaction for the first time, when mockserver"
        " reads it; warm: once more after a\nrewind. VCR.py has read everything before. `of vcrpy` compares with its"
        " warm calls, `of one alone` with those where it has nothing to search through.",
    )


def _taken(transport: httpx.BaseTransport | None, numbers: Sequence[int]) -> float:
    """Return the CPU seconds per call of asking for interactions by number."""
    headers = {"authorization": f"Bearer {PARETA_KEY}", "content-type": "application/json"}
    bodies = [_body(number) for number in numbers]
    with httpx.Client(transport=transport, base_url=URL, headers=headers) as client:
        begun = time.process_time()
        for body in bodies:
            answer = client.post(PATH, content=body)
            assert answer.status_code == 200, answer.text
            json.loads(answer.content)
        return (time.process_time() - begun) / len(numbers)


def _ours(samples: Samples, path: Path, count: int) -> None:
    begun = time.process_time()
    player = Player(Library([path]))
    samples.add(OURS, "load", value=time.process_time() - begun)
    transport = InProcessTransport(Playback(player))
    samples.add(OURS, "cold", value=_taken(transport, range(count)))
    player.rewind()
    samples.add(OURS, "warm", value=_taken(transport, range(count)))


def _gateway(samples: Samples, path: Path, count: int) -> None:
    simulated = Simulator()
    try:
        begun = time.process_time()
        player = Player(Library([path]))
        samples.add(OURS_IN_A_TEST, "load", value=time.process_time() - begun)
        simulated.gateway.tapes["bench"] = _Played(player)
        transport = InProcessTransport(simulated.gateway)
        samples.add(OURS_IN_A_TEST, "cold", value=_taken(transport, range(count)))
        player.rewind()
        samples.add(OURS_IN_A_TEST, "warm", value=_taken(transport, range(count)))
    finally:
        simulated.close()


def _vcrpy(samples: Samples, name: str, path: Path, numbers: Sequence[int]) -> None:
    matching = ("method", "scheme", "host", "port", "path", "query", "body")
    player = vcr.VCR(record_mode=vcr.mode.NONE, match_on=matching)
    begun = time.process_time()
    with player.use_cassette(str(path), allow_playback_repeats=name == VCRPY_ALONE) as cassette:
        samples.add(name, "load", value=time.process_time() - begun)
        for state in ("cold", "warm"):
            samples.add(name, state, value=_taken(None, numbers))
            cassette.rewind()


# Answers over a socket


def _replay(path: Path, *options: str) -> list[str]:
    """Return the command that serves a cassette."""
    return [sys.executable, "-m", "mockserver", "replay", str(path), "--port", "0", "--stale-after", "0", *options]


def _answers(folder: Path, *, rounds: int, seconds: float) -> None:
    one = _interaction(0)
    one["request"]["body"] = CHAT.decode()
    path = _cassette(folder / "answers.yaml", iter([one]))
    sent = request("POST", PATH, CHAT, PARETA_KEY)
    commands = {
        "bare Starlette": floor(),
        "mockserver serve, chat": simulator(),
        "mockserver replay": _replay(path, "--repeats", "cycle"),
        "mockserver replay --on-miss simulate": _replay(path, "--repeats", "cycle", "--on-miss", "simulate"),
    }
    samples = Samples()
    with ExitStack() as stack:
        servers = {name: stack.enter_context(started(command)) for name, command in commands.items()}
        for _ in range(rounds):
            for connections in (1, 16):
                for name, server in servers.items():
                    outcome = measured(Job(server.port, sent, connections, seconds))
                    samples.add(name, str(connections), value=outcome.per_second)
    rows = []
    for name in commands:
        per_second = [samples.median(name, connections) for connections in ("1", "16")]
        bare = [samples.median("bare Starlette", connections) for connections in ("1", "16")]
        cells = [f"{mine:,.0f}" for mine in per_second]
        rows.append([name, *cells, f"{per_second[1] / bare[1]:.2f}"])
    show(
        f"Answers per second over a socket (hypercorn), median of {rounds} interleaved rounds",
        ["", "1 connection", "16 connections", "of bare"],
        rows,
    )


# The start


_LOAD = "import sys, vcr\nwith vcr.use_cassette(sys.argv[1], record_mode='none') as cassette: print(len(cassette))"


def _starts(folder: Path, *, count: int, rounds: int) -> None:
    def listed(number: int) -> dict[str, Any]:
        each = _interaction(number)
        return {**each, "request": {**each["request"], "method": "GET", "uri": f"{URL}/v1/models", "body": None}}

    last = count - 1
    path = _cassette(folder / "start.yaml", (listed(n) if n == last else _interaction(n) for n in range(count)))
    samples = Samples()
    for _ in range(rounds):
        taken, resident = seconds_to_first_answer(_replay(path), PARETA_KEY)
        samples.add("mockserver replay", "s", value=taken)
        samples.add("mockserver replay", "MB", value=resident)
        begun = time.perf_counter()
        subprocess.run([sys.executable, "-c", _LOAD, str(path)], check=True, stdout=subprocess.PIPE)
        samples.add(VCRPY, "s", value=time.perf_counter() - begun)
    rows = [
        ["mockserver replay, to the first answer", f"{samples.median('mockserver replay', 's'):.2f}",
         f"{samples.median('mockserver replay', 'MB'):.0f}"],
        ["vcrpy, until it is loaded", f"{samples.median(VCRPY, 's'):.2f}", ""],
    ]  # fmt: skip
    megabytes = path.stat().st_size / 1e6
    show(
        f"Start of a process with {count:,} interactions ({megabytes:.0f} MB), median of {rounds} interleaved rounds",
        ["", "s", "RSS, MB"],
        rows,
    )


# Memory

_PLAY = """
import re, sys
from pathlib import Path
from mockserver.cassettes.files import Library
from mockserver.cassettes.player import Player
from mockserver.http.messages import Request

def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 1024

before = peak()
player = Player(Library([Path(sys.argv[1])]))
indexed = peak()
for number in range(len(player.library)):
    request = player.library.read(number).request
    assert player.play(request).status == 200
print(before, indexed, peak())
"""


def _memory(folder: Path, *, megabytes: int) -> None:
    answer = "An answer of some length. " * 4000
    count = megabytes * 1_000_000 // len(answer)
    path = _cassette(folder / "memory.yaml", (_interaction(number, answer) for number in range(count)))
    command = [sys.executable, "-c", _PLAY, str(path)]
    said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    before, indexed, played = map(float, said.split())
    rows = [["the process", f"{before:.0f}"], ["indexed", f"{indexed:.0f}"], ["all played once", f"{played:.0f}"]]
    size = path.stat().st_size / 1e6
    show(f"Peak memory of a player with {count} interactions in {size:.0f} MB", ["", "peak RSS, MB"], rows)
