"""Lists in pages: `data`, and the cursor of what follows; and the numbers in the ids of what is listed."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from mockserver.kernel.errors import NotFound

T = TypeVar("T")
_ID = re.compile(r"(\w+)-([1-9]\d{0,17})", re.ASCII)


def page(items: Sequence[T], limit: int, *, cursor: Callable[[T], int], shape: Callable[[T], Any]) -> dict[str, Any]:
    """Return the first `limit` items, and the last one's cursor if there are more."""
    shown = items[:limit]
    return {"data": [shape(item) for item in shown], "next": cursor(shown[-1]) if len(items) > limit else None}


def numbered(kind: str, identifier: str) -> int:
    """Return the number in an id such as `fault-1`.

    :raises NotFound: it is no id of that kind.
    """
    found = _ID.fullmatch(identifier)
    if found is None or found[1] != kind:
        raise NotFound(kind, identifier)
    return int(found[2])
