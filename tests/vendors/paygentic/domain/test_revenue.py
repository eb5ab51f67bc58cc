"""Revenue: buckets of time, groups, rounding."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from mockserver.kernel.windows import DAY, HOUR, MINUTE, parse_instant
from mockserver.vendors.paygentic.domain.errors import Refused
from mockserver.vendors.paygentic.domain.revenue import (
    GroupBy,
    Line,
    Width,
    bucket_of,
    cents,
    net,
    net_by_bucket,
    refuse_span,
    starts_of,
    summarise,
)


def issued(amount: str, key: str | None = None, bucket: int = 0, **more: Any) -> Line:
    label, status = more.pop("label", None), more.pop("status", "outstanding")
    return Line("issued", bucket, "USD", key, label, status, more.pop("count", 1), Decimal(amount), **more)


def refund(amount: str, key: str | None = None, bucket: int = 0, tax: str = "0") -> Line:
    return Line("refund", bucket, "USD", key, None, "", 1, Decimal(amount), Decimal(tax))


def payment(amount: str, status: str, bucket: int = 0) -> Line:
    return Line("payment", bucket, "USD", None, None, status, 1, Decimal(amount))


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
    lines = [issued("10"), issued("20", bucket=HOUR), refund("4", bucket=2 * HOUR), payment("5", "completed")]

    assert net_by_bucket(lines, starts_of(0, 4 * HOUR, "hour")) == [10, 20, -4, 0]
    assert net(lines) == 26


def test_figures_of_a_window() -> None:
    lines = [
        issued("10", status="paid", count=2, tax=Decimal(2), rebate=Decimal(3), rebates=1),
        issued("20", status="written_off", bucket=DAY),
        Line("written_off", DAY, "USD", None, None, "written_off", 1, Decimal(20), Decimal(4)),
        refund("1", bucket=DAY, tax="0.5"),
        payment("12", "completed"),
        payment("5", "pending", bucket=2 * DAY),
        payment("6", "expired", bucket=2 * DAY),
    ]

    found: Any = summarise(lines, "USD")

    assert (found.billed.revenue, found.billed.invoices, found.groups) == (29, 30, None)
    assert {status: (each.count, each.amount) for status, each in found.invoices.items()} == {
        "paid": (2, 12), "written_off": (1, 20),
    }  # fmt: skip
    assert (found.issued.count, found.issued.amount, found.rebates.count, found.rebates.amount) == (3, 32, 1, 3)
    assert (found.refunds.count, found.refunds.amount) == (1, Decimal("1.5"))
    assert {status: (each.count, each.amount) for status, each in found.payments.items()} == {
        "completed": (1, 12), "pending": (1, 5), "expired": (1, 6),
    }  # fmt: skip
    assert [
        (start, each.billed.revenue, each.billed.invoices, each.written_off, each.completed, each.rebates)
        for start, each in found.trend.items()
    ] == [(0, 10, 10, 0, 12, 3), (DAY, 19, 20, 24, 0, 0)]


def grouped(
    lines: list[Line], group_by: GroupBy = "plan", names: dict[str, str] | None = None
) -> list[tuple[str, str, int]]:
    found = summarise(lines, "USD", group_by, names).groups
    assert found is not None
    return [(group.key, group.label, sum(each.count for each in group.statuses.values())) for group in found]


def test_five_plans_are_told_apart_and_of_six_the_four_with_most_revenue() -> None:
    five = [issued("1", f"p{number}", label=f"P{number}") for number in range(5)]

    assert [key for key, _, _ in grouped(five)] == ["p0", "p1", "p2", "p3", "p4"]
    assert grouped([*five, issued("10", "q")]) == [
        ("q", "q", 1), ("p0", "P0", 1), ("p1", "P1", 1), ("p2", "P2", 1), ("other", "Other", 2),
    ]  # fmt: skip


def test_what_has_no_plan_or_only_a_refund_is_with_the_others() -> None:
    lines = [issued("5"), issued("9", "p", label="P"), refund("2", "old"), refund("1", "p")]

    found: Any = summarise(lines, "USD", "plan")

    assert grouped(lines) == [("p", "P", 1), ("other", "Other", 1)]
    assert {key: (each.revenue, each.invoices) for key, each in found.trend[0].groups.items()} == {
        "p": (8, 9), "other": (3, 5),
    }  # fmt: skip
    assert grouped([refund("2", "old")]) == [("other", "Other", 0)]


def test_twenty_five_customers_are_told_apart_by_name() -> None:
    lines = [issued("3", "c00"), *(issued("1", f"c{number:02}") for number in range(1, 25))]
    more = [*lines, issued("2", "x")]

    assert len(grouped(lines, "customer", {"c00": "North"})) == 25
    assert grouped(lines, "customer", {"c00": "North"})[:2] == [("c00", "North", 1), ("c01", "c01", 1)]
    assert [key for key, _, _ in grouped(more, "customer")[:2]] == ["c00", "x"]
    assert grouped(more, "customer")[-1] == ("other", "Other", 2)


def test_a_plan_keeps_the_name_that_one_of_its_invoices_has() -> None:
    assert grouped([issued("1", "p", label="P"), issued("1", "p")]) == [("p", "P", 2)]
