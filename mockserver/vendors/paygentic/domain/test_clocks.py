"""Test clocks: how far each is from its world's clock, and how one moves forward (pure)."""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from mockserver.kernel.errors import InvalidRequest, Problem
from mockserver.kernel.windows import DAY, EARLIEST, HOUR, LATEST, MINUTE, SECOND, WEEK, Instant, floor_to

STEP = r"^P([0-9]+Y)?([0-9]+M)?([0-9]+W)?([0-9]+D)?(T([0-9]+H)?([0-9]+M)?([0-9]+S)?)?$"
"""The vendor's pattern of a step; it lets an empty one through."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class TestClock:
    """A clock that keeps its distance to the world's, so that there is one flow of time and this moves with it.

    :param offset: microseconds it is ahead of the world's clock, or behind it when negative.
    :param created_at: the world's time in whole seconds, as microseconds; the other two likewise.
    """

    id: str
    merchant_id: str
    name: str | None
    description: str | None
    offset: int
    created_at: int
    updated_at: int
    deleted_at: int | None = None


def time_at(offset: int, now: int) -> Instant:
    """Return what a clock shows while its world's clock shows `now`; it stops at either end of the calendar."""
    return Instant(max(EARLIEST, min(now + offset, LATEST)))


def whole_seconds(at: int) -> Instant:
    """Return an instant as test clocks show it."""
    return Instant(floor_to(at, SECOND))


def moved_to(shown: int, to: int) -> Instant:
    """Return the instant a clock is set to; a fraction of a second is cut.

    :raises InvalidRequest: it is not later than what the clock shows.

    Source: paygentic/openapi "advanceTestClock" (strictly forward: documented), the fraction (assumed).
    """
    at = whole_seconds(to)
    if at <= shown:
        raise InvalidRequest(Problem(("body", "currentTime"), "must be later than the clock's time", "out_of_range"))
    return at


def moved_by(shown: int, step: str) -> Instant:
    """Return the instant a step after what a clock shows, by the calendar: years and months first, then the rest.

    A day that the month arrived at does not have becomes its last one.

    :param step: text that matches `STEP`.
    :raises InvalidRequest: the step is nothing, or leads past the year 9999.

    Source: paygentic/openapi "advanceTestClock" (documented), the calendar, the order and what is refused (assumed).
    """
    match = re.fullmatch(STEP, step)
    assert match is not None
    years, months, weeks, days, _time, hours, minutes, seconds = match.groups("")
    after = _in_months(shown, 12 * _count(years) + _count(months))
    if after is not None:
        parts = ((weeks, WEEK), (days, DAY), (hours, HOUR), (minutes, MINUTE), (seconds, SECOND))
        after += sum(_count(part) * unit for part, unit in parts)
    if after is None or after > LATEST:
        raise InvalidRequest(Problem(("body", "advanceBy"), "leads past the year 9999", "out_of_range"))
    if after == shown:
        raise InvalidRequest(Problem(("body", "advanceBy"), "must move the clock", "out_of_range"))
    return Instant(after)


def _count(part: str) -> int:
    """Return the number before a step's letter."""
    return int(part[:-1] or 0)


def _in_months(at: int, months: int) -> int | None:
    """Return the same day and time some months later, or `None` past the year 9999."""
    moment = _EPOCH + timedelta(microseconds=at)
    year, month = divmod(moment.year * 12 + moment.month - 1 + months, 12)
    if year > 9999:
        return None
    day = min(moment.day, calendar.monthrange(year, month + 1)[1])
    return (moment.replace(year=year, month=month + 1, day=day) - _EPOCH) // timedelta(microseconds=1)
