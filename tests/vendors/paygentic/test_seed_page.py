"""Every statement of the vendor's page on cost tracking, G1 to G51, in the page's order.

Statements about the API go through the vendor's own client, sync and async; the page's curl lines are run by
curl itself against a real socket, with nothing replaced but host and key. What the page only advises has
nothing to enforce; ADVICE says why, and the test shows that the simulation does not enforce it.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest
from paygentic_sdk import Paygentic
from paygentic_sdk import errors as sdk_errors
from paygentic_sdk.types import UNSET

from mockserver.app import Simulator
from mockserver.http.serve import BackgroundServer
from tests.vendors.paygentic.conftest import COST, EVENT, MERCHANT, MONTH, PRODUCT, TYPE, Merchant, without

FEBRUARY = {"from_": datetime(2026, 2, 1, tzinfo=UTC), "to": datetime(2026, 3, 1, tzinfo=UTC)}
DOCUMENT = {"provider": "anthropic", "operation": "document-extraction"}

ADVICE = {
    "G22": "the list example shortens an entry with a member named '...': notation, not a field of the API",
    "G49": "send after completion, a key on every event, one event per operation, one metric per category: habits of"
    " the sender that no answer depends on",
    "G50": "the prefix `cost.` is called a convention, and the page itself uses a type without it",
}


def source(heading: str) -> pytest.MarkDecorator:
    return pytest.mark.source(f'paygentic/cost-tracking "{heading}"', grade="documented")


class Client:
    """The vendor's client with one way to call both halves of it."""

    def __init__(self, sdk: Paygentic, is_async: bool) -> None:
        self._sdk = sdk
        self._is_async = is_async

    def __call__(self, operation: str, **arguments: Any) -> Any:
        resource, method = operation.split(".")
        if not self._is_async:
            return getattr(getattr(self._sdk, resource), method)(**arguments)
        return asyncio.run(getattr(getattr(self._sdk, resource), f"{method}_async")(**arguments))

    def create(self, **changes: Any) -> Any:
        wanted = {
            "type_": "metered", "name": "AI Inference Cost", "event_type": TYPE, "value_property": "$.amount",
            "aggregation": "SUM", "unit_cost": 1, "currency": "USD", "product_id": PRODUCT,
            "group_by": {"provider": "$.provider", "operation": "$.operation"},
        }  # fmt: skip
        return self("costs.create_cost", **{**wanted, **changes})

    def send(self, data: dict[str, Any], **changes: Any) -> Any:
        event = {"type": TYPE, "source": "https://api.myapp.com", "subject": "cus_abc123", "data": data}
        return self("events.ingest", request={**event, **changes})

    def summary(self, cost: Any, **changes: Any) -> Any:
        return self("costs.get_cost_summary", id=cost.id, **{**FEBRUARY, **changes})


@pytest.fixture(params=[False, True], ids=["sync", "async"])
def client(request: pytest.FixtureRequest, sdk: Paygentic) -> Client:
    return Client(sdk, request.param)


pytestmark = pytest.mark.sdk


@source("Cost tracking")
def test_g1_the_private_beta_is_a_switch_that_is_on(client: Client, flip: Callable[..., None]) -> None:
    cost = client.create()
    flip(cost_tracking=False)

    with pytest.raises(sdk_errors.Error) as refused:
        client("costs.get_cost", id=cost.id)

    assert (refused.value.status_code, refused.value.data.code) == (403, "COST_TRACKING_DISABLED")


@source("Cost tracking")
def test_g2_costs_add_up_per_customer_and_period(client: Client) -> None:
    cost = client.create()
    for subject, day, amount in [("cus_a", 3, 1), ("cus_a", 5, 2), ("cus_b", 3, 4), ("cus_a", 30, 8)]:
        at = datetime(2026, 2, 1, tzinfo=UTC) + timedelta(days=day - 1)
        client.send({"amount": amount}, subject=subject, timestamp=at)

    assert client.summary(cost, subject="cus_a").total_cost == 3
    assert client.summary(cost, subject="cus_b").total_cost == 4
    march = {"from_": datetime(2026, 3, 1, tzinfo=UTC), "to": datetime(2026, 4, 1, tzinfo=UTC)}
    assert client.summary(cost, subject="cus_a", **march).total_cost == 8


@source("Cost tracking")
def test_g3_a_cost_metric_is_a_resource_of_its_own(client: Client, paygentic: httpx.Client) -> None:
    cost = client.create()

    assert (cost.object, cost.id[:4]) == ("cost", "cst_")
    assert paygentic.get(f"/v0/billableMetrics/{cost.id}").status_code == 404


@source("Before You Begin")
def test_g4_two_permissions_suffice_for_the_whole_page(client: Client, flip: Callable[..., None]) -> None:
    flip(costs_read=False, products_read=False, products_write=False, customers_read=False, customers_write=False)

    cost = client.create()
    client.send({"amount": 1})
    assert client("costs.list_costs", request={"product_id": PRODUCT, "limit": 20}).pagination.total == 1
    assert client("costs.get_cost", id=cost.id).id == cost.id
    assert client.summary(cost).total_cost == 1
    assert client("costs.update_cost", id=cost.id, name="x").name == "x"
    client("costs.delete_cost", id=cost.id)
    flip(events_create=False, costs_write=False)
    with pytest.raises(sdk_errors.Error) as no_cost:
        client.create()
    with pytest.raises(sdk_errors.Error) as no_event:
        client.send({})
    assert no_cost.value.data.required_permissions == ["costs:write"]
    assert no_event.value.data.required_permissions == ["events:create"]


@source("Before You Begin")
def test_g5_every_cost_belongs_to_a_product_that_exists(client: Client, paygentic: httpx.Client) -> None:
    missing = paygentic.post("/v0/costs", json=without(COST, "productId"))
    with pytest.raises(sdk_errors.Error) as unknown:
        client.create(product_id="prod_none")
    product = client("products.create", name="Mine", description="", merchant_id=MERCHANT)

    assert missing.status_code == 400
    assert unknown.value.status_code == 404
    assert client.create(product_id=product.id).product_id == product.id


@source("Before You Begin")
@pytest.mark.parametrize("subject", ["cus_abc123", "cus_never_created", "tenant 7 / EU"])
def test_g6_any_customer_id_may_be_a_subject(client: Client, subject: str) -> None:
    cost = client.create()

    assert client.send({"amount": 2}, subject=subject).subject == subject
    assert client.summary(cost, subject=subject).total_cost == 2


@source("Step 1: Create a Cost Metric")
def test_g7_creating_costs_may_not_be_available(client: Client, flip: Callable[..., None]) -> None:
    flip(cost_tracking=False)

    with pytest.raises(sdk_errors.Error) as refused:
        client.create()

    assert refused.value.status_code == 403


@source("Step 1: Create a Cost Metric")
def test_g8_the_pages_body_is_accepted_as_it_stands(paygentic: httpx.Client) -> None:
    assert paygentic.post("/v0/costs", json=COST).status_code == 201


@source("Step 1: Create a Cost Metric")
def test_g9_the_answer_has_the_pages_members_and_types(paygentic: httpx.Client, go_to: Callable[[str], None]) -> None:
    go_to("2026-02-01T10:00:00.7Z")

    assert paygentic.post("/v0/costs", json=COST).json() == {
        "id": "cst_abc123",
        "object": "cost",
        "type": "metered",
        "name": "AI Inference Cost",
        "currency": "USD",
        "unitCost": "1",
        "unit": None,
        "aggregation": "SUM",
        "eventType": "cost.ai.inference",
        "valueProperty": "$.amount",
        "groupBy": {"provider": "$.provider", "operation": "$.operation"},
        "productId": "prod_YOUR_PRODUCT_ID",
        "merchantId": "org_YOUR_ORG_ID",
        "createdAt": "2026-02-01T10:00:00Z",
        "updatedAt": "2026-02-01T10:00:00Z",
        "deletedAt": None,
    }


@source("Step 2: Send Cost Events")
def test_g10_the_type_links_an_event_to_its_metric_exactly(client: Client) -> None:
    cost = client.create()
    client.create(event_type="cost.ai")
    client.send({"amount": 5}, type="cost.ai")

    assert client.summary(cost).total_cost == 0
    with pytest.raises(sdk_errors.Error) as unmatched:
        client.send({"amount": 1}, type="Cost.AI.Inference")
    assert unmatched.value.status_code == 422


@source("Step 2: Send Cost Events")
def test_g11_the_pages_event_is_accepted(client: Client) -> None:
    client.create()

    echo = client.send({"amount": 0.0042, **DOCUMENT}, idempotency_key="job_xyz789-cost")

    assert (echo.type, echo.subject, echo.idempotency_key) == (TYPE, "cus_abc123", "job_xyz789-cost")


@source("Step 2: Send Cost Events")
def test_g12_an_amount_is_in_the_metrics_currency_and_never_converted(client: Client) -> None:
    dollars, euros = client.create(), client.create(currency="EUR")
    client.send({"amount": 2.5})

    found = [client.summary(cost) for cost in (dollars, euros)]

    assert [(each.currency, each.total_cost) for each in found] == [("USD", 2.5), ("EUR", 2.5)]


@source("Step 2: Send Cost Events")
def test_g13_small_decimals_add_up_exactly(merchant: Merchant) -> None:
    cost = merchant.create()
    for amount in ("0.0042", "0.0010", "0.0023"):
        merchant.send(f'{{"amount": {amount}}}')
    for _ in range(10):
        merchant.send('{"amount": 0.1}', subject="tenths")

    assert merchant.summary(cost, subject="cus_abc123")["totalCost"] == Decimal("0.0075")
    assert merchant.summary(cost, subject="tenths")["totalCost"] == 1


@source("Calculating the amount")
@pytest.mark.parametrize(
    ("input_rate", "output_rate"), [("0.000003", "0.000015"), ("0.00000025", "0.00000125")], ids=["sonnet", "haiku"]
)
def test_g14_amounts_from_per_token_rates_do_not_drift(merchant: Merchant, input_rate: str, output_rate: str) -> None:
    cost = merchant.create()
    expected = Decimal(0)
    for tokens in range(1, 200, 7):
        amount = tokens * Decimal(input_rate) + (tokens // 3) * Decimal(output_rate)
        merchant.send(f'{{"amount": {amount}}}')
        expected += amount

    assert merchant.summary(cost)["totalCost"] == expected


@source("Step 3: Query Cost Summary")
def test_g15_a_summary_needs_both_bounds_and_takes_a_subject(client: Client, paygentic: httpx.Client) -> None:
    cost = client.create()
    client.send({"amount": 1})
    client.send({"amount": 2}, subject="cus_b")

    assert client.summary(cost, subject="cus_abc123").total_cost == 1
    for bound in MONTH:
        answer = paygentic.get(f"/v0/costs/{cost.id}/summary", params={bound: MONTH[bound]})
        assert answer.status_code == 400


@source("Step 3: Query Cost Summary")
def test_g16_a_summary_has_the_pages_members(merchant: Merchant) -> None:
    cost = merchant.create()

    assert set(merchant.summary(cost)) == {
        "object", "id", "name", "type", "currency", "eventType", "totalCost", "totalQuantity",
    }  # fmt: skip


@source("Step 3: Query Cost Summary")
def test_g17_the_printed_totals_are_those_of_a_unit_cost_of_a_thousandth(client: Client) -> None:
    """The page prints 42500 beside 42.50 under a unit cost of 1, which its own rule makes impossible."""
    printed, plain = client.create(unit_cost=0.001), client.create()
    client.send({"amount": 42500})

    assert (client.summary(printed).total_cost, client.summary(printed).total_quantity) == (42.5, 42500)
    assert client.summary(plain).total_cost == client.summary(plain).total_quantity == 42500


@source("Group by dimensions")
def test_g18_groups_break_the_total_down_by_the_dimensions_asked_for(client: Client) -> None:
    cost = client.create(unit_cost=0.001)
    for operation, amount in (("extraction", 30000), ("summarization", 12000), ("summarization", 500)):
        client.send({"amount": amount, "provider": "anthropic", "operation": operation})

    found = client.summary(cost, group_by="provider,operation")

    assert [(group.dimensions, group.quantity, group.cost) for group in found.groups] == [
        ({"provider": "anthropic", "operation": "extraction"}, 30000, 30),
        ({"provider": "anthropic", "operation": "summarization"}, 12500, 12.5),
    ]
    assert (found.total_quantity, found.total_cost) == (42500, 42.5)
    assert client.summary(cost).groups is None


@source("Time-series breakdown")
def test_g19_a_day_series_has_one_entry_per_day_that_ends_at_midnight(merchant: Merchant) -> None:
    cost = merchant.create(unitCost=0.001)
    for at, amount in (("2026-02-01T00:00:00Z", 8000), ("2026-02-02T23:59:59Z", 7000), ("2026-02-03T00:00:00Z", 1)):
        merchant.send({"amount": amount}, timestamp=at)

    found = merchant.summary(cost, to="2026-02-03T00:00:00Z", window="DAY")

    assert found["timeSeries"] == [
        {"windowStart": "2026-02-01T00:00:00Z", "windowEnd": "2026-02-02T00:00:00Z", "quantity": 8000, "cost": 8},
        {"windowStart": "2026-02-02T00:00:00Z", "windowEnd": "2026-02-03T00:00:00Z", "quantity": 7000, "cost": 7},
    ]
    assert (found["totalCost"], found["totalQuantity"]) == (15, 15000)


@source("Filter by dimension values")
def test_g20_a_filter_is_json_on_the_metrics_own_dimensions(client: Client) -> None:
    cost = client.create()
    client.send({"amount": 1, "provider": "anthropic"})
    client.send({"amount": 2, "provider": "openai"})

    assert client.summary(cost, filter_group_by='{"provider":"anthropic"}').total_cost == 1
    with pytest.raises(sdk_errors.BadRequest) as refused:
        client.summary(cost, filter_group_by='{"region":"eu"}')
    assert refused.value.status_code == 400


@source("List costs")
def test_g21_the_list_is_narrowed_by_product_and_echoes_its_limit(client: Client) -> None:
    cost = client.create()

    found = client("costs.list_costs", request={"product_id": PRODUCT, "limit": 20})

    assert (found.object, [each.id for each in found.data]) == ("list", [cost.id])
    assert (found.pagination.limit, found.pagination.offset, found.pagination.total) == (20, 0, 1)


@source("List costs")
def test_g22_the_shortened_list_entry_is_notation(merchant: Merchant) -> None:
    cost = merchant.create()

    listed = merchant.expect(200, merchant.http.get("/v0/costs"))["data"]

    assert listed == [cost], ADVICE["G22"]
    assert "..." not in listed[0]


@source("Get a single cost")
def test_g23_one_cost_is_answered_in_full(client: Client) -> None:
    cost = client.create()

    assert client("costs.get_cost", id=cost.id) == cost


@source("Update a cost")
def test_g24_an_update_changes_only_what_it_names(client: Client) -> None:
    cost = client.create()
    client.send({"amount": 2})

    changed = client("costs.update_cost", id=cost.id, name="LLM Inference Cost", unit_cost=1.5)

    assert (changed.name, changed.unit_cost) == ("LLM Inference Cost", "1.5")
    assert changed.model_copy(update={"name": cost.name, "unit_cost": cost.unit_cost}) == cost
    assert client.summary(cost).total_cost == 3


@source("Delete a cost")
def test_g25_a_deleted_cost_is_not_listed_and_its_history_is_kept(client: Client, flip: Callable[..., None]) -> None:
    cost = client.create()
    client.send({"amount": 2})

    assert client("costs.delete_cost", id=cost.id) is None

    assert client("costs.list_costs", request={}).data == []
    flip(read_deleted=True)
    assert client.summary(cost).total_cost == 2


CATEGORIES = {
    "cost.ai.inference": {"amount": 0.0042, "operation": "extraction"},
    "cost.enrichment": {"amount": 0.0010, "provider": "clearbit"},
    "cost.compute": {"amount": 0.0023, "region": "us-east-1"},
}


@source("Tracking Multiple Cost Dimensions")
def test_g26_metrics_of_different_types_track_independently(client: Client) -> None:
    costs = {event_type: client.create(event_type=event_type, group_by=None) for event_type in CATEGORIES}
    for event_type, data in CATEGORIES.items():
        client.send(data, type=event_type)

    assert [client.summary(cost).total_cost for cost in costs.values()] == [0.0042, 0.001, 0.0023]


@source("Tracking Multiple Cost Dimensions")
def test_g27_a_metric_without_dimensions_cannot_be_grouped(client: Client) -> None:
    cost = client.create(group_by=None)

    assert cost.group_by is None
    with pytest.raises(sdk_errors.BadRequest):
        client.summary(cost, group_by="provider")


@source("Tracking Multiple Cost Dimensions")
def test_g28_the_pages_short_events_are_fragments_unless_the_world_completes_them(
    merchant: Merchant, flip: Callable[..., None]
) -> None:
    costs = [merchant.create(eventType=event_type, groupBy=...) for event_type in CATEGORIES]
    fragments = [
        '{ "type": "cost.ai.inference", "subject": "cus_abc123",'
        ' "data": { "amount": 0.0042, "operation": "extraction" } }',
        '{ "type": "cost.enrichment", "subject": "cus_abc123", "data": { "amount": 0.0010, "provider": "clearbit" } }',
        '{ "type": "cost.compute", "subject": "cus_abc123", "data": { "amount": 0.0023, "region": "us-east-1" } }',
    ]

    refused = [merchant.http.post("/v0/events", content=fragment) for fragment in fragments]
    flip(default_source=True)
    accepted = [merchant.http.post("/v0/events", content=fragment) for fragment in fragments]

    assert [[each["field"] for each in answer.json()["errors"]] for answer in refused] == [["source"]] * 3
    assert [answer.status_code for answer in accepted] == [202] * 3
    assert [merchant.total(cost) for cost in costs] == [Decimal("0.0042"), Decimal("0.001"), Decimal("0.0023")]


@source("Tracking Multiple Cost Dimensions")
def test_g29_several_metrics_read_different_fields_of_one_event(client: Client) -> None:
    gpu, cpu = (client.create(event_type="compute", value_property=f"$.{unit}.cost") for unit in ("gpu", "cpu"))
    client.send({"gpu": {"cost": 3}, "cpu": {"cost": 0.5}}, type="compute")

    assert (client.summary(gpu).total_cost, client.summary(cpu).total_cost) == (3, 0.5)


@source("Tracking Multiple Cost Dimensions")
def test_g30_an_event_is_not_used_up_by_whoever_reads_it(client: Client) -> None:
    costs = [client.create(event_type="ai.inference", aggregation=kind) for kind in ("SUM", "COUNT", "SUM")]
    client.send({"amount": 4}, type="ai.inference")

    assert [client.summary(cost).total_quantity for cost in costs] == [4, 1, 4]


def refused_fields(paygentic: httpx.Client, **changes: Any) -> list[str]:
    """Return the fields named by the refusal of a changed body."""
    body = {name: value for name, value in {**COST, **changes}.items() if value is not ...}
    answer = paygentic.post("/v0/costs", json=body)
    assert answer.status_code == 400, answer.text
    return [error["field"] for error in answer.json()["errors"]]


@source("Create cost request")
def test_g31_the_only_type_is_metered(paygentic: httpx.Client) -> None:
    assert refused_fields(paygentic, type="fixed") == refused_fields(paygentic, type="Metered") == ["type"]


@source("Create cost request")
def test_g32_there_are_seven_aggregations_in_upper_case(client: Client, paygentic: httpx.Client) -> None:
    for kind in ("SUM", "COUNT", "AVG", "MIN", "MAX", "UNIQUE_COUNT", "LATEST"):
        assert client.create(aggregation=kind).aggregation == kind
    assert (
        refused_fields(paygentic, aggregation="sum") == refused_fields(paygentic, aggregation="P95") == ["aggregation"]
    )


@source("Create cost request")
def test_g33_a_unit_cost_is_from_zero_to_a_million(client: Client, paygentic: httpx.Client) -> None:
    assert [client.create(unit_cost=cost).unit_cost for cost in (0, 1_000_000)] == ["0", "1000000"]
    assert refused_fields(paygentic, unitCost=-0.01) == refused_fields(paygentic, unitCost=1000000.01) == ["unitCost"]


@source("Create cost request")
def test_g34_a_currency_is_an_enabled_iso_code(client: Client, paygentic: httpx.Client) -> None:
    assert refused_fields(paygentic, currency="usd") == ["currency"]
    with pytest.raises(sdk_errors.BadRequest):
        client.create(currency="JPY")


@source("Create cost request")
def test_g35_a_path_is_needed_for_the_aggregations_that_read_a_value(client: Client, paygentic: httpx.Client) -> None:
    for kind in ("SUM", "AVG", "MIN", "MAX", "LATEST"):
        assert refused_fields(paygentic, aggregation=kind, valueProperty=...) == ["valueProperty"]
    for kind in ("COUNT", "UNIQUE_COUNT"):
        assert client.create(aggregation=kind, value_property=None).value_property is None


@source("Create cost request")
def test_g36_a_unit_is_an_optional_label(client: Client) -> None:
    assert client.create(unit="token").unit == "token"
    assert client.create().unit is None


@source("Create cost request")
def test_g37_dimensions_are_an_optional_map(client: Client) -> None:
    assert client.create(group_by={"zone": "$.meta.zone"}).group_by == {"zone": "$.meta.zone"}
    assert client.create(group_by=None).group_by is None


@source("Cost response object")
def test_g38_members_that_may_be_null_are_sent_as_null(merchant: Merchant) -> None:
    cost = merchant.create(aggregation="COUNT", valueProperty=..., groupBy=...)

    cleared = merchant.patch(cost, aggregation=None, eventType=None)

    nullable = ("unit", "aggregation", "eventType", "valueProperty", "groupBy", "deletedAt")
    assert {name: cleared[name] for name in nullable} == dict.fromkeys(nullable)


@source("Cost response object")
def test_g39_an_active_cost_has_no_deletion_time(client: Client) -> None:
    cost = client.create()

    assert cost.deleted_at is None
    assert client("costs.update_cost", id=cost.id, unit="x").deleted_at is None


@source("Cost summary query parameters")
def test_g40_windows_are_minute_hour_and_day(client: Client, paygentic: httpx.Client) -> None:
    cost = client.create()
    client.send({"amount": 1}, timestamp=datetime(2026, 2, 1, 3, 4, 5, tzinfo=UTC))
    starts = {
        window: client.summary(cost, window=window).time_series[0].window_start.isoformat()
        for window in ("MINUTE", "HOUR", "DAY")
    }

    assert starts == {
        "MINUTE": "2026-02-01T03:04:00+00:00", "HOUR": "2026-02-01T03:00:00+00:00", "DAY": "2026-02-01T00:00:00+00:00",
    }  # fmt: skip
    for window in ("MONTH", "day"):
        assert paygentic.get(f"/v0/costs/{cost.id}/summary", params={**MONTH, "window": window}).status_code == 400


@source("Cost summary query parameters")
def test_g41_without_a_subject_all_subjects_count(client: Client) -> None:
    cost = client.create()
    for subject in ("cus_a", "cus_b", "cus_c"):
        client.send({"amount": 1}, subject=subject)

    assert client.summary(cost).total_quantity == 3


@source("Cost summary response")
def test_g42_totals_are_null_when_there_is_nothing_to_compute(client: Client) -> None:
    cost = client.create(aggregation="AVG")

    assert (client.summary(cost).total_cost, client.summary(cost).total_quantity) == (None, None)


@source("Cost summary response")
def test_g43_groups_and_series_are_there_only_when_asked_for(merchant: Merchant) -> None:
    cost = merchant.create()
    asked = [{}, {"groupBy": "provider"}, {"window": "DAY"}, {"groupBy": "provider", "window": "DAY"}]

    present = [{"groups", "timeSeries"} & set(merchant.summary(cost, **query)) for query in asked]

    assert present == [set(), {"groups"}, {"timeSeries"}, {"groups", "timeSeries"}]


@source("Cost Event data Fields")
def test_g44_data_is_any_json_and_an_event_without_the_value_is_accepted_but_adds_nothing(client: Client) -> None:
    cost, count = client.create(), client.create(aggregation="COUNT", value_property=None)
    for data in ({}, {"amount": None}, {"amount": "n/a"}, {"nested": {"deep": [1, {"x": True}]}}, {"amount": 3}):
        client.send(data)

    assert (client.summary(cost).total_cost, client.summary(count).total_quantity) == (3, 5)


@source("Cost Event data Fields")
def test_g45_any_field_may_be_a_dimension(client: Client) -> None:
    cost = client.create(group_by={"customer_tier": "$.account.tier", "retries": "$.retries"})
    client.send({"amount": 1, "account": {"tier": "gold"}, "retries": 2})

    found = client.summary(cost, group_by="customer_tier,retries").groups

    assert [group.dimensions for group in found] == [{"customer_tier": "gold", "retries": "2"}]


@source("Idempotency")
def test_g46_of_events_with_one_key_only_the_first_is_recorded(client: Client) -> None:
    cost = client.create()
    for amount in (1, 10, 100):
        client.send({"amount": amount}, idempotency_key="job-1-cost.ai.inference")

    assert client.summary(cost).total_cost == 1


@source("Idempotency")
@pytest.mark.parametrize(("later", "total"), [("86399s", 1), ("86400s", 11)], ids=["23:59:59", "24:00:00"])
def test_g47_a_key_counts_for_24_hours(client: Client, advance: Callable[[str], None], later: str, total: int) -> None:
    cost = client.create()
    client.send({"amount": 1}, idempotency_key="k")
    advance(later)
    client.send({"amount": 10}, idempotency_key="k")

    assert client.summary(cost).total_cost == total


@source("Idempotency")
def test_g48_without_a_key_a_retry_counts_again(client: Client) -> None:
    cost = client.create()
    for _ in range(2):
        client.send({"amount": 1})

    assert client.summary(cost).total_cost == 2


@source("Best Practices")
def test_g49_best_practices_are_not_enforced(client: Client) -> None:
    cost = client.create()

    echo = client.send({"amount": 1, "note": "an estimate of several operations"})
    client.send({"amount": -0.25, "note": "corrected later"})

    assert echo.id, ADVICE["G49"]
    assert client.summary(cost).total_cost == 0.75


@source("Create cost request")
def test_g50_the_prefix_of_types_is_not_enforced(client: Client) -> None:
    cost = client.create(event_type="ai.inference")

    assert client.send({"amount": 1}, type="ai.inference").type == "ai.inference", ADVICE["G50"]
    assert client.summary(cost).total_cost == 1


@source("Cost summary response")
def test_g51_totals_are_numbers_and_the_unit_cost_is_text(paygentic: httpx.Client) -> None:
    cost = paygentic.post("/v0/costs", json={**COST, "unitCost": 0.001}).json()
    paygentic.post("/v0/events", json={**EVENT, "data": {"amount": 42500}})

    text = paygentic.get(f"/v0/costs/{cost['id']}/summary", params=MONTH).text

    assert cost["unitCost"] == "0.001"
    assert '"totalCost":42.5,' in text
    assert '"totalQuantity":42500' in text


# The page's own command lines


CREATE = """curl -X POST "https://api.paygentic.io/v0/costs" \\
-H "Authorization: Bearer sk_live_YOUR_API_KEY" \\
-H "Content-Type: application/json" \\
-d '{
"type": "metered",
"name": "AI Inference Cost",
"eventType": "cost.ai.inference",
"valueProperty": "$.amount",
"aggregation": "SUM",
"unitCost": 1,
"currency": "USD",
"productId": "prod_YOUR_PRODUCT_ID",
"groupBy": {
"provider": "$.provider",
"operation": "$.operation"
}
}'"""
SEND = """curl -X POST "https://api.paygentic.io/v0/events" \\
-H "Authorization: Bearer sk_live_YOUR_API_KEY" \\
-H "Content-Type: application/json" \\
-d '{
"type": "cost.ai.inference",
"source": "https://api.myapp.com",
"subject": "cus_abc123",
"data": {
"amount": 0.0042,
"provider": "anthropic",
"operation": "document-extraction"
},
"idempotencyKey": "job_xyz789-cost"
}'"""
AUTHORIZED = ' \\\n-H "Authorization: Bearer sk_live_YOUR_API_KEY"'
SUMMARY = 'curl "https://api.paygentic.io/v0/costs/cst_abc123/summary?from=2026-02-01T00:00:00Z&to=%s"' + AUTHORIZED
SUBJECT = SUMMARY % "2026-03-01T00:00:00Z&subject=cus_abc123"
GROUPED = SUMMARY % "2026-03-01T00:00:00Z&groupBy=provider,operation"
SERIES = SUMMARY % "2026-02-03T00:00:00Z&window=DAY"
FILTERED = SUMMARY.replace("%s", "2026-03-01T00:00:00Z&filterGroupBy=%7B%22provider%22%3A%22anthropic%22%7D")
LIST = 'curl "https://api.paygentic.io/v0/costs?productId=prod_YOUR_PRODUCT_ID&limit=20"' + AUTHORIZED
GET = 'curl "https://api.paygentic.io/v0/costs/cst_abc123"' + AUTHORIZED
UPDATE = """curl -X PATCH "https://api.paygentic.io/v0/costs/cst_abc123" \\
-H "Authorization: Bearer sk_live_YOUR_API_KEY" \\
-H "Content-Type: application/json" \\
-d '{
"name": "LLM Inference Cost",
"unitCost": 1.5
}'"""
DELETE = 'curl -X DELETE "https://api.paygentic.io/v0/costs/cst_abc123"' + AUTHORIZED
SEPARATE = """curl -X POST "https://api.paygentic.io/v0/costs" \\
-H "Authorization: Bearer sk_live_YOUR_API_KEY" \\
-H "Content-Type: application/json" \\
-d '{ "type": "metered", "name": "%s", "eventType": "%s", "valueProperty": "$.amount", "aggregation": "SUM", "unitCost": 1, "currency": "USD", "productId": "prod_YOUR_PRODUCT_ID" }'"""  # noqa: E501


@pytest.fixture
def run(simulator: Simulator, world: Any, go_to: Callable[[str], None]) -> Iterator[Callable[[str], tuple[int, Any]]]:
    """Run one of the page's command lines against a real socket; only host and key are replaced."""
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    go_to("2026-02-01T10:00:00Z")
    with BackgroundServer(simulator) as server:

        def run_line(line: str) -> tuple[int, Any]:
            local = line.replace("https://api.paygentic.io", server.url).replace("sk_live_YOUR_API_KEY", "sk_live_acme")
            command = local.replace("curl ", "curl --silent --show-error --write-out '\\n%{http_code}' ", 1)
            done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True, timeout=30)
            body, _, status = done.stdout.rpartition("\n")
            return int(status), json.loads(body) if body else None

        yield run_line


@source("Step 1: Create a Cost Metric")
def test_the_pages_command_lines_work_in_the_pages_order(run: Callable[[str], tuple[int, Any]]) -> None:
    created, cost = run(CREATE)
    sent, event = run(SEND)
    again, _ = run(SEND)

    assert (created, sent, again) == (201, 202, 202)
    assert (cost["id"], cost["createdAt"]) == ("cst_abc123", "2026-02-01T10:00:00Z")
    assert event["idempotencyKey"] == "job_xyz789-cost"

    total = {
        "object": "cost", "id": "cst_abc123", "name": "AI Inference Cost", "type": "metered", "currency": "USD",
        "eventType": "cost.ai.inference", "totalCost": 0.0042, "totalQuantity": 0.0042,
    }  # fmt: skip
    group = {"dimensions": DOCUMENT, "quantity": 0.0042, "cost": 0.0042}
    point = {
        "windowStart": "2026-02-01T00:00:00Z",
        "windowEnd": "2026-02-02T00:00:00Z",
        "quantity": 0.0042,
        "cost": 0.0042,
    }
    assert run(SUBJECT) == (200, total)
    assert run(GROUPED) == (200, {**total, "groups": [group]})
    assert run(SERIES) == (200, {**total, "timeSeries": [point]})
    assert run(FILTERED) == (200, total)

    assert run(LIST) == (200, {"object": "list", "data": [cost], "pagination": {"limit": 20, "offset": 0, "total": 1}})
    assert run(GET) == (200, cost)
    assert run(UPDATE) == (200, {**cost, "name": "LLM Inference Cost", "unitCost": "1.5"})
    assert run(DELETE) == (204, None)
    assert run(GET)[0] == 404
    for name, event_type in (
        ("LLM Inference", TYPE),
        ("Data Enrichment", "cost.enrichment"),
        ("Compute", "cost.compute"),
    ):
        status, separate = run(SEPARATE % (name, event_type))
        assert (status, separate["name"], separate["groupBy"]) == (201, name, None)


def test_explicit_nulls_of_the_client_clear_and_untouched_fields_stay(client: Client) -> None:
    cost = client.create(unit="token")

    assert client("costs.update_cost", id=cost.id, unit=UNSET, name="n").unit == "token"
    assert client("costs.update_cost", id=cost.id, unit=None).unit is None


def test_products_and_customers_through_the_client(client: Client) -> None:
    product = client("products.create", name="P", description="d", merchant_id=MERCHANT)
    client("products.update", id=product.id, name="Q")
    enrolled = client(
        "customers.create", merchant_id=MERCHANT, external_id="n1", consumer={
            "name": "North", "email": "a@b.example",
            "address": {"line1": "1", "city": "c", "state": "s", "country": "GB", "zip_code": "z"},
        },
    )  # fmt: skip

    assert client("products.get", id=product.id).name == "Q"
    assert client("products.list", request={}).pagination.total == 2
    customer = client("customers.get", id=enrolled.customer_id)
    assert (customer.external_id, customer.valid_tax_address.valid) == ("n1", True)
    assert client("customers.update", id=customer.id, external_id=None).external_id is None
    assert client("customers.list", organization_id=MERCHANT).pagination.total == 2
    client("customers.delete", id=customer.id)
    assert client("customers.list", organization_id=MERCHANT).pagination.total == 1
