"""The starting state of a world: `fixtures/paygentic` read into tables."""

from __future__ import annotations

from collections.abc import Iterator

from mockserver.kernel.errors import Conflict, InvalidRequest, Unusable
from mockserver.kernel.windows import parse_duration, parse_instant
from mockserver.kernel.world import World
from mockserver.resources import Fixtures
from mockserver.vendors.paygentic import tables
from mockserver.vendors.paygentic.domain.billable_metrics import Item
from mockserver.vendors.paygentic.domain.test_clocks import TestClock
from mockserver.vendors.paygentic.operations.invoices import InvoiceBook
from mockserver.vendors.paygentic.schemas.invoices import faults_line, read_invoice
from mockserver.vendors.paygentic.tables.customers import Customer
from mockserver.vendors.paygentic.tables.organizations import Organization, Product


def seed(world: World, fixtures: Fixtures) -> None:
    """Fill an empty world with the merchant, its products, its items, its customers and their invoices."""
    store = world.store
    merchant = fixtures.read("paygentic/organization.json")
    organization = Organization(
        merchant["id"], merchant["name"], tuple(merchant["currencies"]), merchant["primaryCurrency"]
    )
    tables.organizations.insert_organization(store, world.id, organization, merchant.get("firstCostId"))
    for row in fixtures.read("paygentic/products.json"):
        at = parse_instant(row["createdAt"])
        product = Product(row["id"], row["name"], row["description"], organization.id, row["metadata"], at, at)
        tables.organizations.save_product(store, world.id, product)
    for item in _items(fixtures, {row["id"] for row in fixtures.read("paygentic/products.json")}):
        tables.billable_metrics.insert_item(store, world.id, item)
    for row in fixtures.read("paygentic/customers.json"):
        at = parse_instant(row["createdAt"])
        customer = Customer(
            row["id"], row["consumerId"], organization.id, row["name"], row["email"], row.get("phone"),
            row.get("address"), row.get("taxId"), row.get("externalId"), None, None, created_at=at, updated_at=at,
        )  # fmt: skip
        tables.customers.save_customer(store, world.id, customer)
    for clock in _test_clocks(fixtures, organization.id):
        tables.test_clocks.save_clock(store, world.id, clock)
    for row in fixtures.read("paygentic/customers.json"):
        clock_id = row.get("testClockId")
        if clock_id is not None:
            if tables.test_clocks.clock(store, world.id, clock_id) is None:
                raise ValueError(f"customer {row['id']} is on {clock_id}, which is no test clock of these fixtures")
            tables.test_clocks.put_customer(store, world.id, row["id"], clock_id)
    _record_invoices(world, fixtures)


def _record_invoices(world: World, fixtures: Fixtures) -> None:
    """Record the invoices.

    :raises Unusable: something about one of them cannot be.
    """
    name = "paygentic/invoices.json"
    rows = fixtures.read(name, is_exact=True)
    if not isinstance(rows, list):
        raise Unusable(f"{fixtures.file(name)}: must be a list of invoices")
    for number, row in enumerate(rows, 1):
        try:
            InvoiceBook().record(world, [read_invoice(row)])
        except InvalidRequest as error:
            raise Unusable(f"{fixtures.file(name)}: invoice {number}: {faults_line(error)}") from None
        except Conflict as error:
            raise Unusable(f"{fixtures.file(name)}: {error}") from None


def _test_clocks(fixtures: Fixtures, merchant_id: str) -> Iterator[TestClock]:
    """Yield the test clocks; `ahead` is how far each is ahead of the world's clock, with a minus sign when behind."""
    for row in fixtures.read("paygentic/test_clocks.json"):
        at = parse_instant(row["createdAt"])
        ahead = row["ahead"]
        offset = -parse_duration(ahead[1:]) if ahead.startswith("-") else parse_duration(ahead)
        yield TestClock(row["id"], merchant_id, row.get("name"), row.get("description"), offset, at, at)


def _items(fixtures: Fixtures, products: set[str]) -> Iterator[Item]:
    """Yield the items; those that are shipped go without saying when their product was replaced.

    :raises ValueError: an item is filed under a product that is not there, or comes twice.
    """
    known: set[str] = set()
    for row in fixtures.read("paygentic/items.json"):
        identifier, product = row["id"], row["productId"]
        if identifier in known:
            raise ValueError(f"there are two items {identifier}")
        known.add(identifier)
        if product in products:
            archived = row.get("archivedAt")
            yield Item(
                identifier, row["name"], product, parse_instant(row["createdAt"]),
                None if archived is None else parse_instant(archived),
            )  # fmt: skip
        elif fixtures.has("paygentic/items.json"):
            raise ValueError(f"item {identifier} is filed under {product}, which is no product of these fixtures")
