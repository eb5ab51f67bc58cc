"""Values for schemas: whatever there is, one that satisfies it is found; whatever there is not, it is said why."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from mockserver.vendors.pareta.domain.structured import MAX_HEIGHT, Field, Unsatisfiable, values
from tests.vendors.pareta.domain.samples import rolls_of
from tests.vendors.pareta.schemas import fits_in, schemas, validator


def nothing(field: Field) -> Iterator[Any]:
    """A text that says nothing."""
    return iter(())


def made(schema: Any, seed: int = 1, *, is_brief: bool = False, **said: Any) -> Any:
    """The first value for a schema, which satisfies it; `said` is what a text says, by name."""

    def find(field: Field) -> Iterator[Any]:
        yield from [said[field.name]] if field.name in said else []

    value = next(values(schema, fits_in(schema), find, rolls_of(seed), is_brief=is_brief))
    assert validator(schema).is_valid(value), value
    return value


def members(*required: str, **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required or properties)}


TEXT, WHOLE, NUMBER, NULL = {"type": "string"}, {"type": "integer"}, {"type": "number"}, {"type": "null"}


def attempted(schema: Any) -> tuple[Any, Unsatisfiable | None]:
    try:
        return made(schema), None
    except Unsatisfiable as error:
        return None, error


# Any schema


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(schemas())
def test_whatever_the_schema_the_first_value_satisfies_it_and_is_the_same_again(schema: dict[str, Any]) -> None:
    value, problem = attempted(schema)

    if problem is None:
        assert attempted(schema) == (value, None)
    else:
        assert problem.why
        assert problem.where.startswith("$")
        assert "#" not in problem.where


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(schemas())
def test_further_values_satisfy_it_too(schema: dict[str, Any]) -> None:
    fits = validator(schema)
    try:
        for value, _ in zip(values(schema, fits_in(schema), nothing, rolls_of(2)), range(5), strict=False):
            assert fits.is_valid(value)
    except Unsatisfiable:
        pass


SATISFIABLE = [
    True,
    {},
    NULL,
    {"type": ["integer", "string"]},
    {"type": ["null", "boolean"]},
    {"minimum": 3},
    {"maxLength": 2},
    {"items": WHOLE},
    {"required": ["a"]},
    {"enum": [None]},
    {"const": {"a": [1]}},
    {"type": "number", "enum": [1, 2.5]},
    # Numbers
    {**WHOLE, "minimum": 2.5},
    {**WHOLE, "exclusiveMinimum": 2, "exclusiveMaximum": 4},
    {**WHOLE, "maximum": -7},
    {**NUMBER, "exclusiveMinimum": 0, "exclusiveMaximum": 1e-9},
    {**NUMBER, "minimum": 0.1, "maximum": 0.1},
    {**NUMBER, "multipleOf": 0.01, "minimum": 4.2},
    {**WHOLE, "multipleOf": 0.5},
    {**WHOLE, "multipleOf": 2.5},
    {"allOf": [{**WHOLE, "multipleOf": 4}, {"multipleOf": 6}], "minimum": 13},
    {**WHOLE, "maximum": 150},
    {**WHOLE, "minimum": 10**30},
    {**NUMBER, "minimum": 1e300},
    {**NUMBER, "maximum": 5},
    {"allOf": [{"minimum": 1}, {"exclusiveMinimum": 1}], "type": "integer", "maximum": 2},
    {"not": {"multipleOf": 2}, "type": "integer"},
    {"type": "integer", "not": {"minimum": 1, "maximum": 60}, "minimum": 0},
    # Texts
    {**TEXT, "minLength": 200},
    {**TEXT, "minLength": 3, "maxLength": 3},
    {**TEXT, "maxLength": 0},
    {**TEXT, "pattern": "^a+$", "minLength": 40, "maxLength": 60},
    {**TEXT, "pattern": "b", "minLength": 10},
    {**TEXT, "format": "date", "pattern": "^2026"},
    {**TEXT, "format": "email", "maxLength": 40},
    {**TEXT, "format": "unknown"},
    # Arrays
    {"type": "array", "items": WHOLE, "uniqueItems": True, "minItems": 20},
    {"type": "array", "items": {"type": "boolean"}, "uniqueItems": True, "minItems": 2},
    {"type": "array", "items": {"enum": [1, 1.0, True, "1"]}, "uniqueItems": True, "minItems": 3},
    {"type": "array", "prefixItems": [TEXT, WHOLE], "items": False},
    {"type": "array", "items": False},
    {"type": "array", "prefixItems": [WHOLE, False]},
    {"type": "array", "contains": WHOLE, "minContains": 3},
    {"type": "array", "items": TEXT, "contains": {"const": "x"}, "maxItems": 1},
    {"type": "array", "maxItems": 0},
    {"type": "array"},
    {
        "type": "array",
        "items": {"type": "array", "minItems": 1, "items": {"type": "object"}},
        "minItems": 4,
        "uniqueItems": True,
    },
    # Objects
    members(a=TEXT),
    members("b", a=False),
    members("a", "b", a=WHOLE),
    {"type": "object", "minProperties": 3},
    {"type": "object", "minProperties": 2, "propertyNames": {"pattern": "^k[0-9]$"}, "additionalProperties": WHOLE},
    {"type": "object", "minProperties": 2, "patternProperties": {"^x-": WHOLE}, "additionalProperties": False},
    {"type": "object", "properties": {"a": WHOLE, "b": WHOLE}, "maxProperties": 1},
    {"type": "object", "properties": {"a": WHOLE}, "dependentRequired": {"a": ["b"], "b": ["c"]}, "required": ["a"]},
    {"type": "object", "required": ["a"], "dependentRequired": {"a": ["b"], "b": ["a", "c"]}},
    {"type": "object", "required": ["a"], "dependencies": {"a": ["b"], "b": {"required": ["c"]}}},
    {"type": "object", "properties": {"a": WHOLE}, "dependentSchemas": {"a": {"required": ["z"]}}},
    {"type": "object", "properties": {"a": WHOLE, "b": TEXT}, "not": {"required": ["b"]}},
    {"type": "object", "properties": {"a": {"allOf": [TEXT, WHOLE]}}},
    {"type": "object", "properties": {"a": {**TEXT, "not": {}}}},
    {
        "type": "object",
        "properties": {"x-a": TEXT},
        "patternProperties": {"^x-": {"minLength": 3}},
        "required": ["x-a"],
    },
    # Choices
    {"anyOf": [False, WHOLE]},
    {"oneOf": [{"multipleOf": 3}, {"multipleOf": 5}], "type": "integer", "minimum": 1},
    {"oneOf": [members(kind={"const": "a"}), members(kind={"const": "b"})]},
    {"anyOf": [NULL, members(a=WHOLE)]},
    {"if": members(a=WHOLE), "then": {"required": ["b"]}, "else": TEXT},
    {"if": True, "then": WHOLE},
    {"if": False, "else": WHOLE},
    {"allOf": [{"anyOf": [TEXT, WHOLE]}, {"anyOf": [WHOLE, NULL]}]},
    {"not": {"type": ["string", "integer", "number", "boolean", "array", "null"]}},
    # References
    {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b~1c"}, "b/c": {"const": "~"}}},
    {"$ref": "#/allOf/1", "allOf": [True, {"type": "integer"}]},
    {"$ref": "#here", "$defs": {"x": {"$anchor": "here", "const": 1}}},
    {"anyOf": [{"type": "object", "not": {}}, NULL]},
    members("next", next={"anyOf": [{"$ref": "#"}, NULL]}),
    members(tree={"type": "array", "items": {"$ref": "#"}}),
    {"allOf": [{"$ref": "#/$defs/a"}] * 2, "$defs": {"a": WHOLE}},
    {"$dynamicRef": "#node", "$defs": {"n": {"$dynamicAnchor": "node", "type": "integer"}}},
]


@pytest.mark.parametrize("schema", SATISFIABLE, ids=json.dumps)
def test_what_can_be_satisfied_is(schema: Any) -> None:
    for seed in range(4):
        made(schema, seed)


def nested_arrays(levels: int) -> Any:
    return {"type": "array", "minItems": 1, "items": nested_arrays(levels - 1)} if levels else {**TEXT, "not": {}}


@pytest.mark.parametrize(
    ("schema", "where", "why"),
    [
        (False, "$", "nothing is allowed here"),
        ({"allOf": [TEXT, WHOLE]}, "$", "its types exclude one another"),
        (members(a={"allOf": [TEXT, WHOLE]}), "$.a", "its types exclude one another"),
        ({"enum": ["x"], "type": "integer"}, "$", "none of the listed values has a type that is allowed"),
        ({"enum": ["x"], "not": {"const": "x"}}, "$", "no value was found"),
        ({**TEXT, "minLength": 3, "maxLength": 2}, "$", "minLength 3 is above maxLength 2"),
        ({**TEXT, "minLength": 5000}, "$", "texts longer than 4000 characters are not made"),
        ({"type": "array", "minItems": 3, "maxItems": 2}, "$", "minItems 3 is above maxItems 2"),
        ({"type": "array", "minItems": 3, "items": False, "prefixItems": [True]}, "$[1]", "nothing is allowed here"),
        ({"type": "array", "contains": False}, "$[0]", "nothing is allowed here"),
        ({"type": "array", "maxItems": 0, "not": {"const": []}}, "$", "no value was found"),
        ({"type": "array", "items": WHOLE, "not": {"type": "array"}}, "$", "no value was found"),
        ({**TEXT, "not": TEXT}, "$", "no value was found"),
        ({**TEXT, "pattern": "^a$", "not": {"const": "a"}}, "$", "no value was found"),
        ({"type": "object", "minProperties": 300}, "$", "no value was found"),
        ({**NUMBER, "minimum": 0.001, "maximum": 0.002, "not": NUMBER}, "$", "no value was found"),
        (members("a", a=WHOLE, b={"type": "array", "minItems": 10**6}), "$.b[", "more than 3000 values"),
        ({"type": "array", "contains": WHOLE, "items": TEXT}, "$[0]", "its types exclude one another"),
        (
            {"type": "array", "contains": WHOLE, "maxItems": 0},
            "$",
            "1 items are wanted, but there is nothing to fill more",
        ),
        ({"type": "array", "items": {"const": 1}, "minItems": 2, "uniqueItems": True}, "$[1]", "uniqueItems: no item"),
        ({"type": "object", "minProperties": 3, "maxProperties": 2}, "$", "minProperties 3 is above maxProperties 2"),
        (
            {"type": "object", "required": ["a", "b"], "maxProperties": 1},
            "$",
            "2 members are required, but maxProperties",
        ),
        (
            {**members(a=WHOLE), "required": ["b"], "additionalProperties": False},
            "$",
            "'b' is required, but not allowed",
        ),
        ({"type": "object", "minProperties": 1, "additionalProperties": False}, "$", "no value was found"),
        (
            {"type": "object", "minProperties": 1, "propertyNames": {"maxLength": 1, "minLength": 2}},
            "$:name",
            "minLength 2",
        ),
        ({**WHOLE, "minimum": 5, "maximum": 4}, "$", "no number is at least 5 and at most 4"),
        ({**NUMBER, "exclusiveMinimum": 5, "exclusiveMaximum": 5}, "$", "no number is above 5 and below 5"),
        ({**WHOLE, "exclusiveMinimum": 1, "exclusiveMaximum": 2}, "$", "no value was found"),
        ({"$ref": "#/nowhere"}, "$", "$ref '#/nowhere' leads nowhere"),
        ({"$ref": "#/allOf/9", "allOf": [True]}, "$", "$ref '#/allOf/9' leads nowhere"),
        ({"$ref": "#anchor", "enum": [["x"]]}, "$", "$ref '#anchor' leads nowhere"),
        ({"$ref": "https://example.com/x"}, "$", "$ref 'https://example.com/x' leads nowhere"),
        ({"$ref": "#/title", "title": "x"}, "$", "$ref '#/title' leads to no schema"),
        ({**TEXT, "pattern": "(?<=a+)b"}, "$", "is not a regular expression"),
        (members(next={"$ref": "#"}), "$.next", "it nests deeper than 32 levels"),
        ({"type": "array", "minItems": 1, "items": {"$ref": "#"}}, "$[0]", "it nests deeper than 32 levels"),
        (
            {"type": "object", "minProperties": 1, "additionalProperties": {"$ref": "#"}},
            "$.extra_1",
            "there is no room for it",
        ),
        (nested_arrays(10), "$[0][0]", "more than 20000 values were tried"),
        ({"type": "array", "minItems": 10**6}, "$[", "more than 3000 values would have to be made"),
        (
            {"allOf": [*[{"anyOf": [True, True, True]}] * 12, False]},
            "$",
            "it leaves more choices than can be gone through",
        ),
    ],
)
def test_what_cannot_be_satisfied_is_explained(schema: Any, where: str, why: str) -> None:
    is_unreadable = "$ref" in json.dumps(schema) or "(?<=" in json.dumps(schema)  # for the oracle too
    fits = (lambda value, part: True) if is_unreadable else fits_in(schema)
    with pytest.raises(Unsatisfiable) as caught:
        next(values(schema, fits, nothing, rolls_of(1)))

    assert caught.value.where.startswith(where)
    assert why in caught.value.why
    assert str(caught.value) == f"at {caught.value.where}: {caught.value.why}"


def nested(levels: int) -> Any:
    return members(a=nested(levels - 1)) if levels else WHOLE


def test_answers_nest_as_deep_as_they_must_and_no_deeper_than_the_bound() -> None:
    made(nested(MAX_HEIGHT - 1))
    with pytest.raises(Unsatisfiable, match="deeper"):
        made(nested(MAX_HEIGHT))


def test_recursion_goes_some_levels_and_ends() -> None:
    node = members(
        "value", value=WHOLE, next={"anyOf": [{"$ref": "#"}, NULL]}, all={"type": "array", "items": {"$ref": "#"}}
    )

    sizes = {len(json.dumps(made(node, seed))) for seed in range(20)}

    assert len(sizes) > 5
    assert max(sizes) < 20_000


# What a text says


def test_what_a_text_says_comes_first_if_it_will_do() -> None:
    assert made({"type": "object", "properties": {"a": WHOLE}}, a=5) == {"a": 5}
    assert made(members(a={**WHOLE, "maximum": 4}), a=5)["a"] <= 4
    assert made(members(a=TEXT), a=5) != {"a": 5}
    assert made(members(a=NUMBER), a=5) == {"a": 5}
    assert made(members(a={**TEXT, "format": "date"}), a="2026-02-30")["a"] != "2026-02-30"
    assert made(members(a={"type": "array", "items": TEXT}), a=["x", "y"]) == {"a": ["x", "y"]}


def test_null_is_said_where_a_text_says_nothing() -> None:
    for schema in ({"type": ["string", "null"]}, {"anyOf": [TEXT, NULL]}, {"type": ["null", "integer"]}):
        assert made(members(a=schema)) == {"a": None}
        assert made(members(a=schema), a=5 if "integer" in str(schema) else "x") != {"a": None}
    assert made(members(a={"type": ["string", "null"], "enum": ["x", None]}), 2)["a"] in ("x", None)


def test_nested_values_are_null_only_now_and_then() -> None:
    schema = members(a={"anyOf": [members(b=WHOLE), NULL]})

    found = [made(schema, seed)["a"] is None for seed in range(40)]

    assert 5 < sum(found) < 30


def test_the_schemas_own_suggestions_are_taken_before_anything_is_made_up() -> None:
    assert made(members(a={**TEXT, "default": "x"})) == {"a": "x"}
    assert made(members(a={**TEXT, "examples": [5, "y"]})) == {"a": "y"}
    assert made(members(a={**TEXT, "default": "no", "minLength": 3}))["a"] != "no"


def test_a_brief_object_has_nothing_optional_that_is_not_said() -> None:
    schema = {"type": "object", "properties": {"a": WHOLE, "b": WHOLE, "c": members(d=WHOLE)}, "required": ["a"]}

    assert set(made(schema, is_brief=True)) == {"a"}
    assert set(made(schema, is_brief=True, b=1)) == {"a", "b"}
    assert set(made(schema)) == {"a", "b", "c"}


def test_a_field_tells_what_is_looked_for() -> None:
    seen: list[Field] = []

    def find(field: Field) -> Iterator[Any]:
        seen.append(field)
        return iter(())

    schema = members(
        "day",
        day={"type": "string", "format": "date", "title": "Day", "description": "when"},
        kind={"enum": ["a", 1]},
    )
    next(values(schema, fits_in(schema), find, rolls_of(1), is_brief=True))

    assert seen == [
        Field("", ("object",)),
        Field("day", ("string",), "date", (), "Day when"),
        Field("kind", seen[-1].types, "", ("a", 1), "", is_wanted=False),
    ]


def test_other_rolls_give_other_values() -> None:
    schema = members(a=WHOLE, b=TEXT, c={"type": "boolean"}, d={"enum": [1, 2, 3]}, e={**TEXT, "format": "uuid"})

    assert len({json.dumps(made(schema, seed)) for seed in range(30)}) == 30
