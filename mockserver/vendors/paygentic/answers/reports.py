"""The cost report."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from mockserver.vendors.paygentic.answers.answer import Answer, missing_or_null
from mockserver.vendors.paygentic.answers.pages import Pagination


class CostReportSpan(Answer):
    """Two instants: the window asked about, or the first and the last event there is."""

    from_: str = Field(alias="from")
    to: str


class CostReportPrior(Answer):
    """What a group cost in the window before."""

    cost: float
    change_percent: float | None


class CostReportGroup(Answer):
    """One group, or everything below the top."""

    key: str
    label: str
    total_cost: float
    total_quantity: float
    percent_of_total: float
    is_other: bool
    unit: str | None
    prior_period: CostReportPrior | None = None


class CostReportBucket(Answer):
    """What each group cost in one bucket of time."""

    window_start: str
    window_end: str
    groups: dict[str, float]


class CostReportResponse(Answer):
    """What costs came to, in groups."""

    object: Literal["cost_report"]
    currency: str
    period: CostReportSpan
    group_by: str
    total_cost: float
    total_quantity: float
    groups: list[CostReportGroup]
    time_series: list[CostReportBucket]
    available_dimensions: list[str]
    warnings: list[str]
    group_count: int
    empty_group_count: int | None
    cost_range: CostReportSpan | None = missing_or_null()
    pagination: Pagination
