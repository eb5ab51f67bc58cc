"""How a model of a given quality gets things right and wrong: every mistake is one a model could make."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, TypeVar

from mockserver.vendors.pareta.domain.scoring import normalised

T = TypeVar("T")
Roll = Callable[[str], float]
"""Returns a number in [0, 1) for a named decision; the same name gives the same number."""

# Near the end of a double's range, ten times as much would be infinite.
_HUGE = 1e300
_HALLUCINATED = ("2025-06-30", "2026-03-15", "2024-11-01")


def predict(expected: Any, quality: float, roll: Roll, labels: Sequence[str] = ()) -> Any:
    """Return what a model answers where `expected` is right.

    Each field of an object, or the whole of anything else, is right with probability `quality`. Some mistakes leave
    a field out, but not one that is null, because that would say the same.

    :param labels: the values a classifier may confuse with one another.
    """
    if isinstance(expected, Mapping):
        answer: dict[str, Any] = {}
        for name, value in expected.items():
            if roll(f"{name}:right") < quality:
                answer[name] = value
            elif value is None or roll(f"{name}:omits") >= 0.25 or len(expected) == 1:
                answer[name] = mistake(value, lambda what, name=name: roll(f"{name}:{what}"), labels)  # type: ignore[misc]
        return answer
    return expected if roll("right") < quality else mistake(expected, roll, labels)


def mistake(value: Any, roll: Roll, labels: Sequence[str] = ()) -> Any:
    """Return a plausible wrong value in place of a right one; never the value itself."""
    if isinstance(value, bool):
        return not value
    if value is None:
        return _pick(_HALLUCINATED, roll("which"))
    if isinstance(value, int | float):
        return _wrong_number(value, roll)
    if isinstance(value, str):
        return _wrong_text(value, roll, labels)
    if isinstance(value, Mapping):
        name = _pick(sorted(value), roll("field")) if value else "value"
        return {**value, name: mistake(value.get(name), roll, labels)}
    items = list(value)
    return items[:-1] if items else [_pick(_HALLUCINATED, roll("which"))]


def _wrong_number(value: float, roll: Roll) -> int | float:
    """Be off by one, by a digit, or in the sign: the errors of reading figures."""
    if not value:
        return 1
    if abs(value) >= _HUGE:
        return -value
    near = value + 1 if abs(value) < 10**9 else value * 2
    return _pick((near, value * 10, -value), roll("which"))


def _wrong_text(value: str, roll: Roll, labels: Sequence[str]) -> str:
    others = [label for label in labels if normalised(label) != normalised(value)]
    if others:
        return _pick(others, roll("which"))
    try:
        day = date.fromisoformat(value)
    except ValueError:
        pass
    else:
        return _wrong_date(day, roll)
    words = value.split()
    if len(words) > 1:
        return " ".join(words[:-1] if roll("which") < 0.7 else words[1:])
    word = value.strip()
    return word[:-1] if len(word) > 1 and roll("which") < 0.5 else f"{word}s"


def _wrong_date(day: date, roll: Roll) -> str:
    """Be a day, a month or a year off, or read day and month the wrong way round."""
    if day.day <= 12 and day.day != day.month and roll("which") < 0.4:
        return day.replace(month=day.day, day=day.month).isoformat()
    shift = _pick((1, -1, 30, 365), roll("shift"))
    if not 1900 <= day.year <= 9000:
        return f"{day.year}"
    return (day + timedelta(days=shift)).isoformat()


def _pick(options: Sequence[T], number: float) -> T:
    return options[int(number * len(options))]
