"""Many tickets at once, through the async clients."""

from __future__ import annotations

import asyncio

import pytest
from app.summaries import AsyncSummariser
from app.tickets import OutOfCredit, Ticket
from samples import CUSTOMER

TICKETS = [Ticket(f"t-{n}", CUSTOMER, f"Machine {n} makes a noise like {'clack ' * n}") for n in range(12)]


def test_every_ticket_is_summarised_and_billed_once(mockserver, async_pareta_client, billing):
    done = asyncio.run(AsyncSummariser(async_pareta_client, billing).summarise(TICKETS))

    assert [work.ticket for work in done] == TICKETS
    mockserver.assert_called("paygentic.events.ingest", times=len(TICKETS))
    mockserver.assert_reconciles()


def test_a_vendor_that_fails_now_and_then_makes_no_difference_to_the_bill(mockserver, async_pareta_client, billing):
    mockserver.faults.add(operation="chat.completions.create", every=5, status=503, retry_after=0)
    mockserver.faults.add(operation="events.ingest", every=4, lost_ack=True)

    done = asyncio.run(AsyncSummariser(async_pareta_client, billing).summarise(TICKETS))

    assert len(done) == len(TICKETS)
    assert billing.unsent == []
    mockserver.assert_reconciles()


def test_an_empty_balance_ends_the_batch(mockserver, async_pareta_client, billing):
    mockserver.faults.add(operation="chat.completions.create", nth=5, exhaust_credits=True)

    with pytest.raises(OutOfCredit):
        asyncio.run(AsyncSummariser(async_pareta_client, billing, at_once=1).summarise(TICKETS))

    mockserver.assert_called("paygentic.events.ingest", times=4)
    mockserver.assert_reconciles()
