"""Invoices through the control API, whatever vendor keeps them."""

from __future__ import annotations

import httpx
import pytest

from mockserver.control.routes import control_app
from mockserver.kernel.world import Worlds
from tests.control import toy
from tests.control.conftest import ControlClient

INVOICE = {"id": "inv_1", "customer_id": "c", "currency": "USD", "amount": "9.10"}
PATH = "worlds/acme/invoices/inv_1"


def test_an_invoice_is_recorded_paid_refunded_changed_and_removed(control: ControlClient) -> None:
    made = control.post("worlds/acme/invoices", INVOICE)
    paid = control.post(f"{PATH}/payments", {"amount": 9.1})
    refunded = control.post(f"{PATH}/refunds", {"amount": "1", "tax": 0.25})
    changed = control.request("PATCH", PATH, json={"status": "written_off", "at": "2026-03-01T00:00:00Z"})

    assert [made.status_code, paid.status_code, refunded.status_code, changed.status_code] == [201, 201, 201, 200]
    assert paid.json()["payments"] == [
        {"id": "pay_1", "amount": "9.1", "status": "completed", "at": "2026-02-10T12:00:00Z"}
    ]
    assert refunded.json()["refunds"][0]["total"] == "1.25"
    assert changed.json()["written_off_at"] == "2026-03-01T00:00:00Z"
    assert control.get(PATH).json() == changed.json()
    assert control.delete(PATH).status_code == 204
    assert control.get(PATH).status_code == 404


def test_what_the_vendor_refuses_is_a_problem_that_names_the_field(control: ControlClient) -> None:
    control.post("worlds/acme/invoices", {**INVOICE, "payments": [{"amount": 1}, {"amount": 1}]})

    refused = control.post(f"{PATH}/payments", {"amount": 1})

    assert refused.status_code == 422
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.json()["errors"] == [{"field": "amount", "message": "enough is enough", "code": "out_of_range"}]


def test_the_list_comes_in_pages(control: ControlClient) -> None:
    for number in (1, 2, 3):
        control.post("worlds/acme/invoices", {**INVOICE, "id": f"inv_{number}"})

    first = control.get("worlds/acme/invoices?limit=2").json()
    second = control.get(f"worlds/acme/invoices?limit=2&after={first['next']}").json()

    assert [invoice["id"] for invoice in (*first["data"], *second["data"])] == ["inv_1", "inv_2", "inv_3"]
    assert second["next"] is None


@pytest.mark.parametrize(("path", "body"), [("invoices", INVOICE), ("invoices/inv_1/payments", {"amount": 1})])
def test_the_template_cannot_be_billed(control: ControlClient, path: str, body: dict[str, object]) -> None:
    assert control.post(f"worlds/~/{path}", body).status_code == 409


def test_without_a_vendor_that_bills_there_are_no_invoices(worlds: Worlds, shop: httpx.Client) -> None:
    control = ControlClient(control_app(worlds, [toy.moneyless], None))

    assert control.get("worlds/acme/invoices").status_code == 404
    assert control.post("worlds/acme/invoices", INVOICE).status_code == 404
