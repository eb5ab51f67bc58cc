"""Profitability."""

from __future__ import annotations

from typing import Literal

from mockserver.vendors.paygentic.answers.answer import Answer, missing_or_null
from mockserver.vendors.paygentic.answers.revenue import TimeRange


class ProfitabilityTrend(Answer):
    """Revenue by bucket of time."""

    values: list[str]
    period_change: float | None


class ProfitabilityRow(Answer):
    """One customer, or several in one row."""

    customer_id: str
    customer_name: str
    net_revenue: str
    total_cost: str
    profit: str
    margin_pct: str | None
    trend: ProfitabilityTrend | None
    cost_data: Literal["recorded", "partial", "none"]


class ProfitabilityResponse(Answer):
    """What customers brought and cost in a window."""

    object: Literal["profitability_summary"]
    currency: str
    rows: list[ProfitabilityRow]
    warnings: list[str]
    customer_count: int
    empty_customer_count: int | None
    unloaded_customer_count: int | None
    empty_customers: list[ProfitabilityRow] | None = None
    revenue_range: TimeRange | None = missing_or_null()
    cost_range: TimeRange | None = missing_or_null()
