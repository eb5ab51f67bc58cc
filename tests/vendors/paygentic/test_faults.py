"""Faults on Paygentic over plain HTTP: what is answered, what is recorded, and that sums are those of the events."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from mockserver.app import Simulator
from mockserver.config import Settings
from mockserver.http.facts import facts_of_entry
from mockserver.http.inprocess import InProcessTransport
from mockserver.kernel.faults import Latency, When
from mockserver.kernel.journal import Entry
from mockserver.kernel.matching import read
from mockserver.kernel.windows import HOUR, MINUTE, SECOND, parse_duration
from mockserver.kernel.world import World
from mockserver.vendors.paygentic import vendor
from mockserver.vendors.paygentic.routes import FACTS, describe
from tests.arming import NAMES, arm
from tests.vendors.paygentic.conftest import EVENT, Merchant

INGEST = {"operation": "events.ingest"}
Advance = Callable[[str], None]


def journal(world: World) -> list[Entry]:
    return world.journal.read(limit=1000)


def post(merchant: Merchant, amount: str = "1", **members: Any) -> httpx.Response:
    """Send an event as it is, and return whatever comes back."""
    sent = {name: value for name, value in {**EVENT, **members}.items() if name != "data"}
    return merchant.http.post("/v0/events", content=json.dumps(sent)[:-1] + f', "data": {{"amount": {amount}}}}}')


# In place of the work


@pytest.mark.parametrize(
    ("status", "message", "error"),
    [
        (400, "Bad request", "bad_request"),
        (403, "Forbidden", "forbidden"),
        (409, "Conflict", "conflict"),
        (429, "Too many requests", "too_many_requests"),
        (500, "Internal server error", "internal_server_error"),
        (503, "Service unavailable", "service_unavailable"),
        (599, "Status 599", "error"),
    ],
)
def test_a_status_comes_with_the_vendors_body_and_nothing_is_recorded(
    merchant: Merchant, world: World, status: int, message: str, error: str
) -> None:
    cost = merchant.create()
    arm(world, INGEST, When(first=1), status=status, retry_after_s=0.0)
    answer = post(merchant, idempotencyKey="k")

    assert (answer.status_code, answer.json()) == (status, {"message": message, "error": error})
    assert answer.headers["retry-after"] == "0"
    assert merchant.total(cost) == 0
    assert post(merchant, idempotencyKey="k").status_code == 202
    assert merchant.total(cost) == 1


def test_a_vendor_without_a_balance_never_answers_402(merchant: Merchant, world: World) -> None:
    merchant.create()
    arm(world, status=402)

    assert post(merchant).status_code == 202
    assert world.faults.counts()[0].matched == 0


def test_a_key_that_is_switched_off_is_no_matter_to_a_fault(
    merchant: Merchant, world: World, flip: Callable[..., None]
) -> None:
    flip(test_keys=False)
    assert post(merchant).status_code == 401
    arm(world, status=503)

    assert post(merchant).status_code == 503


# The answer suffers


@pytest.mark.parametrize(
    "effect", [{"lost_ack": True}, {"empty_body": True}, {"malformed_chunk": 1}, {"drop": ("id",)}]
)
def test_an_event_is_recorded_whatever_becomes_of_its_receipt(
    merchant: Merchant, world: World, effect: dict[str, Any]
) -> None:
    cost = merchant.create()
    arm(world, INGEST, When(first=1), **effect)
    with suppress(httpx.RemoteProtocolError):
        answer = post(merchant, idempotencyKey="k")
        assert answer.status_code == 202
        assert '"id":"evt_' not in answer.text or "malformed_chunk" in effect
    assert merchant.total(cost) == 1
    again = post(merchant, idempotencyKey="k")

    assert again.status_code == 202
    assert [entry.idempotency for entry in journal(world)[-3:] if entry.operation == "paygentic.events.ingest"][-1] == (
        "duplicate"
    )
    assert merchant.total(cost) == 1


def test_numbers_of_an_edited_answer_keep_their_digits(merchant: Merchant, world: World) -> None:
    cost = merchant.create(unitCost=0.1)
    merchant.send('{"amount": 3.30}')
    plain = merchant.summary(cost)
    arm(world, {"operation": "costs.*"}, drop=("periodStart",), add={"new": [0.1]})
    edited = merchant.summary(cost)

    assert edited.pop("new") == [Decimal("0.1")]
    assert {name: value for name, value in plain.items() if name != "periodStart"} == edited


# The work suffers


def test_of_a_false_acknowledgement_nothing_is_recorded_not_even_its_key(merchant: Merchant, world: World) -> None:
    cost = merchant.create()
    arm(world, INGEST, When(first=1), false_ack=True)
    answer = post(merchant, idempotencyKey="k")

    assert (answer.status_code, answer.json()["object"]) == (202, "event")
    assert merchant.total(cost) == 0
    assert post(merchant, idempotencyKey="k").status_code == 202
    assert merchant.total(cost) == 1


def test_an_event_that_shows_late_has_its_key_at_once(merchant: Merchant, world: World, advance: Advance) -> None:
    cost = merchant.create()
    arm(world, INGEST, When(first=1), delay_us=30 * SECOND)
    said = post(merchant, "12345678901234567890.123456789", idempotencyKey="k", externalId="x")
    assert post(merchant, "7", idempotencyKey="k").status_code == 202

    assert merchant.total(cost) == 0
    advance("29s")
    assert merchant.total(cost) == 0
    advance("1s")
    assert merchant.summary(cost, from_="2026-02-10T12:00:00Z", to="2026-02-10T12:00:01Z")["totalQuantity"] > 0
    (shown,) = world.store.all(
        "SELECT id, data, received_at, external_id FROM paygentic_events WHERE world = ?", (world.id,)
    )
    assert shown[0] == said.json()["id"]
    assert json.loads(shown[1], parse_float=Decimal) == {"amount": Decimal("12345678901234567890.123456789")}
    assert (shown[2], shown[3]) == (journal(world)[1].at, "x")


def test_what_is_on_its_way_survives_a_restart_and_a_fork(tmp_path: Path, settings: Settings) -> None:
    settings = replace(settings, db=tmp_path / "mock.db")
    simulator = Simulator(settings)
    with simulator.store.committed():
        world = simulator.worlds.admit("acme")
    with merchant_of(simulator, "acme") as http:
        cost = Merchant(http).create()
        arm(world, INGEST, When(nth=(1,)), delay_us=HOUR)
        arm(world, INGEST, When(nth=(2,)), late_us=HOUR)
        for n in range(3):
            assert post(Merchant(http), str(10**n)).status_code == 202
    simulator.close()

    simulator = Simulator(settings)
    with simulator.store.committed():
        simulator.worlds.fork(simulator.worlds.get("acme"), "fork")
    for name in ("acme", "fork"):
        with merchant_of(simulator, name) as http:
            assert Merchant(http).total(cost) == 100
            with simulator.store.committed():
                simulator.worlds.advance(simulator.worlds.get(name), HOUR)
            assert Merchant(http).total(cost) == 111
        assert all(invariant.holds for invariant in vendor.invariants(simulator.worlds.get(name)))
    simulator.close()


def merchant_of(simulator: Simulator, world: str) -> httpx.Client:
    headers = {"Authorization": f"Bearer sk_test_{world}"}
    return httpx.Client(transport=InProcessTransport(simulator.gateway), base_url="http://mock", headers=headers)


# On the way


@pytest.mark.parametrize(
    ("how", "key", "total", "decision"),
    [
        ("same_key", "k", 5, "duplicate"),
        ("new_key", "k", 10, "first"),
        ("other_payload", "k", 5, "duplicate"),
        ("same_key", None, 10, None),
        ("new_key", None, 10, None),
        ("other_payload", None, 11, None),
    ],
)
def test_an_event_that_arrives_twice_is_two_requests(
    merchant: Merchant, world: World, how: str, key: str | None, total: int, decision: str | None
) -> None:
    cost = merchant.create()
    arm(world, INGEST, When(first=1), double=how)
    answer = post(merchant, "5", **({} if key is None else {"idempotencyKey": key}))

    first, second = journal(world)[-2:]
    assert answer.json()["id"].removeprefix("evt_") == first.request_id.removeprefix("req_")
    assert [first.fault, second.fault] == ["fault-1", "fault-1"]
    assert (first.operation, second.operation) == ("paygentic.events.ingest",) * 2
    assert second.seq == first.seq + 1
    assert second.request_id != first.request_id
    assert second.reason == f"fault-1: arrived again ({how})"
    assert second.idempotency == decision
    assert (first.request_body == second.request_body) is (how == "same_key" or (how == "new_key" and key is None))
    assert merchant.total(cost) == total
    assert post(merchant, "5").status_code == 202
    assert world.faults.counts()[0].matched == 2  # what arrives again is not hit again


def test_an_event_that_arrives_late_counts_when_it_is_there(merchant: Merchant, world: World, advance: Advance) -> None:
    cost = merchant.create()
    arm(world, INGEST, When(first=1), late_us=2 * HOUR)
    said = post(merchant, "5", idempotencyKey="k", timestamp="2026-02-10T11:30:00Z")

    assert said.status_code == 202
    assert merchant.total(cost) == 0
    advance("2h")
    assert merchant.total(cost, from_="2026-02-10T11:00:00Z", to="2026-02-10T12:00:00Z") == 5
    sent, arrived = [entry for entry in journal(world) if entry.operation == "paygentic.events.ingest"]
    assert arrived.at - sent.at == 2 * HOUR
    assert arrived.request_id == sent.request_id
    assert (arrived.status, arrived.fault, arrived.reason) == (202, "fault-1", "fault-1: arrived 2h late")
    (identifier,) = (row[0] for row in world.store.all("SELECT id FROM paygentic_events WHERE world = ?", (world.id,)))
    assert identifier == said.json()["id"]
    assert not world.store.all("SELECT 1 FROM due WHERE subject LIKE '%sk_%'")


def test_an_event_without_a_timestamp_that_arrives_late_is_of_then(
    merchant: Merchant, world: World, advance: Advance
) -> None:
    cost = merchant.create()
    arm(world, INGEST, late_us=2 * HOUR)
    post(merchant, "5")
    advance("3h")

    assert merchant.total(cost, from_="2026-02-10T14:00:00Z", to="2026-02-10T15:00:00Z") == 5


def test_a_retry_overtakes_the_event_that_arrives_late(merchant: Merchant, world: World, advance: Advance) -> None:
    cost = merchant.create()
    arm(world, INGEST, When(first=1), late_us=HOUR)
    post(merchant, "5", idempotencyKey="k")
    post(merchant, "7", idempotencyKey="k")
    assert merchant.total(cost) == 7
    advance("1h")

    assert merchant.total(cost) == 7
    assert [entry.idempotency for entry in journal(world) if entry.operation == "paygentic.events.ingest"] == [
        "first", "first", "duplicate",
    ]  # fmt: skip


def test_a_refused_event_does_not_arrive_late(merchant: Merchant, world: World) -> None:
    arm(world, INGEST, late_us=HOUR)

    assert merchant.http.post("/v0/events", json={"type": "t"}).status_code == 400
    assert world.store.all("SELECT 1 FROM due WHERE world = ? AND action = 'mockserver.arrive'", (world.id,)) == []


def test_many_events_arrive_at_one_instant(merchant: Merchant, world: World, advance: Advance) -> None:
    cost = merchant.create()
    arm(world, INGEST, late_us=HOUR)
    for _ in range(300):
        post(merchant)
    advance("1h")

    assert merchant.total(cost) == 300


def test_a_skewed_clock_and_a_mistaken_unit_are_in_what_arrives(merchant: Merchant, world: World) -> None:
    cost = merchant.create()
    arm(world, INGEST, When(first=1), skew_us=-5 * MINUTE, scale="0.001")
    post(merchant, "1234.50", timestamp="2026-02-10T12:00:00Z")

    assert merchant.total(cost, from_="2026-02-10T11:55:00Z", to="2026-02-10T11:55:01Z") == Decimal("1.2345")
    arrived = json.loads(journal(world)[1].request_body, parse_float=Decimal)
    assert (arrived["timestamp"], arrived["data"]["amount"]) == ("2026-02-10T11:55:00Z", Decimal("1.23450"))


@pytest.mark.parametrize("effect", [{"double": "new_key"}, {"late_us": HOUR}, {"skew_us": HOUR}, {"scale": "2"}])
def test_only_events_have_a_way_on_which_things_go_wrong(
    merchant: Merchant, world: World, effect: dict[str, Any]
) -> None:
    arm(world, **effect)
    merchant.create()

    assert [entry.fault for entry in journal(world)] == [None]
    assert world.faults.counts()[0].matched == 0


# Everything at once

ALL: list[dict[str, Any]] = [
    {"status": 503}, {"timeout_s": 1.0}, {"reset": True}, {"latency": Latency(median_ms=5.0, p99_ms=50.0)},
    {"lost_ack": True}, {"empty_body": True}, {"malformed_chunk": 1}, {"drop": ("id",)}, {"false_ack": True},
    {"delay_us": 3 * SECOND}, {"double": "same_key"}, {"double": "new_key"}, {"double": "other_payload"},
    {"late_us": 2 * SECOND}, {"skew_us": -HOUR}, {"scale": "1000"},
]  # fmt: skip


def test_sums_are_those_of_the_events_whatever_happens_together(simulator: Simulator) -> None:
    with simulator.store.committed():
        world = simulator.worlds.admit("acme")
    with merchant_of(simulator, "acme") as http:
        merchant = Merchant(http)
        merchant.create()
        for number, effect in enumerate(ALL):
            arm(world, INGEST, When(rate=0.12 + number % 3 / 20), **effect)
        for number in range(150):
            with suppress(httpx.TransportError):
                post(merchant, f"{number}.25", **({"idempotencyKey": f"k{number // 2}"} if number % 3 else {}))
            if number % 10 == 0:
                with simulator.store.committed():
                    simulator.worlds.advance(world, SECOND)
                assert all(invariant.holds for invariant in vendor.invariants(world))
    with simulator.store.committed():
        simulator.worlds.advance(world, parse_duration("1m"))

    assert all(invariant.holds for invariant in vendor.invariants(world))
    assert all(count.hits for count in world.faults.counts())
    assert simulator.store.all("SELECT 1 FROM due WHERE world = ?", (world.id,)) == []


def test_two_runs_of_the_same_trouble_write_the_same_journal(settings: Settings) -> None:
    def run() -> list[Any]:
        simulator = Simulator(settings)
        test_sums_are_those_of_the_events_whatever_happens_together(simulator)
        rows = simulator.store.all("SELECT * FROM journal ORDER BY world, seq")
        decisions = simulator.store.all("SELECT * FROM fault_decisions")
        simulator.close()
        return [*rows, *decisions]

    assert run() == run()


# What is known of requests


@pytest.mark.parametrize(
    ("method", "path", "body", "spec", "is_meant"),
    [
        ("POST", "/v0/events", {**EVENT, "idempotencyKey": "k-1"}, {"idempotency_key": "k-*"}, True),
        ("POST", "/v0/events", EVENT, {"idempotency_key": None}, True),
        ("POST", "/v0/events", EVENT, {"customer": "cus_abc123"}, True),
        ("POST", "/v0/events", {**EVENT, "externalSubject": "user-7"}, {"customer": "user-7"}, True),
        ("POST", "/v0/events", EVENT, {"customer": "cus_other"}, False),
        ("POST", "/v0/events", {**EVENT, "data": {"amount": 0.1}}, {"json": {"data.amount": 0.1}}, True),
        ("GET", "/v0/customers/cus_abc123", None, {"customer": "cus_abc123"}, True),
        ("GET", "/v0/costs/cst_x/summary?subject=cus_abc123", None, {"customer": "cus_abc123"}, True),
        ("GET", "/paygentic/v0/costs", None, {"path": "/v0/*"}, False),
        ("GET", "/paygentic/v0/costs", None, {"path": "/paygentic/*", "vendor": "paygentic", "method": "GET"}, True),
        ("GET", "/v0/nowhere", None, {"operation": "*"}, False),
        ("GET", "/v0/nowhere", None, {"not": {"operation": "*"}}, True),
    ],
)
def test_requests_are_told_apart_by_what_they_say(
    paygentic: httpx.Client, simulator: Simulator, world: World,
    method: str, path: str, body: Any, spec: dict[str, Any], is_meant: bool,
) -> None:  # fmt: skip
    arm(world, spec, status=418)
    answer = paygentic.request(method, path, json=body)

    assert (answer.status_code == 418) is is_meant
    facts = facts_of_entry(simulator.gateway.router, journal(world)[-1])
    assert read(spec, NAMES).matches(facts) is is_meant


def test_facts_are_those_that_are_announced_and_nonsense_has_none() -> None:
    for endpoint in vendor.api.endpoints:
        nonsense: list[Any] = [None, [], {}, {"subject": 1}, {"subject": ["x"], "customerId": None}]
        for data in nonsense:
            assert describe(endpoint, ("x",) * endpoint.path.count("{"), data).keys() == set(FACTS)
