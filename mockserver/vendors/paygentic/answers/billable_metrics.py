"""Billable metrics."""

from __future__ import annotations

from typing import Literal

from mockserver.vendors.paygentic.answers.answer import Answer
from mockserver.vendors.paygentic.answers.pages import Pagination
from mockserver.vendors.paygentic.domain.aggregation import Aggregation


class BillableMetricResponse(Answer):
    """A billable metric."""

    id: str
    object: Literal["billableMetric"]
    name: str
    description: str
    unit: str
    merchant_id: str
    product_id: str
    item_id: str | None
    aggregation: Aggregation
    event_type: str | None
    value_property: str | None
    group_by: dict[str, str] | None
    event_from: str | None
    created_at: str
    updated_at: str


class BillableMetricListResponse(Answer):
    """Some billable metrics."""

    object: Literal["list"]
    data: list[BillableMetricResponse]
    pagination: Pagination
