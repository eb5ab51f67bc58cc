"""The same work reported twice, or not at all: every call is billed once, at its price."""

from __future__ import annotations

import pytest
from app.billing import event_of
from app.drafts import Drafter
from samples import TICKETS

INGEST = "paygentic.events.ingest"


def test_a_job_that_runs_twice_bills_once(mockserver, summariser, billing):
    work = summariser.summarise(TICKETS[0])

    billing.report(work)

    mockserver.assert_called(INGEST, times=2)
    mockserver.assert_reconciles()


def test_a_draft_that_is_asked_for_twice_is_paid_for_once(mockserver, drafter: Drafter):
    first, second = drafter.draft(TICKETS[0]), drafter.draft(TICKETS[0])

    assert (second.call, second.cost_micro_usd) == (first.call, first.cost_micro_usd)
    mockserver.assert_reconciles()


def test_an_event_whose_receipt_was_lost_is_sent_again_and_counts_once(mockserver, summariser):
    mockserver.faults.lost_ack(first=1)

    summariser.summarise(TICKETS[0])

    mockserver.assert_called(INGEST, times=2)
    mockserver.assert_reconciles()


def test_a_duplicate_made_on_the_way_is_not_billed_twice(mockserver, summariser):
    mockserver.faults.doubled()

    for ticket in TICKETS:
        summariser.summarise(ticket)

    mockserver.assert_reconciles()


def test_a_duplicate_under_another_key_would_be_noticed(mockserver, summariser):
    mockserver.faults.doubled(key="new", nth=2)

    for ticket in TICKETS:
        summariser.summarise(ticket)

    with pytest.raises(AssertionError, match="doubled"):
        mockserver.assert_reconciles()


def test_an_event_the_vendor_confirmed_and_lost_would_be_noticed(mockserver, summariser):
    mockserver.faults.false_ack(nth=1)

    work = summariser.summarise(TICKETS[0])

    with pytest.raises(AssertionError, match="missing"):
        mockserver.assert_reconciles()
    assert event_of(work)["idempotency_key"] == f"{work.call}-cost"


def test_a_mistaken_unit_would_be_noticed(mockserver, summariser):
    mockserver.faults.unit_mistake("1000000", note="micro-dollars taken for dollars")

    summariser.summarise(TICKETS[0])

    with pytest.raises(AssertionError, match="wrong_amount"):
        mockserver.assert_reconciles()
