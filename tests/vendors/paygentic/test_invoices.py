"""Invoices: recorded through the control API, by fixtures and in bulk; their rules, and what they must always obey."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from mockserver.app import Simulator
from mockserver.config import Settings
from mockserver.kernel.errors import InvalidRequest, Unusable
from mockserver.kernel.world import World
from mockserver.vendors.billing import Invoice, Payment, Refund
from mockserver.vendors.paygentic import vendor
from tests.vendors.paygentic.biller import INVOICE, Biller

LIST = "worlds/acme/invoices"


def test_an_invoice_is_answered_with_every_digit_and_what_was_left_out(biller: Biller) -> None:
    made = biller.invoice(amount="100.10", tax=19.0199999999999999, period_start="2026-01-01T00:00:00Z",
                          period_end="2026-02-01T00:00:00Z", plan_id="pln_1", plan_name="Pro", subscription_id="sub_1",
                          rebate="0.50")  # fmt: skip

    assert made == {
        "seq": 1, "id": made["id"], "customer_id": "cus_abc123", "currency": "USD", "amount": "100.1", "tax": "19.02",
        "total": "119.12", "rebate": "0.5", "status": "outstanding", "issued_at": "2026-02-05T00:00:00Z",
        "written_off_at": None, "period_start": "2026-01-01T00:00:00Z", "period_end": "2026-02-01T00:00:00Z",
        "subscription_id": "sub_1", "plan_id": "pln_1", "plan_name": "Pro", "payments": [], "refunds": [],
    }  # fmt: skip
    assert made["id"].startswith("inv_")
    assert biller.expect(200, biller.control.get(f"{LIST}/{made['id']}")) == made


def test_numbers_in_a_body_never_pass_through_a_float(biller: Biller) -> None:
    text = json.dumps({**INVOICE, "amount": 0})[:-1].replace('"amount": 0', '"amount": 123456789012.123456789012')

    answer = biller.control.request("POST", LIST, content=text + "}")

    assert biller.expect(201, answer)["amount"] == "123456789012.123456789012"


def test_now_is_when_things_happen_unless_it_is_said(biller: Biller) -> None:
    invoice = biller.invoice(issued_at=..., payments=[{"amount": 1}], refunds=[{"amount": 1}])
    lost = biller.change(invoice, status="written_off")
    path = f"{LIST}/{invoice['id']}"
    paid = biller.expect(201, biller.control.post(f"{path}/payments", {"amount": "2"}))
    given_back = biller.expect(201, biller.control.post(f"{path}/refunds", {"amount": "2"}))

    now = "2026-02-10T12:00:00Z"
    assert {invoice["issued_at"], lost["written_off_at"]} == {now}
    assert {each["at"] for each in (*paid["payments"], *given_back["refunds"])} == {now}
    assert biller.expect(200, biller.control.get(path)) == {**given_back, "seq": 1}


def test_invoices_are_listed_in_pages_in_the_order_they_were_recorded(biller: Biller) -> None:
    made = [biller.invoice(id=f"inv_{number}", amount=number) for number in (3, 1, 2)]

    first = biller.expect(200, biller.control.get(f"{LIST}?limit=2"))
    rest = biller.expect(200, biller.control.get(f"{LIST}?limit=2&after={first['next']}"))

    assert first["data"] + rest["data"] == made
    assert rest["next"] is None


def test_payments_that_cover_it_settle_an_invoice(biller: Biller) -> None:
    invoice = biller.invoice(tax="20")

    part = biller.pay(invoice, "119.99")
    hoped = biller.pay(invoice, "0.01", status="pending")
    excess = biller.control.post(f"{LIST}/{invoice['id']}/payments", {"amount": "0.01"})
    given_up = biller.pay(invoice, "500", status="expired")

    assert [each["status"] for each in (part, hoped, given_up)] == ["outstanding"] * 3
    assert biller.faults(422, excess) == ["amount"]
    assert excess.json()["errors"][0]["message"] == "payments would come to 120.01, more than the invoice's 120"
    assert [each["status"] for each in given_up["payments"]] == ["completed", "pending", "expired"]
    assert biller.pay(biller.invoice(tax="20"), "120")["status"] == "paid"


def test_refunds_stay_within_amount_and_tax(biller: Biller) -> None:
    invoice = biller.invoice(tax="20")

    refunded = biller.refund(invoice, "60", tax="12")
    excess = biller.control.post(f"{LIST}/{invoice['id']}/refunds", {"amount": "40.01", "tax": "8.01"})

    assert [(each["amount"], each["tax"], each["total"]) for each in refunded["refunds"]] == [("60", "12", "72")]
    assert biller.faults(422, excess) == ["amount", "tax"]
    assert biller.refund(invoice, "40", tax="8")["status"] == "outstanding"


def test_what_became_of_an_invoice_can_change(biller: Biller) -> None:
    invoice = biller.invoice()

    lost = biller.change(invoice, status="written_off", at="2026-02-09T00:00:00Z")
    early = biller.control.request("PATCH", f"{LIST}/{invoice['id']}",
                                   json={"status": "written_off", "at": "2026-02-04T00:00:00Z"})  # fmt: skip
    paid = biller.change(invoice, status="paid")

    assert (lost["status"], lost["written_off_at"]) == ("written_off", "2026-02-09T00:00:00Z")
    assert biller.faults(422, early) == ["at"]
    assert (paid["status"], paid["written_off_at"]) == ("paid", None)


def test_an_invoice_that_starts_written_off_was_so_when_it_was_issued_unless_it_is_said(biller: Biller) -> None:
    assert biller.invoice(status="written_off")["written_off_at"] == "2026-02-05T00:00:00Z"


def test_a_removed_invoice_leaves_nothing(biller: Biller) -> None:
    invoice = biller.invoice(payments=[{"amount": 1}], refunds=[{"amount": 1}])
    path = f"{LIST}/{invoice['id']}"

    assert biller.control.delete(path).status_code == 204

    for method, where, body in (("GET", "", None), ("DELETE", "", None), ("PATCH", "", {"status": "paid"}),
                                ("POST", "/payments", {"amount": 1}), ("POST", "/refunds", {"amount": 1})):  # fmt: skip
        assert biller.control.request(method, path + where, json=body).status_code == 404
    assert biller.invoice(id=invoice["id"])["payments"] == []


def test_an_id_is_taken_once(biller: Biller) -> None:
    biller.invoice(id="inv_mine")

    taken = biller.control.post(LIST, {**INVOICE, "id": "inv_mine"})

    assert biller.expect(409, taken)["detail"] == "invoice 'inv_mine' already exists"


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, ["amount", "currency", "customer_id"]),
        ({**INVOICE, "amount": "-1", "tax": "x", "currency": "usd", "stray": 1},
         ["amount", "currency", "stray", "tax"]),
        ({**INVOICE, "customer_id": "cus_nobody", "currency": "CHF"}, ["currency", "customer_id"]),
        ({**INVOICE, "status": "lost", "issued_at": "yesterday"}, ["issued_at", "status"]),
        ({**INVOICE, "payments": [{"amount": 0}], "refunds": [{}]}, ["payments.0.amount", "refunds.0.amount"]),
        ({**INVOICE, "payments": [{"amount": 60}, {"amount": 60}], "refunds": [{"amount": 101}], "plan_name": "P"},
         ["payments.1.amount", "plan_id", "refunds.0.amount"]),
        ({**INVOICE, "customer_id": 5, "plan_id": ""}, ["customer_id", "plan_id"]),
    ],
)  # fmt: skip
def test_every_faulty_field_is_named_and_nothing_is_recorded(
    biller: Biller, body: dict[str, Any], fields: list[str]
) -> None:
    assert sorted(biller.faults(422, biller.control.post(LIST, body))) == fields
    assert biller.expect(200, biller.control.get(LIST))["data"] == []


@pytest.mark.parametrize("content", ["{", "[" * 100_000, '{"amount": NaN}x', b"\xff\xfe\xff"])
def test_a_body_that_is_no_json_is_refused(biller: Biller, content: Any) -> None:
    assert biller.control.request("POST", LIST, content=content).status_code == 400


@pytest.mark.parametrize("content", ["[]", "3", '{"amount": NaN}', '{"customer_id": "\\ud800"}'])
def test_a_body_of_another_kind_is_refused(biller: Biller, content: str) -> None:
    assert biller.control.request("POST", LIST, content=content).status_code == 422


def test_a_scenario_records_many_at_once(simulator: Simulator, world: World, biller: Biller) -> None:
    assert vendor.billing is not None
    wanted = [
        Invoice(
            customer_id="cus_abc123", currency="USD", amount=Decimal("0.1"), issued_at=number,
            payments=(Payment(amount=Decimal("0.1"), at=number),), refunds=(Refund(amount=Decimal("0.1"), at=number),),
        )
        for number in range(200)
    ]  # fmt: skip

    with simulator.store.committed():
        made = vendor.billing.record(world, wanted)

    assert {each.status for each in made} == {"paid"}
    assert len({each.id for each in made}) == 200
    assert biller.expect(200, biller.control.get(f"{LIST}?limit=1"))["data"][0]["id"] == made[0].id
    with pytest.raises(InvalidRequest, match="customer_id"):
        vendor.billing.record(world, [Invoice(customer_id="x", currency="USD", amount=Decimal(1), issued_at=0)])


# Fixtures


def start(folder: Path, content: Any) -> Simulator:
    """Start a simulator with these invoices in its fixtures."""
    path = folder / "paygentic"
    path.mkdir(exist_ok=True)
    (path / "invoices.json").write_text(content if isinstance(content, str) else json.dumps(content))
    return Simulator(Settings(fixtures=folder))


ROW = {"customerId": "cus_abc123", "currency": "USD", "amount": 1, "issuedAt": "2026-02-05T00:00:00Z"}


def test_worlds_start_with_the_invoices_of_fixtures(tmp_path: Path) -> None:
    at = ROW["issuedAt"]
    rows = [
        {**ROW, "id": "inv_1", "planId": "p", "payments": [{"amount": 1, "at": at}]},
        {**ROW, "tax": "0.2", "refunds": [{"amount": "0.5", "tax": "0.1", "at": at}]},
    ]
    exact = "123456789012.123456789012"
    simulator = start(tmp_path, json.dumps(rows).replace('"amount": 1,', f'"amount": {exact},'))
    biller = Biller(simulator)

    first, second = biller.expect(200, biller.control.get(LIST))["data"]
    simulator.close()

    assert (first["id"], first["plan_id"], first["status"], first["amount"]) == ("inv_1", "p", "paid", exact)
    assert (second["status"], second["refunds"][0]["total"]) == ("outstanding", "0.6")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({}, "must be a list of invoices"),
        ([3], "invoice 1: row: "),
        ([ROW, {**ROW, "amount": "x", "stray": 1}], "invoice 2: amount: must be an amount .*; stray: "),
        ([{**ROW, "customerId": "cus_x", "planName": "P"}], "invoice 1: customerId: there is no .*; planId: needed"),
        ([{**ROW, "payments": [{"amount": 2, "at": ROW["issuedAt"]}]}], "invoice 1: payments.0.amount: payments would"),
        ([{**ROW, "refunds": [{"amount": 0, "at": 5}]}], "invoice 1: refunds.0.amount: .*; refunds.0.at: "),
        ([{**ROW, "id": "i"}, {**ROW, "id": "i"}], "invoice 'i' already exists"),
    ],
)  # fmt: skip
def test_faulty_invoices_are_one_readable_line_at_the_start(tmp_path: Path, content: Any, message: str) -> None:
    with pytest.raises(Unusable, match=rf"invoices\.json: {message}") as refused:
        start(tmp_path, content)

    assert "\n" not in str(refused.value)


# What must hold


def violated(world: World) -> dict[str, int]:
    """Return how many rows break each claim that is broken."""
    return {each.name: len(each.rows) for each in vendor.invariants(world) if not each.holds}


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        ("UPDATE paygentic_payments SET amount_units = 101", {"payments and refunds of an invoice never exceed it": 1}),
        ("UPDATE paygentic_refunds SET tax_units = 1", {"payments and refunds of an invoice never exceed it": 1}),
        ("UPDATE paygentic_invoices SET customer_id = 'x'", {"every invoice's customer exists": 1}),
        ("UPDATE paygentic_refunds SET at = 9223372036854775807", {"revenue = invoices - refunds": 1}),
    ],
)
def test_damage_is_found(
    biller: Biller, world: World, tamper: Callable[[str], None], damage: str, expected: dict[str, int]
) -> None:
    biller.invoice(payments=[{"amount": 100}], refunds=[{"amount": 5}])
    assert violated(world) == {}

    tamper(damage)

    assert violated(world) == expected


def test_a_copy_of_a_world_has_the_invoices_and_lives_its_own_life(biller: Biller) -> None:
    invoice = biller.invoice()
    biller.expect(201, biller.control.post("worlds/acme/fork", {"name": "copy"}))
    biller.pay(invoice, 100)

    copied = biller.expect(200, biller.control.get(f"worlds/copy/invoices/{invoice['id']}"))

    assert (copied["status"], copied["payments"]) == ("outstanding", [])
