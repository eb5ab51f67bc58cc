"""Checking JSON against JSON Schema; the library for it is loaded with the first request that brings a schema along."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from pydantic_core import from_json, to_json

from mockserver.vendors.pareta.domain import patterns
from mockserver.vendors.pareta.domain.errors import Refused
from mockserver.vendors.pareta.domain.structured import Fits, Unsatisfiable

MAX_SCHEMA_BYTES = 256 * 1024
"""Source: pareta/chat "response_format" (the limit: assumed)."""
_MAX_MESSAGE = 300


class Checked:
    """A schema that is valid as such.

    :param fits: says whether a value satisfies the schema or a part of it.
    """

    def __init__(self, schema: Any, fits: Fits) -> None:
        self.schema = schema
        self.fits = fits


def checked(schema: Any, where: str) -> Checked:
    """Return a schema ready for use.

    :param where: what it is called in the request, for the message.
    :raises Refused: it is no JSON Schema, or one that is too large to work with.
    """
    text = to_json(schema)
    if len(text) > MAX_SCHEMA_BYTES:
        raise Refused(f"{where} has more than {MAX_SCHEMA_BYTES} bytes")
    try:
        return _checked(text)
    except _Faulty as error:
        raise Refused(f"{where} is not a valid JSON Schema: {error}") from None


class _Faulty(ValueError):
    """A schema breaks the rules for schemas; the message says where and which."""


# Clients send the same schemas over and over.
@lru_cache(maxsize=256)
def _checked(text: bytes) -> Checked:
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import SchemaError
    from jsonschema.validators import validator_for

    schema = from_json(text)
    if isinstance(schema, Mapping) and not isinstance(schema.get("$schema", ""), str):
        raise _Faulty("at $.$schema: it is not a text")
    kind = validator_for(schema, default=Draft202012Validator)
    try:
        kind.check_schema(schema)
    except SchemaError as error:
        raise _Faulty(f"at {error.json_path}: {error.message[:_MAX_MESSAGE]}") from None
    except RecursionError:
        raise _Faulty("it nests too deeply") from None
    _refuse_endless(schema)
    return Checked(schema, _fits(kind, schema))


def _fits(kind: Any, schema: Any) -> Fits:
    from jsonschema.validators import extend
    from referencing.exceptions import Unresolvable
    from referencing.jsonschema import EMPTY_REGISTRY

    # Without a registry of its own a validator would look references up on the network.
    validator = extend(kind, {"pattern": _pattern, "patternProperties": _pattern_properties})(
        schema, format_checker=kind.FORMAT_CHECKER, registry=EMPTY_REGISTRY
    )

    def fits(value: Any, part: Any) -> bool:
        try:
            is_valid: bool = validator.evolve(schema=part).is_valid(value)
        except RecursionError:
            raise Unsatisfiable("$", "it refers to itself without end") from None
        except Unresolvable as error:
            raise Unsatisfiable("$", f"$ref {str(error.ref)[:_MAX_MESSAGE]!r} leads out of the schema") from None
        return is_valid

    return fits


def _pattern(validator: Any, pattern: str, instance: Any, schema: Any) -> Iterator[Any]:
    """`pattern`, which gives up on a text that might take for ever to search."""
    from jsonschema.exceptions import ValidationError

    if isinstance(instance, str) and not patterns.matches(pattern, instance):
        yield ValidationError(f"{instance!r} does not match {pattern!r}")


def _pattern_properties(validator: Any, given: Mapping[str, Any], instance: Any, schema: Any) -> Iterator[Any]:
    """`patternProperties`, likewise."""
    for pattern, part in given.items():
        for name, value in instance.items() if isinstance(instance, dict) else ():
            if patterns.matches(pattern, name):
                yield from validator.descend(value, part, path=name, schema_path=pattern)


def _refuse_endless(schema: Any) -> None:
    """Refuse expressions for names that might take for ever on one of the schema's own names.

    :raises _Faulty: there are such.
    """
    names: list[str] = []
    expressions: list[str] = []
    waiting = [schema]
    while waiting:
        part = waiting.pop()
        if isinstance(part, Mapping):
            names += part
            given = part.get("patternProperties")
            expressions += given if isinstance(given, Mapping) else ()
            waiting += part.values()
        elif isinstance(part, list):
            names += (value for value in part if isinstance(value, str))
            waiting += part
    for expression in expressions:
        try:
            longest = patterns.longest_safe(expression)
        except patterns.Unreadable as error:
            raise _Faulty(str(error)) from None
        if any(len(name) > longest for name in names):
            raise _Faulty(f"{expression!r} is too intricate for names longer than {longest} characters")
