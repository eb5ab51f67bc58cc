"""Errors -> Pareta's statuses and bodies: `{"detail": text}`, or a list of faulty fields with 422.

Source: pareta/errors (statuses and shapes: documented; texts beside the published ones: assumed).
"""

from __future__ import annotations

from http import HTTPStatus

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
from mockserver.vendors.pareta.domain.errors import (
    EndpointNotReady,
    Expired,
    ExtraMissing,
    InsufficientCredits,
    NotAllowed,
    NotEnabled,
    Refused,
    ServingFailed,
    TurnFailed,
    VendorFailed,
)

ERROR_MODELS = {
    **dict.fromkeys((400, 401, 402, 403, 404, 405, 409, 413, 429, 500, 501, 502, 503), "errors.Detail"),
    422: "errors.FieldErrors",
}
"""Body of each status, by name in `answers`."""

_TEXTS: dict[type[MockError], tuple[int, str]] = {
    Unauthenticated: (401, "invalid API key"),
    InsufficientCredits: (402, "organization is out of credit. Top up in the dashboard."),
    UnknownRoute: (404, "Not Found"),
    MethodNotAllowed: (405, "Method Not Allowed"),
}
"""Errors whose text never varies."""

_STATUSES: dict[type[MockError], int] = {
    MalformedBody: 400,
    Refused: 400,
    NotAllowed: 403,
    Expired: 403,
    NotFound: 404,
    NotEnabled: 404,
    Conflict: 409,
    BodyTooLarge: 413,
    RateLimited: 429,
    VendorFailed: 502,
    TurnFailed: 502,
    IdempotencyMismatch: 422,
    ExtraMissing: 501,
    EndpointNotReady: 503,
}
"""Errors whose text is their own."""

_NOT_READY_RETRY_S = 1


def render(error: MockError) -> Reply:
    """Return Pareta's answer to an error."""
    kind = type(error)
    if isinstance(error, ServingFailed):
        return failure(error.status, None)
    if isinstance(error, InvalidRequest):
        detail = [{"loc": list(p.where), "msg": p.message, "type": p.code} for p in error.problems]
        return Reply.json({"detail": detail}, 422)
    if kind in _TEXTS:
        status, text = _TEXTS[kind]
        return Reply.json({"detail": text}, status)
    return Reply.json({"detail": str(error)}, _STATUSES[kind], _headers(error))


def _headers(error: MockError) -> Headers:
    if isinstance(error, VendorFailed):
        return [(b"retry-after", b"0")]  # there is nothing to wait for
    if isinstance(error, EndpointNotReady):
        return [(b"retry-after", str(_NOT_READY_RETRY_S).encode())]
    if isinstance(error, (Conflict, RateLimited)) and error.retry_after_s is not None:
        return [(b"retry-after", str(error.retry_after_s).encode())]
    return []


def crash() -> Reply:
    """Return the answer to a fault of our own."""
    return Reply.json({"detail": "Internal Server Error"}, 500)


_USUAL = {
    402: _TEXTS[InsufficientCredits][1],
    401: _TEXTS[Unauthenticated][1],
    429: "rate limit exceeded",
    503: "service temporarily unavailable",
}


def failure(status: int, text: str | None) -> Reply:
    """Return the answer of a status that a fault asks for."""
    text = text or _USUAL.get(status) or _phrase(status)
    if status == 422:
        return Reply.json({"detail": [{"loc": ["body"], "msg": text, "type": "value_error"}]}, status)
    return Reply.json({"detail": text}, status)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return f"status {status}"
