"""The one way a test speaks to a simulator: control operations by name, in this process or over HTTP."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote, urlencode, urlsplit

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

_TIMEOUT_S = 60


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


class HttpWire:
    """Sends control operations to a server; each thread has a connection of its own."""

    def __init__(self, url: str, token: str | None = None) -> None:
        parts = urlsplit(url)
        self._base = parts.path.rstrip("/")
        self._connect: Callable[[], HTTPConnection] = lambda: (
            HTTPSConnection if parts.scheme == "https" else HTTPConnection
        )(parts.hostname or "", parts.port, timeout=_TIMEOUT_S)
        self._headers = {"authorization": f"Bearer {token}"} if token else {}
        self._own = threading.local()
        self._open: list[HTTPConnection] = []

    def call(
        self, name: str, *parameters: str, body: Mapping[str, Any] | None = None, query: Mapping[str, Any] | None = None
    ) -> Any:
        """Send an operation."""
        route = route_of(name)
        path = _path(route, parameters)
        if query:
            path += f"?{urlencode(plain(query))}"
        data = None if route.body is None else json.dumps(plain(body or {})).encode()
        try:
            status, media_type, answer = self._send(route.method, self._base + path, data)
        except (OSError, HTTPException) as error:
            raise Refused(name, 0, f"the server does not answer: {error or type(error).__name__}") from None
        if status >= 400:
            raise _problem(route, status, answer)
        if not answer:
            return None
        return json.loads(answer) if "json" in media_type and "jsonl" not in media_type else answer.decode()

    def _send(self, method: str, target: str, data: bytes | None) -> tuple[int, str, bytes]:
        headers = {**self._headers, **({} if data is None else {"content-type": "application/json"})}
        connection: HTTPConnection | None = getattr(self._own, "connection", None)
        if connection is not None:
            try:
                return _exchange(connection, method, target, data, headers)
            except (ConnectionError, HTTPException):  # an idle connection may have been closed meanwhile
                connection.close()
        connection = self._own.connection = self._connect()
        self._open.append(connection)
        return _exchange(connection, method, target, data, headers)

    def close(self) -> None:
        """Close every connection."""
        while self._open:
            self._open.pop().close()


def _exchange(
    connection: HTTPConnection, method: str, target: str, data: bytes | None, headers: Mapping[str, str]
) -> tuple[int, str, bytes]:
    connection.request(method, target, data, dict(headers))
    answer = connection.getresponse()
    return answer.status, answer.getheader("content-type", ""), answer.read()


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


def _path(route: Route, parameters: tuple[str, ...]) -> str:
    path = route.path
    for parameter in parameters:
        before, _, rest = path.partition("{")
        path = before + quote(parameter, safe="") + rest.partition("}")[2]
    return path


def _refused(route: Route, error: MockError) -> Refused:
    status = next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 400)
    if not isinstance(error, InvalidRequest):
        return Refused(route.operation, status, str(error))
    return _faulty(route, status, [(p.field, p.message, p.code) for p in error.problems])


def _problem(route: Route, status: int, answer: bytes) -> Refused:
    try:
        said = json.loads(answer)
        detail, errors = str(said["detail"]), said.get("errors") or []
    except (ValueError, TypeError, KeyError, AttributeError):
        return Refused(route.operation, status, f"the server answered {status}, and nothing that could be read")
    if not errors:
        return Refused(route.operation, status, detail)
    return _faulty(route, status, [(each["field"], each["message"], each["code"]) for each in errors])


def _faulty(route: Route, status: int, errors: list[tuple[str, str, str]]) -> Refused:
    """Return the refusal of faulty fields; one that does not exist is answered with those that do."""
    faulty: dict[str, str] = {}
    unknown: list[str] = []
    for field, message, code in errors:
        if code == "unknown_key" and "there are:" not in message:
            unknown.append(field)
            faulty[field] = "there is no such option"
        else:
            faulty[field] = message
    detail = "; ".join(f"{field}: {message}" for field, message in faulty.items())
    model = route.body or route.query
    if unknown and model is not None:
        names = sorted(field.alias or name for name, field in model.model_fields.items())
        detail += f" (there are: {', '.join(names)})"
    return Refused(route.operation, status, detail, faulty)
