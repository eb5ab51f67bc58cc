"""Keys: those that are asked about too often, and those that are not let in at all."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from paygentic_sdk import Paygentic
from paygentic_sdk import errors as sdk_errors

from mockserver.app import Simulator
from mockserver.http.openapi import vendor_document
from mockserver.kernel.errors import RateLimited
from mockserver.kernel.world import World
from mockserver.vendors.pareta import vendor as pareta_vendor
from mockserver.vendors.paygentic import vendor
from tests.vendors.paygentic.conftest import MERCHANT, MONTH

REPORT = {**MONTH, "groupBy": "cost"}
REPORTS = "Too many cost report requests. Please wait before trying again."
CUSTOMERS = "Too many customer list requests. Please wait before trying again."


@pytest.fixture
def limited(flip: Callable[..., None]) -> None:
    flip(rate_limits=True)


@pytest.fixture
def other_key(transport: httpx.BaseTransport) -> Iterator[httpx.Client]:
    """The live key of the same world."""
    headers = {"Authorization": "Bearer sk_live_acme"}
    with httpx.Client(transport=transport, base_url="http://mock", headers=headers) as client:
        yield client


def customers(http: httpx.Client) -> httpx.Response:
    return http.get("/v0/customers", params={"organizationId": MERCHANT})


def statuses(http: httpx.Client, count: int) -> list[int]:
    return [customers(http).status_code for _ in range(count)]


def test_nothing_is_limited_unless_the_world_says_so(paygentic: httpx.Client) -> None:
    assert statuses(paygentic, 30) == [200] * 30


@pytest.mark.usefixtures("limited")
def test_customers_are_listed_ten_times_a_second(
    paygentic: httpx.Client, go_to: Callable[[str], None], simulator: Simulator
) -> None:
    go_to("2026-02-10T12:00:00.999Z")
    assert statuses(paygentic, 10) == [200] * 10

    refused = customers(paygentic)
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
    assert refused.json() == {"message": CUSTOMERS, "error": "too_many_requests"}

    go_to("2026-02-10T12:00:01Z")
    assert statuses(paygentic, 11) == [200] * 10 + [429]
    journal = simulator.worlds.get("acme").journal.read()
    assert journal[-1].operation == "paygentic.customers.list"
    assert journal[-1].reason == CUSTOMERS


@pytest.mark.usefixtures("limited")
@pytest.mark.parametrize(
    ("at", "wait"), [("12:00:00", "60"), ("12:00:00.5", "60"), ("12:00:01", "59"), ("12:00:59.9", "1")]
)
def test_reports_are_made_600_times_a_minute(
    paygentic: httpx.Client, go_to: Callable[[str], None], at: str, wait: str
) -> None:
    go_to(f"2026-02-10T{at}Z")
    # A faulty one counts too: a limit is about asking, not about being answered.
    answers = [paygentic.get("/v0/costs/report").status_code for _ in range(600)]
    assert answers == [400] * 600

    refused = paygentic.get("/v0/costs/report", params=REPORT)
    assert (refused.status_code, refused.headers["retry-after"]) == (429, wait)
    assert refused.json()["message"] == REPORTS

    go_to("2026-02-10T12:01:00Z")
    assert paygentic.get("/v0/costs/report", params=REPORT).status_code == 200


@pytest.mark.usefixtures("limited")
def test_each_key_and_each_route_counts_for_itself(paygentic: httpx.Client, other_key: httpx.Client) -> None:
    assert statuses(paygentic, 11)[-1] == 429
    assert statuses(other_key, 10) == [200] * 10
    assert paygentic.get("/v0/costs/report", params=REPORT).status_code == 200
    assert [paygentic.get("/v0/costs").status_code for _ in range(20)] == [200] * 20
    paygentic.headers["Authorization"] = "bearer  sk_test_acme"
    assert customers(paygentic).status_code == 429
    paygentic.headers["Authorization"] = "Bearer sk_test_other"
    assert customers(paygentic).status_code == 200


@pytest.mark.usefixtures("limited")
def test_a_limit_is_checked_after_the_key_and_before_everything_else(
    paygentic: httpx.Client, flip: Callable[..., None]
) -> None:
    statuses(paygentic, 10)
    flip(customers_read=False, customers_write=False)

    assert paygentic.get("/v0/customers", params={"limit": "x"}).status_code == 429
    assert paygentic.get("/v0/customers", headers={"Authorization": "Bearer nobody"}).status_code == 401
    flip(test_keys=False)
    assert customers(paygentic).status_code == 401


@pytest.mark.usefixtures("limited")
def test_a_copy_of_a_world_has_used_up_what_the_original_had(
    simulator: Simulator, world: World, paygentic: httpx.Client
) -> None:
    statuses(paygentic, 10)
    with simulator.store.committed():
        simulator.worlds.fork(world, "copy")
    paygentic.headers["Authorization"] = "Bearer sk_test_copy"

    assert customers(paygentic).status_code == 429


@pytest.mark.sdk
@pytest.mark.usefixtures("limited")
def test_the_vendors_client_reads_a_limit(sdk: Paygentic) -> None:
    for _ in range(10):
        sdk.customers.list(organization_id=MERCHANT)

    with pytest.raises(sdk_errors.Error) as refused:
        sdk.customers.list(organization_id=MERCHANT)

    assert (refused.value.status_code, refused.value.message) == (429, CUSTOMERS)


def test_both_vendors_say_how_long_to_wait() -> None:
    error = RateLimited("slow down", retry_after_s=7)

    replies = [vendor.api.render(error), pareta_vendor.api.render(error)]

    assert [reply.status for reply in replies] == [429, 429]
    assert all((b"retry-after", b"7") in reply.headers for reply in replies)
    assert [json.loads(reply.body) for reply in replies] == [
        {"message": "slow down", "error": "too_many_requests"}, {"detail": "slow down"},
    ]  # fmt: skip


def test_every_operation_may_answer_what_any_may() -> None:
    operations: list[dict[str, Any]] = [
        operation for path in vendor_document(vendor.api)["paths"].values() for operation in path.values()
    ]

    assert [o["operationId"] for o in operations if not {"401", "403", "429", "500"} <= set(o["responses"])] == []


@pytest.mark.parametrize(("off", "let_in"), [("live_keys", "sk_test_acme"), ("test_keys", "sk_live_acme")])
def test_an_environment_lets_in_keys_of_one_mode(
    paygentic: httpx.Client, flip: Callable[..., None], off: str, let_in: str
) -> None:
    flip(**{off: False})

    for key in ("sk_live_acme", "sk_test_acme"):
        paygentic.headers["Authorization"] = f"BEARER {key}"
        answers = [
            paygentic.get("/v0/costs"),
            # Nothing else about a request matters when its key is none.
            paygentic.post("/v0/events", content="{" * 2_000_000),
            paygentic.patch("/v0/costs/cst_gone", json={}),
        ]
        if key == let_in:
            assert [answer.status_code for answer in answers] == [200, 413, 404]
        else:
            assert [answer.status_code for answer in answers] == [401, 401, 401]
            assert {answer.json()["error"] for answer in answers} == {"unauthorized"}


def test_a_key_that_is_switched_off_is_let_in_again(paygentic: httpx.Client, flip: Callable[..., None]) -> None:
    flip(test_keys=False, live_keys=False)
    assert paygentic.get("/v0/costs").status_code == 401
    flip(test_keys=True)
    assert paygentic.get("/v0/costs").status_code == 200
