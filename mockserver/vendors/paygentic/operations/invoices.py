"""Invoices: recorded from outside, for want of plans and subscriptions to make them; revenue is read from them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

from mockserver.kernel.errors import Conflict, InvalidRequest, NotFound, Problem
from mockserver.kernel.invariants import Invariant
from mockserver.kernel.money import plain
from mockserver.kernel.windows import LATEST
from mockserver.kernel.world import World
from mockserver.vendors.billing import Invoice, InvoiceStatus, Payment, Refund
from mockserver.vendors.paygentic import tables
from mockserver.vendors.paygentic.domain.invoicing import (
    faults_of_payment,
    faults_of_refund,
    faults_of_terms,
    grand_total,
    total_of,
    with_payment,
    with_refund,
)
from mockserver.vendors.paygentic.domain.json_text import EXACT
from mockserver.vendors.paygentic.domain.revenue import Scope, net


class InvoiceBook:
    """The merchant's invoices, as the control API and scenarios reach them."""

    def page(self, world: World, after: int, limit: int) -> list[Invoice]:
        """Return invoices with a `seq` above `after`, in the order they were recorded."""
        return tables.invoices.invoices(world.store, world.id, after, limit)

    def find(self, world: World, identifier: str) -> Invoice:
        """Return an invoice with its payments and refunds.

        :raises NotFound: there is none.
        """
        found = tables.invoices.invoice(world.store, world.id, identifier)
        if found is None:
            raise NotFound("invoice", identifier)
        return found

    def record(self, world: World, invoices: Iterable[Invoice]) -> list[Invoice]:
        """Add invoices with the payments and refunds they come with, and return them as recorded.

        :raises InvalidRequest: something about one of them cannot be; every fault of that one is listed.
        :raises Conflict: its id is taken.
        """
        return [_recorded(world, invoice) for invoice in invoices]

    def change_status(self, world: World, identifier: str, status: InvoiceStatus, at: int) -> Invoice:
        """Say what became of an invoice.

        :param at: when it was written off, if that is what became of it.
        :raises NotFound: there is none.
        :raises InvalidRequest: it would have been written off before it was issued.
        """
        written_off_at = at if status == "written_off" else None
        changed = replace(self.find(world, identifier), status=status, written_off_at=written_off_at)
        _refuse([replace(fault, where=("body", "at")) for fault in faults_of_terms(changed)])
        tables.invoices.save_invoice(world.store, world.id, changed)
        return changed

    def pay(self, world: World, identifier: str, payment: Payment) -> Invoice:
        """Add a payment; an outstanding invoice is paid once what has come covers it.

        :raises NotFound: there is no such invoice.
        :raises InvalidRequest: it would be more than the invoice, or is before it.
        """
        invoice = self.find(world, identifier)
        _refuse(faults_of_payment(invoice, payment))
        payment = replace(payment, id=world.new_id("pay"))
        tables.invoices.insert_payment(world.store, world.id, identifier, len(invoice.payments), payment)
        paid = with_payment(invoice, payment)
        tables.invoices.save_invoice(world.store, world.id, paid)
        return paid

    def refund(self, world: World, identifier: str, refund: Refund) -> Invoice:
        """Give part of an invoice back.

        :raises NotFound: there is no such invoice.
        :raises InvalidRequest: it would be more than the invoice, or is before it.
        """
        invoice = self.find(world, identifier)
        _refuse(faults_of_refund(invoice, refund))
        # To the vendor a refund is a credit note. Source: paygentic/sdk-0.6.3 "InvoiceRefund" (sdk).
        refund = replace(refund, id=world.new_id("crn"))
        tables.invoices.insert_refund(world.store, world.id, identifier, len(invoice.refunds), refund)
        return with_refund(invoice, refund)

    def remove(self, world: World, identifier: str) -> None:
        """Take an invoice back as if it had never been, with its payments and refunds.

        :raises NotFound: there is none.
        """
        self.find(world, identifier)
        tables.invoices.delete_invoice(world.store, world.id, identifier)


def _recorded(world: World, wanted: Invoice) -> Invoice:
    store = world.store
    if wanted.status == "written_off" and wanted.written_off_at is None:
        wanted = replace(wanted, written_off_at=wanted.issued_at)
    settled, faults = _settled(wanted)
    _refuse([*_unknown_names(world, wanted), *faults_of_terms(wanted), *faults])
    if wanted.id and tables.invoices.invoice(store, world.id, wanted.id) is not None:
        raise Conflict(f"invoice '{wanted.id}' already exists")
    invoice = replace(
        settled,
        id=wanted.id or world.new_id("inv"),
        seq=world.count("paygentic.invoices"),
        payments=tuple([replace(payment, id=world.new_id("pay")) for payment in settled.payments]),
        refunds=tuple([replace(refund, id=world.new_id("crn")) for refund in settled.refunds]),
    )
    tables.invoices.save_invoice(store, world.id, invoice)
    for number, payment in enumerate(invoice.payments):
        tables.invoices.insert_payment(store, world.id, invoice.id, number, payment)
    for number, refund in enumerate(invoice.refunds):
        tables.invoices.insert_refund(store, world.id, invoice.id, number, refund)
    return invoice


def _settled(wanted: Invoice) -> tuple[Invoice, list[Problem]]:
    """Return an invoice with its payments and refunds taken in one by one, and what is wrong with them."""
    invoice = replace(wanted, payments=(), refunds=())
    faults: list[Problem] = []
    for number, payment in enumerate(wanted.payments):
        faults += [_within(fault, "payments", number) for fault in faults_of_payment(invoice, payment)]
        invoice = with_payment(invoice, payment)
    for number, refund in enumerate(wanted.refunds):
        faults += [_within(fault, "refunds", number) for fault in faults_of_refund(invoice, refund)]
        invoice = with_refund(invoice, refund)
    return invoice, faults


def _within(fault: Problem, name: str, number: int) -> Problem:
    return replace(fault, where=("body", name, number, *fault.where[1:]))


def _unknown_names(world: World, invoice: Invoice) -> Iterable[Problem]:
    if tables.customers.customer(world.store, world.id, invoice.customer_id) is None:
        yield Problem(("body", "customer_id"), f"there is no customer {invoice.customer_id}", "out_of_range")
    enabled = tables.organizations.organization(world.store, world.id).currencies
    if invoice.currency not in enabled:
        yield Problem(("body", "currency"), f"must be one of {', '.join(enabled)}", "invalid_enum")


def _refuse(faults: list[Problem]) -> None:
    if faults:
        raise InvalidRequest(*faults)


# What must hold


def check(world: World) -> list[Invariant]:
    """Return every claim about a world's invoices, with the rows that break it."""
    invoices = tables.invoices.invoices(world.store, world.id, 0, -1)
    strangers = tables.invoices.strangers(world.store, world.id)
    return [
        Invariant("payments and refunds of an invoice never exceed it", tuple(_exceeded(invoices))),
        Invariant(
            "every invoice's customer exists",
            tuple({"invoice": invoice, "customer": customer} for invoice, customer in strangers),
        ),
        Invariant("revenue = invoices - refunds", tuple(_wrong_revenue(world, invoices))),
    ]


def _exceeded(invoices: Iterable[Invoice]) -> Iterator[dict[str, Any]]:
    for invoice in invoices:
        paid = total_of(each.amount for each in invoice.payments if each.status != "expired")
        refunded = total_of(each.amount for each in invoice.refunds)
        tax = total_of(each.tax for each in invoice.refunds)
        if paid > grand_total(invoice) or refunded > invoice.amount or tax > invoice.tax:
            yield {"invoice": invoice.id, "paid": plain(paid), "refunded": plain(refunded), "refunded_tax": plain(tax)}


def _wrong_revenue(world: World, invoices: Iterable[Invoice]) -> Iterator[dict[str, Any]]:
    """Compare revenue of all time, as it is answered, with a sum over the invoices one by one."""
    expected: defaultdict[str, Decimal] = defaultdict(Decimal)
    for invoice in invoices:
        left = EXACT.subtract(invoice.amount, total_of(refund.amount for refund in invoice.refunds))
        expected[invoice.currency] = EXACT.add(expected[invoice.currency], left)
    lines = tables.invoices.lines(world.store, world.id, Scope(-LATEST, LATEST))
    for currency, amount in expected.items():
        answered = net(line for line in lines if line.currency == currency)
        if answered != amount:
            yield {"currency": currency, "expected": plain(amount), "answered": plain(answered)}
