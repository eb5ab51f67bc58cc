"""What is to stand in place of spans of bytes (pure)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from mockserver.cassettes.interaction import Piece

T = TypeVar("T")

Edit = tuple[int, int, bytes]
"""What is to stand in place of a span of bytes."""


def applied(data: bytes, edits_of: Callable[[bytes], list[Edit]]) -> bytes:
    """Return data after the edits that a function finds for it."""
    return spliced(data, edits_of(data))


def spliced(data: bytes, edits: Sequence[Edit]) -> bytes:
    """Return data after edits that are in order and do not overlap."""
    if not edits:
        return data
    pieces, at = [], 0
    for start, end, new in edits:
        pieces += [data[at:start], new]
        at = end
    return b"".join([*pieces, data[at:]])


def shifted(edits: Sequence[Edit], by: int) -> list[Edit]:
    """Return edits of a part as those of the whole."""
    return [(start + by, end + by, new) for start, end, new in edits]


def merged(found: Sequence[tuple[int, int, T]]) -> list[tuple[int, int, T]]:
    """Return spans in order, those that overlap as one: what the longest of them is."""
    merged: list[tuple[int, int, T]] = []
    longest = 0
    for start, end, what in sorted(found, key=lambda span: (span[0], -span[1])):
        if merged and start < merged[-1][1]:
            before = merged[-1]
            if end - start > longest:
                longest, before = end - start, (before[0], before[1], what)
            merged[-1] = (before[0], max(end, before[1]), before[2])
        else:
            merged.append((start, end, what))
            longest = end - start
    return merged


def resized(pieces: tuple[Piece, ...], edits: Sequence[Edit]) -> tuple[Piece, ...]:
    """Return pieces of a body whose sizes add up again after edits; what was within an edit ends with it."""
    if not edits:
        return pieces
    resized: list[Piece] = []
    at = moved = before = 0
    rest = list(reversed(edits))
    for piece in pieces:
        at += piece.size
        end = at + moved
        while rest and rest[-1][0] < at:
            start, stop, new = rest.pop()
            moved += len(new) - (stop - start)
            end = max(at, stop) + moved
        end = max(end, before)
        resized.append(Piece(piece.wait_us, end - before))
        before = end
    return tuple(resized)
