"""Revenue."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from pydantic import Field

from mockserver.kernel.windows import format_instant
from mockserver.vendors.paygentic.domain.revenue import (
    Basis,
    Billed,
    Bucket,
    Count,
    Group,
    GroupBy,
    Summary,
    Width,
    cents,
)
from mockserver.vendors.paygentic.operations.revenue import Revenue, RevenueQuestion
from mockserver.vendors.paygentic.schemas.values import Currency, DateTime, OrganizationId, Wire


class RevenueQuery(Wire):
    """Query of `GET /v0/revenue`."""

    start_time: DateTime
    end_time: DateTime
    bucket_width: Width = "day"
    merchant_id: OrganizationId | None = None
    customer_id: str | None = None
    subscription_ids: list[str] = Field(default_factory=list)
    currency: Currency | None = None
    group_by: GroupBy | None = None
    period_basis: Basis = "issued"

    def to_domain(self) -> RevenueQuestion:
        """Return what is asked."""
        return RevenueQuestion(
            self.start_time, self.end_time, self.bucket_width, self.period_basis, self.merchant_id, self.customer_id,
            tuple(self.subscription_ids), self.currency, self.group_by,
        )  # fmt: skip


def money(value: Decimal) -> str:
    """Write an amount with two decimals."""
    return f"{cents(value):f}"


def present_range(extent: tuple[int, int] | None) -> dict[str, str] | None:
    """Shape the first and the last instant of something, both included; nothing is null."""
    return None if extent is None else {"from": format_instant(extent[0]), "to": format_instant(extent[1])}


def present_revenue(revenue: Revenue) -> dict[str, Any]:
    """Shape revenue; with currencies told apart there is a list of them and no figures beside it."""
    body: dict[str, Any] = {"object": "revenue_summary"}
    if revenue.is_by_currency:
        body["currencyBreakdown"] = [_figures(summary) for summary in revenue.summaries]
    else:
        (summary,) = revenue.summaries
        body |= _figures(summary)
        for name, count in (("Refund", summary.refunds), ("Rebate", summary.rebates)):
            body |= {f"total{name}s": money(count.amount), f"{name.lower()}Count": count.count}
        if summary.groups is not None:
            body["groupBreakdown"] = [_group(group) for group in summary.groups]
    if revenue.is_empty:
        body["revenueRange"] = present_range(revenue.extent)
    return body


def _figures(summary: Summary) -> dict[str, Any]:
    payments = {status: summary.payments[status] for status in ("completed", "pending", "expired")}
    return {
        "currency": summary.currency,
        "netRevenue": money(summary.billed.revenue),
        "invoices": {"issued": _count(summary.issued), **_statuses(summary.invoices)},
        "payments": {
            **{f"{status}Count": count.count for status, count in payments.items()},
            **{f"{status}Amount": money(count.amount) for status, count in payments.items()},
        },
        "trend": [_bucket(start, bucket, summary.groups) for start, bucket in summary.trend.items()],
    }


def _count(count: Count) -> dict[str, Any]:
    return {"count": count.count, "amount": money(count.amount)}


def _statuses(counts: dict[str, Count]) -> dict[str, Any]:
    return {
        "outstanding": _count(counts["outstanding"]),
        "paid": _count(counts["paid"]),
        "writtenOff": _count(counts["written_off"]),
    }


def _group(group: Group) -> dict[str, Any]:
    return {"groupKey": group.key, "groupLabel": group.label, **_statuses(group.statuses)}


def _bucket(start: int, bucket: Bucket, groups: list[Group] | None) -> dict[str, Any]:
    body: dict[str, Any] = {
        "timestamp": format_instant(start),
        **_billed(bucket.billed),
        "writtenOffInvoices": money(bucket.written_off),
        "completedPayments": money(bucket.completed),
        "rebates": money(bucket.rebates),
    }
    if groups is not None:
        body["groupBreakdown"] = [
            {"groupKey": group.key, "groupLabel": group.label, **_billed(bucket.groups[group.key])}
            for group in groups
            if group.key in bucket.groups
        ]
    return body


def _billed(billed: Billed) -> dict[str, str]:
    return {"revenue": money(billed.revenue), "issuedInvoices": money(billed.invoices)}
