"""Refusals."""

from __future__ import annotations

from typing import Literal

from pydantic import RootModel

from mockserver.vendors.paygentic.answers.answer import Answer


class BlockingItem(Answer):
    """One thing that stands in the way."""

    id: str
    status: str


class Blocker(Answer):
    """Things of one kind that stand in the way."""

    type: Literal["invoices"]
    count: int
    items: list[BlockingItem]


class ErrorDetails(Answer):
    """What a refusal says besides."""

    blockers: list[Blocker] | None = None


class ErrorBody(Answer):
    """Any refusal."""

    message: str
    error: str | None = None
    code: str | None = None
    details: ErrorDetails | None = None
    reason: str | None = None
    required_permissions: list[str] | None = None


class FieldError(Answer):
    """One faulty field."""

    field: str
    message: str
    code: str | None = None


class ValidationErrorBody(Answer):
    """A refusal that names fields."""

    message: str
    error: Literal["validation_error"]
    errors: list[FieldError]


class BadRequestBody(RootModel[ValidationErrorBody | ErrorBody]):
    """A request that cannot be served as it is: one shape when fields are to blame, another when not."""
