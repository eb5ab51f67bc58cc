"""Refusals."""

from __future__ import annotations

from typing import Any, Literal

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


class ConflictDetails(Answer):
    """What stands in the way."""

    blockers: list[Blocker]


class Refusal(Answer):
    """What every refusal says."""

    message: str
    code: str | None = None
    reason: str | None = None
    required_permissions: list[str] | None = None


class ErrorBody(Refusal):
    """Any refusal."""

    error: str | None = None
    details: dict[str, Any] | None = None


class ConflictBody(Refusal):
    """A refusal because of what is there."""

    error: Literal["conflict"]
    details: ConflictDetails | None = None


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
