"""Customers: create, list, get, change, delete."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.vendors.paygentic.conftest import MERCHANT, Merchant, without

CONSUMER = {
    "name": "North Ltd",
    "email": "ap@north.example",
    "address": {"line1": "1 High St", "city": "Leeds", "country": "GB", "zipCode": "LS1"},
    "phone": "+44 1",
}
BODY = {"merchantId": MERCHANT, "consumer": CONSUMER, "externalId": "north-01", "taxRates": {"vat": 19.5}}


def create(merchant: Merchant, **changes: Any) -> str:
    """Create a customer and return its id."""
    answer = merchant.expect(201, merchant.http.post("/v0/customers", json={**BODY, **changes}))
    assert answer["validTaxAddress"] == {"valid": True}
    return str(answer["customerId"])


def get(merchant: Merchant, identifier: str) -> Any:
    return merchant.expect(200, merchant.http.get(f"/v0/customers/{identifier}"))


def test_a_customer_is_answered_without_what_is_unset(merchant: Merchant) -> None:
    customer = get(merchant, create(merchant))

    assert customer == {
        "id": customer["id"],
        "object": "customer",
        "consumerId": customer["organization"]["id"],
        "merchantId": MERCHANT,
        "organization": {
            "id": customer["consumerId"], "name": "North Ltd", "address": CONSUMER["address"],
            "billingEmails": ["ap@north.example"], "phone": "+44 1",
        },
        "validTaxAddress": {"valid": True},
        "externalId": "north-01",
        "taxRates": {"vat": customer["taxRates"]["vat"]},
        "createdAt": "2026-02-10T12:00:00Z",
        "updatedAt": "2026-02-10T12:00:00Z",
    }  # fmt: skip
    assert float(customer["taxRates"]["vat"]) == 19.5


def test_the_same_consumer_is_the_same_customer(merchant: Merchant) -> None:
    first = create(merchant)
    shouted = {**CONSUMER, "email": "AP@NORTH.example"}

    again = merchant.http.post("/v0/customers", json={**BODY, "consumer": shouted})
    by_id = merchant.http.post(
        "/v0/customers", json={"merchantId": MERCHANT, "consumerId": get(merchant, first)["consumerId"]}
    )

    assert (again.status_code, again.json()["customerId"]) == (200, first)
    assert (by_id.status_code, by_id.json()["customerId"]) == (200, first)


def test_an_external_id_belongs_to_one_customer_at_a_time(merchant: Merchant) -> None:
    first = create(merchant)
    other = {**CONSUMER, "email": "ap@south.example"}

    taken = merchant.http.post("/v0/customers", json={**BODY, "consumer": other})
    second = create(merchant, consumer=other, externalId="south-01")
    stolen = merchant.http.patch(f"/v0/customers/{second}", json={"externalId": "north-01"})

    assert (taken.status_code, taken.json()["error"], stolen.status_code) == (409, "conflict", 409)
    assert merchant.http.patch(f"/v0/customers/{second}", json={"externalId": "south-01"}).status_code == 200
    assert merchant.http.delete(f"/v0/customers/{first}").status_code == 204
    assert merchant.http.patch(f"/v0/customers/{second}", json={"externalId": "north-01"}).status_code == 200


def test_a_change_sets_and_clears(merchant: Merchant) -> None:
    identifier = create(merchant, taxId="GB1")
    path = f"/v0/customers/{identifier}"

    changed = merchant.expect(200, merchant.http.patch(path, json={
        "taxId": None, "externalId": None, "taxRates": 7, "notificationSettings": {"invoicePaid": False},
    }))  # fmt: skip

    assert "taxId" not in changed
    assert "externalId" not in changed
    assert changed["taxRates"] == {"default": 7}
    assert changed["notificationSettings"] == {"invoiceIssued": True, "invoicePaid": False, "renewalReminder": True}
    assert get(merchant, identifier) == changed
    assert merchant.expect(200, merchant.http.patch(path, json={})) == changed


def test_the_list_is_searched_by_part_of_name_and_mail_and_by_exact_external_id(merchant: Merchant) -> None:
    identifier = create(merchant)

    def found(**query: str) -> list[str]:
        query["organizationId"] = MERCHANT
        body = merchant.expect(200, merchant.http.get("/v0/customers", params=query))
        assert body["object"] == "list"
        assert body["pagination"]["total"] == len(body["data"])
        return [customer["id"] for customer in body["data"]]

    assert found() == [identifier, "cus_abc123"]
    assert found(name="NORTH") == found(email="north.ex") == found(externalId="north-01") == [identifier]
    assert found(externalId="north") == found(name="north%") == []


def test_a_deleted_customer_is_gone(merchant: Merchant) -> None:
    identifier = create(merchant)
    path = f"/v0/customers/{identifier}"

    assert merchant.http.delete(path).status_code == 204

    for answer in (merchant.http.get(path), merchant.http.delete(path), merchant.http.patch(path, json={})):
        assert answer.status_code == 404
    assert create(merchant) != identifier


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, ["consumer", "merchantId"]),
        ({"merchantId": MERCHANT, "consumer": {}}, ["consumer.address", "consumer.email", "consumer.name"]),
        ({**BODY, "consumer": {**CONSUMER, "email": "nobody"}}, ["consumer.email"]),
        ({**BODY, "consumer": {**CONSUMER, "address": {"country": "GBR"}}}, ["consumer.address.country"]),
        ({**BODY, "externalId": "x" * 256}, ["externalId"]),
        ({**BODY, "taxRates": {"vat": 101}}, ["taxRates.vat"]),
        ({**BODY, "taxRates": {"vat": "1"}}, ["taxRates.vat"]),
        ({**without(BODY, "consumer"), "consumerId": "acme"}, ["consumerId"]),
    ],
)
def test_faulty_members_are_named(paygentic: httpx.Client, body: dict[str, Any], fields: list[str]) -> None:
    answer = paygentic.post("/v0/customers", json=body)

    assert answer.status_code == 400
    assert sorted(error["field"] for error in answer.json()["errors"]) == fields


@pytest.mark.parametrize(
    ("changes", "field"),
    [({"taxRates": 101}, "taxRates"), ({"taxRates": {"vat": -1}}, "taxRates"), ({"taxRates": None}, "taxRates"),
     ({"notificationSettings": {"invoicePaid": "no"}}, "notificationSettings.invoicePaid")],
)  # fmt: skip
def test_a_faulty_change_is_named(paygentic: httpx.Client, changes: dict[str, Any], field: str) -> None:
    answer = paygentic.patch("/v0/customers/cus_abc123", json=changes)

    assert [error["field"] for error in answer.json()["errors"]] == [field]


def test_the_list_wants_the_organization_and_long_enough_parts(paygentic: httpx.Client) -> None:
    answer = paygentic.get("/v0/customers", params={"name": "ab"})
    foreign = paygentic.get("/v0/customers", params={"organizationId": "org_other"})

    assert sorted(error["field"] for error in answer.json()["errors"]) == ["name", "organizationId"]
    assert foreign.status_code == 403


def test_an_unknown_consumer_is_not_found(paygentic: httpx.Client) -> None:
    answer = paygentic.post("/v0/customers", json={"merchantId": MERCHANT, "consumerId": "org_nobody"})

    assert (answer.status_code, answer.json()["message"]) == (404, "Consumer org_nobody was not found")
