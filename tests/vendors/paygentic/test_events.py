"""Events: what is taken in, what is answered, and how often it counts."""

from __future__ import annotations

import threading
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import httpx
import pytest

from mockserver.app import Simulator
from mockserver.http.messages import Request
from mockserver.kernel.windows import DAY, HOUR, format_instant, parse_instant
from mockserver.kernel.world import World
from mockserver.vendors.paygentic.domain.metering import EventDraft
from mockserver.vendors.paygentic.operations.events import MAX_UNREAD, ingest_many
from tests.vendors.paygentic.conftest import EVENT, MERCHANT, MONTH, TYPE, Merchant, without


def test_an_accepted_event_is_echoed_with_what_it_did_not_bring(merchant: Merchant) -> None:
    merchant.create()

    echo = merchant.send({"amount": 1})

    assert echo == {
        "id": echo["id"],
        "object": "event",
        "type": TYPE,
        "source": "https://api.myapp.com",
        "subject": "cus_abc123",
        "namespace": MERCHANT,
        "timestamp": "2026-02-10T12:00:00Z",
        "idempotencyKey": echo["idempotencyKey"],
    }
    assert echo["idempotencyKey"]


def test_everything_sent_is_echoed(merchant: Merchant) -> None:
    merchant.create()
    sent = {
        "externalSubject": "north-01",
        "externalId": "job_1",
        "namespace": MERCHANT,
        "timestamp": "2026-01-01T02:00:00.25+02:00",
        "idempotencyKey": "k",
    }

    echo = merchant.send({}, **sent)

    assert {**sent, "timestamp": "2026-01-01T00:00:00.250Z"}.items() <= echo.items()


@pytest.mark.parametrize(
    ("changes", "field", "code"),
    [
        ({"type": ...}, "type", "required"),
        ({"type": ""}, "type", "invalid_format"),
        ({"type": "a\nb"}, "type", "invalid_format"),
        ({"type": 5}, "type", "invalid_type"),
        ({"source": ...}, "source", "required"),
        ({"source": None}, "source", "invalid_type"),
        ({"subject": ...}, "subject", "required"),
        ({"subject": 7}, "subject", "invalid_type"),
        ({"subject": ""}, "subject", "invalid_format"),
        ({"externalSubject": "a b", "subject": ...}, "externalSubject", "invalid_format"),
        ({"externalSubject": "x" * 256, "subject": ...}, "externalSubject", "too_long"),
        ({"externalId": "a/b"}, "externalId", "invalid_format"),
        ({"data": ...}, "data", "required"),
        ({"data": []}, "data", "invalid_type"),
        ({"data": "x"}, "data", "invalid_type"),
        ({"data": None}, "data", "invalid_type"),
        ({"timestamp": "2026-02-01"}, "timestamp", "invalid_format"),
        ({"timestamp": "yesterday"}, "timestamp", "invalid_format"),
        ({"timestamp": 1770000000}, "timestamp", "invalid_type"),
        ({"timestamp": None}, "timestamp", "invalid_type"),
        ({"idempotencyKey": 1}, "idempotencyKey", "invalid_type"),
    ],
)
def test_a_faulty_member_is_named(merchant: Merchant, changes: dict[str, Any], field: str, code: str) -> None:
    merchant.create()
    body = {name: value for name, value in {**EVENT, **changes}.items() if value is not ...}

    answer = merchant.http.post("/v0/events", json=body)

    assert answer.status_code == 400
    assert [(error["field"], error["code"]) for error in answer.json()["errors"]] == [(field, code)]


def test_a_type_that_nothing_listens_to_is_refused_and_leaves_its_key_unused(
    merchant: Merchant, flip: Callable[..., None]
) -> None:
    refused = merchant.http.post("/v0/events", json={**EVENT, "idempotencyKey": "k"})
    cost = merchant.create()
    wrong_case = merchant.http.post("/v0/events", json={**EVENT, "type": TYPE.upper()})
    merchant.send({"amount": 3}, idempotencyKey="k")

    assert refused.status_code == wrong_case.status_code == 422
    assert set(refused.json()) == {"message", "error", "code"}
    assert merchant.total(cost) == 3
    flip(lenient_types=True)
    assert merchant.send({}, type="whatever")["type"] == "whatever"


@pytest.mark.source("paygentic/assumptions events before the cost", grade="assumed")
def test_events_sent_before_the_cost_existed_count(merchant: Merchant, flip: Callable[..., None]) -> None:
    flip(lenient_types=True)
    for amount in (1, 2.5, "x"):
        merchant.send({"amount": amount, "provider": "p"})

    cost = merchant.create()

    assert merchant.total(cost) == 3.5
    assert merchant.summary(cost, groupBy="provider")["groups"][0]["quantity"] == 3.5


@pytest.mark.source('paygentic/cost-tracking "Idempotency"', grade="documented")
@pytest.mark.parametrize(("later", "counted"), [("23h", 1), ("86399s", 1), ("86400s", 2), ("48h", 2)])
def test_a_key_counts_once_within_24_hours(
    merchant: Merchant, advance: Callable[[str], None], later: str, counted: int
) -> None:
    cost = merchant.create()

    first = merchant.send({"amount": 1}, idempotencyKey="job")
    advance(later)
    second = merchant.send({"amount": 1}, idempotencyKey="job")

    assert merchant.total(cost) == counted
    assert first["id"] != second["id"]
    assert first["idempotencyKey"] == second["idempotencyKey"] == "job"


def test_a_duplicate_does_not_extend_the_24_hours(merchant: Merchant, advance: Callable[[str], None]) -> None:
    cost = merchant.create()
    for _ in range(3):
        merchant.send({"amount": 1}, idempotencyKey="job")
        advance("12h")

    assert merchant.total(cost) == 2


def test_a_duplicate_is_answered_as_it_was_sent_but_its_content_is_not_kept(merchant: Merchant, world: World) -> None:
    cost = merchant.create()
    merchant.send({"amount": 1}, idempotencyKey="job", timestamp="2026-02-02T00:00:00Z")

    echo = merchant.send({"amount": 99}, idempotencyKey="job", subject="cus_other")

    assert echo["subject"] == "cus_other"
    assert merchant.total(cost) == 1
    assert [entry.idempotency for entry in world.journal.read()[-3:]] == ["first", "duplicate", None]


def test_keys_are_counted_from_receiving_not_from_the_events_own_time(
    merchant: Merchant, advance: Callable[[str], None]
) -> None:
    cost = merchant.create()
    merchant.send({"amount": 1}, idempotencyKey="job", timestamp="2026-02-05T00:00:00Z")
    advance("1h")
    merchant.send({"amount": 1}, idempotencyKey="job", timestamp="2026-02-09T00:00:00Z")

    assert merchant.total(cost) == 1


def test_one_key_is_one_event_across_types_and_sources(merchant: Merchant) -> None:
    costs = [merchant.create(), merchant.create(eventType="cost.compute")]
    merchant.send({"amount": 1}, idempotencyKey="job")
    merchant.send({"amount": 1}, idempotencyKey="job", type="cost.compute", source="elsewhere")

    assert [merchant.total(cost) for cost in costs] == [1, 0]


def test_worlds_do_not_share_keys(merchant: Merchant, transport: httpx.BaseTransport) -> None:
    cost = merchant.create()
    with httpx.Client(
        transport=transport, base_url="http://mock", headers={"authorization": "bearer sk_live_b"}
    ) as http:
        other = Merchant(http)
        theirs = other.create()
        other.send({"amount": 5}, idempotencyKey="job")
        merchant.send({"amount": 1}, idempotencyKey="job")

        assert (merchant.total(cost), other.total(theirs)) == (1, 5)


def test_64_threads_with_one_key_store_one_event(simulator: Simulator, merchant: Merchant) -> None:
    cost = merchant.create()
    body = b'{"type": "cost.ai.inference", "source": "", "subject": "s", "data": {"amount": 1}, "idempotencyKey": "k"}'
    start = threading.Barrier(64)
    statuses: list[int] = []

    def post() -> None:
        start.wait()
        headers = {b"authorization": b"Bearer sk_test_acme"}
        reply = simulator.gateway.handle(Request("POST", "/v0/events", b"", headers, body))
        simulator.store.commit()
        statuses.append(reply.status)

    threads = [threading.Thread(target=post) for _ in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert statuses == [202] * 64
    assert merchant.total(cost) == 1


def test_an_external_subject_is_the_customer_that_has_it_now_or_later(merchant: Merchant) -> None:
    cost = merchant.create()
    early = merchant.send({"amount": 1}, subject=..., externalSubject="north-01")
    consumer = {"name": "North Ltd", "email": "ap@north.example", "address": {"country": "GB"}}
    body = {"merchantId": MERCHANT, "consumer": consumer, "externalId": "north-01"}
    customer = merchant.expect(201, merchant.http.post("/v0/customers", json=body))["customerId"]
    late = merchant.send({"amount": 2}, subject=..., externalSubject="north-01")
    merchant.send({"amount": 4}, subject=customer, externalSubject="somebody-else")

    assert "subject" not in early
    assert late["subject"] == customer
    assert merchant.total(cost, subject=customer) == 7
    assert merchant.total(cost, subject="north-01") == 0
    assert merchant.total(cost) == 7

    merchant.expect(200, merchant.http.patch(f"/v0/customers/{customer}", json={"externalId": None}))
    assert merchant.total(cost, subject=customer) == 4


def test_a_missing_source_is_empty_where_the_world_says_so(merchant: Merchant, flip: Callable[..., None]) -> None:
    merchant.create()
    fragment = without(EVENT, "source")

    assert merchant.http.post("/v0/events", json=fragment).status_code == 400
    flip(default_source=True)
    assert merchant.http.post("/v0/events", json=fragment).json()["source"] == ""


@pytest.mark.parametrize("instant", ["0001-01-02T00:00:00Z", "1969-12-31T23:59:59.999998Z", "9999-12-29T23:00:00Z"])
def test_an_event_may_have_happened_at_any_time(merchant: Merchant, instant: str) -> None:
    cost = merchant.create()

    merchant.send({"amount": 1}, timestamp=instant)

    day = instant[:10]
    window = {"from_": f"{day}T00:00:00Z", "to": f"{day}T23:59:59.9999999Z"}
    for width in ("DAY", "HOUR", "MINUTE"):
        points = merchant.summary(cost, **window, window=width)["timeSeries"]
        assert [point["quantity"] for point in points] == [1], width
        assert points[0]["windowStart"] <= instant < points[0]["windowEnd"]


def test_a_history_is_taken_in_by_the_same_rules(simulator: Simulator, merchant: Merchant, world: World) -> None:
    cost = merchant.create()
    begin = parse_instant("2026-02-01T00:00:00Z")

    def draft(amount: int, **changes: Any) -> EventDraft:
        return EventDraft(**{"type": TYPE, "source": "", "data": {"amount": amount}, "subject": "s", **changes})

    history = [
        (begin, draft(1, idempotency_key="k")),
        (begin + DAY - 1, draft(10, idempotency_key="k")),
        (begin + DAY, draft(100, idempotency_key="k")),
        (begin + DAY, draft(1000, type="unknown")),
        (begin + DAY, draft(10000, at=begin + 5 * HOUR)),
    ]
    with simulator.store.committed():
        recorded = ingest_many(world, history)

    assert recorded == 3
    assert merchant.total(cost) == 10101
    assert merchant.total(cost, to="2026-02-02T00:00:00Z") == 10001


def test_a_refused_event_leaves_nothing_behind(simulator: Simulator, merchant: Merchant) -> None:
    cost = merchant.create()
    merchant.http.post("/v0/events", json={**EVENT, "namespace": "org_other", "idempotencyKey": "k"})

    assert merchant.total(cost) == 0
    assert simulator.store.one("SELECT count(*) FROM paygentic_events") == (0,)
    merchant.send({"amount": 1}, idempotencyKey="k")
    assert merchant.total(cost) == 1


@pytest.mark.parametrize("aggregation", ["SUM", "MIN", "MAX", "LATEST", "UNIQUE_COUNT"])
def test_many_events_at_once_add_up_like_one_by_one_and_like_a_cost_made_later(
    simulator: Simulator, merchant: Merchant, world: World, aggregation: str
) -> None:
    cost = merchant.create(aggregation=aggregation)
    begin = parse_instant("2026-02-01T00:00:00Z")
    amounts = [Decimal(text) for text in ("5", "-1.5", "1E+30", "0.000000000000000000000000007", "9", "5.0", "-1E+30")]
    history = [
        (
            begin,
            EventDraft(
                TYPE, "", {"amount": amounts[n % 7], "provider": "p"}, f"s{n % 2}", at=begin + n * 37 % 11 * HOUR
            ),
        )
        for n in range(300)
    ]

    with simulator.store.committed():
        for part in (history[:200], history[200:]):
            assert ingest_many(world, part) == len(part)
    later = merchant.create(aggregation=aggregation, groupBy={"who": "$.provider"})

    one_by_one = merchant.create(aggregation=aggregation, eventType="single")
    for _, draft in history:
        text = f'{{"amount": {draft.data["amount"]}, "provider": "p"}}'
        merchant.send(text, type="single", subject=draft.subject, timestamp=format_instant(draft.at or 0))
    for query in ({}, {"subject": "s1"}, {"from_": "2026-02-01T03:00:00Z"}, {"to": "2026-02-01T07:30:00Z"}):
        totals = {merchant.total(each, **query) for each in (cost, later, one_by_one)}
        assert len(totals) == 1, (query, totals)


def unread(simulator: Simulator) -> int:
    """Return how many events the meter furthest behind has not read."""
    row = simulator.store.one(
        "SELECT max((SELECT count(*) FROM paygentic_events e WHERE e.world = m.world AND e.type = m.event_type"
        " AND e.seq > m.read_up_to)) FROM paygentic_meters m"
    )
    assert row is not None
    return int(row[0])


def test_meters_read_in_batches_and_at_the_latest_when_somebody_asks(simulator: Simulator, merchant: Merchant) -> None:
    odd, even = merchant.create(eventType="odd"), merchant.create(eventType="even")

    behind = []
    for n in range(MAX_UNREAD + 7):
        merchant.send({"amount": 1}, type="odd" if n % 2 else "even")
        behind.append(unread(simulator))

    assert max(behind) == MAX_UNREAD // 2  # every 256th arrival lets all meters read, whatever its type
    assert behind[-1] == 4
    assert merchant.total(odd) + merchant.total(even) == MAX_UNREAD + 7
    assert unread(simulator) == 0


def test_a_copy_of_a_world_reads_what_the_original_had_not(
    simulator: Simulator, merchant: Merchant, world: World
) -> None:
    cost = merchant.create()
    merchant.send({"amount": 5})

    with simulator.store.committed():
        simulator.worlds.fork(world, "copy")
    merchant.send({"amount": 7})
    copied = merchant.http.get(
        f"/v0/costs/{cost['id']}/summary", params=MONTH, headers={"Authorization": "Bearer sk_test_copy"}
    )

    assert copied.json()["totalQuantity"] == 5
    assert merchant.total(cost) == 12
