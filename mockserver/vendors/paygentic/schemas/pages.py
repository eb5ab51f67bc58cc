"""Lists in pages."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from mockserver.vendors.paygentic.operations.paging import PageOf
from mockserver.vendors.paygentic.schemas.values import Whole, Wire


class PageQuery(Wire):
    """Which part of a list is wanted."""

    limit: Whole = Field(default=10, ge=1, le=100)
    offset: Whole = Field(default=0, ge=0)


def listed(page: PageOf[Any], items: list[dict[str, Any]]) -> dict[str, Any]:
    """Shape part of a list."""
    pagination = {"limit": page.page.limit, "offset": page.page.offset, "total": page.total}
    return {"object": "list", "data": items, "pagination": pagination}
