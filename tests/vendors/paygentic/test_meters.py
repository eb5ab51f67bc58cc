"""Meters: what billable metrics measured, in total, by bucket of time and by group."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx
import pytest
from paygentic_sdk import Paygentic

from mockserver.kernel.windows import format_instant, parse_instant
from tests.vendors.paygentic.conftest import MERCHANT, MONTH, PRODUCT, Merchant
from tests.vendors.paygentic.test_billable_metrics import PATH, create, patch

FEBRUARY = "2026-02-"


def measure(merchant: Merchant, metric: dict[str, Any], **query: Any) -> Any:
    """Return what a metric measured in February, or in another window."""
    wanted = {**MONTH, **{name.rstrip("_"): value for name, value in query.items()}}
    return merchant.expect(200, merchant.http.get(f"{PATH}/{metric['id']}/meter", params=wanted))


def total(merchant: Merchant, metric: dict[str, Any], **query: Any) -> Any:
    return measure(merchant, metric, **query)["totalValue"]


def send(merchant: Merchant, tokens: Any, day: str, subject: str = "ann", **data: Any) -> None:
    """Send an event of a day in February, such as `03T10:30`."""
    at = f"{FEBRUARY}{day}" + ("" if "T" in day else "T12:00") + ":00Z"
    merchant.send({"tokens": tokens, **data}, subject=subject, timestamp=at)


def named(groups: Sequence[Any]) -> list[tuple[dict[str, str], Any]]:
    return [(group["groupBy"], group["value"]) for group in groups]


def test_a_meter_answers_the_total_and_nothing_that_was_not_asked_for(merchant: Merchant) -> None:
    metric = create(merchant)
    send(merchant, 3, "01")
    send(merchant, 0.5, "02")

    assert measure(merchant, metric) == {
        "object": "meter", "billableMetricId": metric["id"], "totalValue": Decimal("3.5"),
    }  # fmt: skip


@pytest.mark.parametrize("aggregation", ["SUM", "COUNT", "AVG", "MIN", "MAX", "UNIQUE_COUNT", "LATEST"])
def test_a_total_of_nothing_is_zero_and_never_null(merchant: Merchant, aggregation: str) -> None:
    metric = create(merchant, aggregation=aggregation)

    empty = measure(merchant, metric, windowSize="DAY", groupBy="region", groupLimit=5)

    assert empty == {
        "object": "meter", "billableMetricId": metric["id"], "totalValue": 0,
        "windowedValues": [], "groupedValues": [], "groupCount": 0,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("aggregation", "expected"),
    [("SUM", 9), ("COUNT", 5), ("AVG", Decimal("2.25")), ("MIN", 1), ("MAX", 4), ("UNIQUE_COUNT", 3), ("LATEST", 1)],
)
def test_each_aggregation(merchant: Merchant, aggregation: str, expected: Any) -> None:
    metric = create(merchant, aggregation=aggregation)
    for tokens, day in ((4, "01"), (1, "03"), (3, "02"), (1, "01"), (None, "04")):
        send(merchant, tokens, day)

    assert total(merchant, metric) == expected


def test_one_event_feeds_a_metric_and_a_cost_at_once(merchant: Merchant) -> None:
    metric = create(merchant)
    counter = create(merchant, aggregation="COUNT")
    cost = merchant.create(valueProperty="$.tokens", groupBy={"region": "$.region"})
    send(merchant, 7, "01", region="eu")

    assert (total(merchant, metric), total(merchant, counter), merchant.total(cost)) == (7, 1, 7)
    merchant.expect(204, merchant.http.delete(f"/v0/costs/{cost['id']}"))
    send(merchant, 5, "02", region="us")
    assert total(merchant, metric) == 12


def test_a_change_of_one_reader_leaves_the_other_its_history(merchant: Merchant) -> None:
    metric = create(merchant)
    cost = merchant.create(valueProperty="$.tokens", groupBy={"region": "$.region"})
    send(merchant, 7, "01", other=2)

    merchant.patch(cost, valueProperty="$.other")
    assert (total(merchant, metric), merchant.total(cost)) == (7, 2)
    patch(merchant, metric, valueProperty="$.other", groupBy=None)
    assert (total(merchant, metric), merchant.total(cost)) == (2, 2)


def test_a_metric_counts_what_was_there_before_it(merchant: Merchant) -> None:
    merchant.create(valueProperty="$.tokens")
    send(merchant, 7, "01")

    assert total(merchant, create(merchant)) == 7


def test_events_before_the_first_instant_of_a_metric_do_not_count(merchant: Merchant) -> None:
    metric = create(merchant, eventFrom="2026-02-03T00:00:00Z")
    for tokens, day in ((1, "02T23:59"), (2, "03T00:00"), (4, "03T10:00")):
        send(merchant, tokens, day)

    assert total(merchant, metric) == 6
    assert measure(merchant, metric, windowSize="DAY")["windowedValues"] == [
        {"windowStart": "2026-02-03T00:00:00Z", "windowEnd": "2026-02-04T00:00:00Z", "value": 6}
    ]
    assert total(merchant, metric, from_="2026-02-03T05:00:00Z") == 4
    assert total(merchant, metric, to="2026-02-02T00:00:00Z") == 0
    assert total(merchant, patch(merchant, metric, eventFrom=None)) == 7


def test_a_window_holds_its_start_but_not_its_end(merchant: Merchant) -> None:
    metric = create(merchant)
    for tokens, day in ((1, "01T10:00"), (2, "01T11:00")):
        send(merchant, tokens, day)

    assert total(merchant, metric, from_="2026-02-01T10:00:00Z", to="2026-02-01T11:00:00Z") == 1


@pytest.mark.parametrize(
    ("window", "bounds"),
    [
        ("MINUTE", ("2026-02-03T10:30:00Z", "2026-02-03T10:31:00Z")),
        ("HOUR", ("2026-02-03T10:00:00Z", "2026-02-03T11:00:00Z")),
        ("DAY", ("2026-02-03T00:00:00Z", "2026-02-04T00:00:00Z")),
        ("MONTH", ("2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z")),
    ],
)
def test_buckets_are_whole_and_utc(merchant: Merchant, window: str, bounds: tuple[str, str]) -> None:
    metric = create(merchant)
    send(merchant, 5, "03T10:30")

    body = measure(merchant, metric, windowSize=window, from_="2026-02-03T01:00:00.5Z", to="2026-02-20T00:00:00Z")

    assert body["windowedValues"] == [{"windowStart": bounds[0], "windowEnd": bounds[1], "value": 5}]


def test_empty_buckets_are_left_out_unless_the_world_fills_them(merchant: Merchant, flip: Callable[..., None]) -> None:
    metric = create(merchant)
    send(merchant, 5, "03")

    assert len(measure(merchant, metric, windowSize="DAY")["windowedValues"]) == 1
    flip(zero_fill=True)
    assert len(measure(merchant, metric, windowSize="DAY")["windowedValues"]) == 28
    assert len(measure(merchant, metric, windowSize="DAY", groupBy="region")["windowedValues"]) == 1


def test_subject_is_a_dimension_of_every_metric(merchant: Merchant) -> None:
    metric = create(merchant, groupBy=...)
    for tokens, subject in ((1, "ann"), (2, "bob"), (4, "ann")):
        send(merchant, tokens, "01", subject)

    assert measure(merchant, metric, groupBy="subject")["groupedValues"] == [
        {"groupBy": {"subject": "ann"}, "value": 5, "eventCount": 2},
        {"groupBy": {"subject": "bob"}, "value": 2, "eventCount": 1},
    ]


def test_the_subject_of_a_group_is_the_events_own_even_where_a_dimension_has_its_name(merchant: Merchant) -> None:
    metric = create(merchant, groupBy={"subject": "$.who"})
    send(merchant, 1, "01", "ann", who="x")

    assert named(measure(merchant, metric, groupBy="subject")["groupedValues"]) == [({"subject": "ann"}, 1)]
    assert total(merchant, metric, filterGroupBy='{"subject": "x"}') == 1
    assert total(merchant, metric, filterGroupBy='{"subject": "ann"}') == 0


def test_an_external_subject_is_empty_until_it_is_a_customers(merchant: Merchant) -> None:
    metric = create(merchant)
    send(merchant, 1, "01", "cus_abc123")
    for external in ("example-customer", "later-1", "never-1"):
        merchant.send({"tokens": 2}, subject=..., externalSubject=external, timestamp="2026-02-02T00:00:00Z")

    assert named(measure(merchant, metric, groupBy="subject")["groupedValues"]) == [
        ({"subject": ""}, 4), ({"subject": "cus_abc123"}, 3),
    ]  # fmt: skip
    consumer = {"name": "Later", "email": "l@later.example", "address": {"country": "DE"}}
    body = {"merchantId": MERCHANT, "consumer": consumer, "externalId": "later-1"}
    later = merchant.expect(201, merchant.http.post("/v0/customers", json=body))["customerId"]
    groups = named(measure(merchant, metric, groupBy="subject")["groupedValues"])
    assert sorted(groups, key=str) == sorted(
        [({"subject": "cus_abc123"}, 3), ({"subject": ""}, 2), ({"subject": later}, 2)], key=str
    )
    assert total(merchant, metric, subject=later) == 2


def test_groups_are_cut_by_value_ties_by_name_and_counted_before_the_cut(merchant: Merchant) -> None:
    metric = create(merchant)
    for tokens, region in ((1, "a"), (9, "b"), (5, "d"), (5, "c"), (5, "e")):
        send(merchant, tokens, "01", region=region)

    def page(**query: Any) -> tuple[list[str], Any]:
        body = measure(merchant, metric, groupBy="region", **query)
        assert body["totalValue"] == 25
        return [group["groupBy"]["region"] for group in body["groupedValues"]], body.get("groupCount")

    assert page() == (["b", "c", "d", "e", "a"], None)
    assert page(groupLimit=2) == (["b", "c"], 5)
    assert page(groupLimit=2, groupOffset=2) == (["d", "e"], 5)
    assert page(groupLimit=2, groupOffset=5) == ([], 5)


def test_a_window_and_a_grouping_give_two_lists_of_the_same_things(merchant: Merchant) -> None:
    metric = create(merchant)
    for tokens, day, region in ((1, "01", "a"), (2, "01", "b"), (8, "02", "a"), (16, "02", "c"), (3, "03", "b")):
        send(merchant, tokens, day, region=region)

    body = measure(merchant, metric, windowSize="DAY", groupBy="region", groupLimit=2)

    assert (body["totalValue"], body["groupCount"]) == (30, 3)
    assert [
        (point["windowStart"][8:10], group["groupBy"]["region"], point["value"], group["value"], group["eventCount"])
        for point, group in zip(body["windowedValues"], body["groupedValues"], strict=True)
    ] == [("01", "a", 1, 1, 1), ("02", "c", 16, 16, 1), ("02", "a", 8, 8, 1)]


def test_a_subject_and_a_filter_narrow_everything(merchant: Merchant) -> None:
    metric = create(merchant, groupBy={"region": "$.region", "tier": "$.tier"})
    sent = ((1, "ann", "eu", 1), (2, "bob", "eu", 1), (4, "ann", "us", 1), (8, "ann", "eu", 2))
    for tokens, subject, region, tier in sent:
        send(merchant, tokens, "01", subject, region=region, tier=tier)

    body = measure(merchant, metric, subject="ann", filterGroupBy='{"region": "eu"}', groupBy="tier", windowSize="HOUR")

    assert body["totalValue"] == 9
    assert named(body["groupedValues"]) == [({"tier": "2"}, 8), ({"tier": "1"}, 1)]


@pytest.mark.parametrize(
    ("query", "field", "code"),
    [
        ({"from": ...}, "from", "required"),
        ({"to": "2026-03-01"}, "to", "invalid_format"),
        ({"windowSize": "WEEK"}, "windowSize", "invalid_enum"),
        ({"windowSize": "day"}, "windowSize", "invalid_enum"),
        ({"groupBy": "model"}, "groupBy", "unknown_key"),
        ({"groupBy": "subject,,region"}, "groupBy", "unknown_key"),
        ({"groupBy": ""}, "groupBy", "unknown_key"),
        ({"filterGroupBy": "{"}, "filterGroupBy", "invalid_format"),
        ({"filterGroupBy": '{"region": []}'}, "filterGroupBy", "invalid_format"),
        ({"filterGroupBy": '{"subject": "ann"}'}, "filterGroupBy", "unknown_key"),
        ({"groupLimit": "0"}, "groupLimit", "out_of_range"),
        ({"groupLimit": "501"}, "groupLimit", "out_of_range"),
        ({"groupLimit": "ten"}, "groupLimit", "invalid_type"),
        ({"groupLimit": "1", "groupOffset": "100001"}, "groupOffset", "out_of_range"),
        ({"groupOffset": "1"}, "groupLimit", "required"),
    ],
)
def test_a_faulty_parameter_is_named(merchant: Merchant, query: dict[str, Any], field: str, code: str) -> None:
    metric = create(merchant)
    wanted = {name: value for name, value in {**MONTH, **query}.items() if value is not ...}

    answer = merchant.http.get(f"{PATH}/{metric['id']}/meter", params=wanted)

    assert answer.status_code == 400
    assert [(error["field"], error["code"]) for error in answer.json()["errors"]] == [(field, code)]


@pytest.mark.parametrize(
    "query",
    [{"from": MONTH["to"]}, {"from": "2027-01-01T00:00:00Z"},
     {"from": "2026-01-01T00:00:00Z", "to": "2026-02-04T17:21:00Z", "windowSize": "MINUTE"}],
)  # fmt: skip
def test_a_window_no_single_field_is_to_blame_for(merchant: Merchant, query: dict[str, str]) -> None:
    metric = create(merchant)

    answer = merchant.http.get(f"{PATH}/{metric['id']}/meter", params={**MONTH, **query})

    assert (answer.status_code, answer.json()["error"]) == (400, "bad_request")


def _value(aggregation: str, events: list[dict[str, Any]]) -> Decimal | None:
    """Return what plain loops make of events that are in order of time, then of arrival."""
    amounts = [Decimal(str(event["tokens"])) for event in events if event["tokens"] is not None]
    match aggregation:
        case "COUNT":
            return Decimal(len(events))
        case "SUM":
            return sum(amounts, Decimal(0))
        case "UNIQUE_COUNT":
            return Decimal(len(set(amounts)))
        case _ if not amounts:
            return None
        case "AVG":
            return sum(amounts, Decimal(0)) / len(amounts)
        case "MIN":
            return min(amounts)
        case "MAX":
            return max(amounts)
        case _:
            return amounts[-1]


@pytest.mark.parametrize("seed", range(4))
def test_meters_agree_with_plain_loops_over_everything_that_was_sent(merchant: Merchant, seed: int) -> None:
    rng = random.Random(seed)
    aggregations = ["SUM", "COUNT", "AVG", "MIN", "MAX", "UNIQUE_COUNT", "LATEST"]
    metrics = {each: create(merchant, aggregation=each) for each in aggregations}
    start = parse_instant("2026-01-30T00:00:00Z")
    events: list[dict[str, Any]] = []
    for _ in range(120):
        event: dict[str, Any] = {
            "at": start + rng.randrange(4 * 86400 * 1_000_000),
            "tokens": rng.choice([None, rng.randint(-9, 9), round(rng.uniform(-5, 5), 7), 3]),
            "region": rng.choice(["eu", "us", "ap"]),
            "subject": rng.choice(["ann", "bob"]),
        }
        events.append(event)
        data = json.dumps({"tokens": event["tokens"], "region": event["region"]})
        merchant.send(data, subject=event["subject"], timestamp=format_instant(event["at"]))
    events.sort(key=lambda event: event["at"])

    for _ in range(12):
        aggregation = rng.choice(aggregations)
        low, high = sorted(start + rng.randrange(4 * 86400) * 1_000_000 for _ in range(2))
        keys = rng.sample(["region", "subject"], rng.randint(1, 2))
        subject = rng.choice([None, "ann"])
        window = rng.choice(["HOUR", "DAY", "MONTH"])
        width = {"HOUR": 13, "DAY": 10, "MONTH": 7}[window]
        query: dict[str, Any] = {"from": format_instant(low), "to": format_instant(high + 1_000_000)}
        query |= {} if subject is None else {"subject": subject}
        inside = [
            event for event in events
            if low <= event["at"] < high + 1_000_000 and subject in (None, event["subject"])
        ]  # fmt: skip
        groups: defaultdict[tuple[str, ...], list[dict[str, Any]]] = defaultdict(list)
        cells: defaultdict[tuple[str, tuple[str, ...]], list[dict[str, Any]]] = defaultdict(list)
        for event in inside:
            group = tuple(event[key] for key in keys)
            groups[group].append(event)
            cells[format_instant(event["at"])[:width], group].append(event)
        ranked = sorted(groups, key=lambda group: (-(_value(aggregation, groups[group]) or 0), group))
        ranked = [group for group in ranked if _value(aggregation, groups[group]) is not None]

        plain = measure(merchant, metrics[aggregation], **query, groupBy=",".join(keys))
        both = measure(merchant, metrics[aggregation], **query, groupBy=",".join(keys), windowSize=window, groupLimit=2)

        assert close(plain["totalValue"], _value(aggregation, inside) or 0)
        assert [tuple(group["groupBy"][key] for key in keys) for group in plain["groupedValues"]] == ranked
        for group, shown in zip(ranked, plain["groupedValues"], strict=True):
            assert close(shown["value"], _value(aggregation, groups[group]))
            assert shown["eventCount"] == len(groups[group])
        expected = {
            place: _value(aggregation, members) for place, members in cells.items()
            if place[1] in ranked[:2]
            and (aggregation == "COUNT" or any(each["tokens"] is not None for each in members))
        }  # fmt: skip
        found = {
            (point["windowStart"][:width], tuple(group["groupBy"][key] for key in keys)): point["value"]
            for point, group in zip(both["windowedValues"], both["groupedValues"], strict=True)
        }
        assert found.keys() == expected.keys()
        assert all(close(found[place], expected[place]) for place in found)
        assert both["groupCount"] == len(ranked)


def close(shown: Any, exact: Any) -> bool:
    """Whether a number on the wire is the double nearest to an exact one."""
    return float(shown) == pytest.approx(float(exact), rel=1e-12, abs=1e-12)


@pytest.mark.sdk
def test_the_vendors_client_reads_a_meter(sdk: Paygentic, merchant: Merchant, paygentic: httpx.Client) -> None:
    metric = sdk.billable_metrics.create(
        name="Calls", description="", unit="call", merchant_id=MERCHANT, aggregation="COUNT", product_id=PRODUCT,
        event_type="cost.ai.inference", group_by={"region": "$.region"},
    )  # fmt: skip
    for day, region in (("01", "eu"), ("01", "us"), ("02", "eu")):
        send(merchant, 1, day, region=region)
    window: dict[str, Any] = {"from_": datetime(2026, 2, 1, tzinfo=UTC), "to": datetime(2026, 3, 1, tzinfo=UTC)}

    plain = sdk.billable_metrics.meter(id=metric.id, **window)
    both = sdk.billable_metrics.meter(
        id=metric.id, **window, window_size="DAY", group_by="region,subject", group_limit=1, group_offset=0,
        filter_group_by="{}", subject="ann",
    )  # fmt: skip

    assert (plain.total_value, plain.windowed_values, plain.grouped_values, plain.group_count) == (3, None, None, None)
    assert both.total_value == 3
    assert both.group_count == 2
    assert both.windowed_values is not None
    assert both.grouped_values is not None
    assert [point.window_start.day for point in both.windowed_values] == [1, 2]
    assert [(group.group_by, group.value, group.event_count) for group in both.grouped_values] == [
        ({"region": "eu", "subject": "ann"}, 1, 1)
    ] * 2
