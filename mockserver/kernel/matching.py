"""Which requests a fault, a stub or an assertion is about: small patterns that combine with `&`, `|` and `~` (pure).

A pattern looks at the *facts* of a request by name. Those of every request are in `COMMON`; vendors add what their
bodies say, such as the model. As JSON a pattern is an object: its members must all hold, `all`, `any` and `not` nest.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

COMMON = ("vendor", "operation", "method", "path", "key", "idempotency_key", "client", "header", "json")
"""Facts of every request. `key` is the API key, `client` the `User-Agent`; `header` and `json` have members."""

_WAYS = ("equals", "contains", "regex", "one_of")


class FaultyPattern(ValueError):
    """A pattern says something that cannot be; the message names what can."""


class Facts:
    """What is known about one request, by name; what takes a look into its body is only found out when asked for.

    A fact is a text, a number, a truth value, `None` where it is missing, a list of these (then any of them may
    match), or an object (then members are asked for by path: `json.messages.0.role`).

    :param more: returns the facts that take a look into the body.
    """

    __slots__ = ("_found", "_known", "_more")

    def __init__(self, known: Mapping[str, Any], more: Callable[[], Mapping[str, Any]] | None = None) -> None:
        self._known = known
        self._more = more
        self._found: Mapping[str, Any] | None = None

    def get(self, name: str) -> Any:
        """Return a fact by its name or path, `None` when there is none."""
        head, dot, rest = name.partition(".")
        if head in self._known:
            value = self._known[head]
        else:
            if self._found is None:
                self._found = self._more() if self._more else {}
            value = self._found.get(head)
        return member(value, rest) if dot else value


def member(value: Any, path: str) -> Any:
    """Return what stands at a dotted path in JSON data, `None` when nothing does; numbers count list items."""
    for part in path.split("."):
        if isinstance(value, Mapping):
            value = value.get(part)
        elif isinstance(value, list | tuple) and part.isdecimal() and int(part) < len(value):
            value = value[int(part)]
        else:
            return None
    return value


class Difference(NamedTuple):
    """Why a request does not match: what was wanted of a fact, and what it is."""

    name: str
    wanted: str
    got: Any

    def __str__(self) -> str:
        return f"{self.name} is {_shown(self.got)}, wanted {self.wanted}"


class Pattern(ABC):
    """Matches requests by their facts."""

    __slots__ = ()

    def matches(self, facts: Facts) -> bool:
        """Whether a request is one of those meant."""
        return not any(True for _ in self.differences(facts))

    @abstractmethod
    def differences(self, facts: Facts) -> Iterator[Difference]:
        """Yield what stands in the way of a match; nothing when there is one."""

    @abstractmethod
    def criteria(self) -> Iterator[tuple[str, Way]]:
        """Yield every fact that is looked at, with what is wanted of it."""

    @abstractmethod
    def spec(self) -> dict[str, Any]:
        """Return the pattern as JSON data, which `read` reads."""

    def __and__(self, other: Pattern) -> Pattern:
        return All((self, other))

    def __or__(self, other: Pattern) -> Pattern:
        return AnyOf((self, other))

    def __invert__(self) -> Pattern:
        return Not(self)

    def __str__(self) -> str:
        return _text(self.spec())


@dataclass(frozen=True, slots=True)
class Way:
    """What is wanted of a fact.

    :param kind: `glob` (the whole text, `*` stands for any), `contains`, `regex` (anywhere), `equals` or `one_of`.
    """

    kind: str
    value: Any

    def accepts(self, name: str, got: Any) -> bool:
        """Whether a fact is as wanted; of a list, whether any item is."""
        if isinstance(got, list | tuple) and self.kind != "equals":
            return any(self.accepts(name, each) for each in got)
        if self.kind == "equals":
            return _is_same(got, self.value)
        if self.kind == "one_of":
            return any(_is_same(got, value) for value in self.value)
        if got is None:
            return False
        text = _plain(got)
        if self.kind == "contains":
            return self.value in text
        if self.kind == "regex":
            return re.search(self.value, text) is not None
        if name == "operation":
            return is_operation(text, self.value)
        return glob(self.value).fullmatch(text) is not None

    def spec(self) -> Any:
        """Return what is wanted as JSON data."""
        return self.value if self.kind == "glob" else {self.kind: self.value}

    def __str__(self) -> str:
        return _shown(self.value) if self.kind in ("glob", "equals") else f"{self.kind} {_shown(self.value)}"


@dataclass(frozen=True, slots=True)
class Is(Pattern):
    """Matches one fact."""

    name: str
    way: Way

    def differences(self, facts: Facts) -> Iterator[Difference]:
        """Yield the fact if it is not as wanted."""
        got = facts.get(self.name)
        if not self.way.accepts(self.name, got):
            yield Difference(self.name, str(self.way), got)

    def criteria(self) -> Iterator[tuple[str, Way]]:
        """Yield this one fact."""
        yield self.name, self.way

    def spec(self) -> dict[str, Any]:
        """Return the pattern as JSON data."""
        head, dot, rest = self.name.partition(".")
        return {head: {rest: self.way.spec()}} if dot else {head: self.way.spec()}


@dataclass(frozen=True, slots=True)
class All(Pattern):
    """Matches where every part does; without parts, everything."""

    parts: tuple[Pattern, ...] = ()

    def differences(self, facts: Facts) -> Iterator[Difference]:
        """Yield what stands in the way of each part."""
        for part in self.parts:
            yield from part.differences(facts)

    def criteria(self) -> Iterator[tuple[str, Way]]:
        """Yield those of every part."""
        for part in self.parts:
            yield from part.criteria()

    def spec(self) -> dict[str, Any]:
        """Return the pattern as JSON data: one object where no two parts speak of the same."""
        merged: dict[str, Any] = {}
        for spec in (part.spec() for part in self.parts):
            if merged.keys() & spec.keys():
                return {"all": [part.spec() for part in self.parts]}
            merged |= spec
        return merged


@dataclass(frozen=True, slots=True)
class AnyOf(Pattern):
    """Matches where one part does."""

    parts: tuple[Pattern, ...]

    def differences(self, facts: Facts) -> Iterator[Difference]:
        """Yield what stands in the way of the part that comes closest."""
        found = [list(part.differences(facts)) for part in self.parts]
        yield from min(found, key=len, default=[])

    def criteria(self) -> Iterator[tuple[str, Way]]:
        """Yield those of every part."""
        for part in self.parts:
            yield from part.criteria()

    def spec(self) -> dict[str, Any]:
        """Return the pattern as JSON data."""
        return {"any": [part.spec() for part in self.parts]}


@dataclass(frozen=True, slots=True)
class Not(Pattern):
    """Matches where another pattern does not."""

    part: Pattern

    def differences(self, facts: Facts) -> Iterator[Difference]:
        """Yield each fact that is as it must not be."""
        if not self.part.matches(facts):
            return
        criteria = list(self.part.criteria())
        for name, way in criteria:
            yield Difference(name, f"anything but {way}", facts.get(name))
        if not criteria:
            yield Difference("request", "none at all", "one")

    def criteria(self) -> Iterator[tuple[str, Way]]:
        """Yield what must not be."""
        return self.part.criteria()

    def spec(self) -> dict[str, Any]:
        """Return the pattern as JSON data."""
        return {"not": self.part.spec()}


ANYTHING = All()


# Reading


def read(spec: Mapping[str, Any], names: Iterable[str]) -> Pattern:
    """Return the pattern that JSON data describes.

    :param names: of the facts there are.
    :raises FaultyPattern: it describes none.
    """
    return _read(spec, tuple(names))


def criterion(name: str, wanted: Any) -> Pattern:
    """Return the pattern for one fact, as JSON has it: a glob, a plain value, or an object that says how to compare.

    :raises FaultyPattern: it says none of these.
    """
    if isinstance(wanted, Mapping) and name in ("header", "json"):
        members = [
            criterion(f"{name}.{inner.lower() if name == 'header' else inner}", w) for inner, w in wanted.items()
        ]
        return members[0] if len(members) == 1 else All(tuple(members))
    return Is(name, _way(name, wanted))


def _read(spec: Any, names: tuple[str, ...]) -> Pattern:
    if not isinstance(spec, Mapping):
        raise FaultyPattern('a pattern is an object, such as {"model": "auto"}')
    parts: list[Pattern] = []
    for name, wanted in spec.items():
        if name == "not":
            parts.append(Not(_read(wanted, names)))
        elif name in ("all", "any"):
            if not isinstance(wanted, list) or not wanted:
                raise FaultyPattern(f"'{name}' takes a list of patterns")
            inner = tuple(_read(each, names) for each in wanted)
            parts.append(All(inner) if name == "all" else AnyOf(inner))
        elif name in names:
            parts.append(criterion(name, wanted))
        else:
            raise FaultyPattern(f"nothing is known as '{name}'; there are: {', '.join(sorted(names))}, all, any, not")
    return parts[0] if len(parts) == 1 else All(tuple(parts))


def _way(name: str, wanted: Any) -> Way:
    if isinstance(wanted, str):
        return Way("glob", wanted)
    if not isinstance(wanted, Mapping):
        return Way("equals", wanted)
    if len(wanted) != 1 or next(iter(wanted)) not in _WAYS:
        raise FaultyPattern(f"{name}: compare by a text, a value, or one of {', '.join(_WAYS)}")
    kind, value = next(iter(wanted.items()))
    if kind in ("contains", "regex") and not isinstance(value, str):
        raise FaultyPattern(f"{name}: {kind} takes a text")
    if kind == "one_of":
        if not isinstance(value, list | tuple):
            raise FaultyPattern(f"{name}: one_of takes a list")
        value = tuple(value)
    if kind == "regex":
        try:
            re.compile(value)
        except re.error as error:
            raise FaultyPattern(f"{name}: '{value}' is no regular expression: {error}") from None
    return Way(kind, value)


def _is_same(one: Any, other: Any) -> bool:
    """Whether two JSON values are equal; unlike in Python, true is not 1."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(_is_same, one, other))
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(_is_same(value, other[name]) for name, value in one.items())
    return bool(one == other)


@lru_cache(maxsize=512)
def glob(text: str) -> re.Pattern[str]:
    """Return the expression for a text in which only `*` is special: it stands for any characters, or none."""
    return re.compile(".*".join(map(re.escape, text.split("*"))), re.DOTALL)


def is_operation(name: str, wanted: str) -> bool:
    """Whether an operation is the one wanted: a glob, in which the vendor may be left out."""
    pattern = glob(wanted)
    return pattern.fullmatch(name) is not None or pattern.fullmatch(name.partition(".")[2]) is not None


# Showing


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else _text(value)


def _text(value: Any) -> str:
    import json  # only messages need it

    return json.dumps(value, ensure_ascii=False, default=str)


def _shown(value: Any) -> str:
    if value is None:
        return "missing"
    text = _text(value)
    return text if len(text) <= 120 else f"{text[:117]}..."
