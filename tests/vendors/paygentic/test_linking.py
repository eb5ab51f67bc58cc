"""Whose an event is and when it happened, whatever happens to customers and in whatever order events arrive."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.vendors.paygentic.conftest import MERCHANT, Merchant

TIMES = {
    "late": "2025-12-31T23:59:59.999999Z",
    "early": "2026-02-03T08:00:00Z",
    "now": ...,
    "future": "2026-03-20T00:00:00Z",
}
EVER = {"from_": "2000-01-01T00:00:00Z", "to": "2100-01-01T00:00:00Z"}


def enrol(merchant: Merchant, email: str, external_id: str) -> str:
    """Add a customer and return its id."""
    consumer = {"name": "North Ltd", "email": email, "address": {"country": "GB"}}
    body = {"merchantId": MERCHANT, "consumer": consumer, "externalId": external_id}
    return str(merchant.expect(201, merchant.http.post("/v0/customers", json=body))["customerId"])


def rename(merchant: Merchant, customer: str, external_id: str | None) -> None:
    merchant.expect(200, merchant.http.patch(f"/v0/customers/{customer}", json={"externalId": external_id}))


def drop(merchant: Merchant, customer: str) -> None:
    merchant.expect(204, merchant.http.delete(f"/v0/customers/{customer}"))


def send(merchant: Merchant, amount: int, external_subject: str) -> str | None:
    """Send an event of an external subject, and return whose the answer says it is."""
    echo = merchant.send({"amount": amount}, subject=..., externalSubject=external_subject)
    assert echo["externalSubject"] == external_subject
    subject: str | None = echo.get("subject")
    return subject


@pytest.mark.source('paygentic/openapi "externalSubject"', grade="documented")
def test_events_of_an_external_subject_belong_to_whoever_has_it_when_asked(merchant: Merchant) -> None:
    cost = merchant.create()

    def totals(*customers: str) -> list[Any]:
        assert merchant.total(cost) == sum(sent)
        return [merchant.total(cost, subject=customer) for customer in customers]

    sent = [1]
    assert send(merchant, 1, "north-01") is None
    first = enrol(merchant, "a@north.example", "north-01")
    assert totals(first) == [1]

    sent.append(2)
    assert send(merchant, 2, "north-01") == first
    assert totals(first) == [3]

    drop(merchant, first)
    sent.append(4)
    assert send(merchant, 4, "north-01") is None
    assert totals(first) == [0]

    again = enrol(merchant, "a@north.example", "north-01")
    assert again != first
    sent.append(8)
    assert send(merchant, 8, "north-01") == again
    assert totals(first, again) == [0, 15]

    rename(merchant, again, "north-02")
    sent.append(16)
    assert send(merchant, 16, "north-02") == again
    assert send(merchant, 0, "north-01") is None
    assert totals(again) == [16]

    other = enrol(merchant, "b@north.example", "north-01")
    assert totals(again, other) == [16, 15]

    rename(merchant, other, None)
    rename(merchant, again, "north-01")
    assert totals(again, other) == [15, 0]


def test_what_was_sent_in_a_customers_own_name_stays_with_it(merchant: Merchant) -> None:
    cost = merchant.create()
    customer = enrol(merchant, "a@north.example", "north-01")
    merchant.send({"amount": 1}, subject=customer)
    merchant.send({"amount": 2}, subject=customer, externalSubject="south-01")
    send(merchant, 4, "north-01")
    south = enrol(merchant, "s@south.example", "south-01")
    assert [merchant.total(cost, subject=each) for each in (customer, south)] == [7, 0]

    rename(merchant, customer, None)
    assert merchant.total(cost, subject=customer) == 3
    drop(merchant, customer)
    assert merchant.total(cost, subject=customer) == 3


def test_nobody_is_linked_by_a_letter_case_or_an_id(merchant: Merchant) -> None:
    cost = merchant.create()
    customer = enrol(merchant, "a@north.example", "north-01")

    assert send(merchant, 1, "North-01") is None
    assert send(merchant, 2, customer) is None
    assert merchant.total(cost, subject=customer) == 0


@pytest.mark.source('paygentic/events "timestamp"', grade="documented")
@pytest.mark.parametrize("order", [("late", "early", "now", "future"), ("future", "now", "late", "early"),
                                   ("early", "future", "late", "now")])  # fmt: skip
@pytest.mark.parametrize("asks_between", [False, True])
def test_events_count_when_they_happened_in_whatever_order_they_arrive(
    merchant: Merchant, advance: Callable[[str], None], order: tuple[str, ...], asks_between: bool
) -> None:
    added, latest = merchant.create(), merchant.create(aggregation="LATEST")
    amounts = {"late": 1, "early": 2, "now": 4, "future": 8}
    for name in order:
        merchant.send({"amount": amounts[name]}, timestamp=TIMES[name])
        if asks_between:
            merchant.total(added, **EVER)
    advance("40d")

    series = merchant.summary(added, **EVER, window="DAY")["timeSeries"]
    days = ["2025-12-31", "2026-02-03", "2026-02-10", "2026-03-20"]
    assert [(point["windowStart"][:10], point["quantity"]) for point in series] == list(
        zip(days, (1, 2, 4, 8), strict=True)
    )
    assert merchant.total(added) == 6
    assert merchant.total(latest) == 4
    assert merchant.total(latest, **EVER) == 8
    assert merchant.total(latest, from_="2025-01-01T00:00:00Z", to="2026-01-01T00:00:00Z") == 1


def test_of_events_at_one_instant_the_last_to_arrive_is_the_latest(
    merchant: Merchant, advance: Callable[[str], None]
) -> None:
    latest = merchant.create(aggregation="LATEST")
    for amount in (5, 9, 7):
        merchant.send({"amount": amount}, timestamp=TIMES["early"])
        advance("1h")
        assert merchant.total(latest) == amount
    merchant.send({"amount": "none"}, timestamp=TIMES["early"])

    assert merchant.total(latest) == 7


@pytest.mark.source('paygentic/cost-tracking "Idempotency"', grade="documented")
def test_a_key_is_free_again_after_24_hours_to_the_microsecond(
    merchant: Merchant, go_to: Callable[[str], None]
) -> None:
    cost = merchant.create()
    counted = []
    for at in ("10T12:00:00.5", "11T11:59:59", "11T12:00:00.499999", "11T12:00:00.5", "12T12:00:00.499999",
               "12T12:00:00.5"):  # fmt: skip
        go_to(f"2026-02-{at}Z")
        merchant.send({"amount": 1}, idempotencyKey="job", timestamp="2026-02-01T00:00:00Z")
        counted.append(merchant.total(cost))

    assert counted == [1, 1, 1, 2, 2, 3]
