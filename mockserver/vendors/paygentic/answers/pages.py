"""Lists in pages."""

from __future__ import annotations

from mockserver.vendors.paygentic.schemas.values import Wire


class Pagination(Wire):
    """Which part of a list an answer holds."""

    limit: int
    offset: int
    total: int
