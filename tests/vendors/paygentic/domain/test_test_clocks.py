from __future__ import annotations

import pytest

from mockserver.kernel.errors import InvalidRequest
from mockserver.kernel.windows import EARLIEST, LATEST, format_instant, parse_instant
from mockserver.vendors.paygentic.domain.test_clocks import moved_by, moved_to, time_at, whole_seconds


@pytest.mark.parametrize(
    ("shown", "step", "after"),
    [
        ("2026-02-10T12:00:00Z", "PT1S", "2026-02-10T12:00:01Z"),
        ("2026-02-10T12:00:00Z", "PT90M", "2026-02-10T13:30:00Z"),
        ("2026-02-10T12:00:00Z", "P1D", "2026-02-11T12:00:00Z"),
        ("2026-02-10T12:00:00Z", "P2W", "2026-02-24T12:00:00Z"),
        ("2026-02-10T12:00:00Z", "P1M", "2026-03-10T12:00:00Z"),
        ("2026-02-10T12:00:00Z", "P12M", "2027-02-10T12:00:00Z"),
        ("2026-02-10T12:00:00Z", "P1Y", "2027-02-10T12:00:00Z"),
        ("2026-02-10T12:00:00Z", "P1Y2M1W3DT4H5M6S", "2027-04-20T16:05:06Z"),
        # The day is kept where the month has it, and else becomes the month's last.
        ("2026-01-31T23:59:59Z", "P1M", "2026-02-28T23:59:59Z"),
        ("2028-01-31T00:00:00Z", "P1M", "2028-02-29T00:00:00Z"),
        ("2028-02-29T00:00:00Z", "P1Y", "2029-02-28T00:00:00Z"),
        ("2028-02-29T00:00:00Z", "P4Y", "2032-02-29T00:00:00Z"),
        ("2026-03-31T00:00:00Z", "P1M", "2026-04-30T00:00:00Z"),
        ("2025-12-31T00:00:00Z", "P2M", "2026-02-28T00:00:00Z"),
        # Months first, then days: the other way round this would be 28 February.
        ("2026-01-30T00:00:00Z", "P1M1D", "2026-03-01T00:00:00Z"),
        # A step of nothing before T is one; so are leading zeros, and a T with nothing behind it.
        ("2026-02-10T12:00:00Z", "P0DT5S", "2026-02-10T12:00:05Z"),
        ("2026-02-10T12:00:00Z", "P007DT", "2026-02-17T12:00:00Z"),
        ("1969-12-31T23:59:58Z", "PT3S", "1970-01-01T00:00:01Z"),
    ],
)
def test_a_step_goes_by_the_calendar(shown: str, step: str, after: str) -> None:
    assert format_instant(moved_by(parse_instant(shown), step)) == after


@pytest.mark.parametrize("step", ["P", "PT", "P0D", "P0Y0M0W0DT0H0M0S"])
def test_a_step_of_nothing_is_none(step: str) -> None:
    with pytest.raises(InvalidRequest, match="must move"):
        moved_by(0, step)


@pytest.mark.parametrize("step", ["P8000Y", f"P{'9' * 90}Y", f"P{'9' * 90}M", f"PT{'9' * 90}S", "P7973Y11M30D"])
def test_a_step_does_not_lead_past_the_calendar(step: str) -> None:
    with pytest.raises(InvalidRequest, match="9999"):
        moved_by(parse_instant("2026-01-01T00:00:00Z"), step)


def test_a_clock_is_only_set_forward_and_in_whole_seconds() -> None:
    shown = parse_instant("2026-02-10T12:00:00Z")

    assert moved_to(shown, shown + 1_999_999) == shown + 1_000_000
    for to in (shown, shown - 1, shown + 999_999):
        with pytest.raises(InvalidRequest, match="later"):
            moved_to(shown, to)


def test_a_clock_keeps_its_distance_and_stops_at_the_ends_of_the_calendar() -> None:
    assert time_at(-5, 3) == -2
    assert time_at(LATEST, 1) == LATEST
    assert time_at(EARLIEST, -1) == EARLIEST
    assert whole_seconds(-1) == -1_000_000
