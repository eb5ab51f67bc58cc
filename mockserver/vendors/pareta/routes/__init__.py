"""Pareta's operations, one row each by resource, and how they speak HTTP."""

from __future__ import annotations

import math
from typing import Any

from pydantic_core import from_json

from mockserver.http.endpoint import Api
from mockserver.kernel.errors import MalformedBody
from mockserver.vendors.pareta import errors
from mockserver.vendors.pareta.operations.chat import note_refusal
from mockserver.vendors.pareta.routes import (
    agent,
    audio,
    auto,
    chat,
    documents,
    endpoints,
    eval_runs,
    eval_sets,
    images,
    metrics,
    proposals,
    retrieval,
    task_requests,
    tasks,
)
from mockserver.vendors.pareta.schemas.chat import replayed

MAX_BODY_BYTES = 64 * 1024 * 1024
"""Source: pareta/images "25 MB decoded" is the largest published input (the limit itself: assumed)."""


def parse_json(body: bytes) -> Any:
    """Read a JSON body.

    :raises MalformedBody: not JSON; NaN and infinities are not.
    """
    try:
        value = from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise MalformedBody(f"the request body is not JSON: {error}") from None
    if _may_overflow(body) and _has_infinity(value):
        raise MalformedBody("the request body has a number out of range")
    return value


# What a double cannot hold is read as infinity, and no answer could carry that.
_ALIKE = bytes.maketrans(b"123456789E", b"000000000e")
_LONG = b"0" * 300


def _may_overflow(body: bytes) -> bool:
    """Whether something in a body may be a number beyond a double: an exponent of three digits, or that many digits."""
    alike = body.translate(_ALIKE)
    return b"0e000" in alike or b"0e+000" in alike or _LONG in alike


def _has_infinity(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_has_infinity, value.values()))
    if isinstance(value, list):
        return any(map(_has_infinity, value))
    return isinstance(value, float) and math.isinf(value)


api = Api(
    name="pareta",
    title="Pareta API",
    version="3.0.4",
    prefixes=("/v1", "/agent/v1", "/_storage"),
    endpoints=[
        *chat.ENDPOINTS,
        *auto.ENDPOINTS,
        *agent.ENDPOINTS,
        *endpoints.ENDPOINTS,
        *metrics.ENDPOINTS,
        *tasks.ENDPOINTS,
        *task_requests.ENDPOINTS,
        *eval_sets.ENDPOINTS,
        *proposals.ENDPOINTS,
        *documents.ENDPOINTS,
        *eval_runs.ENDPOINTS,
        *retrieval.ENDPOINTS,
        *audio.ENDPOINTS,
        *images.ENDPOINTS,
    ],
    answers="mockserver.vendors.pareta.answers",
    key_prefix="pareta_sk_",
    bare_keys=True,
    render=errors.render,
    crash=errors.crash,
    parse_json=parse_json,
    error_models=errors.ERROR_MODELS,
    max_body_bytes=MAX_BODY_BYTES,
    replayed=replayed,
    refused=note_refusal,
)
