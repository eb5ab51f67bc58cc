"""Refusals."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import RootModel

from mockserver.vendors.paygentic.schemas.values import Wire


class ErrorBody(Wire):
    """Any refusal."""

    message: str
    error: str | None = None
    code: str | None = None
    details: dict[str, Any] | None = None
    reason: str | None = None
    required_permissions: list[str] | None = None


class FieldError(Wire):
    """One faulty field."""

    field: str
    message: str
    code: str | None = None


class ValidationErrorBody(Wire):
    """A refusal that names fields."""

    message: str
    error: Literal["validation_error"]
    errors: list[FieldError]


class BadRequestBody(RootModel[ValidationErrorBody | ErrorBody]):
    """A request that cannot be served as it is: one shape when fields are to blame, another when not."""
