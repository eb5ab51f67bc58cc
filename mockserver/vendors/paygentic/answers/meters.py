"""What billable metrics measured, and which events."""

from __future__ import annotations

from typing import Any, Literal

from mockserver.vendors.paygentic.answers.answer import Answer
from mockserver.vendors.paygentic.answers.pages import Pagination


class WindowedValue(Answer):
    """One bucket of time."""

    window_start: str
    window_end: str
    value: float


class GroupedValue(Answer):
    """One combination of dimension values."""

    group_by: dict[str, str]
    value: float
    event_count: int


class MeterResponse(Answer):
    """What a billable metric measured."""

    object: Literal["meter"]
    billable_metric_id: str
    total_value: float
    windowed_values: list[WindowedValue] | None = None
    grouped_values: list[GroupedValue] | None = None
    group_count: int | None = None


class MeterEventBody(Answer):
    """An event that a billable metric measured."""

    id: str
    object: Literal["meterEvent"]
    type: str
    source: str
    subject: str
    time: str
    idempotency_key: str
    data: dict[str, Any]
    external_id: str | None = None
    external_subject: str | None = None


class MeterEventListResponse(Answer):
    """Some of the events that a billable metric measured."""

    object: Literal["list"]
    billable_metric_id: str
    events: list[MeterEventBody]
    pagination: Pagination
