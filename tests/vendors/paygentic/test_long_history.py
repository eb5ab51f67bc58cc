"""A cost or metric that begins with a long history: read in pieces by whoever comes next, and right at any moment."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from mockserver.app import Simulator
from mockserver.kernel.world import World
from mockserver.vendors.paygentic import tables
from mockserver.vendors.paygentic.domain.metering import EventDraft
from mockserver.vendors.paygentic.operations.events import ingest_many
from tests.vendors.paygentic.conftest import TYPE, Merchant

EVENTS = 95
PIECE = 10


@pytest.fixture(autouse=True)
def _history(monkeypatch: pytest.MonkeyPatch, merchant: Merchant, simulator: Simulator, world: World) -> None:
    """Many events, and pieces so small that they are many too."""
    monkeypatch.setattr(tables.events, "_BATCH", PIECE)
    merchant.create(name="listens", valueProperty="$.other")
    now = world.clock.now()
    with simulator.store.committed():
        drafts = [(now, EventDraft(TYPE, "s", {"amount": 1}, subject="cus_abc123")) for _ in range(EVENTS)]
        assert ingest_many(world, drafts) == EVENTS


@pytest.fixture
def unread(simulator: Simulator, world: World) -> Callable[[], int]:
    """Return how many events the newest meter has not read yet."""

    def count() -> int:
        row = simulator.store.one(
            "SELECT read_up_to FROM paygentic_meters WHERE world = ? ORDER BY id DESC", (world.id,)
        )
        assert row is not None
        return EVENTS - int(row[0])

    return count


def test_a_new_cost_reads_its_first_piece_and_each_request_after_it_the_next(
    merchant: Merchant, paygentic: httpx.Client, unread: Callable[[], int]
) -> None:
    merchant.create()
    left = [unread()]
    for _ in range(12):
        assert paygentic.get("/v0/products").status_code == 200
        left.append(unread())

    assert left == [85, 75, 65, 55, 45, 35, 25, 15, 5, 0, 0, 0, 0]


def test_who_asks_for_a_sum_waits_for_all_of_it(merchant: Merchant, unread: Callable[[], int]) -> None:
    cost = merchant.create()
    assert unread() == EVENTS - PIECE

    assert merchant.total(cost) == EVENTS
    assert unread() == 0


def test_events_that_come_meanwhile_are_read_once(merchant: Merchant) -> None:
    cost = merchant.create()
    for _ in range(30):
        merchant.send({"amount": 1})

    assert merchant.total(cost) == EVENTS + 30


def test_moving_the_clock_reads_everything(
    merchant: Merchant, advance: Callable[[str], None], unread: Callable[[], int]
) -> None:
    merchant.create()

    advance("1s")

    assert unread() == 0


def test_a_change_on_the_way_starts_anew(merchant: Merchant, paygentic: httpx.Client) -> None:
    cost = merchant.create()
    assert paygentic.get("/v0/products").status_code == 200

    merchant.patch(cost, groupBy=None, aggregation="UNIQUE_COUNT")
    for _ in range(3):
        assert paygentic.get("/v0/products").status_code == 200
    assert merchant.total(cost) == 1

    merchant.patch(cost, aggregation="COUNT")
    assert merchant.total(cost) == EVENTS


def test_a_copy_of_the_world_reads_on_by_itself(merchant: Merchant, simulator: Simulator, world: World) -> None:
    cost = merchant.create()
    with simulator.store.committed():
        simulator.worlds.fork(world, "copy")
    copy = Merchant(httpx.Client(transport=merchant.http._transport, base_url="http://mock"))
    copy.http.headers["authorization"] = "Bearer sk_test_copy"

    assert merchant.total(cost) == EVENTS
    assert copy.total(cost) == EVENTS
