"""JSON that satisfies a JSON Schema, with values taken from a text wherever it says them.

A schema is read as the schemas that hold at once at one place (`$ref` followed, `allOf` taken apart, one branch of each
choice taken). What they say together is a `_Form`, and each form yields values, best first. Whether a value really
satisfies its schemas is for a validator to say, which is an argument: what a form does not understand (`not`, a `oneOf`
of which two branches hold) makes it yield another one, until one passes or there are none left.

Keywords that no form knows are annotations and change nothing.

Source: json-schema.org, draft 2020-12 "core" and "validation"; older drafts' spellings where they do not clash.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice, product
from math import ceil, floor, gcd, inf, lcm
from typing import Any

from mockserver.vendors.pareta.domain import formats, patterns
from mockserver.vendors.pareta.domain.patterns import Roll, Unreadable

Fits = Callable[[Any, Any], bool]
"""Says whether a value satisfies a schema that stands somewhere within the whole."""

MAX_HEIGHT = 32
"""Deepest nesting of an answer; a schema that wants more is refused."""

_USUAL_HEIGHT = 6
_MAX_STEPS = 3_000
_MAX_TRIED = 20_000
_MAX_LOOKS = 50_000
_MAX_ALTERNATIVES = 64
_ATTEMPTS = 12
_MANY = 200

_TYPES = ("string", "integer", "number", "boolean", "object", "array", "null")
_IMPLIED = {
    "object": (
        "properties", "required", "additionalProperties", "patternProperties", "propertyNames", "minProperties",
        "maxProperties", "dependentRequired", "dependentSchemas",
    ),
    "array": ("items", "prefixItems", "minItems", "maxItems", "uniqueItems", "contains"),
    "string": ("minLength", "maxLength", "pattern", "format"),
    "integer": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
}  # fmt: skip
_ATTEMPT = re.compile(r"#\d+")
_APPLICATORS = frozenset({"$ref", "$dynamicRef", "allOf", "anyOf", "oneOf", "if", "then", "else"})


@dataclass(frozen=True, slots=True)
class Field:
    """What is to be found in a text.

    :param name: what the value is called; empty for the whole.
    :param types: JSON types it may have.
    :param options: its enumerated values, if they are.
    :param is_wanted: whether a guess is better than nothing.
    """

    name: str
    types: tuple[str, ...]
    format: str = ""
    options: tuple[Any, ...] = ()
    description: str = ""
    is_wanted: bool = True


Find = Callable[[Field], Iterable[Any]]
"""Returns what a text says about a field, most likely first; nothing when it says nothing."""


class Unsatisfiable(ValueError):
    """No value was found for a schema, and why.

    :param where: path to the place, `$` for the whole.
    """

    def __init__(self, where: str, why: str) -> None:
        self.where = _ATTEMPT.sub("", where)
        self.why = why
        super().__init__(f"at {self.where}: {why}")


def values(root: Any, fits: Fits, find: Find, roll: Roll, *, is_brief: bool = False) -> Iterator[Any]:
    """Yield values that satisfy a schema, best first; the same arguments yield the same values.

    :param root: a schema that is valid as such.
    :param is_brief: leave out optional members that the text says nothing about.
    :raises Unsatisfiable: there is none, or none that is found within bounds.
    """
    maker = _Maker(root, fits, find, roll, is_brief=is_brief)
    height = maker.height((root,), MAX_HEIGHT)
    if height > MAX_HEIGHT:
        raise maker.why_endless((root,))
    yield from maker.values((root,), "", "$", max(int(height), _USUAL_HEIGHT))


class _Form:
    """Several schemas without choices, read together."""

    def __init__(self, leaves: Sequence[Mapping[str, Any]]) -> None:
        self.leaves = leaves
        self.types = self._types()

    def all(self, word: str) -> list[Any]:
        return [leaf[word] for leaf in self.leaves if word in leaf]

    def most(self, word: str, default: Any = 0) -> Any:
        return max(self.all(word), default=default)

    def least(self, word: str, default: Any = inf) -> Any:
        return min(self.all(word), default=default)

    def _types(self) -> tuple[str, ...]:
        """Return the types all leaves allow: the one meant first, null last."""
        allowed = list(_TYPES)
        for named in self.all("type"):
            given = [named] if isinstance(named, str) else named
            wanted = [*given, "integer"] if "number" in given else given
            allowed = sorted((t for t in allowed if t in wanted), key=wanted.index)
        if not self.all("type"):
            implied = [t for t, hints in _IMPLIED.items() if any(map(self.all, hints))]
            allowed.sort(key=lambda t: t not in implied)
        if "integer" in allowed and "number" in allowed and not self._says_integer():
            allowed.remove("integer")
        return tuple(sorted(allowed, key=lambda t: t == "null"))

    def _says_integer(self) -> bool:
        return any("integer" in ([t] if isinstance(t, str) else t) for t in self.all("type")) or not self.all("type")

    @property
    def options(self) -> list[Any] | None:
        """The values it is narrowed down to, `None` if it is not."""
        narrowed = [*self.all("enum"), *([value] for value in self.all("const"))]
        return min(narrowed, key=len) if narrowed else None

    @property
    def suggestions(self) -> list[Any]:
        """Values the schema itself gives as typical."""
        return [*self.all("default"), *(value for given in self.all("examples") for value in given)]

    def field(self, name: str, *, is_wanted: bool = True) -> Field:
        """Return what to look for in a text."""
        options = self.options
        return Field(
            name,
            self.types,
            next((f for f in self.all("format") if isinstance(f, str)), ""),
            tuple(options) if options is not None else (),
            " ".join(str(text) for text in (*self.all("title"), *self.all("description"))),
            is_wanted,
        )

    def takes(self, value: Any) -> bool:
        """Whether a value has one of the types and all of the formats; a whole number is a number too."""
        kind = _type_of(value)
        if isinstance(value, str) and not all(formats.holds(f, value) for f in self.all("format")):
            return False
        return kind in self.types or (kind == "integer" and "number" in self.types)

    # Numbers

    @property
    def bounds(self) -> tuple[Fraction | None, bool, Fraction | None, bool]:
        """Lowest and highest number, each with whether it is itself left out."""
        low = max(
            [(Fraction(v), False) for v in self.all("minimum")]
            + [(Fraction(v), True) for v in self.all("exclusiveMinimum")],
            default=(None, False),
        )
        high = min(
            [(Fraction(v), True) for v in self.all("maximum")]
            + [(Fraction(v), False) for v in self.all("exclusiveMaximum")],
            default=(None, True),
        )
        return low[0], low[1], high[0], not high[1]

    @property
    def step(self) -> Fraction | None:
        """What numbers are multiples of."""
        steps = [Fraction(str(value)) for value in self.all("multipleOf")]
        if not steps:
            return None
        return Fraction(lcm(*(s.numerator for s in steps)), gcd(*(s.denominator for s in steps)))

    # Members

    def item(self, index: int) -> tuple[Any, ...]:
        """Return the schemas of an array's item."""
        found = []
        for leaf in self.leaves:
            items = leaf.get("items", True)
            first = leaf.get("prefixItems", items if isinstance(items, list) else ())
            rest = leaf.get("additionalItems", True) if isinstance(items, list) else items
            found.append(first[index] if index < len(first) else rest)
        return tuple(found)

    @property
    def prefix(self) -> int:
        """How many items have a schema of their own."""
        listed = [leaf["items"] for leaf in self.leaves if isinstance(leaf.get("items"), list)]
        return max(map(len, [*self.all("prefixItems"), *listed]), default=0)

    @property
    def fewest(self) -> int:
        """How many items there must be."""
        return int(max([self.most("minItems"), *(count for _, count in self.contained)]))

    @property
    def contained(self) -> list[tuple[Any, int]]:
        """What an array must contain, and how often."""
        return [(leaf["contains"], leaf.get("minContains", 1)) for leaf in self.leaves if "contains" in leaf]

    @property
    def required(self) -> dict[str, None]:
        """Names of members that must be there, each with what it brings along."""
        names = dict.fromkeys(name for given in self.all("required") for name in given)
        dependent: dict[str, list[str]] = {}
        for word in ("dependentRequired", "dependencies"):
            for given in self.all(word):
                for name, others in given.items():
                    if isinstance(others, list):
                        dependent.setdefault(name, []).extend(others)
        waiting = list(names)
        while waiting:
            for other in dependent.get(waiting.pop(), ()):
                if other not in names:
                    names[other] = None
                    waiting.append(other)
        return names

    @property
    def declared(self) -> dict[str, None]:
        """Names of members that have a schema, in order."""
        return dict.fromkeys(name for given in self.all("properties") for name in given)

    def member(self, name: str) -> tuple[Any, ...]:
        """Return the schemas of an object's member."""
        found: list[Any] = []
        for leaf in self.leaves:
            mine = [leaf["properties"][name]] if name in leaf.get("properties", {}) else []
            mine += [s for p, s in leaf.get("patternProperties", {}).items() if patterns.matches(p, name)]
            found += mine or [leaf.get("additionalProperties", True)]
        return tuple(found)


class _Maker:
    """Makes values for the places of one schema."""

    def __init__(self, root: Any, fits: Fits, find: Find, roll: Roll, *, is_brief: bool) -> None:
        self._root = root
        self._fits = fits
        self._find = find
        self._roll = roll
        self._is_brief = is_brief
        self._steps = 0
        self._tried = 0
        self._looks = 0
        self._heights: dict[tuple[tuple[int, ...], int], float] = {}

    # Schemas

    def forms(self, schemas: Sequence[Any]) -> Iterator[_Form]:
        """Yield each way to satisfy schemas that hold at once; none if one of them is `false`."""
        return self._forms(tuple(schemas), (), frozenset())

    def _forms(self, waiting: tuple[Any, ...], leaves: tuple[Any, ...], followed: frozenset[str]) -> Iterator[_Form]:
        self._looks += 1
        if self._looks > _MAX_LOOKS:
            raise Unsatisfiable("$", "it leaves more choices than can be gone through")
        while waiting and waiting[0] is True:
            waiting = waiting[1:]
        if not waiting:
            yield _Form(leaves)
            return
        schema, rest = waiting[0], waiting[1:]
        if schema is False:
            return
        for word in ("$ref", "$dynamicRef"):
            if word in schema and schema[word] not in followed:
                rest = (self._target(schema[word]), *rest)
                followed |= {schema[word]}
        leaf = {word: value for word, value in schema.items() if word not in _APPLICATORS}
        for choice in product(*_choices(schema)):
            yield from self._forms((*(s for some in choice for s in some), *rest), (*leaves, leaf), followed)

    def _target(self, reference: str) -> Any:
        """Return the schema a reference means.

        :raises Unsatisfiable: it is not within the whole.
        """
        if reference == "#":
            return self._root
        target = self._root
        if reference.startswith("#/"):
            for part in reference[2:].split("/"):
                name = part.replace("~1", "/").replace("~0", "~")
                if isinstance(target, list) and name.isdecimal() and int(name) < len(target):
                    target = target[int(name)]
                elif isinstance(target, Mapping) and name in target:
                    target = target[name]
                else:
                    raise Unsatisfiable("$", f"$ref {reference!r} leads nowhere")
        else:
            target = _anchored(self._root, reference.removeprefix("#"))
            if target is None:
                raise Unsatisfiable("$", f"$ref {reference!r} leads nowhere")
        if not isinstance(target, Mapping | bool):
            raise Unsatisfiable("$", f"$ref {reference!r} leads to no schema")
        return target

    def height(self, schemas: tuple[Any, ...], limit: int) -> float:
        """Return how deep the flattest value for schemas is nested, infinity if deeper than a limit."""
        if limit < 1:
            return inf
        key = (tuple(map(id, schemas)), limit)
        if key not in self._heights:
            forms = islice(self.forms(schemas), _MAX_ALTERNATIVES)
            self._heights[key] = min((self._height_of(form, limit) for form in forms), default=inf)
        return self._heights[key]

    def _height_of(self, form: _Form, limit: int) -> float:
        if not form.types:
            return inf
        if form.options is not None or any(t not in ("object", "array") for t in form.types):
            return 1
        heights = []
        if "object" in form.types:
            heights.append(max((self.height(form.member(name), limit - 1) for name in form.required), default=0))
        if "array" in form.types:
            items = (form.item(n) for n in range(min(form.fewest, form.prefix + 1)))
            heights.append(max((self.height(item, limit - 1) for item in items), default=0))
        return 1 + min(heights)

    def why_endless(self, schemas: tuple[Any, ...], where: str = "$", depth: int = 1) -> Unsatisfiable:
        """Say why schemas have no value of any height, going where they have none."""
        form = next(self.forms(schemas), None)
        if form is None:
            return Unsatisfiable(where, "nothing is allowed here")
        reason = _why(form)
        if reason or depth > MAX_HEIGHT:
            return Unsatisfiable(where, reason or f"it nests deeper than {MAX_HEIGHT} levels")
        inner = [(form.member(name), f"{where}.{name}") for name in form.required if "object" in form.types]
        inner += [(form.item(n), f"{where}[{n}]") for n in range(form.fewest) if "array" in form.types]
        endless = ((part, place) for part, place in inner if self.height(part, MAX_HEIGHT) > MAX_HEIGHT - depth)
        for part, place in endless:
            return self.why_endless(part, place, depth + 1)
        return Unsatisfiable(where, "there is no room for it")

    # Values

    def value(self, schemas: tuple[Any, ...], name: str, where: str, left: int) -> Any:
        """Return the best value for schemas.

        :raises Unsatisfiable: there is none.
        """
        return next(self.values(schemas, name, where, left))

    def values(self, schemas: tuple[Any, ...], name: str, where: str, left: int) -> Iterator[Any]:
        """Yield values for schemas, best first.

        :raises Unsatisfiable: before the first, if there is none.
        """
        self._steps += 1
        if self._steps > _MAX_STEPS:
            raise Unsatisfiable(where, f"more than {_MAX_STEPS} values would have to be made")
        problem: list[Unsatisfiable] = []
        has_any = False
        for value in self._candidates(schemas, name, where, left, problem):
            self._tried += 1
            if self._tried > _MAX_TRIED:
                raise Unsatisfiable(where, f"more than {_MAX_TRIED} values were tried")
            if all(schema is True or self._fits(value, schema) for schema in schemas):
                has_any = True
                yield value
        if not has_any:
            raise max(problem, key=lambda p: len(p.where)) if problem else Unsatisfiable(where, "no value was found")

    def _candidates(
        self, schemas: tuple[Any, ...], name: str, where: str, left: int, problem: list[Unsatisfiable]
    ) -> Iterator[Any]:
        """Yield what may satisfy schemas: what the text says, else null if that is allowed, else something made up."""
        forms = list(islice(self.forms(schemas), _MAX_ALTERNATIVES))
        if not forms:
            problem.append(Unsatisfiable(where, "nothing is allowed here"))
            return
        low = [form for form in forms if self._height_of(form, left) <= left]
        if not low:
            problem.append(self.why_endless(schemas, where))
            return
        for form in low:
            for value in self._find(form.field(name)):
                if form.takes(value):
                    yield value
        is_nullable = any("null" in form.types and form.options is None for form in low)
        if is_nullable and self._prefers_null(low, where, left):
            yield None
        start = int(self._roll(f"{where}:branch") * len(low)) if len(low) > 1 else 0
        for form in [*low[start:], *low[:start]]:
            reason = _why(form)
            if reason:
                problem.append(Unsatisfiable(where, reason))
                continue
            try:
                yield from self._made(form, name, where, left)
            except Unsatisfiable as error:
                problem.append(error)
            except Unreadable as error:
                problem.append(Unsatisfiable(where, str(error)))
        if is_nullable:
            yield None

    def _prefers_null(self, forms: Sequence[_Form], where: str, left: int) -> bool:
        """Whether null is said before anything is made up: always for plain values, now and then for nested ones."""
        is_nested = any(t in ("object", "array") for form in forms for t in form.types)
        return not is_nested or left <= 2 or self._roll(f"{where}:null") < 0.4

    def _made(self, form: _Form, name: str, where: str, left: int) -> Iterator[Any]:
        options = form.options
        if options is not None:
            start = int(self._roll(f"{where}:option") * len(options))
            yield from filter(form.takes, [*options[start:], *options[:start]])
            return
        yield from filter(form.takes, form.suggestions)
        for kind in form.types:
            if kind == "object":
                yield from self._objects(form, where, left)
            elif kind == "array":
                yield from self._arrays(form, name, where, left)
            elif kind == "string":
                yield from self._texts(form, name, where)
            elif kind == "boolean":
                first = self._roll(where) < 0.5
                yield from (first, not first)
            elif kind in ("integer", "number"):
                yield from self._numbers(form, where, is_whole=kind == "integer")

    def _numbers(self, form: _Form, where: str, *, is_whole: bool) -> Iterator[int | float]:
        low, low_open, high, high_open = form.bounds
        step = form.step
        if is_whole:
            step = Fraction(1) if step is None else Fraction(lcm(step.numerator, step.denominator), step.denominator)
        grain = step or Fraction(1, 100)
        first, last = _ends(low, low_open, high, high_open, grain)
        if first <= last:
            count = last - first + 1
            start = int(self._roll(where) * min(count, 1000))
            for n in range(min(count, _MANY)):
                yield _number(grain * (first + (start + n) % count))
        elif step is None and low is not None and high is not None:
            for share in (Fraction(1, 2), Fraction(1, 3), Fraction(0), Fraction(1)):
                yield _number(low + (high - low) * share)

    def _texts(self, form: _Form, name: str, where: str) -> Iterator[str]:
        shortest, longest = int(form.most("minLength")), form.least("maxLength")
        if shortest > patterns.MAX_TEXT_CHARACTERS:
            raise Unsatisfiable(where, f"texts longer than {patterns.MAX_TEXT_CHARACTERS} characters are not made")
        wanted = form.all("pattern")
        safe = min(map(patterns.longest_safe, wanted), default=patterns.MAX_TEXT_CHARACTERS)
        for text in self._raw_texts(form, name, where, shortest):
            fitted = text if longest >= len(text) else text[: int(longest)]
            if shortest <= len(fitted) <= safe:
                yield fitted

    def _raw_texts(self, form: _Form, name: str, where: str, shortest: int) -> Iterator[str]:
        for attempt in range(_ATTEMPTS):
            roll = self._rolls(f"{where}#{attempt}")
            for named in form.all("format"):
                if isinstance(named, str) and named in formats.FORMATS:
                    yield formats.FORMATS[named](roll)
            for pattern in form.all("pattern"):
                for text in patterns.texts_matching(pattern, roll):
                    yield text
                    yield text + "x" * (shortest - len(text))
        if not form.all("pattern") and not any(f in formats.FORMATS for f in form.all("format")):
            for attempt in range(_MANY):
                text = formats.phrase(name, self._rolls(f"{where}#{attempt}"), attempt)
                yield text
                yield (f"{text} " * (shortest // (len(text) + 1) + 1))[:shortest] if shortest else ""

    def _arrays(self, form: _Form, name: str, where: str, left: int) -> Iterator[list[Any]]:
        least = form.fewest
        most = min(form.least("maxItems"), self._room(form, left))
        if least > most:
            raise Unsatisfiable(where, f"{least} items are wanted, but there is nothing to fill more than {most} with")
        for attempt in range(_ATTEMPTS):
            usual = max(form.prefix, 1 + int(self._roll(f"{where}#{attempt}:count") * 3))
            count = least if attempt % 2 or left <= 2 else int(min(max(usual, least), most))
            try:
                yield self._items(form, count, name, f"{where}#{attempt}" if attempt else where, left, attempt // 4)
            except Unsatisfiable:
                if attempt:  # then the least that will do was tried too
                    raise
            if not most:
                return

    def _items(self, form: _Form, count: int, name: str, where: str, left: int, passed: int) -> list[Any]:
        """Return so many items; later attempts pass over the first values there are for each."""
        items: list[Any] = []
        is_unique = any(form.all("uniqueItems"))
        for n in range(count):
            also = [schema for schema, times in form.contained if n < times]
            taken = items if is_unique else ()
            items.append(self._item((*form.item(n), *also), name, f"{where}[{n}]", left - 1, taken, passed))
        return items

    def _room(self, form: _Form, left: int) -> float:
        """Return how many items there can be: up to the first one nothing can be put in place of."""
        for n in range(form.prefix + 1):
            if self.height(form.item(n), left - 1) > left - 1:
                return n
        return inf

    def _item(
        self, schemas: tuple[Any, ...], name: str, where: str, left: int, taken: Sequence[Any], passed: int
    ) -> Any:
        """Return an item that is none of those taken.

        :raises Unsatisfiable: there is none.
        """
        known = {_canonical(value) for value in taken}
        some = islice(self.values(schemas, name, where, left), _MANY)
        fresh = list(islice((v for v in some if not known or _canonical(v) not in known), passed + 1))
        if fresh:
            return fresh[-1]
        raise Unsatisfiable(where, f"uniqueItems: no item was found beside {len(known)} others")

    def _objects(self, form: _Form, where: str, left: int) -> Iterator[dict[str, Any]]:
        required = form.required
        least, most = int(form.most("minProperties")), form.least("maxProperties")
        optional = [name for name in form.declared if name not in required]
        order = [*form.declared, *(name for name in required if name not in form.declared)]
        for attempt in range(_ATTEMPTS):
            room = max(0, int(min(most, 10**6)) - len(required))
            kept = set(self._kept(optional, f"{where}#{attempt}", attempt)[:room])
            made: dict[str, Any] = {}
            for name in order:
                place = f"{where}.{name}" if attempt < 2 else f"{where}#{attempt}.{name}"
                if name in required:
                    made[name] = self.value(form.member(name), name, place, left - 1)
                elif name in kept:
                    self._add_optional(made, form.member(name), name, place, left - 1)
            further = attempt - 2 if order else attempt
            wanted = max(least - len(made), further if left > 1 and len(made) + further <= most else 0, 0)
            for name in islice(self._further(form, where, made), wanted):
                made[name] = self.value(form.member(name), name, f"{where}.{name}", left - 1)
            yield made

    def _kept(self, optional: list[str], where: str, attempt: int) -> list[str]:
        """Return which optional members to make: all, then none, then some."""
        if attempt < 2:
            return [] if attempt else optional
        return [name for name in optional if self._roll(f"{where}.{name}:kept") < 0.5]

    def _add_optional(self, made: dict[str, Any], schemas: tuple[Any, ...], name: str, where: str, left: int) -> None:
        """Add a member that may be missing: if the text says it, or one is wanted, and it can be had."""
        if self.height(schemas, left) > left:
            return
        try:
            if not self._is_brief or self._is_said(schemas, name):
                made[name] = self.value(schemas, name, where, left)
        except Unsatisfiable:
            if self._steps > _MAX_STEPS or self._tried > _MAX_TRIED:
                raise

    def _is_said(self, schemas: tuple[Any, ...], name: str) -> bool:
        """Whether the text says something about an optional member."""
        fields = (form.field(name, is_wanted=False) for form in self.forms(schemas))
        return any(True for field in fields for _ in self._find(field))

    def _further(self, form: _Form, where: str, made: Mapping[str, Any]) -> Iterator[str]:
        """Yield names of members nobody declared."""
        rules = form.all("propertyNames")
        sources: list[Iterator[Any]] = []
        for pattern in (pattern for given in form.all("patternProperties") for pattern in given):
            sources += [patterns.texts_matching(pattern, self._rolls(f"{where}:name{n}")) for n in range(4)]
            first = next(patterns.texts_matching(pattern, self._rolls(f"{where}:name")))
            sources.append(f"{first}{n}" for n in range(1, _MANY))
        if rules:
            sources.append(self.values(({"type": "string"}, *rules), "name", f"{where}:name", 1))
        sources.append(f"extra_{n}" for n in range(1, _MANY))
        seen = set(made)
        for name in (name for source in sources for name in source):
            if name not in seen and all(self._fits(name, rule) for rule in rules) and False not in form.member(name):
                seen.add(name)
                yield name

    def _rolls(self, where: str) -> Roll:
        return lambda what: self._roll(f"{where}:{what}")


def _choices(schema: Mapping[str, Any]) -> list[list[tuple[Any, ...]]]:
    """Return the choices a schema leaves, each as the schemas that hold if it is taken."""
    choices: list[list[tuple[Any, ...]]] = [
        [(branch,) for branch in schema[word]] for word in ("anyOf", "oneOf") if word in schema
    ]
    if "if" in schema:
        choices.append([(schema["if"], schema.get("then", True)), ({"not": schema["if"]}, schema.get("else", True))])
    for given in (schema.get("dependentSchemas", {}), schema.get("dependencies", {})):
        for name, dependent in given.items():
            if not isinstance(dependent, list):
                choices.append([({"required": [name]}, dependent), ({"not": {"required": [name]}},)])
    return [[tuple(schema.get("allOf", ()))], *choices]


def _anchored(schema: Any, anchor: str) -> Any:
    """Return the part of a schema that bears an anchor, `None` if there is none."""
    waiting = [schema]
    while waiting:
        part = waiting.pop()
        if isinstance(part, Mapping):
            if anchor in (part.get("$anchor"), part.get("$dynamicAnchor"), part.get("$id")):
                return part
            waiting.extend(part.values())
        elif isinstance(part, list):
            waiting.extend(part)
    return None


def _why(form: _Form) -> str:
    """Say why a form has no value, if that can be told by looking at it."""
    if not form.types:
        return "its types exclude one another"
    if form.options is not None:
        return "" if any(map(form.takes, form.options)) else "none of the listed values has a type that is allowed"
    kinds = set(form.types)
    for kind, what in (("string", "Length"), ("array", "Items"), ("object", "Properties")):
        least, most = form.most(f"min{what}"), form.least(f"max{what}")
        if kinds == {kind} and least > most:
            return f"min{what} {least} is above max{what} {most}"
    if kinds <= {"integer", "number"}:
        low, low_open, high, high_open = form.bounds
        if low is not None and high is not None and (low > high or (low == high and (low_open or high_open))):
            above, below = "above" if low_open else "at least", "below" if high_open else "at most"
            return f"no number is {above} {_number(low)} and {below} {_number(high)}"
    if kinds == {"object"}:
        for name in form.required:
            if False in form.member(name):
                return f"{name!r} is required, but not allowed"
        if len(form.required) > form.least("maxProperties"):
            return f"{len(form.required)} members are required, but maxProperties is {form.least('maxProperties')}"
    return ""


def _ends(
    low: Fraction | None, low_open: bool, high: Fraction | None, high_open: bool, grain: Fraction
) -> tuple[int, int]:
    """Return the first and last multiple of a grain within bounds; a hundred's worth where a bound is missing."""
    first = None if low is None else floor(low / grain) + 1 if low_open else ceil(low / grain)
    last = None if high is None else ceil(high / grain) - 1 if high_open else floor(high / grain)
    span = max(1, int(100 / grain))
    if first is None:
        first = min(0, last - span) if last is not None else 0
        if last is not None and last > 0:
            first = 0
    return first, first + span if last is None else last


def _number(value: Fraction) -> int | float:
    return value.numerator if value.denominator == 1 else float(value)


def _type_of(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    for kind, name in ((str, "string"), (int, "integer"), (float, "number"), (list, "array"), (dict, "object")):
        if isinstance(value, kind):
            return name
    return "null"


def _canonical(value: Any) -> str:
    """Return a text that two values share just if JSON Schema takes them for the same."""
    return json.dumps(_plain(value), sort_keys=True)


def _plain(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, Mapping):
        return {name: _plain(part) for name, part in value.items()}
    return [_plain(part) for part in value] if isinstance(value, list) else value
