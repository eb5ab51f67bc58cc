"""The world a test holds: reaching it, setting it up, looking into it. Uses the plugin's own fixtures."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from mockserver.kernel.tenancy import WORLD_NAME
from mockserver.matchers import last_message, model
from mockserver.testing import Refused, World
from tests.testing.conftest import chat, client_of

START = "2026-05-01T00:00:00Z"


# Reaching it


def test_a_world_is_named_after_its_test_and_its_keys_after_it(mockserver: World) -> None:
    assert re.fullmatch(r"test_a_world_is_named_after_its_test_and_its_keys_after-[0-9a-f]{8}", mockserver.name)
    assert WORLD_NAME.fullmatch(mockserver.name)
    assert mockserver.pareta_key == f"pareta_sk_test_{mockserver.name}"
    assert mockserver.paygentic_key == f"sk_test_{mockserver.name}"


@pytest.mark.parametrize("text", ["", "..", "ä/ö ü", "x" * 200, "a-", "::"])
def test_every_node_id_makes_a_valid_name(mockserver: World, make_world: Callable[..., World], text: str) -> None:
    other = make_world(text or None)

    assert WORLD_NAME.fullmatch(mockserver.name)
    assert WORLD_NAME.fullmatch(other.name)
    assert other.name != mockserver.name


def test_both_keys_lead_into_the_world_over_the_socket(mockserver: World) -> None:
    for path, key in (("/v1/models", mockserver.pareta_key), ("/v0/customers/cus_abc123", mockserver.paygentic_key)):
        httpx.get(mockserver.url + path, headers={"Authorization": f"Bearer {key}"}).raise_for_status()

    assert [(r.operation, r.status) for r in mockserver.requests] == [
        ("pareta.models.list", 200), ("paygentic.customers.get", 200),
    ]  # fmt: skip


def test_the_variables_point_at_the_world(mockserver: World, monkeypatch: pytest.MonkeyPatch) -> None:
    assert mockserver.env == {
        "PARETA_BASE_URL": mockserver.url,
        "PARETA_API_KEY": mockserver.pareta_key,
        "OPENAI_BASE_URL": f"{mockserver.url}/v1",
        "OPENAI_API_KEY": mockserver.pareta_key,
        "PAYGENTIC_SERVER_URL": mockserver.url,
        "PAYGENTIC_BEARER_AUTH": mockserver.paygentic_key,
    }

    import os

    mockserver.setenv(monkeypatch)

    assert mockserver.env.items() <= os.environ.items()


def test_a_client_needs_no_socket(mockserver: World) -> None:
    with client_of(mockserver) as client:
        assert chat(client).json()["choices"][0]["message"]["content"]

    assert [r.operation for r in mockserver.requests] == ["pareta.chat.completions.create"]


def test_an_async_client_needs_no_socket_and_streams(mockserver: World) -> None:
    async def lines() -> list[str]:
        headers = {"Authorization": f"Bearer {mockserver.pareta_key}"}
        body = {"model": "auto", "messages": [{"role": "user", "content": "hi"}], "stream": True}
        transport = mockserver.async_transport
        async with (
            httpx.AsyncClient(transport=transport, base_url="http://mock", headers=headers) as client,
            client.stream("POST", "/v1/chat/completions", json=body) as answer,
        ):
            return [line async for line in answer.aiter_lines() if line]

    assert asyncio.run(lines())[-1] == "data: [DONE]"
    (request,) = mockserver.requests
    assert request.cost_micro_usd > 0


# Time


def test_time_stands_still_moves_and_runs(mockserver: World) -> None:
    clock = mockserver.clock

    assert clock.mode == "real"
    assert clock.freeze(START) == clock.now == datetime(2026, 5, 1, tzinfo=UTC)
    assert clock.advance("7d") == datetime(2026, 5, 8, tzinfo=UTC)
    assert clock.advance(timedelta(minutes=1, microseconds=5)) == datetime(2026, 5, 8, 0, 1, 0, 5, tzinfo=UTC)
    assert clock.freeze(datetime(2026, 5, 1, 2, tzinfo=UTC)).hour == 2
    assert clock.scale(60, at=START) >= datetime(2026, 5, 1, tzinfo=UTC)
    assert clock.mode == "scaled"
    assert clock.run().day == 1
    assert clock.mode == "real"
    assert clock.freeze() < clock.now + timedelta(microseconds=1)


def test_a_time_without_a_zone_is_refused(mockserver: World) -> None:
    with pytest.raises(TypeError, match="has no time zone"):
        mockserver.clock.freeze(datetime(2026, 5, 1))  # noqa: DTZ001


# Money


def test_credit_is_set_granted_and_spent(mockserver: World, calling: httpx.Client) -> None:
    mockserver.credits.set("1.00")
    mockserver.credits.grant(Decimal("0.5"), note="gift")
    chat(calling)

    (request,) = mockserver.requests
    assert mockserver.credits.balance_micro_usd == 1_500_000 - request.cost_micro_usd
    assert mockserver.credits.balance_usd == Decimal(mockserver.credits.balance_micro_usd) / 1_000_000
    assert [entry.subject for entry in mockserver.credits.ledger][-3:-1] == ["balance set", "gift"]
    assert mockserver.credits.ledger[-1].amount_micro_usd == -request.cost_micro_usd


def test_without_credit_a_call_is_refused_with_402(mockserver: World, calling: httpx.Client) -> None:
    mockserver.credits.set(0)

    assert chat(calling).status_code == 402
    assert mockserver.requests[0].status == 402
    assert mockserver.requests[0].cost_micro_usd == 0


def test_a_float_is_no_amount(mockserver: World) -> None:
    with pytest.raises(TypeError, match="a float is no exact amount"):
        mockserver.credits.set(0.1)  # type: ignore[arg-type]

    assert mockserver.credits.balance_usd == 100


# Faults


def test_a_fault_strikes_and_tells(mockserver: World, calling: httpx.Client) -> None:
    fault = mockserver.faults.add(operation="chat.completions.create", first=1, status=503, retry_after=2)

    assert [chat(calling).status_code for _ in range(2)] == [503, 200]
    assert (fault.id, fault.matched, fault.hits) == ("fault-1", 2, 1)
    assert [(d.n, d.request, d.hit) for d in fault.decisions] == [(1, 1, True), (2, 2, False)]
    assert [(r.status, r.fault, r.retry_after) for r in mockserver.requests] == [(503, "fault-1", 2), (200, None, None)]
    assert [each.id for each in mockserver.faults] == ["fault-1"]
    assert len(mockserver.faults) == 1


def test_a_fault_is_removed_and_all_are_cleared(mockserver: World, calling: httpx.Client) -> None:
    mockserver.faults.add(operation="chat.*", status=503).remove()
    mockserver.faults.add(operation="chat.*", status=503)
    mockserver.faults.clear()

    assert chat(calling).status_code == 200
    assert list(mockserver.faults) == []


def test_patterns_say_which_requests_a_fault_is_about(mockserver: World, calling: httpx.Client) -> None:
    mockserver.faults.add(model("auto") & ~last_message(contains="fine"), status=500)
    mockserver.faults.add(last_message("all *"), match=model("auto"), status=503)

    assert chat(calling, "help").status_code == 500
    assert chat(calling, "fine").status_code == 200
    assert chat(calling, "all fine").status_code == 503


def test_a_wrong_key_of_a_fault_is_named_with_the_right_ones(mockserver: World) -> None:
    with pytest.raises(Refused, match=r"statuss: there is no such option \(there are: add_field, .*status, ") as caught:
        mockserver.faults.add(statuss=503)

    assert caught.value.status == 422
    assert list(caught.value.faulty) == ["statuss"]
    assert list(mockserver.faults) == []


def test_a_pattern_that_is_none_is_refused(mockserver: World) -> None:
    with pytest.raises(TypeError, match=r"'auto' is no pattern; those are in mockserver.matchers"):
        mockserver.faults.add("auto", status=503)  # type: ignore[arg-type]


@pytest.mark.mockserver(allow="unused_faults", at=START)
@pytest.mark.parametrize(
    ("arm", "said"),
    [
        (lambda f: f.lost_ack(first=1), {"lost_ack": True, "first": 1}),
        (lambda f: f.false_ack(), {"false_ack": True}),
        (lambda f: f.doubled(), {"double": "same_key"}),
        (lambda f: f.doubled(payload="other"), {"double": "other_payload"}),
        (lambda f: f.doubled(key="new"), {"double": "new_key"}),
        (lambda f: f.late("2h"), {"late": "2h"}),
        (lambda f: f.late(timedelta(hours=2), nth=2), {"late": "2h", "nth": 2}),
        (lambda f: f.out_of_order(), {"late": "1m", "every": 2}),
        (lambda f: f.out_of_order(by="5m", nth=1), {"late": "5m", "nth": 1}),
        (lambda f: f.clock_skew("-5m"), {"clock_skew": "-5m"}),
        (lambda f: f.unit_mistake(), {"scale_values": "1000"}),
        (lambda f: f.unit_mistake(Decimal("0.001")), {"scale_values": "0.001"}),
    ],
)
def test_pathologies_of_ingestion_are_about_events(
    mockserver: World, arm: Callable[[Any], Any], said: dict[str, Any]
) -> None:
    spec = {name: value for name, value in arm(mockserver.faults).spec.items() if value not in (None, False, "")}

    assert spec == {"operation": "paygentic.events.ingest", **said}


@pytest.mark.mockserver(allow="unused_faults", at=START)
@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, {"first": 1, "exhaust_credits": True}),
        ({"nth": 3}, {"nth": 3, "exhaust_credits": True}),
        ({"after_spend_usd": "0.10"}, {"first": 1, "exhaust_credits": True, "after_spend_usd": "0.10"}),
        (
            {"at": "2026-05-02T00:00:00Z"},
            {"first": 1, "exhaust_credits": True, "between": ["2026-05-02T00:00:00Z", None]},
        ),
        (
            {"topped_up_usd": "5.00", "topped_up_after": "1h"},
            {"first": 1, "exhaust_credits": True, "top_up_usd": "5.00", "top_up_after": "1h"},
        ),
    ],
)
def test_credit_runs_out_once(mockserver: World, options: dict[str, Any], said: dict[str, Any]) -> None:
    fault = mockserver.faults.credit_exhausted(**options)

    spec = {name: value for name, value in fault.spec.items() if value not in (None, False, "")}
    assert spec == {"vendor": "pareta", "method": "POST", **said}


def test_credit_that_ran_out_comes_back(mockserver: World, calling: httpx.Client) -> None:
    mockserver.clock.freeze(START)
    mockserver.faults.credit_exhausted(nth=2, topped_up_usd="5.00", topped_up_after="1h")

    statuses = [chat(calling).status_code for _ in range(3)]
    mockserver.clock.advance("1h")
    statuses.append(chat(calling).status_code)

    assert statuses == [200, 402, 402, 200]


def test_credit_runs_out_while_a_stream_is_out(mockserver: World, calling: httpx.Client) -> None:
    mockserver.faults.credit_exhausted(mid_stream=True, operation="chat.completions.create")

    assert chat(calling, stream=True).status_code == 200
    assert mockserver.credits.balance_micro_usd <= 0
    assert chat(calling).status_code == 402


def test_a_double_with_another_payload_and_another_key_is_none(mockserver: World) -> None:
    with pytest.raises(ValueError, match="it is no double, but another event"):
        mockserver.faults.doubled(payload="other", key="new")
    with pytest.raises(ValueError, match="payload='same' or 'other'"):
        mockserver.faults.doubled(payload="else")  # type: ignore[arg-type]


# Stubs


def said(answer: httpx.Response) -> str:
    content: str = answer.json()["choices"][0]["message"]["content"]
    return content


def test_a_stub_answers_in_place_of_a_generated_text(mockserver: World, calling: httpx.Client) -> None:
    stub = mockserver.stubs.add(text="Five days.", model="auto")

    assert said(chat(calling)) == "Five days."
    assert (stub.id, stub.given, stub.left) == ("stub-1", 1, 0)
    assert mockserver.requests[0].stub == "stub-1"
    assert [each.id for each in mockserver.stubs] == ["stub-1"]


def test_stubs_answer_in_turn_by_pattern(mockserver: World, calling: httpx.Client) -> None:
    mockserver.stubs.add(last_message(contains="days"), "One.", "Two.")
    mockserver.stubs.add(last_message(contains="weeks"), answers=["Three.", {"text": "Four."}])

    asked = ["how many days?", "how many weeks?", "how many days?", "how many weeks?"]
    assert [said(chat(calling, text)) for text in asked] == ["One.", "Three.", "Two.", "Four."]


def test_a_stub_is_removed_and_all_are_cleared(mockserver: World, calling: httpx.Client) -> None:
    mockserver.stubs.add("One.").remove()
    mockserver.stubs.add("Two.")
    mockserver.stubs.clear()

    assert said(chat(calling)) not in ("One.", "Two.")
    assert len(mockserver.stubs) == 0


def test_an_answer_that_is_none_is_refused(mockserver: World) -> None:
    with pytest.raises(TypeError, match="5 is no answer: give a text"):
        mockserver.stubs.add(5)  # type: ignore[arg-type]


# Change


@pytest.mark.mockserver(at=START)
def test_what_changes_is_told_as_truth_and_alerts_are_scored(mockserver: World) -> None:
    drift = mockserver.drifts.add(kind="latency", endpoint="*", size=3.0, cause="a slow disk")
    mockserver.clock.advance("1h")
    mockserver.alert("latency", note="slower than usual")

    assert drift.id == "drift-1"
    assert [(t.kind, t.cause) for t in mockserver.truth] == [("latency", "a slow disk")]
    assert [each.kind for each in mockserver.drifts] == ["latency"]
    assert len(mockserver.drifts) == 1
    mockserver.assert_detected(within="2h")


def test_a_drift_has_one_subject(mockserver: World) -> None:
    with pytest.raises(TypeError, match="give subject or endpoint"):
        mockserver.drifts.add("latency", "a", endpoint="b")


# What it has seen


def test_requests_are_read_by_number_slice_and_operation(mockserver: World, calling: httpx.Client) -> None:
    calling.get("/v1/models")
    chat(calling, "hello")

    requests = mockserver.requests
    assert len(requests) == 2
    assert [r.seq for r in requests[0:]] == [1, 2]
    assert requests[-1].operation == "pareta.chat.completions.create"
    assert [r.seq for r in requests.of("models.*")] == [1]
    (chatted,) = requests.of("pareta.chat.completions.create")
    assert (chatted.method, chatted.path) == ("POST", "/v1/chat/completions")
    assert chatted.json["messages"][0]["content"] == "hello"
    assert chatted.response_json["object"] == "chat.completion"
    assert chatted.headers["authorization"] == "[redacted]"
    assert abs(chatted.at - mockserver.clock.now) < timedelta(minutes=1)
    assert repr(chatted).startswith("<2: pareta.chat.completions.create -> 200, ")
    assert requests[0].json is None


def test_more_requests_than_fit_a_page_are_all_there(mockserver: World, calling: httpx.Client) -> None:
    for _ in range(1001):
        calling.get("/v1/models")

    assert [r.seq for r in mockserver.requests] == list(range(1, 1002))


def test_a_member_that_is_not_there_is_named_with_those_that_are(mockserver: World, calling: httpx.Client) -> None:
    calling.get("/v1/models")

    with pytest.raises(AttributeError, match=r"Request has no 'costs'; there are: .*cost_micro_usd"):
        _ = mockserver.requests[0].costs


# Scenarios, switches, invariants


def test_a_shipped_scenario_is_played(mockserver: World, calling: httpx.Client) -> None:
    played = mockserver.play("empty-wallet", seed=4)

    assert (played.name, played.seed) == ("empty-wallet", 4)
    assert chat(calling).status_code == 402


def test_a_scenario_of_ones_own_is_played_by_path(mockserver: World, tmp_path: Path) -> None:
    path = tmp_path / "poor.yaml"
    path.write_text('name: poor\npurpose: almost nothing left\nstart: {balance_usd: "0.01"}\n')

    assert mockserver.play(path).name == "poor"
    assert mockserver.credits.balance_usd == Decimal("0.01")


def test_an_unknown_scenario_names_the_shipped_ones(mockserver: World) -> None:
    with pytest.raises(Exception, match=r"unknown scenario 'nope': .*empty-wallet, .*walkthrough"):
        mockserver.play("nope")


def test_switches_are_read_and_set_by_name(mockserver: World) -> None:
    name, is_on = next(iter(mockserver.switches.items()))

    mockserver.switches[name] = not is_on

    assert mockserver.switches[name] is not is_on
    assert len(mockserver.switches) == len(dict(mockserver.switches))
    with pytest.raises(Refused, match="no such switch; there are:"):
        mockserver.switches["nope"] = True
    with pytest.raises(TypeError, match="cannot be taken away"):
        del mockserver.switches[name]


def test_invariants_are_true_when_they_hold(mockserver: World, calling: httpx.Client) -> None:
    chat(calling)

    assert mockserver.invariants()
    assert mockserver.invariants().violated == []


# Going back


@pytest.mark.mockserver(at=START, balance_usd="3.00", seed=9)
def test_a_reset_goes_back_to_where_the_test_began(mockserver: World, calling: httpx.Client) -> None:
    chat(calling)
    mockserver.clock.advance("1d")
    mockserver.play("empty-wallet")

    mockserver.reset()

    assert mockserver.credits.balance_usd == 3
    assert mockserver.clock.now == datetime(2026, 5, 1, tzinfo=UTC)
    assert len(mockserver.requests) == 0
    assert mockserver.call("worlds.get")["seed"] == 9
    assert chat(calling).status_code == 200


def test_a_snapshot_is_come_back_to_as_often_as_wanted(mockserver: World, calling: httpx.Client) -> None:
    chat(calling)
    before = mockserver.credits.balance_micro_usd
    kept = mockserver.snapshot("one call")
    for _ in range(2):
        chat(calling)
        chat(calling)
        assert len(mockserver.requests) == 3

        mockserver.restore(kept)

        assert mockserver.credits.balance_micro_usd == before
        assert len(mockserver.requests) == 1


def test_a_fork_goes_its_own_way(mockserver: World, calling: httpx.Client) -> None:
    chat(calling)

    fork = mockserver.fork("other")
    with client_of(fork) as client:
        chat(client)

    assert (len(mockserver.requests), len(fork.requests)) == (1, 2)
    assert fork.credits.balance_micro_usd < mockserver.credits.balance_micro_usd
    assert fork.name != mockserver.name


# Several


def test_a_test_has_as_many_worlds_as_it_makes(mockserver: World, make_world: Callable[..., World]) -> None:
    rich, poor, third = make_world("rich", balance_usd="1000"), make_world("poor", balance_usd=0), make_world()

    assert len({world.name for world in (mockserver, rich, poor, third)}) == 4
    assert "-rich-" in rich.name
    assert [world.credits.balance_usd for world in (rich, poor)] == [1000, 0]


@pytest.mark.mockserver(at=START, balance_usd="2.00")
def test_made_worlds_start_as_the_marker_says_unless_told(make_world: Callable[..., World]) -> None:
    world = make_world(balance_usd="1.00")

    assert world.credits.balance_usd == 1
    assert world.clock.now == datetime(2026, 5, 1, tzinfo=UTC)
