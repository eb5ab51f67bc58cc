"""The movements of the one balance, and what must add up with them."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from typing import Any, NamedTuple

from mockserver.kernel.money import MicroUsd
from mockserver.kernel.sqlite import Database, Migrations
from mockserver.kernel.store import Row
from mockserver.kernel.world import NOBODY, World
from mockserver.vendors.pareta.domain.ledger import Kind, LedgerEntry
from mockserver.vendors.pareta.tables.endpoints import LAST_CALL, next_call
from mockserver.vendors.pareta.tables.eval_runs import SET_ASIDE, set_aside

migrations = Migrations("pareta.ledger")


@migrations()
def create_ledger(db: Database) -> None:
    """Every movement of the balance; of a debit also which model did the work, and the idempotency key of its call."""
    db.execute(
        "CREATE TABLE pareta_ledger (world INTEGER, seq INTEGER, at INTEGER, kind TEXT, amount_micro_usd INTEGER,"
        " balance_micro_usd INTEGER, operation TEXT, subject TEXT, request_id TEXT, model TEXT, idempotency_key TEXT,"
        " PRIMARY KEY (world, seq)) WITHOUT ROWID"
    )


def balance(world: World) -> MicroUsd:
    """Return what is left of the organisation's credit."""
    return last_entry(world).balance_micro_usd


class LastEntry(NamedTuple):
    """Where the ledger stands."""

    seq: int
    balance_micro_usd: MicroUsd


def last_entry(world: World) -> LastEntry:
    """Return the ledger's last number and balance; zeros when it is empty."""
    row = world.store.one(
        "SELECT seq, balance_micro_usd FROM pareta_ledger WHERE world = ? ORDER BY seq DESC LIMIT 1", (world.id,)
    )
    return LastEntry(*row) if row else LastEntry(0, MicroUsd(0))


def last_instant(world: World) -> int | None:
    """Return when the last movement was, `None` when there was none."""
    row = world.store.one("SELECT at FROM pareta_ledger WHERE world = ? ORDER BY seq DESC LIMIT 1", (world.id,))
    return row[0] if row else None


def debited(world: World) -> MicroUsd:
    """Return the sum of all debits."""
    row = world.store.one(
        "SELECT coalesce(-sum(amount_micro_usd), 0) FROM pareta_ledger WHERE world = ? AND kind = 'debit'", (world.id,)
    )
    return MicroUsd(row[0] if row else 0)


class Standing(NamedTuple):
    """What decides whether a call may start, and as which of its server's.

    :param set_aside: what unfinished eval runs may still cost.
    :param ordinal: of the server's next call.
    """

    last: LastEntry
    set_aside: int
    ordinal: int


_STANDING = (
    f"SELECT seq, balance_micro_usd, ({SET_ASIDE}), ({LAST_CALL}) FROM pareta_ledger WHERE world = ?1"
    " ORDER BY seq DESC LIMIT 1"
)


def standing(world: World, who: str) -> Standing:
    """Return how things stand for a call to a server: one look at three tables, because every chat takes it."""
    row = world.store.one(_STANDING, (world.id, who))
    if row is None:
        return Standing(LastEntry(0, MicroUsd(0)), set_aside(world), next_call(world, who))
    seq, balance_micro_usd, aside, ordinal = row
    return Standing(LastEntry(seq, balance_micro_usd), aside or 0, (ordinal or 0) + 1)


def post(
    world: World,
    kind: Kind,
    amount: int,
    *,
    at: int,
    operation: str,
    subject: str,
    request_id: str = "",
    model: str | None = None,
    idempotency_key: str | None = None,
    after: LastEntry | None = None,
) -> None:
    """Append a movement of the balance.

    :param model: what did the work that is paid for.
    :param idempotency_key: what the client sent with the request.
    :param after: the ledger's last entry, if it was read within this unit of work.
    """
    last = after or last_entry(world)
    world.store.execute(
        "INSERT INTO pareta_ledger VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            world.id, last.seq + 1, at, kind, amount, last.balance_micro_usd + amount, operation, subject,
            request_id, model, idempotency_key,
        ),
    )  # fmt: skip


DebitRow = tuple[int, int, int, int, str, str, str, str | None, str | None]
"""A debit: a `LedgerEntry` without its kind."""


def post_debits(world: World, rows: Sequence[DebitRow]) -> None:
    """Append debits; each must continue the one before it, and the first the ledger."""
    world.store.insert_rows("pareta_ledger", f"({world.id:d}, ?, ?, 'debit', ?, ?, ?, ?, ?, ?, ?)", rows)


def last_inherited(world: World) -> int:
    """Return the number of the last movement that every world begins with."""
    row = world.store.one(
        "SELECT max(l.seq) FROM worlds w JOIN pareta_ledger l ON l.world = w.id WHERE w.name = ?", (NOBODY,)
    )
    return (row and row[0]) or 0


_ENTRY = (
    "SELECT seq, at, kind, amount_micro_usd, balance_micro_usd, operation, subject, request_id, model, idempotency_key"
    " FROM pareta_ledger"
)


def ledger(world: World, after: int = 0, limit: int = -1) -> Iterator[LedgerEntry]:
    """Yield movements newer than `after`, oldest first."""
    rows = world.store.execute(f"{_ENTRY} WHERE world = ? AND seq > ? ORDER BY seq LIMIT ?", (world.id, after, limit))
    return (LedgerEntry(*row) for row in rows)


_DEBIT = "SELECT seq, at, -amount_micro_usd, operation, subject, request_id, model, idempotency_key FROM pareta_ledger"


def debits(world: World, after: int, last: int, limit: int) -> list[Row]:
    """Return what was taken for work, newer than `after` and up to `last`, oldest first."""
    return world.store.all(
        f"{_DEBIT} WHERE world = ? AND kind = 'debit' AND seq > ? AND seq <= ? ORDER BY seq LIMIT ?",
        (world.id, after, last, limit),
    )


def debits_numbered(world: World, numbers: Collection[int]) -> list[Row]:
    """Return debits by number, oldest first."""
    return world.store.all(
        f"{_DEBIT} WHERE world = ? AND seq IN (SELECT value FROM json_each(?)) ORDER BY seq",
        (world.id, json.dumps(list(numbers))),
    )


# What must add up


def unpaid_calls(world: World) -> list[dict[str, Any]]:
    """Return priced calls and call debits that do not match one to one, by request, endpoint and amount."""
    rows = world.store.all(
        """
        SELECT request_id, endpoint, sum(called), sum(debited) FROM (
            SELECT request_id, endpoint, cost_micro_usd AS called, 0 AS debited FROM pareta_calls
            WHERE world = ?1 AND cost_micro_usd > 0
            UNION ALL
            SELECT request_id, subject, 0, -amount_micro_usd FROM pareta_ledger
            WHERE world = ?1 AND kind = 'debit' AND operation <> 'evals.runs.create'
        ) GROUP BY request_id, endpoint HAVING sum(called) <> sum(debited)
        """,
        (world.id,),
    )
    return [dict(zip(("request_id", "endpoint", "called", "debited"), row, strict=True)) for row in rows]


def unbalanced_endpoints(world: World) -> list[dict[str, Any]]:
    """Return endpoints whose calls do not add up to their ledger rows."""
    rows = world.store.all(
        """
        SELECT name, sum(metric), sum(ledger) FROM (
            SELECT endpoint AS name, cost_micro_usd AS metric, 0 AS ledger FROM pareta_calls WHERE world = ?1
            UNION ALL
            SELECT subject, 0, -amount_micro_usd FROM pareta_ledger
            WHERE world = ?1 AND kind = 'debit' AND operation <> 'evals.runs.create'
        ) GROUP BY name HAVING sum(metric) <> sum(ledger)
        """,
        (world.id,),
    )
    return [dict(zip(("endpoint", "metric_micro_usd", "ledger_micro_usd"), row, strict=True)) for row in rows]
