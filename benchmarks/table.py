"""Results as text: medians of interleaved rounds, and what they are of their neighbours."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from statistics import median


class Samples:
    """Measured values by row and column, one per round."""

    def __init__(self) -> None:
        self._values: dict[tuple[str, ...], list[float]] = {}

    def add(self, *key: str, value: float) -> None:
        """Keep one round's value."""
        self._values.setdefault(key, []).append(value)

    def median(self, *key: str) -> float:
        """Return the middle of all rounds."""
        return median(self._values[key])

    def has(self, *key: str) -> bool:
        """Whether anything was measured under a key."""
        return key in self._values


def show(title: str, head: Sequence[str], rows: Sequence[Sequence[str]], note: str = "") -> None:
    """Print a table, first column to the left, the others to the right."""
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    print(f"\n{title}\n")
    for row in (head, ["-" * width for width in widths], *rows):
        first, *others = row
        cells = [text.rjust(width) for text, width in zip(others, widths[1:], strict=True)]
        print("  ".join((first.ljust(widths[0]), *cells)))
    if note:
        print(f"\n{note}")
    sys.stdout.flush()
