"""A world's invoices: what revenue is read from, put there from outside."""

from __future__ import annotations

from typing import Any

from mockserver.control.control import Control
from mockserver.control.invoices import (
    InvoiceRequest,
    InvoiceStatusRequest,
    PaymentRequest,
    RefundRequest,
    present_invoice,
)
from mockserver.control.operations.pages import page
from mockserver.control.schemas import PageQuery
from mockserver.kernel.errors import NotFound
from mockserver.vendors.vendor import Billing


def list_invoices(control: Control, name: str, query: PageQuery) -> dict[str, Any]:
    """Return a world's invoices, in the order they were recorded."""
    with control.reading(name) as world:
        found = _billing(control).page(world, query.after, query.limit + 1)
        return page(found, query.limit, cursor=lambda invoice: invoice.seq, shape=present_invoice)


def record_invoice(control: Control, name: str, body: InvoiceRequest) -> dict[str, Any]:
    """Add an invoice."""
    with control.changing(name) as world:
        (recorded,) = _billing(control).record(world, [body.invoice(world.clock.now())])
        return present_invoice(recorded)


def show_invoice(control: Control, name: str, identifier: str) -> dict[str, Any]:
    """Return one invoice."""
    with control.reading(name) as world:
        return present_invoice(_billing(control).find(world, identifier))


def change_status(control: Control, name: str, identifier: str, body: InvoiceStatusRequest) -> dict[str, Any]:
    """Say what became of an invoice."""
    with control.changing(name) as world:
        at = world.clock.now() if body.at is None else body.at
        return present_invoice(_billing(control).change_status(world, identifier, body.status, at))


def remove_invoice(control: Control, name: str, identifier: str) -> None:
    """Take an invoice back as if it had never been."""
    with control.changing(name) as world:
        _billing(control).remove(world, identifier)


def pay_invoice(control: Control, name: str, identifier: str, body: PaymentRequest) -> dict[str, Any]:
    """Add a payment."""
    with control.changing(name) as world:
        return present_invoice(_billing(control).pay(world, identifier, body.payment(world.clock.now())))


def refund_invoice(control: Control, name: str, identifier: str, body: RefundRequest) -> dict[str, Any]:
    """Give part of an invoice back."""
    with control.changing(name) as world:
        return present_invoice(_billing(control).refund(world, identifier, body.refund(world.clock.now())))


def _billing(control: Control) -> Billing:
    for vendor in control.vendors:
        if vendor.billing is not None:
            return vendor.billing
    raise NotFound("billing", "invoices")
