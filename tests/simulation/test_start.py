from __future__ import annotations

from pathlib import Path

import pytest

from mockserver.app import Simulator
from mockserver.config import Settings
from mockserver.kernel.errors import Unusable
from mockserver.kernel.world import World


def balance(simulator: Simulator, world: World) -> int:
    (account,) = [vendor.account for vendor in simulator.vendors if vendor.account is not None]
    return account.balance(world)


def admitted(simulator: Simulator, name: str) -> World:
    with simulator.store.committed():
        return simulator.worlds.admit(name)


def test_worlds_of_the_empty_wallet_have_nothing_and_keep_their_books() -> None:
    simulator = Simulator(Settings(scenario="empty-wallet"))

    world = admitted(simulator, "acme")

    assert balance(simulator, world) == 0
    assert all(claim.holds for vendor in simulator.vendors for claim in vendor.invariants(world))
    simulator.close()


def test_a_balance_can_be_more_than_the_shipped_one(tmp_path: Path) -> None:
    path = tmp_path / "rich.yaml"
    path.write_text("name: rich\npurpose: plenty\nstart: {balance_usd: 12345.67}\n")
    simulator = Simulator(Settings(scenario=str(path)))

    assert balance(simulator, admitted(simulator, "acme")) == 12_345_670_000
    simulator.close()


def test_a_scenario_touches_only_worlds_made_after_it_and_starting_twice_changes_nothing(tmp_path: Path) -> None:
    database = tmp_path / "mock.db"
    before = Simulator(Settings(db=database))
    funded = balance(before, admitted(before, "old"))
    before.close()

    for _ in range(2):
        simulator = Simulator(Settings(db=database, scenario="empty-wallet"))
        assert balance(simulator, admitted(simulator, "old")) == funded
        assert balance(simulator, admitted(simulator, "new")) == 0
        simulator.close()


def test_without_a_start_state_worlds_are_as_shipped() -> None:
    plain, walkthrough = Simulator(), Simulator(Settings(scenario="walkthrough"))

    assert balance(walkthrough, admitted(walkthrough, "acme")) == balance(plain, admitted(plain, "acme"))
    plain.close()
    walkthrough.close()


def test_a_simulator_that_could_not_be_made_lets_go_of_its_file(tmp_path: Path) -> None:
    database = tmp_path / "mock.db"
    with pytest.raises(Unusable, match="unknown scenario"):
        Simulator(Settings(db=database, scenario="nowhere"))

    Simulator(Settings(db=database)).close()
