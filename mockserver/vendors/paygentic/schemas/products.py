"""Products."""

from __future__ import annotations

from typing import Annotated, Any

from mockserver.kernel.windows import format_instant
from mockserver.vendors.paygentic.operations.paging import Page, PageOf
from mockserver.vendors.paygentic.operations.products import ProductDraft
from mockserver.vendors.paygentic.schemas.pages import PageQuery, listed
from mockserver.vendors.paygentic.schemas.values import NotNull, OptionalText, OrganizationId, Text, Wire, sent
from mockserver.vendors.paygentic.tables.organizations import Product


class ListProductsQuery(PageQuery):
    """Query of `GET /v0/products`."""

    merchant_id: OrganizationId | None = None

    def to_domain(self) -> Page:
        """Return which page is wanted."""
        return Page(self.limit, self.offset, merchant_id=self.merchant_id)


class CreateProductRequest(Wire):
    """Body of `POST /v0/products`."""

    name: Text
    description: str
    merchant_id: OrganizationId
    metadata: Annotated[dict[str, str] | None, NotNull] = None

    def to_domain(self) -> ProductDraft:
        """Return the product that is wanted."""
        return ProductDraft(self.name, self.description, self.merchant_id, self.metadata or {})


class UpdateProductRequest(Wire):
    """Body of `PATCH /v0/products/{id}`."""

    name: Annotated[Text | None, NotNull] = None
    description: OptionalText = None

    def to_domain(self) -> dict[str, Any]:
        """Return the changes, by field."""
        return sent(self)


def present_product(product: Product) -> dict[str, Any]:
    """Shape a product."""
    return {
        "id": product.id,
        "object": "product",
        "name": product.name,
        "description": product.description,
        "merchantId": product.merchant_id,
        "metadata": dict(product.metadata),
        "createdAt": format_instant(product.created_at),
        "updatedAt": format_instant(product.updated_at),
    }


def present_products(page: PageOf[Product]) -> dict[str, Any]:
    """Shape some products."""
    return listed(page, [present_product(product) for product in page.items])
