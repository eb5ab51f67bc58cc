"""The rules of invoices, payments and refunds."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.vendors.billing import Invoice, InvoiceStatus, Payment, Refund, amount_of
from mockserver.vendors.paygentic.domain.invoicing import (
    faults_of_payment,
    faults_of_refund,
    faults_of_terms,
    total_of,
    with_payment,
    with_refund,
)

INVOICE = Invoice(customer_id="c", currency="USD", amount=Decimal(100), tax=Decimal(20), issued_at=10)


def payment(amount: str, at: int = 10, status: Any = "completed") -> Payment:
    return Payment(amount=Decimal(amount), at=at, status=status)


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({}, []),
        ({"period_start": 1, "period_end": 2}, []),
        ({"period_start": 1}, ["period_end"]),
        ({"period_end": 1}, ["period_start"]),
        ({"period_start": 0, "period_end": 0}, ["period_end"]),
        ({"period_start": 2, "period_end": 1}, ["period_end"]),
        ({"period_start": -5, "period_end": 0}, []),
        ({"plan_id": "p"}, []),
        ({"plan_name": "P"}, ["plan_id"]),
        ({"plan_id": "p", "plan_name": "P"}, []),
        ({"status": "written_off", "written_off_at": 10}, []),
        ({"status": "written_off", "written_off_at": 9}, ["written_off_at"]),
        ({"written_off_at": 10}, ["written_off_at"]),
        ({"plan_name": "P", "period_end": 1, "written_off_at": 1}, ["period_start", "plan_id", "written_off_at"]),
    ],
)
def test_terms_that_contradict_each_other_are_all_named(changes: dict[str, Any], fields: list[str]) -> None:
    assert [fault.field for fault in faults_of_terms(replace(INVOICE, **changes))] == fields


@pytest.mark.parametrize(
    ("before", "new", "fields"),
    [
        ([], payment("120"), []),
        ([], payment("120.000000000001"), ["amount"]),
        ([payment("119.99")], payment("0.01"), []),
        ([payment("119.99")], payment("0.02"), ["amount"]),
        ([payment("60", status="pending")], payment("61"), ["amount"]),
        ([payment("120", status="expired")], payment("120"), []),
        ([payment("120")], payment("500", status="expired"), []),
        ([payment("120")], payment("1", at=9), ["at", "amount"]),
    ],
)
def test_payments_that_count_do_not_exceed_the_invoice_with_tax(
    before: list[Payment], new: Payment, fields: list[str]
) -> None:
    assert [fault.field for fault in faults_of_payment(replace(INVOICE, payments=tuple(before)), new)] == fields


@pytest.mark.parametrize(
    ("before", "new", "fields"),
    [
        ([], ("100", "20", 10), []),
        ([], ("100.01", "0", 10), ["amount"]),
        ([], ("1", "20.01", 10), ["tax"]),
        ([("60", "12", 10)], ("40", "8", 10), []),
        ([("60", "12", 10)], ("40.1", "8.1", 9), ["at", "amount", "tax"]),
    ],
)
def test_neither_refunds_nor_their_tax_exceed_the_invoice(
    before: list[tuple[str, str, int]], new: tuple[str, str, int], fields: list[str]
) -> None:
    refunds = [Refund(amount=Decimal(amount), tax=Decimal(tax), at=at) for amount, tax, at in [*before, new]]
    invoice = replace(INVOICE, refunds=tuple(refunds[:-1]))

    assert [fault.field for fault in faults_of_refund(invoice, refunds[-1])] == fields


@pytest.mark.parametrize(
    ("status", "payments", "expected"),
    [
        ("outstanding", [payment("119.99")], "outstanding"),
        ("outstanding", [payment("119.99"), payment("0.01")], "paid"),
        ("outstanding", [payment("120", status="pending")], "outstanding"),
        ("outstanding", [payment("120", status="expired")], "outstanding"),
        ("written_off", [payment("120")], "written_off"),
        ("paid", [payment("1")], "paid"),
    ],
)
def test_an_outstanding_invoice_is_paid_once_what_has_come_covers_it(
    status: InvoiceStatus, payments: list[Payment], expected: str
) -> None:
    invoice = replace(INVOICE, status=status)
    for each in payments:
        invoice = with_payment(invoice, each)

    assert (invoice.status, invoice.payments) == (expected, tuple(payments))


def test_a_refund_leaves_the_status() -> None:
    refund = Refund(amount=Decimal(100), at=10)

    assert with_refund(INVOICE, refund) == replace(INVOICE, refunds=(refund,))


@given(st.lists(st.decimals(0, 10**15, places=12), max_size=20))
def test_sums_are_exact(amounts: list[Decimal]) -> None:
    assert total_of(amounts).scaleb(12) == sum(int(amount.scaleb(12)) for amount in amounts)


@pytest.mark.parametrize(
    ("value", "expected"),
    [("0", "0"), ("12.50", "12.50"), (7, "7"), (Decimal("0.1"), "0.1"), (Decimal("1E+3"), "1000"),
     (Decimal("1E-12"), "0.000000000001"), ("999999999999.999999999999", "999999999999.999999999999")],
)  # fmt: skip
def test_amounts_are_text_or_exact_numbers(value: object, expected: str) -> None:
    assert f"{amount_of(value):f}" == expected


@pytest.mark.parametrize(
    "value",
    ["", "-1", "+1", "1e3", " 1", "1.", ".5", "1,5", "NaN", "1234567890123", "0.1234567890123", "\u0661", None, True,
     1.5, -1, Decimal("-0.1"), Decimal("NaN"), Decimal("1E+12"), Decimal("1E-13"), ["1"]],
)  # fmt: skip
def test_what_is_no_amount_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="must be an amount"):
        amount_of(value)
