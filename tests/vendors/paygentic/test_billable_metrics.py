"""Billable metrics: create, list, get, change, and the items they are tagged with."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from paygentic_sdk import Paygentic
from paygentic_sdk import errors as sdk_errors

from mockserver.app import Simulator
from mockserver.config import Settings
from mockserver.kernel.errors import Unusable
from mockserver.resources import Fixtures
from tests.vendors.paygentic.conftest import EVENT, MERCHANT, PRODUCT, TYPE, Merchant, without

PATH = "/v0/billableMetrics"
ITEM, RETIRED = "itm_YOUR_ITEM_ID", "itm_retired1"

METRIC = {
    "name": "Tokens",
    "description": "Tokens of every model",
    "unit": "token",
    "merchantId": MERCHANT,
    "aggregation": "SUM",
    "productId": PRODUCT,
    "eventType": TYPE,
    "valueProperty": "$.tokens",
    "groupBy": {"region": "$.region"},
}


def create(merchant: Merchant, **changes: Any) -> Any:
    """Create a billable metric and return it; a member changed to `...` is left out."""
    body = {name: value for name, value in {**METRIC, **changes}.items() if value is not ...}
    return merchant.expect(201, merchant.http.post(PATH, json=body))


def patch(merchant: Merchant, metric: dict[str, Any], **changes: Any) -> Any:
    return merchant.expect(200, merchant.http.patch(f"{PATH}/{metric['id']}", json=changes))


def another_product(merchant: Merchant) -> str:
    body = {"name": "Other", "description": "", "merchantId": MERCHANT}
    return str(merchant.expect(201, merchant.http.post("/v0/products", json=body))["id"])


def test_a_created_metric_is_answered_in_full_with_explicit_nulls(merchant: Merchant) -> None:
    metric = create(merchant, groupBy=...)

    assert metric == {
        **METRIC, "id": metric["id"], "object": "billableMetric", "itemId": None, "groupBy": None, "eventFrom": None,
        "createdAt": "2026-02-10T12:00:00Z", "updatedAt": "2026-02-10T12:00:00Z",
    }  # fmt: skip
    assert metric["id"].startswith("bm_")
    assert len(metric["id"]) == len("bm_") + 16
    assert merchant.expect(200, merchant.http.get(f"{PATH}/{metric['id']}")) == metric


def test_everything_sent_is_kept(merchant: Merchant) -> None:
    metric = create(merchant, itemId=ITEM, eventFrom="2026-02-01T01:00:00+01:00")

    assert {**METRIC, "itemId": ITEM, "eventFrom": "2026-02-01T00:00:00Z"}.items() <= metric.items()


def test_a_metric_that_counts_keeps_no_path(merchant: Merchant) -> None:
    metric = create(merchant, aggregation="COUNT")

    assert metric["valueProperty"] is None
    assert patch(merchant, metric, valueProperty="$.tokens")["valueProperty"] is None


def test_an_item_says_which_product_it_is(merchant: Merchant) -> None:
    metric = create(merchant, productId=..., itemId=ITEM)

    assert (metric["productId"], metric["itemId"]) == (PRODUCT, ITEM)


def test_an_item_of_another_product_is_refused_when_it_tags(merchant: Merchant) -> None:
    metric = create(merchant, productId=another_product(merchant))

    created = merchant.http.post(PATH, json={**METRIC, "productId": metric["productId"], "itemId": ITEM})
    changed = merchant.http.patch(f"{PATH}/{metric['id']}", json={"itemId": ITEM})

    assert (created.status_code, created.json()["error"], created.json()["code"]) == (
        400, "bad_request", "ITEM_PRODUCT_MISMATCH",
    )  # fmt: skip
    assert (changed.status_code, changed.json()["error"], changed.json()["code"]) == (
        409, "conflict", "ITEM_PRODUCT_MISMATCH",
    )  # fmt: skip
    assert merchant.expect(200, merchant.http.get(f"{PATH}/{metric['id']}")) == metric


def test_an_archived_item_tags_nothing_new(merchant: Merchant) -> None:
    metric = create(merchant)

    created = merchant.http.post(PATH, json={**METRIC, "itemId": RETIRED})
    changed = merchant.http.patch(f"{PATH}/{metric['id']}", json={"itemId": RETIRED})

    assert (created.status_code, changed.status_code) == (400, 409)
    assert created.json()["code"] == changed.json()["code"] == "ITEM_ARCHIVED"


def test_a_metric_is_tagged_and_untagged(merchant: Merchant, advance: Callable[[str], None]) -> None:
    metric = create(merchant)
    advance("5s")

    tagged = patch(merchant, metric, itemId=ITEM)

    assert tagged == {**metric, "itemId": ITEM, "updatedAt": "2026-02-10T12:00:05Z"}
    assert patch(merchant, metric, itemId=None)["itemId"] is None


def test_what_a_metric_belongs_to_must_exist(merchant: Merchant) -> None:
    metric = create(merchant)

    for answer, message in (
        (merchant.http.post(PATH, json={**METRIC, "productId": "prod_gone"}), "Product prod_gone was not found"),
        (merchant.http.post(PATH, json={**METRIC, "itemId": "itm_gone", "unit": 5}), "Item itm_gone was not found"),
        (
            merchant.http.patch(f"{PATH}/{metric['id']}", json={"itemId": "itm_gone", "name": ""}),
            "Item itm_gone was not found",
        ),
    ):
        assert (answer.status_code, answer.json()) == (404, {"message": message, "error": "not_found"})
    assert merchant.http.get(f"{PATH}/{metric['id']}").json()["name"] == "Tokens"


@pytest.mark.parametrize("identifier", ["nope", "bm_", "bm_a%0Ab", "cst_abc123", "bm_none"])
def test_an_id_that_names_nothing_is_not_found_whatever_it_looks_like(paygentic: httpx.Client, identifier: str) -> None:
    for answer in (
        paygentic.get(f"{PATH}/{identifier}"),
        paygentic.patch(f"{PATH}/{identifier}", json={"name": 5}),
        paygentic.get(f"{PATH}/{identifier}/meter"),
        paygentic.get(f"{PATH}/{identifier}/events"),
    ):
        assert (answer.status_code, answer.json()["error"]) == (404, "not_found")


def test_the_list_is_newest_first_paged_and_narrowed(merchant: Merchant, advance: Callable[[str], None]) -> None:
    other = another_product(merchant)
    ids = []
    for changes in ({"itemId": ITEM}, {}, {"productId": other}):
        ids.append(create(merchant, **changes)["id"])
        advance("1s")

    def listed(**query: Any) -> Any:
        return merchant.expect(200, merchant.http.get(PATH, params={"merchantId": MERCHANT, **query}))

    assert [each["id"] for each in listed()["data"]] == ids[::-1]
    assert [each["id"] for each in listed(productId=PRODUCT)["data"]] == [ids[1], ids[0]]
    assert [each["id"] for each in listed(itemId=ITEM)["data"]] == [ids[0]]
    assert [each["id"] for each in listed(productId=other, itemId=ITEM)["data"]] == []
    page = listed(limit=1, offset=1)
    assert (page["object"], [each["id"] for each in page["data"]]) == ("list", [ids[1]])
    assert page["pagination"] == {"limit": 1, "offset": 1, "total": 3}


def test_a_list_must_name_its_merchant(paygentic: httpx.Client) -> None:
    answer = paygentic.get(PATH, params={"limit": 101, "itemId": "item"})

    assert answer.status_code == 400
    assert sorted((error["field"], error["code"]) for error in answer.json()["errors"]) == [
        ("itemId", "invalid_format"), ("limit", "out_of_range"), ("merchantId", "required"),
    ]  # fmt: skip


def test_another_organization_is_forbidden(paygentic: httpx.Client) -> None:
    created = paygentic.post(PATH, json={**METRIC, "merchantId": "org_other"})
    listed = paygentic.get(PATH, params={"merchantId": "org_other"})

    assert created.status_code == listed.status_code == 403
    assert created.json()["reason"] == listed.json()["reason"] == "not_member"


def test_permissions_are_switches(merchant: Merchant, flip: Callable[..., None]) -> None:
    metric = create(merchant)
    path = f"{PATH}/{metric['id']}"
    read = [PATH, path, f"{path}/meter", f"{path}/events"]

    flip(billable_metrics_read=False)
    assert [merchant.http.get(each).status_code for each in read] == [400, 200, 400, 400]
    flip(billable_metrics_write=False)

    refused = [merchant.http.get(each) for each in read]
    refused += [merchant.http.post(PATH, json={}), merchant.http.patch(path, json={})]
    assert [answer.status_code for answer in refused] == [403] * 6
    assert [answer.json()["requiredPermissions"] for answer in refused] == [
        *[["billable_metrics:read", "billable_metrics:write"]] * 4, *[["billable_metrics:write"]] * 2,
    ]  # fmt: skip


def test_a_change_of_nothing_changes_nothing(merchant: Merchant, advance: Callable[[str], None]) -> None:
    metric = create(merchant)
    advance("90s")

    assert patch(merchant, metric) == metric
    assert patch(merchant, metric, aggregation="COUNT", productId="prod_x", merchantId="org_x", id="bm_x") == metric


@pytest.mark.parametrize(
    ("name", "value"),
    [("name", "Words"), ("description", ""), ("unit", ""), ("eventType", "other.type"), ("valueProperty", "$.a.b"),
     ("groupBy", {"x": "$.x"}), ("groupBy", None), ("eventFrom", "2026-02-01T00:00:00Z"), ("eventFrom", None)],
)  # fmt: skip
def test_a_change_touches_what_it_names_and_nothing_else(
    merchant: Merchant, advance: Callable[[str], None], name: str, value: Any
) -> None:
    metric = create(merchant, eventFrom="2026-01-01T00:00:00Z")
    advance("90s")

    assert patch(merchant, metric, **{name: value}) == {**metric, name: value, "updatedAt": "2026-02-10T12:01:30Z"}


@pytest.mark.parametrize("name", ["name", "description", "unit", "eventType"])
def test_what_every_metric_needs_cannot_be_cleared(merchant: Merchant, name: str) -> None:
    metric = create(merchant)

    refused = merchant.http.patch(f"{PATH}/{metric['id']}", json={name: None})

    assert refused.status_code == 400
    assert [(error["field"], error["code"]) for error in refused.json()["errors"]] == [(name, "invalid_type")]


def test_without_an_event_type_nothing_is_measured_until_one_is_named(merchant: Merchant) -> None:
    create(merchant)
    merchant.send({"tokens": 3}, type=METRIC["eventType"])
    metric = create(merchant, eventType=...)
    window = {"from": "2026-02-01T00:00:00Z", "to": "2026-03-01T00:00:00Z"}

    def measured() -> tuple[Any, Any]:
        meter = merchant.expect(200, merchant.http.get(f"{PATH}/{metric['id']}/meter", params=window))
        events = merchant.expect(200, merchant.http.get(f"{PATH}/{metric['id']}/events", params=window))
        return meter["totalValue"], events["pagination"]["total"]

    assert metric["eventType"] is None
    assert measured() == (0, 0)
    patch(merchant, metric, eventType=METRIC["eventType"])
    assert measured() == (3, 1)


@pytest.mark.parametrize("aggregation", ["SUM", "AVG", "MIN", "MAX", "LATEST"])
def test_a_path_is_cleared_only_when_nothing_needs_it(merchant: Merchant, aggregation: str) -> None:
    metric = create(merchant, aggregation=aggregation)
    distinct = create(merchant, aggregation="UNIQUE_COUNT")

    refused = merchant.http.patch(f"{PATH}/{metric['id']}", json={"valueProperty": None})

    assert refused.status_code == 400
    assert refused.json()["errors"] == [
        {
            "field": "valueProperty",
            "message": f"cannot be cleared when aggregation is {aggregation}",
            "code": "required",
        }
    ]
    assert patch(merchant, distinct, valueProperty=None)["valueProperty"] is None


FAULTS: list[tuple[str, Any, str]] = [
    ("name", "", "invalid_format"),
    ("description", None, "invalid_type"),
    ("unit", 5, "invalid_type"),
    ("merchantId", "acme", "invalid_format"),
    ("aggregation", "sum", "invalid_enum"),
    ("productId", ..., "required"),
    ("productId", "product", "invalid_format"),
    ("itemId", "item", "invalid_format"),
    ("itemId", None, "invalid_type"),
    ("eventType", "a\nb", "invalid_format"),
    ("valueProperty", ..., "required"),
    ("valueProperty", "tokens", "invalid_format"),
    ("groupBy", {"region": "region"}, "invalid_format"),
    ("groupBy", None, "invalid_type"),
    ("eventFrom", "2026-02-01", "invalid_format"),
    ("eventFrom", None, "invalid_type"),
    *[(name, ..., "required") for name in ("name", "description", "unit", "merchantId", "aggregation")],
]


@pytest.mark.parametrize(("name", "value", "code"), FAULTS)
def test_a_faulty_member_is_named_with_a_code(paygentic: httpx.Client, name: str, value: Any, code: str) -> None:
    body = {key: each for key, each in {**METRIC, name: value}.items() if each is not ...}

    answer = paygentic.post(PATH, json=body)

    assert answer.status_code == 400
    field = "groupBy.region" if isinstance(value, dict) else name
    assert [(error["field"], error["code"]) for error in answer.json()["errors"]] == [(field, code)]


def test_all_faulty_members_are_reported_at_once(paygentic: httpx.Client) -> None:
    errors = paygentic.post(PATH, json={"aggregation": "AVG", "groupBy": {"a": "a"}}).json()["errors"]

    assert sorted(error["field"] for error in errors) == [
        "description", "groupBy.a", "merchantId", "name", "productId", "unit", "valueProperty",
    ]  # fmt: skip


def test_a_metric_makes_its_event_type_known_and_a_refusal_names_the_known_ones(merchant: Merchant) -> None:
    refused = merchant.http.post("/v0/events", json=EVENT)
    metric = create(merchant)
    merchant.send({"tokens": 1})
    cost = merchant.create(eventType="cost.other")
    unknown = merchant.http.post("/v0/events", json={**EVENT, "type": "cost.othr"})
    patch(merchant, metric, eventType="renamed")
    merchant.expect(204, merchant.http.delete(f"/v0/costs/{cost['id']}"))
    former = merchant.http.post("/v0/events", json=EVENT)

    assert [answer.status_code for answer in (refused, unknown, former)] == [422, 422, 422]
    assert [answer.json()["message"] for answer in (refused, unknown, former)] == [
        f"Event type '{TYPE}' does not match any configured eventType (there is none)",
        f"Event type 'cost.othr' does not match any configured eventType ('{TYPE}', 'cost.other')",
        f"Event type '{TYPE}' does not match any configured eventType ('renamed')",
    ]


def test_a_refusal_names_ten_types_and_counts_the_rest(merchant: Merchant) -> None:
    for number in range(12):
        create(merchant, eventType=f"type.{number:02}")

    message = merchant.http.post("/v0/events", json=EVENT).json()["message"]

    assert message.endswith("'type.08', 'type.09', 2 more)")


def test_worlds_may_start_with_items_of_their_own(tmp_path: Path) -> None:
    items = Fixtures().read("paygentic/items.json")
    folder = tmp_path / "paygentic"
    folder.mkdir()
    (folder / "items.json").write_text(json.dumps([{**items[0], "id": "itm_mine"}]))
    simulator = Simulator(Settings(fixtures=tmp_path))
    rows = simulator.store.all("SELECT DISTINCT id FROM paygentic_items")
    simulator.close()
    assert rows == [("itm_mine",)]

    for faulty, message in (
        ([items[0], items[0]], "there are two items itm_YOUR_ITEM_ID"),
        ([{**items[0], "productId": "prod_none"}], "item itm_YOUR_ITEM_ID is filed under prod_none"),
        ([without(items[0], "name")], "KeyError: 'name'"),
    ):
        (folder / "items.json").write_text(json.dumps(faulty))
        with pytest.raises(Unusable, match=message):
            Simulator(Settings(fixtures=tmp_path))


def test_shipped_items_are_left_out_of_worlds_without_their_product(tmp_path: Path) -> None:
    product = {**Fixtures().read("paygentic/products.json")[0], "id": "prod_mine"}
    (tmp_path / "paygentic").mkdir()
    (tmp_path / "paygentic" / "products.json").write_text(json.dumps([product]))

    simulator = Simulator(Settings(fixtures=tmp_path))
    rows = simulator.store.all("SELECT id FROM paygentic_items")
    simulator.close()

    assert rows == []


@pytest.mark.sdk
def test_the_vendors_client_creates_lists_gets_and_changes(sdk: Paygentic) -> None:
    made = sdk.billable_metrics.create(
        name="Tokens", description="", unit="token", merchant_id=MERCHANT, aggregation="SUM", event_type=TYPE,
        item_id=ITEM, value_property="$.tokens", group_by={"region": "$.region"},
        event_from=datetime(2026, 2, 1, tzinfo=UTC),
    )  # fmt: skip
    listed = sdk.billable_metrics.list(merchant_id=MERCHANT, item_id=ITEM)
    changed = sdk.billable_metrics.update(id=made.id, item_id=None, group_by=None, event_from=None, name="Words")

    assert (made.product_id, made.item_id, made.event_from) == (PRODUCT, ITEM, datetime(2026, 2, 1, tzinfo=UTC))
    assert listed.data == [made]
    assert listed.pagination.total == 1
    assert (changed.name, changed.item_id, changed.group_by, changed.event_from) == ("Words", None, None, None)
    assert sdk.billable_metrics.get(id=made.id) == changed


@pytest.mark.sdk
def test_the_vendors_client_maps_each_refusal_to_its_own_exception(sdk: Paygentic, merchant: Merchant) -> None:
    metric = create(merchant, productId=another_product(merchant))

    with pytest.raises(sdk_errors.Error) as missing:
        sdk.billable_metrics.get(id="bm_none")
    with pytest.raises(sdk_errors.Error) as mismatched:
        sdk.billable_metrics.update(id=metric["id"], item_id=ITEM)
    with pytest.raises(sdk_errors.BadRequest) as faulty:
        sdk.billable_metrics.update(id=metric["id"], value_property=None)

    assert (missing.value.status_code, missing.value.message) == (404, "Billable metric bm_none was not found")
    assert (mismatched.value.status_code, mismatched.value.data.code) == (409, "ITEM_PRODUCT_MISMATCH")
    assert faulty.value.status_code == 400
