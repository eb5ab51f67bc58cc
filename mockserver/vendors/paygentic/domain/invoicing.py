"""The rules of invoices: what may stand on one, and what payments and refunds make of it (pure)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from functools import reduce

from mockserver.kernel.errors import Problem
from mockserver.kernel.money import plain
from mockserver.vendors.billing import Invoice, Payment, Refund
from mockserver.vendors.paygentic.domain.json_text import EXACT


def total_of(amounts: Iterable[Decimal]) -> Decimal:
    """Return the exact sum of amounts."""
    return reduce(EXACT.add, amounts, Decimal(0))


def grand_total(part: Invoice | Refund) -> Decimal:
    """Return an invoice's or a refund's amount with tax."""
    return EXACT.add(part.amount, part.tax)


def faults_of_terms(invoice: Invoice) -> list[Problem]:
    """Return what is wrong with an invoice, payments and refunds aside."""
    faults = []
    if (invoice.period_start is None) != (invoice.period_end is None):
        missing = "period_end" if invoice.period_end is None else "period_start"
        faults.append(_fault(missing, "needed, because the other end of the period is given", "required"))
    elif invoice.period_start is not None and (invoice.period_end or 0) <= invoice.period_start:
        faults.append(_fault("period_end", "must be after period_start", "out_of_range"))
    if invoice.plan_name is not None and invoice.plan_id is None:
        faults.append(_fault("plan_id", "needed with plan_name", "required"))
    if invoice.written_off_at is not None:
        if invoice.status != "written_off":
            faults.append(_fault("written_off_at", "is for invoices that are written off", "out_of_range"))
        elif invoice.written_off_at < invoice.issued_at:
            faults.append(_fault("written_off_at", _TOO_EARLY, "out_of_range"))
    return faults


def faults_of_payment(invoice: Invoice, payment: Payment) -> list[Problem]:
    """Return what forbids one more payment: together they must not exceed the invoice; expired ones do not count."""
    faults = [] if payment.at >= invoice.issued_at else [_fault("at", _TOO_EARLY, "out_of_range")]
    if payment.status != "expired":
        paid = total_of((payment.amount, *(each.amount for each in invoice.payments if each.status != "expired")))
        faults += _excess("amount", paid, grand_total(invoice), "payments")
    return faults


def faults_of_refund(invoice: Invoice, refund: Refund) -> list[Problem]:
    """Return what forbids one more refund: amount and tax together must each not exceed the invoice's."""
    faults = [] if refund.at >= invoice.issued_at else [_fault("at", _TOO_EARLY, "out_of_range")]
    amount = total_of((refund.amount, *(each.amount for each in invoice.refunds)))
    tax = total_of((refund.tax, *(each.tax for each in invoice.refunds)))
    return [
        *faults,
        *_excess("amount", amount, invoice.amount, "refunds"),
        *_excess("tax", tax, invoice.tax, "refunded tax"),
    ]


def with_payment(invoice: Invoice, payment: Payment) -> Invoice:
    """Return an invoice with one more payment; it is paid once what has come covers an outstanding one."""
    payments = (*invoice.payments, payment)
    come = total_of(each.amount for each in payments if each.status == "completed")
    is_settled = payment.status == "completed" and come >= grand_total(invoice)
    status = "paid" if is_settled and invoice.status == "outstanding" else invoice.status
    return replace(invoice, payments=payments, status=status)


def with_refund(invoice: Invoice, refund: Refund) -> Invoice:
    """Return an invoice with one more refund; its status stays."""
    return replace(invoice, refunds=(*invoice.refunds, refund))


_TOO_EARLY = "must not be before the invoice was issued"


def _excess(field: str, total: Decimal, limit: Decimal, what: str) -> list[Problem]:
    if total <= limit:
        return []
    return [
        _fault(field, f"{what} would come to {plain(total)}, more than the invoice's {plain(limit)}", "out_of_range")
    ]


def _fault(field: str, message: str, code: str) -> Problem:
    return Problem(("body", field), message, code)
