"""The live stream: nothing is lost, nothing comes twice, nobody has to wait for a listener."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, Queue
from typing import Any, NamedTuple

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.app import Simulator
from mockserver.config import Settings
from mockserver.control import stream
from mockserver.control.operations.journal import head_view
from mockserver.control.stream import Listener, Place
from mockserver.http.inprocess import InProcessTransport
from mockserver.http.serve import SERVERS, BackgroundServer, ServerName
from mockserver.kernel.faults import Effect, Fault, When
from tests.waiting import wait_until

CHAT = {"model": "ep-contract-key-fields", "messages": [{"role": "user", "content": "Effective as of 2026-01-01."}]}
KEY = {"Authorization": "Bearer pareta_sk_test_acme"}
STREAM = "/_mock/worlds/acme/stream"


def heard_by(simulator: Simulator) -> list[Listener]:
    """Who listens, besides the server itself, which sees to worlds that play."""
    return [each for each in simulator.store.watchers if isinstance(each, Listener)]


class Event(NamedTuple):
    name: str
    data: Any
    id: str


class Ear:
    """One listener, in a thread of its own."""

    def __init__(self, url: str, **options: Any) -> None:
        self.status = 0
        self.id = ""
        self._queue: Queue[Event | None] = Queue()
        self._opened = threading.Event()
        self._client = httpx.Client(timeout=httpx.Timeout(10, read=60))
        self._url, self._options = url, options
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()
        assert self._opened.wait(10)

    def _listen(self) -> None:
        try:
            with self._client.stream("GET", self._url, **self._options) as answer:
                self.status, self.headers = answer.status_code, answer.headers
                self._response = answer
                for event in events(answer.iter_lines(), self):
                    self._queue.put(event)
        except httpx.HTTPError:
            pass
        finally:
            self._client.close()
            self._opened.set()
            self._queue.put(None)

    def hear(self, name: str = "request") -> Event:
        """Return the next event of a name."""
        while (event := self._queue.get(timeout=10)) is not None:
            if event.name == name:
                return event
        raise AssertionError(f"the stream ended without {name}")

    def hears_nothing(self, name: str = "request", within: float = 0.3) -> bool:
        try:
            while (event := self._queue.get(timeout=within)) is not None:
                if event.name == name:
                    return False
        except Empty:
            return True
        return True

    def has_ended(self, within: float = 10) -> bool:
        try:
            while self._queue.get(timeout=within) is not None:
                pass
        except Empty:
            return False
        return True

    def leave(self) -> None:
        """Hang up, as a browser does whose tab is closed."""
        self._response.extensions["network_stream"].get_extra_info("socket").shutdown(2)
        self._thread.join(10)


def events(lines: Iterator[str], ear: Ear) -> Iterator[Event]:
    name, data, number = "message", "", ""
    for line in lines:
        field, _, value = line.partition(": ")
        if field == "id":
            number = value
        elif field == "event":
            name = value
        elif field == "data":
            data = value
        elif not line:
            ear.id = number
            ear._opened.set()
            if data:
                yield Event(name, json.loads(data), number)
            name, data = "message", ""


@contextmanager
def ear(url: str, **options: Any) -> Iterator[Ear]:
    listening = Ear(url, **options)
    yield listening
    if listening.status == 200:
        listening.leave()


def chat(url: str, **extra: Any) -> int:
    return httpx.post(f"{url}/v1/chat/completions", json={**CHAT, **extra}, headers=KEY).status_code


@pytest.fixture
def url(simulator: Simulator) -> Iterator[str]:
    with BackgroundServer(simulator) as background:
        yield background.url


def seqs(heard: list[Event]) -> list[int]:
    return [event.data["seq"] for event in heard]


@pytest.mark.parametrize("server", SERVERS)
def test_requests_are_heard_as_they_happen_under_every_server(simulator: Simulator, server: ServerName) -> None:
    pytest.importorskip(server)
    with BackgroundServer(simulator, server) as background:
        chat(background.url)
        with ear(background.url + STREAM) as listener:
            assert listener.status == 200
            assert listener.headers["content-type"].startswith("text/event-stream")
            assert chat(background.url) == 200
            heard = listener.hear()
            balance = listener.hear("credits").data["balance_micro_usd"]
        watched = wait_until(lambda: not heard_by(simulator))
        with simulator.store.committed():
            entry = simulator.worlds.get("acme").journal.read()[-1]

    assert heard.data == json.loads(json.dumps(head_view(entry)))
    assert heard.data["seq"] == 2
    assert heard.data["operation"] == "pareta.chat.completions.create"
    assert heard.data["cost_micro_usd"] > 0
    assert "request" not in heard.data
    assert isinstance(balance, int)
    assert watched, "a listener that left is still listened for"


@pytest.mark.parametrize("server", SERVERS)
def test_a_listener_does_not_delay_the_end_of_a_server(simulator: Simulator, server: ServerName) -> None:
    pytest.importorskip(server)
    with BackgroundServer(simulator, server) as background:
        listeners = [Ear(background.url + STREAM) for _ in range(3)]
        before = time.monotonic()
    took = time.monotonic() - before

    assert all(listener.has_ended() for listener in listeners)
    assert took < 2


def test_what_is_not_a_request_is_told_as_it_stands_and_when_it_changes(simulator: Simulator, url: str) -> None:
    with ear(url + STREAM) as listener:
        assert listener.hear("clock").data == {"mode": "frozen", "now": "2026-02-10T12:00:00Z", "rate": 0}
        assert listener.hear("credits").data["balance_micro_usd"] > 0
        assert listener.hear("faults").data == {"data": []}

        httpx.put(f"{url}/_mock/worlds/acme/credits", json={"balance_usd": "0.5"})
        assert listener.hear("credits").data == {"balance_micro_usd": 500_000, "balance_usd": "0.50"}

        httpx.post(f"{url}/_mock/worlds/acme/clock/advance", json={"by": "1d"})
        assert listener.hear("clock").data["now"] == "2026-02-11T12:00:00Z"

        with simulator.store.committed():
            world = simulator.worlds.get("acme")
            world.faults.add(world.count("faults"), Fault({}, (), Effect(status=503), When(first=1)))
        assert listener.hear("faults").data == {"data": [{"id": "fault-1", "matched": 0, "hits": 0}]}


def test_reading_a_world_makes_no_news(url: str) -> None:
    with ear(url + STREAM) as listener:
        listener.hear("faults")
        for _ in range(3):
            httpx.get(f"{url}/_mock/worlds/acme/requests")

        assert listener.hears_nothing("clock")


def test_a_listener_goes_on_where_it_was_cut_off(url: str) -> None:
    with ear(url + STREAM) as listener:
        for _ in range(3):
            chat(url)
        first = [listener.hear() for _ in range(2)]
    chat(url)

    with ear(url + STREAM, headers={"Last-Event-ID": first[-1].id}) as listener:
        rest = [listener.hear() for _ in range(2)]
        assert listener.hears_nothing()
    with ear(f"{url}{STREAM}?after=0") as listener:
        everything = [listener.hear() for _ in range(4)]
    with ear(f"{url}{STREAM}?after=3") as listener:
        last = listener.hear()

    assert seqs(first + rest) == [1, 2, 3, 4] == seqs(everything)
    assert last.data["seq"] == 4


def test_a_request_that_ends_later_than_it_came_is_heard_once(simulator: Simulator, url: str) -> None:
    transport = InProcessTransport(simulator.gateway)
    with httpx.Client(transport=transport, base_url="http://mock", headers=KEY) as client:
        with (
            ear(url + STREAM) as listener,
            client.stream("POST", "/v1/chat/completions", json={**CHAT, "stream": True}) as slow,
        ):
            chat(url)
            second = listener.hear()
            with ear(url + STREAM) as newcomer:
                pass
            for _ in slow.iter_raw():
                pass
            first = listener.hear()
        with ear(url + STREAM, headers={"Last-Event-ID": second.id}) as late:
            again = late.hear()
            assert late.hears_nothing()
        with ear(url + STREAM, headers={"Last-Event-ID": newcomer.id}) as later:
            assert later.hear().data["seq"] == 1
        with ear(url + STREAM, headers={"Last-Event-ID": first.id}) as last:
            assert last.hears_nothing()

    assert seqs([second, first, again]) == [2, 1, 1]
    assert Place.read(second.id).missing == (1,)
    assert Place.read(first.id).missing == ()


def test_many_requests_are_told_in_order_and_in_full(simulator: Simulator, url: str) -> None:
    transport = InProcessTransport(simulator.gateway)
    with httpx.Client(transport=transport, base_url="http://mock", headers=KEY) as client:
        for _ in range(250):
            client.get("/v1/models")
        with ear(f"{url}{STREAM}?after=0") as listener:
            for _ in range(50):
                client.get("/v1/models")
            heard = [listener.hear() for _ in range(300)]

    assert seqs(heard) == list(range(1, 301))


@pytest.mark.parametrize(("method", "path", "reason"), [("DELETE", "", "deleted"), ("POST", "/reset", "replaced")])
def test_a_stream_ends_with_its_world(url: str, method: str, path: str, reason: str) -> None:
    listener = Ear(url + STREAM)
    chat(url)
    place = listener.hear().id

    httpx.request(method, f"{url}/_mock/worlds/acme{path}")

    assert listener.hear("end").data == {"reason": reason}
    assert listener.has_ended()
    again = httpx.get(f"{url}{STREAM}?after={place}") if reason == "deleted" else None
    assert again is None or again.status_code == 404


def test_a_place_in_another_life_of_the_world_is_told_so(url: str) -> None:
    httpx.post(f"{url}/_mock/worlds/acme/snapshots")
    with ear(url + STREAM) as listener:
        for _ in range(3):
            chat(url)
        place = [listener.hear() for _ in range(3)][-1].id
    httpx.post(f"{url}/_mock/worlds/acme/restore", json={"snapshot": "snapshot-1"})
    for _ in range(4):
        chat(url)

    with ear(url + STREAM, headers={"Last-Event-ID": place}) as listener:
        assert listener.hear("reset").data == {}
        assert seqs([listener.hear() for _ in range(4)]) == [1, 2, 3, 4]


def test_a_place_outlives_the_server(tmp_path: Path) -> None:
    heard = []
    place = "0"
    for _ in range(2):
        simulator = Simulator(Settings(db=tmp_path / "worlds.db"))
        with BackgroundServer(simulator) as background:
            chat(background.url)
            with ear(background.url + STREAM, headers={"Last-Event-ID": place}) as listener:
                event = listener.hear()
                heard.append(event)
                place = event.id
                assert listener.hears_nothing()
        simulator.close()

    assert seqs(heard) == [1, 2]


def test_many_listeners_hold_nobody_up(simulator: Simulator, url: str) -> None:
    listeners = [Ear(url + STREAM) for _ in range(20)]

    with ThreadPoolExecutor(4) as pool:
        statuses = list(pool.map(chat, [url] * 20))
    took = time.monotonic()
    assert chat(url) == 200
    took = time.monotonic() - took

    assert set(statuses) == {200}
    assert took < 2
    assert wait_until(lambda: not simulator.store.is_pending)  # each has a look now and then
    for listener in listeners:
        assert seqs([listener.hear() for _ in range(21)])[-1] == 21
        listener.leave()
    assert wait_until(lambda: not heard_by(simulator))


def test_silence_is_broken_now_and_then(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "HEARTBEAT_S", 0.05)

    with httpx.stream("GET", url + STREAM) as answer:
        beats = (line for line in answer.iter_lines() if line.startswith(":"))
        assert [next(beats) for _ in range(3)] == [": nothing new"] * 3


def test_a_listener_may_take_what_there_is_and_go(url: str) -> None:
    chat(url)
    chat(url)

    answer = httpx.get(f"{url}{STREAM}?after=1&follow=false")

    assert [line for line in answer.text.splitlines() if line.startswith("event")] == [
        "event: request", "event: clock", "event: credits", "event: faults",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "options", [{"params": {"after": "x"}}, {"params": {"from": "1"}}, {"headers": {"Last-Event-ID": "1-"}}]
)
def test_a_place_that_cannot_be_is_refused(url: str, options: dict[str, Any]) -> None:
    assert httpx.get(url + STREAM, **options).status_code == 422


def test_only_the_head_of_a_stream_can_be_asked_for(url: str) -> None:
    assert httpx.head(url + STREAM).headers["content-type"].startswith("text/event-stream")


def test_no_stream_is_opened_under_a_name_no_key_can_carry(url: str) -> None:
    assert httpx.get(f"{url}/_mock/worlds/a%20b/stream").status_code == 404


# Places (pure)


@given(st.permutations(range(1, 12)))
def test_a_place_knows_what_is_missing_whatever_order_requests_end_in(order: list[int]) -> None:
    place = Place(0)
    for count, seq in enumerate(order, 1):
        done, in_flight = order[:count], order[count:]
        place = Place.read(str(place.past(seq, in_flight)))

        assert place.seq == max(done)
        assert set(place.missing) == {each for each in in_flight if each < max(done)}


def test_a_place_remembers_a_bounded_number_of_requests() -> None:
    place = Place(0, (), 5).past(1000, range(1, 1000))

    assert place == Place(1000, tuple(range(500, 1000)), 5)
    assert Place.read(str(place)) == place


def test_the_longest_place_there_is_can_be_sent_back(url: str) -> None:
    place = str(Place(0, (), 10**16).past(10**7, range(10**7 - 500, 10**7)))

    assert httpx.get(f"{url}{STREAM}?follow=false", headers={"Last-Event-ID": place}).status_code == 404
    chat(url)
    assert "event: reset" in httpx.get(f"{url}{STREAM}?follow=false", headers={"Last-Event-ID": place}).text
