"""What each fault does to a user of the vendor's client, generation by generation, and of the stock OpenAI client.

Everything goes over a socket. A client's pauses are noted instead of waited out; what holds an answer back really does.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import openai
import pytest

from tests.books import START_MICRO_USD, Books
from tests.sdks import Sdk, served
from tests.vendors.pareta.sdk import installed, recorded
from tests.waiting import wait_until

pytestmark = pytest.mark.sdk

VERSIONS = ("0.1.0", "0.3.1", "1.3.0", "2.1.0", "3.0.4")
"""One version of each way clients have treated failures and receipts."""

CHAT = "pareta.chat.completions.create"
QUESTION = [{"role": "user", "content": "Explain how a prepaid balance works."}]
RETRIED = (408, 409, 429, 500, 502, 503, 504)
PATIENCE_S = 1.0
"""How long a client waits for an answer where it is about waiting; long enough for a busy machine."""


@pytest.fixture(scope="module")
def sdk(request: pytest.FixtureRequest) -> Iterator[Sdk]:
    with served(request.param, installed, recorded) as found:
        yield found


@dataclass
class Buyer:
    """Somebody who buys completions in a world of their own, and keeps books about them.

    :param pauses_s: how long the client would have waited between its attempts.
    """

    name: str
    books: Books
    connect: Callable[..., Any]
    errors: Any
    pauses_s: list[float] = field(default_factory=list)

    def ask(self, *, retries: int = 0, timeout: float = 20, **request: Any) -> Any:
        """Return a whole answer, or the pieces of a stream."""
        with self.connect(max_retries=retries, timeout=timeout) as client:
            return client.chat.completions.create(**{"model": "auto", "messages": QUESTION, **request})

    def stream(self, into: list[str], *, retries: int = 0, timeout: float = 20) -> None:
        """Read a stream to its end, one text after the other."""
        with self.connect(max_retries=retries, timeout=timeout) as client:
            for chunk in client.chat.completions.create(model="auto", messages=QUESTION, stream=True):
                into += [choice.delta.content for choice in chunk.choices if choice.delta.content]

    @property
    def sent(self) -> list[tuple[int, str | None]]:
        """The status of every call, and which fault hit it."""
        return self.books.outcomes(CHAT)

    @property
    def keys(self) -> list[str | None]:
        """The idempotency key of every call."""
        return [
            entry["request"]["headers"].get("idempotency-key")
            for entry in self.books.requests
            if entry["operation"] == CHAT
        ]


def _names(request: pytest.FixtureRequest) -> str:
    name: str = request.node.name
    return name.translate(str.maketrans("[]-", "...")).removeprefix("test_").strip(".")[-60:].strip(".")


@pytest.fixture
def buyer(sdk: Sdk, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Buyer]:
    """A buyer with the vendor's own client."""
    books = Books(sdk.url, _names(request))

    def connect(**options: Any) -> Any:
        return sdk.module.Pareta(api_key=books.pareta_key, base_url=sdk.url, **options)

    buyer = Buyer(sdk.version, books, connect, sdk.module)
    client = importlib.import_module("pareta._client")
    monkeypatch.setattr(client, "time", SimpleNamespace(sleep=buyer.pauses_s.append))
    yield buyer
    books.check_invariants()
    books.close()


@pytest.fixture
def openai_buyer(sdk: Sdk, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Buyer]:
    """A buyer with the stock client."""
    books = Books(sdk.url, _names(request))

    def connect(**options: Any) -> Any:
        return openai.OpenAI(api_key=books.pareta_key, base_url=f"{sdk.url}/v1", **options)

    buyer = Buyer("openai", books, connect, openai)
    monkeypatch.setattr("openai._base_client.time", SimpleNamespace(sleep=buyer.pauses_s.append))
    yield buyer
    books.check_invariants()
    books.close()


def through(*versions: str) -> pytest.MarkDecorator:
    """Run a test through some versions."""
    return pytest.mark.parametrize("sdk", versions, indirect=True, scope="module")


through_all = through(*VERSIONS)
through_ends = through("0.1.0", "3.0.4")
"""Run a test through the oldest and the newest version; nothing it is about changed at another time."""
through_newest = through("3.0.4")


def has_keys(buyer: Buyer) -> bool:
    """Whether this client sends one idempotency key with all attempts of a call."""
    return buyer.name != "openai" and int(buyer.name.partition(".")[0]) >= 1


def price(buyer: Buyer) -> int:
    """Return what one question costs: the first debit."""
    return buyer.books.debits[0]


# Statuses


@through_ends
@pytest.mark.parametrize("status", RETRIED)
def test_a_passing_failure_is_retried_as_soon_as_it_says_and_paid_once(buyer: Buyer, status: int) -> None:
    fault = buyer.books.arm(operation=CHAT, first=2, status=status, retry_after=0)

    answer = buyer.ask(retries=2)

    assert buyer.sent == [(status, fault), (status, fault), (200, None)]
    assert buyer.pauses_s == [0, 0]
    assert (len(set(buyer.keys)) == 1) is (has_keys(buyer) or set(buyer.keys) == {None})
    assert (None in buyer.keys) is not has_keys(buyer)
    buyer.books.bill((answer.id, price(buyer)))
    buyer.books.check([price(buyer)], matched=1)


@through_ends
@pytest.mark.parametrize(
    ("retry_after", "low", "high"), [(7, 7, 7), (0.25, 0.25, 0.25), (60, 30, 30), (None, 0.5, 0.75)]
)
def test_retry_after_is_heeded_up_to_half_a_minute(
    buyer: Buyer, retry_after: float | None, low: float, high: float
) -> None:
    buyer.books.arm(
        operation=CHAT, first=1, status=503, **({} if retry_after is None else {"retry_after": retry_after})
    )

    buyer.ask(retries=1)

    (pause_s,) = buyer.pauses_s
    assert low <= pause_s <= high


@through_ends
@pytest.mark.parametrize(
    ("status", "name"),
    [
        (400, "BadRequestError"), (401, "AuthenticationError"), (403, "PermissionDeniedError"),
        (404, "NotFoundError"), (422, "BadRequestError"),
    ],
)  # fmt: skip
def test_a_lasting_failure_is_raised_at_once_and_costs_nothing(buyer: Buyer, status: int, name: str) -> None:
    fault = buyer.books.arm(operation=CHAT, status=status, message="planted")

    with pytest.raises(buyer.errors.APIStatusError) as caught:
        buyer.ask(retries=2)

    assert (type(caught.value).__name__, caught.value.status_code) == (name, status)
    assert str(caught.value) == ("HTTP 422" if status == 422 else "planted")
    assert caught.value.request_id
    assert buyer.sent == [(status, fault)]
    buyer.books.check([])


@through_ends
@pytest.mark.parametrize(
    ("status", "name"),
    [
        (408, "APIStatusError"), (409, "ConflictError"), (429, "RateLimitError"), (500, "APIStatusError"),
        (503, "EndpointNotReadyError"),
    ],
)  # fmt: skip
def test_a_failure_that_does_not_pass_is_raised_after_the_last_attempt(buyer: Buyer, status: int, name: str) -> None:
    buyer.books.arm(operation=CHAT, status=status, retry_after=0)

    with pytest.raises(buyer.errors.APIStatusError) as caught:
        buyer.ask(retries=2)

    assert (type(caught.value).__name__, caught.value.status_code) == (name, status)
    assert [sent for sent, _ in buyer.sent] == [status] * 3
    buyer.books.check([])


@through_all
def test_a_402_of_a_fault_comes_out_of_the_ledger_and_is_never_retried(buyer: Buyer) -> None:
    fault = buyer.books.arm(operation=CHAT, nth=2, status=402)
    buyer.ask()

    with pytest.raises(buyer.errors.InsufficientCreditsError, match="out of credit"):
        buyer.ask(retries=2)

    cost = price(buyer)
    assert [status for status, _ in buyer.sent] == [200, 402]
    assert [entry["balance_micro_usd"] for entry in buyer.books.movements] == [
        START_MICRO_USD - cost, 0, START_MICRO_USD - cost,
    ]  # fmt: skip
    assert all(fault in entry["subject"] for entry in buyer.books.movements[1:])
    buyer.books.check([cost], missing=1)
    buyer.ask()
    buyer.books.check([cost, cost], missing=2)


# Nothing arrives


@through_ends
def test_silence_is_a_timeout_that_is_retried_and_no_work_was_done(buyer: Buyer) -> None:
    fault = buyer.books.arm(operation=CHAT, first=1, timeout=PATIENCE_S * 3)

    answer = buyer.ask(retries=1, timeout=PATIENCE_S)

    assert [hit for _, hit in buyer.sent] == [fault, None]
    assert len(buyer.pauses_s) == 1
    buyer.books.bill((answer.id, price(buyer)))
    buyer.books.check([price(buyer)], matched=1)


@through_ends
def test_lasting_silence_is_raised_as_a_timeout(buyer: Buyer) -> None:
    buyer.books.arm(operation=CHAT, timeout=True)

    with pytest.raises(buyer.errors.APITimeoutError, match="timed out"):
        buyer.ask(timeout=PATIENCE_S / 2)

    buyer.books.check([])


@through_all
@pytest.mark.parametrize("is_stream", [False, True], ids=["whole", "stream"])
def test_a_reset_connection_is_tried_again_and_no_work_was_done(buyer: Buyer, is_stream: bool) -> None:
    buyer.books.arm(operation=CHAT, nth=[1, 3], reset=True)

    if is_stream:
        buyer.stream([], retries=1)
    else:
        buyer.ask(retries=1)
    with pytest.raises(buyer.errors.APIConnectionError):
        buyer.ask()

    assert len(buyer.sent) == 3
    assert len(buyer.pauses_s) == 1
    buyer.books.check([price(buyer)], missing=1)


@through_all
@pytest.mark.parametrize("is_stream", [False, True], ids=["whole", "stream"])
def test_an_answer_lost_on_its_way_is_paid_twice_by_clients_without_keys(buyer: Buyer, is_stream: bool) -> None:
    buyer.books.arm(operation=CHAT, first=1, lost_ack=True)

    if is_stream:
        buyer.stream([], retries=1)
    else:
        answer = buyer.ask(retries=1)
        buyer.books.bill((answer.id, price(buyer)))

    assert len(buyer.sent) == 2
    cost = price(buyer)
    times = 1 if has_keys(buyer) else 2
    if is_stream:
        buyer.books.check([cost] * times, missing=times)
    else:
        buyer.books.check([cost] * times, matched=1, **({"missing": 1} if times == 2 else {}))


@through_all
def test_a_lost_answer_without_retries_is_an_error_about_work_that_was_paid(buyer: Buyer) -> None:
    buyer.books.arm(operation=CHAT, lost_ack=True)

    with pytest.raises(buyer.errors.APIConnectionError):
        buyer.ask()

    buyer.books.check([price(buyer)], missing=1)


@through_ends
def test_an_answer_that_comes_too_late_is_paid_twice_by_clients_without_keys(buyer: Buyer) -> None:
    buyer.books.arm(operation=CHAT, first=1, latency_ms=PATIENCE_S * 2000)

    buyer.ask(retries=1, timeout=PATIENCE_S)

    cost = price(buyer)
    times = 1 if has_keys(buyer) else 2
    assert len(buyer.sent) == 2
    buyer.books.check([cost] * times, missing=times)


@through_ends
@pytest.mark.parametrize("latency", [120, {"low": 120, "high": 130}, {"median": 120, "p99": 121}])
def test_a_slow_answer_is_waited_for(buyer: Buyer, latency: Any) -> None:
    buyer.books.arm(operation=CHAT, latency_ms=latency)

    answer = buyer.ask()

    assert buyer.books.requests[-1]["duration_ms"] > 110
    buyer.books.bill((answer.id, price(buyer)))
    buyer.books.check([price(buyer)], matched=1)


# Something unreadable arrives


@through_all
def test_an_empty_body_is_an_empty_answer_that_was_paid(buyer: Buyer) -> None:
    buyer.books.arm(operation=CHAT, empty_body=True)

    answer = buyer.ask(retries=2)

    assert (answer.id, answer.choices) == (None, [])
    assert len(buyer.sent) == 1
    buyer.books.check([price(buyer)], missing=1)


@through_all
def test_broken_json_is_raised_as_it_is_and_was_paid(buyer: Buyer) -> None:
    buyer.books.arm(operation=CHAT, malformed_chunk=True)

    with pytest.raises(json.JSONDecodeError):
        buyer.ask(retries=2)

    assert len(buyer.sent) == 1
    buyer.books.check([price(buyer)], missing=1)


@through_all
def test_fields_come_and_go_and_the_price_stays(buyer: Buyer) -> None:
    raw = "to_dict"
    whole = getattr(buyer.ask(), raw)()
    edits: list[tuple[dict[str, Any], Callable[[Any], Any]]] = [
        ({"drop_field": "choices"}, lambda answer: answer.choices == []),
        ({"drop_field": ["usage", "id"]}, lambda answer: answer.id is None and not answer.usage.total_tokens),
        ({"add_field": {"choices.0.message.mood": "sunny"}}, lambda answer: "sunny" in json.dumps(answer.to_dict())),
        ({"rename_field": {"id": "identifier"}}, lambda answer: answer.to_dict().get("identifier") and not answer.id),
        ({"retype_field": {"usage.total_tokens": "string"}}, lambda answer: answer.usage.total_tokens.isdigit()),
        ({"retype_field": {"choices": "null"}}, lambda answer: answer.choices == []),
    ]
    for edit, check in edits:
        fault = buyer.books.arm(operation=CHAT, **edit)
        answer = buyer.ask()
        assert check(answer), edit
        assert getattr(answer, raw)() != whole
        buyer.books.control("DELETE", f"faults/{fault}")

    cost = price(buyer)
    buyer.books.check([cost] * 7, missing=7)


# Streams


@through_all
def test_a_stream_that_breaks_off_is_an_error_and_never_asked_for_again(buyer: Buyer) -> None:
    buyer.books.arm(operation=CHAT, first=1, truncate_stream_after=3)
    pieces: list[str] = []

    with pytest.raises(buyer.errors.APIConnectionError):
        buyer.stream(pieces, retries=2)

    assert 0 < len(pieces) <= 3
    assert len(buyer.sent) == 1
    assert buyer.pauses_s == []
    buyer.books.check([])
    again: list[str] = []
    buyer.stream(again)
    assert again[: len(pieces)] == pieces
    assert len(again) > len(pieces)
    buyer.books.check([price(buyer)], missing=1)


@through_all
def test_an_unreadable_piece_of_a_stream_is_passed_over_in_silence(buyer: Buyer) -> None:
    whole: list[str] = []
    buyer.stream(whole)
    buyer.books.arm(operation=CHAT, malformed_chunk=3)
    torn: list[str] = []

    buyer.stream(torn)

    assert len(torn) == len(whole) - 1
    assert [text for text in whole if text in torn] != whole or "".join(torn) != "".join(whole)
    cost = price(buyer)
    buyer.books.check([cost, cost], missing=2)


@through_all
def test_a_stream_without_a_body_ends_at_once_and_was_paid(buyer: Buyer) -> None:
    buyer.books.arm(operation=CHAT, empty_body=True)
    pieces: list[str] = []

    buyer.stream(pieces)

    assert pieces == []
    buyer.books.check([price(buyer)], missing=1)


@through_ends
def test_the_handshake_of_a_stream_is_retried(buyer: Buyer) -> None:
    buyer.books.arm(operation=CHAT, first=2, status=503, retry_after=0)
    pieces: list[str] = []

    buyer.stream(pieces, retries=2)

    assert pieces
    assert [status for status, _ in buyer.sent] == [503, 503, 200]
    buyer.books.check([price(buyer)], missing=1)


# What the books say is not what the answer said


@through_ends
def test_an_answer_that_was_not_kept_is_no_debit_and_its_event_is_about_nothing(buyer: Buyer) -> None:
    buyer.books.arm(operation=CHAT, nth=2, false_ack=True)
    first, second = buyer.ask(), buyer.ask()

    cost = price(buyer)
    buyer.books.bill((first.id, cost), (second.id, cost))

    assert first.id != second.id
    buyer.books.check([cost], matched=1, unknown=1)


@through_ends
def test_a_debit_that_shows_late_is_missed_until_it_does(buyer: Buyer) -> None:
    buyer.books.arm(operation=CHAT, delay_visibility="30s")

    answer = buyer.ask()

    assert buyer.books.debits == []
    assert buyer.books.balance == START_MICRO_USD
    buyer.books.advance("29s")
    assert buyer.books.debits == []
    buyer.books.advance("2s")
    buyer.books.bill((answer.id, price(buyer)))
    buyer.books.check([price(buyer)], matched=1)


# Credit


@through_all
def test_credit_that_ends_at_the_nth_call_ends_there_for_good(buyer: Buyer) -> None:
    buyer.books.arm(operation=CHAT, nth=3, exhaust_credits=True)
    done = [buyer.ask(), buyer.ask()]
    cost = price(buyer)

    for _ in range(2):
        with pytest.raises(buyer.errors.InsufficientCreditsError):
            buyer.ask(retries=2)

    buyer.books.bill(*((answer.id, cost) for answer in done))
    assert [status for status, _ in buyer.sent] == [200, 200, 402, 402]
    buyer.books.check([cost, cost], balance=0, matched=2)


@through_ends
def test_credit_that_ends_at_a_spend_ends_with_the_next_call(buyer: Buyer) -> None:
    buyer.ask()
    cost = price(buyer)
    limit = Decimal(2 * cost).scaleb(-6)
    buyer.books.arm(operation=CHAT, after_spend_usd=str(limit), exhaust_credits=True)

    buyer.ask()
    buyer.ask()
    with pytest.raises(buyer.errors.InsufficientCreditsError):
        buyer.ask()

    buyer.books.check([cost] * 3, balance=0, missing=3)


@through_ends
def test_credit_that_ends_at_an_instant_lasts_until_then(buyer: Buyer) -> None:
    buyer.books.arm(operation=CHAT, between=["2026-02-10T13:00:00Z", None], first=1, exhaust_credits=True)

    buyer.ask()
    buyer.books.advance("3599s")
    buyer.ask()
    buyer.books.advance("1s")
    with pytest.raises(buyer.errors.InsufficientCreditsError):
        buyer.ask()

    buyer.books.check([price(buyer)] * 2, balance=0, missing=2)


@through_all
def test_credit_that_ends_while_a_stream_is_out_lets_it_finish_and_stops_the_next(buyer: Buyer) -> None:
    buyer.books.arm(operation=CHAT, first=1, exhaust_credits="mid_stream")
    pieces: list[str] = []

    buyer.stream(pieces)
    with pytest.raises(buyer.errors.InsufficientCreditsError):
        buyer.stream([], retries=2)

    cost = price(buyer)
    assert pieces
    assert [status for status, _ in buyer.sent] == [200, 402]
    buyer.books.check([cost], balance=-cost, missing=1)


@through_ends
def test_a_top_up_comes_when_it_was_said_to(buyer: Buyer) -> None:
    buyer.books.arm(operation=CHAT, first=1, exhaust_credits=True, top_up_usd="0.50", top_up_after="1h")

    for by in ("59m", "59s"):
        with pytest.raises(buyer.errors.InsufficientCreditsError):
            buyer.ask()
        buyer.books.advance(by)
    with pytest.raises(buyer.errors.InsufficientCreditsError):
        buyer.ask()
    buyer.books.advance("1s")
    buyer.ask()

    cost = price(buyer)
    buyer.books.check([cost], balance=500_000 - cost, missing=1)


# The async client


@through_ends
def test_the_async_client_behaves_alike_but_shows_nothing_of_a_stream_that_breaks_off(
    buyer: Buyer, sdk: Sdk, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = importlib.import_module("pareta._client")._BaseClient
    wanted = base._backoff

    def noted(client: Any, attempt: int, retry_after: float | None) -> int:
        buyer.pauses_s.append(wanted(client, attempt, retry_after))
        return 0

    monkeypatch.setattr(base, "_backoff", noted)
    books = buyer.books
    faults = [  # each of the first two is its request's fate, so that the next fault sees the next request first
        books.arm(operation=CHAT, first=1, status=503, retry_after=9),
        books.arm(operation=CHAT, first=1, reset=True),
        books.arm(operation=CHAT, first=1, lost_ack=True),
    ]

    async def ask(client: Any) -> Any:
        return await client.chat.completions.create(model="auto", messages=QUESTION)

    async def read(client: Any, into: list[str]) -> None:
        async for chunk in await client.chat.completions.create(model="auto", messages=QUESTION, stream=True):
            into += [choice.delta.content for choice in chunk.choices if choice.delta.content]

    async def work() -> None:
        async with sdk.module.AsyncPareta(api_key=books.pareta_key, base_url=sdk.url, max_retries=3) as client:
            await ask(client)
            books.arm(operation=CHAT, first=1, truncate_stream_after=3)
            pieces: list[str] = []
            with pytest.raises(buyer.errors.APIConnectionError):
                await read(client, pieces)
            assert pieces == []  # this client reads a stream to its end before it gives anything of it away
            books.arm(operation=CHAT, exhaust_credits=True)
            with pytest.raises(buyer.errors.InsufficientCreditsError):
                await ask(client)

    sdk.runner.run(work())

    assert [hit for _, hit in buyer.sent] == [*faults, None, "fault-4", "fault-5"]
    assert buyer.pauses_s[0] == 9
    cost = price(buyer)
    times = 1 if has_keys(buyer) else 2
    books.check([cost] * times, balance=0, missing=times)


# The stock client


@through_newest
@pytest.mark.parametrize("status", RETRIED)
def test_openai_retries_a_passing_failure_without_any_key(openai_buyer: Buyer, status: int) -> None:
    openai_buyer.books.arm(operation=CHAT, first=1, status=status, retry_after=3)

    answer = openai_buyer.ask(retries=1)

    assert [sent for sent, _ in openai_buyer.sent] == [status, 200]
    assert openai_buyer.pauses_s == [3]
    assert openai_buyer.keys == [None, None]
    openai_buyer.books.bill((answer.id, price(openai_buyer)))
    openai_buyer.books.check([price(openai_buyer)], matched=1)


@through_newest
@pytest.mark.parametrize(
    ("status", "name"),
    [
        (400, "BadRequestError"), (401, "AuthenticationError"), (402, "APIStatusError"),
        (403, "PermissionDeniedError"), (404, "NotFoundError"), (409, "ConflictError"),
        (422, "UnprocessableEntityError"), (429, "RateLimitError"), (500, "InternalServerError"),
        (503, "InternalServerError"),
    ],
)  # fmt: skip
def test_openai_raises_its_own_errors(openai_buyer: Buyer, status: int, name: str) -> None:
    openai_buyer.books.arm(operation=CHAT, status=status)

    with pytest.raises(openai.APIStatusError) as caught:
        openai_buyer.ask()

    assert (type(caught.value).__name__, caught.value.status_code) == (name, status)
    openai_buyer.books.check([])


@through_newest
@pytest.mark.parametrize("fault", [{"reset": True}, {"lost_ack": True}], ids=["reset", "lost_ack"])
def test_openai_pays_twice_for_an_answer_that_was_lost(openai_buyer: Buyer, fault: dict[str, Any]) -> None:
    openai_buyer.books.arm(operation=CHAT, first=1, **fault)

    openai_buyer.ask(retries=1)

    cost = price(openai_buyer)
    times = 2 if "lost_ack" in fault else 1
    assert len(openai_buyer.sent) == 2
    openai_buyer.books.check([cost] * times, missing=times)


@through_newest
def test_openai_pays_once_with_a_key_of_the_callers(openai_buyer: Buyer) -> None:
    openai_buyer.books.arm(operation=CHAT, first=1, lost_ack=True)

    openai_buyer.ask(retries=1, extra_headers={"Idempotency-Key": "mine"})

    assert openai_buyer.keys == ["mine", "mine"]
    openai_buyer.books.check([price(openai_buyer)], missing=1)


@through_newest
def test_openai_times_out_and_tries_again(openai_buyer: Buyer) -> None:
    openai_buyer.books.arm(operation=CHAT, first=1, timeout=PATIENCE_S * 3)

    openai_buyer.ask(retries=1, timeout=PATIENCE_S)

    assert len(openai_buyer.sent) == 2
    openai_buyer.books.check([price(openai_buyer)], missing=1)


@through_newest
def test_openai_raises_lasting_silence_and_lasting_resets(openai_buyer: Buyer) -> None:
    fault = openai_buyer.books.arm(operation=CHAT, timeout=True)
    with pytest.raises(openai.APITimeoutError):
        openai_buyer.ask(timeout=PATIENCE_S / 2)
    openai_buyer.books.control("DELETE", f"faults/{fault}")

    openai_buyer.books.arm(operation=CHAT, reset=True)
    with pytest.raises(openai.APIConnectionError):
        openai_buyer.ask()

    openai_buyer.books.check([])


@through_newest
def test_openai_raises_what_it_cannot_read_and_it_was_paid(openai_buyer: Buyer) -> None:
    for unreadable in ({"malformed_chunk": True}, {"empty_body": True}):
        fault = openai_buyer.books.arm(operation=CHAT, **unreadable)
        with pytest.raises(json.JSONDecodeError):
            openai_buyer.ask(retries=2)
        openai_buyer.books.control("DELETE", f"faults/{fault}")

    cost = price(openai_buyer)
    openai_buyer.books.check([cost, cost], missing=2)


@through_newest
def test_openai_passes_on_a_stream_that_breaks_off_or_is_unreadable(openai_buyer: Buyer) -> None:
    pieces: list[str] = []
    fault = openai_buyer.books.arm(operation=CHAT, truncate_stream_after=3)
    with pytest.raises(openai.APIConnectionError):
        openai_buyer.stream(pieces, retries=2)
    openai_buyer.books.control("DELETE", f"faults/{fault}")
    assert pieces
    openai_buyer.books.check([])

    openai_buyer.books.arm(operation=CHAT, malformed_chunk=3)
    with pytest.raises(json.JSONDecodeError):
        openai_buyer.stream(pieces, retries=2)
    # It hangs up at once. The server may be through by then; whether it was is in the journal, and so is the debit.
    assert wait_until(lambda: len(openai_buyer.sent) == 2)
    if openai_buyer.sent[1][0] == 200:
        openai_buyer.books.check([price(openai_buyer)], missing=1)
    else:
        openai_buyer.books.check([])


@through_newest
def test_openai_shows_fields_that_come_and_go(openai_buyer: Buyer) -> None:
    openai_buyer.books.arm(operation=CHAT, nth=1, drop_field="choices")
    openai_buyer.books.arm(operation=CHAT, nth=2, add_field={"mood": "sunny"}, rename_field={"id": "identifier"})
    openai_buyer.books.arm(operation=CHAT, nth=3, retype_field={"usage.total_tokens": "string"})

    first, second, third = (openai_buyer.ask() for _ in range(3))

    assert first.choices is None
    assert (second.id, second.mood, bool(second.identifier)) == (None, "sunny", True)
    assert third.usage.total_tokens == third.usage.prompt_tokens + third.usage.completion_tokens  # it reads texts, too
    openai_buyer.books.check([price(openai_buyer)] * 3, missing=3)


@through_newest
def test_openai_is_stopped_by_an_empty_balance(openai_buyer: Buyer) -> None:
    openai_buyer.books.arm(operation=CHAT, nth=2, exhaust_credits=True)
    openai_buyer.ask()

    for _ in range(2):
        with pytest.raises(openai.APIStatusError, match="402"):
            openai_buyer.ask(retries=2)

    assert [status for status, _ in openai_buyer.sent] == [200, 402, 402]
    openai_buyer.books.check([price(openai_buyer)], balance=0, missing=1)
