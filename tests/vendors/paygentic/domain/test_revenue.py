"""Revenue: buckets of time, groups, rounding."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from mockserver.kernel.windows import DAY, HOUR, MINUTE, parse_instant
from mockserver.vendors.billing import Invoice, Payment, Refund
from mockserver.vendors.paygentic.domain.errors import Refused
from mockserver.vendors.paygentic.domain.revenue import (
    Books,
    GroupBy,
    Width,
    bucket_of,
    cents,
    net,
    net_by_bucket,
    refuse_span,
    starts_of,
    summarise,
)


def invoice(amount: str, **more: Any) -> Invoice:
    return Invoice(
        customer_id=more.pop("customer", "c"),
        currency="USD",
        amount=Decimal(amount),
        issued_at=more.pop("at", 0),
        **more,
    )


def refund(of: Invoice, amount: str, at: int = 0) -> tuple[int, Invoice, Refund]:
    return at, of, Refund(amount=Decimal(amount), at=at)


@pytest.mark.parametrize(
    ("value", "expected"),
    [("0.005", "0.01"), ("0.004999", "0.00"), ("-0.005", "-0.01"), ("-0.004", "0.00"), ("2", "2.00"), ("0", "0.00"),
     ("999999999999999999999999999999.995", "1000000000000000000000000000000.00")],
)  # fmt: skip
def test_amounts_are_rounded_half_up_and_never_to_minus_nothing(value: str, expected: str) -> None:
    assert f"{cents(Decimal(value)):f}" == expected


@pytest.mark.parametrize(
    ("width", "expected"),
    [("hour", "2026-02-04T13:00:00Z"), ("day", "2026-02-04T00:00:00Z"), ("week", "2026-02-02T00:00:00Z")],
)
def test_weeks_begin_on_mondays(width: Width, expected: str) -> None:
    assert bucket_of(parse_instant("2026-02-04T13:14:15Z"), width) == parse_instant(expected)
    assert bucket_of(parse_instant(expected), width) == parse_instant(expected)
    assert bucket_of(parse_instant(expected) - 1, width) < parse_instant(expected)


def test_buckets_are_those_that_a_window_touches() -> None:
    assert list(starts_of(HOUR - 1, 2 * HOUR + 1, "hour")) == [0, HOUR, 2 * HOUR]
    assert list(starts_of(0, HOUR, "hour")) == [0]
    assert list(starts_of(-MINUTE, 0, "day")) == [-DAY]


def test_a_window_has_an_order_and_not_too_many_buckets() -> None:
    refuse_span(0, 50_000 * HOUR, "hour", ("a", "b"))
    refuse_span(0, 50_001 * HOUR, "day", ("a", "b"))
    for start, end, message in ((1, 1, "a must be before b"), (0, 50_001 * HOUR, "more than 50000 hour buckets")):
        with pytest.raises(Refused, match=message):
            refuse_span(start, end, "hour", ("a", "b"))


def test_every_bucket_has_its_revenue() -> None:
    one = invoice("10")
    books = Books([(0, one), (HOUR, one), (HOUR, one)], [], [refund(one, "4", 2 * HOUR)], [])

    assert net_by_bucket(books, starts_of(0, 4 * HOUR, "hour"), "hour") == [10, 20, -4, 0]
    assert net(books) == 26


def test_figures_of_a_window() -> None:
    paid = invoice("10", tax=Decimal(2), status="paid", rebate=Decimal(3))
    lost = invoice("20", status="written_off", written_off_at=DAY)
    payments = [
        (0, paid, Payment(amount=Decimal(12), at=0)),
        (0, lost, Payment(amount=Decimal(5), at=0, status="pending")),
        (0, lost, Payment(amount=Decimal(6), at=0, status="expired")),
    ]
    books = Books([(0, paid), (0, lost)], [(DAY, lost)], [refund(paid, "1", DAY)], payments)

    found: Any = summarise(books, "USD", "day")

    assert (found.billed.revenue, found.billed.invoices, found.groups) == (29, 30, None)
    assert {status: (each.count, each.amount) for status, each in found.invoices.items()} == {
        "paid": (1, 12), "written_off": (1, 20),
    }  # fmt: skip
    assert (found.issued.amount, found.refunds.amount, found.rebates.count, found.rebates.amount) == (32, 1, 1, 3)
    assert {status: each.amount for status, each in found.payments.items()} == {
        "completed": 12, "pending": 5, "expired": 6,
    }  # fmt: skip
    assert [
        (start, each.billed.revenue, each.billed.invoices, each.written_off, each.completed, each.rebates)
        for start, each in found.trend.items()
    ] == [(0, 30, 30, 0, 12, 3), (DAY, -1, 0, 20, 0, 0)]


def grouped(books: Books, group_by: GroupBy, names: dict[str, str] | None = None) -> list[tuple[str, str, int]]:
    found = summarise(books, "USD", "day", group_by, names).groups
    assert found is not None
    return [(group.key, group.label, sum(each.count for each in group.statuses.values())) for group in found]


def test_five_plans_are_told_apart_and_of_six_the_four_with_most_revenue() -> None:
    five = [(0, invoice("1", plan_id=f"p{number}", plan_name=f"P{number}")) for number in range(5)]
    most = (0, invoice("10", plan_id="q"))

    assert [key for key, _, _ in grouped(Books(five), "plan")] == ["p0", "p1", "p2", "p3", "p4"]
    assert grouped(Books([*five, most]), "plan") == [
        ("q", "q", 1), ("p0", "P0", 1), ("p1", "P1", 1), ("p2", "P2", 1), ("other", "Other", 2),
    ]  # fmt: skip


def test_what_has_no_plan_or_only_a_refund_is_with_the_others() -> None:
    planless, old = invoice("5"), invoice("7", plan_id="old")
    known = invoice("9", plan_id="p", plan_name="P")
    books = Books([(0, planless), (0, known)], [], [refund(old, "2"), refund(known, "1")])

    found: Any = summarise(books, "USD", "day", "plan")

    assert grouped(books, "plan") == [("p", "P", 1), ("other", "Other", 1)]
    assert {key: (each.revenue, each.invoices) for key, each in found.trend[0].groups.items()} == {
        "p": (8, 9), "other": (3, 5),
    }  # fmt: skip
    assert grouped(Books([], [], [refund(old, "2")]), "plan") == [("other", "Other", 0)]


def test_twenty_five_customers_are_told_apart_by_name() -> None:
    books = Books([(0, invoice("1", customer=f"c{number:02}")) for number in range(25)])
    books.issued[0] = (0, invoice("3", customer="c00"))
    more = Books([*books.issued, (0, invoice("2", customer="x"))])

    assert len(grouped(books, "customer", {"c00": "North"})) == 25
    assert grouped(books, "customer", {"c00": "North"})[:2] == [("c00", "North", 1), ("c01", "c01", 1)]
    assert [key for key, _, _ in grouped(more, "customer")[:2]] == ["c00", "x"]
    assert grouped(more, "customer")[-1] == ("other", "Other", 2)


def test_a_plan_keeps_the_name_that_one_of_its_invoices_has() -> None:
    books = Books([(0, invoice("1", plan_id="p", plan_name="P")), (0, invoice("1", plan_id="p"))])

    assert grouped(books, "plan") == [("p", "P", 2)]


def test_books_are_split_by_anything_an_invoice_has() -> None:
    one, other = invoice("1", customer="a"), invoice("2", customer="b")
    payment = (0, other, Payment(amount=Decimal(1), at=0))
    books = Books([(0, one)], [(1, one)], [refund(other, "1")], [payment])

    parts = books.by(lambda each: each.customer_id)

    assert parts == {"a": Books([(0, one)], [(1, one)], [], []), "b": Books([], [], [refund(other, "1")], [payment])}
    assert not books.is_empty
    assert Books().is_empty
