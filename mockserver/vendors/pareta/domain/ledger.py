"""The rules of the one prepaid balance: who may start, what a success takes, and what must add up."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from mockserver.kernel.invariants import Invariant
from mockserver.kernel.money import MicroUsd
from mockserver.vendors.pareta.domain.errors import InsufficientCredits

Kind = Literal["grant", "debit"]

_REQUEST = "req_"
_COMPLETION = "chatcmpl-"

IDS = rf"(?:{_REQUEST}|{_COMPLETION}|run_)([0-9A-Za-z]{{16}})"
"""Matches the ids that clients see of paid work; what is captured is the same in all ids of one piece of work."""


def completion_id(request_id: str) -> str:
    """Return the id of the answer that a request got, where answers have one of their own."""
    return _COMPLETION + request_id.removeprefix(_REQUEST)


def token_of(identifier: str) -> str:
    """Return what the id of a request or an eval run has in common with the other ids of that piece of work."""
    return identifier[identifier.find("_") + 1 :]


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One movement of the balance.

    :param amount_micro_usd: positive for a grant, negative for a debit; a grant that takes credit away is negative too.
    :param balance_micro_usd: the balance after it.
    :param subject: the endpoint, model or eval run that was paid for, or the reason of a grant.
    :param model: what did the work, where it was one model.
    :param idempotency_key: what the client sent with the request.
    """

    seq: int
    at: int
    kind: Kind
    amount_micro_usd: int
    balance_micro_usd: int
    operation: str
    subject: str
    request_id: str
    model: str | None = None
    idempotency_key: str | None = None


def authorise(balance: MicroUsd, held: int) -> None:
    """Let a call start while there is any credit that no call in flight has claimed.

    A call that starts may take the balance slightly below zero, because its price is only known at its end.

    :param held: micro-USD set aside for streams that have not ended.
    :raises InsufficientCredits: nothing is left.

    Source: pareta/monitoring "Money is metered against your org balance" (empty balance: documented; the last
    partial charge: assumed).
    """
    if balance - held <= 0:
        raise InsufficientCredits(balance - held)


def cover(balance: MicroUsd, held: int, estimate: int) -> None:
    """Let an eval run start only when the balance covers all of it.

    :raises InsufficientCredits: it does not, or nothing is left.

    Source: pareta/monitoring "What an eval run cost" (402 before compute: documented; "cannot cover": assumed).
    """
    left = balance - held
    if left <= 0 or left < estimate:
        raise InsufficientCredits(left, estimate)


def chain_holds(entries: Iterable[LedgerEntry]) -> Invariant:
    """Check that every entry continues the one before it, so that balance = grants - debits at every row."""
    broken: list[dict[str, Any]] = []
    balance = 0
    last_seq = 0
    for entry in entries:
        if entry.balance_micro_usd != balance + entry.amount_micro_usd or entry.seq != last_seq + 1:
            broken.append({"seq": entry.seq, "balance_micro_usd": entry.balance_micro_usd, "expected": balance})
        if entry.kind == "debit" and entry.amount_micro_usd > 0:
            broken.append({"seq": entry.seq, "amount_micro_usd": entry.amount_micro_usd, "expected": "a debit takes"})
        balance, last_seq = entry.balance_micro_usd, entry.seq
    return Invariant("balance = grants - debits", tuple(broken))
