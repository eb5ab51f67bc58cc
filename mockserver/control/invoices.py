"""What crosses the wire about invoices. Amounts come as text or numbers and leave as text, with every digit."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Annotated, Any, Self

from pydantic import AfterValidator, ConfigDict, Field, PlainValidator, WithJsonSchema

from mockserver.control.schemas import Moment
from mockserver.http.endpoint import WireModel
from mockserver.kernel.errors import MalformedBody
from mockserver.kernel.money import plain
from mockserver.kernel.windows import format_instant
from mockserver.vendors.billing import Invoice, InvoiceStatus, Payment, PaymentStatus, Refund, amount_of


def _above_zero(value: Decimal) -> Decimal:
    if not value:
        raise ValueError("must be above 0")
    return value


_AMOUNT_SCHEMA = {
    "type": ["string", "number"],
    "minimum": 0,
    "pattern": r"^\d{1,12}(\.\d{1,12})?$",
    "description": "Exact: at most 12 digits before the point and 12 after it.",
    "examples": ["120.00"],
}
Amount = Annotated[Decimal, PlainValidator(amount_of), WithJsonSchema(_AMOUNT_SCHEMA)]
Positive = Annotated[Amount, AfterValidator(_above_zero), WithJsonSchema(_AMOUNT_SCHEMA)]
Name = Annotated[str, Field(min_length=1, max_length=255)]


class _Request(WireModel):
    model_config = ConfigDict(extra="forbid")

    @classmethod
    def model_validate_json(cls, json_data: str | bytes | bytearray, **options: Any) -> Self:
        """Read a body whose numbers keep all their digits, which pydantic's own parser turns into floats.

        :raises MalformedBody: it is not JSON.
        """
        try:
            data = json.loads(json_data, parse_float=Decimal)
        except (ValueError, RecursionError) as error:
            raise MalformedBody(f"Invalid JSON: {error}") from None
        return cls.model_validate(data, **options)


class PaymentRequest(_Request):
    """Money for an invoice; `at` is now if absent."""

    amount: Positive = Field(description="With tax.")
    at: Moment | None = None
    status: PaymentStatus = "completed"

    def payment(self, now: int) -> Payment:
        """Return the payment."""
        return Payment(amount=self.amount, at=now if self.at is None else self.at, status=self.status)


class RefundRequest(_Request):
    """Part of an invoice to give back; `at` is now if absent."""

    amount: Positive = Field(description="Without tax.")
    tax: Amount = Decimal(0)
    at: Moment | None = None

    def refund(self, now: int) -> Refund:
        """Return the refund."""
        return Refund(amount=self.amount, at=now if self.at is None else self.at, tax=self.tax)


class InvoiceRequest(_Request):
    """An invoice, with the payments and refunds it has already; `issued_at` is now if absent."""

    id: Name | None = None
    customer_id: Name
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")]
    amount: Amount = Field(description="Without tax, after rebates.")
    tax: Amount = Decimal(0)
    rebate: Amount = Field(Decimal(0), description="What usage took off `amount` already.")
    status: InvoiceStatus = "outstanding"
    issued_at: Moment | None = None
    written_off_at: Moment | None = None
    period_start: Moment | None = None
    period_end: Moment | None = None
    subscription_id: Name | None = None
    plan_id: Name | None = None
    plan_name: Name | None = None
    payments: list[PaymentRequest] = Field(default_factory=list)
    refunds: list[RefundRequest] = Field(default_factory=list)

    def invoice(self, now: int) -> Invoice:
        """Return the invoice."""
        return Invoice(
            id=self.id or "", customer_id=self.customer_id, currency=self.currency, amount=self.amount, tax=self.tax,
            rebate=self.rebate, status=self.status, issued_at=now if self.issued_at is None else self.issued_at,
            written_off_at=self.written_off_at, period_start=self.period_start, period_end=self.period_end,
            subscription_id=self.subscription_id, plan_id=self.plan_id, plan_name=self.plan_name,
            payments=tuple([payment.payment(now) for payment in self.payments]),
            refunds=tuple([refund.refund(now) for refund in self.refunds]),
        )  # fmt: skip


class InvoiceStatusRequest(_Request):
    """What became of an invoice; `at` is when it was written off, now if absent."""

    status: InvoiceStatus
    at: Moment | None = None


class PaymentResponse(WireModel):
    """Money for an invoice."""

    id: str
    amount: str
    status: PaymentStatus
    at: str


class RefundResponse(WireModel):
    """Part of an invoice given back; `total` is with tax."""

    id: str
    amount: str
    tax: str
    total: str
    at: str


class InvoiceResponse(WireModel):
    """An invoice; `total` is with tax."""

    seq: int
    id: str
    customer_id: str
    currency: str
    amount: str
    tax: str
    total: str
    rebate: str
    status: InvoiceStatus
    issued_at: str
    written_off_at: str | None
    period_start: str | None
    period_end: str | None
    subscription_id: str | None
    plan_id: str | None
    plan_name: str | None
    payments: list[PaymentResponse]
    refunds: list[RefundResponse]


class InvoicesPage(WireModel):
    """Invoices, in the order they were recorded."""

    data: list[InvoiceResponse]
    next: int | None = Field(description="`after` of the next page, or null at the end.")


def present_invoice(invoice: Invoice) -> dict[str, Any]:
    """Shape an invoice."""
    return {
        "seq": invoice.seq,
        "id": invoice.id,
        "customer_id": invoice.customer_id,
        "currency": invoice.currency,
        "amount": plain(invoice.amount),
        "tax": plain(invoice.tax),
        "total": plain(invoice.amount + invoice.tax),
        "rebate": plain(invoice.rebate),
        "status": invoice.status,
        "issued_at": format_instant(invoice.issued_at),
        "written_off_at": _instant(invoice.written_off_at),
        "period_start": _instant(invoice.period_start),
        "period_end": _instant(invoice.period_end),
        "subscription_id": invoice.subscription_id,
        "plan_id": invoice.plan_id,
        "plan_name": invoice.plan_name,
        "payments": [
            {"id": each.id, "amount": plain(each.amount), "status": each.status, "at": format_instant(each.at)}
            for each in invoice.payments
        ],
        "refunds": [
            {
                "id": each.id, "amount": plain(each.amount), "tax": plain(each.tax),
                "total": plain(each.amount + each.tax), "at": format_instant(each.at),
            }
            for each in invoice.refunds
        ],
    }  # fmt: skip


def _instant(at: int | None) -> str | None:
    return None if at is None else format_instant(at)
