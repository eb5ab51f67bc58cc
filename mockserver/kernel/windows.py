"""Instants, durations and half-open time windows as integer microseconds since 1970 UTC (pure)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import NewType

Instant = NewType("Instant", int)
"""Microseconds since 1970-01-01T00:00:00Z."""

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
WEEK = 7 * DAY

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Years 0001 and 9999 leave no room for offsets, so the first and last day are out of range.
EARLIEST = int((datetime(1, 1, 2, tzinfo=UTC) - _EPOCH) / timedelta(microseconds=1))
LATEST = int((datetime(9999, 12, 30, tzinfo=UTC) - _EPOCH) / timedelta(microseconds=1))

_ISO = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?"
    r"(?:([Zz])|([+\- ])(\d\d):?(\d\d))?",
    re.ASCII,
)
_SHORT_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|w)", re.ASCII)
_ISO_DURATION = re.compile(r"P(?=.)(?:(\d+)W)?(?:(\d+)D)?(?:T(?=.)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?", re.ASCII)
_UNITS = {"ms": 1000, "s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY, "w": WEEK}


def parse_instant(text: str) -> Instant:
    """Read an ISO 8601 date-time; without an offset it is UTC, and digits past microseconds are cut.

    A space in place of the offset's `+` is accepted, because that is what an unescaped `+` becomes in a URL.

    :raises ValueError: not a full date-time, or outside the years 1 to 9999.
    """
    match = _ISO.fullmatch(text)
    if match is None:
        raise ValueError(f"'{text}' is not an ISO 8601 date-time")
    year, month, day, hour, minute, second, fraction, _zulu, sign, off_h, off_m = match.groups()
    try:
        moment = datetime(int(year), int(month), int(day), int(hour), int(minute), int(second or 0), tzinfo=UTC)
    except ValueError as error:
        raise ValueError(f"'{text}' is not an ISO 8601 date-time: {error}") from None
    micros = (moment - _EPOCH) // timedelta(microseconds=1) + int((fraction or "0")[:6].ljust(6, "0"))
    if sign:
        if int(off_h) > 23 or int(off_m) > 59:
            raise ValueError(f"'{text}' has an impossible offset")
        offset = int(off_h) * HOUR + int(off_m) * MINUTE
        micros += offset if sign == "-" else -offset
    if not EARLIEST <= micros <= LATEST:
        raise ValueError(f"'{text}' is out of range")
    return Instant(micros)


def format_instant(at: int) -> str:
    """Return `YYYY-MM-DDTHH:MM:SSZ`, with three or six decimals only when the fraction is not zero."""
    seconds, micros = divmod(at, SECOND)
    text = (_EPOCH + timedelta(seconds=seconds)).isoformat()[:19]
    if not micros:
        return f"{text}Z"
    return f"{text}.{micros // 1000:03d}Z" if micros % 1000 == 0 else f"{text}.{micros:06d}Z"


def parse_duration(text: str) -> int:
    """Read `90s`, `15m`, `36h`, `7d`, `2w`, `250ms` or an ISO 8601 duration (`P1DT2H`) as microseconds.

    :raises ValueError: neither form; years and months are refused because their length varies.
    """
    short = _SHORT_DURATION.fullmatch(text)
    if short is not None:
        whole, _, part = short[1].partition(".")
        unit = _UNITS[short[2]]
        return int(whole) * unit + (int(part) * unit // 10 ** len(part) if part else 0)
    iso = _ISO_DURATION.fullmatch(text)
    if iso is None:
        raise ValueError(f"'{text}' is not a duration such as 90s, 15m, 36h, 7d, 2w or PT36H")
    amounts = [int(part or 0) for part in iso.groups()]
    return sum(n * unit for n, unit in zip(amounts, (WEEK, DAY, HOUR, MINUTE, SECOND), strict=True))


def format_duration(us: int) -> str:
    """Return microseconds as a count of the largest unit that needs no fraction: `2h`, `90s`, `-5m`, `0.0005s`.

    `parse_duration` reads it, but for the minus.
    """
    for unit in ("d", "h", "m", "s", "ms"):
        if us % _UNITS[unit] == 0:
            return f"{us // _UNITS[unit]}{unit}"
    sign, (seconds, micros) = "-" if us < 0 else "", divmod(abs(us), SECOND)
    return f"{sign}{seconds}.{f'{micros:06d}'.rstrip('0')}s"


def floor_to(at: int, width: int) -> int:
    """Return the start of the UTC bucket of `width` microseconds that holds `at`."""
    return at - at % width
