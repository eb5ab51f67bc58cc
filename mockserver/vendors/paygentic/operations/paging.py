"""Lists in pages: which part is wanted, and which part it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a list is wanted, and of which narrower list."""

    limit: int
    offset: int
    merchant_id: str | None = None
    product_id: str | None = None
    item_id: str | None = None
    name: str | None = None
    email: str | None = None
    external_id: str | None = None


@dataclass(frozen=True, slots=True)
class PageOf(Generic[T]):
    """Part of a list.

    :param total: how many there are in the whole of it.
    """

    items: Sequence[T]
    page: Page
    total: int
