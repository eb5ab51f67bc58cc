"""Invoices of the starting data; the vendor's own API does not take them."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, ConfigDict, Field, PlainValidator, ValidationError
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from mockserver.http.endpoint import problems_of
from mockserver.kernel.errors import InvalidRequest
from mockserver.vendors.billing import Invoice, InvoiceStatus, Payment, PaymentStatus, Refund, amount_of
from mockserver.vendors.paygentic.schemas.values import Currency, DateTime, Text, Wire


def _above_zero(value: Decimal) -> Decimal:
    if not value:
        raise PydanticCustomError("out_of_range", "must be above 0")
    return value


Amount = Annotated[Decimal, PlainValidator(amount_of)]
Positive = Annotated[Amount, AfterValidator(_above_zero)]


class _Row(Wire):
    model_config = ConfigDict(extra="forbid")


class PaymentRow(_Row):
    """A payment."""

    amount: Positive
    at: DateTime
    status: PaymentStatus = "completed"


class RefundRow(_Row):
    """A refund."""

    amount: Positive
    at: DateTime
    tax: Amount = Decimal(0)


class InvoiceRow(_Row):
    """An invoice with its payments and refunds."""

    id: Text | None = None
    customer_id: Text
    currency: Currency
    amount: Amount
    tax: Amount = Decimal(0)
    rebate: Amount = Decimal(0)
    status: InvoiceStatus = "outstanding"
    issued_at: DateTime
    written_off_at: DateTime | None = None
    period_start: DateTime | None = None
    period_end: DateTime | None = None
    subscription_id: Text | None = None
    plan_id: Text | None = None
    plan_name: Text | None = None
    payments: list[PaymentRow] = Field(default_factory=list)
    refunds: list[RefundRow] = Field(default_factory=list)


def read_invoice(row: Any) -> Invoice:
    """Return the invoice that a row of a file describes.

    :raises InvalidRequest: something about it cannot be; every faulty field is listed.
    """
    try:
        read = InvoiceRow.model_validate(row)
    except ValidationError as error:
        raise InvalidRequest(*problems_of(error, "row", InvoiceRow)) from None
    plain = {name: getattr(read, name) for name in InvoiceRow.model_fields if name not in ("payments", "refunds")}
    return Invoice(
        **{**plain, "id": read.id or ""},
        payments=tuple([Payment(amount=each.amount, at=each.at, status=each.status) for each in read.payments]),
        refunds=tuple([Refund(amount=each.amount, at=each.at, tax=each.tax) for each in read.refunds]),
    )


def faults_line(error: InvalidRequest) -> str:
    """Return every fault of an invoice on one line, its fields called what they are called in the file."""
    faults = []
    for problem in error.problems:
        field = ".".join([to_camel(str(part)) for part in problem.where[1:]]) or str(problem.where[0])
        faults.append(f"{field}: {problem.message}")
    return "; ".join(faults)
