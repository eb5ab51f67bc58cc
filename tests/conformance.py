"""Holds real answers to an OpenAPI document: every path, status, media type and field must be in it."""

from __future__ import annotations

import copy
import re
from typing import Any

from jsonschema import Draft202012Validator


class Undocumented(AssertionError):
    """An answer that the document does not describe."""


class Documented:
    """A document, as a judge of answers."""

    def __init__(self, document: dict[str, Any]) -> None:
        closed: dict[str, Any] = copy.deepcopy(document)
        _close(closed["components"].get("schemas", {}))
        self._components = closed["components"]
        self._paths = {
            re.compile(re.sub(r"{\w+}", "[^/]+", re.escape(path).replace(r"\{", "{").replace(r"\}", "}"))): methods
            for path, methods in closed["paths"].items()
        }

    def check(self, method: str, path: str, status: int, media_type: str, body: Any) -> str:
        """Return the operation that answered.

        :raises Undocumented: its document does not say that it would answer like this.
        """
        operation = self._operation(method, path)
        answer = operation["responses"].get(str(status))
        if answer is None:
            raise Undocumented(f"{operation['operationId']} does not say that it answers {status}")
        content = answer.get("content", {})
        media_type = media_type.partition(";")[0]
        if media_type not in content and (content or media_type):
            raise Undocumented(f"{operation['operationId']} answers {media_type!r}, which {status} does not list")
        if "json" in media_type:
            schema = {**content[media_type]["schema"], "components": self._components}
            for error in Draft202012Validator(schema).iter_errors(body):
                raise Undocumented(f"{operation['operationId']} {status}: {error.json_path}: {error.message}")
        name: str = operation["operationId"]
        return name

    def _operation(self, method: str, path: str) -> dict[str, Any]:
        for pattern, methods in self._paths.items():
            if pattern.fullmatch(path) and method.lower() in methods:
                found: dict[str, Any] = methods[method.lower()]
                return found
        raise Undocumented(f"{method} {path} is not in the document")


def _close(schema: Any) -> None:
    """Forbid the fields that a schema does not list, so that one missing from it is noticed."""
    if isinstance(schema, dict):
        if isinstance(schema.get("properties"), dict):
            schema.setdefault("additionalProperties", False)
        for part in schema.values():
            _close(part)
    elif isinstance(schema, list):
        for part in schema:
            _close(part)
