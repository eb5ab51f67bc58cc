"""Summaries: windows, groups, series and filters, and an independent oracle for all of them together."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from tests.vendors.paygentic.conftest import MONTH, Merchant


@pytest.fixture
def cost(merchant: Merchant) -> Any:
    """A cost, and five events of two days, three subjects and two providers."""
    made = merchant.create(unitCost=2)
    for at, subject, provider, amount in [
        ("2026-02-01T00:00:00Z", "a", "x", "0.1"),
        ("2026-02-01T00:59:59.999999Z", "b", "x", "0.2"),
        ("2026-02-01T01:00:00Z", "a", "y", "-0.05"),
        ("2026-02-02T23:59:59.999999Z", "c", "y", "1000000000000.25"),
        ("2026-02-03T00:00:00Z", "a", "x", '"7"'),
    ]:
        merchant.send(f'{{"amount": {amount}, "provider": "{provider}"}}', subject=subject, timestamp=at)
    return made


def test_the_keys_of_a_plain_summary(merchant: Merchant, cost: Any) -> None:
    assert merchant.summary(cost, to="2026-02-02T00:00:00Z") == {
        "object": "cost",
        "id": cost["id"],
        "name": cost["name"],
        "type": "metered",
        "currency": "USD",
        "eventType": cost["eventType"],
        "totalCost": Decimal("0.5"),
        "totalQuantity": Decimal("0.25"),
    }


def test_the_unit_is_there_when_the_cost_has_one(merchant: Merchant, cost: Any) -> None:
    merchant.patch(cost, unit="token")

    assert merchant.summary(cost)["unit"] == "token"


@pytest.mark.source("paygentic/sdk-0.6.3 window bounds", grade="sdk")
@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("2026-02-01T00:00:00Z", "2026-02-01T00:59:59.999999Z", "0.1"),
        ("2026-02-01T00:00:00Z", "2026-02-01T01:00:00Z", "0.3"),
        ("2026-02-01T00:00:00.000001Z", "2026-02-01T01:00:00.000001Z", "0.15"),
        ("2026-02-02T00:00:00Z", "2026-02-03T00:00:00Z", "1000000000000.25"),
        ("2026-02-03T00:00:00Z", "2026-02-03T00:00:00.000001Z", "7"),
        ("2026-02-01T05:30:00 05:30", "2026-02-01T06:30:00%2B05:30", "0.3"),
        ("2026-02-01T00:00:00", "2026-02-01T00:59:59.999999999", "0.1"),
        ("2027-01-01T00:00:00Z", "2028-01-01T00:00:00Z", "0"),
    ],
)
def test_a_window_holds_its_start_but_not_its_end(
    merchant: Merchant, cost: Any, start: str, end: str, expected: str
) -> None:
    query = f"from={start.replace(' ', '+')}&to={end}"

    body = merchant.expect(200, merchant.http.get(f"/v0/costs/{cost['id']}/summary?{query}"))

    assert body["totalQuantity"] == Decimal(expected)


def test_groups_and_series_are_independent(merchant: Merchant, cost: Any) -> None:
    both = merchant.summary(cost, to="2026-02-02T00:00:00Z", groupBy=" provider , provider", window="HOUR")

    assert both["groups"] == [
        {"dimensions": {"provider": "x"}, "quantity": Decimal("0.3"), "cost": Decimal("0.6")},
        {"dimensions": {"provider": "y"}, "quantity": Decimal("-0.05"), "cost": Decimal("-0.1")},
    ]
    assert both["timeSeries"] == [
        {
            "windowStart": "2026-02-01T00:00:00Z", "windowEnd": "2026-02-01T01:00:00Z",
            "quantity": Decimal("0.3"), "cost": Decimal("0.6"),
        },
        {
            "windowStart": "2026-02-01T01:00:00Z", "windowEnd": "2026-02-01T02:00:00Z",
            "quantity": Decimal("-0.05"), "cost": Decimal("-0.1"),
        },
    ]  # fmt: skip


def test_a_filter_holds_for_total_groups_and_series(merchant: Merchant, cost: Any) -> None:
    found = merchant.summary(
        cost, groupBy="operation", window="DAY", filterGroupBy='{"provider": "x", "operation": null}', subject="a"
    )

    assert found["totalQuantity"] == Decimal("7.1")
    assert [group["quantity"] for group in found["groups"]] == [Decimal("7.1")]
    assert [point["quantity"] for point in found["timeSeries"]] == [Decimal("0.1"), 7]


def test_empty_buckets_are_left_out_unless_the_world_fills_them(
    merchant: Merchant, cost: Any, flip: Callable[..., None]
) -> None:
    query = {"from_": "2026-02-02T12:00:00Z", "to": "2026-02-05T00:00:00Z", "window": "DAY"}

    assert [p["windowStart"][8:10] for p in merchant.summary(cost, **query)["timeSeries"]] == ["02", "03"]
    flip(zero_fill=True)
    assert [p["quantity"] for p in merchant.summary(cost, **query)["timeSeries"]] == [Decimal("1000000000000.25"), 7, 0]


@pytest.mark.parametrize(
    ("query", "field", "code"),
    [
        ("to=2026-02-01T00:00:00Z", "from", "required"),
        ("from=2026-02-01T00:00:00Z", "to", "required"),
        ("from=2026-02-01&to=2026-03-01T00:00:00Z", "from", "invalid_format"),
        ("{w}&window=MONTH", "window", "invalid_enum"),
        ("{w}&window=day", "window", "invalid_enum"),
        ("{w}&groupBy=", "groupBy", "unknown_key"),
        ("{w}&groupBy=provider,,operation", "groupBy", "unknown_key"),
        ("{w}&groupBy=region", "groupBy", "unknown_key"),
        ("{w}&groupBy=subject", "groupBy", "unknown_key"),
        ("{w}&filterGroupBy=%7B%22region%22%3A1%7D", "filterGroupBy", "unknown_key"),
        ("{w}&filterGroupBy=provider", "filterGroupBy", "invalid_format"),
        ("{w}&filterGroupBy=%7B%22provider%22%3A%5B%5D%7D", "filterGroupBy", "invalid_format"),
    ],
)
def test_a_faulty_parameter_is_named(merchant: Merchant, cost: Any, query: str, field: str, code: str) -> None:
    text = query.replace("{w}", f"from={MONTH['from']}&to={MONTH['to']}")

    answer = merchant.http.get(f"/v0/costs/{cost['id']}/summary?{text}")

    assert answer.status_code == 400
    assert [(error["field"], error["code"]) for error in answer.json()["errors"]] == [(field, code)]


@pytest.mark.parametrize(
    "query",
    [
        {"from": MONTH["to"], "to": MONTH["from"]},
        {"from": MONTH["to"], "to": MONTH["to"]},
        {"from": "2026-01-01T00:00:00Z", "to": "2026-03-01T00:00:00Z", "window": "MINUTE"},
    ],
)
def test_a_window_no_single_field_is_to_blame_for(merchant: Merchant, cost: Any, query: dict[str, str]) -> None:
    answer = merchant.http.get(f"/v0/costs/{cost['id']}/summary", params=query)

    assert (answer.status_code, answer.json()["error"]) == (400, "bad_request")


@pytest.mark.parametrize("cleared", ["eventType", "aggregation"])
def test_a_cost_that_cannot_be_computed_has_null_totals(merchant: Merchant, cost: Any, cleared: str) -> None:
    merchant.patch(cost, **{cleared: None})

    found = merchant.summary(cost, groupBy="provider", window="DAY")

    assert (found["totalCost"], found["totalQuantity"], found["groups"], found["timeSeries"]) == (None, None, [], [])
    assert ("eventType" in found) is (cleared != "eventType")


@pytest.mark.parametrize("aggregation", ["AVG", "MIN", "MAX", "LATEST", "SUM", "COUNT", "UNIQUE_COUNT"])
def test_settings_hold_for_events_of_the_past(merchant: Merchant, cost: Any, aggregation: str) -> None:
    expected = {"AVG": Decimal("200000000001.5"), "MIN": Decimal("-0.05"), "MAX": Decimal("1000000000000.25"),
                "LATEST": 7, "SUM": Decimal("1000000000007.5"), "COUNT": 5, "UNIQUE_COUNT": 5}  # fmt: skip

    merchant.patch(cost, aggregation=aggregation)

    assert merchant.total(cost) == expected[aggregation]
