"""Revenue: invoices of a window less refunds of it, by bucket, plan, customer and currency."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal
from functools import partial
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from paygentic_sdk import Paygentic

from mockserver.app import Simulator
from mockserver.http.inprocess import InProcessTransport
from mockserver.kernel.windows import DAY, format_instant, parse_instant
from mockserver.vendors.billing import Invoice, Payment, Refund
from mockserver.vendors.paygentic import vendor
from tests.vendors.paygentic.biller import Biller
from tests.vendors.paygentic.conftest import MERCHANT, Merchant

FEBRUARY = {"startTime": "2026-02-01T00:00:00Z", "endTime": "2026-03-01T00:00:00Z"}


@pytest.fixture
def revenue(merchant: Merchant) -> Callable[..., Any]:
    """Ask for the revenue of February, or of another window."""

    def ask(**query: Any) -> Any:
        return merchant.expect(200, merchant.http.get("/v0/revenue", params={**FEBRUARY, **query}))

    return ask


def count(number: int, amount: str) -> dict[str, Any]:
    return {"count": number, "amount": amount}


NOTHING = {
    "object": "revenue_summary",
    "currency": "USD",
    "netRevenue": "0.00",
    "totalRefunds": "0.00",
    "refundCount": 0,
    "totalRebates": "0.00",
    "rebateCount": 0,
    "invoices": {name: count(0, "0.00") for name in ("issued", "outstanding", "paid", "writtenOff")},
    "payments": {
        f"{status}{what}": nothing
        for status in ("completed", "pending", "expired")
        for what, nothing in (("Count", 0), ("Amount", "0.00"))
    },
    "trend": [],
    "revenueRange": None,
}


def test_without_invoices_there_is_nothing_and_it_says_so(revenue: Callable[..., Any]) -> None:
    assert revenue() == NOTHING


def test_revenue_is_what_was_billed_less_what_was_refunded_both_without_tax(
    biller: Biller, revenue: Callable[..., Any]
) -> None:
    paid = biller.invoice(amount="100.005", tax="20", rebate="5.50")
    biller.pay(paid, "120.005")
    biller.pay(
        biller.invoice(amount="10", issued_at="2026-02-09T10:00:00Z"), "4", at="2026-02-09T10:00:00Z", status="pending"
    )
    lost = biller.invoice(amount="30", tax="6", issued_at="2026-02-09T11:00:00Z")
    biller.change(lost, status="written_off", at="2026-02-10T00:00:00Z")
    biller.pay(lost, "36", at="2026-02-09T12:00:00Z", status="expired")
    biller.refund(paid, "40", at="2026-02-10T01:00:00Z", tax="8")

    found = revenue()

    assert found == {
        "object": "revenue_summary",
        "currency": "USD",
        "netRevenue": "100.01",
        "totalRefunds": "48.00",
        "refundCount": 1,
        "totalRebates": "5.50",
        "rebateCount": 1,
        "invoices": {
            "issued": count(3, "166.01"), "outstanding": count(1, "10.00"), "paid": count(1, "120.01"),
            "writtenOff": count(1, "36.00"),
        },
        "payments": {
            "completedCount": 1, "completedAmount": "120.01", "pendingCount": 1, "pendingAmount": "4.00",
            "expiredCount": 1, "expiredAmount": "36.00",
        },
        "trend": [
            bucket("2026-02-05", "100.01", "100.01", rebates="5.50"),
            bucket("2026-02-06", "0.00", "0.00", completed="120.01"),
            bucket("2026-02-09", "40.00", "40.00"),
            bucket("2026-02-10", "-40.00", "0.00", lost="36.00"),
        ],
    }  # fmt: skip


def bucket(
    day: str, revenue: str, issued: str, *, lost: str = "0.00", completed: str = "0.00", rebates: str = "0.00"
) -> dict[str, str]:
    return {
        "timestamp": f"{day}T00:00:00Z", "revenue": revenue, "issuedInvoices": issued, "writtenOffInvoices": lost,
        "completedPayments": completed, "rebates": rebates,
    }  # fmt: skip


def test_a_window_holds_its_start_but_not_its_end(biller: Biller, revenue: Callable[..., Any]) -> None:
    for at, amount in ((FEBRUARY["startTime"], 1), (FEBRUARY["endTime"], 10)):
        invoice = biller.invoice(amount=amount, issued_at=at)
        biller.pay(invoice, amount, at=at)

    found = revenue()

    assert (found["netRevenue"], found["payments"]["completedAmount"]) == ("1.00", "1.00")


def test_a_refund_counts_where_it_was_given_and_not_where_its_invoice_was(
    biller: Biller, revenue: Callable[..., Any]
) -> None:
    january = biller.invoice(issued_at="2026-01-31T23:59:59Z")
    biller.refund(january, 30)

    found = revenue()

    assert (found["netRevenue"], found["refundCount"], found["invoices"]["issued"]["count"]) == ("-30.00", 1, 0)
    assert "revenueRange" not in found
    assert revenue(startTime="2026-01-01T00:00:00Z")["netRevenue"] == "70.00"


def test_by_billing_period_everything_counts_where_its_invoices_period_starts(
    biller: Biller, revenue: Callable[..., Any]
) -> None:
    january = {"period_start": "2026-01-01T00:00:00Z", "period_end": "2026-02-01T00:00:00Z"}
    invoice = biller.invoice(amount="60", **january)
    biller.pay(invoice, 60)
    biller.refund(invoice, 10)
    biller.change(biller.invoice(amount="5", **january), status="written_off")
    biller.invoice(amount="1000")

    def asked(month: str, until: str) -> Any:
        return revenue(periodBasis="billingPeriod", startTime=f"{month}-01T00:00:00Z", endTime=f"{until}-01T00:00:00Z")

    billed = asked("2026-01", "2026-02")
    later = asked("2026-02", "2026-03")

    assert (billed["netRevenue"], billed["totalRefunds"], billed["payments"]["completedAmount"]) == (
        "55.00", "10.00", "60.00",
    )  # fmt: skip
    assert billed["trend"] == [bucket("2026-01-01", "55.00", "65.00", lost="5.00", completed="60.00")]
    assert later["netRevenue"] == "0.00"
    assert later["revenueRange"] == {"from": "2026-01-01T00:00:00Z", "to": "2026-01-01T00:00:00Z"}


def test_an_empty_window_says_where_in_time_there_are_invoices_under_its_filters(
    biller: Biller, revenue: Callable[..., Any]
) -> None:
    for at, more in (("2026-02-05T00:00:00.5Z", {}), ("2026-02-07T00:00:00Z", {}),
                     ("2026-02-09T00:00:00Z", {"subscription_id": "sub_1"})):  # fmt: skip
        biller.invoice(issued_at=at, **more)
    march = {"startTime": "2026-03-01T00:00:00Z", "endTime": "2026-04-01T00:00:00Z"}

    assert revenue(**march)["revenueRange"] == {"from": "2026-02-05T00:00:00.500Z", "to": "2026-02-09T00:00:00Z"}
    assert revenue(**march, subscriptionIds="sub_1")["revenueRange"] == {
        "from": "2026-02-09T00:00:00Z", "to": "2026-02-09T00:00:00Z",
    }  # fmt: skip
    assert revenue(**march, currency="EUR")["revenueRange"] is None
    assert revenue(**march, customerId="cus_other")["revenueRange"] is None
    assert revenue(**march, groupBy="currency") == {
        "object": "revenue_summary", "currencyBreakdown": [],
        "revenueRange": {"from": "2026-02-05T00:00:00.500Z", "to": "2026-02-09T00:00:00Z"},
    }  # fmt: skip


def test_customer_subscriptions_and_currency_narrow_the_figures_but_no_subscription_narrows_payments(
    biller: Biller, merchant: Merchant, revenue: Callable[..., Any]
) -> None:
    other = {"name": "Other", "email": "o@x.example", "address": {}}
    created = merchant.http.post("/v0/customers", json={"merchantId": MERCHANT, "consumer": other})
    customer = merchant.expect(201, created)["customerId"]
    biller.pay(biller.invoice(amount=1, customer_id=customer, subscription_id="sub_1"), 1)
    biller.pay(biller.invoice(amount=10, subscription_id="sub_2"), 10)
    biller.invoice(amount=100, subscription_id="sub_3")
    biller.invoice(amount=1000, currency="EUR")

    def asked(**query: Any) -> tuple[str, str, str]:
        found = revenue(**query)
        return found["currency"], found["netRevenue"], found["payments"]["completedAmount"]

    assert asked(customerId=customer) == ("USD", "1.00", "1.00")
    assert asked(subscriptionIds=["sub_1", "sub_3"]) == ("USD", "101.00", "11.00")
    assert asked(currency="EUR", merchantId=MERCHANT) == ("EUR", "1000.00", "0.00")
    assert asked() == ("USD", "111.00", "11.00")


def test_plans_and_customers_are_told_apart_in_figures_and_trend(biller: Biller, revenue: Callable[..., Any]) -> None:
    pro = biller.invoice(amount=50, tax=5, plan_id="pln_pro", plan_name="Pro")
    biller.refund(pro, 20)
    biller.invoice(amount=40, plan_id="pln_lite", plan_name="Lite", status="paid")
    biller.invoice(amount=1)

    plans, customers = revenue(groupBy="plan"), revenue(groupBy="customer")

    nothing = count(0, "0.00")
    assert plans["groupBreakdown"] == [
        {"groupKey": "pln_lite", "groupLabel": "Lite", "outstanding": nothing, "paid": count(1, "40.00"),
         "writtenOff": nothing},
        {"groupKey": "pln_pro", "groupLabel": "Pro", "outstanding": count(1, "55.00"), "paid": nothing,
         "writtenOff": nothing},
        {"groupKey": "other", "groupLabel": "Other", "outstanding": count(1, "1.00"), "paid": nothing,
         "writtenOff": nothing},
    ]  # fmt: skip
    assert [each["groupBreakdown"] for each in plans["trend"]] == [
        [
            {"groupKey": "pln_lite", "groupLabel": "Lite", "revenue": "40.00", "issuedInvoices": "40.00"},
            {"groupKey": "pln_pro", "groupLabel": "Pro", "revenue": "50.00", "issuedInvoices": "50.00"},
            {"groupKey": "other", "groupLabel": "Other", "revenue": "1.00", "issuedInvoices": "1.00"},
        ],
        [{"groupKey": "pln_pro", "groupLabel": "Pro", "revenue": "-20.00", "issuedInvoices": "0.00"}],
    ]
    assert [(group["groupKey"], group["groupLabel"]) for group in customers["groupBreakdown"]] == [
        ("cus_abc123", "Example Customer")
    ]
    assert (plans["netRevenue"], customers["netRevenue"]) == ("71.00", "71.00")


def test_currencies_come_primary_first_and_replace_the_figures(biller: Biller, revenue: Callable[..., Any]) -> None:
    for amount, currency in ((1, "GBP"), (2, "USD"), (3, "EUR")):
        biller.invoice(amount=amount, currency=currency)

    found = revenue(groupBy="currency")

    assert set(found) == {"object", "currencyBreakdown"}
    assert [(each["currency"], each["netRevenue"]) for each in found["currencyBreakdown"]] == [
        ("USD", "2.00"), ("EUR", "3.00"), ("GBP", "1.00"),
    ]  # fmt: skip
    assert {frozenset(each) for each in found["currencyBreakdown"]} == {
        frozenset({"currency", "netRevenue", "invoices", "payments", "trend"})
    }
    (only,) = revenue(groupBy="currency", currency="EUR")["currencyBreakdown"]
    assert only["currency"] == "EUR"


@pytest.mark.parametrize(
    ("width", "timestamps"),
    [
        ("hour", ["2026-02-04T23:00:00Z", "2026-02-05T00:00:00Z", "2026-02-09T13:00:00Z"]),
        ("day", ["2026-02-04T00:00:00Z", "2026-02-05T00:00:00Z", "2026-02-09T00:00:00Z"]),
        ("week", ["2026-02-02T00:00:00Z", "2026-02-09T00:00:00Z"]),
    ],
)
def test_buckets_are_hours_days_or_weeks_from_monday(
    biller: Biller, revenue: Callable[..., Any], width: str, timestamps: list[str]
) -> None:
    for at in ("2026-02-04T23:59:59Z", "2026-02-05T00:00:00Z", "2026-02-09T13:14:15Z"):
        biller.invoice(issued_at=at)

    trend = revenue(bucketWidth=width)["trend"]

    assert [each["timestamp"] for each in trend] == timestamps
    assert sum(Decimal(each["revenue"]) for each in trend) == 300


def test_buckets_in_which_nothing_happened_are_left_out_unless_the_world_fills_them(
    biller: Biller, revenue: Callable[..., Any], flip: Callable[..., None]
) -> None:
    biller.invoice()

    assert len(revenue()["trend"]) == 1
    flip(zero_fill=True)
    filled = revenue()["trend"]
    assert len(filled) == 28
    assert [each["revenue"] for each in filled].count("0.00") == 27


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ({}, ["endTime", "startTime"]),
        ({**FEBRUARY, "bucketWidth": "DAY", "groupBy": "plan,customer", "periodBasis": "x", "currency": "usd",
          "merchantId": "acme"}, ["bucketWidth", "currency", "groupBy", "merchantId", "periodBasis"]),
        ({"startTime": "2026-02-01", "endTime": "x"}, ["endTime", "startTime"]),
    ],
)  # fmt: skip
def test_every_faulty_parameter_is_named(paygentic: httpx.Client, query: dict[str, str], fields: list[str]) -> None:
    answer = paygentic.get("/v0/revenue", params=query)

    assert answer.status_code == 400
    assert sorted(error["field"] for error in answer.json()["errors"]) == fields


def test_a_window_must_have_a_length_and_not_too_many_buckets(paygentic: httpx.Client) -> None:
    for query, message in (
        ({"endTime": FEBRUARY["startTime"]}, "startTime must be before endTime"),
        ({"endTime": "2036-02-01T00:00:00Z", "bucketWidth": "hour"}, "the window holds more than 50000 hour buckets"),
    ):
        answer = paygentic.get("/v0/revenue", params={**FEBRUARY, **query})
        assert (answer.status_code, answer.json()["message"]) == (400, message)


def test_revenue_is_the_organizations_own_and_wants_a_permission(
    paygentic: httpx.Client, flip: Callable[..., None]
) -> None:
    foreign = paygentic.get("/v0/revenue", params={**FEBRUARY, "merchantId": "org_other"})
    flip(revenue_read=False)
    denied = paygentic.get("/v0/revenue", params=FEBRUARY)

    assert (foreign.status_code, foreign.json()["reason"]) == (403, "not_member")
    assert (denied.status_code, denied.json()["requiredPermissions"]) == (403, ["revenue:read"])


def test_the_vendors_client_reads_revenue(sdk: Paygentic, biller: Biller) -> None:
    biller.invoice(plan_id="p", plan_name="P", subscription_id="sub_1")
    february = partial(
        sdk.revenue.get,
        start_time=datetime(2026, 2, 1),  # noqa: DTZ001
        end_time=datetime(2026, 3, 1, tzinfo=UTC),
    )

    found = february(group_by="plan", subscription_ids=["sub_1", "sub_2"], bucket_width="week")
    split = february(group_by="currency")
    none = february(customer_id="cus_none", period_basis="billingPeriod")

    assert (found.net_revenue, found.currency) == ("100.00", "USD")
    assert found.trend is not None
    assert found.trend[0].group_breakdown is not None
    assert (found.trend[0].timestamp, found.trend[0].group_breakdown[0].group_label) == (
        datetime(2026, 2, 2, tzinfo=UTC), "P",
    )  # fmt: skip
    assert split.currency_breakdown is not None
    assert split.currency_breakdown[0].net_revenue == "100.00"
    assert none.revenue_range is None


# Against plain loops

AMOUNT = st.decimals(0, 1000, places=6)
FIRST = parse_instant("2026-01-25T00:00:00Z")
AT = st.integers(FIRST, FIRST + 40 * DAY)


@st.composite
def invoices(draw: st.DrawFn) -> Invoice:
    issued = draw(AT)
    amount, tax = draw(AMOUNT), draw(AMOUNT)
    refunds = [
        Refund(amount=(amount / 2).quantize(Decimal("0.000001"), ROUND_DOWN), at=issued + draw(st.integers(0, DAY)))
        for _ in range(draw(st.integers(0, 2)))
    ]  # fmt: skip
    status: Any = draw(st.sampled_from(["outstanding", "paid", "written_off"]))
    return Invoice(
        customer_id="cus_abc123", currency=draw(st.sampled_from(["USD", "EUR"])), amount=amount, tax=tax,
        issued_at=issued, status=status, plan_id=draw(st.sampled_from([None, "a", "b"])),
        payments=(Payment(amount=tax, at=issued + DAY),), refunds=tuple(refunds),
    )  # fmt: skip


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(made=st.lists(invoices(), max_size=12), window=st.tuples(AT, AT), width=st.sampled_from(["hour", "day", "week"]))
def test_revenue_agrees_with_plain_loops(
    simulator: Simulator, transport: InProcessTransport, made: list[Invoice], window: tuple[int, int], width: str
) -> None:
    start, end = min(window), max(window) + 1
    with simulator.store.committed():
        world = simulator.worlds.reset(simulator.worlds.admit("acme"))
        assert vendor.billing is not None
        vendor.billing.record(world, made)
    headers = {"authorization": "Bearer sk_test_acme"}
    with httpx.Client(transport=transport, base_url="http://mock", headers=headers) as http:
        query = {"startTime": format_instant(start), "endTime": format_instant(end), "bucketWidth": width}
        found = http.get("/v0/revenue", params={**query, "groupBy": "plan"}).json()

    dollars = [each for each in made if each.currency == "USD"]
    issued = [each for each in dollars if start <= each.issued_at < end]
    refunds = [refund for each in dollars for refund in each.refunds if start <= refund.at < end]
    expected = sum((each.amount for each in issued), Decimal(0)) - sum((each.amount for each in refunds), Decimal(0))
    total = sum((each.amount + each.tax for each in issued), Decimal(0))
    cent = Decimal("0.01")
    assert Decimal(found["netRevenue"]) == expected.quantize(cent, ROUND_HALF_UP)
    assert Decimal(found["invoices"]["issued"]["amount"]) == total.quantize(cent, ROUND_HALF_UP)
    assert found["refundCount"] == len(refunds)
    assert sum(each["count"] for name, each in found["invoices"].items() if name != "issued") == len(issued)
    # Each bucket is rounded once.
    off_by = abs(sum((Decimal(each["revenue"]) for each in found["trend"]), Decimal(0)) - expected)
    assert off_by <= cent * (len(found["trend"]) + 1) / 2
