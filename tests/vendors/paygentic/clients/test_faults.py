"""What each fault does to a user of the vendor's client, and to the events that client meant to send.

Everything goes over a socket. The client's pauses are noted instead of waited out; what holds an answer back really
does. The calls that events are about are bought without any client.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx
import pytest

from tests.books import CUSTOMER, START_MICRO_USD, TYPE, Books
from tests.sdks import Sdk, served
from tests.vendors.paygentic.clients.sdk import installed, raised_for, recorded, versions

pytestmark = pytest.mark.sdk

VERSIONS = ("0.1.19", "0.6.3")
INGEST = "paygentic.events.ingest"
RETRIED = (429, 500, 502, 503, 504)
PATIENCE_MS = 1000
FOREVER = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 12, 31, tzinfo=UTC)
NOON = datetime(2026, 2, 10, 12, tzinfo=UTC)

Call = tuple[str, int]
"""A call by id, and its price."""


@dataclass
class Pauses:
    """The machine's time as the client's retries see it: nobody waits, but time passes."""

    noted_s: list[float] = field(default_factory=list)

    def time(self) -> float:
        return sum(self.noted_s)

    def sleep(self, seconds: float) -> None:
        self.noted_s.append(seconds)


@dataclass
class Sender:
    """Somebody who reports calls with one version of the client, and keeps books about them."""

    sdk: Sdk
    books: Books
    pauses: Pauses

    def connect(self, **options: Any) -> Any:
        return self.sdk.module.Paygentic(
            bearer_auth=self.books.paygentic_key, server_url=self.sdk.url, client=self.sdk.sync_http, **options
        )

    def retries(self, *, of_connections: bool = False) -> Any:
        """Return what has the client retry for some ten seconds."""
        utils = importlib.import_module("paygentic_sdk.utils")
        return utils.RetryConfig("backoff", utils.BackoffStrategy(500, 60_000, 1.5, 10_000), of_connections)

    def send(self, call: Call, *, options: dict[str, Any] | None = None, **changes: Any) -> Any:
        """Report a call, under a key that names it; `...` leaves a member out."""
        identifier, micro_usd = call
        event = {
            "type": TYPE, "source": "tests", "subject": CUSTOMER, "idempotency_key": f"{identifier}-cost",
            "data": {"amount": micro_usd / 1e6, "call": identifier},
        }  # fmt: skip
        event = {name: value for name, value in {**event, **changes}.items() if value is not ...}
        events = self.connect().events
        if self.sdk.version in versions(since="0.5.0"):
            return events.ingest(request=event, **options or {})
        return events.ingest(type_=event.pop("type"), **event, **options or {})

    def summary(self, start: datetime = FOREVER[0], end: datetime = FOREVER[1]) -> Decimal:
        """Return what the events of a window come to, in dollars, as this client reads it."""
        summary = self.connect().costs.get_cost_summary(id=self.books.cost_id, from_=start, to=end)
        return Decimal(str(summary.total_cost))

    @property
    def sent(self) -> list[tuple[int, str | None]]:
        return self.books.outcomes(INGEST)

    def check(self, *calls: Call, times: Decimal | int = 1, **kinds: int) -> None:
        """Hold the books to calls that were bought and reported, and the summary to so many times their price."""
        price = sum(micro_usd for _, micro_usd in calls)
        self.books.check([micro_usd for _, micro_usd in calls], START_MICRO_USD - price, **kinds)
        assert self.summary() == self.books.summed() == (Decimal(price) * times).scaleb(-6)


@pytest.fixture(scope="module")
def sdk(request: pytest.FixtureRequest) -> Iterator[Sdk]:
    with served(request.param, installed, recorded) as found:
        yield found


@pytest.fixture
def sender(sdk: Sdk, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sender]:
    name = request.node.name.translate(str.maketrans("[]-", "...")).removeprefix("test_").strip(".")[-60:].strip(".")
    pauses = Pauses()
    monkeypatch.setattr(importlib.import_module("paygentic_sdk.utils.retries"), "time", pauses)
    sender = Sender(sdk, Books(sdk.url, name), pauses)
    yield sender
    sender.books.check_invariants()
    sender.books.close()


through_all = pytest.mark.parametrize("sdk", VERSIONS, indirect=True, scope="module")
"""Run a test through every version."""


# Statuses


@through_all
@pytest.mark.parametrize("status", RETRIED)
def test_a_passing_failure_is_raised_unless_retries_are_asked_for(sender: Sender, status: int) -> None:
    call = sender.books.buy()
    fault = sender.books.arm(operation=INGEST, nth=[1, 2], status=status, retry_after=7)

    with pytest.raises(sender.sdk.module.errors.PaygenticError) as caught:
        sender.send(call)
    assert (type(caught.value).__name__, caught.value.status_code) == (
        raised_for(sender.sdk.module, "events.ingest", status), status,
    )  # fmt: skip
    assert caught.value.headers["retry-after"] == "7"
    sender.check(call, times=0, missing=1)
    sender.send(call, options={"retries": sender.retries()})

    assert sender.sent == [(status, fault), (status, fault), (202, None)]
    assert sender.pauses.noted_s == [7]
    sender.check(call, matched=1)


@through_all
@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_a_lasting_failure_is_raised_at_once_and_nothing_is_kept(sender: Sender, status: int) -> None:
    call = sender.books.buy()
    fault = sender.books.arm(operation=INGEST, first=1, status=status, message="planted")

    with pytest.raises(sender.sdk.module.errors.PaygenticError) as caught:
        sender.send(call, options={"retries": sender.retries()})

    assert (type(caught.value).__name__, caught.value.status_code) == (
        raised_for(sender.sdk.module, "events.ingest", status), status,
    )  # fmt: skip
    assert caught.value.raw_response.json()["message"] == "planted"
    assert sender.sent == [(status, fault)]
    sender.check(call, times=0, missing=1)


@through_all
def test_a_failure_that_does_not_pass_is_raised_when_the_time_for_retries_is_up(sender: Sender) -> None:
    call = sender.books.buy()
    sender.books.arm(operation=INGEST, status=503, retry_after=4)

    with pytest.raises(sender.sdk.module.errors.PaygenticError) as caught:
        sender.send(call, options={"retries": sender.retries()})

    assert caught.value.status_code == 503
    assert sender.pauses.noted_s == [4, 4, 4]
    assert len(sender.sent) == 4
    sender.check(call, times=0, missing=1)


@through_all
def test_without_a_word_about_when_the_client_backs_off_on_its_own(sender: Sender) -> None:
    call = sender.books.buy()
    sender.books.arm(operation=INGEST, first=1, status=429)

    sender.send(call, options={"retries": sender.retries()})

    (pause_s,) = sender.pauses.noted_s
    assert 0.5 <= pause_s <= 1.5
    sender.check(call, matched=1)


# Nothing arrives


@through_all
def test_silence_is_httpxs_timeout_and_nothing_is_kept(sender: Sender) -> None:
    call = sender.books.buy()
    sender.books.arm(operation=INGEST, first=2, timeout=PATIENCE_MS * 3 / 1000)

    with pytest.raises(httpx.ReadTimeout):
        sender.send(call, options={"timeout_ms": PATIENCE_MS, "retries": sender.retries()})
    sender.check(call, times=0, missing=1)
    sender.send(call, options={"timeout_ms": PATIENCE_MS, "retries": sender.retries(of_connections=True)})

    assert len(sender.sent) == 3
    sender.check(call, matched=1)


@through_all
def test_a_reset_is_retried_only_if_connection_errors_are(sender: Sender) -> None:
    call = sender.books.buy()
    sender.books.arm(operation=INGEST, first=2, reset=True)

    with pytest.raises(httpx.NetworkError):
        sender.send(call, options={"retries": sender.retries()})
    sender.check(call, times=0, missing=1)
    sender.send(call, options={"retries": sender.retries(of_connections=True)})

    assert len(sender.sent) == 3
    sender.check(call, matched=1)


@through_all
def test_a_receipt_lost_on_its_way_is_never_retried_by_the_client(sender: Sender) -> None:
    call = sender.books.buy()
    sender.books.arm(operation=INGEST, first=1, lost_ack=True)

    with pytest.raises(httpx.RemoteProtocolError):
        sender.send(call, options={"retries": sender.retries(of_connections=True)})

    assert len(sender.sent) == 1
    sender.check(call, matched=1)


@through_all
def test_sending_again_after_a_lost_receipt_counts_once_under_the_same_key(sender: Sender) -> None:
    call = sender.books.buy()
    sender.books.arm(operation=INGEST, first=1, lost_ack=True)

    with pytest.raises(httpx.RemoteProtocolError):
        sender.send(call)
    sender.send(call)

    sender.check(call, matched=1)


@through_all
def test_sending_again_after_a_lost_receipt_counts_twice_without_a_key(sender: Sender) -> None:
    call = sender.books.buy()
    sender.books.arm(operation=INGEST, first=1, lost_ack=True)

    with pytest.raises(httpx.RemoteProtocolError):
        sender.send(call, idempotency_key=...)
    sender.send(call, idempotency_key=...)

    sender.check(call, times=2, doubled=1)


@through_all
def test_a_late_answer_is_a_timeout_about_an_event_that_was_kept(sender: Sender) -> None:
    call = sender.books.buy()
    sender.books.arm(operation=INGEST, first=1, latency_ms=PATIENCE_MS * 2)

    sender.send(call, options={"timeout_ms": PATIENCE_MS, "retries": sender.retries(of_connections=True)})

    assert len(sender.sent) == 2
    sender.check(call, matched=1)


# Something unreadable arrives


@through_all
@pytest.mark.parametrize("fault", [{"empty_body": True}, {"malformed_chunk": True}], ids=["empty", "malformed"])
def test_an_unreadable_receipt_is_raised_about_an_event_that_was_kept(sender: Sender, fault: dict[str, Any]) -> None:
    call = sender.books.buy()
    sender.books.arm(operation=INGEST, first=1, **fault)

    with pytest.raises(sender.sdk.module.errors.ResponseValidationError):
        sender.send(call, options={"retries": sender.retries(of_connections=True)})

    assert len(sender.sent) == 1
    sender.check(call, matched=1)


@through_all
def test_fields_of_a_receipt_come_and_go_and_the_event_stays(sender: Sender) -> None:
    calls = [sender.books.buy() for _ in range(5)]
    whole = sender.send(calls[0])
    edits: list[tuple[Call, dict[str, Any], Callable[[Any], bool]]] = [
        (calls[1], {"drop_field": "subject"}, lambda answer: answer.subject is None),
        (calls[2], {"add_field": {"mood": "sunny"}}, lambda answer: not hasattr(answer, "mood")),
        (calls[3], {"rename_field": {"source": "origin"}}, lambda answer: answer.source is None),
    ]
    for call, edit, check in edits:
        fault = sender.books.arm(operation=INGEST, **edit)
        assert check(sender.send(call)), edit
        sender.books.control("DELETE", f"faults/{fault}")
    sender.books.arm(operation=INGEST, retype_field={"source": "object"})
    with pytest.raises(sender.sdk.module.errors.ResponseValidationError):
        sender.send(calls[4])

    assert whole.subject == CUSTOMER
    sender.check(*calls, matched=5)


@through_all
def test_a_summary_without_its_total_is_raised_and_its_books_stay(sender: Sender) -> None:
    call = sender.books.buy()
    sender.send(call)
    sender.books.arm(operation="paygentic.costs.get_cost_summary", first=1, drop_field="totalCost")

    with pytest.raises(sender.sdk.module.errors.ResponseValidationError):
        sender.summary()

    sender.check(call, matched=1)


# The receipt is fine, the event is not


@through_all
def test_a_false_receipt_leaves_a_call_that_nobody_billed(sender: Sender) -> None:
    calls = [sender.books.buy() for _ in range(2)]
    sender.books.arm(operation=INGEST, nth=2, false_ack=True)

    receipts = [sender.send(call) for call in calls]

    assert all(receipt.id.startswith("evt_") for receipt in receipts)
    sender.books.check([price for _, price in calls], matched=1, missing=1)
    assert sender.summary() == Decimal(calls[0][1]).scaleb(-6)


@through_all
def test_an_event_that_shows_late_is_missed_until_it_does(sender: Sender) -> None:
    call = sender.books.buy()
    sender.books.arm(operation=INGEST, delay_visibility="30s")

    sender.send(call)

    sender.check(call, times=0, missing=1)
    sender.books.advance("29s")
    sender.check(call, times=0, missing=1)
    sender.books.advance("1s")
    sender.check(call, matched=1)


@through_all
@pytest.mark.parametrize(
    ("double", "times", "kind"),
    [("same_key", 1, "matched"), ("other_payload", 1, "matched"), ("new_key", 2, "doubled")],
)
def test_a_doubled_event_counts_once_unless_its_key_is_another(
    sender: Sender, double: str, times: int, kind: str
) -> None:
    call = sender.books.buy()
    sender.books.arm(operation=INGEST, double=double)

    sender.send(call)

    sender.check(call, times=times, **{kind: 1})


@through_all
def test_a_late_event_counts_for_its_own_time_once_it_is_there(sender: Sender) -> None:
    calls = [sender.books.buy() for _ in range(3)]
    sender.books.arm(operation=INGEST, nth=1, late="2h")

    for call in calls:
        sender.send(call, timestamp=NOON)
        sender.books.advance("10m")

    prices = [price for _, price in calls]
    sender.books.check(prices, matched=2, missing=1)
    assert sender.summary() == Decimal(sum(prices[1:])).scaleb(-6)
    sender.books.advance("2h")
    sender.check(*calls, matched=3)
    assert sender.summary(NOON, NOON.replace(minute=5)) == Decimal(sum(prices)).scaleb(-6)


@through_all
def test_events_out_of_order_come_to_the_same(sender: Sender) -> None:
    calls = [sender.books.buy(f"Question {'and so on ' * n}") for n in range(4)]
    sender.books.arm(operation=INGEST, nth=1, late="3h")
    sender.books.arm(operation=INGEST, nth=2, late="1h")

    for call in calls:
        sender.send(call)
        sender.books.advance("1m")
    sender.books.advance("4h")

    arrived = sender.books.http.get(f"/_mock/worlds/{sender.books.name}/export/events.jsonl").text
    order = [arrived.index(identifier) for identifier, _ in calls]
    assert order[2] < order[3] < order[1] < order[0]
    sender.check(*calls, matched=4)


@through_all
@pytest.mark.parametrize(("skew", "hour"), [("-2h", 10), ("3h", 15)])
def test_a_skewed_clock_puts_an_event_into_another_hour(sender: Sender, skew: str, hour: int) -> None:
    call = sender.books.buy()
    sender.books.arm(operation=INGEST, clock_skew=skew)

    sender.send(call, timestamp=NOON)

    start = datetime(2026, 2, 10, hour, tzinfo=UTC)
    assert sender.summary(start, start.replace(hour=hour + 1)) == Decimal(call[1]).scaleb(-6)
    sender.check(call, matched=1)


@through_all
@pytest.mark.parametrize("factor", ["1000000", "0.001"])
@pytest.mark.parametrize("kind", [float, str])
def test_a_mistaken_unit_is_a_wrong_amount(sender: Sender, factor: str, kind: type) -> None:
    calls = [sender.books.buy() for _ in range(2)]
    sender.books.arm(operation=INGEST, nth=2, scale_values=factor)

    for call in calls:
        identifier, micro_usd = call
        sender.send(call, data={"amount": kind(Decimal(micro_usd).scaleb(-6)), "call": identifier})

    prices = [Decimal(price).scaleb(-6) for _, price in calls]
    sender.books.check([price for _, price in calls], matched=1, wrong_amount=1)
    assert sender.summary() == prices[0] + prices[1] * Decimal(factor)


@through_all
def test_reading_is_hit_as_writing_is(sender: Sender) -> None:
    call = sender.books.buy()
    sender.send(call)
    sender.books.arm(path="/v0/costs*", method="GET", first=1, status=503, retry_after=2)

    with pytest.raises(sender.sdk.module.errors.PaygenticError) as caught:
        sender.summary()

    assert caught.value.status_code == 503
    sender.check(call, matched=1)
