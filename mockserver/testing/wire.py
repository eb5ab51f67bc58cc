"""The one way a test speaks to a simulator: control operations by name, in this process or over HTTP."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol

from pydantic import ValidationError
from pydantic_core import from_json, to_json

from mockserver.control.control import Control
from mockserver.control.problem import STATUS
from mockserver.control.table import ROUTES
from mockserver.http.endpoint import WireModel, problems_of
from mockserver.http.messages import Reply
from mockserver.kernel.errors import InvalidRequest, MockError, Problem
from mockserver.testing.values import plain

if TYPE_CHECKING:
    from mockserver.app import Simulator
    from mockserver.control.route import Route

__tracebackhide__ = True  # a test that is refused something is shown its own line, not ours


class Refused(ValueError):
    """A control operation said no.

    :param status: what it answers over HTTP.
    :param faulty: what is wrong, by field; empty when it is no single field.
    """

    def __init__(self, operation: str, status: int, detail: str, faulty: Mapping[str, str] | None = None) -> None:
        self.operation = operation
        self.status = status
        self.detail = detail
        self.faulty = dict(faulty or {})
        super().__init__(f"{operation}: {detail}")


class Wire(Protocol):
    """Runs control operations by name."""

    def call(
        self, name: str, *parameters: str, body: Mapping[str, Any] | None = None, query: Mapping[str, Any] | None = None
    ) -> Any:
        """Return what an operation answers, as JSON data; text where that is what it answers with.

        :param name: an operation of the control API, such as `faults.add`.
        :param parameters: what its path takes, in order.
        :raises Refused: it said no.
        """

    def close(self) -> None:
        """Let go of connections."""


class LocalWire:
    """Runs control operations in this process, with the checks and the answers they have over HTTP."""

    def __init__(self, simulator: Simulator) -> None:
        self._control = Control(simulator.worlds, simulator.vendors, {}, simulator.stage)

    def call(
        self, name: str, *parameters: str, body: Mapping[str, Any] | None = None, query: Mapping[str, Any] | None = None
    ) -> Any:
        """Run an operation."""
        route = route_of(name)
        arguments: list[Any] = list(parameters)
        problems: list[Problem] = []
        try:
            if route.body is not None:
                text = json.dumps(plain(body or {}))
                model = route.body
                arguments.append(_validated(lambda: model.model_validate_json(text), "body", problems))
            if route.query is not None:
                texts = {key: str(value) for key, value in plain(query or {}).items()}
                asked = route.query
                arguments.append(_validated(lambda: asked.model_validate_strings(texts), "query", problems))
            if problems:
                raise InvalidRequest(*problems)
            result = route.run(self._control, *arguments)
            if isinstance(result, Iterator):
                return b"".join(result).decode()
        except MockError as error:
            raise _refused(route, error) from None
        if isinstance(result, Reply):
            return result.body.decode()
        return None if result is None else from_json(to_json(result))

    def close(self) -> None:
        """Do nothing: there is no connection."""


@cache
def route_of(name: str) -> Route:
    """Return the row of a control operation.

    :raises LookupError: there is none.
    """
    for route in ROUTES:
        if route.operation == name:
            return route
    raise LookupError(f"there is no control operation '{name}'")


def _validated(validate: Callable[[], WireModel], where: str, problems: list[Problem]) -> WireModel | None:
    try:
        return validate()
    except ValidationError as error:
        problems.extend(problems_of(error, where))
        return None


def _refused(route: Route, error: MockError) -> Refused:
    status = next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 400)
    if not isinstance(error, InvalidRequest):
        return Refused(route.operation, status, str(error))
    return faulty(route, status, [(p.field, p.message, p.code) for p in error.problems])


def faulty(route: Route, status: int, errors: list[tuple[str, str, str]]) -> Refused:
    """Return the refusal of faulty fields; one that does not exist is answered with those that do."""
    blamed: dict[str, str] = {}
    unknown: list[str] = []
    for field, message, code in errors:
        if code == "unknown_key" and "there are:" not in message:
            unknown.append(field)
            blamed[field] = "there is no such option"
        else:
            blamed[field] = f"{blamed[field]}; {message}" if field in blamed else message
    detail = "; ".join(f"{field}: {message}" for field, message in blamed.items())
    model = route.body or route.query
    if unknown and model is not None:
        names = sorted(field.alias or name for name, field in model.model_fields.items())
        detail += f" (there are: {', '.join(names)})"
    return Refused(route.operation, status, detail, blamed)
