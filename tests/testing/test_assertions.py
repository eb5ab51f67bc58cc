"""What a test claims about its world, through both wires, and what clients as they are published do about it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import openai
import pytest

from mockserver.app import Simulator
from mockserver.http.inprocess import InProcessTransport
from mockserver.http.serve import BackgroundServer
from mockserver.matchers import last_message, model
from mockserver.testing.assertions import Assertions
from mockserver.testing.remote import HttpWire
from mockserver.testing.wire import LocalWire, Refused, Wire
from tests.conftest import START
from tests.sdks import served
from tests.vendors.pareta.sdk import installed, recorded

ENDPOINT = "ep-contract-key-fields"
TEXT = "Extract the effective date: effective as of January 1, 2026."
CHAT = "pareta.chat.completions.create"


class Handle(Assertions):
    """A world as a test holds it, as far as claims need it."""

    def __init__(self, wire: Wire, name: str) -> None:
        self._wire = wire
        self._name = name

    def set(self, what: str, /, **body: Any) -> Any:
        return self._wire.call(what, self._name, body=body)


@pytest.fixture(params=["in process", "over http"])
def world(request: pytest.FixtureRequest, simulator: Simulator) -> Iterator[Handle]:
    if request.param == "in process":
        yield Handle(LocalWire(simulator), "acme")
        return
    with BackgroundServer(simulator) as server:
        wire = HttpWire(server.url)
        yield Handle(wire, "acme")
        wire.close()


@pytest.fixture
def chat(simulator: Simulator) -> Iterator[Callable[..., int]]:
    headers = {"Authorization": "Bearer pareta_sk_test_acme"}
    with httpx.Client(
        transport=InProcessTransport(simulator.gateway), base_url="http://mock", headers=headers
    ) as client:

        def chat(text: str = TEXT, key: str | None = None) -> int:
            body = {"model": ENDPOINT, "messages": [{"role": "user", "content": text}]}
            extra = {"Idempotency-Key": key} if key else {}
            return client.post("/v1/chat/completions", json=body, headers=extra).status_code

        yield chat


def failure(claim: Callable[[], None]) -> list[str]:
    """Return the lines of the message with which a claim fails; no frame of ours is in its traceback."""
    with pytest.raises(AssertionError) as raised:
        claim()
    shown = raised.traceback.filter(raised)
    assert not any("mockserver/testing" in str(frame.path) for frame in shown)
    return str(raised.value).splitlines()


def test_claims_that_hold_say_nothing(world: Handle, chat: Callable[..., int]) -> None:
    chat(key="k")

    world.assert_spend(exactly_usd="0.00009")
    world.assert_spend(max_usd=Decimal("0.00009"), min_usd=0, operation="chat.*")
    world.assert_called()
    world.assert_called("chat.completions.create", times=1, status=200)
    world.assert_called(match=model("ep-*") & ~last_message(contains="refund"), vendor="pareta", times=1)
    world.assert_called(model=ENDPOINT, last_message={"contains": "effective"}, match={"method": "POST"}, times=1)
    world.assert_called("endpoints.*", times=0)
    world.assert_no_retry_after_402()
    world.assert_same_idempotency_key()
    world.assert_retry_after_respected()
    world.assert_reconciles(to=START)
    world.assert_invariants()


def test_spending_too_much_names_the_calls_that_did_it(world: Handle, chat: Callable[..., int]) -> None:
    chat()
    chat(key="k-2")

    assert failure(lambda: world.assert_spend(max_usd="0.0001")) == [
        "spent 0.00018 USD in 2 calls, wanted at most 0.0001 USD",
        "seq  at                    operation                       status  cost_usd  key  why",
        "  2  2026-02-10T12:00:00Z  pareta.chat.completions.create     200  0.00009   k-2  "
        "takes the sum to 0.00018 USD",
    ]


def test_spending_too_little_is_told_without_calls_too(world: Handle) -> None:
    assert failure(lambda: world.assert_spend(min_usd="1", operation="chat.*")) == [
        "chat.* spent 0.00 USD in 0 calls, wanted at least 1.00 USD"
    ]


def test_a_call_that_is_missing_shows_what_came_near(world: Handle, chat: Callable[..., int]) -> None:
    assert failure(lambda: world.assert_called("rerank")) == [
        "rerank was never called, wanted at least once; no request came at all"
    ]
    chat()

    assert failure(lambda: world.assert_called("chat.completions.create", model="auto", times=2)) == [
        'chat.completions.create with {"model": "auto"} was never called, wanted 2 times',
        "seq  at                    operation                       status  cost_usd  why",
        "  1  2026-02-10T12:00:00Z  pareta.chat.completions.create     200  0.00009   "
        'model is "ep-contract-key-fields", wanted "auto"',
    ]


def test_trying_again_without_credit_shows_both_requests(world: Handle, chat: Callable[..., int]) -> None:
    world.set("credits.set", balance_usd="0")
    chat()
    chat()

    assert failure(world.assert_no_retry_after_402) == [
        "one request came after 402, without credit",
        "seq  at                    operation                       status  cost_usd  why",
        "  1  2026-02-10T12:00:00Z  pareta.chat.completions.create     402  0.00      answered 402",
        "  2  2026-02-10T12:00:00Z  pareta.chat.completions.create     402  0.00      "
        "the same again, after #1 was answered 402",
    ]


def test_another_paid_request_without_credit_only_counts_where_asked_for(
    world: Handle, chat: Callable[..., int]
) -> None:
    world.set("credits.set", balance_usd="0")
    chat()
    chat("Another text.")

    world.assert_no_retry_after_402()
    lines = failure(lambda: world.assert_no_retry_after_402(any_request=True))

    assert lines[-1].endswith("answered 402 again, and nothing paid succeeded since #1")


def test_keys_that_change_between_attempts_are_shown(world: Handle, chat: Callable[..., int]) -> None:
    world.set("faults.add", operation=CHAT, first=1, status=503)
    chat(key="a")
    chat(key="b")

    assert failure(world.assert_same_idempotency_key) == [
        "one call did not keep to one idempotency key",
        "seq  at                    operation                       status  cost_usd  key  why",
        "  1  2026-02-10T12:00:00Z  pareta.chat.completions.create     503  0.00      a    tried again",
        "  2  2026-02-10T12:00:00Z  pareta.chat.completions.create     200  0.00009   b    "
        "attempt 2 at #1, has another key",
    ]


def test_an_attempt_that_came_too_soon_says_by_how_much(world: Handle, chat: Callable[..., int]) -> None:
    world.set("faults.add", operation=CHAT, first=1, status=429, retry_after=30)
    chat()
    world.set("clock.advance", by="2.5s")
    chat()

    assert failure(world.assert_retry_after_respected) == [
        "one attempt came sooner than Retry-After asked",
        "seq  at                        operation                       status  cost_usd  why",
        "  1  2026-02-10T12:00:00Z      pareta.chat.completions.create     429  0.00      Retry-After: 30",
        "  2  2026-02-10T12:00:02.500Z  pareta.chat.completions.create     200  0.00009   "
        "came 2.5 s after #1, which asked for 30 s",
    ]


def test_work_that_was_not_billed_is_shown(world: Handle, chat: Callable[..., int]) -> None:
    chat()

    lines = failure(world.assert_reconciles)

    assert lines[0] == "1 debit and 0 events do not reconcile: 1 missing; debited 0.00009 USD, billed 0.00 USD"
    assert lines[1].split() == ["kind", "at", "debited_usd", "billed_usd", "debits"]
    assert lines[2].startswith("missing  2026-02-10T12:00:00Z  0.00009      0.00        chatcmpl-")
    world.assert_reconciles(tolerance_usd="1", kind="wrong_amount", from_=START)


def test_an_invariant_that_is_broken_is_shown(world: Handle, chat: Callable[..., int], simulator: Simulator) -> None:
    chat()
    with simulator.store.committed():
        simulator.store.execute("UPDATE pareta_calls SET cost_micro_usd = 1 WHERE cost_micro_usd = 90")

    lines = failure(world.assert_invariants)

    assert "do not hold: debits = priced successful calls" in lines[0]
    assert lines[1].split() == ["invariant", "row"]
    assert lines[2].startswith("debits = priced successful calls")


def test_a_drift_nobody_noticed_is_shown(world: Handle) -> None:
    world.set("drifts.add", kind="latency", subject="ep-*", size=3)

    assert failure(lambda: world.assert_detected(within=timedelta(hours=1))) == [
        "0 of 1 drift noticed within 3600 s, 0 false alarms",
        "id       kind     subject  onset                 why",
        "drift-1  latency  ep-*     2026-02-10T12:00:00Z  not noticed",
    ]
    world.set("alerts.add", kind="latency")
    world.assert_detected(within="1h", kind="latency", max_false_alarms=0)


def test_since_takes_times_too(world: Handle, chat: Callable[..., int]) -> None:
    chat()
    world.set("clock.advance", by="1h")

    world.assert_called(times=0, since="2026-02-10T12:30:00Z")
    world.assert_spend(exactly_usd=0, since=datetime.fromisoformat("2026-02-10T12:30:00+00:00"))


@pytest.mark.parametrize("amount", [0.1, True, b"1"])
def test_an_amount_that_is_not_exact_is_refused(world: Handle, amount: Any) -> None:
    with pytest.raises(TypeError, match=r"max_usd: a \w+ is no exact amount; give dollars as text"):
        world.assert_spend(max_usd=amount)


def test_a_float_is_refused_with_what_was_meant(world: Handle) -> None:
    with pytest.raises(TypeError, match=r"such as '0\.1', as a Decimal"):
        world.assert_reconciles(tolerance_usd=0.1)


def test_what_there_is_not_is_no_claim_at_all(world: Handle) -> None:
    with pytest.raises(Refused, match=r"nearest: pareta\.chat\.completions\.create"):
        world.assert_called("chat.completion.create", times=0)
    with pytest.raises(Refused, match="nothing is known as 'colour'"):
        world.assert_called(colour="red")
    with pytest.raises(Refused, match="the journal keeps no credentials"):
        world.assert_called(key="pareta_sk_test_acme")
    with pytest.raises(Refused, match="max_usd, min_usd or exactly_usd is needed"):
        world.assert_spend()


# Clients as they are published


@pytest.mark.sdk
@pytest.mark.parametrize(("version", "has_key"), [("0.3.1", False), ("1.0.0", True), ("3.0.4", True)])
def test_the_vendors_client_keeps_one_key_since_it_sends_any(version: str, has_key: bool) -> None:
    with served(version, installed, recorded) as sdk:
        world = Handle(LocalWire(sdk.simulator), "acme")
        world.set("faults.add", operation=CHAT, first=1, status=503, retry_after=0)
        with sdk.module.Pareta(api_key="pareta_sk_test_acme", base_url=sdk.url) as client:
            client.chat.completions.create(model=ENDPOINT, messages=[{"role": "user", "content": TEXT}])

        world.assert_called(CHAT, times=2)
        world.assert_spend(exactly_usd="0.00009")
        if has_key:
            world.assert_same_idempotency_key()
        else:
            lines = failure(world.assert_same_idempotency_key)
            assert lines[0] == "one call did not keep to one idempotency key"
            assert [line.rpartition("  ")[2] for line in lines[2:]] == [
                "tried again, has no key", "attempt 2 at #1, has no key",
            ]  # fmt: skip


@pytest.mark.sdk
def test_the_stock_client_waits_as_long_as_it_is_asked_to_in_a_world_that_stands_still(simulator: Simulator) -> None:
    with BackgroundServer(simulator) as server:
        world = Handle(LocalWire(simulator), "acme")
        world.set("faults.add", operation=CHAT, first=1, status=429, retry_after=1)
        with openai.OpenAI(api_key="pareta_sk_test_acme", base_url=f"{server.url}/v1") as client:
            client.chat.completions.create(model="auto", messages=[{"role": "user", "content": "hi"}])

        world.assert_called(CHAT, times=2)
        world.assert_retry_after_respected()


@pytest.mark.sdk
def test_a_client_that_gives_up_on_an_answer_and_pays_twice_is_caught(simulator: Simulator) -> None:
    with BackgroundServer(simulator) as server:
        world = Handle(LocalWire(simulator), "acme")
        world.set("faults.add", operation=CHAT, first=1, latency_ms=20_000)
        with openai.OpenAI(api_key="pareta_sk_test_acme", base_url=f"{server.url}/v1", timeout=2) as client:
            client.chat.completions.create(model=ENDPOINT, messages=[{"role": "user", "content": TEXT}])

        world.assert_spend(exactly_usd="0.00018")
        lines = failure(world.assert_same_idempotency_key)

    assert [line.rpartition("  ")[2] for line in lines[2:]] == [
        "tried again, has no key",
        "attempt 2 at #1, has no key",
    ]


@pytest.mark.sdk
def test_a_client_that_does_not_wait_is_caught_in_a_world_that_stands_still(simulator: Simulator) -> None:
    with BackgroundServer(simulator) as server:
        world = Handle(LocalWire(simulator), "acme")
        world.set("faults.add", operation=CHAT, first=1, status=429, retry_after=600)
        with openai.OpenAI(api_key="pareta_sk_test_acme", base_url=f"{server.url}/v1", max_retries=0) as client:
            with pytest.raises(openai.RateLimitError):
                client.chat.completions.create(model="auto", messages=[{"role": "user", "content": "hi"}])
            client.chat.completions.create(model="auto", messages=[{"role": "user", "content": "hi"}])

        lines = failure(world.assert_retry_after_respected)

    assert lines[0] == "one attempt came sooner than Retry-After asked"
    assert lines[-1].endswith("s after #1, which asked for 600 s")


@pytest.mark.sdk
def test_the_vendors_client_does_not_try_again_after_402(simulator: Simulator) -> None:
    with served("3.0.4", installed, recorded) as sdk:
        world = Handle(LocalWire(sdk.simulator), "acme")
        world.set("credits.set", balance_usd="0")
        with sdk.module.Pareta(api_key="pareta_sk_test_acme", base_url=sdk.url) as client:
            messages = [{"role": "user", "content": TEXT}]
            with pytest.raises(sdk.module.InsufficientCreditsError):
                client.chat.completions.create(model=ENDPOINT, messages=messages)
            world.assert_called(CHAT, status=402, times=1)
            world.assert_no_retry_after_402()
            with pytest.raises(sdk.module.InsufficientCreditsError):
                client.chat.completions.create(model=ENDPOINT, messages=messages)

        assert failure(world.assert_no_retry_after_402)[0] == "one request came after 402, without credit"
