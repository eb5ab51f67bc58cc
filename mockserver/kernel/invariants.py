"""A claim about a world that must always hold, with the rows that break it (pure)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Invariant:
    """One checked claim.

    :param name: the claim in words, such as `balance = grants - debits`.
    :param rows: the rows that violate it; empty when it holds.
    """

    name: str
    rows: tuple[dict[str, Any], ...] = ()

    @property
    def holds(self) -> bool:
        """Whether no row violates the claim."""
        return not self.rows
