"""Cost metrics: create, list, get, change, delete."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.vendors.paygentic.conftest import COST, EVENT, MERCHANT, PRODUCT, TYPE, Merchant, without


def test_a_created_cost_is_answered_in_full_with_explicit_nulls(merchant: Merchant) -> None:
    cost = merchant.create()

    assert cost == {
        **COST,
        "id": cost["id"],
        "object": "cost",
        "unitCost": "1",
        "unit": None,
        "merchantId": MERCHANT,
        "createdAt": "2026-02-10T12:00:00Z",
        "updatedAt": "2026-02-10T12:00:00Z",
        "deletedAt": None,
    }
    assert merchant.expect(200, merchant.http.get(f"/v0/costs/{cost['id']}")) == cost


@pytest.mark.source("paygentic/assumptions cost ids", grade="assumed")
def test_only_the_first_cost_of_a_world_has_the_id_of_the_vendors_page(merchant: Merchant) -> None:
    first, second = merchant.create(), merchant.create()

    assert first["id"] == "cst_abc123"
    assert second["id"].startswith("cst_")
    assert len(second["id"]) == len("cst_") + 16


@pytest.mark.parametrize(
    ("sent", "text"),
    [("0", "0"), ("1.0", "1"), ("1.50", "1.5"), ("1e-7", "0.0000001"), ("1000000", "1000000"), ("0.1", "0.1")],
)
def test_a_unit_cost_is_answered_as_plain_decimal_text(merchant: Merchant, sent: str, text: str) -> None:
    body = json.dumps(COST).replace('"unitCost": 1', f'"unitCost": {sent}')

    cost = merchant.expect(201, merchant.http.post("/v0/costs", content=body))

    assert cost["unitCost"] == text


def test_the_list_is_newest_first_and_paged(merchant: Merchant, advance: Callable[[str], None]) -> None:
    ids = []
    for _ in range(3):
        ids.append(merchant.create()["id"])
        advance("1s")

    first = merchant.expect(200, merchant.http.get("/v0/costs", params={"limit": 2}))
    second = merchant.expect(200, merchant.http.get("/v0/costs", params={"limit": 2, "offset": 2}))
    beyond = merchant.expect(200, merchant.http.get("/v0/costs", params={"offset": 9}))

    assert [cost["id"] for cost in first["data"] + second["data"]] == ids[::-1]
    assert first["pagination"] == {"limit": 2, "offset": 0, "total": 3}
    assert beyond == {"object": "list", "data": [], "pagination": {"limit": 10, "offset": 9, "total": 3}}


def test_the_list_is_narrowed_by_product(merchant: Merchant) -> None:
    cost = merchant.create()

    one = merchant.expect(200, merchant.http.get("/v0/costs", params={"productId": PRODUCT, "merchantId": MERCHANT}))
    none = merchant.expect(200, merchant.http.get("/v0/costs", params={"productId": "prod_other"}))

    assert [each["id"] for each in one["data"]] == [cost["id"]]
    assert none["data"] == []
    assert none["pagination"]["total"] == 0


def test_a_change_touches_what_it_names_and_nothing_else(merchant: Merchant, advance: Callable[[str], None]) -> None:
    before = merchant.create()
    advance("90s")

    after = merchant.patch(before, name="LLM Inference Cost", unitCost=1.5)

    assert after == {
        **before, "name": "LLM Inference Cost", "unitCost": "1.5", "updatedAt": "2026-02-10T12:01:30Z",
    }  # fmt: skip


def test_a_change_of_nothing_changes_nothing(merchant: Merchant, advance: Callable[[str], None]) -> None:
    before = merchant.create()
    advance("90s")

    assert merchant.patch(before) == before
    assert merchant.patch(before, id="cst_x", type="flat", productId="prod_x", unknown=1) == before


@pytest.mark.parametrize("name", ["unit", "aggregation", "eventType", "groupBy"])
def test_null_clears_a_member_that_may_be_null(merchant: Merchant, name: str) -> None:
    cost = merchant.create(unit="call")

    assert merchant.patch(cost, **{name: None})[name] is None


def test_null_clears_a_path_only_when_nothing_needs_it(merchant: Merchant) -> None:
    cost = merchant.create()

    refused = merchant.http.patch(f"/v0/costs/{cost['id']}", json={"valueProperty": None})
    changed = merchant.patch(cost, valueProperty=None, aggregation="COUNT")

    assert refused.json()["errors"] == [
        {"field": "valueProperty", "message": "needed when aggregation is SUM", "code": "required"}
    ]
    assert (changed["valueProperty"], changed["aggregation"]) == (None, "COUNT")


@pytest.mark.parametrize("name", ["name", "unitCost", "currency"])
def test_other_members_may_not_be_null(merchant: Merchant, name: str) -> None:
    cost = merchant.create()

    refused = merchant.http.patch(f"/v0/costs/{cost['id']}", json={name: None})

    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (400, name)


def test_a_currency_must_be_enabled_on_creation_and_on_change(merchant: Merchant) -> None:
    cost = merchant.create()

    created = merchant.http.post("/v0/costs", json={**COST, "currency": "JPY"})
    changed = merchant.http.patch(f"/v0/costs/{cost['id']}", json={"currency": "JPY"})

    assert created.status_code == changed.status_code == 400
    assert created.json()["code"] == changed.json()["code"] == "CURRENCY_NOT_ENABLED"
    assert merchant.patch(cost, currency="GBP")["currency"] == "GBP"


def test_a_deleted_cost_is_gone_for_everybody_but_its_history_stays(
    merchant: Merchant, flip: Callable[..., None]
) -> None:
    cost = merchant.create()
    merchant.send({"amount": 7})

    assert merchant.expect(204, merchant.http.delete(f"/v0/costs/{cost['id']}")) is None

    path = f"/v0/costs/{cost['id']}"
    window = {"from": "2026-02-01T00:00:00Z", "to": "2026-03-01T00:00:00Z"}
    for answer in (
        merchant.http.get(path),
        merchant.http.patch(path, json={"name": "x"}),
        merchant.http.delete(path),
        merchant.http.get(f"{path}/summary", params=window),
    ):
        assert answer.status_code == 404, answer.request
    assert merchant.http.get("/v0/costs").json()["pagination"]["total"] == 0
    assert merchant.http.post("/v0/events", json=EVENT).status_code == 422
    flip(read_deleted=True)
    assert merchant.total(cost) == 7


@pytest.mark.parametrize("identifier", ["nope", "cst_", "cst_%F0%28", "cst_a%0Ab", "prod_YOUR_PRODUCT_ID", "cst_none"])
def test_an_id_that_names_nothing_is_not_found_whatever_it_looks_like(paygentic: httpx.Client, identifier: str) -> None:
    answer = paygentic.get(f"/v0/costs/{identifier}")

    assert answer.status_code == 404
    assert answer.json()["error"] == "not_found"


FAULTS: list[tuple[str, Any, str]] = [
    ("type", "flat", "invalid_enum"),
    ("type", None, "invalid_enum"),
    ("name", "", "invalid_format"),
    ("name", 3, "invalid_type"),
    ("eventType", "", "invalid_format"),
    ("eventType", "a\u0007b", "invalid_format"),
    ("aggregation", "sum", "invalid_enum"),
    ("aggregation", "MEDIAN", "invalid_enum"),
    ("unitCost", -0.01, "out_of_range"),
    ("unitCost", 1000000.01, "out_of_range"),
    ("unitCost", "1", "invalid_type"),
    ("unitCost", True, "invalid_type"),
    ("unitCost", None, "invalid_type"),
    ("currency", "usd", "invalid_format"),
    ("currency", "DOLLARS", "invalid_format"),
    ("productId", "YOUR_PRODUCT_ID", "invalid_format"),
    ("valueProperty", "amount", "invalid_format"),
    ("valueProperty", "$.a[0]", "invalid_format"),
    ("valueProperty", ..., "required"),
    ("valueProperty", None, "required"),
    ("unit", 5, "invalid_type"),
    ("unit", None, "invalid_type"),
    ("groupBy", [], "invalid_type"),
    ("groupBy", {"region": "region"}, "invalid_format"),
    ("groupBy", {"region": 1}, "invalid_type"),
    ("merchantId", "acme", "invalid_format"),
    *[(name, ..., "required") for name in COST if name not in ("valueProperty", "groupBy")],
]


@pytest.mark.parametrize(("name", "value", "code"), FAULTS)
def test_a_faulty_member_is_named_with_a_code(paygentic: httpx.Client, name: str, value: Any, code: str) -> None:
    body = {key: each for key, each in {**COST, name: value}.items() if each is not ...}

    answer = paygentic.post("/v0/costs", json=body)

    assert answer.status_code == 400
    assert answer.json()["error"] == "validation_error"
    field = "groupBy.region" if isinstance(value, dict) else name
    assert [(error["field"], error["code"]) for error in answer.json()["errors"]] == [(field, code)]


def test_all_faulty_members_are_reported_at_once(paygentic: httpx.Client) -> None:
    body = {"type": "flat", "aggregation": "SUM", "unitCost": -1, "groupBy": {"a": "a", "b": "$.b"}}

    errors = paygentic.post("/v0/costs", json=body).json()["errors"]

    assert sorted(error["field"] for error in errors) == [
        "currency", "eventType", "groupBy.a", "name", "productId", "type", "unitCost", "valueProperty",
    ]  # fmt: skip


def test_python_names_are_no_members_of_the_wire(paygentic: httpx.Client) -> None:
    body = {**without(COST, "eventType"), "event_type": TYPE}

    assert [e["field"] for e in paygentic.post("/v0/costs", json=body).json()["errors"]] == ["eventType"]


@pytest.mark.parametrize(
    ("query", "field"), [("limit=0", "limit"), ("limit=101", "limit"), ("offset=-1", "offset"), ("limit=ten", "limit"),
                         ("limit=1.5", "limit"), ("limit=", "limit"), ("productId=x", "productId")],
)  # fmt: skip
def test_a_page_out_of_range_is_refused(paygentic: httpx.Client, query: str, field: str) -> None:
    answer = paygentic.get(f"/v0/costs?{query}")

    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == [field]


def test_costs_that_read_alike_share_a_meter_and_an_unused_meter_is_dropped(merchant: Merchant, simulator: Any) -> None:
    def meters() -> int:
        return int(simulator.store.one("SELECT count(*) FROM paygentic_meters")[0])

    one, other = merchant.create(), merchant.create(aggregation="MAX", unitCost=2, name="other")
    assert meters() == 1

    merchant.send({"amount": 3, "region": "eu"})
    merchant.patch(one, groupBy={"region": "$.region"})
    assert meters() == 2
    assert merchant.summary(one, groupBy="region")["groups"][0]["dimensions"] == {"region": "eu"}

    merchant.patch(one, eventType=None)
    assert meters() == 1
    assert merchant.total(other) == 3
