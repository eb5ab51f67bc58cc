"""What a refusal looks like."""

from __future__ import annotations

from mockserver.http.endpoint import WireModel


class Detail(WireModel):
    """Every error but a validation error."""

    detail: str


class FieldError(WireModel):
    """One faulty field."""

    loc: list[str | int]
    msg: str
    type: str


class FieldErrors(WireModel):
    """A validation error: all faulty fields, or a text."""

    detail: list[FieldError] | str
