"""What faults and contract drifts do to traffic: the same as to requests, as far as it means anything."""

from __future__ import annotations

import dataclasses
import itertools
import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.http import faulting
from mockserver.http.endpoint import Intake
from mockserver.http.faulting import Struck, dump_exactly, read_exactly, repeated
from mockserver.kernel.drifts import Drift
from mockserver.kernel.faults import Armed, Effect, Fault, Hit, Latency, When
from mockserver.kernel.ids import Draws
from mockserver.kernel.windows import DAY, HOUR, format_instant, parse_instant
from mockserver.kernel.world import World
from mockserver.simulation.integrator import Integrator, Report
from mockserver.simulation.mishaps import MEANT_FOR_TRAFFIC, Contracts, Mishap, Target, edited, mishap, objection
from mockserver.simulation.parts import EventPart
from mockserver.simulation.script import Script
from mockserver.vendors.intake import Sent
from mockserver.vendors.registry import vendors
from tests.arming import arm
from tests.simulation.test_integrator import call

AT = parse_instant("2026-02-10T12:00:00Z")
ENDPOINT = "ep-contract-key-fields"
SENT = Sent("cost.ai", "https://app.example/usage", {"amount": Decimal("0.00009"), "calls": 3}, "cus_abc123", AT, "k")
CALLS = Target(next(each for each in vendors() if each.name == "pareta"), "chat.completions.create")
EVENTS = Target(next(each for each in vendors() if each.name == "paygentic"), "events.ingest")


def of_call(world: World, at: int = AT, who: str = ENDPOINT, customer: str = "customer-001") -> Mishap | None:
    with world.store.committed():
        return CALLS.struck(world, CALLS.call(who, customer, "call-1-0"), at, lambda: 0)


def of_event(world: World, sent: Sent = SENT, at: int = AT) -> Mishap | None:
    with world.store.committed():
        return EVENTS.struck(world, EVENTS.event(sent, "customer-001"), at, lambda: 0)


def matched(world: World) -> list[int]:
    return [count.matched for count in world.faults.counts()]


# What effects mean


def test_every_effect_means_something_or_there_is_a_word_on_why_not() -> None:
    effects: dict[str, Any] = {
        "status": 503, "message": "m", "retry_after_s": 1.0, "latency": Latency(5), "timeout_s": 1.0, "reset": True,
        "truncate_after": 1, "malformed_chunk": 1, "empty_body": True, "lost_ack": True, "false_ack": True,
        "delay_us": 5, "drop": ("a",), "add": {"a": 1}, "rename": {"a": "b"}, "retype": {"a": "string"},
        "double": "new_key", "late_us": 5, "skew_us": 5, "scale": "2", "exhaust": "before", "top_up_micro_usd": 5,
        "top_up_after_us": 5,
    }  # fmt: skip
    assert effects.keys() == {field.name for field in dataclasses.fields(Effect)}

    means_something = {name for name, value in effects.items() if objection(Effect(**{name: value})) is None}

    assert means_something == MEANT_FOR_TRAFFIC.keys()


@pytest.mark.parametrize(
    ("effect", "key", "why"),
    [
        (Effect(status=402), "status", "wallet"),
        (Effect(empty_body=True, latency=Latency(5)), "empty_body", "lost_ack"),
        (Effect(exhaust="before"), "exhaust_credits", "wallet"),
    ],
)
def test_what_means_nothing_is_told_by_the_key_that_says_it(effect: Effect, key: str, why: str) -> None:
    told = objection(effect)

    assert told is not None
    assert told[0] == key
    assert why in told[1]


# Who is hit


@pytest.mark.parametrize(
    ("match", "hits"),
    [
        ({}, "call event"),
        ({"vendor": "pareta"}, "call"),
        ({"operation": "chat.completions.create"}, "call"),
        ({"operation": "pareta.*"}, "call"),
        ({"operation": "events.ingest", "vendor": "pareta"}, ""),
        ({"path": "/v1/chat/*"}, "call"),
        ({"path": "/v0/events", "method": "POST"}, "event"),
        ({"method": "GET"}, ""),
        ({"model": ENDPOINT}, "call"),
        ({"endpoint": ENDPOINT}, "call"),
        ({"model": "auto"}, ""),
        ({"client": "customer-001"}, "call"),
        ({"client": "integrator"}, "event"),
        ({"customer": "customer-001"}, "event"),
        ({"customer": "cus_abc123"}, "event"),
        ({"customer": "cus_other"}, ""),
        ({"idempotency_key": "call-1-0"}, "call"),
        ({"idempotency_key": "k"}, "event"),
        ({"json": {"data.calls": {"equals": 3}}}, "event"),
        ({"json": {"type": "cost.*"}}, "event"),
        ({"key": "pareta_sk_*"}, ""),
        ({"any": [{"client": "integrator"}, {"model": ENDPOINT}]}, "call event"),
        ({"not": {"vendor": "pareta"}}, "event"),
    ],
)
def test_faults_match_traffic_by_what_a_request_would_say(world: World, match: dict[str, Any], hits: str) -> None:
    arm(world, match, reset=True)

    found = {"call": of_call(world), "event": of_event(world)}

    assert [name for name, befell in found.items() if befell is not None] == hits.split()
    assert all(befell is None or befell.is_severed for befell in found.values())
    assert matched(world) == [len(hits.split())]


def test_auto_is_a_model_and_no_endpoint_as_in_requests(world: World) -> None:
    arm(world, {"model": "auto"}, reset=True)
    arm(world, {"endpoint": "auto"}, reset=True)

    assert of_call(world, who="auto") is not None
    assert matched(world) == [1, 0]


def test_faults_strike_within_their_window_and_by_count_and_every_decision_is_a_row(world: World) -> None:
    arm(world, {}, When(nth=(2, 3), start=AT + HOUR, end=AT + DAY), status=503)

    befell = [of_call(world, AT + hours * HOUR) for hours in (0, 1, 2, 3, 4, 24)]

    assert [each is not None for each in befell] == [False, False, True, True, False, False]
    assert [(n, request, is_hit) for n, request, is_hit, _ in world.faults.decisions(1, 0, 10)] == [
        (1, 0, False),
        (2, 0, True),
        (3, 0, True),
        (4, 0, False),
    ]


def test_a_fault_that_is_armed_or_gone_meanwhile_is_noticed(world: World) -> None:
    assert of_call(world) is None
    armed = arm(world, {}, reset=True)
    assert of_call(world) is not None
    with world.store.committed():
        world.faults.remove(armed.seq)
    assert of_call(world) is None


MEANINGFUL: list[dict[str, Any]] = [
    {"status": 503},
    {"status": 402},
    {"reset": True},
    {"timeout_s": 1.0},
    {"lost_ack": True},
    {"false_ack": True},
    {"delay_us": HOUR},
    {"latency": Latency(5)},
    {"drop": ("id",)},
    {"double": "same_key"},
    {"late_us": HOUR},
    {"skew_us": HOUR},
    {"scale": "2"},
]


@pytest.mark.parametrize("effect", MEANINGFUL, ids=lambda effect: next(iter(effect)))
def test_traffic_suffers_what_requests_suffer_but_a_402_that_was_made_up(
    world: World, pareta: httpx.Client, paygentic: httpx.Client, effect: dict[str, Any]
) -> None:
    for operation in ("chat.completions.create", "events.ingest"):
        arm(world, {"operation": operation}, When(first=0), **effect)  # it decides, and never strikes
    body = {"model": ENDPOINT, "messages": [{"role": "user", "content": "Hello"}]}
    pareta.post("/v1/chat/completions", json=body)
    paygentic.post("/v0/events", json={"type": "t", "source": "s", "subject": "cus_abc123", "data": {}})
    by_requests = matched(world)

    of_call(world)
    of_event(world)

    by_traffic = [after - before for after, before in zip(matched(world), by_requests, strict=True)]
    assert by_traffic == ([0, 0] if effect == {"status": 402} else by_requests)


@pytest.mark.parametrize(
    "effect",
    [{"empty_body": True}, {"malformed_chunk": 1}, {"truncate_after": 0}, {"exhaust": "before"}, {"lost_ack": True}],
    ids=lambda effect: next(iter(effect)),
)
def test_a_fault_of_requests_alone_leaves_traffic_alone_and_uncounted(world: World, effect: dict[str, Any]) -> None:
    arm(world, {}, **effect)

    is_meant = effect == {"lost_ack": True}

    assert (of_call(world) is not None) == is_meant
    assert matched(world) == [int(is_meant)]


# What it does


def struck(*effects: Effect) -> Struck:
    hits = [Hit(Armed(n, Fault({}, (), effect)), 1, "number 1") for n, effect in enumerate(effects, 1)]
    return Struck(hits, Draws(7))


def test_several_faults_are_taken_together_and_wait_one_after_the_other() -> None:
    befell = mishap(
        struck(
            Effect(latency=Latency(1500), delay_us=5, drop=("id",), scale="3"),
            Effect(latency=Latency(500), lost_ack=True, delay_us=9, scale="0.5", skew_us=-7),
            Effect(double="new_key", skew_us=4),
        )
    )

    assert befell.fault == "fault-1 fault-2 fault-3"
    assert (befell.wait_us, befell.delay_us, befell.skew_us, befell.scale) == (2_000_000, 9, -3, Decimal("1.5"))
    assert (befell.is_lost, befell.is_undone, befell.is_answered) == (True, False, False)
    assert befell.doubles == ("new_key",)
    assert [effect.drop for effect in befell.edits] == [("id",)]


@pytest.mark.parametrize(
    ("effect", "status", "is_severed", "wait_us"),
    [
        (Effect(status=503), 503, False, 0),
        (Effect(reset=True), None, True, 0),
        (Effect(timeout_s=30.0), None, True, 30_000_000),
    ],
)
def test_what_comes_in_place_of_the_work(effect: Effect, status: int | None, is_severed: bool, wait_us: int) -> None:
    befell = mishap(struck(Effect(double="same_key"), effect))

    assert (befell.status, befell.is_severed, befell.wait_us) == (status, is_severed, wait_us)
    assert not befell.is_answered
    assert befell.doubles == ()  # nothing was sent on that could arrive again


INTAKE = Intake("events.ingest", "timestamp", "idempotencyKey", "data")
ON_THE_WAY = st.builds(
    Effect,
    double=st.sampled_from([None, "same_key", "new_key", "other_payload"]),
    skew_us=st.sampled_from([None, -HOUR, 40 * DAY]),
    scale=st.sampled_from([None, "0", "100", "0.001"]),
    false_ack=st.booleans(),
)


def over_http(sent: Sent, effects: Struck) -> Iterator[bytes]:
    """Yield the bodies that arrive of an event that is sent over HTTP."""
    body: dict[str, Any] = {"type": sent.type, "source": sent.source, "subject": sent.subject, "data": dict(sent.data)}
    if sent.at is not None:
        body["timestamp"] = format_instant(sent.at)
    if sent.key is not None:
        body["idempotencyKey"] = sent.key
    taken = effects.taken_in(dump_exactly(body), INTAKE, AT)
    if not effects.is_undone:
        yield taken
    for effect in effects.effects:
        if effect.double is not None:
            yield repeated(taken, INTAKE, effect.double)


@given(
    st.lists(ON_THE_WAY, min_size=1, max_size=2),
    st.sampled_from([None, "k"]),
    st.sampled_from([None, AT - HOUR]),
    st.sampled_from([{"amount": Decimal("0.5"), "text": "1.50", "n": 1}, {"note": "none"}, {}]),
)
def test_what_arrives_of_an_event_is_what_would_arrive_over_http(
    effects: list[Effect], key: str | None, at: int | None, data: dict[str, Any]
) -> None:
    sent = SENT._replace(key=key, at=at, data=data)
    reporter = Integrator(
        Script(name="s", purpose="p", events=(EventPart(type="cost.ai", data=data),)), Contracts((), Draws(1))
    )

    arrivals, _ = reporter.send(Report(AT, "cost.ai:1-0", "customer-001", sent), sent, mishap(struck(*effects)))

    expected = [read_exactly(body) for body in over_http(sent, struck(*effects))]
    got = [
        {
            "type": each.type, "source": each.source, "subject": each.subject, "data": each.data,
            **({} if each.at is None else {"timestamp": format_instant(each.at)}),
            **({} if each.key is None else {"idempotencyKey": each.key}),
        }
        for _, each in arrivals
    ]  # fmt: skip
    assert got == expected
    assert all(arrives_at == AT for arrives_at, _ in arrivals)


# Drifts of the contract


def contract(subject: str, *, size: float = 1.0, **about: Any) -> Drift:
    return Drift("contract", subject, AT, size, options={"drop": "id"}, **about)


def test_answers_lose_their_fields_from_the_onset_on_where_the_operation_is_meant() -> None:
    contracts = Contracts([contract("chat.*"), contract("paygentic.*"), contract("sent:cost.ai")], Draws(1))

    assert contracts.of_answer("pareta.chat.completions.create", AT - 1, 1, 0) == []
    [effect] = contracts.of_answer("pareta.chat.completions.create", AT, 1, 0)
    assert effect.drop == ("id",)
    assert edited({"id": "x", "model": "m"}, [effect]) == {"model": "m"}


def test_other_kinds_of_drift_are_none_of_the_contract() -> None:
    assert not Contracts([Drift("quality", "*", AT, -0.1)], Draws(1))
    assert Contracts([contract("*")], Draws(1))


def test_a_share_of_answers_is_hit_and_always_the_same_ones() -> None:
    first, second = (Contracts([contract("*", size=0.3)], Draws(1)) for _ in range(2))

    hit = [bool(first.of_answer("pareta.chat", AT, key, turn)) for key in range(1000) for turn in range(2)]

    assert hit == [bool(second.of_answer("pareta.chat", AT, key, turn)) for key in range(1000) for turn in range(2)]
    assert 0.25 < sum(hit) / len(hit) < 0.35  # 2000 draws: five deviations


def test_customers_move_to_a_new_generation_one_by_one_and_never_back() -> None:
    moving = Contracts([contract("sent:cost.*", shape="gradual_mix", span_us=10 * DAY)], Draws(3))
    customers = [f"customer-{number:03}" for number in range(200)]

    moved = [
        {name for name in customers if moving.of_sent("cost.ai", AT + days * DAY, name, days, 0)} for days in range(11)
    ]

    assert all(before <= after for before, after in itertools.pairwise(moved))
    assert [len(each) for each in moved[::10]] == [0, 200]
    assert 60 < len(moved[5]) < 140  # half of 200, five deviations
    assert moving.of_sent("other", AT + 11 * DAY, "customer-001", 1, 0) == []


def test_what_is_sent_by_a_new_generation_is_edited_and_the_answer_stays_as_it_was() -> None:
    drift = Drift("contract", "sent:cost.ai", 0, 1.0, options={"rename": {"usage.total_tokens": "tokens"}})
    part = EventPart(type="cost.ai", data={"amount": "{cost_usd}", "usage": "{usage}"})
    reporter = Integrator(Script(name="s", purpose="p", events=(part,)), Contracts([drift], Draws(1)))
    answered = call()
    before = json.dumps(answered.seen)
    [report] = reporter.reports(answered)

    assert report.sent.data["usage"] == {"prompt_tokens": 120, "completion_tokens": 30, "tokens": 150}
    assert json.dumps(answered.seen) == before


def test_numbers_that_are_added_are_exact() -> None:
    data = edited({}, [Effect(add={"amount": 0.1, "parts": [{"amount": 1e22}, 3, True, None, "0.5"]})])

    assert data == {"amount": Decimal("0.1"), "parts": [{"amount": Decimal("1e22")}, 3, True, None, "0.5"]}
    assert type(data["parts"][0]["amount"]) is Decimal


def test_a_value_that_is_added_is_a_new_one_each_time() -> None:
    adding = Effect(add={"meta": {"sdk": 2}})

    first = faulting.edited({}, adding)
    faulting.edited(first, Effect(rename={"meta.sdk": "generation"}))

    assert faulting.edited({}, adding) == {"meta": {"sdk": 2}}
