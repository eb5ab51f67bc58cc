"""The organisation's one balance: what is left, what came in, what went out, and whether it adds up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from mockserver.kernel.invariants import Invariant
from mockserver.kernel.money import MicroUsd, usd_text
from mockserver.kernel.windows import format_instant
from mockserver.kernel.world import World
from mockserver.vendors.pareta import tables
from mockserver.vendors.pareta.domain.ledger import LedgerEntry, chain_holds
from mockserver.vendors.vendor import Export, Value

_BATCH = 2000


class CreditAccount:
    """The prepaid balance as the rest of the package sees it; the vendor's own API never shows it."""

    def balance(self, world: World) -> MicroUsd:
        """Return what is left."""
        return tables.ledger.balance(world)

    def spent(self, world: World) -> MicroUsd:
        """Return the sum of everything that was ever debited."""
        return tables.ledger.debited(world)

    def grant(self, world: World, amount: MicroUsd, note: str) -> None:
        """Add credit, or take it away when negative."""
        tables.ledger.post(world, "grant", amount, at=world.clock.now(), operation="grant", subject=note)

    def entries(self, world: World, after: int, limit: int) -> list[dict[str, Any]]:
        """Return ledger entries newer than `after`, oldest first; instants as ISO 8601 text."""
        entries = tables.ledger.ledger(world, after, limit)
        return [{**asdict(entry), "at": format_instant(entry.at)} for entry in entries]


def held(world: World) -> int:
    """Return what streams in flight and unfinished eval runs have set aside."""
    return in_streams(world) + tables.eval_runs.set_aside(world)


def in_streams(world: World) -> int:
    """Return what streams in flight have set aside."""
    return sum(world.holds.values()) if world.holds else 0


def invariants(world: World) -> list[Invariant]:
    """Check everything about money that must always hold."""
    return [
        chain_holds(tables.ledger.ledger(world)),
        Invariant("debits = priced successful calls", tuple(tables.ledger.unpaid_calls(world))),
        Invariant("eval total = sum of its items", tuple(tables.eval_runs.unbalanced_runs(world))),
        Invariant("metric totals = ledger rows of that endpoint", tuple(tables.ledger.unbalanced_endpoints(world))),
    ]


def _batches(world: World) -> Iterator[Sequence[tuple[Value, ...]]]:
    after = 0
    while entries := list(tables.ledger.ledger(world, after, _BATCH)):
        after = entries[-1].seq
        yield [_row(entry) for entry in entries]


def _row(entry: LedgerEntry) -> tuple[Value, ...]:
    return (
        entry.seq, format_instant(entry.at), entry.kind, entry.amount_micro_usd, usd_text(entry.amount_micro_usd),
        entry.balance_micro_usd, usd_text(entry.balance_micro_usd), entry.operation, entry.subject, entry.request_id,
    )  # fmt: skip


LEDGER = Export(
    (
        "seq", "at", "kind", "amount_micro_usd", "amount_usd", "balance_micro_usd", "balance_usd", "operation",
        "subject", "request_id",
    ),
    _batches,
)  # fmt: skip
"""Every movement of the balance, oldest first."""
