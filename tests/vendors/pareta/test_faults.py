"""Faults on Pareta over plain HTTP: what is answered, what is debited, and that the books add up after each."""

from __future__ import annotations

import base64
import json
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from mockserver.app import Simulator
from mockserver.config import Settings
from mockserver.http.facts import facts_of_entry
from mockserver.kernel.faults import Latency, When
from mockserver.kernel.matching import read
from mockserver.kernel.windows import HOUR, MINUTE, SECOND, parse_duration
from mockserver.vendors.pareta.domain.ledger import LedgerEntry
from mockserver.vendors.pareta.operations import credits
from mockserver.vendors.pareta.routes import FACTS, describe
from mockserver.vendors.registry import vendors
from tests.arming import NAMES, arm
from tests.vendors.pareta.org import ENDPOINT, PRICE, START_MICRO_USD, Org, body

CHAT = {"operation": "chat.completions.create"}
SPOILT = "organization is out of credit. Top up in the dashboard."


def grants(org: Org) -> list[tuple[int, str]]:
    """Return what was granted since the start: amount and note."""
    return [(entry.amount_micro_usd, entry.subject) for entry in org.ledger if entry.kind == "grant"][1:]


def debits_of(org: Org) -> list[LedgerEntry]:
    """Return what this world itself was debited."""
    return [entry for entry in org.ledger if entry.kind == "debit" and entry.at >= org.journal[0].at]


def spent(org: Org) -> int:
    return -sum(entry.amount_micro_usd for entry in org.ledger if entry.kind == "debit")


def advance(org: Org, by: str) -> None:
    with org.simulator.store.committed():
        org.simulator.worlds.advance(org.world, parse_duration(by))


# In place of the work


@pytest.mark.parametrize(
    ("status", "detail"),
    [
        (400, "Bad Request"),
        (401, "invalid API key"),
        (429, "rate limit exceeded"),
        (500, "Internal Server Error"),
        (503, "service temporarily unavailable"),
        (599, "status 599"),
    ],
)
def test_a_status_comes_with_the_vendors_body_and_no_work_is_done(org: Org, status: int, detail: str) -> None:
    arm(org.world, CHAT, When(first=2), status=status, retry_after_s=1.5)
    answers = [org.chat(), org.chat(stream=True)]

    for answer in answers:
        assert (answer.status_code, answer.json()) == (status, {"detail": detail})
        assert answer.headers["retry-after"] == "1.5"
        assert answer.headers["content-type"] == "application/json"
    entry = org.journal[-1]
    assert (entry.status, entry.retry_after, entry.cost_micro_usd) == (status, "1.5", 0)
    assert (entry.operation, entry.fault) == ("pareta.chat.completions.create", "fault-1")
    assert entry.reason == f"fault-1: number 2 (status {status}, retry_after_s 1.5)"
    assert org.balance == START_MICRO_USD
    assert org.chat().status_code == 200


def test_a_message_of_ones_own_takes_the_place_of_the_usual_text(org: Org) -> None:
    arm(org.world, status=422, message="no such thing")

    assert org.chat().json() == {"detail": [{"loc": ["body"], "msg": "no such thing", "type": "value_error"}]}


def test_a_402_comes_out_of_the_ledger_and_what_was_there_is_put_back(org: Org) -> None:
    arm(org.world, {}, When(nth=(2,)), status=402)
    assert org.chat().status_code == 200
    refused = org.chat()

    assert (refused.status_code, refused.json()) == (402, {"detail": SPOILT})
    left = START_MICRO_USD - PRICE
    assert grants(org) == [(-left, "fault-1: emptied for one request"), (left, "fault-1: put back")]
    assert org.journal[-1].reason == (
        "fault-1: number 2 (status 402); balance is 0 micro-USD, the request needs more than 0"
    )
    assert org.chat().status_code == 200
    assert org.balance == START_MICRO_USD - 2 * PRICE


def test_a_402_is_only_for_what_costs_something(org: Org) -> None:
    arm(org.world, status=402)

    assert org.get("/v1/models")
    assert org.journal[-1].fault is None
    assert org.chat(stream=True).status_code == 402


def test_a_402_leaves_an_empty_balance_as_it_is(org: Org) -> None:
    org.set_balance(0)
    arm(org.world, status=402)

    assert org.chat().status_code == 402
    assert not any("fault" in note for _, note in grants(org))


@pytest.mark.parametrize(("path", "status"), [("/v1/nowhere", 404), ("/v1/models", 405)])
def test_what_goes_nowhere_can_be_hit_by_its_path(org: Org, path: str, status: int) -> None:
    assert org.http.put(path).status_code == status
    arm(org.world, {"path": path}, status=503)

    answer = org.http.put(path)
    assert answer.status_code == 503
    assert "allow" not in answer.headers
    entry = org.journal[-1]
    assert (entry.status, entry.operation, entry.fault) == (503, None, "fault-1")
    assert "/v1/" in (entry.reason or "")


# The answer suffers


@pytest.mark.parametrize(
    ("effect", "path", "expected"),
    [
        ({"drop": ("usage.total_tokens",)}, ("usage",), {"prompt_tokens": 25, "completion_tokens": 8}),
        ({"add": {"choices.*.logprobs": None}}, ("choices", 0, "logprobs"), None),
        ({"rename": {"choices.0.message.content": "text"}}, ("choices", 0, "message", "content"), KeyError),
        ({"retype": {"usage.prompt_tokens": "string"}}, ("usage", "prompt_tokens"), str),
        ({"retype": {"choices": "object"}}, ("choices",), dict),
    ],
)
def test_fields_come_and_go_and_the_work_is_paid(
    org: Org, effect: dict[str, Any], path: tuple[str | int, ...], expected: Any
) -> None:
    arm(org.world, CHAT, **effect)
    answer = org.chat()

    def at() -> Any:
        value = answer.json()
        for part in path:
            value = value[part]
        return value

    if expected is KeyError:
        with pytest.raises(KeyError):
            at()
    elif isinstance(expected, type):
        assert isinstance(at(), expected)
    elif isinstance(expected, dict):
        assert at().keys() == expected.keys()
    else:
        assert at() is expected
    assert answer.headers["content-length"] == str(len(answer.content))
    assert org.journal[-1].response_body == answer.content
    assert org.balance == START_MICRO_USD - PRICE


def test_fields_of_every_piece_of_a_stream_come_and_go(org: Org) -> None:
    arm(org.world, drop=("choices.*.finish_reason", "created"), rename={"usage": "tokens"})
    stream = org.stream()

    assert len(stream.chunks) > 1
    assert not any("created" in chunk for chunk in stream.chunks)
    assert not any("finish_reason" in choice for chunk in stream.chunks for choice in chunk["choices"])
    assert "tokens" in stream.chunks[-1]
    assert stream.order[-1] == "done"
    assert org.balance == START_MICRO_USD - PRICE


def test_a_refusal_has_no_fields_changed_but_waits_like_any_answer(org: Org) -> None:
    arm(org.world, drop=("detail",), latency=Latency(40.0))
    answer = org.chat("ep-unknown")

    assert answer.json() == {"detail": "endpoint 'ep-unknown' not found"}
    entry = org.journal[-1]
    assert entry.duration_us == 40_000
    assert entry.reason == "fault-1: number 1 (latency, drop); endpoint 'ep-unknown' not found"


@pytest.mark.parametrize("effect", [{"truncate_after": 1}, {"malformed_chunk": 7, "truncate_after": 1}])
def test_a_stream_that_is_refused_is_refused_as_ever(org: Org, effect: dict[str, Any]) -> None:
    arm(org.world, **effect)
    answer = org.chat("ep-unknown", stream=True)

    assert answer.status_code == 404
    assert answer.text.startswith('{"detail":')


def test_a_broken_piece_is_the_only_one_that_is(org: Org) -> None:
    arm(org.world, malformed_chunk=2)
    text = org.chat("auto", "Ships?", stream=True).text
    data = [line[6:] for line in text.splitlines() if line.startswith("data: ")]

    broken = []
    for number, each in enumerate(data, 1):
        try:
            json.loads(each) if each != "[DONE]" else None
        except ValueError:
            broken.append(number)
    assert broken == [2]
    assert org.journal[-1].status == 200
    assert org.journal[-1].cost_micro_usd > 0


# Retries with an idempotency key


@pytest.mark.parametrize("is_stream", [False, True])
@pytest.mark.parametrize("effect", [{"lost_ack": True}, {"empty_body": True}, {"malformed_chunk": 1}])
def test_with_a_key_a_retry_gets_the_unspoilt_answer_and_is_not_paid_again(
    org: Org, effect: dict[str, Any], is_stream: bool
) -> None:
    arm(org.world, CHAT, When(first=1), **effect)
    key = {"Idempotency-Key": "k"}
    with_trouble: httpx.Response | None = None
    if "lost_ack" in effect:
        with pytest.raises(httpx.RemoteProtocolError):
            org.chat(headers=key, stream=is_stream)
    else:
        with_trouble = org.chat(headers=key, stream=is_stream)
    again = org.chat(headers=key, stream=is_stream)

    assert again.status_code == 200
    assert with_trouble is None or with_trouble.content != again.content
    assert ("data: [DONE]" in again.text) if is_stream else again.json()["choices"]
    assert [entry.idempotency for entry in org.journal[-2:]] == ["first", "replayed"]
    assert org.balance == START_MICRO_USD - PRICE


@pytest.mark.parametrize(
    "effect", [{"status": 503}, {"reset": True}, {"timeout_s": 9.0}, {"false_ack": True}, {"truncate_after": 1}]
)
@pytest.mark.parametrize("is_stream", [False, True])
def test_with_a_key_a_retry_of_what_was_not_done_does_it(org: Org, effect: dict[str, Any], is_stream: bool) -> None:
    arm(org.world, {"idempotency_key": "k"}, When(first=1), **effect)
    key = {"Idempotency-Key": "k"}
    for _ in range(2):
        try:
            answer = org.chat(headers=key, stream=is_stream)
        except httpx.TransportError:
            assert org.journal[-1].status is None

    assert answer.status_code == 200
    is_hit = is_stream or "truncate_after" not in effect
    assert org.journal[-1].idempotency == ("first" if is_hit else "replayed")
    assert org.world.in_flight == {}
    assert org.world.holds == {}
    assert org.balance == START_MICRO_USD - PRICE


def test_a_replay_of_a_stream_can_be_cut_too(org: Org) -> None:
    key = {"Idempotency-Key": "k"}
    whole = org.chat("auto", "Ships?", headers=key, stream=True)
    paid = START_MICRO_USD - org.balance
    arm(org.world, {}, When(first=1), truncate_after=2)
    with pytest.raises(httpx.RemoteProtocolError):
        org.chat("auto", "Ships?", headers=key, stream=True)

    assert org.journal[-1].response_body.count(b"data: ") == 2
    assert whole.content.startswith(org.journal[-1].response_body)
    again = org.chat("auto", "Ships?", headers=key, stream=True)
    assert again.text.count("data: ") == whole.text.count("data: ")
    assert START_MICRO_USD - org.balance == paid


# The work suffers


@pytest.mark.parametrize("is_stream", [False, True])
def test_of_a_false_acknowledgement_nothing_is_kept(org: Org, is_stream: bool) -> None:
    plain = org.chat(stream=is_stream)
    arm(org.world, CHAT, When(first=1), false_ack=True)
    answer = org.chat(stream=is_stream)

    assert answer.status_code == plain.status_code
    assert len(answer.content) == len(plain.content)
    entry = org.journal[-1]
    assert (entry.status, entry.cost_micro_usd, entry.response_body) == (200, 0, answer.content)
    assert org.balance == START_MICRO_USD - PRICE
    assert len(debits_of(org)) == 1
    assert org.world.holds == {}


def test_a_false_acknowledgement_makes_no_eval_set(org: Org) -> None:
    arm(org.world, {"operation": "evals.sets.*"}, When(first=1), false_ack=True)
    rows = [{"input": {"contract_text": "x"}, "expected_output": {"effective_date": "2026-01-01"}}]
    said = org.post_set(rows)

    assert said.status_code == 201
    identity = said.json()["eval_set"]["id"]
    assert org.http.get(f"/v1/eval-sets/{identity}").status_code == 404


METERED: list[tuple[str, str, dict[str, Any]]] = [
    ("chat.completions.create", "/v1/chat/completions", body()),
    ("chat.completions.create", "/v1/chat/completions", body("auto", stream=True)),
    ("agent.chat.completions.create", "/agent/v1/chat/completions", {"messages": body()["messages"]}),
    ("rerank", "/v1/rerank", {"query": "q", "documents": ["a", "b"]}),
    ("embeddings", "/v1/embeddings", {"input": "text"}),
    ("audio.speech", "/v1/audio/speech", {"text": "hello"}),
    ("images.generate", "/v1/images/generations", {"prompt": "a ship"}),
]


@pytest.mark.parametrize(("operation", "path", "sent"), METERED)
def test_a_debit_shows_when_it_is_due_and_nothing_of_it_before(
    org: Org, operation: str, path: str, sent: dict[str, Any]
) -> None:
    arm(org.world, {"operation": operation}, delay_us=30 * SECOND)
    answer = org.http.post(path, json=sent)
    assert answer.status_code == 200, answer.text
    cost = org.journal[-1].cost_micro_usd

    assert cost > 0
    assert org.balance == START_MICRO_USD
    org.check()
    advance(org, "29s")
    assert org.balance == START_MICRO_USD
    advance(org, "1s")
    assert org.balance == START_MICRO_USD - cost
    debit = org.ledger[-1]
    assert (debit.request_id, debit.at - org.journal[-1].at) == (org.journal[-1].request_id, 30 * SECOND)


def test_calls_whose_debits_are_delayed_do_not_get_into_each_others_way(org: Org) -> None:
    arm(org.world, CHAT, When(every=2), delay_us=MINUTE)
    for _ in range(6):
        assert org.chat().status_code == 200
    assert org.balance == START_MICRO_USD - 3 * PRICE
    advance(org, "2m")

    assert org.balance == START_MICRO_USD - 6 * PRICE
    assert len(debits_of(org)) == 6


def test_a_delayed_debit_survives_a_fork_and_a_restart(tmp_path: Path, settings: Settings) -> None:
    settings = replace(settings, db=tmp_path / "mock.db")
    simulator = Simulator(settings)
    org = Org(simulator)
    arm(org.world, CHAT, delay_us=HOUR)
    assert org.chat().status_code == 200
    simulator.close()

    simulator = Simulator(settings)
    with simulator.store.committed():
        simulator.worlds.fork(simulator.worlds.get("acme"), "fork")
    for name in ("acme", "fork"):
        org = Org(simulator, name)
        assert org.balance == START_MICRO_USD
        advance(org, "1h")
        assert org.balance == START_MICRO_USD - PRICE
        org.check()
    simulator.close()


# Credit


def test_credit_ends_at_the_nth_call_and_comes_back_when_it_was_said_to(org: Org) -> None:
    arm(org.world, CHAT, When(nth=(3,)), exhaust="before", top_up_micro_usd=5000, top_up_after_us=HOUR)

    assert [org.chat().status_code for _ in range(5)] == [200, 200, 402, 402, 402]
    advance(org, "59m")
    assert org.chat().status_code == 402
    advance(org, "1m")
    assert org.chat().status_code == 200
    assert org.balance == 5000 - PRICE
    assert grants(org) == [(-(START_MICRO_USD - 2 * PRICE), "fault-1: exhausted"), (5000, "fault-1: topped up")]


def test_credit_ends_at_a_spend(org: Org) -> None:
    arm(org.world, {}, When(after_spend_micro_usd=3 * PRICE), exhaust="before")

    assert [org.chat().status_code for _ in range(5)] == [200, 200, 200, 402, 402]


def test_credit_that_ends_while_a_stream_is_out_stops_the_next(org: Org) -> None:
    arm(org.world, {}, When(first=1), exhaust="mid_stream")
    assert org.chat().status_code == 200  # no stream: the fault is not about it

    stream = org.stream()
    assert stream.order[-1] == "done"
    assert org.balance == -PRICE
    assert org.chat().status_code == 402
    assert [note for _, note in grants(org)] == ["fault-1: exhausted"]


def test_a_top_up_survives_a_fork(org: Org) -> None:
    arm(org.world, {}, When(first=1), exhaust="before", top_up_micro_usd=1000, top_up_after_us=HOUR)
    org.chat()
    with org.simulator.store.committed():
        org.simulator.worlds.fork(org.world, "fork")
    fork = Org(org.simulator, "fork")
    advance(fork, "1h")

    assert (fork.balance, org.balance) == (1000, 0)
    fork.check()


def test_what_was_spent_is_the_sum_of_all_debits(org: Org) -> None:
    account = credits.CreditAccount()
    with org.simulator.store.committed():
        before = account.spent(org.world)
    for _ in range(3):
        org.chat()
    with org.simulator.store.committed():
        account.grant(org.world, 77, "a present")  # type: ignore[arg-type]

        assert account.spent(org.world) - before == 3 * PRICE


# Everything at once

ALL: list[dict[str, Any]] = [
    {"status": 503}, {"status": 402}, {"timeout_s": 1.0}, {"reset": True}, {"latency": Latency(5.0, 50.0)},
    {"lost_ack": True}, {"empty_body": True}, {"malformed_chunk": 2}, {"truncate_after": 2}, {"drop": ("id",)},
    {"add": {"x": 1}}, {"rename": {"id": "x"}}, {"retype": {"id": "null"}}, {"false_ack": True}, {"delay_us": SECOND},
    {"exhaust": "before", "top_up_micro_usd": 10_000_000, "top_up_after_us": SECOND},
    {"exhaust": "mid_stream", "top_up_micro_usd": 10_000_000, "top_up_after_us": SECOND},
]  # fmt: skip


def test_the_books_add_up_whatever_happens_together(org: Org) -> None:
    before = spent(org)
    for number, effect in enumerate(ALL):
        arm(org.world, {}, When(rate=0.15 + number % 3 / 10), **effect)
    for number in range(120):
        with suppress(httpx.TransportError):
            org.chat("auto" if number % 3 else ENDPOINT, f"Question {number}", stream=number % 2 == 0)
        if number % 10 == 0:
            advance(org, "1s")
            org.check()
    advance(org, "1m")
    org.check()

    assert org.world.holds == {}
    assert all(count.hits for count in org.world.faults.counts())
    assert sum(entry.cost_micro_usd for entry in org.journal) == spent(org) - before


def test_two_runs_of_the_same_trouble_write_the_same_journal(settings: Settings) -> None:
    def run() -> list[Any]:
        simulator = Simulator(settings)
        org = Org(simulator)
        test_the_books_add_up_whatever_happens_together(org)
        rows = simulator.store.all("SELECT * FROM journal ORDER BY world, seq")
        decisions = simulator.store.all("SELECT * FROM fault_decisions")
        simulator.close()
        return [*rows, *decisions]

    assert run() == run()


# What is known of requests

IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + base64.b64encode(b"x").decode()}}


@pytest.mark.parametrize(
    ("path", "sent", "spec", "is_meant"),
    [
        ("/v1/chat/completions", body("auto"), {"model": "auto"}, True),
        ("/v1/chat/completions", body("auto"), {"endpoint": "*"}, False),
        ("/v1/chat/completions", body(ENDPOINT), {"endpoint": ENDPOINT}, True),
        ("/v1/chat/completions", body("auto", "How are you?"), {"last_message": {"contains": "are"}}, True),
        (
            "/v1/chat/completions",
            {"model": "auto", "messages": [{"role": "user", "content": [{"type": "text", "text": "Look:"}, IMAGE]}]},
            {"last_message": "Look:"},
            True,
        ),
        (
            "/v1/chat/completions",
            body("auto", tools=[{"type": "function", "function": {"name": "pay"}}]),
            {"tools": "pay"},
            True,
        ),
        (
            "/v1/chat/completions",
            body("auto", response_format={"type": "json_schema", "json_schema": {
                "name": "invoice", "schema": {"type": "object", "properties": {"total": {"type": "number"}}}}}),
            {"all": [{"schema": "invoice"}, {"schema": "total"}]},
            True,
        ),
        ("/v1/chat/completions", body("auto", stream=True), {"stream": True}, True),
        ("/v1/chat/completions", body("auto"), {"stream": True}, False),
        ("/v1/rerank", {"query": "ships", "documents": ["a"]}, {"last_message": "ships"}, True),
        ("/v1/embeddings", {"input": ["one", "two"]}, {"last_message": "two"}, True),
        ("/v1/images/generations", {"prompt": "a ship"}, {"last_message": "a ship"}, True),
        ("/v1/chat/completions", body("auto"), {"key": "pareta_sk_test_acme"}, True),
        ("/v1/chat/completions", body("auto"), {"header": {"user-agent": "python-httpx*"}}, True),
        ("/v1/chat/completions", body("auto"), {"vendor": "paygentic"}, False),
    ],
)  # fmt: skip
def test_requests_are_told_apart_by_what_they_say(
    org: Org, path: str, sent: dict[str, Any], spec: dict[str, Any], is_meant: bool
) -> None:
    arm(org.world, spec, status=418)
    answer = org.http.post(path, json=sent)

    assert (answer.status_code == 418) is is_meant
    if "key" not in spec:  # the journal has no keys
        facts = facts_of_entry(org.simulator.gateway.router, org.journal[-1])
        assert read(spec, NAMES).matches(facts) is is_meant


def test_an_endpoint_is_told_by_its_path_too(org: Org) -> None:
    arm(org.world, {"endpoint": ENDPOINT}, status=418)

    assert org.http.get(f"/v1/endpoints/{ENDPOINT}/cost").status_code == 418
    assert org.http.get("/v1/endpoints").status_code == 200


def test_facts_are_those_that_are_announced_and_nonsense_has_none() -> None:
    (api,) = (vendor.api for vendor in vendors() if vendor.name == "pareta")
    nonsense: list[Any] = [
        None, [], {}, {"messages": 1}, {"messages": [1, {"role": "user"}]}, {"tools": 1}, {"tools": [1, {}]},
        {"tools": [{"function": 1}]}, {"response_format": 1}, {"response_format": {"json_schema": {"schema": 1}}},
        {"response_format": {"json_schema": {"name": 1, "schema": {"properties": 1}}}}, {"model": {"a": 1}},
    ]  # fmt: skip
    for endpoint in api.endpoints:
        for data in nonsense:
            assert describe(endpoint, ("x",) * endpoint.path.count("{"), data).keys() == set(FACTS)


def test_every_metered_operation_and_no_other_can_show_late() -> None:
    (api,) = (vendor.api for vendor in vendors() if vendor.name == "pareta")
    delayable = {endpoint.operation for endpoint in api.endpoints if endpoint.is_delayable}

    assert delayable == {endpoint.operation for endpoint in api.endpoints if 402 in endpoint.errors} - {
        "evals.runs.create"
    }
