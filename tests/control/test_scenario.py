"""Scenarios in one world: played as it is, by shipped name or by text."""

from __future__ import annotations

import pytest

from mockserver.app import Simulator
from mockserver.control.routes import control_app
from tests.control.conftest import ControlClient

OWN = (
    "name: own\npurpose: mine\nseed: 5\nclock: {mode: frozen, at: 2026-05-01T00:00:00Z}\nstart: {balance_usd: '0.25'}\n"
)
NOTHING = {"name": None, "purpose": None, "seed": 7, "played_at": None}


@pytest.fixture
def control(simulator: Simulator) -> ControlClient:
    return ControlClient(control_app(simulator.worlds, simulator.vendors, None, simulator.stage))


def test_a_shipped_scenario_brings_its_seed_and_its_balance(control: ControlClient) -> None:
    played = control.post("worlds/acme/scenario", {"name": "empty-wallet"}).json()

    assert (played["name"], played["seed"]) == ("empty-wallet", 1)
    assert control.get("worlds/acme/credits").json()["balance_micro_usd"] == 0
    assert control.get("worlds/acme").json()["seed"] == 1
    assert control.get("worlds/acme/ledger").json()["data"][-1]["subject"] == "scenario empty-wallet"
    assert control.get("worlds/acme/scenario").json() == played


def test_a_scenario_of_ones_own_travels_as_text(control: ControlClient) -> None:
    played = control.post("worlds/acme/scenario", {"name": "own.yaml", "text": OWN, "seed": 9}).json()

    assert played == {"name": "own", "purpose": "mine", "seed": 9, "played_at": "2026-05-01T00:00:00Z"}
    assert control.get("worlds/acme/credits").json()["balance_usd"] == "0.25"
    assert control.get("worlds/acme/clock").json() == {"mode": "frozen", "now": "2026-05-01T00:00:00Z", "rate": 0}


def test_only_the_world_it_is_played_in_changes(control: ControlClient) -> None:
    before = control.get("worlds/other/credits").json()

    control.post("worlds/acme/scenario", {"name": "empty-wallet"})

    assert control.get("worlds/other/credits").json() == before
    assert control.get("worlds/other/scenario").json() == NOTHING


def test_an_unknown_scenario_names_the_shipped_ones_and_changes_nothing(control: ControlClient) -> None:
    refused = control.post("worlds/acme/scenario", {"name": "/etc/passwd"})

    assert refused.status_code == 422
    assert refused.json()["detail"] == "name: no scenario '/etc/passwd'; there are: empty-wallet, walkthrough"
    assert control.get("worlds/acme/scenario").json() == NOTHING


def test_a_faulty_text_is_refused_with_the_line(control: ControlClient) -> None:
    refused = control.post("worlds/acme/scenario", {"name": "own.yaml", "text": "name: own\npurpose: x\nsed: 1\n"})

    assert refused.status_code == 422
    assert refused.json()["detail"] == "text: own.yaml:3: sed: no such key; did you mean seed?"
    assert control.get("worlds/acme/scenario").json() == NOTHING


def test_a_snapshot_brings_back_seed_and_scenario(control: ControlClient) -> None:
    kept = control.post("worlds/acme/snapshots", {}).json()["id"]
    control.post("worlds/acme/scenario", {"name": "empty-wallet"})

    control.post("worlds/acme/restore", {"snapshot": kept})

    assert control.get("worlds/acme/scenario").json() == NOTHING
    assert control.get("worlds/acme").json()["seed"] == 7
