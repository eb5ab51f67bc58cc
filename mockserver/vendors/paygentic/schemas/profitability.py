"""Profitability."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from mockserver.kernel.money import json_number
from mockserver.vendors.paygentic.domain.profitability import Row, Trend
from mockserver.vendors.paygentic.domain.revenue import Width
from mockserver.vendors.paygentic.operations.profitability import Profitability, ProfitabilityQuestion
from mockserver.vendors.paygentic.schemas.revenue import money, present_range
from mockserver.vendors.paygentic.schemas.values import Currency, DateTime, Flag, OrganizationId, Whole, Wire


class ProfitabilityQuery(Wire):
    """Query of `GET /v0/profitability`."""

    merchant_id: OrganizationId
    from_: DateTime = Field(alias="from")
    to: DateTime
    top_n: Whole = Field(default=10, ge=1, le=100)
    currency: Currency | None = None
    bucket_width: Width | None = None
    exclude_empty: Flag = False
    include_empty: Flag = False

    def to_domain(self) -> ProfitabilityQuestion:
        """Return what is asked."""
        return ProfitabilityQuestion(
            self.merchant_id, self.from_, self.to, self.top_n, self.currency, self.bucket_width,
            self.exclude_empty, self.include_empty,
        )  # fmt: skip


def present_profitability(found: Profitability) -> dict[str, Any]:
    """Shape profitability. Every row has a trend, because some of the vendor's clients cannot do without."""
    standing = found.standing
    body: dict[str, Any] = {
        "object": "profitability_summary",
        "currency": found.currency,
        "rows": [_row(row, found.trends.get(row.customer_id)) for row in standing.rows],
        "warnings": list(found.warnings),
        "customerCount": standing.customers,
        "emptyCustomerCount": standing.empty_customers,
        "unloadedCustomerCount": standing.unloaded_customers,
    }
    if standing.empties is not None:
        body["emptyCustomers"] = [_row(row, None) for row in standing.empties]
    if not found.has_revenue:
        body["revenueRange"] = present_range(found.revenue_extent)
    if not found.has_cost:
        body["costRange"] = present_range(found.cost_extent)
    return body


def _row(row: Row, trend: Trend | None) -> dict[str, Any]:
    return {
        "customerId": row.customer_id,
        "customerName": row.name,
        "netRevenue": money(row.revenue),
        "totalCost": money(row.cost),
        "profit": money(row.profit),
        "marginPct": None if row.margin is None else money(row.margin),
        "trend": None if trend is None else _trend(trend),
        "costData": row.cost_data,
    }


def _trend(trend: Trend) -> dict[str, Any]:
    change = None if trend.change is None else json_number(trend.change)
    return {"values": [money(value) for value in trend.values], "periodChange": change}
