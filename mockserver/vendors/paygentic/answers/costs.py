"""Cost metrics."""

from __future__ import annotations

from typing import Literal

from mockserver.vendors.paygentic.answers.answer import Answer
from mockserver.vendors.paygentic.answers.pages import Pagination
from mockserver.vendors.paygentic.domain.aggregation import Aggregation


class CostResponse(Answer):
    """A cost metric."""

    id: str
    object: Literal["cost"]
    type: Literal["metered"]
    name: str
    currency: str
    unit_cost: str
    unit: str | None
    aggregation: Aggregation | None
    event_type: str | None
    value_property: str | None
    group_by: dict[str, str] | None
    product_id: str
    merchant_id: str
    created_at: str
    updated_at: str
    deleted_at: str | None


class CostListResponse(Answer):
    """Some cost metrics."""

    object: Literal["list"]
    data: list[CostResponse]
    pagination: Pagination
