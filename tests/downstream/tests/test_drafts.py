"""Streams that break: the draft starts over, whoever watches is told, and it is counted once."""

from __future__ import annotations

import pytest
from app.tickets import NotNow, OutOfCredit
from samples import TICKETS

CHAT = "chat.completions.create"


def test_a_draft_is_shown_as_it_is_written(mockserver, drafter, shown):
    work = drafter.draft(TICKETS[0])

    assert "".join(shown) == work.text
    assert len(shown) > 1
    mockserver.assert_reconciles()


@pytest.mark.parametrize(
    "fault", [{"truncate_stream_after": 3}, {"malformed_chunk": 3}, {"reset": True}, {"lost_ack": True}], ids=str
)
def test_a_cut_stream_is_started_over_and_counted_once(mockserver, drafter, shown, fault):
    mockserver.faults.add(operation=CHAT, first=1, **fault)

    work = drafter.draft(TICKETS[0])

    start = shown.index(None) + 1
    assert "".join(shown[start:]) == work.text
    mockserver.assert_called(CHAT, times=2)
    mockserver.assert_same_idempotency_key()
    mockserver.assert_spend(max_usd=f"{work.cost_micro_usd / 1e6:.6f}")
    mockserver.assert_reconciles()


def test_a_stream_that_never_ends_well_costs_nothing(mockserver, drafter):
    mockserver.faults.add(operation=CHAT, truncate_stream_after=1)

    with pytest.raises(NotNow):
        drafter.draft(TICKETS[0])

    mockserver.assert_called(CHAT, times=3)
    mockserver.assert_spend(max_usd="0")


def test_a_busy_vendor_is_asked_again_under_the_same_key(mockserver, drafter):
    mockserver.faults.add(operation=CHAT, first=1, status=429, retry_after=0)

    drafter.draft(TICKETS[0])

    mockserver.assert_called(CHAT, times=2)
    mockserver.assert_same_idempotency_key()


@pytest.mark.mockserver(balance_usd="0")
def test_an_empty_balance_ends_it(mockserver, drafter):
    with pytest.raises(OutOfCredit, match="out of credit"):
        drafter.draft(TICKETS[0])

    mockserver.assert_no_retry_after_402()
