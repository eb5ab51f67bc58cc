"""httpx calls inside the test's own process: what each mock adds to what the client costs anyway.

In seconds of this process' CPU: nothing here waits for anybody, and others on the machine should not count.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import respx
import vcr
import yaml
from pytest_httpx import HTTPXMock
from pytest_httpx._options import _HTTPXMockOptions

from benchmarks.floor import ANSWER
from benchmarks.http import CHAT, COST
from benchmarks.ingest import EVENT
from benchmarks.load import COUNTER
from benchmarks.processes import PARETA_KEY, PAYGENTIC_KEY, WORLD
from benchmarks.table import Samples, show
from mockserver.app import Simulator
from mockserver.http.inprocess import InProcessTransport
from mockserver.kernel.money import MicroUsd

URL = "http://127.0.0.1:8787"
FLOOR = "httpx MockTransport (the floor)"
RESPX = "respx"

Calls = Callable[[int], float]
"""Makes so many calls and returns the seconds they took."""


def run(*, quick: bool) -> None:
    """Measure every kind of reply, sync and async, turn and turn about."""
    # Short rounds: a test seldom makes more calls than this, and respx keeps and counts all of a round.
    rounds, count = (9, 50) if quick else (61, 100)
    with ExitStack() as stack:
        kinds = _kinds(stack)
        samples = Samples()
        for kind in kinds.values():
            kind(50)
        for _ in range(rounds):
            for name, kind in kinds.items():
                samples.add(name, value=kind(count) / count)

    def over(name: str) -> float:
        return samples.median(name) - samples.median(f"{FLOOR}, async" if name.endswith("async") else FLOOR)

    rows = []
    for name in kinds:
        taken = samples.median(name)
        of_respx = "" if name.startswith(FLOOR) else f"{over(name) / over(RESPX):.2f}"
        rows.append([name, f"{1 / taken:,.0f}", f"{taken * 1e6:.0f}", f"{over(name) * 1e6:+.0f}", of_respx])
    show(
        f"httpx calls in process, median of {rounds} interleaved rounds of {count}",
        ["", "calls/s", "us of CPU", "over the floor", "of what respx adds"],
        rows,
    )


def _kinds(stack: ExitStack) -> dict[str, Calls]:
    transport = _simulator(stack)
    canned = httpx.MockTransport(lambda request: httpx.Response(200, json=ANSWER))
    return {
        FLOOR: _sync(stack, canned),
        "mockserver, chat": _sync(stack, transport),
        "mockserver, event": _sync(stack, transport, "/v0/events", PAYGENTIC_KEY, EVENT),
        RESPX: _respx(stack),
        "pytest-httpx": _pytest_httpx(stack),
        "vcrpy, replay": _vcrpy(stack),
        f"{FLOOR}, async": _async(stack, canned),
        "mockserver, chat, async": _async(stack, transport),
    }


def _simulator(stack: ExitStack) -> InProcessTransport:
    simulator = Simulator()
    stack.callback(simulator.close)
    transport = InProcessTransport(simulator.gateway)
    with simulator.store.committed():
        world = simulator.worlds.admit(WORLD)
        for vendor in simulator.vendors:
            if vendor.account is not None:
                vendor.account.grant(world, MicroUsd(10**15), "benchmark")
    with httpx.Client(transport=transport, base_url=URL, headers=_headers(PAYGENTIC_KEY)) as client:
        client.post("/v0/costs", json=COST).raise_for_status()
    return transport


def _headers(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}


def _sync(
    stack: ExitStack,
    transport: httpx.BaseTransport | None,
    path: str = "/v1/chat/completions",
    key: str = PARETA_KEY,
    body: bytes = CHAT,
) -> Calls:
    client = stack.enter_context(httpx.Client(transport=transport, base_url=URL, headers=_headers(key)))
    before, counter, after = body.partition(COUNTER)
    number = 0

    def calls(count: int) -> float:
        nonlocal number
        begun = time.process_time()
        for _ in range(count):
            number += 1
            content = b"%s%012d%s" % (before, number, after) if counter else body
            answer = client.post(path, content=content)
            assert answer.status_code < 300, answer.text
            json.loads(answer.content)
        return time.process_time() - begun

    return calls


def _async(stack: ExitStack, transport: httpx.AsyncBaseTransport) -> Calls:
    runner = stack.enter_context(asyncio.Runner())

    async def calls(count: int) -> float:
        async with httpx.AsyncClient(transport=transport, base_url=URL, headers=_headers(PARETA_KEY)) as client:
            begun = time.process_time()
            for _ in range(count):
                answer = await client.post("/v1/chat/completions", content=CHAT)
                assert answer.status_code < 300, answer.text
                json.loads(answer.content)
            return time.process_time() - begun

    return lambda count: runner.run(calls(count))


def _respx(stack: ExitStack) -> Calls:
    # The router stands in for httpx's own transport, so a plain client meets it; only while it is called.
    router = respx.MockRouter(base_url=URL, assert_all_called=False)
    router.post("/v1/chat/completions").respond(200, json=ANSWER)

    def calls(count: int) -> float:
        with router, ExitStack() as own:
            taken = _sync(own, None)(count)
        return taken

    return calls


class _PytestHttpx(httpx.BaseTransport):
    """pytest-httpx's mock where its fixture would put it: in the transport's place."""

    def __init__(self) -> None:
        self._real = httpx.HTTPTransport()
        self._mock = HTTPXMock(_HTTPXMockOptions())
        self._mock.add_response(method="POST", url=f"{URL}/v1/chat/completions", json=ANSWER, is_reusable=True)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        answer = self._mock._handle_request(self._real, request)
        self._mock._requests.clear()  # else each call would search through all before it
        return answer


def _pytest_httpx(stack: ExitStack) -> Calls:
    return _sync(stack, _PytestHttpx())


def _vcrpy(stack: ExitStack) -> Calls:
    cassette = Path(stack.enter_context(TemporaryDirectory())) / "chat.yaml"
    answer = {
        "status": {"code": 200, "message": "OK"},
        "headers": {"content-type": ["application/json"]},
        "body": {"string": json.dumps(ANSWER)},
    }
    request = {"method": "POST", "uri": f"{URL}/v1/chat/completions", "body": CHAT.decode(), "headers": {}}
    cassette.write_text(yaml.safe_dump({"version": 1, "interactions": [{"request": request, "response": answer}]}))
    player = vcr.VCR(record_mode=vcr.mode.NONE)

    def calls(count: int) -> float:
        with player.use_cassette(str(cassette), allow_playback_repeats=True), ExitStack() as own:
            taken = _sync(own, None)(count)
        return taken

    return calls
