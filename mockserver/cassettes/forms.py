"""What texts and numbers are by their form: instants, amounts, names of things."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from email.utils import parsedate_to_datetime
from typing import Literal

from mockserver.kernel.windows import DAY, MINUTE, SECOND, Instant, parse_instant

Form = Literal["date-time", "date-time without offset", "date", "HTTP date", "decimal", "text"]

MOST_DIGITS = 60
"""Of a number written as text; longer ones are texts."""

_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d([.,]\d{1,9})?)?([Zz]|[+-]\d\d:?\d\d)?", re.ASCII)
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_HTTP_DATE = re.compile(r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d [A-Z]{1,4}", re.ASCII)
_DECIMAL = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d{1,2})?", re.ASCII)
_TIMELY = re.compile(
    r"(^|_)(at|time|timestamp|created|updated|deleted|expires|expiry|start|end|from|to|since|until|date)($|_)|"
    r"(At|Time|Timestamp|Expires|Start|End|From|To|Since|Until|Date)($|[A-Z])",
    re.ASCII,
)
_NAMING = re.compile(r"(^|_)(id|ids|uuid|token|key|cursor|fingerprint)$|(Id|ID|Ids|Token|Key|Cursor)$", re.ASCII)
_EPOCHS = {"seconds": SECOND, "milliseconds": 1000, "microseconds": 1}
_FIRST, _LAST = 978_307_200, 4_102_444_800
"""The years 2001 to 2099, in seconds: what else is a number is no instant."""


def form_of(text: str) -> Form:
    """Return what a text looks like."""
    if not text or not (text[0].isdecimal() or text[0] in "-SMTWF") or len(text) > MOST_DIGITS:
        return "text"
    if _DECIMAL.fullmatch(text):
        return "decimal"
    found = _DATE_TIME.fullmatch(text)
    if found:
        return "date-time" if found[3] else "date-time without offset"
    if _DATE.fullmatch(text):
        return "date"
    return "HTTP date" if _HTTP_DATE.fullmatch(text) else "text"


def instant_of(text: str) -> Instant | None:
    """Return when a text of one of the forms of instants is, `None` if there is no such time."""
    form = form_of(text)
    try:
        if form == "HTTP date":
            return Instant(int(parsedate_to_datetime(text).timestamp()) * SECOND)
        return parse_instant(f"{text}T00:00Z" if form == "date" else text)
    except (ValueError, OverflowError):
        return None


def decimal_of(text: str) -> Decimal:
    """Return the number a text of that form is."""
    try:
        return Decimal(text)
    except InvalidOperation:  # not while the form is what it is
        return Decimal(0)


def epoch_of(name: str, value: float) -> str | None:
    """Return the unit in which a member counts since 1970, `None` if it is no instant by its name and size."""
    if not _FIRST <= value <= _LAST * SECOND or not _TIMELY.search(name):
        return None
    return next((unit for unit, us in _EPOCHS.items() if _FIRST <= value * us / SECOND <= _LAST), None)


def since_epoch(value: float, unit: str) -> Instant:
    """Return an instant that was counted in a unit."""
    return Instant(int(value * _EPOCHS[unit]))


def is_name(name: str) -> bool:
    """Return whether a member says which one a thing is, by a text that says nothing else."""
    return bool(_NAMING.search(name))


def are_near(recorded: Instant, simulated: Instant, asked_at: Instant, form: Form | None = None) -> bool:
    """Return whether two instants are about as far from the time of the request they came of.

    About is a tenth of the way, and a minute at least; of dates, a day.
    """
    room = max(abs(recorded - asked_at) // 10, DAY if form == "date" else MINUTE)
    return abs(recorded - simulated) <= room
