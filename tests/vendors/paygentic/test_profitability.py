"""Profitability: margin = revenue - cost by customer, from invoices and cost events."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from paygentic_sdk import Paygentic

from mockserver.app import Simulator
from mockserver.http.inprocess import InProcessTransport
from mockserver.vendors.billing import Invoice, Refund
from mockserver.vendors.paygentic import vendor
from tests.vendors.paygentic.biller import Biller
from tests.vendors.paygentic.conftest import COST, EVENT, MERCHANT, MONTH, TYPE, Merchant

FEBRUARY = {"merchantId": MERCHANT, **MONTH}
AT = "2026-02-03T10:00:00Z"


@pytest.fixture
def profit(merchant: Merchant) -> Callable[..., Any]:
    """Ask for the profitability of February, or of another window."""

    def ask(**query: Any) -> Any:
        wanted = {**FEBRUARY, **{name.rstrip("_"): value for name, value in query.items()}}
        return merchant.expect(200, merchant.http.get("/v0/profitability", params=wanted))

    return ask


def enrol(merchant: Merchant, name: str, **more: Any) -> str:
    """Add a customer and return its id."""
    consumer = {"name": name, "email": f"{name.lower()}@x.example", "address": {}}
    answer = merchant.http.post("/v0/customers", json={"merchantId": MERCHANT, "consumer": consumer, **more})
    return str(merchant.expect(201, answer)["customerId"])


def row(customer: str, name: str, revenue: str, cost: str, profit: str, margin: str | None, data: str) -> Any:
    return {
        "customerId": customer, "customerName": name, "netRevenue": revenue, "totalCost": cost, "profit": profit,
        "marginPct": margin, "costData": data,
    }  # fmt: skip


def without_trend(rows: Any) -> Any:
    return [{name: value for name, value in each.items() if name != "trend"} for each in rows]


def test_margin_is_revenue_less_cost(merchant: Merchant, biller: Biller, profit: Callable[..., Any]) -> None:
    tokens = merchant.create(aggregation="SUM", unitCost=0.001)
    calls = merchant.create(aggregation="COUNT", unitCost=0.005, valueProperty=...)
    euros = merchant.create(currency="EUR")
    north, south = enrol(merchant, "North", externalId="north-01"), enrol(merchant, "South")
    for subject, amount in ((north, "1000.5"), (north, "0.0001"), ("cus_abc123", "7"), ("nobody", "5000")):
        merchant.send(f'{{"amount": {amount}}}', subject=subject, timestamp=AT)
    merchant.send('{"amount": 250}', subject=..., externalSubject="north-01", timestamp=AT)
    biller.refund(biller.invoice(customer_id=north, amount="4.005", tax="1"), "0.5", tax="0.1")
    biller.invoice(customer_id=south, amount="1")
    biller.invoice(customer_id=south, amount="500", currency="EUR")

    found = profit()

    # North: 1250.5001 x 0.001 + 3 x 0.005 = 1.2655001 of 3.505
    assert without_trend(found["rows"]) == [
        row(north, "North", "3.51", "1.27", "2.24", "63.89", "recorded"),
        row(south, "South", "1.00", "0.00", "1.00", None, "none"),
        row("cus_abc123", "Example Customer", "0.00", "0.01", "-0.01", None, "recorded"),
    ]
    assert {name: value for name, value in found.items() if name != "rows"} == {
        "object": "profitability_summary", "currency": "USD", "warnings": [], "customerCount": 3,
        "emptyCustomerCount": 0, "unloadedCustomerCount": None,
    }  # fmt: skip
    everybody = Decimal(merchant.summary(tokens)["totalCost"]) + Decimal(merchant.summary(calls)["totalCost"])
    assert everybody == Decimal("1250.5001") / 1000 + Decimal("5.007") + Decimal("0.025")
    assert without_trend(profit(currency="EUR")["rows"])[-1] == row(
        north, "North", "0.00", "1250.50", "-1250.50", None, "recorded"
    )
    assert euros["currency"] == "EUR"


def test_every_aggregation_is_taken_over_all_events_of_a_customer_whatever_they_call_it(
    merchant: Merchant, profit: Callable[..., Any]
) -> None:
    enrolled = enrol(merchant, "North", externalId="n")
    merchant.create(aggregation="AVG")
    for subject in ({"subject": enrolled}, {"subject": ..., "externalSubject": "n"}):
        merchant.send('{"amount": 10}', timestamp=AT, **subject)
    merchant.send('{"amount": 40}', timestamp="2026-02-20T00:00:00Z", subject=enrolled)

    assert profit()["rows"][-1]["totalCost"] == "20.00"


def test_a_measured_nothing_is_recorded_and_an_event_without_a_value_is_not(
    merchant: Merchant, profit: Callable[..., Any]
) -> None:
    merchant.create(unitCost=0)
    north = enrol(merchant, "North")
    merchant.send('{"amount": 5}', timestamp=AT)
    merchant.send('{"other": 5}', timestamp=AT, subject=north)

    assert {each["customerId"]: each["costData"] for each in profit()["rows"]} == {
        "cus_abc123": "recorded", north: "none",
    }  # fmt: skip


def test_the_first_few_have_rows_of_their_own_and_the_rest_is_one(
    merchant: Merchant, biller: Biller, profit: Callable[..., Any]
) -> None:
    merchant.create()
    customers = [enrol(merchant, name) for name in "ABC"]
    for customer, amount in zip(customers, (30, 20, 10), strict=True):
        biller.invoice(customer_id=customer, amount=amount)
    merchant.send('{"amount": 4}', subject=customers[2], timestamp=AT)

    found = profit(topN=2)

    assert without_trend(found["rows"]) == [
        row(customers[0], "A", "30.00", "0.00", "30.00", None, "none"),
        row(customers[1], "B", "20.00", "0.00", "20.00", None, "none"),
        row("other", "Other", "10.00", "4.00", "6.00", None, "partial"),
    ]
    assert found["rows"][2]["trend"] is None
    assert (found["customerCount"], found["emptyCustomerCount"]) == (4, 1)


def test_deleted_customers_are_one_row_that_comes_last(
    merchant: Merchant, biller: Biller, profit: Callable[..., Any]
) -> None:
    merchant.create()
    gone = [enrol(merchant, name) for name in "AB"]
    idle = enrol(merchant, "Idle")
    for customer in gone:
        biller.invoice(customer_id=customer, amount=100, status="paid")
        merchant.send('{"amount": 25}', subject=customer, timestamp=AT)
    for customer in (*gone, idle):
        assert merchant.http.delete(f"/v0/customers/{customer}").status_code == 204

    found = profit(excludeEmpty="true")

    assert without_trend(found["rows"]) == [
        row("deleted", "Deleted customers", "200.00", "50.00", "150.00", "75.00", "recorded")
    ]
    assert (found["customerCount"], found["emptyCustomerCount"]) == (1, 1)


def test_empty_customers_are_rows_or_left_out_or_listed(
    merchant: Merchant, biller: Biller, profit: Callable[..., Any]
) -> None:
    zoe, ann = enrol(merchant, "Zoe"), enrol(merchant, "Ann")
    biller.invoice(amount=5)

    kept, dropped = profit(includeEmpty="true"), profit(excludeEmpty="true")
    listed = profit(excludeEmpty="true", includeEmpty="true")

    assert len(kept["rows"]) == 3
    assert (kept["emptyCustomers"], kept["emptyCustomerCount"], dropped["emptyCustomerCount"]) == ([], 2, 2)
    assert [each["customerId"] for each in dropped["rows"]] == ["cus_abc123"]
    assert "emptyCustomers" not in dropped
    assert listed["emptyCustomers"] == [
        {**row(ann, "Ann", "0.00", "0.00", "0.00", None, "none"), "trend": None},
        {**row(zoe, "Zoe", "0.00", "0.00", "0.00", None, "none"), "trend": None},
    ]


def test_what_was_billed_and_given_back_is_not_nothing(biller: Biller, profit: Callable[..., Any]) -> None:
    biller.refund(biller.invoice(), 100)

    assert (profit()["emptyCustomerCount"], profit(excludeEmpty="true")["rows"][0]["netRevenue"]) == (0, "0.00")


def test_a_window_without_revenue_or_cost_says_where_there_is_some(
    merchant: Merchant, biller: Biller, profit: Callable[..., Any]
) -> None:
    january = {"from_": "2026-01-01T00:00:00Z", "to": "2026-02-01T00:00:00Z"}
    nowhere = profit(**january)
    merchant.create()
    biller.invoice()
    for at in (AT, "2026-02-04T00:00:00.25Z"):
        merchant.send('{"amount": 1}', timestamp=at)

    before, now = profit(**january), profit()

    assert (nowhere["revenueRange"], nowhere["costRange"]) == (None, None)
    assert before["revenueRange"] == {"from": "2026-02-05T00:00:00Z", "to": "2026-02-05T00:00:00Z"}
    assert before["costRange"] == {"from": AT, "to": "2026-02-04T00:00:00.250Z"}
    assert not {"revenueRange", "costRange"} & set(now)


def test_while_a_cost_cannot_be_computed_there_is_a_warning_and_nobody_counts_as_empty(
    merchant: Merchant, biller: Biller, profit: Callable[..., Any]
) -> None:
    cost = merchant.create()
    enrol(merchant, "Idle")
    biller.invoice()
    merchant.send('{"amount": 1}', timestamp=AT)
    merchant.patch(cost, aggregation=None)

    found = profit(includeEmpty="true")

    assert found["warnings"] == [f"Cost {cost['id']} has no event type or no aggregation and could not be computed"]
    assert [(each["customerId"], each["costData"]) for each in found["rows"]] == [("cus_abc123", "none")]
    assert (found["emptyCustomerCount"], found["unloadedCustomerCount"], found["customerCount"]) == (None, 1, 2)
    assert "emptyCustomers" not in found
    assert merchant.http.delete(f"/v0/costs/{cost['id']}").status_code == 204
    assert (profit()["warnings"], profit()["emptyCustomerCount"]) == ([], 1)


@pytest.mark.parametrize(
    ("query", "length", "change"),
    [({}, 28, -50), ({"bucketWidth": "week"}, 5, -50), ({"bucketWidth": "hour"}, 672, -50),
     ({"to": "2026-02-03T00:00:00Z"}, 48, None)],
)  # fmt: skip
def test_a_rows_trend_is_its_revenue_in_every_bucket(
    biller: Biller, profit: Callable[..., Any], query: dict[str, str], length: int, change: int | None
) -> None:
    biller.invoice(amount=20, issued_at="2026-02-02T12:00:00Z")
    biller.invoice(amount=10, issued_at="2026-02-27T00:00:00Z")

    trend = profit(**query)["rows"][0]["trend"]

    assert len(trend["values"]) == length
    assert [value for value in trend["values"] if value != "0.00"] == (["20.00", "10.00"] if change else ["20.00"])
    assert trend["periodChange"] == change


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ({}, ["from", "merchantId", "to"]),
        ({**FEBRUARY, "topN": "0", "currency": "US", "bucketWidth": "month", "excludeEmpty": "yes",
          "includeEmpty": "1"}, ["bucketWidth", "currency", "excludeEmpty", "includeEmpty", "topN"]),
        ({**FEBRUARY, "topN": "101", "from": "x"}, ["from", "topN"]),
    ],
)  # fmt: skip
def test_every_faulty_parameter_is_named(paygentic: httpx.Client, query: dict[str, str], fields: list[str]) -> None:
    answer = paygentic.get("/v0/profitability", params=query)

    assert answer.status_code == 400
    assert sorted(error["field"] for error in answer.json()["errors"]) == fields


def test_a_window_must_have_a_length_and_not_too_many_buckets(paygentic: httpx.Client) -> None:
    for query, message in (
        ({"to": MONTH["from"]}, "from must be before to"),
        ({"to": "2036-02-01T00:00:00Z", "bucketWidth": "hour"}, "the window holds more than 50000 hour buckets"),
    ):
        answer = paygentic.get("/v0/profitability", params={**FEBRUARY, **query})
        assert (answer.status_code, answer.json()["message"]) == (400, message)


def test_profitability_is_the_organizations_own_and_wants_a_permission(
    paygentic: httpx.Client, flip: Callable[..., None]
) -> None:
    foreign = paygentic.get("/v0/profitability", params={**FEBRUARY, "merchantId": "org_other"})
    flip(profitability_read=False)
    denied = paygentic.get("/v0/profitability", params=FEBRUARY)

    assert (foreign.status_code, foreign.json()["reason"]) == (403, "not_member")
    assert (denied.status_code, denied.json()["requiredPermissions"]) == (403, ["profitability:read"])


def test_the_vendors_client_reads_profitability(sdk: Paygentic, biller: Biller, merchant: Merchant) -> None:
    merchant.create()
    biller.invoice(amount=120)
    merchant.send('{"amount": 30}', timestamp=AT)
    enrol(merchant, "Idle")

    found = sdk.profitability.get_profitability(
        merchant_id=MERCHANT, from_=datetime(2026, 2, 1, tzinfo=UTC), to=datetime(2026, 3, 1, tzinfo=UTC), top_n=5,
        exclude_empty=True, include_empty=True,
    )  # fmt: skip
    empty = sdk.profitability.get_profitability(
        merchant_id=MERCHANT, from_=datetime(2025, 2, 1, tzinfo=UTC), to=datetime(2025, 3, 1, tzinfo=UTC)
    )

    assert [(each.customer_name, each.margin_pct, each.cost_data) for each in found.rows] == [
        ("Example Customer", "75.00", "recorded")
    ]
    assert found.empty_customers is not None
    assert [each.customer_name for each in found.empty_customers] == ["Idle"]
    assert empty.revenue_range
    assert empty.revenue_range.from_ == datetime(2026, 2, 5, tzinfo=UTC)
    assert empty.cost_range
    assert empty.cost_range.to == datetime(2026, 2, 3, 10, tzinfo=UTC)


# Against plain loops

MONEY = st.decimals(0, 100, places=4)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    billed=st.lists(st.tuples(st.integers(0, 3), MONEY, st.integers(1, 40)), max_size=8),
    used=st.lists(st.tuples(st.integers(0, 3), MONEY, st.integers(1, 40)), max_size=15),
    aggregation=st.sampled_from(["SUM", "AVG", "MAX", "COUNT"]),
    top=st.integers(1, 4),
)
def test_profitability_agrees_with_plain_loops(
    simulator: Simulator, transport: InProcessTransport, billed: Any, used: Any, aggregation: str, top: int
) -> None:
    """Days above 28 lie outside the window; every second invoice is refunded by half."""
    with simulator.store.committed():
        world = simulator.worlds.reset(simulator.worlds.admit("acme"))
    headers = {"authorization": "Bearer sk_test_acme"}
    with httpx.Client(transport=transport, base_url="http://mock", headers=headers) as http:
        merchant = Merchant(http)
        cost = {**COST, "aggregation": aggregation, "unitCost": 0.37}
        merchant.expect(201, http.post("/v0/costs", json=cost))
        customers = [enrol(merchant, name) for name in "ABCD"]

        def instant(day: int) -> int:
            return int(datetime(2026, 1, 31, tzinfo=UTC).timestamp() + day * 86400) * 1_000_000

        made = [
            Invoice(
                customer_id=customers[who], currency="USD", amount=amount, issued_at=instant(day),
                refunds=(Refund(amount=amount, at=instant(day)),) if number % 2 and amount else (),
            )
            for number, (who, amount, day) in enumerate(billed)
        ]  # fmt: skip
        with simulator.store.committed():
            assert vendor.billing is not None
            vendor.billing.record(world, made)
        for who, amount, day in used:
            at = datetime.fromtimestamp(instant(day) / 1e6, UTC).isoformat()
            members = {**EVENT, "type": TYPE, "subject": customers[who], "timestamp": at, "data": None}
            text = json.dumps(members).replace('"data": null', f'"data": {{"amount": {amount}}}')
            merchant.expect(202, http.post("/v0/events", content=text))
        rows = merchant.expect(200, http.get("/v0/profitability", params={**FEBRUARY, "topN": top}))["rows"]

    brought = dict.fromkeys((*customers, "cus_abc123"), Decimal(0))
    spent = dict(brought)
    for invoice in made:
        if invoice.issued_at < instant(29):
            refunded = sum((refund.amount for refund in invoice.refunds), Decimal(0))
            brought[invoice.customer_id] += invoice.amount - refunded
    for number, customer in enumerate(customers):
        values = [amount for who, amount, day in used if who == number and day < 29]
        if values:
            combined = {"SUM": sum(values), "AVG": sum(values) / len(values), "MAX": max(values), "COUNT": len(values)}
            spent[customer] = combined[aggregation] * Decimal("0.37")
    ranked = sorted(brought, key=lambda customer: (spent[customer] - brought[customer], customer))
    expected = [[customer] for customer in ranked[:top]] + ([ranked[top:]] if ranked[top:] else [])
    cents = [
        tuple(
            sum((amounts[customer] for customer in group), Decimal(0)).quantize(Decimal("0.01"), ROUND_HALF_UP)
            for amounts in (brought, spent)
        )
        for group in expected
    ]
    assert [(Decimal(each["netRevenue"]), Decimal(each["totalCost"])) for each in rows] == cents
    assert [each["customerId"] for each in rows] == [*ranked[:top], *(["other"] if ranked[top:] else [])]
