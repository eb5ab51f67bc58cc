"""How a model of a given quality gets things right and wrong: every mistake is one a model could make."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, NamedTuple, TypeVar

from mockserver.vendors.pareta.domain.comparing import normalised

T = TypeVar("T")
Roll = Callable[[str], float]
"""Returns a number in [0, 1) for a named decision; the same name gives the same number."""

Draw = Callable[[int], float]
"""Returns the n-th of an answer's independent numbers in [0, 1); the same n gives the same number."""

# Near the end of a double's range, ten times as much would be infinite.
_HUGE = 1e300
_OMITS = 0.25
_HALLUCINATED = ("2025-06-30", "2026-03-15", "2024-11-01")
_HEDGES = (
    "I am not sure.",
    "It depends on the case.",
    "More information is needed.",
    "This cannot be said with confidence.",
)
_STUBS = ("pass\n", "raise NotImplementedError\n")
_FLIPS = {
    "==": "!=", "!=": "==", "<=": "<", ">=": ">", "<": "<=", ">": ">=", "+": "-", "-": "+", "*": "+", "/": "*",
    "%": "/", "and": "or", "or": "and", "True": "False", "False": "True", "min": "max", "max": "min",
}  # fmt: skip
_FLIPPED = re.compile(r"[=!<>]=|(?<!-)[<>]|[+*/%]|-(?!>)|\b(?:and|or|True|False|min|max)\b")
_CODE = re.compile(
    r"^[ \t]*+(?:def|class|return|import|from|for|while|if|function|const|let|var)\b|[;{}][ \t]*+$", re.M
)
_LINE = re.compile(r".*\n|.+")
_CLAUSE = re.compile(r".+?(?:[.!?;,:](?=\s)|$)\s*", re.S)
_DIGIT = re.compile(r"\d")


def predict(expected: Any, quality: float, draw: Draw, labels: Sequence[str] = ()) -> Any:
    """Return what a model answers where `expected` is right: that very object when it gets everything right.

    Each field of an object, or the whole of anything else, is right with probability `quality`. Some mistakes leave
    a field out, but not one that is null, because that would say the same.

    :param labels: the values a classifier may confuse with one another.
    """
    if not isinstance(expected, Mapping):
        number = draw(0)
        return expected if number < quality else mistake(expected, rest_of(number, quality), labels)
    wrong = [(name, number) for n, name in enumerate(expected) if (number := draw(n)) >= quality]
    if not wrong:
        return expected
    answer = dict(expected)
    for name, number in wrong:
        value = expected[name]
        rest = rest_of(number, quality)
        if value is None or len(expected) == 1:
            answer[name] = mistake(value, rest, labels)
        elif rest < _OMITS:
            del answer[name]
        else:
            answer[name] = mistake(value, rest_of(rest, _OMITS), labels)
    return answer


def rest_of(number: float, bound: float) -> float:
    """Return what else a uniform number says once it is known not to be below a bound: again uniform in [0, 1)."""
    return min((number - bound) / (1 - bound), _BELOW_ONE)


_BELOW_ONE = 1 - 2**-53


def errors(count: int, quality: float, draw: Draw) -> Iterator[tuple[int, float]]:
    """Yield the places among `count` where a model errs, each with probability 1 - quality, and a number for how.

    One draw leads from each error to the next, so that what is right costs nothing.
    """
    place = n = 0
    while quality < 1 and count:
        number = 1 - draw(n)
        gap = int(math.log(number) / math.log(quality)) if quality > 0 else 0
        place += gap
        if place >= count:
            return
        top, bottom = quality**gap, quality ** (gap + 1)
        yield place, min(max((top - number) / (top - bottom), 0.0), _BELOW_ONE)
        place += 1
        n += 1


def mistake(value: Any, number: float, labels: Sequence[str] = ()) -> Any:
    """Return a plausible wrong value in place of a right one; never the value itself.

    :param number: decides which, uniform in [0, 1).
    """
    if isinstance(value, bool):
        return not value
    if value is None:
        return pick(_HALLUCINATED, number)[0]
    if isinstance(value, int | float):
        return _wrong_number(value, number)
    if isinstance(value, str):
        return _wrong_text(value, number, labels)
    if isinstance(value, Mapping):
        name, rest = pick(sorted(value), number) if value else ("value", number)
        return {**value, name: mistake(value.get(name), rest, labels)}
    items = list(value)
    if not items:
        return [pick(_HALLUCINATED, number)[0]]
    place, rest = pick(range(len(items)), number)
    if rest < 0.5:
        return items[:place] + items[place + 1 :]
    return [*items[:place], mistake(items[place], 2 * rest - 1, labels), *items[place + 1 :]]


def pick(options: Sequence[T], number: float) -> tuple[T, float]:
    """Return the option a number in [0, 1) points at, and what is left of the number: again uniform in [0, 1)."""
    scaled = number * len(options)
    place = int(scaled)
    return options[place], scaled - place


def _wrong_number(value: float, number: float) -> int | float:
    """Be off by one, by a digit, or in the sign: the errors of reading figures."""
    if not value:
        return 1
    if abs(value) >= _HUGE:
        return -value
    near = value + 1 if abs(value) < 10**9 else value * 2
    return pick((near, value * 10, -value), number)[0]


def _wrong_text(value: str, number: float, labels: Sequence[str]) -> str:
    others = [label for label in labels if label != value]
    if others:
        label = pick(others, number)[0]
        if normalised(label) != normalised(value):
            return label
    try:
        day = date.fromisoformat(value)
    except ValueError:
        pass
    else:
        return _wrong_date(day, number)
    words = value.split()
    if len(words) > 1:
        return " ".join(words[:-1] if number < 0.7 else words[1:])
    word = value.strip()
    if word.isascii() and _DIGIT.search(word):
        return misread(word, number)
    return word[:-1] if len(word) > 1 and number < 0.5 else f"{word}s"


def _wrong_date(day: date, number: float) -> str:
    """Be a day, a month or a year off, or read day and month the wrong way round."""
    if day.day <= 12 and day.day != day.month:
        if number < 0.4:
            return day.replace(month=day.day, day=day.month).isoformat()
        number = rest_of(number, 0.4)
    if not 1900 <= day.year <= 9000:
        return f"{day.year}"
    return (day + timedelta(days=pick((1, -1, 30, 365), number)[0])).isoformat()


def misread(text: str, number: float) -> str:
    """Return a text with one of its digits taken for another; the text as it is when it has none."""
    places = [match.start() for match in _DIGIT.finditer(text)]
    if not places:
        return text
    place, rest = pick(places, number)
    digit = (int(text[place]) + 1 + int(rest * 9)) % 10
    return f"{text[:place]}{digit}{text[place + 1 :]}"


def reword(text: str, quality: float, draw: Draw) -> str:
    """Return how a model tells a text: as much of it is right, on average, as its quality says.

    The parts of its sentences, or its lines if it is code, go wrong one by one: they are left out, say something
    vague, or have a figure or an operator wrong. The text itself comes back when nothing does.
    """
    wording = wording_of(text)
    count = len(wording.parts)
    wrong = dict(errors(count, quality_of_part(quality, count), draw))
    return wording.with_mistakes(wrong) if wrong else text


def quality_of_part(quality: float, parts: int) -> float:
    """Return how often each part of a text is right, so that as much of it is, on average, as a quality says.

    A part that goes wrong is seldom lost altogether, unless it is all there is; so it happens more often.
    """
    loss = 0.55 + 0.45 / max(1, parts)
    return max(0.0, 1 - (1 - quality) / loss)


class Wording(NamedTuple):
    """A text in the parts that go wrong one by one: its clauses, or its lines if it is code."""

    text: str
    parts: Sequence[str]
    is_code: bool

    def with_mistakes(self, wrong: Mapping[int, float]) -> str:
        """Return the text with some of its parts wrong; never the text itself.

        :param wrong: for each of these a number in [0, 1) that says how.
        """
        text, parts, is_code = self
        written = [
            part if n not in wrong else _wrong_line(part, wrong[n]) if is_code else _wrong_clause(part, wrong[n])
            for n, part in enumerate(parts)
        ]
        answer = "".join(written) if is_code else "".join(written).rstrip()
        if normalised(answer) not in ("", normalised(text)):
            return answer
        others = [other for other in (_STUBS if is_code else _HEDGES) if normalised(other) != normalised(text)]
        return pick(others, next(iter(wrong.values())))[0]


def wording_of(text: str) -> Wording:
    """Return a text in its parts."""
    is_code = _CODE.search(text) is not None
    return Wording(text, _LINE.findall(text) if is_code else _CLAUSE.findall(text), is_code)


def _wrong_clause(part: str, number: float) -> str:
    if number < 0.4 and _DIGIT.search(part):
        return misread(part, number / 0.4)
    if number < 0.7:
        return ""
    return f"{pick(_HEDGES, rest_of(number, 0.7))[0]} "


def _wrong_line(line: str, number: float) -> str:
    flips = list(_FLIPPED.finditer(line))
    if number < 0.3 and flips:
        flip = pick(flips, number / 0.3)[0]
        return f"{line[: flip.start()]}{_FLIPS[flip[0]]}{line[flip.end() :]}"
    if number < 0.6:
        return ""
    body = line.lstrip()
    return f"{line[: len(line) - len(body)]}pass\n"
