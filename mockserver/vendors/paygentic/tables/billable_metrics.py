"""Billable metrics, and the items they are tagged with."""

from __future__ import annotations

import json
from typing import Any

from mockserver.kernel.sqlite import Database, Migrations
from mockserver.kernel.store import Row, Store
from mockserver.vendors.paygentic.domain.billable_metrics import BillableMetric, Item
from mockserver.vendors.paygentic.tables import pages
from mockserver.vendors.paygentic.tables.meters import drop_unused

migrations = Migrations("paygentic.billable_metrics")


@migrations()
def create_billable_metrics(db: Database) -> None:
    """Billable metrics with the meter each reads events with, and items."""
    db.execute(
        """
        CREATE TABLE paygentic_items (
            world INTEGER NOT NULL, id TEXT NOT NULL, name TEXT NOT NULL, product_id TEXT NOT NULL,
            created_at INTEGER NOT NULL, archived_at INTEGER,
            PRIMARY KEY (world, id)
        ) WITHOUT ROWID
        """
    )
    db.execute(
        """
        CREATE TABLE paygentic_billable_metrics (
            world INTEGER NOT NULL, id TEXT NOT NULL, name TEXT NOT NULL, description TEXT NOT NULL,
            unit TEXT NOT NULL, merchant_id TEXT NOT NULL, product_id TEXT NOT NULL, item_id TEXT,
            aggregation TEXT NOT NULL, event_type TEXT, value_property TEXT, group_by TEXT, event_from INTEGER,
            created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL, meter INTEGER,
            PRIMARY KEY (world, id)
        ) WITHOUT ROWID
        """
    )
    db.execute("CREATE INDEX paygentic_billable_metrics_meter ON paygentic_billable_metrics (world, meter)")


def insert_item(store: Store, world: int, item: Item) -> None:
    """Save an item."""
    store.execute(
        "INSERT INTO paygentic_items VALUES (?, ?, ?, ?, ?, ?)",
        (world, item.id, item.name, item.product_id, item.created_at, item.archived_at),
    )


def item(store: Store, world: int, identifier: str) -> Item | None:
    """Return an item, archived or not."""
    row = store.one(
        "SELECT id, name, product_id, created_at, archived_at FROM paygentic_items WHERE world = ? AND id = ?",
        (world, identifier),
    )
    return Item(*row) if row else None


_METRIC = (
    "SELECT id, name, description, unit, merchant_id, product_id, item_id, aggregation, event_type, value_property,"
    " group_by, event_from, created_at, updated_at FROM paygentic_billable_metrics"
)


def _metric(row: Row) -> BillableMetric:
    (
        identifier, name, description, unit, merchant_id, product_id, item_id, aggregation, event_type, value_property,
        group_by, event_from, created_at, updated_at,
    ) = row  # fmt: skip
    return BillableMetric(
        identifier, name, description, unit, merchant_id, product_id, item_id, aggregation, event_type, value_property,
        group_by and json.loads(group_by), event_from, created_at, updated_at,
    )  # fmt: skip


def billable_metric(store: Store, world: int, identifier: str) -> BillableMetric | None:
    """Return a billable metric."""
    row = store.one(f"{_METRIC} WHERE world = ? AND id = ?", (world, identifier))
    return _metric(row) if row else None


def billable_metrics(
    store: Store, world: int, limit: int, offset: int, *, product_id: str | None, item_id: str | None
) -> tuple[list[BillableMetric], int]:
    """Return a page of billable metrics, newest first, and how many match."""
    where = "world = ?"
    parameters: list[Any] = [world]
    for column, value in (("product_id", product_id), ("item_id", item_id)):
        if value is not None:
            where += f" AND {column} = ?"
            parameters.append(value)
    rows, total = pages.page(store, _METRIC, where, parameters, limit, offset)
    return [_metric(row) for row in rows], total


def save_billable_metric(store: Store, world: int, metric: BillableMetric, meter: int | None) -> None:
    """Save a metric, new or changed, and the meter it reads events with; forget a former one that is not used."""
    before = store.one("SELECT meter FROM paygentic_billable_metrics WHERE world = ? AND id = ?", (world, metric.id))
    store.execute(
        "INSERT OR REPLACE INTO paygentic_billable_metrics VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            world, metric.id, metric.name, metric.description, metric.unit, metric.merchant_id, metric.product_id,
            metric.item_id, metric.aggregation, metric.event_type, metric.value_property,
            None if metric.group_by is None else json.dumps(metric.group_by), metric.event_from,
            metric.created_at, metric.updated_at, meter,
        ),
    )  # fmt: skip
    if before and before[0] not in (None, meter):
        drop_unused(store, world, before[0])
