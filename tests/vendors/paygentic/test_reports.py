"""The cost report: groups by cost, customer and dimension, the rest, the period before, buckets, ranges, paging."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx
import pytest
from paygentic_sdk import Paygentic, errors, models

from mockserver.app import Simulator
from tests.vendors.paygentic.conftest import MERCHANT, MONTH, Merchant

CONSUMER = {
    "name": "North Ltd",
    "email": "ap@north.example",
    "address": {"line1": "1 Quay", "city": "Oslo", "country": "NO", "zipCode": "0150"},
}


def report(merchant: Merchant, **query: Any) -> Any:
    """Return the report of February, or of another window."""
    wanted = {**MONTH, "groupBy": "cost", **{name.rstrip("_"): value for name, value in query.items()}}
    return merchant.expect(200, merchant.http.get("/v0/costs/report", params=wanted))


def enrol(merchant: Merchant, name: str, external_id: str | None = None) -> str:
    consumer = {**CONSUMER, "name": name, "email": f"{name.lower()}@mail.example"}
    body = {"merchantId": MERCHANT, "consumer": consumer, **({"externalId": external_id} if external_id else {})}
    return str(merchant.expect(201, merchant.http.post("/v0/customers", json=body))["customerId"])


def brief(found: Any, *names: str) -> list[tuple[Any, ...]]:
    """Return some members of each group."""
    return [tuple(group[name] for name in names) for group in found["groups"]]


@pytest.fixture
def tokens(merchant: Merchant) -> Any:
    """A cost per token, in its own unit, with two dimensions."""
    return merchant.create(name="Tokens", unitCost=0.5, unit="token")


@pytest.fixture
def pages(merchant: Merchant) -> Any:
    """A cost per page, counted."""
    return merchant.create(
        name="Pages", eventType="cost.page", aggregation="COUNT", valueProperty=..., unitCost=3, unit="page",
        groupBy={"engine": "$.engine"},
    )  # fmt: skip


@pytest.fixture
def usage(merchant: Merchant, tokens: Any, pages: Any) -> None:
    """Three subjects, two costs, two months."""
    for at, subject, provider, amount in [
        ("2026-01-05T00:00:00Z", "ann", "x", 8),
        ("2026-01-31T23:59:59.999999Z", "bob", "y", 1),
        ("2026-02-01T00:00:00Z", "ann", "x", 4),
        ("2026-02-01T05:00:00Z", "bob", "y", "0.1"),
        ("2026-02-03T00:00:00Z", "ann", "y", "0.2"),
        ("2026-02-28T23:59:59.999999Z", "cid", "x", 20),
        ("2026-03-01T00:00:00Z", "ann", "x", 1000),
    ]:
        merchant.send({"amount": amount, "provider": provider}, subject=subject, timestamp=at)
    for at, subject in [("2026-02-02T00:00:00Z", "bob"), ("2026-02-02T01:00:00Z", "bob")]:
        merchant.send({"engine": "fast"}, type="cost.page", subject=subject, timestamp=at)


def test_an_empty_report_has_every_member(merchant: Merchant) -> None:
    assert report(merchant) == {
        "object": "cost_report",
        "currency": "USD",
        "period": {"from": "2026-02-01T00:00:00Z", "to": "2026-03-01T00:00:00Z"},
        "groupBy": "cost",
        "totalCost": 0,
        "totalQuantity": 0,
        "groups": [],
        "timeSeries": [],
        "availableDimensions": [],
        "warnings": [],
        "groupCount": 0,
        "emptyGroupCount": 0,
        "costRange": None,
        "pagination": {"limit": 25, "offset": 0, "total": 0},
    }


@pytest.mark.usefixtures("usage")
def test_by_cost_each_cost_is_a_group_with_its_unit(merchant: Merchant, tokens: Any, pages: Any) -> None:
    idle = merchant.create(name="Idle", eventType="cost.idle")

    found = report(merchant)

    assert found["groups"] == [
        {
            "key": tokens["id"], "label": "Tokens", "totalCost": Decimal("12.15"), "totalQuantity": Decimal("24.3"),
            "percentOfTotal": Decimal("66.94"), "isOther": False, "unit": "token",
        },
        {
            "key": pages["id"], "label": "Pages", "totalCost": 6, "totalQuantity": 2,
            "percentOfTotal": Decimal("33.06"), "isOther": False, "unit": "page",
        },
        {
            "key": idle["id"], "label": "Idle", "totalCost": 0, "totalQuantity": 0,
            "percentOfTotal": 0, "isOther": False, "unit": None,
        },
    ]  # fmt: skip
    assert (found["totalCost"], found["totalQuantity"]) == (Decimal("18.15"), Decimal("26.3"))
    assert (found["groupCount"], found["emptyGroupCount"], "costRange" in found) == (3, 1, False)


@pytest.mark.usefixtures("usage")
def test_by_customer_every_cost_adds_to_its_subjects(merchant: Merchant) -> None:
    found = report(merchant, groupBy="customer")

    assert brief(found, "key", "label", "totalCost", "totalQuantity", "unit") == [
        ("cid", "cid", 10, 20, None),
        ("bob", "bob", Decimal("6.05"), Decimal("2.1"), None),
        ("ann", "ann", Decimal("2.1"), Decimal("4.2"), None),
    ]
    assert found["totalCost"] == Decimal("18.15")


@pytest.mark.usefixtures("usage")
def test_by_dimension_the_values_of_the_one_named_cost_are_groups(merchant: Merchant, tokens: Any) -> None:
    merchant.send({"amount": 1}, timestamp="2026-02-05T00:00:00Z")

    found = report(merchant, groupBy="provider", costId=tokens["id"])

    assert brief(found, "key", "label", "totalQuantity", "unit") == [
        ("x", "x", 24, "token"),
        ("", "", 1, "token"),
        ("y", "y", Decimal("0.3"), "token"),
    ]
    assert found["availableDimensions"] == ["operation", "provider"]


@pytest.mark.usefixtures("usage")
def test_groups_agree_with_summaries(merchant: Merchant, tokens: Any, pages: Any) -> None:
    by_cost = {group["key"]: group["totalCost"] for group in report(merchant)["groups"]}
    by_customer = {group["key"]: group["totalCost"] for group in report(merchant, groupBy="customer")["groups"]}
    by_provider = report(merchant, groupBy="provider", costId=tokens["id"], windowSize="DAY")

    assert by_cost == {cost["id"]: merchant.summary(cost)["totalCost"] for cost in (tokens, pages)}
    assert by_customer == {
        subject: sum(merchant.summary(cost, subject=subject)["totalCost"] for cost in (tokens, pages))
        for subject in ("ann", "bob", "cid")
    }
    daily = merchant.summary(tokens, window="DAY", groupBy="provider")
    assert [sum(bucket["groups"].values()) for bucket in by_provider["timeSeries"]] == [
        point["cost"] for point in daily["timeSeries"]
    ]
    assert brief(by_provider, "key", "totalCost") == [
        (group["dimensions"]["provider"], group["cost"]) for group in daily["groups"]
    ]


@pytest.mark.parametrize(
    ("aggregation", "expected"),
    [
        ("AVG", [("b", 5), ("a", 3)]), ("MIN", [("b", 5), ("a", 1)]), ("MAX", [("a", 5), ("b", 5)]),
        ("LATEST", [("b", 5), ("a", 1)]), ("UNIQUE_COUNT", [("a", 2), ("b", 1)]),
    ],
)  # fmt: skip
def test_totals_are_sums_of_groups_even_where_aggregations_do_not_add_up(
    merchant: Merchant, aggregation: str, expected: list[tuple[str, int]]
) -> None:
    merchant.create(aggregation=aggregation)
    for subject, amount, day in [("a", 5, "01"), ("b", 5, "02"), ("a", 1, "03"), ("a", 1, "01")]:
        merchant.send({"amount": amount}, subject=subject, timestamp=f"2026-02-{day}T00:00:00Z")
    if aggregation == "AVG":
        merchant.send({"amount": 5}, subject="a", timestamp="2026-02-04T00:00:00Z")

    found = report(merchant, groupBy="customer")

    assert brief(found, "key", "totalQuantity") == expected
    assert found["totalQuantity"] == sum(quantity for _, quantity in expected)


def test_customers_are_called_by_name_even_when_they_are_gone(merchant: Merchant, tokens: Any) -> None:
    north, south = enrol(merchant, "North", "north-01"), enrol(merchant, "South", "south-01")
    for subject in (north, south, "somebody"):
        merchant.send({"amount": 1}, subject=subject)
    merchant.send({"amount": 4}, subject=..., externalSubject="north-01")
    merchant.send({"amount": 2}, subject=..., externalSubject="east-01")
    merchant.expect(204, merchant.http.delete(f"/v0/customers/{south}"))

    assert brief(report(merchant, groupBy="customer"), "key", "label", "totalQuantity") == [
        (north, "North", 5),
        ("east-01", "east-01", 2),
        *sorted([(south, "South", 1), ("somebody", "somebody", 1)]),
    ]


@pytest.mark.source("paygentic/assumptions external subjects in the report", grade="assumed")
def test_an_external_subject_that_nobody_has_joins_its_customer_once_there_is_one(
    merchant: Merchant, tokens: Any
) -> None:
    merchant.send({"amount": 2}, subject=..., externalSubject="east-01")
    merchant.send({"amount": 3}, subject="east-01")
    merchant.send({"amount": 1}, subject="west-01")
    query = {"groupBy": "customer", "topN": 2, "windowSize": "DAY"}
    before = report(merchant, **query)
    assert brief(before, "key", "label", "totalQuantity") == [("east-01", "east-01", 5), ("west-01", "west-01", 1)]
    assert [bucket["groups"] for bucket in before["timeSeries"]] == [
        {"east-01": Decimal("2.5"), "west-01": Decimal("0.5")}
    ]

    east = enrol(merchant, "East", "east-01")

    after = report(merchant, **query)
    assert brief(after, "key", "label", "totalQuantity") == [
        ("east-01", "east-01", 3),
        (east, "East", 2),
        ("__other__", "Other", 1),
    ]
    assert [bucket["groups"] for bucket in after["timeSeries"]] == [
        {"east-01": Decimal("1.5"), east: 1, "__other__": Decimal("0.5")}
    ]


@pytest.mark.usefixtures("usage")
def test_subject_and_filter_narrow_what_is_counted(merchant: Merchant, tokens: Any, pages: Any) -> None:
    assert brief(report(merchant, subject="bob"), "label", "totalQuantity") == [
        ("Pages", 2),
        ("Tokens", Decimal("0.1")),
    ]
    assert brief(report(merchant, groupBy="customer", subject="bob"), "key", "totalCost") == [("bob", Decimal("6.05"))]
    filtered = report(merchant, filterGroupBy='{"provider": "y"}')
    assert brief(filtered, "label", "totalQuantity") == [("Tokens", Decimal("0.3")), ("Pages", 0)]
    both = report(merchant, filterGroupBy='{"provider": "y"}', groupBy="customer", subject="ann", windowSize="MONTH")
    assert brief(both, "key", "totalQuantity") == [("ann", Decimal("0.2"))]
    assert both["timeSeries"][0]["groups"] == {"ann": Decimal("0.1")}


@pytest.mark.usefixtures("usage")
def test_costs_may_be_named_and_unknown_ones_are_warned_of(merchant: Merchant, tokens: Any, pages: Any) -> None:
    deleted = merchant.create(name="Old")
    merchant.expect(204, merchant.http.delete(f"/v0/costs/{deleted['id']}"))

    both = report(merchant, costId=[pages["id"], tokens["id"], pages["id"]])
    one = report(merchant, costId=[pages["id"], "cst_none", deleted["id"]])

    assert brief(both, "label") == [("Tokens",), ("Pages",)]
    assert (both["warnings"], both["availableDimensions"]) == ([], [])
    assert brief(one, "label") == [("Pages",)]
    assert one["warnings"] == [f"Cost {name} was not found and is left out" for name in ("cst_none", deleted["id"])]


@pytest.mark.usefixtures("usage")
def test_a_report_is_in_one_currency_the_primary_one_unless_named(merchant: Merchant, tokens: Any) -> None:
    euros = merchant.create(name="Euros", currency="EUR")

    assert brief(report(merchant), "label") == [("Tokens",), ("Pages",)]
    assert brief(report(merchant, currency="EUR"), "key", "totalCost") == [(euros["id"], Decimal("24.3"))]
    assert report(merchant, currency="EUR")["currency"] == "EUR"
    assert report(merchant, costId=euros["id"])["warnings"] == [
        f"Cost {euros['id']} is in EUR and is left out of a report in USD"
    ]


@pytest.mark.usefixtures("usage")
def test_below_the_top_is_other_and_the_page_is_cut_last(merchant: Merchant) -> None:
    found = report(merchant, groupBy="customer", topN=1)
    second = report(merchant, groupBy="customer", topN=1, offset=1, limit=1, windowSize="MONTH")

    assert brief(found, "key", "label", "totalCost", "isOther", "unit") == [
        ("cid", "cid", 10, False, None),
        ("__other__", "Other", Decimal("8.15"), True, None),
    ]
    assert found["pagination"] == {"limit": 25, "offset": 0, "total": 3}
    assert brief(second, "key") == [("__other__",)]
    assert [bucket["groups"] for bucket in second["timeSeries"]] == [{"__other__": Decimal("8.15")}]
    assert second["pagination"] == {"limit": 1, "offset": 1, "total": 3}


@pytest.mark.usefixtures("usage")
def test_sorting_by_quantity_and_upwards(merchant: Merchant) -> None:
    by_quantity = report(merchant, groupBy="customer", sort="totalQuantity")
    upwards = report(merchant, groupBy="customer", sort="totalCost", sortDir="asc", topN=2)

    assert brief(by_quantity, "key") == [("cid",), ("ann",), ("bob",)]
    assert brief(upwards, "key") == [("ann",), ("bob",), ("__other__",)]


@pytest.mark.usefixtures("usage")
def test_the_period_before_is_as_long_and_ends_where_this_one_starts(merchant: Merchant) -> None:
    found = report(merchant, groupBy="customer", comparePriorPeriod="true", topN=2)

    assert brief(found, "key", "priorPeriod") == [
        ("cid", {"cost": 0, "changePercent": None}),
        ("bob", {"cost": Decimal("0.5"), "changePercent": 1110}),
        ("__other__", {"cost": 4, "changePercent": Decimal("-47.5")}),
    ]
    assert "priorPeriod" not in report(merchant, comparePriorPeriod="false")["groups"][0]


@pytest.mark.usefixtures("usage")
def test_buckets_name_every_shown_group(merchant: Merchant, flip: Callable[..., None]) -> None:
    query = {"groupBy": "customer", "windowSize": "DAY", "to": "2026-02-05T00:00:00Z"}
    found = report(merchant, **query)["timeSeries"]

    assert found == [
        {
            "windowStart": "2026-02-01T00:00:00Z", "windowEnd": "2026-02-02T00:00:00Z",
            "groups": {"bob": Decimal("0.05"), "ann": 2},
        },
        {
            "windowStart": "2026-02-02T00:00:00Z", "windowEnd": "2026-02-03T00:00:00Z",
            "groups": {"bob": 6, "ann": 0},
        },
        {
            "windowStart": "2026-02-03T00:00:00Z", "windowEnd": "2026-02-04T00:00:00Z",
            "groups": {"bob": 0, "ann": Decimal("0.1")},
        },
    ]  # fmt: skip
    flip(zero_fill=True)
    assert report(merchant, **query)["timeSeries"][3]["groups"] == {"bob": 0, "ann": 0}


@pytest.mark.usefixtures("usage")
@pytest.mark.parametrize("aggregation", ["SUM", "COUNT", "AVG", "UNIQUE_COUNT"])
def test_buckets_add_up_to_the_rest_whatever_is_told_apart(merchant: Merchant, tokens: Any, aggregation: str) -> None:
    merchant.patch(tokens, aggregation=aggregation)
    query = {"groupBy": "customer", "windowSize": "HOUR", "from_": "2026-01-31T23:30:00Z", "filterGroupBy": "{}"}

    full, folded = report(merchant, **query)["timeSeries"], report(merchant, topN=1, **query)

    shown = folded["groups"][0]["key"]
    assert folded["timeSeries"] == [
        {
            **bucket,
            "groups": {
                shown: bucket["groups"][shown],
                "__other__": sum(cost for key, cost in bucket["groups"].items() if key != shown),
            },
        }
        for bucket in full
    ]
    assert len(full) > 3


def test_a_series_of_nobody_is_empty(merchant: Merchant, tokens: Any) -> None:
    found = report(merchant, groupBy="customer", windowSize="HOUR", from_="2026-02-01T00:30:00Z")

    assert (found["groups"], found["timeSeries"]) == ([], [])


@pytest.mark.usefixtures("usage")
def test_months_are_calendar_months(merchant: Merchant) -> None:
    found = report(merchant, groupBy="customer", windowSize="MONTH", from_="2026-01-05T00:00:00Z",
                   to="2026-03-01T00:00:00.000001Z")  # fmt: skip

    assert [
        (bucket["windowStart"], bucket["windowEnd"], bucket["groups"]["ann"]) for bucket in found["timeSeries"]
    ] == [
        ("2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z", 4),
        ("2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z", Decimal("2.1")),
        ("2026-03-01T00:00:00Z", "2026-04-01T00:00:00Z", 500),
    ]
    assert found["totalCost"] == Decimal("522.65")


@pytest.mark.usefixtures("usage")
def test_empty_groups_are_left_out_on_request(merchant: Merchant, pages: Any) -> None:
    query = {"to": "2026-02-02T00:00:00Z"}
    every, some = report(merchant, **query), report(merchant, excludeEmpty="true", **query)

    assert (brief(every, "label"), every["pagination"]["total"]) == ([("Tokens",), ("Pages",)], 2)
    assert (brief(some, "label"), some["pagination"]["total"]) == ([("Tokens",)], 1)
    assert [(each["groupCount"], each["emptyGroupCount"]) for each in (every, some)] == [(2, 1), (2, 1)]


@pytest.mark.usefixtures("usage")
def test_a_report_without_cost_says_where_the_costs_events_are(merchant: Merchant, pages: Any) -> None:
    idle = merchant.create(name="Idle", eventType="cost.idle")
    query = {"from_": "2027-01-01T00:00:00Z", "to": "2027-02-01T00:00:00Z"}

    assert report(merchant, **query)["costRange"] == {"from": "2026-01-05T00:00:00Z", "to": "2026-03-01T00:00:00Z"}
    assert report(merchant, costId=[pages["id"], idle["id"]], **query)["costRange"] == {
        "from": "2026-02-02T00:00:00Z", "to": "2026-02-02T01:00:00Z",
    }  # fmt: skip
    assert report(merchant, costId=idle["id"], **query)["costRange"] is None
    assert report(merchant, costId="cst_none", **query)["costRange"] is None


@pytest.mark.usefixtures("usage")
@pytest.mark.source("paygentic/assumptions costs that cannot be computed", grade="assumed")
def test_a_cost_that_cannot_be_computed_is_warned_of_and_hides_nobody(
    merchant: Merchant, tokens: Any, pages: Any
) -> None:
    merchant.patch(pages, eventType=None)

    found = report(merchant, excludeEmpty="true")

    assert brief(found, "label", "totalCost") == [("Tokens", Decimal("12.15")), ("Pages", 0)]
    assert found["emptyGroupCount"] is None
    assert found["warnings"] == [f"Cost {pages['id']} has no event type or no aggregation and could not be computed"]
    assert brief(report(merchant, groupBy="customer"), "key") == [("cid",), ("ann",), ("bob",)]


def test_amounts_stay_exact_until_they_are_written(merchant: Merchant) -> None:
    merchant.create(unitCost=0.1)
    for amount in ("0.1", "0.2", "1e-24", "123456789012345678901234567890.5", "-123456789012345678901234567890.5"):
        merchant.send(f'{{"amount": {amount}}}', subject="a")

    found = report(merchant, groupBy="customer")

    assert found["groups"][0]["totalQuantity"] == Decimal("0.3")
    assert found["groups"][0]["totalCost"] == Decimal("0.03")


def test_ratios_beyond_every_number_are_the_greatest_number(merchant: Merchant) -> None:
    merchant.create()
    merchant.send('{"amount": 1e-199}', timestamp="2026-01-31T00:00:00Z")
    merchant.send('{"amount": 1e199}', timestamp="2026-02-01T00:00:00Z")

    assert brief(report(merchant, comparePriorPeriod="true"), "priorPeriod") == [
        ({"cost": Decimal("1e-199"), "changePercent": Decimal("1.7976931348623157e+308")},)
    ]


def test_the_widest_window_there_is_can_be_asked_for(merchant: Merchant, tokens: Any) -> None:
    merchant.send({"amount": 1})

    found = report(merchant, from_="0001-01-02T00:00:00Z", to="9999-12-30T00:00:00Z", comparePriorPeriod="true")

    assert brief(found, "totalQuantity", "priorPeriod") == [(1, {"cost": 0, "changePercent": None})]


WINDOW = f"from={MONTH['from']}&to={MONTH['to']}"


@pytest.mark.parametrize(
    ("query", "faults"),
    [
        ("", [("from", "required"), ("groupBy", "required"), ("to", "required")]),
        (f"{WINDOW}", [("groupBy", "required")]),
        (f"{WINDOW}&groupBy=", [("groupBy", "invalid_format")]),
        (f"{WINDOW}&groupBy=Cost", [("groupBy", "unknown_key")]),
        (f"{WINDOW}&groupBy=provider", [("groupBy", "unknown_key")]),
        (f"{WINDOW}&groupBy=provider&costId=cst_none", [("groupBy", "unknown_key")]),
        (f"{WINDOW}&groupBy=region&costId=cst_abc123", [("groupBy", "unknown_key")]),
        (f"{WINDOW}&groupBy=cost&costId=cst_a&costId=nope", [("costId", "invalid_format")]),
        (f"{WINDOW}&groupBy=cost&costId=", [("costId", "invalid_format")]),
        (f"{WINDOW}&groupBy=cost&topN=0&limit=0", [("limit", "out_of_range"), ("topN", "out_of_range")]),
        (f"{WINDOW}&groupBy=cost&topN=26&limit=101", [("limit", "out_of_range"), ("topN", "out_of_range")]),
        (f"{WINDOW}&groupBy=cost&topN=1.0&offset=-1", [("offset", "out_of_range"), ("topN", "invalid_type")]),
        (f"{WINDOW}&groupBy=cost&windowSize=MINUTE", [("windowSize", "invalid_enum")]),
        (f"{WINDOW}&groupBy=cost&windowSize=day", [("windowSize", "invalid_enum")]),
        (f"{WINDOW}&groupBy=cost&sort=cost&sortDir=DESC", [("sort", "invalid_enum"), ("sortDir", "invalid_enum")]),
        (
            f"{WINDOW}&groupBy=cost&comparePriorPeriod=1&excludeEmpty=True",
            [("comparePriorPeriod", "invalid_type"), ("excludeEmpty", "invalid_type")],
        ),
        (
            f"{WINDOW}&groupBy=cost&currency=usd&merchantId=x",
            [("currency", "invalid_format"), ("merchantId", "invalid_format")],
        ),
        (f"{WINDOW}&groupBy=cost&filterGroupBy={'x' * 4097}", [("filterGroupBy", "too_long")]),
        (f"{WINDOW}&groupBy=cost&filterGroupBy={'x' * 4096}", [("filterGroupBy", "invalid_format")]),
        (f"{WINDOW}&groupBy=cost&filterGroupBy=%7B%22region%22%3A1%7D", [("filterGroupBy", "unknown_key")]),
        (
            f"{WINDOW}&groupBy=region&filterGroupBy=%5B%5D",
            [("filterGroupBy", "invalid_format"), ("groupBy", "unknown_key")],
        ),
    ],
)  # fmt: skip
def test_a_faulty_parameter_is_named(merchant: Merchant, query: str, faults: list[tuple[str, str]]) -> None:
    merchant.create()

    answer = merchant.http.get(f"/v0/costs/report?{query}")

    assert answer.status_code == 400
    assert sorted((error["field"], error["code"]) for error in answer.json()["errors"]) == faults


def test_a_filter_has_at_most_five_keys(merchant: Merchant) -> None:
    merchant.create(groupBy={name: f"$.{name}" for name in "abcdef"})
    five = dict.fromkeys("abcde", 1)

    assert report(merchant, filterGroupBy=json.dumps(five))["warnings"] == []
    wanted = {**MONTH, "groupBy": "cost", "filterGroupBy": json.dumps({**five, "f": 1})}
    answer = merchant.http.get("/v0/costs/report", params=wanted)
    assert [(error["field"], error["code"]) for error in answer.json()["errors"]] == [("filterGroupBy", "too_long")]


@pytest.mark.parametrize(
    "query",
    [
        {"from": MONTH["to"], "to": MONTH["from"]},
        {"from": MONTH["to"], "to": MONTH["to"]},
        {"from": "2019-01-01T00:00:00Z", "to": "2026-01-01T00:00:00Z", "windowSize": "HOUR"},
    ],
)
def test_a_window_no_single_field_is_to_blame_for(paygentic: httpx.Client, query: dict[str, str]) -> None:
    answer = paygentic.get("/v0/costs/report", params={**query, "groupBy": "cost"})

    assert (answer.status_code, answer.json()["error"]) == (400, "bad_request")


def test_another_organizations_report_is_refused(paygentic: httpx.Client, flip: Callable[..., None]) -> None:
    query = {**MONTH, "groupBy": "cost", "merchantId": "org_other"}

    assert paygentic.get("/v0/costs/report", params=query).json()["reason"] == "not_member"
    flip(costs_read=False, costs_write=False)
    assert paygentic.get("/v0/costs/report").json()["reason"] == "no_permission"


def test_report_is_no_id_of_a_cost(paygentic: httpx.Client) -> None:
    assert paygentic.get("/v0/costs/report").status_code == 400
    assert paygentic.get("/v0/costs/reports").status_code == 404


@pytest.mark.usefixtures("usage")
def test_the_vendors_client_reads_every_kind_of_report(sdk: Paygentic, tokens: Any, pages: Any) -> None:
    window: dict[str, Any] = {"from_": datetime(2026, 2, 1, tzinfo=UTC), "to": datetime(2026, 3, 1, tzinfo=UTC)}

    by_cost = sdk.costs.get_cost_report(**window, group_by="cost", cost_id=[tokens["id"], pages["id"]])
    by_customer = sdk.costs.get_cost_report(
        **window, group_by="customer", top_n=1, compare_prior_period=True, window_size="DAY", exclude_empty=True,
        currency="USD", merchant_id=MERCHANT,
    )  # fmt: skip
    by_dimension = asyncio.run(
        sdk.costs.get_cost_report_async(
            **window, group_by="provider", cost_id=[tokens["id"]], filter_group_by='{"provider":"x"}', subject="ann"
        )
    )
    later = datetime(2027, 1, 1, tzinfo=UTC)
    empty = sdk.costs.get_cost_report(from_=window["to"], to=later, group_by="cost", cost_id=[pages["id"]])

    assert [(group.label, group.total_cost, group.unit) for group in by_cost.groups] == [
        ("Tokens", 12.15, "token"),
        ("Pages", 6, "page"),
    ]
    assert [group.key for group in by_customer.groups] == ["cid", "__other__"]
    other = by_customer.groups[1]
    assert other.is_other
    assert isinstance(other.prior_period, models.PriorPeriod)
    assert other.prior_period.cost == 4.5
    assert by_customer.time_series[-1].groups == {"cid": 10, "__other__": 0}
    assert [(group.key, group.total_quantity) for group in by_dimension.groups] == [("x", 4)]
    assert by_dimension.available_dimensions == ["operation", "provider"]
    assert isinstance(empty.cost_range, models.CostReportResponseCostRange)
    assert empty.cost_range.to == datetime(2026, 2, 2, 1, tzinfo=UTC)
    assert empty.empty_group_count == 1


def test_the_vendors_client_raises_its_own_error(sdk: Paygentic) -> None:
    day = datetime(2026, 2, 1, tzinfo=UTC)

    with pytest.raises(errors.BadRequest) as refused:
        sdk.costs.get_cost_report(from_=day, to=day, group_by="cost")

    assert refused.value.status_code == 400


@pytest.mark.usefixtures("usage")
def test_whole_hours_are_read_without_reading_events(merchant: Merchant, simulator: Simulator) -> None:
    def reads_events(**query: Any) -> bool:
        statements: list[str] = []
        simulator.store.conn.set_trace_callback(statements.append)
        report(merchant, groupBy="customer", **query)
        simulator.store.conn.set_trace_callback(None)
        return any("data FROM paygentic_events" in text and "at >=" in text for text in statements)

    assert not reads_events(comparePriorPeriod="true", windowSize="DAY")
    assert not reads_events(from_="2028-01-01T00:00:00Z", to="2028-01-01T05:00:00Z")
    assert reads_events(from_="2026-02-01T00:30:00Z")
