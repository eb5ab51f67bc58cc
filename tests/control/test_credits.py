from __future__ import annotations

import httpx
import pytest

from mockserver.control.routes import control_app
from mockserver.kernel.money import MicroUsd
from mockserver.kernel.world import Worlds
from tests.control import toy
from tests.control.conftest import ControlClient


@pytest.mark.parametrize(
    ("body", "micro", "usd"),
    [
        ({"balance_micro_usd": 900}, 900, "0.0009"),
        ({"balance_usd": "0.09"}, 90_000, "0.09"),
        ({"balance_usd": "12"}, 12_000_000, "12.00"),
        ({"balance_micro_usd": 0}, 0, "0.00"),
        ({"balance_micro_usd": -1}, -1, "-0.000001"),
    ],
)
def test_a_balance_is_set_in_either_spelling_and_shown_in_both(
    control: ControlClient, body: dict[str, object], micro: int, usd: str
) -> None:
    answer = control.put("worlds/default/credits", body).json()

    assert answer == {"balance_micro_usd": micro, "balance_usd": usd}
    assert control.get("worlds/default/credits").json() == answer


def test_setting_a_balance_is_one_ledger_entry_of_the_difference(control: ControlClient) -> None:
    control.put("worlds/acme/credits", {"balance_micro_usd": 900})
    control.put("worlds/acme/credits", {"balance_micro_usd": 900})

    entries = control.get("worlds/acme/ledger").json()["data"]

    assert [entry["amount"] for entry in entries] == [1_000_000, 900 - 1_000_000]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "body"),
        ({"balance_micro_usd": 1, "balance_usd": "1"}, "body"),
        ({"balance_micro_usd": 1.5}, "balance_micro_usd"),
        ({"balance_micro_usd": True}, "balance_micro_usd"),
        ({"balance_micro_usd": 10**19}, "balance_micro_usd"),
        ({"balance_usd": 0.09}, "balance_usd"),
        ({"balance_usd": "0.0000001"}, "balance_usd"),
        ({"balance_usd": "NaN"}, "balance_usd"),
        ({"balance_usd": "ten"}, "balance_usd"),
        ({"balance": 1}, "balance"),
    ],
)
def test_what_is_no_amount_is_refused(control: ControlClient, body: dict[str, object], field: str) -> None:
    refused = control.put("worlds/acme/credits", body)

    assert refused.status_code == 422
    assert field in [error["field"] for error in refused.json()["errors"]]


@pytest.mark.parametrize("body", [{"amount_usd": "0.5", "note": "top-up"}, {"amount_micro_usd": 500_000}])
def test_a_grant_adds(control: ControlClient, body: dict[str, object]) -> None:
    granted = control.post("worlds/acme/credits/grants", body)

    assert granted.status_code == 201
    assert granted.json() == {
        "amount_micro_usd": 500_000,
        "amount_usd": "0.50",
        "note": body.get("note", ""),
        "balance_micro_usd": 1_500_000,
        "balance_usd": "1.50",
    }
    assert control.get("worlds/acme/ledger").json()["data"][-1]["note"] == body.get("note", "")


@pytest.mark.parametrize(
    "body", [{}, {"amount_usd": "0"}, {"amount_micro_usd": -5}, {"amount_usd": "1", "amount_micro_usd": 1}]
)
def test_a_grant_that_adds_nothing_is_refused(control: ControlClient, body: dict[str, object]) -> None:
    assert control.post("worlds/acme/credits/grants", body).status_code == 422


def test_the_ledger_comes_in_pages(control: ControlClient, shop: httpx.Client) -> None:
    for item in ("a", "b"):
        shop.post("/shop/sales", json={"item": item})

    first = control.get("worlds/acme/ledger?limit=2").json()
    second = control.get(f"worlds/acme/ledger?limit=2&after={first['next']}").json()

    assert [entry["note"] for entry in first["data"]] == ["welcome", "a"]
    assert [entry["note"] for entry in second["data"]] == ["b"]
    assert second["next"] is None


def test_invariants_hold_or_name_the_rows_that_break_them(control: ControlClient, worlds: Worlds) -> None:
    fine = control.get("worlds/acme/invariants").json()
    with worlds.store.committed():
        toy.account.grant(worlds.get("acme"), MicroUsd(-1_000_001), "oops")
    broken = control.get("worlds/acme/invariants").json()

    assert fine == {
        "holds": True,
        "invariants": [{"name": "balance is not negative", "holds": True, "rows": []}],
    }
    assert broken["holds"] is False
    assert broken["invariants"][0]["rows"] == [{"balance": -1}]


def test_without_an_account_there_are_no_credits(worlds: Worlds) -> None:
    control = ControlClient(control_app(worlds, [toy.moneyless], None))

    assert control.get("worlds/acme/credits").status_code == 404
    assert control.get("worlds/acme/invariants").json() == {"holds": True, "invariants": []}
