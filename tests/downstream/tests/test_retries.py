"""A vendor that is busy, slow or gone: the desk waits as long as it is told, asks again, and pays once."""

from __future__ import annotations

import pytest
from app.billing import Billing
from app.summaries import Summariser
from app.tickets import NotNow
from pareta import Pareta
from samples import TICKETS

CHAT = "pareta.chat.completions.create"
INGEST = "paygentic.events.ingest"


@pytest.mark.mockserver(faults=[{"operation": CHAT, "first": 2, "status": 503, "retry_after": 0.1}])
def test_a_warming_model_is_waited_for(mockserver, summariser):
    summariser.summarise(TICKETS[0])

    mockserver.assert_called(CHAT, times=3)
    mockserver.assert_retry_after_respected()
    mockserver.assert_same_idempotency_key()
    mockserver.assert_reconciles()


def test_a_vendor_that_stays_busy_is_given_up(mockserver, summariser):
    mockserver.faults.add(operation=CHAT, status=429, retry_after=0)

    with pytest.raises(NotNow, match="does not answer"):
        summariser.summarise(TICKETS[0])

    mockserver.assert_called(CHAT, times=3)
    mockserver.assert_spend(max_usd="0")


def test_a_busy_biller_costs_no_event(mockserver, summariser):
    mockserver.faults.add(operation=INGEST, nth=[1, 2], status=429, retry_after=0)

    summariser.summarise(TICKETS[0])

    mockserver.assert_called(INGEST, times=3)
    mockserver.assert_reconciles()


def test_events_that_could_not_be_delivered_go_out_later(mockserver, summariser, billing):
    outage = mockserver.faults.add(vendor="paygentic", status=503)
    for ticket in TICKETS:
        summariser.summarise(ticket)
    assert len(billing.unsent) == len(TICKETS)

    outage.remove()
    billing.flush()

    assert billing.unsent == []
    mockserver.assert_reconciles()


def test_an_answer_that_comes_too_late_is_paid_for_once(mockserver, billing, budget):
    mockserver.faults.add(operation=CHAT, first=1, latency_ms=1_000)

    with Pareta(base_url=mockserver.url, api_key=mockserver.pareta_key, timeout=0.5) as client:
        work = Summariser(client, billing, budget).summarise(TICKETS[0])

    mockserver.assert_called(CHAT, times=2)
    mockserver.assert_same_idempotency_key()
    mockserver.assert_spend(max_usd=f"{work.cost_micro_usd / 1e6:.6f}")
    mockserver.assert_reconciles()


def test_a_vendor_that_never_answers_is_given_up(mockserver, billing, budget):
    mockserver.faults.add(operation=CHAT, timeout=True)

    with (
        Pareta(base_url=mockserver.url, api_key=mockserver.pareta_key, timeout=0.2, max_retries=0) as client,
        pytest.raises(NotNow, match="timed out"),
    ):
        Summariser(client, billing, budget).summarise(TICKETS[0])

    mockserver.assert_called(CHAT, times=1)
    mockserver.assert_spend(max_usd="0")


def test_an_answer_lost_on_its_way_is_fetched_again_and_not_paid_twice(mockserver, summariser: Summariser):
    mockserver.faults.add(operation=CHAT, first=1, lost_ack=True)

    work = summariser.summarise(TICKETS[0])

    assert work.cost_micro_usd > 0
    assert [request.cost_micro_usd for request in mockserver.requests if request.operation == CHAT] == [
        work.cost_micro_usd, 0,
    ]  # fmt: skip
    mockserver.assert_same_idempotency_key()
    mockserver.assert_reconciles()


def test_waiting_is_left_to_the_caller(mockserver, paygentic_client, pareta_client, budget):
    waited: list[float] = []
    billing = Billing(paygentic_client, sleep=waited.append)
    billing.open()
    mockserver.faults.add(operation=INGEST, nth=1, status=429, retry_after=7)
    mockserver.faults.add(operation=INGEST, first=1, status=503)

    Summariser(pareta_client, billing, budget).summarise(TICKETS[0])

    assert waited == [7.0, 1.0]
    mockserver.assert_reconciles()
