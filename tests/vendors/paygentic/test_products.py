"""Products: create, list, get, change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from paygentic_sdk import Paygentic

from tests.vendors.paygentic.conftest import MERCHANT, PRODUCT, Merchant, without

BODY = {"name": "Doc reader", "description": "", "merchantId": MERCHANT}


def test_a_world_starts_with_the_product_of_the_vendors_page(merchant: Merchant) -> None:
    product = merchant.expect(200, merchant.http.get(f"/v0/products/{PRODUCT}"))

    assert (product["id"], product["object"], product["metadata"], product["merchantId"]) == (
        PRODUCT, "product", {}, MERCHANT,
    )  # fmt: skip


def test_a_product_is_created_changed_and_listed_newest_first(
    merchant: Merchant, advance: Callable[[str], None]
) -> None:
    made = merchant.expect(201, merchant.http.post("/v0/products", json={**BODY, "metadata": {"team": "a"}}))
    advance("2s")
    changed = merchant.expect(200, merchant.http.patch(f"/v0/products/{made['id']}", json={"description": "d"}))
    listed = merchant.expect(200, merchant.http.get("/v0/products", params={"limit": 1, "merchantId": MERCHANT}))

    assert made == {
        **BODY, "id": made["id"], "object": "product", "metadata": {"team": "a"},
        "createdAt": "2026-02-10T12:00:00Z", "updatedAt": "2026-02-10T12:00:00Z",
    }  # fmt: skip
    assert changed == {**made, "description": "d", "updatedAt": "2026-02-10T12:00:02Z"}
    assert listed["data"] == [changed]
    assert listed["pagination"] == {"limit": 1, "offset": 0, "total": 2}
    assert merchant.expect(200, merchant.http.patch(f"/v0/products/{made['id']}", json={})) == changed
    assert merchant.create(productId=made["id"])["productId"] == made["id"]


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, ["description", "merchantId", "name"]),
        ({**BODY, "name": ""}, ["name"]),
        ({**BODY, "description": None}, ["description"]),
        ({**BODY, "metadata": {"a": 1}}, ["metadata.a"]),
        ({**BODY, "metadata": None}, ["metadata"]),
    ],
)
def test_faulty_members_are_named(paygentic: httpx.Client, body: dict[str, Any], fields: list[str]) -> None:
    answer = paygentic.post("/v0/products", json=body)

    assert answer.status_code == 400
    assert sorted(error["field"] for error in answer.json()["errors"]) == fields


def test_an_unknown_product_is_not_found(paygentic: httpx.Client) -> None:
    assert paygentic.get("/v0/products/prod_none").status_code == 404
    assert paygentic.patch("/v0/products/prod_none", json={"name": 5}).status_code == 404


def test_a_change_may_not_clear_what_must_be_there(paygentic: httpx.Client) -> None:
    answer = paygentic.patch(f"/v0/products/{PRODUCT}", json={"name": None, "description": None})

    assert [error["field"] for error in answer.json()["errors"]] == ["name", "description"]


def test_another_organization_is_forbidden(paygentic: httpx.Client) -> None:
    created = paygentic.post("/v0/products", json={**without(BODY), "merchantId": "org_other"})
    listed = paygentic.get("/v0/products", params={"merchantId": "org_other"})

    assert created.status_code == listed.status_code == 403
    assert created.json()["reason"] == "not_member"


def test_what_a_change_may_not_touch_stays(merchant: Merchant) -> None:
    made = merchant.expect(201, merchant.http.post("/v0/products", json={**BODY, "metadata": {"team": "a"}}))

    sent = {"id": "prod_x", "metadata": {}, "merchantId": "org_other", "createdAt": "2020-01-01T00:00:00Z"}
    changed = merchant.expect(200, merchant.http.patch(f"/v0/products/{made['id']}", json={"name": "N", **sent}))

    assert changed == {**made, "name": "N"}
    assert merchant.expect(200, merchant.http.get(f"/v0/products/{made['id']}")) == changed


def test_a_page_past_the_end_is_empty(merchant: Merchant) -> None:
    body = merchant.expect(200, merchant.http.get("/v0/products", params={"offset": 5}))

    assert (body["data"], body["pagination"]) == ([], {"limit": 10, "offset": 5, "total": 1})


def test_the_vendors_client_does_it_all(sdk: Paygentic) -> None:
    made = sdk.products.create(name="Doc reader", description="", merchant_id=MERCHANT)
    changed = sdk.products.update(id=made.id, description="d")
    listed = sdk.products.list(request={"merchant_id": MERCHANT, "limit": 1})

    assert (made.description, made.metadata) == ("", {})
    assert sdk.products.get(id=made.id) == changed
    assert listed.data == [changed]
