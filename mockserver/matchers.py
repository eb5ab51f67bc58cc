"""Matchers for faults, stubs and assertions, to be combined with `&`, `|` and `~`.

    world.stubs.add(model("auto") & last_message(contains="refund"), text="Refunds take five days.")

Each takes a text, in which `*` stands for anything, or one of `contains=`, `regex=`, `equals=` and `one_of=`.
"""

from __future__ import annotations

from typing import Any

from mockserver.kernel.matching import Pattern, criterion

__all__ = [
    "client", "customer", "endpoint", "header", "idempotency_key", "json", "key", "last_message", "method", "model",
    "operation", "path", "schema", "tools", "vendor",
]  # fmt: skip


def _wanted(name: str, text: Any, ways: dict[str, Any]) -> Any:
    if (text is None) == (not ways) or len(ways) > 1:
        raise TypeError(f"{name}() takes a text, or one of contains=, regex=, equals= and one_of=")
    return text if text is not None else ways


def vendor(text: str | None = None, **ways: Any) -> Pattern:
    """Match the vendor: `pareta` or `paygentic`."""
    return criterion("vendor", _wanted("vendor", text, ways))


def operation(text: str | None = None, **ways: Any) -> Pattern:
    """Match the operation, named as the vendor's Python SDK names its method; the vendor may be left out."""
    return criterion("operation", _wanted("operation", text, ways))


def method(text: str | None = None, **ways: Any) -> Pattern:
    """Match the HTTP method."""
    return criterion("method", _wanted("method", text, ways))


def path(text: str | None = None, **ways: Any) -> Pattern:
    """Match the path, without the query."""
    return criterion("path", _wanted("path", text, ways))


def model(text: str | None = None, **ways: Any) -> Pattern:
    """Match the model a request names."""
    return criterion("model", _wanted("model", text, ways))


def endpoint(text: str | None = None, **ways: Any) -> Pattern:
    """Match the endpoint a request is for, whether its path or its model names it."""
    return criterion("endpoint", _wanted("endpoint", text, ways))


def last_message(text: str | None = None, **ways: Any) -> Pattern:
    """Match the last user message, or what takes its place: a query, a prompt, a text to read out."""
    return criterion("last_message", _wanted("last_message", text, ways))


def tools(text: str | None = None, **ways: Any) -> Pattern:
    """Match the name of any tool a request offers."""
    return criterion("tools", _wanted("tools", text, ways))


def schema(text: str | None = None, **ways: Any) -> Pattern:
    """Match the name of the schema a request wants its answer in, or any field of it."""
    return criterion("schema", _wanted("schema", text, ways))


def customer(text: str | None = None, **ways: Any) -> Pattern:
    """Match the customer a request is about: its id, or the id it has outside."""
    return criterion("customer", _wanted("customer", text, ways))


def key(text: str | None = None, **ways: Any) -> Pattern:
    """Match the API key."""
    return criterion("key", _wanted("key", text, ways))


def idempotency_key(text: str | None = None, **ways: Any) -> Pattern:
    """Match the idempotency key, in a header or in the body, as the vendor has it."""
    return criterion("idempotency_key", _wanted("idempotency_key", text, ways))


def client(text: str | None = None, **ways: Any) -> Pattern:
    """Match the `User-Agent`."""
    return criterion("client", _wanted("client", text, ways))


def header(name: str, text: str | None = None, **ways: Any) -> Pattern:
    """Match a header by its name in any case."""
    return criterion("header", {name: _wanted("header", text, ways)})


def json(where: str, text: Any = None, **ways: Any) -> Pattern:
    """Match a member of a JSON body by its path, such as `messages.0.role`; a plain value is compared as it is."""
    return criterion("json", {where: _wanted("json", text, ways)})
