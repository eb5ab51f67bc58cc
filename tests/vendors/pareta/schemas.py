"""Random JSON Schemas, and an oracle that says what satisfies them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st
from jsonschema import Draft202012Validator

NAMES = ("id", "name", "city", "count", "tags", "next", "summary", "is_urgent", "due_date", "Kind of thing")
CONSTANTS = ("red", "green", "other", 1, 2.5, 0, True, None, [1], {"x": 1}, "")

node: dict[str, Any] = {
    "type": "object", "required": ["value"], "properties": {
        "value": {"type": "integer"}, "next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]},
        "children": {"type": "array", "items": {"$ref": "#/$defs/node"}},
    },
}  # fmt: skip
"""A schema that refers to itself."""


@st.composite
def texts(draw: st.DrawFn) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    kind = draw(st.sampled_from(["plain", "length", "pattern", "format"]))
    if kind == "length":
        schema["minLength"] = draw(st.integers(0, 40))
        schema["maxLength"] = schema["minLength"] + draw(st.integers(0, 20))
    elif kind == "pattern":
        patterns = [r"^[A-Z]{3}-\d{4}$", "^a+b?$", "foo", r"^\d{3,5}$", r"^\w+@x\.org$", "^(?:yes|no)$", "^[^a-z ]+$"]
        schema["pattern"] = draw(st.sampled_from(patterns))
    elif kind == "format":
        formats = ["date", "date-time", "time", "email", "ipv4", "ipv6", "uri", "uuid", "duration", "unheard-of"]
        schema["format"] = draw(st.sampled_from(formats))
    return schema


@st.composite
def numbers(draw: st.DrawFn) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": draw(st.sampled_from(["integer", "number"]))}
    low = draw(st.none() | st.integers(-50, 50) | st.sampled_from([0.5, -2.25, 3.75]))
    if low is not None:
        schema[draw(st.sampled_from(["minimum", "exclusiveMinimum"]))] = low
    if draw(st.booleans()):
        schema[draw(st.sampled_from(["maximum", "exclusiveMaximum"]))] = (low or 0) + draw(
            st.sampled_from([8, 20, 999])
        )
    elif draw(st.booleans()):
        schema["multipleOf"] = draw(st.sampled_from([2, 5, 7, 0.5, 0.01]))
    return schema


@st.composite
def objects(draw: st.DrawFn, inner: st.SearchStrategy[Any]) -> dict[str, Any]:
    members = draw(st.dictionaries(st.sampled_from(NAMES), inner, max_size=4))
    schema: dict[str, Any] = {"type": "object", "properties": members}
    if draw(st.booleans()):
        schema["required"] = draw(st.lists(st.sampled_from(sorted(members)), unique=True)) if members else []
    more = draw(st.sampled_from([None, True, False, {"type": "string"}]))
    if more is not None:
        schema["additionalProperties"] = more
    if more is not False and draw(st.booleans()):
        schema["minProperties"] = draw(st.integers(0, len(members) + 2))
    return schema


@st.composite
def arrays(draw: st.DrawFn, inner: st.SearchStrategy[Any]) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "array", "items": draw(inner)}
    if draw(st.booleans()):
        schema["minItems"] = draw(st.integers(0, 4))
        schema["maxItems"] = schema["minItems"] + draw(st.integers(0, 3))
    if draw(st.booleans()):
        schema["prefixItems"] = draw(st.lists(inner, min_size=1, max_size=2))
    return schema


def _further(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    choices = st.builds(
        lambda word, branches: {word: branches},
        st.sampled_from(["anyOf", "oneOf"]),
        st.lists(inner, min_size=1, max_size=3),
    )
    conditions = st.builds(lambda a, b, c: {"if": a, "then": b, "else": c}, inner, inner, inner)
    together = st.builds(lambda a, b: {"allOf": [a, b]}, inner, st.sampled_from([{}, True, {"title": "x"}]))
    exclusions = st.builds(lambda a, b: {**a, "not": {"const": b}}, texts() | numbers(), st.sampled_from(CONSTANTS))
    return objects(inner) | objects(inner) | arrays(inner) | choices | conditions | together | exclusions


plain: st.SearchStrategy[Any] = (
    texts()
    | numbers()
    | st.just({"type": "boolean"})
    | st.just({"type": "null"})
    | st.builds(lambda values: {"enum": values}, st.lists(st.sampled_from(CONSTANTS), min_size=1, max_size=4))
    | st.builds(lambda value: {"const": value}, st.sampled_from(CONSTANTS))
    | st.permutations(["string", "integer", "null"]).map(lambda types: {"type": types[:2]})
    | st.just({"$ref": "#/$defs/node"})
    | st.sampled_from([True, {}, {"description": "anything", "x-unknown": [1]}])
)  # fmt: skip

parts: st.SearchStrategy[Any] = st.recursive(plain, _further, max_leaves=10)


@st.composite
def schemas(draw: st.DrawFn) -> dict[str, Any]:
    """A whole schema, with the definitions its parts refer to."""
    part = draw(parts)
    return {**(part if isinstance(part, dict) else {}), "$defs": {"node": node}}


def validator(schema: Any) -> Draft202012Validator:
    """The oracle: the reference library, formats included."""
    return Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)


def fits_in(schema: Any) -> Callable[[Any, Any], bool]:
    """What says whether a value satisfies a part of a schema."""
    whole = validator(schema)
    return lambda value, part: whole.evolve(schema=part).is_valid(value)
