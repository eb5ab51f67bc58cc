from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.kernel.windows import (
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    WEEK,
    floor_to,
    format_duration,
    format_instant,
    parse_duration,
    parse_instant,
)


@pytest.mark.parametrize(
    ("text", "micros"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T00:00:01Z", SECOND),
        ("1970-01-01t00:00:01z", SECOND),
        ("1970-01-01 00:00:01", SECOND),
        ("1970-01-01T00:01Z", MINUTE),
        ("1970-01-01T00:00:00.5Z", 500_000),
        ("1970-01-01T00:00:00,25Z", 250_000),
        ("1970-01-01T00:00:00.000001999Z", 1),
        ("1970-01-01T01:00:00+01:00", 0),
        ("1970-01-01T01:00:00 01:00", 0),
        ("1970-01-01T01:00:00+0100", 0),
        ("1969-12-31T23:00:00-01:00", 0),
        ("2024-02-29T00:00:00Z", 1_709_164_800 * SECOND),
    ],
)
def test_instant_is_read(text: str, micros: int) -> None:
    assert parse_instant(text) == micros


@pytest.mark.parametrize(
    "text",
    [
        "", "2026-02-10", "2026-02-10T12", "2026-13-01T00:00:00Z", "2026-02-30T00:00:00Z", "2026-02-10T24:00:00Z",
        "2026-02-10T00:00:60Z", "2026-02-10T00:00:00+24:00", "2026-02-10T00:00:00+01:60", "2026-2-1T00:00:00Z",
        "٢٠٢٦-02-10T00:00:00Z", "2026-02-10T00:00:00Z ", "now", "0001-01-01T00:00:00Z", "9999-12-31T00:00:00Z",
        "0000-01-01T00:00:00Z",
    ],
)  # fmt: skip
def test_what_is_no_instant_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not an ISO 8601|impossible offset|out of range"):
        parse_instant(text)


@pytest.mark.parametrize(
    ("micros", "text"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (500_000, "1970-01-01T00:00:00.500Z"),
        (1, "1970-01-01T00:00:00.000001Z"),
        (-1, "1969-12-31T23:59:59.999999Z"),
        (-50_000_000_000 * SECOND, "0385-07-25T07:06:40Z"),
    ],
)
def test_instant_is_written_with_no_more_decimals_than_it_has(micros: int, text: str) -> None:
    assert format_instant(micros) == text


@given(st.integers(-60_000_000_000 * SECOND, 250_000_000_000 * SECOND))
def test_instant_survives_writing_and_reading(micros: int) -> None:
    assert parse_instant(format_instant(micros)) == micros


@pytest.mark.parametrize(
    ("text", "micros"),
    [
        ("250ms", 250_000),
        ("90s", 90 * SECOND),
        ("1.5h", 90 * MINUTE),
        ("0.000001s", 1),
        ("36h", 36 * HOUR),
        ("7d", WEEK),
        ("2w", 2 * WEEK),
        ("P1DT2H", DAY + 2 * HOUR),
        ("PT36H", 36 * HOUR),
        ("P2W", 2 * WEEK),
        ("PT1M30S", 90 * SECOND),
    ],
)
def test_duration_is_read(text: str, micros: int) -> None:
    assert parse_duration(text) == micros


@pytest.mark.parametrize("text", ["", "5", "s", "-1s", "1y", "P", "PT", "P1Y", "P1M", "1 s", "1.s", "P1DT"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        parse_duration(text)


def test_floor_goes_down_before_1970_too() -> None:
    assert floor_to(-1, HOUR) == -HOUR


@pytest.mark.parametrize(
    ("us", "text"),
    [(2 * HOUR, "2h"), (90 * SECOND, "90s"), (WEEK, "7d"), (-5 * MINUTE, "-5m"), (250_000, "250ms"), (500, "0.0005s"),
     (-1_500_001, "-1.500001s"), (0, "0d")],
)  # fmt: skip
def test_a_duration_is_shown_by_the_largest_unit_without_a_fraction(us: int, text: str) -> None:
    assert format_duration(us) == text


@given(st.integers(min_value=0, max_value=10**15))
def test_a_shown_duration_is_read_back(us: int) -> None:
    assert parse_duration(format_duration(us)) == us
