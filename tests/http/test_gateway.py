from __future__ import annotations

import json
import logging

import httpx
import pytest

from mockserver.http.gateway import Gateway
from mockserver.http.messages import Request
from mockserver.kernel.windows import DAY, SECOND
from mockserver.kernel.world import World
from tests.http.conftest import MAX_BODY_BYTES, START, Toy, last_entry, names

KEY = {"Idempotency-Key": "k-1"}


# One request


def test_a_request_writes_answers_and_is_journalled(client: httpx.Client, acme: World) -> None:
    answer = client.post("/t/things?x=1", json={"name": "a"}, headers={"User-Agent": "probe/1"})

    assert answer.status_code == 201
    assert answer.json()["name"] == "a"
    assert names(acme) == ["a"]
    entry = last_entry(acme)
    assert (entry.vendor, entry.operation, entry.method, entry.path, entry.query, entry.status) == (
        "toy", "toy.things.create", "POST", "/t/things", "x=1", 201,
    )  # fmt: skip
    assert (entry.cost_micro_usd, entry.client, entry.reason, entry.idempotency) == (5, "probe/1", None, None)
    assert entry.request_id == answer.headers["x-request-id"]
    assert json.loads(entry.request_body) == {"name": "a"}
    assert entry.response_body == answer.content
    assert entry.headers[b"authorization"] == b"[redacted]"


def test_request_ids_are_the_same_on_every_run(gateway: Gateway, client: httpx.Client) -> None:
    first = [client.get("/t/things").headers["x-request-id"] for _ in range(3)]
    with gateway.store.committed():
        gateway.worlds.reset(gateway.worlds.get("acme"))

    assert [client.get("/t/things").headers["x-request-id"] for _ in range(3)] == first
    assert len(set(first)) == 3


def test_parameters_query_and_empty_answers_travel(client: httpx.Client) -> None:
    assert client.get("/t/things/x/parts/y").text == "x/y"
    assert client.get("/t/things?limit=3&tag=a&tag=b").json() == {"limit": 3, "tags": ["a", "b"], "names": []}
    empty = client.delete("/t/things")
    assert (empty.status_code, empty.content) == (204, b"")


def test_headers_an_operation_looks_at_are_judged_like_its_other_fields(client: httpx.Client) -> None:
    assert client.get("/t/greeting").json() == {"session": None}
    assert client.get("/t/greeting", headers={"X-Toy-Session": "two"}).json() == {"session": "two"}

    refused = client.get("/t/greeting", headers={"X-Toy-Session": "three"})
    assert refused.status_code == 422
    assert refused.json()["fields"] == ["x-toy-session"]


def test_a_form_travels(client: httpx.Client) -> None:
    answer = client.post("/t/files", data={"title": "t"}, files={"file": ("a.txt", b"abc", "text/plain")})

    assert answer.json() == {"title": "t", "filename": "a.txt", "mime": "text/plain", "size": 3}


# What stands in the way


@pytest.mark.parametrize(
    ("body", "fields", "codes"),
    [
        ({}, ["name"], ["required"]),
        ({"name": 1}, ["name"], ["invalid_type"]),
        ({"name": "a" * 11}, ["name"], ["too_long"]),
        ({"name": "a", "count": 0}, ["count"], ["out_of_range"]),
        ({"name": "a", "count": "1"}, ["count"], ["invalid_type"]),
        ({"name": "a", "kind": "c"}, ["kind"], ["invalid_enum"]),
        ({"name": "a", "other": 1}, ["other"], ["unknown_key"]),
        ({"name": "wrong"}, ["name"], ["invalid_format"]),
        ({"name": 1, "count": 0}, ["name", "count"], ["invalid_type", "out_of_range"]),
    ],
)
def test_every_faulty_field_is_named(client: httpx.Client, body: object, fields: list[str], codes: list[str]) -> None:
    answer = client.post("/t/things", json=body)

    assert answer.status_code == 422
    assert (answer.json()["fields"], answer.json()["codes"]) == (fields, codes)


@pytest.mark.parametrize(
    ("body", "reason"), [(b"", "EOF"), (b"{", "EOF"), (b"[]", "must be a JSON object"), (b"\xff", "expected value")]
)
def test_a_body_that_cannot_be_read_is_refused(client: httpx.Client, body: bytes, reason: str) -> None:
    answer = client.post("/t/things", content=body)

    assert answer.status_code == 400
    assert reason in answer.json()["error"]


def test_a_faulty_query_is_refused(client: httpx.Client) -> None:
    assert client.get("/t/things?limit=many").json()["fields"] == ["limit"]


def test_a_body_over_the_limit_is_refused_and_one_at_the_limit_is_read(client: httpx.Client, acme: World) -> None:
    exactly = b'{"name": "a"}'.ljust(MAX_BODY_BYTES)

    assert client.post("/t/things", content=exactly).status_code == 201
    assert client.post("/t/things", content=exactly + b" ").status_code == 413
    assert names(acme) == ["a"]


@pytest.mark.parametrize(
    "headers", [{"Authorization": ""}, {"Authorization": "Basic x"}, {"Authorization": "Bearer sk_test_acme"}]
)
def test_without_a_key_the_request_is_nobodys(
    gateway: Gateway, client: httpx.Client, acme: World, headers: dict[str, str]
) -> None:
    answer = client.post("/t/things", json={"name": "a"}, headers=headers)

    assert answer.status_code == 401
    assert names(acme) == []
    entry = last_entry(gateway.worlds.nobody)
    assert (entry.status, entry.operation) == (401, None)
    assert entry.reason


def test_a_refused_request_leaves_nothing_but_its_journal_entry(client: httpx.Client, acme: World) -> None:
    answer = client.post("/t/things", json={"name": "clash"})

    assert answer.status_code == 409
    assert names(acme) == []
    entry = last_entry(acme)
    assert (entry.status, entry.reason, entry.cost_micro_usd) == (409, "it clashes", 0)


def test_a_fault_of_our_own_leaves_nothing_but_its_journal_entry_and_a_log_line(
    client: httpx.Client, acme: World, caplog: pytest.LogCaptureFixture
) -> None:
    answer = client.post("/t/things", json={"name": "bug"})

    assert (answer.status_code, answer.json()) == (500, {"error": "ours"})
    assert names(acme) == []
    assert last_entry(acme).reason == "internal error, see the server's log"
    assert "ZeroDivisionError" in caplog.text


def test_an_unknown_path_is_the_vendors_404_and_the_log_names_the_nearest(
    client: httpx.Client, acme: World, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "mockserver"):
        answer = client.post("/t/thing", json={})

    assert answer.status_code == 404
    assert "POST /t/things" in caplog.text
    assert "nearest: POST /t/things" in (last_entry(acme).reason or "")


def test_a_path_of_nobody_is_in_the_journal_of_whoever_asked_for_it(client: httpx.Client, acme: World) -> None:
    assert client.get("/v9/things").status_code == 404

    assert last_entry(acme).path == "/v9/things"


def test_a_path_of_nobody_is_a_problem_and_without_a_key_in_nobodys_journal(
    gateway: Gateway, client: httpx.Client
) -> None:
    answer = client.get("/favicon.ico", headers={"Authorization": ""})

    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == 404
    assert last_entry(gateway.worlds.nobody).path == "/favicon.ico"


def test_a_method_that_is_not_allowed_is_the_vendors_405(client: httpx.Client) -> None:
    assert client.patch("/t/things").status_code == 405


def test_a_path_that_is_not_unicode_is_kept_readable(gateway: Gateway) -> None:
    gateway.handle(Request("GET", "/x/\udcff\u00e9", b"", {}, b""))

    assert last_entry(gateway.worlds.nobody).path == "/x/?é"


# What falls due


def test_what_has_fallen_due_happens_before_the_request_at_its_own_time(
    gateway: Gateway, client: httpx.Client, acme: World
) -> None:
    client.post("/t/later", json={"name": "x"})
    acme.clock.jump(START + 60 * SECOND)

    assert client.get("/t/things").json()["names"] == ["x@1"]


def test_what_has_fallen_due_stays_done_when_the_request_that_noticed_is_refused(
    gateway: Gateway, client: httpx.Client, acme: World
) -> None:
    client.post("/t/later", json={"name": "x"})
    acme.clock.jump(START + 60 * SECOND)

    assert client.post("/t/things", json={"name": "clash"}).status_code == 409

    assert names(acme) == ["x@1"]
    assert not acme.schedule.is_due(START + 60 * SECOND)


# Idempotency


def test_a_replay_gives_the_first_answer_and_does_nothing(client: httpx.Client, acme: World) -> None:
    first = client.post("/t/things", json={"name": "a"}, headers=KEY)
    second = client.post("/t/things", json={"name": "a"}, headers=KEY)

    assert (second.status_code, second.content) == (201, first.content)
    assert second.headers["x-replayed"] == "yes"
    assert "x-replayed" not in first.headers
    assert second.headers["x-request-id"] != first.headers["x-request-id"]
    assert names(acme) == ["a"]
    assert [entry.idempotency for entry in acme.journal.read()] == ["first", "replayed"]
    assert last_entry(acme).cost_micro_usd == 0


def test_a_key_with_another_body_is_refused(client: httpx.Client, acme: World) -> None:
    client.post("/t/things", json={"name": "a"}, headers=KEY)

    assert client.post("/t/things", json={"name": "b"}, headers=KEY).status_code == 409
    assert names(acme) == ["a"]
    assert last_entry(acme).idempotency == "mismatch"


def test_a_key_counts_for_a_day(client: httpx.Client, acme: World) -> None:
    client.post("/t/things", json={"name": "a"}, headers=KEY)
    acme.clock.jump(START + DAY - 1)
    client.post("/t/things", json={"name": "a"}, headers=KEY)
    assert names(acme) == ["a"]

    acme.clock.jump(START + DAY)
    client.post("/t/things", json={"name": "a"}, headers=KEY)

    assert names(acme) == ["a", "a"]


def test_a_key_means_the_same_below_the_mount(client: httpx.Client, acme: World) -> None:
    client.post("/t/things", json={"name": "a"}, headers=KEY)
    client.post("/toy/t/things", json={"name": "a"}, headers=KEY)

    assert names(acme) == ["a"]


def test_a_refused_request_can_be_repeated_with_its_key(client: httpx.Client, acme: World) -> None:
    client.post("/t/things", json={"name": "clash"}, headers=KEY)

    assert client.post("/t/things", json={"name": "a"}, headers=KEY).status_code == 201


def test_a_form_is_the_same_whatever_its_boundary(client: httpx.Client) -> None:
    for _ in range(2):  # the client library draws a new boundary each time
        answer = client.post("/t/files", data={"title": "t"}, files={"file": ("a", b"x")}, headers=KEY)

    assert answer.headers["x-replayed"] == "yes"


def test_a_key_that_is_too_long_is_refused(client: httpx.Client) -> None:
    answer = client.post("/t/things", json={"name": "a"}, headers={"Idempotency-Key": "k" * 256})

    assert answer.json()["codes"] == ["too_long"]


# Streams


def test_a_stream_settles_before_its_last_piece(client: httpx.Client, acme: World, toy: Toy) -> None:
    with client.stream("POST", "/t/talk", json={"name": "a"}) as answer:
        pieces = answer.iter_bytes()
        assert next(pieces) == b"one "
        assert names(acme) == []
        assert b"".join(pieces) == b"two end"

    assert (names(acme), toy.done) == (["a"], ["settled"])
    entry = last_entry(acme)
    assert (entry.status, entry.cost_micro_usd, entry.response_body) == (200, 9, b"one two end")


@pytest.mark.parametrize("taken", [0, 1, 2])
def test_a_stream_the_client_leaves_costs_nothing_and_gives_back_what_it_held(
    client: httpx.Client, acme: World, toy: Toy, taken: int
) -> None:
    with client.stream("POST", "/t/talk", json={"name": "a"}, headers=KEY) as answer:
        pieces = answer.iter_bytes()
        for _ in range(taken):
            next(pieces)

    assert (names(acme), toy.done) == ([], ["abandoned"])
    entry = last_entry(acme)
    assert (entry.status, entry.cost_micro_usd) == (None, 0)
    assert entry.reason == "the client left before the stream ended"
    assert acme.in_flight == {}


def test_a_stream_under_a_key_in_use_waits_its_turn_and_is_then_replayed_whole(
    client: httpx.Client, acme: World, toy: Toy
) -> None:
    with client.stream("POST", "/t/talk", json={"name": "a"}, headers=KEY) as first:
        assert client.post("/t/talk", json={"name": "a"}, headers=KEY).status_code == 409
        first.read()

    again = client.post("/t/talk", json={"name": "a"}, headers=KEY)

    assert again.text == "one two end"
    assert again.headers["content-type"] == "text/event-stream"
    assert len(again.headers.get_list("x-request-id")) == 1
    assert (names(acme), toy.done) == (["a"], ["settled"])


def test_a_stream_that_fails_to_settle_leaves_nothing(client: httpx.Client, acme: World, toy: Toy) -> None:
    toy.breaks = True

    with pytest.raises(ZeroDivisionError):
        client.post("/t/talk", json={"name": "a"})

    assert (names(acme), toy.done) == ([], ["abandoned"])
    assert not acme.store.is_pending


def test_a_stream_whose_world_is_reset_under_it_settles_nothing(
    gateway: Gateway, client: httpx.Client, acme: World, toy: Toy
) -> None:
    with client.stream("POST", "/t/talk", json={"name": "a"}) as answer:
        pieces = answer.iter_bytes()
        next(pieces)
        with gateway.store.committed():
            fresh = gateway.worlds.reset(acme)
        assert b"".join(pieces) == b"two "

    assert (names(fresh), fresh.journal.read(), toy.done) == ([], [], ["abandoned"])


async def _talk(client: httpx.AsyncClient) -> bytes:
    async with client.stream("POST", "/t/talk", json={"name": "a"}) as answer:
        return b"".join([piece async for piece in answer.aiter_bytes()])


def test_async_clients_are_served_alike(gateway: Gateway, acme: World) -> None:
    import asyncio

    from mockserver.http.inprocess import InProcessTransport

    async def both() -> tuple[int, bytes]:
        headers = {"Authorization": "Bearer toy_test_acme"}
        async with httpx.AsyncClient(
            transport=InProcessTransport(gateway), base_url="http://mock", headers=headers
        ) as client:
            created = await client.post("/t/things", json={"name": "a"})
            return created.status_code, await _talk(client)

    assert asyncio.run(both()) == (201, b"one two end")
    assert names(acme) == ["a", "a"]
