from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.kernel.money import MicroUsd
from mockserver.vendors.pareta.domain.errors import InsufficientCredits
from mockserver.vendors.pareta.domain.ledger import Kind, LedgerEntry, authorise, chain_holds, cover


@pytest.mark.parametrize(("balance", "held"), [(1, 0), (100, 99), (10**15, 0)])
def test_any_unclaimed_credit_lets_a_call_start(balance: int, held: int) -> None:
    authorise(MicroUsd(balance), held)


@pytest.mark.parametrize(("balance", "held"), [(0, 0), (-1, 0), (100, 100), (100, 101)])
def test_no_unclaimed_credit_lets_no_call_start(balance: int, held: int) -> None:
    with pytest.raises(InsufficientCredits) as refused:
        authorise(MicroUsd(balance), held)

    assert refused.value.balance_micro_usd == balance - held


@pytest.mark.parametrize(("balance", "held", "estimate"), [(1, 0, 0), (1, 0, 1), (74211, 0, 74211), (100, 40, 60)])
def test_a_run_starts_when_all_of_it_is_covered(balance: int, held: int, estimate: int) -> None:
    cover(MicroUsd(balance), held, estimate)


@pytest.mark.parametrize(
    ("balance", "held", "estimate"), [(0, 0, 0), (-1, 0, 0), (74210, 0, 74211), (100, 41, 60), (5, 5, 0)]
)
def test_a_run_that_is_not_wholly_covered_does_not_start(balance: int, held: int, estimate: int) -> None:
    with pytest.raises(InsufficientCredits) as refused:
        cover(MicroUsd(balance), held, estimate)

    assert (refused.value.balance_micro_usd, refused.value.needed_micro_usd) == (balance - held, estimate)


def chain(amounts: list[int]) -> list[LedgerEntry]:
    entries: list[LedgerEntry] = []
    balance = 0
    for seq, amount in enumerate(amounts, 1):
        balance += amount
        kind: Kind = "grant" if amount > 0 else "debit"
        entries.append(LedgerEntry(seq, seq, kind, amount, balance, "op", "who", f"req_{seq}"))
    return entries


amounts = st.lists(st.integers(-1000, 1000), min_size=1, max_size=20)


@given(amounts)
def test_a_ledger_that_was_written_in_order_holds(amounts: list[int]) -> None:
    assert chain_holds(chain(amounts)).holds
    assert chain_holds([]).holds


@given(amounts, st.data())
def test_every_planted_break_is_found(amounts: list[int], data: st.DataObject) -> None:
    entries = chain(amounts)
    at = data.draw(st.integers(0, len(entries) - 1))
    entry = entries[at]
    off = data.draw(st.integers(1, 50) | st.integers(-50, -1))
    kinds = ["amount", "balance", "seq", "repeat"]
    if at < len(entries) - 1:
        kinds.append("remove")
    if entry.amount_micro_usd > 0:
        kinds.append("debit that gives")
    match data.draw(st.sampled_from(kinds)):
        case "amount":
            entries[at] = replace(entry, amount_micro_usd=entry.amount_micro_usd + off)
        case "balance":
            entries[at] = replace(entry, balance_micro_usd=entry.balance_micro_usd + off)
        case "seq":
            entries[at] = replace(entry, seq=entry.seq + off)
        case "repeat":
            entries.insert(at, entry)
        case "remove":
            del entries[at]
        case "debit that gives":
            entries[at] = replace(entry, kind="debit")

    found = chain_holds(entries)

    assert not found.holds
    assert found.name == "balance = grants - debits"
    assert any(row["seq"] in (entry.seq, entry.seq + 1, entries[at].seq) for row in found.rows)


def test_a_balance_that_is_right_at_the_end_does_not_hide_a_wrong_one_before() -> None:
    entries = chain([100, -30, -30])
    entries[1] = replace(entries[1], balance_micro_usd=0)

    assert [row["seq"] for row in chain_holds(entries).rows] == [2, 3]
