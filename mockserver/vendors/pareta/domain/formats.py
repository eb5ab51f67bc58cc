"""Texts of the formats JSON Schema names, and plain phrases for what has none."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, timedelta

from mockserver.vendors.pareta.domain.patterns import Roll

_FIRST_DAY = date(2025, 1, 1)
_DAYS = 730
_NOUNS = ("harbor", "orchard", "summit", "meadow", "lantern", "river", "granite", "cedar", "copper", "willow")
_KINDS = ("standard", "first", "main", "general", "usual", "second", "new", "current", "common", "final")


def words_of(name: str) -> list[str]:
    """Return the words a member's name is made of, in lower case: `dueDate`, `due_date` and `due-date` have two."""
    return [word.lower() for word in _NAME_PART.findall(name)]


_NAME_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_A-Za-z]+")


def phrase(name: str, roll: Roll, attempt: int = 0) -> str:
    """Return a few words for a value of which nothing but its name is known."""
    words = " ".join(words_of(name)) or "value"
    text = f"{_KINDS[int(roll('kind') * len(_KINDS))]} {words}"
    return f"{text} {attempt}" if attempt else text


def _day(roll: Roll) -> str:
    return (_FIRST_DAY + timedelta(days=int(roll("day") * _DAYS))).isoformat()


def _clock(roll: Roll) -> str:
    minutes = int(roll("minute") * 96) * 15
    return f"{minutes // 60:02d}:{minutes % 60:02d}:00Z"


def _noun(roll: Roll, what: str = "noun") -> str:
    return _NOUNS[int(roll(what) * len(_NOUNS))]


def _hex(roll: Roll, count: int) -> str:
    return "".join("0123456789abcdef"[int(roll(f"hex{n}") * 16)] for n in range(count))


def _uuid(roll: Roll) -> str:
    digits = _hex(roll, 32)
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"


# Names and numbers set aside for examples: RFC 2606, RFC 5737 and RFC 3849.
FORMATS: Mapping[str, Callable[[Roll], str]] = {
    "date": _day,
    "time": _clock,
    "date-time": lambda roll: f"{_day(roll)}T{_clock(roll)}",
    "duration": lambda roll: f"PT{1 + int(roll('hours') * 48)}H",
    "email": lambda roll: f"{_noun(roll)}@example.com",
    "idn-email": lambda roll: f"{_noun(roll)}@example.com",
    "hostname": lambda roll: f"{_noun(roll)}.example.com",
    "idn-hostname": lambda roll: f"{_noun(roll)}.example.com",
    "ipv4": lambda roll: f"192.0.2.{1 + int(roll('host') * 254)}",
    "ipv6": lambda roll: f"2001:db8::{1 + int(roll('host') * 65_000):x}",
    "uri": lambda roll: f"https://example.com/{_noun(roll)}",
    "uri-reference": lambda roll: f"/{_noun(roll)}",
    "iri": lambda roll: f"https://example.com/{_noun(roll)}",
    "iri-reference": lambda roll: f"/{_noun(roll)}",
    "uri-template": lambda roll: f"https://example.com/{_noun(roll)}/{{id}}",
    "uuid": _uuid,
    "json-pointer": lambda roll: f"/{_noun(roll)}/0",
    "relative-json-pointer": lambda roll: f"1/{_noun(roll)}",
    "regex": lambda roll: f"^{_noun(roll)}$",
}
"""Makes a text of each format that JSON Schema defines; other formats are annotations."""

_DATE = r"\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])"
_TIME = r"(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d+)?(?:[Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)"
_HOST = r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)*[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_SHAPES = {
    name: re.compile(pattern, re.ASCII)
    for name, pattern in {
        "date": _DATE,
        "time": _TIME,
        "date-time": rf"{_DATE}[Tt]{_TIME}",
        "duration": r"P(?!$)(?:\d+W|(?:\d+Y)?(?:\d+M)?(?:\d+D)?(?:T(?!$)(?:\d+H)?(?:\d+M)?(?:\d+S)?)?)",
        "email": rf"[A-Za-z0-9!#$%&'*+/=?^_`{{|}}~.-]{{1,64}}@{_HOST}",
        "hostname": _HOST,
        "ipv4": r"(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?!$)|$)){4}",
        "uri": r"[A-Za-z][A-Za-z0-9+.-]*:[!#-;=?-\[\]_a-z~%]+",
        "uri-reference": r"[!#-;=?-\[\]_a-z~%]*",
        "uuid": r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}",
        "json-pointer": r"(?:/(?:[^~/]|~[01])*)*",
        "relative-json-pointer": r"(?:0|[1-9]\d*)(?:#|(?:/(?:[^~/]|~[01])*)*)",
    }.items()
}


def holds(name: str, text: str) -> bool:
    """Whether a text has a format; any text has one that is not known here."""
    if name == "date":
        try:
            date.fromisoformat(text)
        except ValueError:
            return False
    shape = _SHAPES.get(name)
    return shape is None or shape.fullmatch(text) is not None
