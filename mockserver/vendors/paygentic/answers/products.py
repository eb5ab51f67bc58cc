"""Products."""

from __future__ import annotations

from typing import Literal

from mockserver.vendors.paygentic.answers.answer import Answer
from mockserver.vendors.paygentic.answers.pages import Pagination


class ProductResponse(Answer):
    """A product."""

    id: str
    object: Literal["product"]
    name: str
    description: str
    merchant_id: str
    metadata: dict[str, str]
    created_at: str
    updated_at: str


class ProductListResponse(Answer):
    """Some products."""

    object: Literal["list"]
    data: list[ProductResponse]
    pagination: Pagination
