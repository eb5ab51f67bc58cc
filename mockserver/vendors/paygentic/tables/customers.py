"""Who buys from the merchant."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from mockserver.kernel.sqlite import Database, Migrations
from mockserver.kernel.store import Row, Store
from mockserver.vendors.paygentic.domain.json_text import dump, restore
from mockserver.vendors.paygentic.tables import pages

migrations = Migrations("paygentic.customers")


@migrations()
def create_customers(db: Database) -> None:
    """Who buys from the merchant; a deleted one keeps its row.

    The keys are name and e-mail address without letter case, because SQLite folds that of ASCII only.
    """
    db.execute(
        """
        CREATE TABLE paygentic_customers (
            world INTEGER NOT NULL, id TEXT NOT NULL, consumer_id TEXT NOT NULL, merchant_id TEXT NOT NULL,
            name TEXT NOT NULL, email TEXT NOT NULL, phone TEXT, address TEXT, tax_id TEXT, external_id TEXT,
            tax_rates TEXT, notifications TEXT,
            created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL, deleted_at INTEGER,
            name_key TEXT NOT NULL, email_key TEXT NOT NULL,
            PRIMARY KEY (world, id)
        ) WITHOUT ROWID
        """
    )
    db.execute(
        "CREATE INDEX paygentic_customers_external ON paygentic_customers (world, external_id)"
        " WHERE external_id IS NOT NULL"
    )
    for column in ("email_key", "consumer_id"):
        db.execute(f"CREATE INDEX paygentic_customers_{column} ON paygentic_customers (world, {column})")


@dataclass(frozen=True, slots=True)
class Customer:
    """A consumer that buys from the merchant.

    :param consumer_id: the consumer's own organization.
    :param external_id: the merchant's own name for it; events may use it in place of the id.
    :param tax_rates: per cent, by tax name.
    """

    id: str
    consumer_id: str
    merchant_id: str
    name: str
    email: str
    phone: str | None
    address: Mapping[str, str] | None
    tax_id: str | None
    external_id: str | None
    tax_rates: Mapping[str, Decimal] | None
    notifications: Mapping[str, bool] | None
    created_at: int
    updated_at: int
    deleted_at: int | None = None


_CUSTOMER = (
    "SELECT id, consumer_id, merchant_id, name, email, phone, address, tax_id, external_id, tax_rates, notifications,"
    " created_at, updated_at, deleted_at FROM paygentic_customers"
)
LIVE = "world = ? AND deleted_at IS NULL"


def _customer(row: Row) -> Customer:
    (
        identifier, consumer_id, merchant_id, name, email, phone, address, tax_id, external_id, rates, notifications,
        created_at, updated_at, deleted_at,
    ) = row  # fmt: skip
    return Customer(
        identifier, consumer_id, merchant_id, name, email, phone, address and json.loads(address), tax_id, external_id,
        rates and {tax: Decimal(rate) for tax, rate in restore(rates).items()},
        notifications and json.loads(notifications), created_at, updated_at, deleted_at,
    )  # fmt: skip


def save_customer(store: Store, world: int, customer: Customer) -> None:
    """Save a customer, new or changed."""
    address, rates, notifications = (
        None if value is None else dump(dict(value))
        for value in (customer.address, customer.tax_rates, customer.notifications)
    )
    store.execute(
        "INSERT OR REPLACE INTO paygentic_customers VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            world, customer.id, customer.consumer_id, customer.merchant_id, customer.name, customer.email,
            customer.phone, address, customer.tax_id, customer.external_id, rates, notifications,
            customer.created_at, customer.updated_at, customer.deleted_at, customer.name.casefold(),
            customer.email.casefold(),
        ),
    )  # fmt: skip


def _live_customer(store: Store, world: int, column: str, value: str) -> Customer | None:
    row = store.one(f"{_CUSTOMER} WHERE {LIVE} AND {column} = ?", (world, value))
    return _customer(row) if row else None


def customer(store: Store, world: int, identifier: str) -> Customer | None:
    """Return a customer that was not deleted."""
    return _live_customer(store, world, "id", identifier)


def customer_with_external_id(store: Store, world: int, external_id: str) -> Customer | None:
    """Return the customer that the merchant calls so."""
    return _live_customer(store, world, "external_id", external_id)


def last_of_consumer(store: Store, world: int, consumer_id: str) -> Customer | None:
    """Return the customer that a consumer is, or else the last one it was before that was deleted."""
    return _last_customer(store, world, "consumer_id", consumer_id)


def last_with_email(store: Store, world: int, email: str) -> Customer | None:
    """Return the customer with an e-mail address, in any letter case, or else the last one that was deleted."""
    return _last_customer(store, world, "email_key", email.casefold())


def _last_customer(store: Store, world: int, column: str, value: str) -> Customer | None:
    row = store.one(
        f"{_CUSTOMER} WHERE world = ? AND {column} = ? ORDER BY deleted_at IS NULL DESC, deleted_at DESC, id LIMIT 1",
        (world, value),
    )
    return _customer(row) if row else None


def names(store: Store, world: int) -> dict[str, str]:
    """Return the name of every customer there ever was, by id."""
    return dict(store.all("SELECT id, name FROM paygentic_customers WHERE world = ?", (world,)))


def live_ids(store: Store, world: int) -> set[str]:
    """Return the ids of those that were not deleted."""
    return {row[0] for row in store.all(f"SELECT id FROM paygentic_customers WHERE {LIVE}", (world,))}


def customers(
    store: Store, world: int, limit: int, offset: int, *, name: str | None, email: str | None, external_id: str | None
) -> tuple[list[Customer], int]:
    """Return a page of customers, newest first, and how many match; name and e-mail by part, in any letter case."""
    where = LIVE
    parameters: list[Any] = [world]
    for column, part in (("name_key", name), ("email_key", email)):
        if part is not None:
            where += f" AND instr({column}, ?) > 0"
            parameters.append(part.casefold())
    if external_id is not None:
        where += " AND external_id = ?"
        parameters.append(external_id)
    rows, total = pages.page(store, _CUSTOMER, where, parameters, limit, offset)
    return [_customer(row) for row in rows], total


def ids_by_external_id(store: Store, world: int) -> dict[str, str]:
    """Return the ids of the customers to whom the merchant has given a name of its own, by that name."""
    rows = store.all(
        f"SELECT external_id, id FROM paygentic_customers WHERE {LIVE} AND external_id IS NOT NULL", (world,)
    )
    return dict(rows)


def external_id_of(store: Store, world: int, subject: str) -> str | None:
    """Return the merchant's own name for the customer a subject is, if it is one and has one."""
    row = store.one(f"SELECT external_id FROM paygentic_customers WHERE {LIVE} AND id = ?", (world, subject))
    return row[0] if row else None
