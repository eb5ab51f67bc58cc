"""Buckets of time, and windows cut into them."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.kernel.windows import DAY, HOUR, LATEST, MINUTE, format_instant, parse_instant
from mockserver.vendors.paygentic.domain.buckets import (
    MAX_BUCKETS,
    Stretch,
    Window,
    bucket_end,
    bucket_start,
    buckets,
    cover,
    refuse_window,
)
from mockserver.vendors.paygentic.domain.errors import Refused

WINDOWS: tuple[Window, ...] = ("MONTH", "DAY", "HOUR", "MINUTE")


def at(text: str) -> int:
    """Return an instant."""
    return parse_instant(text)


@pytest.mark.parametrize(
    ("window", "instant", "start", "end"),
    [
        ("MINUTE", "2026-02-28T23:59:59.999999Z", "2026-02-28T23:59:00Z", "2026-03-01T00:00:00Z"),
        ("HOUR", "2026-02-28T23:00:00Z", "2026-02-28T23:00:00Z", "2026-03-01T00:00:00Z"),
        ("DAY", "1969-12-31T23:59:59Z", "1969-12-31T00:00:00Z", "1970-01-01T00:00:00Z"),
        ("MONTH", "2026-02-28T23:59:59.999999Z", "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z"),
        ("MONTH", "2024-02-29T00:00:00Z", "2024-02-01T00:00:00Z", "2024-03-01T00:00:00Z"),
        ("MONTH", "1969-12-31T23:59:59Z", "1969-12-01T00:00:00Z", "1970-01-01T00:00:00Z"),
        ("MONTH", "0001-01-02T00:00:00Z", "0001-01-01T00:00:00Z", "0001-02-01T00:00:00Z"),
        ("MONTH", "9999-12-30T00:00:00Z", "9999-12-01T00:00:00Z", "9999-12-31T00:00:00Z"),
    ],
)
def test_a_bucket_holds_its_start_but_not_its_end(window: Window, instant: str, start: str, end: str) -> None:
    assert format_instant(bucket_start(at(instant), window)) == start
    assert format_instant(bucket_end(bucket_start(at(instant), window), window)) == end


def test_buckets_touch_the_window_and_follow_one_another() -> None:
    found = list(buckets(at("2026-01-20T00:00:00Z"), at("2026-03-01T00:00:01Z"), "MONTH"))

    assert [format_instant(start)[:7] for start, _ in found] == ["2026-01", "2026-02", "2026-03"]
    assert all(one[1] == other[0] for one, other in pairwise(found))
    assert list(buckets(5, 5, "DAY")) == [(0, DAY)]


@pytest.mark.parametrize(
    ("window", "most"),
    [
        ("MINUTE", MAX_BUCKETS * MINUTE), ("HOUR", MAX_BUCKETS * HOUR), ("DAY", MAX_BUCKETS * DAY),
        ("MONTH", at("6136-09-01T00:00:00Z")),
    ],
)  # fmt: skip
def test_a_window_with_too_many_buckets_or_none_is_refused(window: Window, most: int) -> None:
    refuse_window(0, most, window)
    refuse_window(0, LATEST)
    with pytest.raises(Refused, match="50000"):
        refuse_window(0, most + 1, window)
    for end in (7, 6):
        with pytest.raises(Refused, match="from"):
            refuse_window(7, end, window)


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (0, 3 * DAY, [("DAY", 0, 3 * DAY)]),
        (HOUR, 2 * HOUR, [("HOUR", HOUR, 2 * HOUR)]),
        (-1, 1, [(None, -1, 0), (None, 0, 1)]),
        (
            DAY - 2 * HOUR - 5, 2 * DAY + HOUR + 5,
            [
                (None, DAY - 2 * HOUR - 5, DAY - 2 * HOUR), ("HOUR", DAY - 2 * HOUR, DAY), ("DAY", DAY, 2 * DAY),
                ("HOUR", 2 * DAY, 2 * DAY + HOUR), (None, 2 * DAY + HOUR, 2 * DAY + HOUR + 5),
            ],
        ),
        (5, 5, []),
        (5, 4, []),
    ],
)  # fmt: skip
def test_a_window_is_covered_with_the_widest_buckets(
    start: int, end: int, expected: list[tuple[Window | None, int, int]]
) -> None:
    assert list(cover(start, end, ("DAY", "HOUR"))) == [Stretch(*each) for each in expected]


instants = st.integers(-400 * DAY, 400 * DAY) | st.integers(-400, 400).map(lambda days: days * DAY)


@given(instants, instants, st.integers(0, 4))
def test_a_cover_has_no_gap_and_no_overlap_and_crosses_no_wider_boundary(start: int, end: int, finest: int) -> None:
    allowed = WINDOWS[:finest]

    stretches = list(cover(start, end, allowed))

    if start >= end:
        assert stretches == []
        return
    assert (stretches[0].start, stretches[-1].end) == (start, end)
    assert all(one.end == other.start for one, other in pairwise(stretches))
    for stretch in stretches:
        assert stretch.start < stretch.end
        wider = allowed if stretch.window is None else allowed[: allowed.index(stretch.window)]
        for window in wider:
            assert bucket_start(stretch.start, window) == bucket_start(stretch.end - 1, window)
        if stretch.window is not None:
            assert bucket_start(stretch.start, stretch.window) == stretch.start
            assert bucket_start(stretch.end, stretch.window) == stretch.end
