"""Profitability."""

from __future__ import annotations

from typing import Literal

from mockserver.vendors.paygentic.answers.revenue import TimeRange
from mockserver.vendors.paygentic.schemas.values import Wire


class ProfitabilityTrend(Wire):
    """Revenue by bucket of time."""

    values: list[str]
    period_change: float | None


class ProfitabilityRow(Wire):
    """One customer, or several in one row."""

    customer_id: str
    customer_name: str
    net_revenue: str
    total_cost: str
    profit: str
    margin_pct: str | None
    trend: ProfitabilityTrend | None
    cost_data: Literal["recorded", "partial", "none"]


class ProfitabilityResponse(Wire):
    """What customers brought and cost in a window."""

    object: Literal["profitability_summary"]
    currency: str
    rows: list[ProfitabilityRow]
    warnings: list[str]
    customer_count: int
    empty_customer_count: int | None
    unloaded_customer_count: int | None
    empty_customers: list[ProfitabilityRow] | None = None
    revenue_range: TimeRange | None = None
    cost_range: TimeRange | None = None
