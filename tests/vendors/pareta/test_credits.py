"""The one balance: all that moves it, and that nothing else does."""

from __future__ import annotations

from dataclasses import replace

from mockserver.app import Simulator
from mockserver.kernel.money import MicroUsd
from mockserver.vendors.pareta import tables
from mockserver.vendors.pareta.operations.credits import CreditAccount, invariants
from tests.vendors.pareta.org import ENDPOINT, PRICE, START_MICRO_USD, Org

ROW = {"input": "Effective as of January 1, 2026", "expected": {"effective_date": "2026-01-01"}}


def test_a_world_starts_with_a_hundred_dollars_and_a_run_that_was_paid_for(org: Org) -> None:
    grant, debit = org.ledger

    assert (grant.kind, debit.kind) == ("grant", "debit")
    assert (debit.amount_micro_usd, debit.subject) == (-74211, "run_contracts")
    assert CreditAccount().balance(org.world) == org.balance
    assert org.balance == START_MICRO_USD == grant.amount_micro_usd - 74211


def test_chat_auto_and_evals_draw_on_the_same_balance(org: Org) -> None:
    auto = int(org.chat("auto").headers["x-pareta-billed"])
    org.chat()
    run = org.new_run(org.new_set([ROW] * 3), "llama-1")
    org.finished_run(run)

    assert [(entry.operation, entry.subject, -entry.amount_micro_usd) for entry in org.debits] == [
        ("chat.completions.create", "auto", auto),
        ("chat.completions.create", ENDPOINT, PRICE),
        ("evals.runs.create", run, 3 * 63),
    ]
    assert org.balance == START_MICRO_USD - auto - PRICE - 3 * 63


def test_a_grant_reopens_what_an_empty_balance_closed(org: Org) -> None:
    org.set_balance(0)
    assert org.chat().status_code == 402

    with org.house():
        CreditAccount().grant(org.world, MicroUsd(PRICE), "top-up")

    assert org.chat().status_code == 200
    assert org.chat().status_code == 402
    assert org.balance == 0


def test_the_ledger_can_be_read_from_any_point(org: Org) -> None:
    for _ in range(3):
        org.chat()

    entries = CreditAccount().entries(org.world, 3, 1)

    assert [(entry["seq"], entry["kind"], entry["at"]) for entry in entries] == [(4, "debit", "2026-02-10T12:00:00Z")]
    assert [entry["seq"] for entry in CreditAccount().entries(org.world, 0, 100)] == [1, 2, 3, 4, 5]


def test_organisations_have_a_balance_each(org: Org, simulator: Simulator) -> None:
    other = Org(simulator, "other")
    org.chat()
    org.set_balance(0)

    assert other.balance == START_MICRO_USD
    assert other.debits == []
    assert other.chat().status_code == 200
    assert org.chat().status_code == 402


def test_no_route_shows_or_moves_the_balance(org: Org) -> None:
    for path in ("/v1/credits", "/v1/balance", "/v1/billing", "/v1/organization", "/v1/top-up"):
        assert org.http.get(path).status_code == 404
        assert org.http.post(path, json={"amount": 1}).status_code == 404


# The invariants find what they are there to find.


def broken(org: Org) -> list[str]:
    return [found.name for found in invariants(org.world) if not found.holds]


def test_untouched_books_hold(org: Org) -> None:
    org.chat()
    org.finished_run(org.new_run(org.new_set([ROW]), "llama-1"))

    assert len(invariants(org.world)) == 4
    assert broken(org) == []


def tampered(simulator: Simulator, sql: str) -> list[str]:
    org = Org(simulator, "tampered")
    org.chat()
    org.finished_run(org.new_run(org.new_set([ROW]), "llama-1"))
    with org.house():
        changed = org.world.store.execute(f"{sql} AND world = ?", (org.world.id,)).rowcount
    assert changed == 1
    return broken(org)


def test_a_lost_debit_is_noticed(simulator: Simulator) -> None:
    found = tampered(simulator, "DELETE FROM pareta_ledger WHERE seq = 3")

    assert found == [
        "balance = grants - debits",
        "debits = priced successful calls",
        "metric totals = ledger rows of that endpoint",
    ]


def test_a_free_call_is_noticed(simulator: Simulator) -> None:
    found = tampered(simulator, "UPDATE pareta_calls SET cost_micro_usd = 0 WHERE 1")

    assert found == ["debits = priced successful calls", "metric totals = ledger rows of that endpoint"]


def test_a_run_that_is_not_the_sum_of_its_items_is_noticed(simulator: Simulator) -> None:
    sql = "UPDATE pareta_eval_runs SET total_cost_micro_usd = total_cost_micro_usd + 1 WHERE id <> 'run_contracts'"

    assert tampered(simulator, sql) == ["eval total = sum of its items"]


def test_a_run_debited_twice_is_noticed(org: Org, simulator: Simulator) -> None:
    other = Org(simulator, "other")
    run = other.new_run(other.new_set([ROW]), "llama-1")
    other.finished_run(run)
    last = replace(other.ledger[-1], seq=99)
    with other.house():
        tables.ledger.post(
            other.world, "debit", last.amount_micro_usd, at=last.at, operation=last.operation, subject=last.subject
        )

    assert broken(other) == ["eval total = sum of its items"]
    assert broken(org) == [], "another organisation's books are its own"
