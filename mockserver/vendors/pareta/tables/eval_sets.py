"""Eval sets with their rows."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from mockserver.kernel.sqlite import Database, Migrations
from mockserver.kernel.windows import Instant
from mockserver.kernel.world import World
from mockserver.vendors.pareta.domain.rows import MAX_ROWS, EvalItem

migrations = Migrations("pareta.eval_sets")


@migrations()
def create_eval_sets(db: Database) -> None:
    """Eval sets with their rows."""
    for statement in (
        "CREATE TABLE pareta_eval_sets (world INTEGER, id TEXT, task TEXT, name TEXT, prompt TEXT, item_count INTEGER,"
        " created_at INTEGER, PRIMARY KEY (world, id)) WITHOUT ROWID",
        "CREATE TABLE pareta_eval_items (world INTEGER, eval_set TEXT, idx INTEGER, input TEXT, expected TEXT,"
        " has_document INTEGER NOT NULL, PRIMARY KEY (world, eval_set, idx)) WITHOUT ROWID",
    ):
        db.execute(statement)


@dataclass(frozen=True, slots=True)
class EvalSetRow:
    """An eval set without its rows."""

    id: str
    task: str
    name: str
    prompt: str | None
    item_count: int
    created_at: Instant


def insert_eval_set(world: World, row: EvalSetRow, items: Sequence[EvalItem]) -> None:
    """Add an eval set with its rows."""
    world.store.execute(
        "INSERT INTO pareta_eval_sets VALUES (?, ?, ?, ?, ?, ?, ?)",
        (world.id, row.id, row.task, row.name, row.prompt, row.item_count, row.created_at),
    )
    world.store.conn.executemany(
        "INSERT INTO pareta_eval_items VALUES (?, ?, ?, ?, ?, ?)",
        [
            (world.id, row.id, item.idx, json.dumps(item.input), json.dumps(item.expected), item.has_document)
            for item in items
        ],
    )


def eval_sets(world: World) -> list[EvalSetRow]:
    """Return every eval set, oldest first."""
    rows = world.store.all(
        "SELECT id, task, name, prompt, item_count, created_at FROM pareta_eval_sets WHERE world = ?"
        " ORDER BY created_at, id",
        (world.id,),
    )
    return [EvalSetRow(*row) for row in rows]


def find_eval_set(world: World, set_id: str) -> EvalSetRow | None:
    """Return one eval set."""
    row = world.store.one(
        "SELECT id, task, name, prompt, item_count, created_at FROM pareta_eval_sets WHERE world = ? AND id = ?",
        (world.id, set_id),
    )
    return EvalSetRow(*row) if row else None


def delete_eval_set(world: World, set_id: str) -> None:
    """Remove an eval set from view; its rows stay for the runs that still need them."""
    world.store.execute("DELETE FROM pareta_eval_sets WHERE world = ? AND id = ?", (world.id, set_id))


def eval_items(world: World, set_id: str, start: int = 0, end: int = MAX_ROWS) -> list[EvalItem]:
    """Return an eval set's rows in order, or those from one index up to another."""
    rows = world.store.all(
        "SELECT idx, input, expected, has_document FROM pareta_eval_items WHERE world = ? AND eval_set = ?"
        " AND idx >= ? AND idx < ? ORDER BY idx",
        (world.id, set_id, start, end),
    )
    return [
        EvalItem(idx, json.loads(given), json.loads(expected), bool(has_document))
        for idx, given, expected, has_document in rows
    ]


def documented_rows(world: World, set_id: str) -> set[int]:
    """Return the rows whose document is there: attached, or in the row itself; also of a set that was deleted."""
    rows = world.store.all(
        "SELECT idx FROM pareta_eval_items WHERE world = :world AND eval_set = :set AND has_document"
        " UNION SELECT idx FROM pareta_documents WHERE world = :world AND eval_set = :set",
        {"world": world.id, "set": set_id},
    )
    return {row[0] for row in rows}
