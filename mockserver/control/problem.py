"""Errors as problem details (RFC 9457): the one door from a fact to a status."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from pydantic_core import to_json
from starlette.responses import Response

from mockserver.kernel.errors import (
    BodyTooLarge,
    Conflict,
    InvalidRequest,
    MalformedBody,
    MockError,
    NotFound,
    Unauthenticated,
    UnknownWorld,
)

MEDIA_TYPE = "application/problem+json"

STATUS: dict[type[MockError], int] = {
    MalformedBody: 400,
    Unauthenticated: 401,
    UnknownWorld: 404,
    NotFound: 404,
    Conflict: 409,
    BodyTooLarge: 413,
    InvalidRequest: 422,
}


def problem_of(error: MockError) -> Response:
    """Return the answer to a refused request."""
    status = next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 400)
    headers = {"www-authenticate": "Bearer"} if status == 401 else None
    if isinstance(error, InvalidRequest):
        faulty = [{"field": p.field, "message": p.message, "code": p.code} for p in error.problems]
        return problem(status, str(error), headers, errors=faulty)
    return problem(status, str(error), headers)


def problem(status: int, detail: str, headers: dict[str, str] | None = None, **extra: Any) -> Response:
    """Return a problem document."""
    body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail, **extra}
    return Response(to_json(body), status, headers, MEDIA_TYPE)
