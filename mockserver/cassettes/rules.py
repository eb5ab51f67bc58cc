"""The format of a rule about differences that are ignored."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from mockserver.cassettes.finding import Grade, Kind
from mockserver.cassettes.ignoring import Rule


def _day(value: object) -> object:
    if not isinstance(value, str) or not re.fullmatch(r"\d{4}-\d\d-\d\d", value, re.ASCII):
        raise ValueError("must be a day, such as 2027-01-31")
    try:
        return date.fromisoformat(value)
    except ValueError as error:
        raise ValueError(f"'{value}' is no day: {error}") from None


def _said(value: object) -> object:
    if isinstance(value, str) and not value.strip():
        raise ValueError("must not be empty")
    return value


Glob = Annotated[str, BeforeValidator(_said)]
Day = Annotated[date, BeforeValidator(_day)]


class RulePart(BaseModel):
    """One rule as it is written."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    reason: Glob
    operation: Glob | None = None
    where: Glob | None = None
    kind: Kind | None = None
    grade: Grade | None = None
    cassette: Glob | None = None
    status: Annotated[int, Field(ge=100, le=599)] | None = None
    until: Day | None = None

    @model_validator(mode="after")
    def _is_about_something(self) -> Self:
        if self.model_fields_set <= {"reason", "until"}:
            raise ValueError("would ignore everything: say what, by operation, where, kind, grade, cassette or status")
        return self

    def rule(self, line: int) -> Rule:
        """Return the rule."""
        return Rule(
            self.reason,
            self.operation or "*",
            self.where or "*",
            self.kind,
            self.grade,
            self.cassette or "*",
            self.status,
            self.until,
            line,
        )
