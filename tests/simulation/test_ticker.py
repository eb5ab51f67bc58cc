"""What plays goes on by itself, a slice at a time; what does not is left alone."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from itertools import pairwise

import pytest

from mockserver.kernel.clock import Mode
from mockserver.kernel.store import Store
from mockserver.kernel.windows import DAY, HOUR, MINUTE, SECOND
from mockserver.kernel.world import MIGRATIONS, World, Worlds
from mockserver.simulation import ticker as module
from mockserver.simulation.plays import GO_ON
from mockserver.simulation.ticker import SLICE_S, Ticker
from tests.waiting import wait_until

START = 1_700_000_000 * SECOND
RATES: dict[Mode, float] = {"real": 1.0, "frozen": 0.0, "scaled": 3600.0}

Begin = Callable[..., World]


class Machine:
    """A clock for machine time that moves only while something happens."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    machine = Machine()
    monkeypatch.setattr(module, "monotonic_s", machine)
    return machine


@pytest.fixture
def store() -> Iterator[Store]:
    store = Store(None)
    store.migrate(MIGRATIONS)
    yield store
    store.close()


@pytest.fixture
def worlds(store: Store) -> Worlds:
    def happen(world: World, every_us: str) -> bool:
        world.count("happened")
        world.schedule.add(world.clock.now() + int(every_us), GO_ON, every_us)
        return False

    return Worlds(store, actions={GO_ON: happen})


@pytest.fixture
def begin(worlds: Worlds) -> Begin:
    """Makes a world in which something plays, and has not for an hour."""

    def begin(name: str, *, mode: Mode = "real", every: int | str = MINUTE, since: int = HOUR) -> World:
        with worlds.store.committed():
            world = worlds.create(name)
            worlds.set_clock(world, mode, START, RATES[mode])
            world.schedule.add(START - since, GO_ON, str(every))
        return world

    return begin


def happened(world: World) -> int:
    row = world.store.one("SELECT value FROM counters WHERE world = ? AND name = 'happened'", (world.id,))
    return 0 if row is None else int(row[0])


async def ticking(ticker: Ticker, holds: Callable[[], object]) -> None:
    """Run a ticker until something holds."""
    running = asyncio.ensure_future(ticker.run())
    assert await asyncio.to_thread(wait_until, holds)
    ticker.leave()
    await running


def test_what_fell_due_happens_although_nobody_asks(worlds: Worlds, begin: Begin) -> None:
    world = begin("acme")

    asyncio.run(ticking(Ticker(worlds), lambda: happened(world)))

    assert happened(world) == 61  # from an hour ago up to now, both included


def test_what_begins_to_play_later_is_noticed(worlds: Worlds, begin: Begin) -> None:
    """A thread plays it, as routes do that take long."""
    world: list[World] = []
    later = threading.Timer(0.1, lambda: world.append(begin("acme")))
    later.start()

    asyncio.run(ticking(Ticker(worlds), lambda: world and happened(world[0])))

    assert happened(world[0]) == 61


def test_time_goes_on_at_the_worlds_pace(worlds: Worlds, begin: Begin) -> None:
    world = begin("acme", mode="scaled", since=0)  # an hour a second

    asyncio.run(ticking(Ticker(worlds), lambda: happened(world) > 30))

    assert happened(world) > 30


@pytest.mark.parametrize("mode", ["frozen", None])
def test_nothing_is_done_where_time_stands_still_or_nothing_plays(
    store: Store, worlds: Worlds, begin: Begin, mode: Mode | None
) -> None:
    if mode is not None:
        begin("acme", mode=mode)
    said: list[str] = []
    store.conn.set_trace_callback(said.append)

    async def wait_a_while() -> None:
        running = asyncio.ensure_future(Ticker(worlds).run())
        await asyncio.sleep(0.4)
        running.cancel()

    asyncio.run(wait_a_while())

    assert len([each for each in said if each.startswith("SELECT")]) <= 2  # it looked once, and again for its own look
    assert store.one("SELECT 1 FROM counters WHERE name = 'happened'") is None


def test_templates_and_snapshots_are_left_alone(store: Store, worlds: Worlds, begin: Begin) -> None:
    world = begin("acme")
    with store.committed():
        worlds.snapshot(world)
        worlds.set_clock(world, "frozen", None, 0)

    assert Ticker(worlds)._playing() == []


def test_who_is_far_behind_catches_up_in_slices(worlds: Worlds, begin: Begin, machine: Machine) -> None:
    """Each thing that happens takes a thousandth of a second."""

    def happen(world: World, every_us: str) -> bool:
        machine.now += 0.001
        world.count("happened")
        world.schedule.add(world.clock.now() + int(every_us), GO_ON, every_us)
        return False

    worlds.actions = {GO_ON: happen}
    world = begin("acme", every=SECOND, since=DAY // 24)
    ticker = Ticker(worlds)
    slices = []
    while True:
        before = machine.now
        is_behind = ticker.tick(["acme"])
        slices.append(machine.now - before)
        if not is_behind:
            break

    assert happened(world) == 3601
    assert max(slices) <= 1.5 * SLICE_S
    assert len(slices) > 200


def test_worlds_share_a_slice(worlds: Worlds, begin: Begin, machine: Machine) -> None:
    def happen(world: World, every_us: str) -> bool:
        machine.now += 0.001
        world.count("happened")
        world.schedule.add(world.clock.now() + int(every_us), GO_ON, every_us)
        return False

    worlds.actions = {GO_ON: happen}
    both = [begin("a", every=SECOND), begin("b", every=SECOND)]
    ticker = Ticker(worlds)
    for _ in range(50):
        ticker.tick(["a", "b"])

    assert all(happened(world) > 100 for world in both)


def test_an_error_is_told_once_and_stops_nobody_else(
    worlds: Worlds, begin: Begin, machine: Machine, caplog: pytest.LogCaptureFixture
) -> None:
    def happen(world: World, subject: str) -> bool:
        world.count("happened")
        if subject == "broken":
            raise ZeroDivisionError("no way on")
        world.schedule.add(world.clock.now() + MINUTE, GO_ON, subject)
        return False

    worlds.actions = {GO_ON: happen}
    broken, whole = begin("broken", every="broken"), begin("whole", every="whole")
    ticker = Ticker(worlds)
    for _ in range(100):
        ticker.tick(["broken", "whole"])
        machine.now += 1

    assert happened(whole) == 61
    assert happened(broken) == 0  # undone
    assert [record.getMessage() for record in caplog.records] == ["the scenario in world 'broken' cannot go on"]
    assert "no way on" in caplog.text


def test_a_broken_world_is_tried_again_now_and_then(worlds: Worlds, begin: Begin, machine: Machine) -> None:
    tries = []

    def happen(world: World, subject: str) -> bool:
        tries.append(machine.now)
        if len(tries) < 3:
            raise ZeroDivisionError
        return False

    worlds.actions = {GO_ON: happen}
    begin("acme")
    ticker = Ticker(worlds)
    for _ in range(100):
        ticker.tick(["acme"])
        machine.now += 1

    assert [after - before for before, after in pairwise(tries)] == [10.0, 10.0]


def test_it_ends_when_the_server_stops(worlds: Worlds, begin: Begin) -> None:
    async def serve() -> None:
        for mode in ("real", "frozen"):
            begin(mode, mode=mode)
            running = asyncio.ensure_future(Ticker(worlds).run())
            await asyncio.sleep(0.05)
            (watcher,) = worlds.store.watchers
            watcher.leave()
            await asyncio.wait_for(running, 5)

    asyncio.run(serve())

    assert worlds.store.watchers == ()
