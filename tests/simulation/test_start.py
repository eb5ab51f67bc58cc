from __future__ import annotations

import json
from pathlib import Path

import pytest

from mockserver.app import Simulator
from mockserver.config import Settings
from mockserver.http.messages import Request
from mockserver.kernel.errors import Unusable
from mockserver.kernel.world import World
from tests.simulation.playing import COST


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


COSTLY = f"""
name: costly
purpose: a cost that every world has
start:
  requests: {COST}
"""


def costs(simulator: Simulator, world: World) -> list[str]:
    """Return the names of a world's cost metrics."""
    headers = {b"authorization": f"Bearer sk_test_{world.name}".encode()}
    with simulator.store.committed():
        fork = simulator.worlds.fork(world, "look")
        reply = simulator.gateway.handle(Request("GET", "/v0/costs", b"", headers, b""), fork)
        simulator.worlds.delete(fork)
    return [cost["name"] for cost in json.loads(reply.body)["data"]]


def test_requests_of_the_start_state_are_sent_once_for_all_worlds(tmp_path: Path) -> None:
    path, database = tmp_path / "requesting.yaml", tmp_path / "mock.db"
    path.write_text(COSTLY)

    for _ in range(2):
        simulator = Simulator(Settings(db=database, scenario=str(path)))
        world = admitted(simulator, "acme")
        with simulator.store.committed():
            other = simulator.worlds.create("other") if "other" not in simulator.worlds.names() else world
        assert costs(simulator, world) == costs(simulator, other) == ["AI inference"]
        assert world.journal.newest == 0
        simulator.close()


def test_a_start_state_that_cannot_be_had_is_told_with_its_line_and_nothing_is_written(tmp_path: Path) -> None:
    path, database = tmp_path / "wrong.yaml", tmp_path / "mock.db"
    path.write_text(COSTLY.replace("type: metered", "type: odd").replace("requests:", "balance_usd: 5\n  requests:"))

    with pytest.raises(Unusable, match=r"wrong\.yaml:\d+: .*answered with 400"):
        Simulator(Settings(db=database, scenario=str(path)))

    simulator = Simulator(Settings(db=database))
    assert costs(simulator, admitted(simulator, "acme")) == []
    assert balance(simulator, admitted(simulator, "acme")) == 100_000_000
    simulator.close()
