"""Cost metrics; a deleted one keeps its row and its meter."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from mockserver.kernel.money import plain
from mockserver.kernel.sqlite import Database, Migrations
from mockserver.kernel.store import Row, Store
from mockserver.vendors.paygentic.domain.costing import Cost
from mockserver.vendors.paygentic.tables import pages
from mockserver.vendors.paygentic.tables.customers import LIVE
from mockserver.vendors.paygentic.tables.meters import drop_unused

migrations = Migrations("paygentic.costs")


@migrations()
def create_costs(db: Database) -> None:
    """Cost metrics; a deleted one keeps its row and its meter."""
    db.execute(
        """
        CREATE TABLE paygentic_costs (
            world INTEGER NOT NULL, id TEXT NOT NULL, name TEXT NOT NULL, currency TEXT NOT NULL,
            unit_cost TEXT NOT NULL, unit TEXT, aggregation TEXT, event_type TEXT, value_property TEXT, group_by TEXT,
            product_id TEXT NOT NULL, merchant_id TEXT NOT NULL,
            created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL, deleted_at INTEGER, meter INTEGER,
            PRIMARY KEY (world, id)
        ) WITHOUT ROWID
        """
    )
    db.execute("CREATE INDEX paygentic_costs_meter ON paygentic_costs (world, meter)")


_COST = (
    "SELECT id, name, currency, unit_cost, unit, aggregation, event_type, value_property, group_by, product_id,"
    " merchant_id, created_at, updated_at, deleted_at FROM paygentic_costs"
)


def _cost(row: Row) -> Cost:
    (
        identifier, name, currency, unit_cost, unit, aggregation, event_type, value_property, group_by, product_id,
        merchant_id, created_at, updated_at, deleted_at,
    ) = row  # fmt: skip
    return Cost(
        identifier, name, currency, Decimal(unit_cost), unit, aggregation, event_type, value_property,
        group_by and json.loads(group_by), product_id, merchant_id, created_at, updated_at, deleted_at,
    )  # fmt: skip


def cost(store: Store, world: int, identifier: str) -> Cost | None:
    """Return a cost, deleted or not."""
    row = store.one(f"{_COST} WHERE world = ? AND id = ?", (world, identifier))
    return _cost(row) if row else None


def costs(store: Store, world: int, limit: int, offset: int, product_id: str | None) -> tuple[list[Cost], int]:
    """Return a page of costs that were not deleted, newest first, and how many match."""
    where = LIVE
    parameters: list[Any] = [world]
    if product_id is not None:
        where += " AND product_id = ?"
        parameters.append(product_id)
    rows, total = pages.page(store, _COST, where, parameters, limit, offset)
    return [_cost(row) for row in rows], total


def live_costs(store: Store, world: int) -> list[Cost]:
    """Return every cost that was not deleted, by id."""
    return [_cost(row) for row in store.all(f"{_COST} WHERE {LIVE} ORDER BY id", (world,))]


def save_cost(store: Store, world: int, cost: Cost, meter: int | None) -> None:
    """Save a cost and the meter it reads events with; forget a former one that is not used any more."""
    before = store.one("SELECT meter FROM paygentic_costs WHERE world = ? AND id = ?", (world, cost.id))
    store.execute(
        "INSERT OR REPLACE INTO paygentic_costs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            world, cost.id, cost.name, cost.currency, plain(cost.unit_cost), cost.unit, cost.aggregation,
            cost.event_type, cost.value_property, None if cost.group_by is None else json.dumps(cost.group_by),
            cost.product_id, cost.merchant_id, cost.created_at, cost.updated_at, cost.deleted_at, meter,
        ),
    )  # fmt: skip
    if before and before[0] not in (None, meter):
        drop_unused(store, world, before[0])
