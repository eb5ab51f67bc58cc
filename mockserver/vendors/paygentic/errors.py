"""A refusal's status and Paygentic's two bodies for it: `Error`, and `ValidationError` when fields are to blame."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from mockserver.http.messages import Headers, Reply
from mockserver.kernel.errors import (
    BodyTooLarge,
    Conflict,
    IdempotencyMismatch,
    InvalidRequest,
    MalformedBody,
    MethodNotAllowed,
    MockError,
    NotFound,
    RateLimited,
    Unauthenticated,
    UnknownRoute,
)
from mockserver.vendors.paygentic.domain.errors import CustomerInUse, Forbidden, Refused, StateForbids, UnknownEventType

# Source: paygentic/errors "Error" (`bad_request`, `forbidden`, `not_found`, `conflict` documented, others assumed).
_CATEGORIES: dict[type[MockError], tuple[int, str]] = {
    MalformedBody: (400, "bad_request"),
    StateForbids: (409, "conflict"),
    Refused: (400, "bad_request"),
    Unauthenticated: (401, "unauthorized"),
    Forbidden: (403, "forbidden"),
    NotFound: (404, "not_found"),
    UnknownRoute: (404, "not_found"),
    MethodNotAllowed: (405, "method_not_allowed"),
    Conflict: (409, "conflict"),
    IdempotencyMismatch: (409, "conflict"),
    BodyTooLarge: (413, "payload_too_large"),
    UnknownEventType: (422, "unprocessable_entity"),
    RateLimited: (429, "too_many_requests"),
}

_CATEGORY_OF = dict(_CATEGORIES.values())

DENIED = (401, 403, 429, 500)
"""Statuses that every operation may answer."""


def render(error: MockError) -> Reply:
    """Turn a refusal into its status and body; a message is always there, because clients cannot do without."""
    if isinstance(error, InvalidRequest):
        return _validation_error(error)
    for kind, (status, category) in _CATEGORIES.items():
        if isinstance(error, kind):
            return Reply.json({"message": _message(error), "error": category, **_facts(error)}, status, _headers(error))
    return Reply.json({"message": _text(str(error)), "error": "bad_request"}, 400)


def crash() -> Reply:
    """Return the answer to a fault of our own."""
    return Reply.json({"message": "Internal server error", "error": "internal_server_error"}, 500)


def failure(status: int, text: str | None) -> Reply:
    """Return the answer of a status that a fault asks for."""
    try:
        known = HTTPStatus(status)
        phrase, category = known.phrase, _CATEGORY_OF.get(status, known.name.lower())
    except ValueError:
        phrase, category = f"Status {status}", "error"
    return Reply.json({"message": text or phrase.capitalize(), "error": category}, status)


def _validation_error(error: InvalidRequest) -> Reply:
    errors = [
        {"field": _text(problem.field), "message": _text(problem.message), "code": problem.code}
        for problem in error.problems
    ]
    body = {"message": "Request validation failed", "error": "validation_error", "errors": errors}
    return Reply.json(body, 400)


def _message(error: MockError) -> str:
    if isinstance(error, NotFound):
        return _text(f"{error.kind} {error.identifier} was not found")
    return _text(str(error))


def _facts(error: MockError) -> dict[str, Any]:
    """Return the optional members of a body."""
    facts: dict[str, Any] = {}
    match error:
        case CustomerInUse():
            # Source: paygentic/sdk-0.6.3 "DeleteCustomerConflictError" (sdk), the invoice's status (assumed).
            items = [{"id": identifier, "status": "ISSUED"} for identifier in error.invoices]
            facts = {"details": {"blockers": [{"type": "invoices", "count": len(items), "items": items}]}}
        case Forbidden():
            facts = {"reason": error.reason, "requiredPermissions": list(error.needed) or None, "code": error.code}
        case Refused():
            facts = {"code": error.code}
        case UnknownEventType():
            facts = {"code": "UNKNOWN_EVENT_TYPE"}
        case _:
            facts = {}
    return {name: value for name, value in facts.items() if value is not None}


def _headers(error: MockError) -> Headers:
    if isinstance(error, (Conflict, RateLimited)) and error.retry_after_s is not None:
        return [(b"retry-after", b"%d" % error.retry_after_s)]
    return []


def _text(text: str) -> str:
    """Return text that can be written as UTF-8, whatever bytes a path held."""
    return text.encode("utf-8", "replace").decode()
