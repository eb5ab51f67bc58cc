"""What customers are invoiced for."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from mockserver.app import Simulator
from mockserver.kernel.windows import DAY, WEEK, parse_instant
from mockserver.kernel.world import World
from mockserver.simulation.parts import RevenuePart
from mockserver.simulation.revenue import invoices
from mockserver.simulation.usage import Customer
from mockserver.vendors.billing import Invoice
from mockserver.vendors.intake import Newcomer
from mockserver.vendors.registry import vendors

BEGIN = parse_instant("2026-02-02T00:00:00Z")


def customer(number: int, joins: int = BEGIN, leaves: int | None = None) -> Customer:
    return Customer(f"customer-{number:03}", f"Name {number}", f"c{number}@example.com", 1.0, 0, joins, leaves)


def made(part: RevenuePart, *customers: Customer, **calls: int) -> list[Invoice]:
    ids = {each.external_id: f"cus_{each.external_id[-3:]}" for each in customers}
    counts = {f"customer-{number[1:]}": count for number, count in calls.items()}
    return invoices(part, customers, ids, counts, BEGIN, BEGIN + WEEK)


def test_a_fee_and_each_call_are_invoiced_at_the_end_of_the_period_and_paid_at_once() -> None:
    [invoice] = made(RevenuePart(fee_usd="49", per_call_usd="0.0025"), customer(1), c001=13)

    assert invoice.customer_id == "cus_001"
    assert (invoice.amount, invoice.currency, invoice.status) == (Decimal("49.0325"), "USD", "paid")
    assert (invoice.issued_at, invoice.period_start, invoice.period_end) == (BEGIN + WEEK, BEGIN, BEGIN + WEEK)
    assert [(payment.amount, payment.at) for payment in invoice.payments] == [(Decimal("49.0325"), BEGIN + WEEK)]


def test_who_comes_or_leaves_in_between_pays_for_the_time_there_and_others_nothing() -> None:
    part = RevenuePart(fee_usd="70")

    found = made(
        part,
        customer(1, joins=BEGIN + 2 * DAY),
        customer(2, leaves=BEGIN + DAY),
        customer(3, leaves=BEGIN),
        customer(4, joins=BEGIN + WEEK),
    )

    assert {each.customer_id: each.amount for each in found} == {"cus_001": Decimal(50), "cus_002": Decimal(10)}
    assert [(each.period_start, each.period_end) for each in found] == [
        (BEGIN + 2 * DAY, BEGIN + WEEK),
        (BEGIN, BEGIN + DAY),
    ]


def test_calls_that_were_answered_after_their_customer_had_gone_are_still_invoiced() -> None:
    [invoice] = made(RevenuePart(fee_usd="70", per_call_usd="0.01"), customer(1, leaves=BEGIN), c001=1)

    assert (invoice.amount, invoice.period_start, invoice.period_end) == (Decimal("0.01"), BEGIN, BEGIN + WEEK)


def test_the_first_glob_that_names_a_customer_says_its_fee() -> None:
    part = RevenuePart(fee_usd="1", fees_usd={"customer-001": "2", "customer-*1": "3", "customer-*2": "4"})

    found = made(part, customer(1), customer(2), customer(3))

    assert [each.amount for each in found] == [2, 4, 1]


@given(
    fee=st.decimals(0, 10**6, places=6),
    per_call=st.decimals(0, 10, places=6),
    calls=st.integers(0, 10**7),
    came=st.integers(0, WEEK),
    stayed=st.integers(0, 2 * WEEK),
)
def test_amounts_are_those_of_plain_fractions(
    fee: Decimal, per_call: Decimal, calls: int, came: int, stayed: int
) -> None:
    part = RevenuePart(fee_usd=f"{fee:f}", per_call_usd=f"{per_call:f}")
    there = customer(1, BEGIN + came, BEGIN + came + stayed)

    found = made(part, there, c001=calls)

    of_calls = Fraction(per_call) * calls
    share = Fraction(min(came + stayed, WEEK) - came, WEEK)
    is_whole = share == 1
    of_fee = Fraction(fee) if is_whole else Fraction(round(Fraction(fee) * share * 100), 100)
    assert sum(Fraction(each.amount) for each in found) == of_calls + of_fee
    assert all(each.amount > 0 for each in found)


def test_they_are_invoices_that_whoever_bills_records(simulator: Simulator, world: World) -> None:
    [biller] = [vendor for vendor in vendors() if vendor.billing is not None]
    assert biller.intake is not None
    assert biller.billing is not None
    customers = [customer(1), customer(2, leaves=BEGIN + DAY)]

    with simulator.store.committed():
        ids = biller.intake.enrol(world, [Newcomer(each.name, each.email, each.external_id) for each in customers])
        named = {each.external_id: identifier for each, identifier in zip(customers, ids, strict=True)}
        part = RevenuePart(fee_usd="70", per_call_usd="0.000001")
        recorded = biller.billing.record(
            world, invoices(part, customers, named, {"customer-001": 3}, BEGIN, BEGIN + WEEK)
        )

    assert [(each.customer_id, each.amount, each.status) for each in recorded] == [
        (ids[0], Decimal("70.000003"), "paid"),
        (ids[1], Decimal("10.00"), "paid"),
    ]
