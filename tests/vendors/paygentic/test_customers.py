"""Customers: create, list, get, change, delete."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from paygentic_sdk import Paygentic
from paygentic_sdk import errors as sdk_errors

from tests.vendors.paygentic.biller import Biller
from tests.vendors.paygentic.conftest import MERCHANT, Merchant, without

CONSUMER = {
    "name": "North Ltd",
    "email": "ap@north.example",
    "address": {"line1": "1 High St", "city": "Leeds", "state": "ENG", "country": "GB", "zipCode": "LS1"},
    "phone": "+44 1",
}
BODY = {"merchantId": MERCHANT, "consumer": CONSUMER, "externalId": "north-01", "taxRates": {"vat": 19.5}}


def create(merchant: Merchant, **changes: Any) -> str:
    """Create a customer and return its id."""
    answer = merchant.expect(201, merchant.http.post("/v0/customers", json={**BODY, **changes}))
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


def test_an_external_id_is_told_apart_by_letter_case(merchant: Merchant) -> None:
    first = create(merchant)

    second = create(merchant, consumer={**CONSUMER, "email": "ap@south.example"}, externalId="NORTH-01")

    assert second != first


def test_a_mail_address_is_one_in_any_letter_case_beyond_ascii_too(merchant: Merchant) -> None:
    first = create(merchant, consumer={**CONSUMER, "email": "ÄRA@MÜNCHEN.example", "name": "ÄRA"})

    again = merchant.http.post("/v0/customers", json={**BODY, "consumer": {**CONSUMER, "email": "ära@münchen.EXAMPLE"}})
    listed = merchant.http.get("/v0/customers", params={"organizationId": MERCHANT, "name": "ära", "email": "@MÜN"})

    assert (again.status_code, again.json()["customerId"]) == (200, first)
    assert [customer["id"] for customer in listed.json()["data"]] == [first]


def test_a_consumer_is_known_after_its_customer_is_deleted(merchant: Merchant) -> None:
    first = create(merchant)
    consumer_id = get(merchant, first)["consumerId"]
    merchant.http.delete(f"/v0/customers/{first}")

    by_id = merchant.http.post("/v0/customers", json={"merchantId": MERCHANT, "consumerId": consumer_id})
    second = merchant.expect(201, by_id)["customerId"]
    customer = get(merchant, second)
    merchant.http.delete(f"/v0/customers/{second}")
    third = create(merchant, consumer={**CONSUMER, "name": "North 2", "address": {}})

    assert second != first
    assert (customer["consumerId"], customer["organization"]["name"]) == (consumer_id, "North Ltd")
    assert customer["organization"]["address"] == CONSUMER["address"]
    assert not {"externalId", "taxRates", "taxId"} & set(customer)
    assert (get(merchant, third)["consumerId"], get(merchant, third)["organization"]["name"]) == (
        consumer_id, "North Ltd",
    )  # fmt: skip


def test_a_consumers_id_says_more_than_its_description(merchant: Merchant) -> None:
    first = create(merchant)
    consumer_id = get(merchant, first)["consumerId"]
    other = {**CONSUMER, "email": "x@y.example"}

    both = merchant.http.post("/v0/customers", json={**BODY, "consumer": other, "consumerId": consumer_id})
    create(merchant, consumer=other, externalId="other")
    taken = {"merchantId": MERCHANT, "consumerId": consumer_id, "externalId": "other"}

    assert (both.status_code, both.json()["customerId"]) == (200, first)
    assert merchant.http.post("/v0/customers", json=taken).status_code == 409


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ({"country": "GB", "state": "ENG", "zipCode": "LS1"}, {"valid": True}),
        ({"country": "GB", "zipCode": ""}, {"valid": False, "message": "missing: state, zipCode"}),
        ({}, {"valid": False, "message": "missing: country, state, zipCode"}),
    ],
)
def test_an_address_is_good_for_taxes_when_it_has_country_state_and_code(
    merchant: Merchant, address: dict[str, str], expected: dict[str, Any]
) -> None:
    body = {**BODY, "consumer": {**CONSUMER, "address": address}}
    made = merchant.expect(201, merchant.http.post("/v0/customers", json=body))

    assert made["validTaxAddress"] == get(merchant, made["customerId"])["validTaxAddress"] == expected


def test_of_notifications_only_those_that_are_named_change(merchant: Merchant) -> None:
    path = f"/v0/customers/{create(merchant)}"
    merchant.http.patch(path, json={"notificationSettings": {"invoicePaid": False}})

    changed = merchant.expect(200, merchant.http.patch(path, json={"notificationSettings": {"invoiceIssued": False}}))

    assert changed["notificationSettings"] == {"invoiceIssued": False, "invoicePaid": False, "renewalReminder": True}


def test_notifications_that_name_nothing_are_all_on(merchant: Merchant) -> None:
    answer = merchant.http.patch("/v0/customers/cus_abc123", json={"notificationSettings": {}})

    assert answer.json()["notificationSettings"] == {
        "invoiceIssued": True, "invoicePaid": True, "renewalReminder": True,
    }  # fmt: skip


def test_a_customer_that_owes_something_cannot_be_deleted(merchant: Merchant, biller: Biller) -> None:
    identifier = create(merchant)
    owed = [biller.invoice(customer_id=identifier, id=f"inv_{number}") for number in (1, 2)]
    biller.invoice(customer_id=identifier, status="paid")

    refused = merchant.http.delete(f"/v0/customers/{identifier}")

    items = [{"id": invoice["id"], "status": "ISSUED"} for invoice in owed]
    assert merchant.expect(409, refused) == {
        "message": f"Customer {identifier} cannot be deleted: it has outstanding invoices",
        "error": "conflict",
        "details": {"blockers": [{"type": "invoices", "count": 2, "items": items}]},
    }
    assert get(merchant, identifier)["id"] == identifier
    biller.pay(owed[0], 100)
    biller.change(owed[1], status="written_off")
    assert merchant.http.delete(f"/v0/customers/{identifier}").status_code == 204


def test_an_external_id_that_is_given_again_takes_the_events_sent_to_it_along(merchant: Merchant) -> None:
    cost = merchant.create()
    first = create(merchant)
    merchant.send('{"amount": 2}', subject=..., externalSubject="north-01", timestamp="2026-02-03T00:00:00Z")
    merchant.send('{"amount": 1}', subject=first, timestamp="2026-02-03T00:00:00Z")
    before = merchant.total(cost, subject=first)
    merchant.http.delete(f"/v0/customers/{first}")
    second = create(merchant, consumer={**CONSUMER, "email": "ap@south.example"})

    assert (before, merchant.total(cost, subject=first), merchant.total(cost, subject=second)) == (3, 1, 2)


def test_the_vendors_client_does_it_all(sdk: Paygentic, merchant: Merchant, biller: Biller) -> None:
    consumer: Any = {"name": "North", "email": "n@x.example", "address": {"line1": "1", "country": "GB"}}
    made = sdk.customers.create(merchant_id=MERCHANT, consumer=consumer, external_id="n", tax_rates={"default": 19})
    again = sdk.customers.create(merchant_id=MERCHANT, consumer=consumer)
    changed = sdk.customers.update(
        id=made.customer_id, tax_id=None, external_id=None, tax_rates=7.5, notification_settings={"invoice_paid": False}
    )
    listed = sdk.customers.list(organization_id=MERCHANT, name="nor", limit=1)
    biller.invoice(customer_id=made.customer_id)

    with pytest.raises(sdk_errors.DeleteCustomerConflictError) as refused:
        sdk.customers.delete(id=made.customer_id)

    assert again.customer_id == made.customer_id
    assert (changed.external_id, changed.tax_rates) == (None, {"default": 7.5})
    assert changed.notification_settings is not None
    assert not changed.notification_settings.invoice_paid
    assert listed is not None
    assert [customer.id for customer in listed.data] == [made.customer_id]
    details = refused.value.data.details
    assert details is not None
    assert details.blockers is not None
    assert [(blocker.type, blocker.count) for blocker in details.blockers] == [("invoices", 1)]


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
