"""Two error bodies and no other: `Error`, and `ValidationError` when fields are to blame. Always a message."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from paygentic_sdk import Paygentic
from paygentic_sdk import errors as sdk_errors

from mockserver.kernel.errors import Conflict, IdempotencyMismatch, InvalidRequest, MockError, Problem
from mockserver.vendors.paygentic import vendor
from tests.vendors.paygentic.conftest import COST, EVENT, MONTH, Merchant, without

ERROR_MEMBERS = {"message", "error", "code", "reason", "requiredPermissions"}


def error_of(answer: httpx.Response, status: int, category: str) -> Any:
    """Check that an answer is an `Error` and return it."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert body["message"]
    assert body["error"] == category
    assert set(body) <= ERROR_MEMBERS
    assert None not in body.values()
    return body


def validation_error_of(answer: httpx.Response) -> list[str]:
    """Check that an answer is a `ValidationError` and return the faulty fields."""
    assert answer.status_code == 400, answer.text
    body = answer.json()
    assert set(body) == {"message", "error", "errors"}
    assert (body["message"], body["error"]) == ("Request validation failed", "validation_error")
    assert all(set(each) == {"field", "message", "code"} and all(each.values()) for each in body["errors"])
    return [each["field"] for each in body["errors"]]


@pytest.mark.parametrize(
    "content",
    ["", "{", "nope", "[]", "3", "null", '"x"', '{"a": NaN}', '{"a": 1e999999}', "[" * 5000, b"\xff\xfe",
     '{"a": "\\ud800"}', '{"a": ' + "9" * 5000 + "}"],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/v0/events", "/v0/costs"])
def test_400_for_a_body_that_cannot_be_read(paygentic: httpx.Client, path: str, content: str | bytes) -> None:
    error_of(paygentic.post(path, content=content), 400, "bad_request")


def test_400_for_faulty_fields(paygentic: httpx.Client) -> None:
    assert validation_error_of(paygentic.post("/v0/costs", json=without(COST, "name", "currency"))) == [
        "name",
        "currency",
    ]


def test_400_for_rules_that_blame_no_single_field(merchant: Merchant) -> None:
    cost = merchant.create()
    backwards = {"from": MONTH["to"], "to": MONTH["from"]}

    error_of(merchant.http.get(f"/v0/costs/{cost['id']}/summary", params=backwards), 400, "bad_request")
    body = error_of(merchant.http.post("/v0/costs", json={**COST, "currency": "CHF"}), 400, "bad_request")
    assert body["code"] == "CURRENCY_NOT_ENABLED"


@pytest.mark.parametrize(
    "headers",
    [{}, {"authorization": "Bearer "}, {"authorization": "Bearer pk_live_x"}, {"authorization": "Basic sk_live_x"},
     {"authorization": "sk_live_x"}, {"authorization": "Bearer sk_x"}, {"authorization": "Bearer sk_live_"}],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/v0/costs", "/v0/costs/cst_1", "/v0/products", "/v0/customers"])
def test_401_without_a_key(transport: httpx.BaseTransport, headers: dict[str, str], path: str) -> None:
    with httpx.Client(transport=transport, base_url="http://mock", headers=headers) as http:
        error_of(http.get(path), 401, "unauthorized")


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
@pytest.mark.parametrize("mode", ["live", "test"])
def test_a_key_of_either_mode_is_let_in_whatever_the_scheme_looks_like(
    transport: httpx.BaseTransport, scheme: str, mode: str
) -> None:
    with httpx.Client(transport=transport, headers={"authorization": f"{scheme} sk_{mode}_acme"}) as http:
        assert http.get("http://mock/v0/costs").status_code == 200


PERMISSIONS = [
    ("events_create", "POST", "/v0/events", "events:create"),
    ("costs_write", "POST", "/v0/costs", "costs:write"),
    ("costs_write", "PATCH", "/v0/costs/cst_x", "costs:write"),
    ("costs_write", "DELETE", "/v0/costs/cst_x", "costs:write"),
    ("products_write", "POST", "/v0/products", "products:write"),
    ("products_write", "PATCH", "/v0/products/prod_x", "products:write"),
    ("customers_write", "POST", "/v0/customers", "customers:write"),
    ("customers_write", "PATCH", "/v0/customers/cus_x", "customers:write"),
    ("customers_write", "DELETE", "/v0/customers/cus_x", "customers:write"),
]


@pytest.mark.parametrize(("switch", "method", "path", "permission"), PERMISSIONS)
def test_403_for_a_missing_permission_comes_before_404_and_faulty_fields(
    paygentic: httpx.Client, flip: Callable[..., None], switch: str, method: str, path: str, permission: str
) -> None:
    flip(**{switch: False})

    answer = paygentic.request(method, path, content=None if method == "DELETE" else "{}")

    body = error_of(answer, 403, "forbidden")
    assert (body["reason"], body["requiredPermissions"]) == ("no_permission", [permission])


@pytest.mark.parametrize(
    ("resource", "path"),
    [("costs", "/v0/costs"), ("costs", "/v0/costs/cst_x"), ("costs", "/v0/costs/cst_x/summary"),
     ("products", "/v0/products"), ("products", "/v0/products/prod_x"),
     ("customers", "/v0/customers"), ("customers", "/v0/customers/cus_x")],
)  # fmt: skip
def test_403_for_reading_needs_both_permissions_gone(
    paygentic: httpx.Client, flip: Callable[..., None], resource: str, path: str
) -> None:
    flip(**{f"{resource}_read": False})
    assert paygentic.get(path).status_code != 403
    flip(**{f"{resource}_write": False})
    body = error_of(paygentic.get(path), 403, "forbidden")
    assert body["requiredPermissions"] == [f"{resource}:read", f"{resource}:write"]


def test_403_for_another_organization(merchant: Merchant) -> None:
    merchant.create()
    for answer in (
        merchant.http.post("/v0/costs", json={**COST, "merchantId": "org_other"}),
        merchant.http.get("/v0/costs", params={"merchantId": "org_other"}),
        merchant.http.post("/v0/events", json={**EVENT, "namespace": "org_other"}),
    ):
        body = error_of(answer, 403, "forbidden")
        assert body["reason"] == "not_member"
        assert "requiredPermissions" not in body


def test_404_for_what_does_not_exist(merchant: Merchant) -> None:
    for answer in (
        merchant.http.get("/v0/costs/cst_gone1"),
        merchant.http.patch("/v0/costs/cst_gone1", json={"unitCost": "faulty too"}),
        merchant.http.delete("/v0/costs/cst_gone1"),
        merchant.http.get("/v0/costs/cst_gone1/summary"),
    ):
        assert error_of(answer, 404, "not_found")["message"] == "Cost cst_gone1 was not found"
    answer = merchant.http.post("/v0/costs", json={**COST, "productId": "prod_gone"})
    assert error_of(answer, 404, "not_found")["message"] == "Product prod_gone was not found"


def test_404_and_405_for_what_is_not_routed(paygentic: httpx.Client) -> None:
    error_of(paygentic.get("/v0/nothing"), 404, "not_found")
    answer = paygentic.put("/v0/costs", json={})
    error_of(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == "GET, POST"


def test_413_for_more_than_a_mebibyte(merchant: Merchant) -> None:
    merchant.create()
    frame = json.dumps({**EVENT, "data": {"x": ""}})
    fits = frame.replace('""', '"' + "x" * (1024 * 1024 - len(frame)) + '"')

    assert merchant.http.post("/v0/events", content=fits).status_code == 202
    error_of(merchant.http.post("/v0/events", content=fits + " "), 413, "payload_too_large")


def test_422_is_never_a_validation_error(paygentic: httpx.Client) -> None:
    body = error_of(paygentic.post("/v0/events", json=EVENT), 422, "unprocessable_entity")

    assert body["code"] == "UNKNOWN_EVENT_TYPE"


def test_a_fault_of_our_own_has_a_message_too() -> None:
    reply = vendor.api.crash()

    assert (reply.status, json.loads(reply.body)) == (
        500, {"message": "Internal server error", "error": "internal_server_error"},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("error", "status"),
    [(Conflict("busy", retry_after_s=3), 409), (IdempotencyMismatch("k"), 409), (MockError("half \ud800 a pair"), 400),
     (InvalidRequest(Problem(("body", "\ud800"), "m", "required")), 400)],
)  # fmt: skip
def test_every_error_can_be_rendered(error: MockError, status: int) -> None:
    reply = vendor.api.render(error)

    assert reply.status == status
    assert json.loads(reply.body)["message"]
    assert ((b"retry-after", b"3") in reply.headers) is (getattr(error, "retry_after_s", None) == 3)


@pytest.mark.sdk
def test_the_vendors_client_maps_each_status_to_its_own_exception(sdk: Paygentic, paygentic: httpx.Client) -> None:
    with pytest.raises(sdk_errors.Error) as missing:
        sdk.costs.get_cost(id="cst_gone1")
    with pytest.raises(sdk_errors.BadRequest) as faulty:
        sdk.events.ingest(request={"type": "a\nb", "source": "s", "data": {}, "subject": "s"})
    with pytest.raises(sdk_errors.Error) as unmatched:
        sdk.events.ingest(request={"type": "t", "source": "s", "data": {}, "subject": "s"})

    assert (missing.value.status_code, missing.value.message) == (404, "Cost cst_gone1 was not found")
    assert faulty.value.status_code == 400
    assert unmatched.value.status_code == 422
