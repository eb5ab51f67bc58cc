from __future__ import annotations

import base64

import httpx
import pytest

from mockserver.kernel.journal import MAX_BODY_BYTES
from tests.control import toy
from tests.control.conftest import START, ControlClient


def test_a_request_is_shown_with_what_was_decided(control: ControlClient, shop: httpx.Client) -> None:
    answer = shop.post("/shop/sales?why=not", json={"item": "tea"})

    (entry,) = control.get("worlds/acme/requests").json()["data"]

    headers = entry["request"].pop("headers")
    assert headers["authorization"] == "[redacted]"
    assert headers["user-agent"] == "tests"
    assert entry == {
        "seq": 1,
        "at": START,
        "vendor": "toy",
        "operation": "toy.sales.create",
        "method": "POST",
        "path": "/shop/sales",
        "query": "why=not",
        "status": 200,
        "cost_micro_usd": toy.PRICE,
        "duration_ms": 0,
        "request_id": answer.headers["x-request-id"],
        "client": "tests",
        "reason": None,
        "idempotency": None,
        "fault": None,
        "stub": None,
        "retry_after": None,
        "request": {"body": '{"item":"tea"}', "encoding": "utf-8"},
        "response": {"body": '{"item":"tea"}', "encoding": "utf-8"},
    }


def test_requests_come_in_pages_newest_last(control: ControlClient, shop: httpx.Client) -> None:
    for item in "abc":
        shop.post("/shop/sales", json={"item": item})

    first = control.get("worlds/acme/requests?limit=2").json()
    second = control.get(f"worlds/acme/requests?limit=2&after={first['next']}").json()

    assert [entry["seq"] for entry in first["data"]] == [1, 2]
    assert [entry["seq"] for entry in second["data"]] == [3]
    assert second["next"] is None


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("operation=toy.sales.create", [1, 3]),
        ("operation=sales.create", [1, 3]),
        ("operation=toy.*", [1, 2, 3]),
        ("operation=*.get", [2]),
        ("operation=create", []),
        ("status=400", [3, 4]),
        ("status=400&operation=sales.*", [3]),
        ("status=200&limit=1", [1]),
    ],
)
def test_requests_are_picked_by_operation_and_status(
    control: ControlClient, shop: httpx.Client, query: str, expected: list[int]
) -> None:
    shop.post("/shop/sales", json={"item": "tea"})
    shop.get("/shop/picture")
    shop.post("/shop/sales", json={})
    shop.get("/shop/nothing")

    entries = control.get(f"worlds/acme/requests?{query}").json()["data"]

    assert [entry["seq"] for entry in entries] == expected


def test_a_body_that_is_no_text_is_given_as_base64(control: ControlClient, shop: httpx.Client) -> None:
    shop.get("/shop/picture")

    (entry,) = control.get("worlds/acme/requests").json()["data"]

    assert entry["response"] == {"body": base64.b64encode(b"\xff\xfe").decode(), "encoding": "base64"}


@pytest.mark.parametrize("shift", range(4))
def test_a_long_text_is_cut_between_characters(control: ControlClient, shop: httpx.Client, shift: int) -> None:
    body = '{"item":"' + "x" * shift + "\N{GRINNING FACE}" * MAX_BODY_BYTES
    shop.post("/shop/sales", content=body.encode())

    (entry,) = control.get("worlds/acme/requests").json()["data"]

    assert entry["request"]["encoding"] == "utf-8"
    assert body.startswith(entry["request"]["body"])
    assert MAX_BODY_BYTES - 4 < len(entry["request"]["body"].encode()) <= MAX_BODY_BYTES


def test_requests_that_name_no_world_are_kept_apart(control: ControlClient, shop: httpx.Client) -> None:
    shop.post("/shop/sales", json={"item": "tea"}, headers={"Authorization": "Bearer nonsense"})

    (entry,) = control.get("worlds/~/requests").json()["data"]

    assert entry["status"] == 401
    assert entry["reason"]
