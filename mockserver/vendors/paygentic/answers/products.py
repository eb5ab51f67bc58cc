"""Products."""

from __future__ import annotations

from typing import Literal

from mockserver.vendors.paygentic.answers.pages import Pagination
from mockserver.vendors.paygentic.schemas.values import Wire


class ProductResponse(Wire):
    """A product."""

    id: str
    object: Literal["product"]
    name: str
    description: str
    merchant_id: str
    metadata: dict[str, str]
    created_at: str
    updated_at: str


class ProductListResponse(Wire):
    """Some products."""

    object: Literal["list"]
    data: list[ProductResponse]
    pagination: Pagination
