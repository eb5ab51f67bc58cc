"""Test clocks."""

from __future__ import annotations

from typing import Literal

from mockserver.vendors.paygentic.answers.answer import Answer
from mockserver.vendors.paygentic.answers.pages import Pagination


class TestClockResponse(Answer):
    """A test clock."""

    id: str
    merchant_id: str
    name: str | None
    description: str | None
    current_time: str
    created_at: str
    updated_at: str
    deleted_at: str | None


class TestClockListResponse(Answer):
    """Some test clocks."""

    object: Literal["list"]
    data: list[TestClockResponse]
    pagination: Pagination
