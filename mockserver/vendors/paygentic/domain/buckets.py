"""Buckets of UTC time, from minutes to calendar months, and the cheapest cover of a window by whole ones (pure)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Literal

from mockserver.kernel.windows import DAY, HOUR, MINUTE
from mockserver.vendors.paygentic.domain.errors import Refused

Window = Literal["MINUTE", "HOUR", "DAY", "MONTH"]
"""Width of a bucket."""

WIDTHS: dict[Window, int] = {"MINUTE": MINUTE, "HOUR": HOUR, "DAY": DAY}
"""Microseconds; a month has no one width."""

# Source: none, the vendor publishes no limit (assumed).
MAX_BUCKETS = 50_000

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_DAY = (datetime(9999, 12, 31, tzinfo=UTC) - _EPOCH).days


def bucket_start(at: int, window: Window) -> int:
    """Return the start of the bucket that holds an instant."""
    width = WIDTHS.get(window)
    return _month_start(at // DAY) if width is None else at - at % width


def bucket_end(start: int, window: Window) -> int:
    """Return where the bucket ends, and the next begins, that starts at `start`."""
    width = WIDTHS.get(window)
    if width is not None:
        return start + width
    next_month = start // DAY + 31
    # The calendar ends with 9999, and its last day is out of range anyway.
    return _month_start(next_month) if next_month <= _LAST_DAY else _LAST_DAY * DAY


@lru_cache(maxsize=4096)
def _month_start(day: int) -> int:
    """Return the first instant of the month that holds a day, counted from 1970-01-01."""
    return (day - (_EPOCH + timedelta(days=day)).day + 1) * DAY


def buckets(start: int, end: int, window: Window) -> Iterator[tuple[int, int]]:
    """Yield the buckets that touch the half-open window [start, end), in order, each half-open itself."""
    low = bucket_start(start, window)
    while low < end:
        high = bucket_end(low, window)
        yield low, high
        low = high


def refuse_window(start: int, end: int, window: Window | None = None) -> None:
    """Refuse a window of time that is empty, or that would have too many buckets.

    :raises Refused: it is.

    Source: paygentic/assumptions (assumed).
    """
    if start >= end:
        raise Refused("from must be before to")
    if window is None:
        return
    if _place(end - 1, window) - _place(start, window) >= MAX_BUCKETS:
        raise Refused(f"the window holds more than {MAX_BUCKETS} {window} buckets")


def _place(at: int, window: Window) -> int:
    """Return the place of an instant's bucket in the row of all buckets."""
    width = WIDTHS.get(window)
    if width is not None:
        return at // width
    day = _EPOCH + timedelta(days=at // DAY)
    return 12 * day.year + day.month


@dataclass(frozen=True, slots=True)
class Stretch:
    """A half-open part of a window that is made of whole buckets.

    :param window: which buckets, or `None` when the part is finer than any that are allowed.
    """

    window: Window | None
    start: int
    end: int


def cover(start: int, end: int, windows: tuple[Window, ...]) -> Iterator[Stretch]:
    """Split a window of time into stretches of whole buckets, as wide as possible, and what is left at its edges.

    No stretch of narrower buckets crosses a boundary between wider ones that are allowed.

    :param windows: widths that may be used, widest first.
    """
    if start >= end:
        return
    if not windows:
        yield Stretch(None, start, end)
        return
    widest, finer = windows[0], windows[1:]
    low, high = bucket_start(start, widest), bucket_start(end, widest)
    if low < start:
        low = bucket_end(low, widest)
    if low > high:
        yield from cover(start, end, finer)
        return
    yield from cover(start, low, finer)
    if low < high:
        yield Stretch(widest, low, high)
    yield from cover(high, end, finer)
