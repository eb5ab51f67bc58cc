"""The base of what is answered."""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict, Field

from mockserver.http.schema import without_null
from mockserver.vendors.paygentic.schemas.values import Wire


def _say_what_is_never_null(schema: dict[str, Any]) -> None:
    for name, member in schema["properties"].items():
        if name not in schema.get("required", ()) and not member.pop("nullable", False):
            schema["properties"][name] = without_null(member)


class Answer(Wire):
    """A body, or part of one: a member that may be missing is left out and never null.

    One of the vendor's clients refuses null for what is optional.
    """

    model_config = ConfigDict(json_schema_extra=_say_what_is_never_null)


def missing_or_null() -> Any:
    """Return the default of a member that may be both."""
    return Field(default=None, json_schema_extra={"nullable": True})
