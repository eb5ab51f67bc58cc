"""The merchant a world is, and the products it sells."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from mockserver.kernel.sqlite import Database, Migrations
from mockserver.kernel.store import Row, Store
from mockserver.vendors.paygentic.tables import pages

migrations = Migrations("paygentic.organizations")


@migrations()
def create_organizations(db: Database) -> None:
    """One merchant per world, and what it sells."""
    db.execute(
        """
        CREATE TABLE paygentic_organizations (
            world INTEGER NOT NULL, id TEXT NOT NULL, name TEXT NOT NULL,
            currencies TEXT NOT NULL, primary_currency TEXT NOT NULL, first_cost_id TEXT,
            has_customer_clocks INTEGER NOT NULL DEFAULT 0,
            PRIMARY KEY (world, id)
        ) WITHOUT ROWID
        """
    )
    db.execute(
        """
        CREATE TABLE paygentic_products (
            world INTEGER NOT NULL, id TEXT NOT NULL, name TEXT NOT NULL, description TEXT NOT NULL,
            merchant_id TEXT NOT NULL, metadata TEXT NOT NULL, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL,
            PRIMARY KEY (world, id)
        ) WITHOUT ROWID
        """
    )


@dataclass(frozen=True, slots=True)
class Organization:
    """The merchant a world is.

    :param currencies: ISO 4217 codes it has enabled.
    """

    id: str
    name: str
    currencies: tuple[str, ...]
    primary_currency: str


@dataclass(frozen=True, slots=True)
class Product:
    """Something the merchant sells; costs belong to one."""

    id: str
    name: str
    description: str
    merchant_id: str
    metadata: Mapping[str, str]
    created_at: int
    updated_at: int


def insert_organization(store: Store, world: int, organization: Organization, first_cost_id: str | None) -> None:
    """Save the merchant; its first cost is to get this id instead of a drawn one."""
    store.execute(
        "INSERT INTO paygentic_organizations (world, id, name, currencies, primary_currency, first_cost_id)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (
            world, organization.id, organization.name, json.dumps(organization.currencies),
            organization.primary_currency, first_cost_id,
        ),
    )  # fmt: skip


def organization_id(store: Store, world: int) -> str:
    """Return the merchant's id."""
    row = store.one("SELECT id FROM paygentic_organizations WHERE world = ?", (world,))
    assert row is not None
    return str(row[0])


def host(store: Store, world: int) -> tuple[str, bool]:
    """Return the merchant's id, and whether any customer lives by a test clock: what every event asks for."""
    row = store.one("SELECT id, has_customer_clocks FROM paygentic_organizations WHERE world = ?", (world,))
    assert row is not None
    return row[0], bool(row[1])


def organization(store: Store, world: int) -> Organization:
    """Return the merchant."""
    row = store.one(
        "SELECT id, name, currencies, primary_currency FROM paygentic_organizations WHERE world = ?", (world,)
    )
    assert row is not None
    return Organization(row[0], row[1], tuple(json.loads(row[2])), row[3])


def take_first_cost_id(store: Store, world: int) -> str | None:
    """Return the id kept for the world's first cost, once."""
    row = store.one("SELECT first_cost_id FROM paygentic_organizations WHERE world = ?", (world,))
    if row is None or row[0] is None:
        return None
    store.execute("UPDATE paygentic_organizations SET first_cost_id = NULL WHERE world = ?", (world,))
    return str(row[0])


def save_product(store: Store, world: int, product: Product) -> None:
    """Save a product, new or changed."""
    store.execute(
        "INSERT OR REPLACE INTO paygentic_products VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            world, product.id, product.name, product.description, product.merchant_id, json.dumps(product.metadata),
            product.created_at, product.updated_at,
        ),
    )  # fmt: skip


_PRODUCT = "SELECT id, name, description, merchant_id, metadata, created_at, updated_at FROM paygentic_products"


def _product(row: Row) -> Product:
    identifier, name, description, merchant_id, metadata, created_at, updated_at = row
    return Product(identifier, name, description, merchant_id, json.loads(metadata), created_at, updated_at)


def product(store: Store, world: int, identifier: str) -> Product | None:
    """Return a product."""
    row = store.one(f"{_PRODUCT} WHERE world = ? AND id = ?", (world, identifier))
    return _product(row) if row else None


def products(store: Store, world: int, limit: int, offset: int) -> tuple[list[Product], int]:
    """Return a page of products, newest first, and how many there are."""
    rows, total = pages.page(store, _PRODUCT, "world = ?", (world,), limit, offset)
    return [_product(row) for row in rows], total
