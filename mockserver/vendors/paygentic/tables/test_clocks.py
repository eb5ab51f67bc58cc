"""Test clocks, and the customers that live by one."""

from __future__ import annotations

from mockserver.kernel.sqlite import Database, Migrations
from mockserver.kernel.store import Row, Store
from mockserver.vendors.paygentic.domain.test_clocks import TestClock
from mockserver.vendors.paygentic.tables import pages
from mockserver.vendors.paygentic.tables.customers import LIVE

migrations = Migrations("paygentic.test_clocks")


@migrations()
def create_test_clocks(db: Database) -> None:
    """Test clocks, the deleted ones too, and who is on which."""
    db.execute(
        """
        CREATE TABLE paygentic_test_clocks (
            world INTEGER NOT NULL, id TEXT NOT NULL, merchant_id TEXT NOT NULL, name TEXT, description TEXT,
            clock_offset INTEGER NOT NULL,
            created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL, deleted_at INTEGER,
            PRIMARY KEY (world, id)
        ) WITHOUT ROWID
        """
    )
    db.execute(
        """
        CREATE TABLE paygentic_customer_clocks (
            world INTEGER NOT NULL, customer_id TEXT NOT NULL, test_clock_id TEXT NOT NULL,
            PRIMARY KEY (world, customer_id)
        ) WITHOUT ROWID
        """
    )


_CLOCK = (
    "SELECT id, merchant_id, name, description, clock_offset, created_at, updated_at, deleted_at"
    " FROM paygentic_test_clocks"
)

# A deleted customer is on no clock; its row stays.
_ON_CLOCKS = (
    " FROM paygentic_customer_clocks o JOIN paygentic_customers c"
    " ON c.world = o.world AND c.id = o.customer_id AND c.deleted_at IS NULL"
)
_OFFSETS = f"{_ON_CLOCKS} JOIN paygentic_test_clocks k ON k.world = o.world AND k.id = o.test_clock_id"


def _clock(row: Row) -> TestClock:
    return TestClock(*row)


def clock(store: Store, world: int, identifier: str) -> TestClock | None:
    """Return a test clock that was not deleted."""
    row = store.one(f"{_CLOCK} WHERE {LIVE} AND id = ?", (world, identifier))
    return _clock(row) if row else None


def clocks(store: Store, world: int, limit: int, offset: int) -> tuple[list[TestClock], int]:
    """Return a page of test clocks that were not deleted, newest first, and how many there are."""
    rows, total = pages.page(store, _CLOCK, LIVE, (world,), limit, offset)
    return [_clock(row) for row in rows], total


def save_clock(store: Store, world: int, clock: TestClock) -> None:
    """Save a test clock, new or changed."""
    store.execute(
        "INSERT OR REPLACE INTO paygentic_test_clocks VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            world, clock.id, clock.merchant_id, clock.name, clock.description, clock.offset,
            clock.created_at, clock.updated_at, clock.deleted_at,
        ),
    )  # fmt: skip


def put_customer(store: Store, world: int, customer_id: str, clock_id: str | None) -> None:
    """Put a customer on a test clock, or on none."""
    if clock_id is None:
        sql = "DELETE FROM paygentic_customer_clocks WHERE world = ? AND customer_id = ?"
        store.execute(sql, (world, customer_id))
    else:
        sql = "INSERT OR REPLACE INTO paygentic_customer_clocks VALUES (?, ?, ?)"
        store.execute(sql, (world, customer_id, clock_id))
    any_left = "EXISTS (SELECT 1 FROM paygentic_customer_clocks c WHERE c.world = o.world)"
    store.execute(f"UPDATE paygentic_organizations AS o SET has_customer_clocks = {any_left} WHERE world = ?", (world,))


def customers_on(store: Store, world: int, clock_id: str) -> list[str]:
    """Return the ids of the customers on a test clock, in order."""
    sql = f"SELECT c.id {_ON_CLOCKS} WHERE o.world = ? AND o.test_clock_id = ? ORDER BY c.id"
    return [row[0] for row in store.all(sql, (world, clock_id))]


def offset_of(store: Store, world: int, customer_id: str) -> int:
    """Return how far ahead of the world's clock a customer's is: 0 for whoever is on none."""
    row = store.one(f"SELECT k.clock_offset {_OFFSETS} WHERE o.world = ? AND o.customer_id = ?", (world, customer_id))
    return row[0] if row else 0


def offsets(store: Store, world: int) -> list[tuple[str, str | None, int]]:
    """Return id, external id and offset of every customer on a test clock."""
    return store.all(f"SELECT c.id, c.external_id, k.clock_offset {_OFFSETS} WHERE o.world = ?", (world,))
