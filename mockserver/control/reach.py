"""Which of the vendors' operations a pattern can be about, told without a request (pure).

Of a request to an operation the vendor, the operation, the method and the shape of its path are known beforehand; what
else a pattern asks may turn out either way, unless the vendor's requests say nothing of the kind.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from mockserver.http.endpoint import Api, Endpoint
from mockserver.kernel.errors import InvalidRequest, Problem
from mockserver.kernel.matching import COMMON, All, AnyOf, Is, Not, Pattern, Way

_ORDER = ("vendor", "operation", "path", "method")
_NEAREST = 3


class Site(NamedTuple):
    """Where a request can go: an operation, or past all operations of a vendor.

    :param path: its template, or what such a path begins with.
    """

    api: Api
    endpoint: Endpoint | None
    path: str

    @property
    def operation(self) -> str | None:
        """The operation's name, with the vendor."""
        return None if self.endpoint is None else f"{self.api.name}.{self.endpoint.operation}"


def reach(conjuncts: Sequence[tuple[str, Pattern]], apis: Sequence[Api]) -> list[Site]:
    """Return where the requests can go that match all of several patterns.

    :param conjuncts: each with the field of a body that says it.
    :raises InvalidRequest: nowhere; it blames the first that leaves nothing, and names what there is.
    """
    sites = [Site(api, endpoint, endpoint.path) for api in apis for endpoint in api.endpoints]
    if any(name == "path" for _, pattern in conjuncts for name, _ in pattern.criteria()):
        sites += [Site(api, None, prefix) for api in apis for prefix in api.prefixes]
    everywhere = sites
    for field, pattern in sorted(conjuncts, key=_rank):
        left = [site for site in sites if _verdict(pattern, site) is not False]
        if not left:
            raise InvalidRequest(Problem(("body", field), _reason(pattern, sites, everywhere), "invalid_enum"))
        sites = left
    return sites


def conjuncts_of(field: str, pattern: Pattern) -> list[tuple[str, Pattern]]:
    """Return the patterns that must all match for one to match."""
    if isinstance(pattern, All):
        return [conjunct for part in pattern.parts for conjunct in conjuncts_of(field, part)]
    return [(field, pattern)]


def operations(sites: Iterable[Site]) -> list[str]:
    """Return the names of operations, each once."""
    return sorted({site.operation for site in sites if site.operation is not None})


def nearest(wanted: str, names: Sequence[str]) -> str:
    """Return the names that look most like a given one, for a message."""
    import difflib  # only a mistake needs it

    by_spelling = {spelling: name for name in names for spelling in (name, name.partition(".")[2] or name)}
    found = difflib.get_close_matches(wanted, by_spelling, n=2 * _NEAREST, cutoff=0.3)
    return ", ".join(list(dict.fromkeys(by_spelling[each] for each in found))[:_NEAREST]) or ", ".join(names)


def _rank(conjunct: tuple[str, Pattern]) -> int:
    pattern = conjunct[1]
    return _ORDER.index(pattern.name) if isinstance(pattern, Is) and pattern.name in _ORDER else len(_ORDER)


def _verdict(pattern: Pattern, site: Site) -> bool | None:
    """Return whether requests to a site match, `None` when some may and some may not."""
    if isinstance(pattern, Is):
        return _judged(pattern.name, pattern.way, site)
    if isinstance(pattern, Not):
        inner = _verdict(pattern.part, site)
        return None if inner is None else not inner
    assert isinstance(pattern, All | AnyOf)
    verdicts = [_verdict(part, site) for part in pattern.parts]
    decisive = isinstance(pattern, AnyOf)
    if decisive in verdicts:
        return decisive
    return None if None in verdicts else not decisive


def _judged(name: str, way: Way, site: Site) -> bool | None:
    if way.kind == "one_of" and not way.value:
        return False
    if name == "vendor":
        return way.accepts(name, site.api.name)
    if name == "operation":
        return way.accepts(name, site.operation)
    if name == "method" and site.endpoint is not None:
        return way.accepts(name, site.endpoint.method)
    if name == "path":
        return None if _is_path_of(way, site) else False
    head = name.partition(".")[0]
    if head in COMMON or (site.endpoint is not None and head in site.api.facts):
        return None
    return way.accepts(name, None)


def _reason(pattern: Pattern, sites: Sequence[Site], everywhere: Sequence[Site]) -> str:
    """Return why nothing is left of some sites, and what they offer."""
    if not isinstance(pattern, Is):
        return f"no request can match {pattern}"
    name, way = pattern.name, pattern.way
    if way.kind == "one_of" and not way.value:
        return "one_of an empty list is nothing"
    vendors = sorted({site.api.name for site in sites})
    elsewhere = sorted({site.api.name for site in everywhere if _verdict(pattern, site) is not False})
    if name == "vendor":
        return f"no vendor is {way}; there are: {', '.join(vendors)}"
    if name in ("operation", "path") and elsewhere and elsewhere != vendors:
        return f"{way} is of {' and '.join(elsewhere)}, not of {' and '.join(vendors)}"
    if name == "operation":
        return f"no operation is {way}; nearest: {nearest(str(way.value), operations(sites))}; GET /_mock/docs has all"
    if name == "path":
        paths = sorted({site.path for site in sites if site.endpoint is not None})
        return f"no path here is {way}; nearest: {nearest(str(way.value), paths)}"
    if name == "method":
        methods = {site.endpoint.method for site in sites if site.endpoint is not None}
        return f"{way} is not the method of what else is said here; there are: {', '.join(sorted(methods))}"
    known = sorted({fact for site in sites for fact in (*COMMON, *site.api.facts)})
    return f"nothing is known as '{name}' of these requests to {' or '.join(vendors)}; there are: {', '.join(known)}"


# Paths

_SOME: Final = 0
"""Any character but a slash."""
_SEGMENT: Final = 1
"""As many of them as there are, or none."""
_ANY: Final = 2
"""Anything at all, or nothing."""

_Part = str | int


def _is_path_of(way: Way, site: Site) -> bool:
    """Whether a path at a site can be as wanted."""
    if way.kind in ("contains", "regex"):
        return True
    values = way.value if way.kind == "one_of" else (way.value,)
    wanted = [
        [_ANY if letter == "*" and way.kind == "glob" else letter for letter in value]
        for value in values
        if isinstance(value, str)
    ]
    shapes = [_shape(site.path, site), _shape(site.api.mount + site.path, site)]
    return any(_meet(each, shape) for each in wanted for shape in shapes)


def _shape(path: str, site: Site) -> list[_Part]:
    if site.endpoint is None:
        return [*path, "/", _ANY]
    parts: list[_Part] = []
    for number, piece in enumerate(path.split("{")):
        _, _, literal = piece.partition("}") if number else ("", "", piece)
        parts += [_SOME, _SEGMENT] if number else []
        parts += literal
    return parts


def _meet(left: Sequence[_Part], right: Sequence[_Part]) -> bool:
    """Whether some text is what both of two sequences stand for."""
    waiting, seen = [(0, 0)], {(0, 0)}
    while waiting:
        i, j = waiting.pop()
        if i == len(left) and j == len(right):
            return True
        for step in _steps(left, right, i, j):
            if step not in seen:
                seen.add(step)
                waiting.append(step)
    return False


def _steps(left: Sequence[_Part], right: Sequence[_Part], i: int, j: int) -> list[tuple[int, int]]:
    a = left[i] if i < len(left) else None
    b = right[j] if j < len(right) else None
    steps: list[tuple[int, int]] = []
    if a == _ANY:
        steps.append((i + 1, j))
    if b in (_ANY, _SEGMENT):
        steps.append((i, j + 1))
    if a is None or b is None:
        return steps
    slash = "/" in (a, b)
    if (slash and (_SOME in (a, b) or _SEGMENT in (a, b))) or (isinstance(a, str) and isinstance(b, str) and a != b):
        return steps
    # Both take one character; what stands for many stays.
    steps.append((i + (a != _ANY), j + (b not in (_ANY, _SEGMENT))))
    return steps
