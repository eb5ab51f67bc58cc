"""What changes a bill: a price, longer prompts, an empty balance, one customer."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.scenarios.conftest import Perform
from tests.scenarios.performance import AUTO, CHAT, CONTRACTS, MERCHANT, Performance, instant

# A price


@pytest.fixture(scope="module")
def price(perform: Perform) -> Performance:
    return perform("price-change")


CHANGE = "2026-04-01"


def test_a_call_costs_half_as_much_again_from_the_first_of_the_month(price: Performance) -> None:
    def is_contract(entry: dict[str, Any]) -> bool:
        return bool(entry["subject"] == CONTRACTS)

    assert set(price.debits(end=CHANGE, of=is_contract)) == {90}
    assert set(price.debits(start=CHANGE, of=is_contract)) == {135}


def test_a_summary_by_the_day_has_the_new_price_from_that_day(price: Performance) -> None:
    def per_call(start: str, end: str, endpoint: str) -> float:
        cost, count = (price.groups("endpoint", each, start, end)[endpoint] for each in ("AI inference", "Calls"))
        return float(cost / count)

    assert per_call("2026-03-18", CHANGE, CONTRACTS) == pytest.approx(0.00009)
    assert per_call(CHANGE, "2026-04-15", CONTRACTS) == pytest.approx(0.000135)
    assert per_call(CHANGE, "2026-04-15", AUTO) == pytest.approx(per_call("2026-03-18", CHANGE, AUTO), rel=0.15)


def test_the_metric_rises_with_the_bill_while_the_listed_rate_stays(price: Performance) -> None:
    told = price.metric(CONTRACTS, "cost")

    before, after = (
        price.days(CONTRACTS, "cost", "buckets", *span) for span in (("2026-03-18", CHANGE), (CHANGE, "2026-04-15"))
    )
    assert told["cost_per_request_micro_usd"] == 90
    assert all(day["total_micro_usd"] == 90 * day["requests"] for day in before)
    assert all(day["total_micro_usd"] == 135 * day["requests"] for day in after)
    calls = [sum(day["requests"] for day in days) for days in (before, after)]
    assert calls[1] == pytest.approx(calls[0], rel=0.15), "nobody calls less for it"


# Longer prompts


@pytest.fixture(scope="module")
def prompts(perform: Perform) -> Performance:
    return perform("longer-prompts")


SPANS = (("2026-03-02", "2026-03-16"), ("2026-03-16", "2026-03-30"))


def test_calls_cost_more_although_there_are_as_many(prompts: Performance) -> None:
    calls, tokens, cost = (
        [prompts.groups("endpoint", name, *span)[CHAT] for span in SPANS]
        for name in ("Calls", "Prompt tokens", "AI inference")
    )

    assert calls[1] == pytest.approx(calls[0], rel=0.12)
    assert tokens[1] / calls[1] == pytest.approx(2.5 * tokens[0] / calls[0], rel=0.12)
    assert 1.8 < (cost[1] / calls[1]) / (cost[0] / calls[0]) < 2.4


def test_who_is_billed_by_the_call_notices_nothing(prompts: Performance) -> None:
    calls, tokens, cost = (
        [prompts.groups("endpoint", name, *span)[CONTRACTS] for span in SPANS]
        for name in ("Calls", "Prompt tokens", "AI inference")
    )

    assert [each / count for each, count in zip(cost, calls, strict=True)] == pytest.approx([0.00009, 0.00009])
    assert tokens[1] / calls[1] == pytest.approx(tokens[0] / calls[0], rel=0.15)


def test_usage_of_the_endpoint_tells_the_day(prompts: Performance) -> None:
    def longest(start: str, end: str) -> list[float]:
        days = prompts.days(CHAT, "activity", "points", start, end)
        return [day["prompt_tokens"] / day["succeeded"] for day in days if day["succeeded"] > 40]

    assert max(longest(*SPANS[0])) < min(longest(*SPANS[1]))


# An empty balance


@pytest.fixture(scope="module")
def wallet(perform: Perform) -> Performance:
    return perform("credit-exhaustion")


TOP_UP = "2026-03-14T09:00:00Z"


def refusals(wallet: Performance, start: str, end: str) -> int:
    return sum(each["failed"] for each in wallet.hours(CONTRACTS, "activity", "points", start, end))


def test_calls_are_refused_from_when_the_balance_is_gone_until_the_top_up(wallet: Performance) -> None:
    gone = next(entry for entry in wallet.ledger if entry["balance_micro_usd"] <= 0)
    after = wallet.ledger[wallet.ledger.index(gone) + 1]

    assert "2026-03-12T12:00:00Z" < gone["at"] < "2026-03-13T06:00:00Z"
    assert (after["kind"], after["at"], after["amount_micro_usd"]) == ("grant", TOP_UP, 2_000_000)
    assert refusals(wallet, "2026-03-09", gone["at"][:14] + "00:00Z") == 0
    assert refusals(wallet, "2026-03-14T10:00:00Z", "2026-03-18") == 0


def test_who_is_refused_asks_again_each_quarter_of_an_hour_at_most(wallet: Performance) -> None:
    refused = refusals(wallet, "2026-03-12T12:00:00Z", TOP_UP)

    customers, quarters = wallet.script.customers.count, 45 * 4
    assert 50 < refused < customers * quarters


def test_grants_less_debits_are_what_is_left(wallet: Performance) -> None:
    taken = sum(-entry["amount_micro_usd"] for entry in wallet.ledger if entry["kind"] == "debit")

    assert wallet.control("GET", "credits")["balance_micro_usd"] == 740_000 + 2_000_000 - taken
    assert Decimal(str(wallet.summary()["totalCost"])) == Decimal(taken).scaleb(-6)


# A margin


@pytest.fixture(scope="module")
def margins(perform: Perform) -> Performance:
    return perform("margin-squeeze")


def profits(margins: Performance, start: str, end: str) -> dict[str, tuple[Decimal, Decimal]]:
    """Return revenue and profit of each customer in a span, by external id."""
    told = margins.vendor(
        "/v0/profitability", merchantId=MERCHANT, topN=100, **{"from": f"{start}T00:00:01Z", "to": f"{end}T00:00:01Z"}
    )
    page = margins.vendor("/v0/customers", organizationId=MERCHANT, limit=100)
    names = {each["id"]: each["externalId"] for each in page["data"]}
    return {
        names[row["customerId"]]: (Decimal(row["netRevenue"]), Decimal(row["profit"]))
        for row in told["rows"] if names[row["customerId"]].startswith("customer-")
    }  # fmt: skip


def test_one_customer_costs_more_than_it_pays_in_the_end(margins: Performance) -> None:
    before, after = (profits(margins, *span) for span in (("2026-03-02", "2026-03-09"), ("2026-03-23", "2026-03-30")))

    assert before["customer-004"][0] == after["customer-004"][0] == 2
    assert before["customer-004"][1] > Decimal("1.20")
    assert after["customer-004"][1] < Decimal("-1.00")
    others = [name for name in after if name != "customer-004"]
    assert all(after[name][1] > 0 for name in others)
    assert sum(profit for _, profit in after.values()) > 0


def test_what_the_others_cost_does_not_move(margins: Performance) -> None:
    spans = (("2026-03-02", "2026-03-16"), ("2026-03-23", "2026-04-06"))
    costs = [
        sum(revenue - profit for name, (revenue, profit) in profits(margins, *span).items() if name != "customer-004")
        for span in spans
    ]

    assert float(costs[1]) == pytest.approx(float(costs[0]), rel=0.2)


def test_revenue_is_a_fee_a_week_for_each(margins: Performance) -> None:
    told = margins.vendor(
        "/v0/revenue", startTime="2026-03-02T00:00:01Z", endTime="2026-04-06T00:00:01Z", currency="USD"
    )

    assert Decimal(told["netRevenue"]) == 5 * (11 * 2 + 5)
    assert instant("2026-04-06") == margins.script.ends_at
