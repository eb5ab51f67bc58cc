"""Revenue."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from mockserver.vendors.paygentic.answers.answer import Answer, missing_or_null


class TimeRange(Answer):
    """Two instants, both included."""

    from_: str = Field(alias="from")
    to: str


class InvoiceCategorySummary(Answer):
    """How many invoices, and how much with tax."""

    count: int
    amount: str


class InvoiceStatuses(Answer):
    """Invoices by what became of them."""

    outstanding: InvoiceCategorySummary
    paid: InvoiceCategorySummary
    written_off: InvoiceCategorySummary


class InvoiceSummary(InvoiceStatuses):
    """Invoices of a window."""

    issued: InvoiceCategorySummary


class PaymentSummary(Answer):
    """Payments of a window."""

    completed_count: int
    completed_amount: str
    pending_count: int
    pending_amount: str
    expired_count: int
    expired_amount: str


class GroupTrendEntry(Answer):
    """One group in one bucket, without tax."""

    group_key: str
    group_label: str
    revenue: str
    issued_invoices: str


class RevenueTrendBucket(Answer):
    """One bucket of time."""

    timestamp: str
    revenue: str
    issued_invoices: str
    written_off_invoices: str
    completed_payments: str
    rebates: str
    group_breakdown: list[GroupTrendEntry] | None = None


class GroupInvoiceSummary(InvoiceStatuses):
    """Invoices of one plan or customer."""

    group_key: str
    group_label: str


class CurrencyBreakdownEntry(Answer):
    """Revenue of one currency."""

    currency: str
    net_revenue: str
    invoices: InvoiceSummary
    payments: PaymentSummary
    trend: list[RevenueTrendBucket]


class RevenueResponse(Answer):
    """Revenue of a window; the figures, or a list by currency."""

    object: Literal["revenue_summary"]
    currency: str | None = None
    net_revenue: str | None = None
    total_refunds: str | None = None
    refund_count: int | None = None
    total_rebates: str | None = None
    rebate_count: int | None = None
    invoices: InvoiceSummary | None = None
    payments: PaymentSummary | None = None
    trend: list[RevenueTrendBucket] | None = None
    group_breakdown: list[GroupInvoiceSummary] | None = None
    currency_breakdown: list[CurrencyBreakdownEntry] | None = None
    revenue_range: TimeRange | None = missing_or_null()
