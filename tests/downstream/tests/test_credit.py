"""An empty balance: the desk says so, and does not ask again."""

from __future__ import annotations

import pytest
from app.money import Budget
from app.summaries import Summariser
from app.tickets import OutOfCredit, OverBudget
from samples import TICKETS


@pytest.mark.mockserver(balance_usd="0")
def test_nothing_is_asked_twice_of_an_empty_balance(mockserver, summariser):
    with pytest.raises(OutOfCredit, match="out of credit"):
        summariser.summarise(TICKETS[0])

    mockserver.assert_called("pareta.chat.completions.create", times=1)
    mockserver.assert_no_retry_after_402()
    mockserver.assert_spend(max_usd="0")


def test_what_was_done_before_the_balance_ran_out_is_billed(mockserver, summariser):
    mockserver.faults.credit_exhausted(nth=3)

    summariser.summarise(TICKETS[0])
    summariser.summarise(TICKETS[1])
    with pytest.raises(OutOfCredit):
        summariser.summarise(TICKETS[2])

    assert mockserver.credits.balance_micro_usd == 0
    mockserver.assert_called("paygentic.events.ingest", times=2)
    mockserver.assert_reconciles()
    mockserver.assert_no_retry_after_402()


def test_work_goes_on_after_a_top_up(mockserver, summariser):
    mockserver.credits.set("0")
    with pytest.raises(OutOfCredit):
        summariser.summarise(TICKETS[0])

    mockserver.credits.set("1.00")

    work = summariser.summarise(TICKETS[0])
    assert mockserver.credits.balance_micro_usd == 1_000_000 - work.cost_micro_usd


def test_the_budget_stops_the_desk_before_the_balance_does(mockserver, pareta_client, billing):
    summariser = Summariser(pareta_client, billing, Budget(limit_micro_usd=1))

    summariser.summarise(TICKETS[0])
    with pytest.raises(OverBudget):
        summariser.summarise(TICKETS[1])

    mockserver.assert_called("chat.completions.create", times=1)
    mockserver.assert_spend(max_usd="0.001")
