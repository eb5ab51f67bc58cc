"""The claims about a world are really checked: each kind of damage is found and its rows are named."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mockserver.app import Simulator
from mockserver.kernel.world import World
from mockserver.vendors.paygentic import tables, vendor
from tests.vendors.paygentic.conftest import Merchant


def violated(world: World) -> dict[str, int]:
    """Return how many rows break each claim that is broken."""
    return {each.name: len(each.rows) for each in vendor.invariants(world) if not each.holds}


@pytest.fixture
def _history(merchant: Merchant, simulator: Simulator, world: World) -> None:
    merchant.create()
    merchant.create(aggregation="UNIQUE_COUNT", eventType="other")
    for amount in ("0.1", "1e30", "-2", '"x"'):
        merchant.send(f'{{"amount": {amount}, "provider": "p"}}')
        merchant.send(f'{{"amount": {amount}}}', type="other", idempotencyKey=f"k{amount}")
    with simulator.store.committed():
        # Else the check itself would make up what is tampered with.
        tables.meters.catch_up_all(simulator.store, world.id)


@pytest.mark.usefixtures("_history")
def test_an_honest_world_holds(world: World) -> None:
    assert violated(world) == {}


SUMS = "summaries = accepted events"
KEYS = "an idempotency key stores one event per 24 h"


@pytest.mark.usefixtures("_history")
@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        ("UPDATE paygentic_rollups SET pico = pico + 1 WHERE meter = 1 AND party = ''", {SUMS: 8}),
        ("UPDATE paygentic_rollups SET events = events + 1 WHERE meter = 2 AND party <> ''", {SUMS: 5}),
        ("DELETE FROM paygentic_rollups WHERE meter = 2", {SUMS: 13}),
        ("UPDATE paygentic_rollups SET latest = NULL WHERE meter = 2 AND party = ''", {SUMS: 8}),
        ("DELETE FROM paygentic_distinct WHERE key = '0.1'", {SUMS: 4}),
        ("DELETE FROM paygentic_events WHERE seq = 1", {SUMS: 13}),
        ("UPDATE paygentic_events SET idempotency_key = 'k' WHERE type = 'other'", {KEYS: 3}),
    ],
)  # fmt: skip
def test_damage_is_found(world: World, tamper: Callable[[str], None], damage: str, expected: dict[str, int]) -> None:
    tamper(damage)

    assert violated(world) == expected


@pytest.mark.usefixtures("_history")
def test_a_copy_of_a_world_holds_too_and_lives_its_own_life(
    simulator: Simulator, world: World, merchant: Merchant
) -> None:
    with simulator.store.committed():
        copy = simulator.worlds.fork(world, "copy")
    merchant.send({"amount": 1})

    assert violated(copy) == {}
    count = "SELECT count(*) FROM paygentic_events WHERE world = ?"
    assert simulator.store.one(count, (copy.id,)) == (8,)
    assert simulator.store.one(count, (world.id,)) == (9,)
