"""Worlds whose requests a recording answers: journal, faults, and what is simulated along with it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import httpx
import pytest

from mockserver.http.gateway import Gateway
from mockserver.http.messages import Reply, Request, Stream
from mockserver.kernel.faults import Effect, Fault
from mockserver.kernel.world import World
from tests.http.conftest import Toy, last_entry, names

RECORDED = {"id": "theirs"}


def recorded(status: int = 200, note: str = "played toy.yaml, interaction 1") -> Reply:
    return replace(Reply.json(RECORDED, status), is_recorded=True, note=note)


def recorded_stream() -> Reply:
    pieces = Stream(iter([b"data: 1\n\n"]), lambda: b"data: 2\n\n", lambda: None)
    headers = [(b"content-type", b"text/event-stream")]
    return Reply(200, headers=headers, stream=pieces, is_recorded=True)


@dataclass
class Shelf:
    """A tape with an answer for each path; the ids in a path are the recording's where it is carried."""

    answers: dict[str, Callable[[], Reply]]
    is_carrying: bool = False
    simulated: list[bytes] = field(default_factory=list)

    def play(self, request: Request) -> Reply | None:
        answer = self.answers.get(request.path)
        return answer() if answer else None

    def ours(self, request: Request) -> Request:
        return replace(request, path=request.path.replace("theirs", "ours"))

    def heard(self, request: Request, played: Reply | None, simulated: Reply) -> Reply:
        self.simulated.append(simulated.body)
        return played or replace(simulated, body=simulated.body.replace(b"ours", b"theirs"))


def put_in(gateway: Gateway, answers: dict[str, Callable[[], Reply]], *, is_carrying: bool = False) -> Shelf:
    shelf = gateway.tapes["acme"] = Shelf(answers, is_carrying)
    return shelf


def test_a_recorded_answer_takes_the_simulations_place(gateway: Gateway, client: httpx.Client, acme: World) -> None:
    put_in(gateway, {"/t/things": recorded})
    answer = client.post("/t/things", json={"name": "a"})
    assert (answer.status_code, answer.json()) == (200, RECORDED)
    assert names(acme) == []
    assert "x-request-id" not in answer.headers


def test_what_is_not_on_the_tape_is_simulated(gateway: Gateway, client: httpx.Client, acme: World) -> None:
    put_in(gateway, {})
    assert client.post("/t/things", json={"name": "a"}).status_code == 201
    assert names(acme) == ["a"]


def test_another_world_has_no_tape(gateway: Gateway, client: httpx.Client) -> None:
    put_in(gateway, {"/t/greeting": recorded})
    answer = client.get("/t/greeting", headers={"authorization": "Bearer toy_test_other"})
    assert answer.json() == {"session": None}


def test_a_played_answer_is_in_the_journal(gateway: Gateway, client: httpx.Client, acme: World) -> None:
    put_in(gateway, {"/t/things": recorded})
    client.post("/t/things", json={"name": "a"})
    entry = last_entry(acme)
    assert (entry.operation, entry.status, entry.reason) == (
        "toy.things.create",
        200,
        "played toy.yaml, interaction 1",
    )
    assert json.loads(entry.response_body) == RECORDED


@pytest.mark.parametrize("path", ["/t/unheard-of", "/elsewhere"])
def test_a_path_that_nobody_simulates_can_be_played(gateway: Gateway, client: httpx.Client, path: str) -> None:
    put_in(gateway, {path: recorded})
    assert client.get(path).json() == RECORDED
    assert client.get(path + "/2").status_code == 404


def test_a_played_method_that_nobody_simulates_has_no_allow_header(gateway: Gateway, client: httpx.Client) -> None:
    put_in(gateway, {"/t/things": lambda: recorded(405)})
    assert "allow" not in client.put("/t/things").headers


@pytest.mark.parametrize("path", ["/t/talk", "/t/unheard-of", "/elsewhere"])
def test_a_played_stream_arrives_whole(gateway: Gateway, client: httpx.Client, path: str) -> None:
    put_in(gateway, {path: recorded_stream})
    assert client.post(path, json={"name": "a"}).content == b"data: 1\n\ndata: 2\n\n"


def test_faults_work_on_played_answers(gateway: Gateway, client: httpx.Client, acme: World) -> None:
    put_in(gateway, {"/t/things": recorded})
    with gateway.store.committed():
        acme.faults.add(1, Fault({}, (), Effect(empty_body=True)))
    answer = client.post("/t/things", json={"name": "a"})
    assert (answer.status_code, answer.content) == (200, b"")
    assert last_entry(acme).fault == "fault-1"


# Carried along


def test_what_is_played_happens_in_the_simulation_too(gateway: Gateway, client: httpx.Client, acme: World) -> None:
    shelf = put_in(gateway, {"/t/things": recorded}, is_carrying=True)
    assert client.post("/t/things", json={"name": "a"}).json() == RECORDED
    assert names(acme) == ["a"]
    assert json.loads(shelf.simulated[0])["name"] == "a"


def test_a_request_reaches_the_simulation_in_its_own_ids(gateway: Gateway, client: httpx.Client) -> None:
    put_in(gateway, {}, is_carrying=True)
    assert client.get("/t/things/theirs/parts/1").text == "theirs/1"


def test_what_the_simulation_would_refuse_is_told_in_the_journal(
    gateway: Gateway, client: httpx.Client, acme: World
) -> None:
    put_in(gateway, {"/t/things": recorded}, is_carrying=True)
    assert client.post("/t/things", json={"name": "clash"}).status_code == 200
    reason = last_entry(acme).reason
    assert reason is not None
    assert "the simulation would refuse it: it clashes" in reason
    assert names(acme) == []


@pytest.mark.parametrize("is_played", [True, False])
def test_a_simulated_stream_is_settled_whether_or_not_it_is_sent(
    gateway: Gateway, client: httpx.Client, acme: World, toy: Toy, is_played: bool
) -> None:
    shelf = put_in(gateway, {"/t/talk": recorded_stream} if is_played else {}, is_carrying=True)
    answer = client.post("/t/talk", json={"name": "a"})
    assert answer.content == (b"data: 1\n\ndata: 2\n\n" if is_played else b"one two end")
    assert shelf.simulated == [b"one two end"]
    assert (toy.done, names(acme), last_entry(acme).cost_micro_usd) == (["settled"], ["a"], 9)


def test_a_simulated_stream_keeps_its_idempotency_key(gateway: Gateway, client: httpx.Client, acme: World) -> None:
    put_in(gateway, {"/t/talk": recorded_stream}, is_carrying=True)
    for _ in range(2):
        client.post("/t/talk", json={"name": "a"}, headers={"idempotency-key": "k"})
    assert names(acme) == ["a"]
    assert acme.in_flight == {}
