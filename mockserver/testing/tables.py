"""Plain tables for messages, with aligned columns (pure)."""

from __future__ import annotations

from collections.abc import Sequence

MAX_CELL = 100
"""Characters of a cell; longer ones are cut."""

Cell = str | int | None


def table(columns: Sequence[str], rows: Sequence[Sequence[Cell]], more: int = 0) -> str:
    """Return rows below their columns' names, numbers to the right; columns in which nobody says anything are left out.

    :param more: how many rows are missing at the end.
    """
    kept = [n for n in range(len(columns)) if any(row[n] not in (None, "") for row in rows)]
    lines = [[columns[n] for n in kept], *([_text(row[n]) for n in kept] for row in rows)]
    widths = [max(len(line[n]) for line in lines) for n in range(len(kept))]
    is_number = [all(isinstance(row[n], int | None) for row in rows) for n in kept]
    shown = [
        "  ".join(
            cell.rjust(width) if is_right else cell.ljust(width)
            for cell, width, is_right in zip(line, widths, is_number, strict=True)
        ).rstrip()
        for line in lines
    ]
    if more:
        shown.append(f"... and {more} more")
    return "\n".join(shown)


def _text(cell: Cell) -> str:
    if cell is None:
        return "-"
    text = " ".join(str(cell).split())
    return text if len(text) <= MAX_CELL else f"{text[: MAX_CELL - 3]}..."
