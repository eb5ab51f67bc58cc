"""Products: what costs belong to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from mockserver.kernel.call import Call
from mockserver.kernel.errors import NotFound
from mockserver.kernel.windows import SECOND, floor_to
from mockserver.vendors.paygentic import tables
from mockserver.vendors.paygentic.operations.access import Body, Parameters, may_write_products, own_organization
from mockserver.vendors.paygentic.operations.paging import Page, PageOf
from mockserver.vendors.paygentic.tables.organizations import Product

_ID = re.compile(r"prod_[a-zA-Z0-9_-]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class ProductDraft:
    """A product as it was asked for."""

    name: str
    description: str
    merchant_id: str
    metadata: Mapping[str, str] = field(default_factory=dict)


def must_exist(call: Call, identifier: str) -> Product:
    """Return a product.

    :raises NotFound: there is none.
    """
    found = tables.organizations.product(call.world.store, call.world.id, identifier)
    if found is None:
        raise NotFound("Product", identifier)
    return found


def refuse_unknown(call: Call, body: Body) -> None:
    """Refuse a request that names an unknown product; what is no product's id is left to the fields' check.

    :raises NotFound: it does.
    """
    named = None if body is None else body.get("productId")
    if isinstance(named, str) and _ID.fullmatch(named):
        must_exist(call, named)


def may_change(call: Call, parameters: Parameters, body: Body) -> None:
    """Check the permission, then that the product exists."""
    may_write_products(call, parameters, body)
    must_exist(call, parameters[0])


def create(call: Call, draft: ProductDraft) -> Product:
    """Add a product."""
    merchant = own_organization(call, draft.merchant_id)
    now = floor_to(call.now, SECOND)
    product = Product(
        call.world.new_id("prod"),
        draft.name,
        draft.description,
        merchant,
        draft.metadata,
        created_at=now,
        updated_at=now,
    )
    tables.organizations.save_product(call.world.store, call.world.id, product)
    return product


def page(call: Call, wanted: Page) -> PageOf[Product]:
    """Return some products, newest first."""
    own_organization(call, wanted.merchant_id)
    found, total = tables.organizations.products(call.world.store, call.world.id, wanted.limit, wanted.offset)
    return PageOf(found, wanted, total)


def update(call: Call, identifier: str, changes: Mapping[str, Any]) -> Product:
    """Change a product's name or description."""
    product = must_exist(call, identifier)
    if changes:
        product = replace(product, **changes, updated_at=floor_to(call.now, SECOND))
        tables.organizations.save_product(call.world.store, call.world.id, product)
    return product
