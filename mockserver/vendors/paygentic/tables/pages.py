"""A page of rows, as every list answers it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mockserver.kernel.store import Row, Store


def page(
    store: Store, select: str, where: str, parameters: Sequence[Any], limit: int, offset: int
) -> tuple[list[Row], int]:
    """Return a page of rows, newest first, and how many match."""
    row = store.one(f"SELECT count(*) FROM ({select} WHERE {where})", parameters)
    assert row is not None
    order = "ORDER BY created_at DESC, id DESC LIMIT ? OFFSET ?"
    return store.all(f"{select} WHERE {where} {order}", (*parameters, limit, offset)), int(row[0])
