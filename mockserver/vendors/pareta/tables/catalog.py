"""Tasks, leaderboards, the roster, prices and other settings: a world may have its own."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from mockserver.kernel.sqlite import Database, Migrations
from mockserver.kernel.world import World
from mockserver.vendors.pareta.domain.catalog import FrontierModel, PriceSheet, RankedModel, Task

migrations = Migrations("pareta.catalog")


@migrations()
def create_catalog(db: Database) -> None:
    """Tasks, leaderboards, the frontier roster and prices: a world may have its own."""
    for statement in (
        "CREATE TABLE pareta_tasks (world INTEGER, position INTEGER, id TEXT, body TEXT,"
        " PRIMARY KEY (world, id)) WITHOUT ROWID",
        "CREATE TABLE pareta_models (world INTEGER, task TEXT, position INTEGER, name TEXT, kind TEXT, quality REAL,"
        " cost_micro_usd INTEGER, context_k INTEGER, run_mode TEXT, is_recommended INTEGER,"
        " PRIMARY KEY (world, task, position)) WITHOUT ROWID",
        "CREATE TABLE pareta_roster (world INTEGER, position INTEGER, id TEXT, vendor TEXT, has_vision INTEGER,"
        " PRIMARY KEY (world, position)) WITHOUT ROWID",
        "CREATE TABLE pareta_settings (world INTEGER, name TEXT, value TEXT, PRIMARY KEY (world, name)) WITHOUT ROWID",
    ):
        db.execute(statement)


@lru_cache(maxsize=256)
def read_task(body: str) -> Task:
    """Read a task from its stored text; a pure function of it, so that a rollback cannot make it stale."""
    value = json.loads(body)
    return Task(value["id"], value["default_scorer"], value["scoring_strategy"], value["has_blob_input"], value)


def insert_tasks(world: World, bodies: Sequence[dict[str, Any]]) -> None:
    """Add tasks in order."""
    world.store.conn.executemany(
        "INSERT INTO pareta_tasks VALUES (?, ?, ?, ?)",
        [(world.id, n, body["id"], json.dumps(body)) for n, body in enumerate(bodies)],
    )


def tasks(world: World) -> list[Task]:
    """Return every task in catalog order."""
    rows = world.store.all("SELECT body FROM pareta_tasks WHERE world = ? ORDER BY position", (world.id,))
    return [read_task(row[0]) for row in rows]


def find_task(world: World, task_id: str) -> Task | None:
    """Return one task."""
    row = world.store.one("SELECT body FROM pareta_tasks WHERE world = ? AND id = ?", (world.id, task_id))
    return read_task(row[0]) if row else None


def insert_board(world: World, models: Sequence[RankedModel]) -> None:
    """Add a task's leaderboard."""
    world.store.conn.executemany(
        "INSERT INTO pareta_models VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                world.id,
                m.task,
                n,
                m.name,
                m.kind,
                m.quality,
                m.cost_micro_usd,
                m.context_k,
                m.run_mode,
                m.is_recommended,
            )
            for n, m in enumerate(models)
        ],
    )


def board(world: World, task_id: str) -> list[RankedModel]:
    """Return a task's leaderboard in stored order."""
    rows = world.store.all(
        "SELECT task, name, kind, quality, cost_micro_usd, context_k, run_mode, is_recommended FROM pareta_models"
        " WHERE world = ? AND task = ? ORDER BY position",
        (world.id, task_id),
    )
    return [RankedModel(*[*row[:-1], bool(row[-1])]) for row in rows]


def tasks_of(world: World, alias: str) -> list[str]:
    """Return the tasks an open model is ranked on, in catalog order."""
    rows = world.store.all(
        "SELECT task FROM pareta_models JOIN pareta_tasks ON pareta_tasks.world = pareta_models.world AND id = task"
        " WHERE pareta_models.world = ? AND name = ? AND kind = 'open' ORDER BY pareta_tasks.position",
        (world.id, alias),
    )
    return [row[0] for row in rows]


def insert_roster(world: World, models: Sequence[FrontierModel]) -> None:
    """Add the vendors' models in order."""
    world.store.conn.executemany(
        "INSERT INTO pareta_roster VALUES (?, ?, ?, ?, ?)",
        [(world.id, n, m.id, m.vendor, m.has_vision) for n, m in enumerate(models)],
    )


def roster(world: World) -> list[FrontierModel]:
    """Return the vendors' models in order."""
    rows = world.store.all(
        "SELECT id, vendor, has_vision FROM pareta_roster WHERE world = ? ORDER BY position", (world.id,)
    )
    return [FrontierModel(identity, vendor, bool(vision)) for identity, vendor, vision in rows]


def put_setting(world: World, name: str, value: Any) -> None:
    """Keep a JSON value under a name."""
    world.store.execute("INSERT OR REPLACE INTO pareta_settings VALUES (?, ?, ?)", (world.id, name, json.dumps(value)))


def setting_text(world: World, name: str) -> str:
    """Return the JSON text kept under a name."""
    row = world.store.one("SELECT value FROM pareta_settings WHERE world = ? AND name = ?", (world.id, name))
    assert row is not None, name
    text: str = row[0]
    return text


@lru_cache(maxsize=64)
def _price_sheet(text: str) -> PriceSheet:
    """Read prices from their stored text; a pure function of it, like `read_task`."""
    return PriceSheet(**json.loads(text))


def price_sheet(world: World) -> PriceSheet:
    """Return the world's prices."""
    return _price_sheet(setting_text(world, "prices"))
