"""Revenue and profitability against the oracle, over random invoices, payments, refunds, costs and events."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mockserver.app import Simulator
from tests.vendors.paygentic.bookkeeper import (
    AGGREGATIONS,
    EXTERNAL,
    Bookkeeper,
    near,
    new_simulator,
    spans,
    stream,
    unit_costs,
)
from tests.vendors.paygentic.oracle import AskedRevenue, iso

SIXTHS = 6
"""Payments and refunds are given in these parts of their invoice, so that they never exceed it."""

prices = st.sampled_from(["0", "0.005", "0.004999999999", "0.015", "120", "99.99", "999999999999.999999999999"])
prices |= st.integers(0, 10**6).map(lambda count: f"{count * 6}e-4")
later = st.sampled_from([timedelta(0), timedelta(hours=1), timedelta(days=1), timedelta(days=40)])


@st.composite
def invoices(draw: st.DrawFn) -> dict[str, Any]:
    """An invoice whose customer is a number to be told which."""
    amount, tax = Decimal(draw(prices)), Decimal(draw(prices)) / 4
    issued = draw(near)
    status = draw(st.sampled_from(["outstanding", "paid", "written_off"]))
    payments, refunds = draw(st.lists(later, max_size=3)), draw(st.lists(later, max_size=2))
    plan = draw(st.sampled_from([None, *"abcdefg"]))
    period = draw(st.none() | near)
    sixth = ((amount + tax) / SIXTHS).quantize(Decimal("1e-12"), "ROUND_DOWN")
    return {
        "customer_id": draw(st.integers(0, 4)), "currency": draw(st.sampled_from(["USD", "USD", "EUR"])),
        "amount": f"{amount:f}", "tax": f"{tax:f}", "rebate": draw(st.sampled_from(["0", "0.005", "3"])),
        "issued_at": iso(issued), "status": status,
        "written_off_at": iso(issued + draw(later)) if status == "written_off" else None,
        "period_start": period and iso(period), "period_end": period and iso(period + timedelta(days=30)),
        "subscription_id": draw(st.none() | st.sampled_from(["sub_1", "sub_2"])),
        "plan_id": plan, "plan_name": plan and f"Plan {plan}",
        "payments": [
            {"amount": f"{draw(st.sampled_from([sixth, amount + tax])) if len(payments) == 1 else sixth:f}",
             "at": iso(issued + after), "status": draw(st.sampled_from(["completed", "pending", "expired"]))}
            for after in payments
        ],
        "refunds": [
            {"amount": f"{(amount / SIXTHS).quantize(Decimal('1e-12'), 'ROUND_DOWN'):f}", "at": iso(issued + after),
             "tax": f"{(tax / SIXTHS).quantize(Decimal('1e-12'), 'ROUND_DOWN'):f}"}
            for after in refunds
        ],
    }  # fmt: skip


@pytest.fixture(scope="module")
def shared() -> Iterator[Simulator]:
    """One simulator for all examples; each has a world of its own."""
    simulator = new_simulator()
    yield simulator
    simulator.close()


@settings(max_examples=30)
@given(
    data=st.data(),
    made=st.lists(invoices(), max_size=4) | st.lists(invoices(), min_size=12, max_size=24),
    seed=st.integers(0, 10**6),
    length=st.integers(0, 60),
)
def test_revenue_and_profitability_are_the_oracles(
    shared: Simulator, data: st.DataObject, made: list[dict[str, Any]], seed: int, length: int
) -> None:
    keeper = Bookkeeper(shared)
    for external in (None, *EXTERNAL):
        keeper.create_customer(external)
    customers = list(keeper.books.customers)
    for event_type, currency in (("cost.a", "USD"), ("cost.a", "USD"), ("cost.b", "USD"), ("cost.a", "EUR")):
        keeper.create_cost(
            eventType=event_type, aggregation=data.draw(st.sampled_from(AGGREGATIONS)), valueProperty="$.w",
            unitCost=data.draw(unit_costs), currency=currency,
        )  # fmt: skip
    keeper.send_all(stream(seed, length))
    keeper.bill({**each, "customer_id": customers[each["customer_id"]]} for each in made)
    for n in data.draw(st.lists(st.integers(0, 4), max_size=2)):
        keeper.delete_customer(customers[n])

    draw = data.draw
    for _ in range(4):
        start, end = draw(spans)
        width = draw(st.sampled_from(["hour", "day", "week"]))
        keeper.ask_revenue(
            AskedRevenue(
                start, end, width,
                currency=draw(st.sampled_from([None, None, "USD", "EUR"])),
                customer=draw(st.sampled_from([None, None, None, None, *customers])),
                subscriptions=draw(st.sampled_from([(), (), (), ("sub_1",), ("sub_2", "sub_1")])),
                group_by=draw(st.sampled_from([None, "plan", "plan", "customer", "currency"])),
                by_period=draw(st.booleans()),
            )
        )  # fmt: skip
        keeper.ask_profitability(
            start, end, draw(st.integers(1, 7)), draw(st.sampled_from(["USD", "EUR"])),
            draw(st.none() | st.just(width)),
            excludes_empty=draw(st.booleans()), includes_empty=draw(st.booleans()),
        )  # fmt: skip
    keeper.check()


def test_profits_are_told_apart_however_many_digits_they_have(shared: Simulator) -> None:
    keeper = Bookkeeper(shared)
    for _ in range(5):
        keeper.create_customer(None)
    keeper.create_cost(eventType="cost.a", aggregation="SUM", valueProperty="$.v", unitCost="1")
    # Forty digits, of which only the last says who cost more: first comes who cost least, whatever the ids are.
    for n, _ in enumerate(keeper.books.customers):
        amount = f"1{'0' * 38}{n}"
        keeper.send({"type": "cost.a", "party": ("customer", n), "data": f'{{"v": {amount}}}'})

    found = keeper.ask_profitability(
        keeper.books.now, keeper.books.now + timedelta(days=1), 10, "USD", None,
        excludes_empty=False, includes_empty=False,
    )  # fmt: skip

    assert [row["totalCost"][-4:] for row in found["rows"]] == [f"{n}.00" for n in range(6)]
