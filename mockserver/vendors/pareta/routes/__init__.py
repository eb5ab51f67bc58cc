"""Pareta's operations, one row each by resource, and how they speak HTTP."""

from __future__ import annotations

import math
from typing import Any

from pydantic_core import from_json

from mockserver.http.endpoint import Api, Endpoint
from mockserver.kernel.errors import MalformedBody
from mockserver.vendors.pareta import errors
from mockserver.vendors.pareta.domain.catalog import AUTO
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


FACTS = ("model", "endpoint", "last_message", "tools", "schema", "stream")
"""What faults, stubs and assertions may ask of a request, beside what is asked of all vendors' requests."""


def describe(endpoint: Endpoint, parameters: tuple[str, ...], data: Any) -> dict[str, Any]:
    """Return these facts of a request, as far as it has them; nothing about it need be as it should."""
    said: dict[str, Any] = data if isinstance(data, dict) else {}
    model = said.get("model")
    named = parameters[0] if "{endpoint_id}" in endpoint.path else said.get("endpoint_id", said.get("endpoint"))
    is_chat = "messages" in said
    return {
        "model": model,
        "endpoint": model if named is None and is_chat and model != AUTO else named,
        "last_message": _last_message(said),
        "tools": _names_of_tools(said.get("tools")),
        "schema": _names_of_schema(said.get("response_format")),
        "stream": endpoint.streams and (said.get("stream") is True or not is_chat),
    }


def _last_message(said: dict[str, Any]) -> Any:
    messages = said.get("messages")
    if not isinstance(messages, list):
        return next((said[name] for name in ("query", "prompt", "text", "input") if name in said), None)
    for message in reversed(messages):
        if isinstance(message, dict) and message.get("role") == "user":
            content = message.get("content")
            if isinstance(content, list):
                texts = [part.get("text") for part in content if isinstance(part, dict)]
                return "\n".join(text for text in texts if isinstance(text, str))
            return content
    return None


def _names_of_tools(tools: Any) -> list[str]:
    if not isinstance(tools, list):
        return []
    functions = [tool.get("function", tool) for tool in tools if isinstance(tool, dict)]
    names = [function.get("name") for function in functions if isinstance(function, dict)]
    return [name for name in names if isinstance(name, str)]


def _names_of_schema(form: Any) -> list[str]:
    """Return a wanted schema's name and its fields'."""
    told = form.get("json_schema") if isinstance(form, dict) else None
    if not isinstance(told, dict):
        return []
    schema = told.get("schema")
    fields = schema.get("properties") if isinstance(schema, dict) else None
    names = [told.get("name"), *(fields if isinstance(fields, dict) else ())]
    return [name for name in names if isinstance(name, str)]


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
    stubs="mockserver.vendors.pareta.schemas.stubs",
    key_prefix="pareta_sk_",
    bare_keys=True,
    render=errors.render,
    crash=errors.crash,
    parse_json=parse_json,
    error_models=errors.ERROR_MODELS,
    max_body_bytes=MAX_BODY_BYTES,
    replayed=replayed,
    refused=note_refusal,
    failure=errors.failure,
    facts=FACTS,
    describe=describe,
)
