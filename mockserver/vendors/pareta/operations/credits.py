"""The organisation's one balance: what is left, what came in, what went out, and whether it adds up."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from mockserver.kernel.invariants import Invariant
from mockserver.kernel.money import MicroUsd
from mockserver.kernel.windows import format_instant
from mockserver.kernel.world import World
from mockserver.vendors.pareta import tables
from mockserver.vendors.pareta.domain.ledger import chain_holds


class CreditAccount:
    """The prepaid balance as the rest of the package sees it; the vendor's own API never shows it."""

    def balance(self, world: World) -> MicroUsd:
        """Return what is left."""
        return tables.ledger.balance(world)

    def grant(self, world: World, amount: MicroUsd, note: str) -> None:
        """Add credit, or take it away when negative."""
        tables.ledger.post(world, "grant", amount, at=world.clock.now(), operation="grant", subject=note)

    def entries(self, world: World, after: int, limit: int) -> list[dict[str, Any]]:
        """Return ledger entries newer than `after`, oldest first; instants as ISO 8601 text."""
        entries = tables.ledger.ledger(world, after, limit)
        return [{**asdict(entry), "at": format_instant(entry.at)} for entry in entries]


def held(world: World) -> int:
    """Return what streams in flight and unfinished eval runs have set aside."""
    streams = sum(world.holds.values()) if world.holds else 0
    return streams + tables.eval_runs.set_aside(world)


def invariants(world: World) -> list[Invariant]:
    """Check everything about money that must always hold."""
    return [
        chain_holds(tables.ledger.ledger(world)),
        Invariant("debits = priced successful calls", tuple(tables.ledger.unpaid_calls(world))),
        Invariant("eval total = sum of its items", tuple(tables.eval_runs.unbalanced_runs(world))),
        Invariant("metric totals = ledger rows of that endpoint", tuple(tables.ledger.unbalanced_endpoints(world))),
    ]
