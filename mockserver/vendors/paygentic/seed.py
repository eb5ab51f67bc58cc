"""The starting state of a world: `fixtures/paygentic` read into tables."""

from __future__ import annotations

from mockserver.kernel.windows import parse_instant
from mockserver.kernel.world import World
from mockserver.resources import Fixtures
from mockserver.vendors.paygentic import tables
from mockserver.vendors.paygentic.tables.customers import Customer
from mockserver.vendors.paygentic.tables.organizations import Organization, Product


def seed(world: World, fixtures: Fixtures) -> None:
    """Fill an empty world with the merchant, its products and its customers."""
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
    for row in fixtures.read("paygentic/customers.json"):
        at = parse_instant(row["createdAt"])
        customer = Customer(
            row["id"], row["consumerId"], organization.id, row["name"], row["email"], row.get("phone"),
            row.get("address"), row.get("taxId"), row.get("externalId"), None, None, created_at=at, updated_at=at,
        )  # fmt: skip
        tables.customers.save_customer(store, world.id, customer)
