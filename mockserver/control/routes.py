"""The control API as an ASGI application, made from the rows of `table`."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial
from typing import Any

from pydantic import ValidationError
from pydantic_core import to_json
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route as StarletteRoute
from starlette.types import ASGIApp

from mockserver.control.control import Control, Stage
from mockserver.control.guard import Guard
from mockserver.control.openapi import control_document
from mockserver.control.operations.server import OWN_DOCUMENT
from mockserver.control.problem import problem, problem_of
from mockserver.control.route import Route
from mockserver.control.table import ROUTES
from mockserver.http.endpoint import WireModel, named, problems_of
from mockserver.http.messages import Reply
from mockserver.http.openapi import vendor_document
from mockserver.kernel.errors import BodyTooLarge, InvalidRequest, MalformedBody, MockError, Problem
from mockserver.kernel.world import Worlds
from mockserver.vendors.vendor import Vendor

log = logging.getLogger("mockserver")

MAX_BODY_BYTES = 1024 * 1024


def control_app(
    worlds: Worlds, vendors: Sequence[Vendor], admin_token: str | None, stage: Stage | None = None
) -> ASGIApp:
    """Return the application that serves everything below `/_mock`."""
    documents = {vendor.name: partial(vendor_document, vendor.api) for vendor in vendors}
    control = Control(worlds, vendors, {OWN_DOCUMENT: control_document, **documents}, stage)
    by_path: dict[str, dict[str, Route]] = {}
    for route in ROUTES:
        by_path.setdefault(route.path, {})[route.method] = route
    app = Starlette(
        routes=[StarletteRoute(path, _serve(control, rows), methods=list(rows)) for path, rows in by_path.items()],
        middleware=[Middleware(Guard, admin_token=admin_token)],
        exception_handlers={HTTPException: _unrouted},
    )
    app.router.redirect_slashes = False
    return app


def _serve(control: Control, rows: dict[str, Route]) -> Callable[[Request], Awaitable[Response]]:
    async def serve(request: Request) -> Response:
        route = rows["GET" if request.method == "HEAD" else request.method]
        try:
            run = partial(route.run, control, *await _arguments(route, request))
            return _answer(route, await run_in_threadpool(run) if route.is_slow else run())
        except MockError as refused:
            return problem_of(refused)
        except Exception:
            log.exception("%s %s failed", request.method, request.url.path)
            return problem(500, "internal error, see the server's log")

    return serve


async def _arguments(route: Route, request: Request) -> list[Any]:
    """Return what an operation is called with: the path's parameters, then body, query and headers, if any."""
    arguments: list[Any] = list(request.path_params.values())
    problems: list[Problem] = []
    if route.body is not None:
        # No body says as much as an empty object, so that a body of nothing but options may be left out.
        text = await _read(request) or b"{}"
        arguments.append(_validated(partial(route.body.model_validate_json, text), "body", problems))
    if route.query is not None:
        query = dict(request.query_params)
        arguments.append(_validated(partial(route.query.model_validate_strings, query), "query", problems))
    if route.headers is not None:
        headers = {name: request.headers[name] for name in named(route.headers) if name in request.headers}
        arguments.append(_validated(partial(route.headers.model_validate_strings, headers), "header", problems))
    if problems:
        raise InvalidRequest(*problems)
    return arguments


async def _read(request: Request) -> bytes:
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_BODY_BYTES:
                raise BodyTooLarge(MAX_BODY_BYTES)
    except ClientDisconnect:
        raise MalformedBody("the client left before its body ended") from None
    return bytes(body)


def _validated(validate: Callable[[], WireModel], where: str, problems: list[Problem]) -> WireModel | None:
    try:
        return validate()
    except ValidationError as error:
        for item in error.errors(include_url=False, include_input=False):
            if item["type"] == "json_invalid":
                raise MalformedBody(item["msg"]) from None
        problems.extend(problems_of(error, where))
        return None


def _answer(route: Route, result: Any) -> Response:
    if isinstance(result, Response):
        return result
    if isinstance(result, Reply):
        response = Response(result.body, result.status)
        response.raw_headers.extend(result.headers)
        return response
    if isinstance(result, Iterator):  # bytes, read in a thread as the client takes them
        return StreamingResponse(result, route.status, media_type=route.media_type)
    if result is None:
        return Response(status_code=route.status)
    return Response(to_json(result), route.status, media_type=route.media_type)


async def _unrouted(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    detail = f"no control route at {request.method} {request.url.path}; GET /_mock/docs lists them"
    return problem(error.status_code, detail, dict(error.headers or {}))
