"""Answers that a test decides on, for what the desk makes of them."""

from __future__ import annotations

import pytest
from app.tickets import NotNow, OutOfCredit, Ticket
from app.triage import Triage
from samples import CUSTOMER, TICKETS

from mockserver.matchers import last_message, model


@pytest.fixture
def triage(openai_client, billing) -> Triage:
    return Triage(openai_client, billing)


@pytest.mark.parametrize(
    ("said", "level"), [("high", "high"), (" Low\n", "low"), ("I would rather not say.", "normal"), ("", "normal")]
)
def test_what_the_model_says_becomes_a_level(mockserver, triage, said, level):
    mockserver.stubs.add(text=said)

    assert triage.level(TICKETS[0]) == level

    mockserver.assert_reconciles()


def test_each_ticket_gets_the_answer_meant_for_it(mockserver, triage):
    mockserver.stubs.add(text="normal")
    mockserver.stubs.add(model("auto") & last_message(contains="log in"), text="high")
    mockserver.stubs.add(last_message(contains="invite") & ~last_message(contains="invoice"), text="low")

    assert [triage.level(ticket) for ticket in TICKETS] == ["normal", "high", "low"]


def test_answers_come_in_turn(mockserver, triage):
    mockserver.stubs.add(answers=[{"text": "low"}, {"text": "high"}])

    assert [triage.level(Ticket(f"t-{n}", CUSTOMER, "Help!")) for n in range(3)] == ["low", "high", "high"]


def test_a_stubbed_answer_costs_what_its_tokens_cost(mockserver, summariser):
    mockserver.stubs.add(text="Wrong invoice.")
    short = summariser.summarise(TICKETS[0])
    mockserver.stubs.add(text="The invoice of this customer is wrong. " * 20)
    long = summariser.summarise(TICKETS[0])

    assert short.text == "Wrong invoice."
    assert long.cost_micro_usd > short.cost_micro_usd
    mockserver.assert_reconciles()


@pytest.mark.mockserver(balance_usd="0")
def test_the_stock_client_is_told_of_an_empty_balance_too(mockserver, triage):
    with pytest.raises(OutOfCredit):
        triage.level(TICKETS[0])

    mockserver.assert_no_retry_after_402()


def test_the_stock_client_pays_once_for_an_answer_it_lost(mockserver, triage):
    mockserver.faults.add(operation="chat.completions.create", first=1, lost_ack=True)

    triage.level(TICKETS[0])

    mockserver.assert_called("chat.completions.create", times=2)
    mockserver.assert_same_idempotency_key()
    mockserver.assert_reconciles()


def test_the_stock_client_gives_up(mockserver, triage):
    mockserver.faults.add(operation="chat.completions.create", status=503, retry_after=0.05)

    with pytest.raises(NotNow):
        triage.level(TICKETS[0])

    mockserver.assert_spend(max_usd="0")
