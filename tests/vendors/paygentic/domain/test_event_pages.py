"""Where in a long history a page of events lies."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.vendors.paygentic.domain.event_pages import Piece, pieces

COUNTS = {10: 3, 20: 0, 30: 2, 40: 4}


@pytest.mark.parametrize(
    ("offset", "limit", "expected"),
    [
        (0, 4, [Piece(40, 0, 4)]),
        (1, 2, [Piece(40, 1, 2)]),
        (3, 4, [Piece(40, 3, 1), Piece(30, 0, 2), Piece(10, 0, 1)]),
        (4, 1, [Piece(30, 0, 1)]),
        (8, 9, [Piece(10, 2, 1)]),
        (9, 5, []),
    ],
)
def test_a_page_is_made_of_pieces_of_buckets(offset: int, limit: int, expected: list[Piece]) -> None:
    assert pieces(COUNTS, offset, limit) == expected


def test_nothing_has_no_pages() -> None:
    assert pieces({}, 0, 20) == []


@given(st.dictionaries(st.integers(0, 50), st.integers(0, 5)), st.integers(0, 60), st.integers(1, 20))
def test_pieces_hold_what_a_slice_of_the_whole_would(counts: dict[int, int], offset: int, limit: int) -> None:
    everything = [(bucket, place) for bucket in sorted(counts, reverse=True) for place in range(counts[bucket])]

    page = [
        (piece.bucket, piece.skipped + step) for piece in pieces(counts, offset, limit) for step in range(piece.taken)
    ]

    assert page == everything[offset : offset + limit]
