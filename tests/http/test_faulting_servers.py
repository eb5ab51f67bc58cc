"""What faults do to connections: the same over real sockets, whichever server, and without any."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from mockserver.app import Simulator
from mockserver.config import Settings
from mockserver.http.inprocess import InProcessTransport
from mockserver.http.serve import SERVERS, BackgroundServer, ServerName
from mockserver.http.severing import sever
from mockserver.kernel.clock import monotonic_s
from mockserver.kernel.faults import Latency
from mockserver.kernel.journal import Entry
from mockserver.kernel.windows import parse_instant
from mockserver.kernel.world import Beginning, World
from tests.arming import arm

CHAT = {"model": "auto", "messages": [{"role": "user", "content": "Tell me about ships, the sea and the tides."}]}
STREAM = {**CHAT, "stream": True}
WAYS = ("in process", *SERVERS)

DISCONNECTED = "Server disconnected without sending a response."
CUT_SHORT = "peer closed connection without sending complete message body (incomplete chunked read)"


class Way:
    """One way to a simulator; each test has a world of its own behind it."""

    def __init__(self, simulator: Simulator, url: str) -> None:
        self.simulator = simulator
        self.url = url
        self._worlds = 0

    def world(self) -> World:
        self._worlds += 1
        with self.simulator.store.committed():
            return self.simulator.worlds.admit(f"w{self._worlds}")

    def client(self, world: World, **options: Any) -> httpx.Client:
        if not self.url:
            options["transport"] = InProcessTransport(self.simulator.gateway)
        headers = {"Authorization": f"Bearer pareta_sk_test_{world.name}"}
        return httpx.Client(base_url=self.url or "http://mock", headers=headers, **options)


def simulator_at(start: str) -> Simulator:
    return Simulator(Settings(beginning=Beginning(seed=7, clock_mode="frozen", clock_at=parse_instant(start))))


@pytest.fixture(scope="module", params=WAYS)
def way(request: pytest.FixtureRequest) -> Iterator[Way]:
    simulator = simulator_at("2026-02-10T12:00:00Z")
    if request.param == "in process":
        yield Way(simulator, "")
    else:
        with BackgroundServer(simulator, request.param) as server:
            yield Way(simulator, server.url)
    simulator.close()


def last(way: Way, world: World) -> Entry:
    """Return the newest entry of a world's journal; a stream's is written when the server has noticed its end."""
    deadline = monotonic_s() + 5
    while True:
        with way.simulator.store.work():
            entries = world.journal.read(limit=1000)
        if entries or monotonic_s() > deadline:
            return entries[-1]


def balance(way: Way, world: World) -> int:
    account = next(vendor.account for vendor in way.simulator.vendors if vendor.account)
    with way.simulator.store.work():
        return account.balance(world)


def holds(way: Way, world: World) -> bool:
    with way.simulator.store.work():
        return all(invariant.holds for vendor in way.simulator.vendors for invariant in vendor.invariants(world))


def ask(client: httpx.Client, body: dict[str, Any]) -> tuple[list[bytes], httpx.TransportError | None]:
    """Return what arrived of an answer, and how it broke off."""
    arrived: list[bytes] = []
    try:
        with client.stream("POST", "/v1/chat/completions", json=body) as answer:
            for piece in answer.iter_raw():
                arrived.append(piece)
    except httpx.TransportError as error:
        return arrived, error
    return arrived, None


@pytest.mark.parametrize(
    ("effect", "body", "kind", "text", "is_paid"),
    [
        ({"reset": True}, CHAT, httpx.ReadError, "Connection reset by peer", False),
        ({"reset": True}, STREAM, httpx.ReadError, "Connection reset by peer", False),
        ({"lost_ack": True}, CHAT, httpx.RemoteProtocolError, DISCONNECTED, True),
        ({"lost_ack": True}, STREAM, httpx.RemoteProtocolError, DISCONNECTED, True),
        ({"timeout_s": 0.1}, CHAT, httpx.RemoteProtocolError, DISCONNECTED, False),
        ({"timeout_s": 30.0}, CHAT, httpx.ReadTimeout, "", False),
        ({"timeout_s": 30.0}, STREAM, httpx.ReadTimeout, "", False),
        ({"latency": Latency(30_000.0)}, CHAT, httpx.ReadTimeout, "", True),
        ({"latency": Latency(30_000.0)}, STREAM, httpx.ReadTimeout, "", False),
    ],
)
def test_a_client_sees_the_connection_end_without_an_answer(
    way: Way, effect: dict[str, Any], body: dict[str, Any], kind: type[Exception], text: str, is_paid: bool
) -> None:
    world = way.world()
    before = balance(way, world)
    arm(world, **effect)
    with way.client(world, timeout=httpx.Timeout(10, read=0.4)) as client:
        began = monotonic_s()
        arrived, error = ask(client, body)
        took = monotonic_s() - began
    entry = last(way, world)

    assert arrived == []
    assert type(error) is kind
    assert text in str(error)
    assert took < 5
    assert entry.status is (200 if is_paid and "latency" in effect else None)
    assert entry.fault == "fault-1"
    assert (entry.cost_micro_usd > 0) is is_paid
    assert balance(way, world) == before - entry.cost_micro_usd
    assert holds(way, world)


@pytest.mark.parametrize("pieces", [1, 4, 1000])
def test_a_stream_is_cut_and_nothing_is_debited(way: Way, pieces: int) -> None:
    world = way.world()
    before = balance(way, world)
    arm(world, truncate_after=pieces)
    with way.client(world, timeout=5) as client:
        arrived, error = ask(client, STREAM)
    entry = last(way, world)

    assert type(error) is httpx.RemoteProtocolError
    assert str(error) == CUT_SHORT
    body = b"".join(arrived)
    assert body == entry.response_body
    assert body.count(b"data: ") == pieces or (pieces == 1000 and body.count(b"data: ") > 4)
    assert b"[DONE]" not in body
    assert (entry.status, entry.cost_micro_usd) == (None, 0)
    assert balance(way, world) == before
    assert world.holds == {}
    assert holds(way, world)


def test_the_connection_is_as_good_as_new_after_what_only_touches_the_answer(way: Way) -> None:
    world = way.world()
    arm(world, status=503, retry_after_s=2.0)
    with way.client(world, timeout=5) as client:
        refused = client.post("/v1/chat/completions", json=CHAT)
        with way.simulator.store.committed():
            world.faults.clear()
        arm(world, empty_body=True)
        empty = [client.post("/v1/chat/completions", json=body) for body in (CHAT, STREAM)]
        with way.simulator.store.committed():
            world.faults.clear()
        fine = client.post("/v1/chat/completions", json=CHAT)

    assert (refused.status_code, refused.headers["retry-after"]) == (503, "2")
    assert refused.json() == {"detail": "service temporarily unavailable"}
    assert [(answer.status_code, answer.content) for answer in empty] == [(200, b"")] * 2
    assert fine.json()["choices"]


def test_an_answer_that_is_not_awaited_for_too_long_arrives(way: Way) -> None:
    world = way.world()
    arm(world, latency=Latency(150.0))
    with way.client(world, timeout=5) as client:
        began = monotonic_s()
        whole, _ = ask(client, CHAT)
        pieces, error = ask(client, STREAM)
        took = monotonic_s() - began

    assert whole
    assert error is None
    assert pieces[-1].endswith(b"[DONE]\n\n")
    assert took >= 0.3 or not way.url
    assert last(way, world).duration_us > 150_000


# Over sockets only


@pytest.mark.parametrize("server", SERVERS)
def test_who_waits_keeps_nobody_else_waiting_and_a_server_that_stops_waits_for_nobody(server: ServerName) -> None:
    simulator = simulator_at("2026-02-10T12:00:00Z")
    with simulator.store.committed():
        world = simulator.worlds.admit("acme")
    arm(world, {"header": {"x-slow": "*"}}, timeout_s=600.0)
    headers = {"Authorization": "Bearer pareta_sk_test_acme"}
    with ThreadPoolExecutor(8) as pool:
        with BackgroundServer(simulator, server) as background:
            arrived = threading.Barrier(5)

            def wait() -> httpx.TransportError | None:
                with httpx.Client(base_url=background.url, headers={**headers, "x-slow": "1"}, timeout=60) as client:
                    arrived.wait(10)
                    return ask(client, CHAT)[1]

            waiting = [pool.submit(wait) for _ in range(4)]
            arrived.wait(10)
            with httpx.Client(base_url=background.url, headers=headers, timeout=10) as client:
                while len(world.journal.read()) < 4:
                    client.get("/v1/models")
                began = monotonic_s()
                for _ in range(20):
                    assert client.post("/v1/chat/completions", json=CHAT).status_code == 200
                quick = monotonic_s() - began
            assert not any(each.done() for each in waiting)
            began = monotonic_s()
        stopped = monotonic_s() - began
        errors = [each.result(10) for each in waiting]
    simulator.close()

    assert quick < 5
    assert stopped < 3
    assert [type(error) for error in errors] == [httpx.RemoteProtocolError] * 4


@pytest.mark.parametrize("server", SERVERS)
def test_a_client_that_leaves_is_noticed_while_its_answer_is_held_back(server: ServerName) -> None:
    simulator = simulator_at("2026-02-10T12:00:00Z")
    with simulator.store.committed():
        world = simulator.worlds.admit("acme")
    arm(world, latency=Latency(600_000.0))
    with BackgroundServer(simulator, server) as background:
        with httpx.Client(base_url=background.url, timeout=httpx.Timeout(10, read=0.3)) as client:
            client.headers["Authorization"] = "Bearer pareta_sk_test_acme"
            _, error = ask(client, STREAM)
        deadline = monotonic_s() + 5
        while world.holds and monotonic_s() < deadline:
            threading.Event().wait(0.02)
        held, entries = dict(world.holds), len(world.journal.read())
    simulator.close()

    assert type(error) is httpx.ReadTimeout
    assert held == {}
    assert entries == 1


def test_async_clients_in_process_see_the_same() -> None:
    simulator = simulator_at("2026-02-10T12:00:00Z")
    with simulator.store.committed():
        world = simulator.worlds.admit("acme")
    transport = InProcessTransport(simulator.gateway)
    errors: list[type[BaseException]] = []

    async def run() -> None:
        async with httpx.AsyncClient(transport=transport, base_url="http://mock", timeout=1) as client:
            client.headers["Authorization"] = "Bearer pareta_sk_test_acme"
            for effect, body in (({"reset": True}, CHAT), ({"timeout_s": 5.0}, CHAT), ({"truncate_after": 2}, STREAM)):
                arm(world, **effect)
                with pytest.raises(httpx.TransportError) as caught:
                    await client.post("/v1/chat/completions", json=body)
                errors.append(caught.type)
                with simulator.store.committed():
                    world.faults.clear()

    asyncio.run(run())
    simulator.close()

    assert errors == [httpx.ReadError, httpx.ReadTimeout, httpx.RemoteProtocolError]


def test_a_reset_reaches_a_client_that_speaks_no_http_library() -> None:
    simulator = simulator_at("2026-02-10T12:00:00Z")
    with simulator.store.committed():
        world = simulator.worlds.admit("acme")
    arm(world, reset=True)
    with BackgroundServer(simulator) as background:
        host, port = background.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=5) as connection:
            connection.sendall(
                b"GET /v1/models HTTP/1.1\r\nhost: x\r\nauthorization: Bearer pareta_sk_test_acme\r\n\r\n"
            )
            with pytest.raises(ConnectionResetError):
                connection.recv(1)
    simulator.close()


def test_where_a_connection_cannot_be_reset_from_inside_it_ends_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mockserver.http.severing.sys.platform", "darwin")
    simulator = simulator_at("2026-02-10T12:00:00Z")
    with simulator.store.committed():
        world = simulator.worlds.admit("acme")
    arm(world, reset=True)
    with BackgroundServer(simulator) as background, httpx.Client(base_url=background.url, timeout=5) as client:
        client.headers["Authorization"] = "Bearer pareta_sk_test_acme"
        _, error = ask(client, CHAT)
    simulator.close()

    assert isinstance(error, httpx.ReadError | httpx.RemoteProtocolError)


def test_a_connection_that_is_not_ours_is_not_found() -> None:
    assert not sever(("127.0.0.1", 1), ("127.0.0.1", 2), "cut")
    assert not sever(None, None, "reset")


def test_journals_of_two_runs_on_two_ports_are_the_same_bytes() -> None:
    def run() -> list[Entry]:
        simulator = simulator_at("2026-02-10T12:00:00Z")
        with simulator.store.committed():
            world = simulator.worlds.admit("acme")
        arm(world, {"operation": "chat.*"}, latency=Latency(0.0, 3.0))
        arm(world, {"operation": "models.list"}, lost_ack=True)
        with BackgroundServer(simulator) as background, httpx.Client(base_url=background.url, timeout=5) as client:
            client.headers["Authorization"] = "Bearer pareta_sk_test_acme"
            ask(client, CHAT)
            ask(client, STREAM)
            with pytest.raises(httpx.RemoteProtocolError):
                client.get("/v1/models")
            items = b'{"input": {"contract_text": "x"}, "expected_output": {"effective_date": "2026-01-01"}}'
            form = {"task_id": "contract-key-fields", "prompt": "p"}
            made = client.post("/v1/eval-sets", files={"items": items}, data=form)
            assert made.status_code == 201
        with simulator.store.work():
            rows = world.store.all("SELECT * FROM journal ORDER BY world, seq")
            decisions = world.store.all("SELECT * FROM fault_decisions")
        simulator.close()
        return [*rows, *decisions]  # type: ignore[list-item]

    first = run()
    assert len(first) == 7
    assert first == run()
