"""What both vendors' fuzz tests share: what is checked of every answer, and what of a request must be noticed."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from types import FunctionType
from typing import Any, TypeVar, cast

import schemathesis
from hypothesis import settings as Settings
from schemathesis import GenerationMode
from schemathesis.core.result import Ok
from schemathesis.schemas import BaseSchema
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    ignored_auth,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

Test = TypeVar("Test", bound=Callable[..., None])

CHECKS = [
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    ignored_auth,
    unsupported_method,
]


def whole(value: Any) -> Any:
    """Write 1.0 as 1: an integer to JSON Schema, but not to a server that tells numbers apart."""
    if isinstance(value, dict):
        return {name: whole(part) for name, part in value.items()}
    if isinstance(value, list):
        return [whole(part) for part in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def keeps_its_schema(case: schemathesis.Case[Any]) -> bool:
    """Return whether a request was made to be taken."""
    assert case.meta is not None
    return case.meta.generation.mode is GenerationMode.POSITIVE


def breaks_its_schema(case: schemathesis.Case[Any]) -> bool:
    """Return whether a request breaks its schema in a way that must be noticed.

    Further parameters need not be, and in a form everything is text.
    """
    assert case.meta is not None
    listed = {parameter.name for parameter in case.operation.query}
    telling = {"path_parameters"}
    if case.media_type == "application/json":
        telling.add("body")
    if set(case.query) <= listed:
        telling.add("query")
    return any(
        place in telling and info.mode is GenerationMode.NEGATIVE for place, info in case.meta.components.items()
    )


def put_what_exists(
    case: schemathesis.Case[Any], known: Mapping[str, list[Any]], answered: Sequence[int], *, but_one_in: int = 4
) -> None:
    """Put things that exist into most of the members and parameters that may name them.

    Chance alone would never find them, and a draw would not be the same twice.

    :param answered: statuses of the operation so far; until one is a success nothing is left alone.
    :param but_one_in: how many of them one is left alone of.
    """
    has_worked = min(answered, default=500) < 300
    whole_request = repr((len(answered), case.path_parameters, case.query, case.body))
    parts: list[Any] = [case.path_parameters, case.query, case.body]
    for part in parts:
        for name in part if isinstance(part, dict) else ():
            draw = zlib.crc32(f"{name} {whole_request}".encode())
            if name in known and (draw % but_one_in or not has_worked):
                value = known[name][draw % len(known[name])]
                if type(value) is bytes and case.media_type != "multipart/form-data":
                    continue
                part[name] = value


def one_for_each_operation(schema: BaseSchema, settings: Settings, names: dict[str, Any]) -> Callable[[Test], Test]:
    """Turn a test into one for each operation of a document, with names of their own in the module `names`.

    A parametrized one would be many tests with one id, and pytest-xdist runs one test for each id.
    """

    def spread(test: Test) -> Test:
        assert isinstance(test, FunctionType)
        for result in schema.get_all_operations():
            operation = cast("Ok[Any]", result).ok()
            name = f"{test.__name__}_{operation.definition.raw['operationId'].replace('.', '_')}"
            copy = FunctionType(test.__code__, test.__globals__, name, test.__defaults__, test.__closure__)
            copy.__annotations__ = test.__annotations__
            copy.__module__ = test.__module__
            only = schema.include(path=operation.path, method=operation.method.upper())
            names[name] = only.parametrize()(settings(copy))
        test.__test__ = False  # type: ignore[attr-defined]
        return test

    return spread
