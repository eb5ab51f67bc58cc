"""What customers were billed, in values that any vendor, the control API and scenarios share (pure)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

InvoiceStatus = Literal["outstanding", "paid", "written_off"]
PaymentStatus = Literal["completed", "pending", "expired"]

_AMOUNT = re.compile(r"\d{1,12}(\.\d{1,12})?", re.ASCII)


def amount_of(value: object) -> Decimal:
    """Read an amount of money: decimal text, or a number that came without passing through a float.

    :raises ValueError: it is neither, below zero, or has more than 12 digits before the point or after it.
    """
    text = f"{Decimal(value):f}" if isinstance(value, int | Decimal) and not isinstance(value, bool) else value
    if not isinstance(text, str) or not _AMOUNT.fullmatch(text):
        raise ValueError("must be an amount from 0, with at most 12 digits before the point and 12 after it")
    return Decimal(text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """Money for an invoice, come, expected or given up.

    :param amount: with tax.
    :param id: empty until it is recorded.
    """

    amount: Decimal
    at: int
    status: PaymentStatus = "completed"
    id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund:
    """Part of an invoice given back.

    :param amount: without tax.
    :param id: empty until it is recorded.
    """

    amount: Decimal
    at: int
    tax: Decimal = Decimal(0)
    id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Invoice:
    """What one customer was billed at one instant; instants are microseconds.

    :param amount: without tax, after rebates.
    :param rebate: what usage took off `amount` already, for information.
    :param written_off_at: when it was given up, if it was.
    :param period_start: start of the time it bills, if it bills any; `period_end` is excluded.
    :param id: empty until it is recorded, unless it is to have one of the caller's own.
    :param seq: its place in the list of a world's invoices, counted from 1; 0 until it is recorded.
    """

    customer_id: str
    currency: str
    amount: Decimal
    issued_at: int
    tax: Decimal = Decimal(0)
    rebate: Decimal = Decimal(0)
    status: InvoiceStatus = "outstanding"
    written_off_at: int | None = None
    period_start: int | None = None
    period_end: int | None = None
    subscription_id: str | None = None
    plan_id: str | None = None
    plan_name: str | None = None
    payments: tuple[Payment, ...] = ()
    refunds: tuple[Refund, ...] = ()
    id: str = ""
    seq: int = 0
