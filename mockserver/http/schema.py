"""What is done to a JSON Schema after pydantic made it."""

from __future__ import annotations

from typing import Any

_NULL = {"type": "null"}


def without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema that no longer says that null will do, nor that it is what stands for nothing."""
    rest = {name: value for name, value in schema.items() if name != "anyOf"}
    if rest.get("default", 0) is None:
        del rest["default"]
    choices = [choice for choice in schema.get("anyOf", ()) if choice != _NULL]
    if len(choices) == 1:
        return {**choices[0], **rest}
    return {"anyOf": choices, **rest} if choices else rest
