"""Lists in pages: `data`, and the cursor of what follows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

T = TypeVar("T")


def page(items: Sequence[T], limit: int, *, cursor: Callable[[T], int], shape: Callable[[T], Any]) -> dict[str, Any]:
    """Return the first `limit` items, and the last one's cursor if there are more."""
    shown = items[:limit]
    return {"data": [shape(item) for item in shown], "next": cursor(shown[-1]) if len(items) > limit else None}
