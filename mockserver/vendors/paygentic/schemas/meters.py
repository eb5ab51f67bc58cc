"""What billable metrics measured, and which events."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, PlainValidator, ValidationInfo, WithJsonSchema, field_validator
from pydantic_core import PydanticCustomError

from mockserver.http.messages import Reply
from mockserver.kernel.money import json_number
from mockserver.kernel.windows import format_instant
from mockserver.vendors.paygentic.domain.buckets import Window
from mockserver.vendors.paygentic.domain.event_pages import EventsQuestion, MeterEvent
from mockserver.vendors.paygentic.domain.json_text import dump
from mockserver.vendors.paygentic.domain.usage import Usage, UsageQuestion
from mockserver.vendors.paygentic.operations.meters import MeterEvents
from mockserver.vendors.paygentic.schemas.values import (
    DateTime,
    ExternalId,
    Whole,
    Wire,
    dimension_keys,
    without_none,
)

# Said twice, because pydantic does not describe limits of a value that may be missing.
_GroupLimit = Annotated[
    Whole, Field(ge=1, le=500), WithJsonSchema({"type": "integer", "minimum": 1, "maximum": 500})
]  # fmt: skip


class MeterQuery(Wire):
    """Query of `GET /v0/billableMetrics/{id}/meter`."""

    from_: DateTime = Field(alias="from")
    to: DateTime
    subject: str | None = None
    window_size: Window | None = None
    filter_group_by: str | None = None
    group_by: Annotated[tuple[str, ...] | None, PlainValidator(dimension_keys), WithJsonSchema({"type": "string"})] = (
        None
    )
    group_offset: Whole = Field(default=0, ge=0, le=100_000)
    # After `group_offset`: whether it may be missing depends on that.
    group_limit: _GroupLimit | None = Field(default=None, validate_default=True)

    @field_validator("group_limit", mode="before")
    @classmethod
    def _needed(cls, value: Any, info: ValidationInfo) -> Any:
        if value is None and info.data.get("group_offset"):
            raise PydanticCustomError("required", "needed when there is a groupOffset")
        return value

    def to_domain(self) -> UsageQuestion:
        """Return what is asked."""
        return UsageQuestion(
            self.from_, self.to, self.subject, self.window_size, self.group_by, self.filter_group_by,
            self.group_limit, self.group_offset,
        )  # fmt: skip


class ListMeterEventsQuery(Wire):
    """Query of `GET /v0/billableMetrics/{id}/events`."""

    from_: DateTime = Field(alias="from")
    to: DateTime
    subject: str | None = None
    limit: Whole = Field(default=20, ge=1, le=200)
    offset: Whole = Field(default=0, ge=0)
    external_id: ExternalId | None = None
    external_subject: ExternalId | None = None

    def to_domain(self) -> EventsQuestion:
        """Return which events are wanted."""
        return EventsQuestion(
            self.from_, self.to, self.limit, self.offset, self.subject, self.external_id, self.external_subject
        )


def present_meter(usage: Usage) -> dict[str, Any]:
    """Shape what a metric measured; exact decimals become JSON numbers here and nowhere before."""
    body: dict[str, Any] = {
        "object": "meter",
        "billableMetricId": usage.metric.id,
        "totalValue": json_number(usage.total),
    }
    if usage.points is not None:
        body["windowedValues"] = [
            {
                "windowStart": format_instant(point.start),
                "windowEnd": format_instant(point.end),
                "value": json_number(point.value),
            }
            for point in usage.points
        ]
    if usage.groups is not None:
        body["groupedValues"] = [
            {"groupBy": dict(group.dimensions), "value": json_number(group.value), "eventCount": group.events}
            for group in usage.groups
        ]
    return body | without_none({"groupCount": usage.group_count})


def present_meter_events(found: MeterEvents) -> Reply:
    """Shape some of a metric's events; numbers in their data keep all the digits that were sent."""
    question = found.question
    body = {
        "object": "list",
        "billableMetricId": found.metric.id,
        "events": [_present_event(event) for event in found.events],
        "pagination": {"limit": question.limit, "offset": question.offset, "total": found.total},
    }
    return Reply(200, dump(body).encode(), [(b"content-type", b"application/json")])


def _present_event(event: MeterEvent) -> dict[str, Any]:
    body = {
        "id": event.id,
        "object": "meterEvent",
        "type": event.type,
        "source": event.source,
        # The vendor's word for an event that nobody's customer has caused yet.
        "subject": event.subject or "",
        "time": format_instant(event.at),
        "idempotencyKey": event.idempotency_key,
        "data": event.data,
    }
    return body | without_none({"externalId": event.external_id, "externalSubject": event.external_subject})
