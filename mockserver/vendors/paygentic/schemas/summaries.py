"""What a cost came to."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, PlainValidator, WithJsonSchema

from mockserver.kernel.money import json_number
from mockserver.kernel.windows import format_instant
from mockserver.vendors.paygentic.domain.costing import Question, Summary
from mockserver.vendors.paygentic.schemas.values import DateTime, Wire, dimension_keys, optional_number, without_none


class CostSummaryQuery(Wire):
    """Query of `GET /v0/costs/{id}/summary`."""

    from_: DateTime = Field(alias="from")
    to: DateTime
    subject: str | None = None
    group_by: Annotated[tuple[str, ...] | None, PlainValidator(dimension_keys), WithJsonSchema({"type": "string"})] = (
        None
    )
    window: Literal["MINUTE", "HOUR", "DAY"] | None = None
    filter_group_by: str | None = None

    def to_domain(self) -> Question:
        """Return what is asked."""
        return Question(self.from_, self.to, self.subject, self.group_by, self.window, self.filter_group_by)


def present_summary(summary: Summary) -> dict[str, Any]:
    """Shape a summary; exact decimals become JSON numbers here and nowhere before."""
    cost = summary.cost
    body: dict[str, Any] = {
        "object": "cost",
        "id": cost.id,
        "name": cost.name,
        "type": "metered",
        "currency": cost.currency,
    }
    body |= without_none({"eventType": cost.event_type, "unit": cost.unit})
    body["totalCost"] = optional_number(summary.total_cost)
    body["totalQuantity"] = optional_number(summary.total_quantity)
    if summary.groups is not None:
        body["groups"] = [
            {
                "dimensions": dict(group.dimensions),
                "quantity": json_number(group.quantity),
                "cost": json_number(group.cost),
            }
            for group in summary.groups
        ]
    if summary.series is not None:
        body["timeSeries"] = [
            {
                "windowStart": format_instant(point.start),
                "windowEnd": format_instant(point.end),
                "quantity": json_number(point.quantity),
                "cost": json_number(point.cost),
            }
            for point in summary.series
        ]
    return body
