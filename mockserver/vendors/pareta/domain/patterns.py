"""Texts that match a regular expression, made by walking through it."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from importlib import import_module
from typing import Any, TypeVar

# How Python itself takes an expression apart; the modules have no public names and no types.
parser: Any = import_module("re._parser")
words: Any = import_module("re._constants")

T = TypeVar("T")
Roll = Callable[[str], float]

MAX_PATTERN_CHARACTERS = 1_000
MAX_TEXT_CHARACTERS = 4_000

# How much longer the repeated parts of a text become from one attempt to the next.
_GROWTH = (0, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233, 377, 610, 987, 1597, 2584)
# A match of that many steps takes a blink; see `longest_safe`.
_STEPS = 1_000_000
_NESTED_CHARACTERS = 24
_PRINTABLE = [chr(code) for code in range(0x20, 0x7F)]
# Ordinary characters come first where anything will do.
_ORDINARY = sorted(_PRINTABLE, key=lambda c: (not c.islower(), not c.isalnum(), c))
_BEYOND = [chr(code) for code in (0xE9, 0x3B1, 0x416, 0x4E2D, 0x0A, 0x09)]
_CATEGORIES: dict[Any, Callable[[str], bool]] = {
    words.CATEGORY_DIGIT: str.isdigit,
    words.CATEGORY_NOT_DIGIT: lambda c: not c.isdigit(),
    words.CATEGORY_SPACE: str.isspace,
    words.CATEGORY_NOT_SPACE: lambda c: not c.isspace(),
    words.CATEGORY_WORD: lambda c: c.isalnum() or c == "_",
    words.CATEGORY_NOT_WORD: lambda c: not (c.isalnum() or c == "_"),
}
_REPEATS = (words.MAX_REPEAT, words.MIN_REPEAT, words.POSSESSIVE_REPEAT)


class Unreadable(ValueError):
    """The text is no regular expression, or one too long or too intricate to work with."""


@lru_cache(maxsize=256)
def parsed(pattern: str) -> Sequence[Any]:
    """Return the parts of a regular expression.

    :raises Unreadable: it is none, or longer than is taken.
    """
    if len(pattern) > MAX_PATTERN_CHARACTERS:
        raise Unreadable(f"a pattern has at most {MAX_PATTERN_CHARACTERS} characters")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what a later Python may read otherwise is nothing to a caller
            re.compile(pattern)
            return list(parser.parse(pattern))
    except (re.error, RecursionError, OverflowError) as error:
        raise Unreadable(f"{pattern!r} is not a regular expression: {error}") from None


@lru_cache(maxsize=256)
def longest_safe(pattern: str) -> int:
    """Return how long a text may be so that searching it for a pattern ends soon, whatever the text says.

    Repetitions in a row take polynomial time at worst, those within one another exponential time.

    :raises Unreadable: the pattern is no regular expression.
    """
    loops, is_nested = _loops(parsed(pattern))
    if is_nested:
        return _NESTED_CHARACTERS
    length = MAX_TEXT_CHARACTERS
    while _ways(length, loops + 1) > _STEPS:
        length = length * 3 // 4
    return length


def matches(pattern: str, text: str) -> bool:
    """Whether a text contains a match; one that is too long to be searched in time does not.

    :raises Unreadable: the pattern is no regular expression.
    """
    return len(text) <= longest_safe(pattern) and re.search(pattern, text) is not None


def _ways(length: int, loops: int) -> float:
    """Return in about how many ways a text can be shared out among repetitions, trying each start."""
    ways = 1.0
    for k in range(1, loops + 1):
        ways *= (length + k) / k
    return ways


def _loops(parts: Sequence[Any]) -> tuple[int, bool]:
    """Return how many repetitions of varying length stand in a row, and whether any stand within another."""
    count, is_nested = 0, False
    for kind, argument in parts:
        if kind in _REPEATS:
            least, most, body = argument
            inner, inner_nested = _loops(body)
            if most > 1:
                is_nested |= inner > 0
            is_nested |= inner_nested
            count += inner + (most != least)
        elif kind is words.BRANCH:
            found = [_loops(branch) for branch in argument[1]]
            count += 1 + max(inner for inner, _ in found)
            is_nested |= any(nested for _, nested in found)
        else:
            for body in _bodies(kind, argument):
                inner, inner_nested = _loops(body)
                count += inner
                is_nested |= inner_nested
    return count, is_nested


def _bodies(kind: Any, argument: Any) -> list[Any]:
    """Return the parts within a part that is neither repetition nor choice."""
    if kind is words.SUBPATTERN:
        return [argument[3]]
    if kind is words.ATOMIC_GROUP:
        return [argument]
    if kind in (words.ASSERT, words.ASSERT_NOT):
        return [argument[1]]
    if kind is words.GROUPREF_EXISTS:
        return [body for body in argument[1:] if body is not None]
    return []


def texts_matching(pattern: str, roll: Roll) -> Iterator[str]:
    """Yield texts that were made to match a pattern, each longer than the one before where it has repetitions.

    What stands around a place (anchors, lookarounds) is not looked at, so a text may fail to match: test it.

    :raises Unreadable: the pattern is no regular expression.
    """
    parts = parsed(pattern)
    longest = longest_safe(pattern)
    for attempt, extra in enumerate(_GROWTH):
        walk = _Walk(lambda what, attempt=attempt: roll(f"{attempt}:{what}"), extra, longest)  # type: ignore[misc]
        text = walk.through(parts)
        if len(text) > longest:
            return
        yield text


class _Walk:
    """One way through a pattern.

    :param extra: how often a repetition goes round beyond its least.
    :param longest: where to stop, because nobody will take a longer text.
    """

    def __init__(self, roll: Roll, extra: int, longest: int) -> None:
        self._roll = roll
        self._extra = extra
        self._left = longest + 1
        self._groups: dict[int, str] = {}
        self._drawn = 0

    def through(self, parts: Sequence[Any]) -> str:
        return "".join(self._part(kind, argument) for kind, argument in parts)

    def _part(self, kind: Any, argument: Any) -> str:
        if kind in _REPEATS:
            return self._repeated(*argument)
        if kind is words.BRANCH:
            return self.through(self._pick(argument[1]))
        if kind is words.SUBPATTERN:
            text = self.through(argument[3])
            if argument[0] is not None:
                self._groups[argument[0]] = text
            return text
        if kind is words.ATOMIC_GROUP:
            return self.through(argument)
        if kind is words.GROUPREF:
            return self._groups.get(argument, "")
        if kind is words.GROUPREF_EXISTS:
            group, present, absent = argument
            return self.through((present if group in self._groups else absent) or [])
        if kind in (words.AT, words.ASSERT, words.ASSERT_NOT):
            return ""
        self._left -= 1
        return self._character(kind, argument)

    def _repeated(self, least: int, most: int, body: Sequence[Any]) -> str:
        rounds = min(most, least + self._extra)
        pieces: list[str] = []
        for n in range(rounds):
            before = self._left
            if before < 0 or (n >= max(1, least) and pieces[-1] == ""):
                break
            pieces.append(self.through(body))
        return "".join(pieces)

    def _character(self, kind: Any, argument: Any) -> str:
        if kind is words.LITERAL:
            return chr(argument)
        if kind is words.NOT_LITERAL:
            return self._pick([c for c in _ORDINARY if ord(c) != argument][:26])
        if kind is words.ANY:
            return self._pick(_ORDINARY[:26])
        assert kind is words.IN, kind
        return self._member(argument)

    def _member(self, members: Sequence[Any]) -> str:
        """Return a character of a class; an ordinary one if there is any."""
        return self._pick(_members(tuple(members)))

    def _pick(self, options: Sequence[T]) -> T:
        self._drawn += 1
        return options[int(self._roll(str(self._drawn)) * len(options))]


@lru_cache(maxsize=256)
def _members(members: tuple[Any, ...]) -> Sequence[str]:
    is_negated = members[0][0] is words.NEGATE
    named = [
        chr(code) for kind, argument in members if kind in (words.LITERAL, words.RANGE) for code in _some(argument)
    ]
    pool = [c for c in [*_ORDINARY, *_BEYOND, *named] if _is_in(c, members) != is_negated]
    return pool[:26] or ["\ufffd"]


def _some(argument: Any) -> Sequence[int]:
    return range(argument[0], min(argument[1], argument[0] + 25) + 1) if isinstance(argument, tuple) else (argument,)


def _is_in(character: str, members: Sequence[Any]) -> bool:
    code = ord(character)
    for kind, argument in members:
        if kind is words.LITERAL and code == argument:
            return True
        if kind is words.RANGE and argument[0] <= code <= argument[1]:
            return True
        if kind is words.CATEGORY and _CATEGORIES[argument](character):
            return True
    return False
