from __future__ import annotations

import time
from contextlib import suppress
from itertools import islice

import pytest

from mockserver.kernel.drifts import Drift
from mockserver.kernel.errors import Conflict, InvalidRequest, Unauthenticated, UnknownWorld
from mockserver.kernel.faults import Effect, Fault
from mockserver.kernel.store import Store
from mockserver.kernel.windows import DAY, SECOND
from mockserver.kernel.world import NOBODY, World, Worlds
from tests.kernel.conftest import NOON, Machine


def fill(world: World, marker: str) -> None:
    """Put at least one row of a world into every table that has worlds."""
    store = world.store
    for name in store.worldly_tables:
        columns = store.db[name].columns
        values = [
            world.id if column.name == "world" else marker if "TEXT" in column.type else len(marker)
            for column in columns
        ]
        names = ", ".join(f'"{column.name}"' for column in columns)
        store.execute(f'INSERT INTO "{name}" ({names}) VALUES ({", ".join("?" * len(values))})', values)


def rows_of(store: Store, world: World) -> dict[str, list[tuple[object, ...]]]:
    return {
        name: [row[1:] for row in store.all(f'SELECT * FROM "{name}" WHERE world = ? ORDER BY 2', (world.id,))]
        for name in store.worldly_tables
    }


@pytest.fixture
def world(worlds: Worlds) -> World:
    with worlds.store.committed():
        return worlds.create("acme")


def test_a_world_is_made_at_first_use_and_found_again(worlds: Worlds) -> None:
    with worlds.store.committed():
        world = worlds.admit("acme")

    assert worlds.admit("acme") is world
    assert worlds.names() == ["acme"]


def test_only_known_worlds_are_let_in_when_so_asked(store: Store, world: World) -> None:
    strict = Worlds(store, known_only=True)

    assert strict.admit("acme").id == world.id
    with pytest.raises(Unauthenticated, match="there is no world 'other'"):
        strict.admit("other")


def test_an_unknown_world_is_named(worlds: Worlds) -> None:
    with pytest.raises(UnknownWorld, match="'nowhere'"):
        worlds.get("nowhere")


@pytest.mark.parametrize("name", ["", NOBODY, "a b", "a/b", "é", "a" * 65])
def test_a_name_no_key_can_carry_is_refused(worlds: Worlds, name: str) -> None:
    with pytest.raises(InvalidRequest):
        worlds.create(name)


def test_a_name_in_use_is_refused(worlds: Worlds, world: World) -> None:
    with pytest.raises(Conflict, match="already exists"):
        worlds.create("acme")
    with pytest.raises(Conflict, match="already exists"):
        worlds.fork(world, "acme")


def test_identifiers_count_up_and_repeat_with_the_seed(worlds: Worlds, world: World) -> None:
    with worlds.store.committed():
        first, second = world.new_id("cus"), world.new_id("cus")
        twin = worlds.create("twin").new_id("cus")
        stranger = worlds.create("stranger", seed=8).new_id("cus")

    assert first.startswith("cus_")
    assert len({first, second, stranger}) == 3
    assert twin == first


def test_ids_that_come_are_taken_only_when_that_is_said(worlds: Worlds, world: World) -> None:
    with worlds.store.committed():
        twin = worlds.create("twin")
        whole = twin.new_ids("evt", 100)

        first = list(islice(world.coming_ids("evt"), 70))
        again = list(islice(world.coming_ids("evt"), 30))
        assert world.skip_ids("evt", 40) == 40
        rest = world.new_ids("evt", 10) + list(islice(world.coming_ids("evt"), 50))

    assert first == whole[:70]
    assert again == whole[:30]
    assert rest == whole[40:]


def test_a_new_world_starts_from_the_template_without_its_requests(worlds: Worlds) -> None:
    with worlds.store.committed():
        fill(worlds.nobody, "template")
        world = worlds.create("acme")

    rows = rows_of(worlds.store, world)
    assert rows.pop("journal") == []
    assert rows.pop("idempotency") == []
    assert rows.pop("claimed_keys") == []
    assert all(rows.values())


def test_a_fork_is_an_exact_copy_that_goes_its_own_way(worlds: Worlds, world: World, machine: Machine) -> None:
    with worlds.store.committed():
        fill(world, "note")
        worlds.flip(world, {"toy.strict": True})
        worlds.set_clock(world, "scaled", NOON + DAY, 60)
        machine.pass_s(1)
        copy = worlds.fork(world, "copy")

    assert rows_of(worlds.store, copy) == rows_of(worlds.store, world)
    assert copy.clock.now() == world.clock.now() == NOON + DAY + 60 * SECOND
    assert copy.is_on("toy.strict")
    with worlds.store.committed():
        assert copy.new_id("cus") == world.new_id("cus")
        before = rows_of(worlds.store, world)
        fill(copy, "longer")
    assert rows_of(worlds.store, world) == before


def test_reset_goes_back_to_the_template_and_keeps_the_seed(worlds: Worlds) -> None:
    with worlds.store.committed():
        world = worlds.create("acme", seed=99)
        fill(world, "note")
        worlds.advance(world, DAY)
        worlds.flip(world, {"toy.strict": True})

        fresh = worlds.reset(world)

    assert world.is_gone
    assert worlds.get("acme") is fresh
    assert fresh.draws.seed == 99
    assert fresh.clock.now() == NOON
    assert not fresh.is_on("toy.strict")
    assert not any(rows_of(worlds.store, fresh).values())


def test_delete_removes_every_row_of_one_world_and_none_of_another(worlds: Worlds, world: World) -> None:
    with worlds.store.committed():
        other = worlds.create("other")
        fill(world, "note")
        fill(other, "o")
        before = rows_of(worlds.store, other)

        worlds.delete(world)

    assert not any(rows_of(worlds.store, world).values())
    assert rows_of(worlds.store, other) == before
    assert worlds.names() == ["other"]
    with pytest.raises(UnknownWorld):
        worlds.get("acme")


def test_a_world_comes_back_after_a_restart_as_it_was(worlds: Worlds, world: World) -> None:
    with worlds.store.committed():
        worlds.set_clock(world, "frozen", NOON + DAY, 1)
        worlds.flip(world, {"toy.strict": True})
        first = world.new_id("cus")

    again = Worlds(worlds.store, switches={"toy.strict": False}).get("acme")

    assert again.clock.now() == NOON + DAY
    assert again.is_on("toy.strict")
    with worlds.store.committed():
        assert again.new_id("cus") != first


def test_seeders_fill_the_template_once_per_database(store: Store) -> None:
    seeded: list[str] = []

    for _ in range(2):
        Worlds(store, seeders=[lambda template: seeded.append(template.name)])

    assert seeded == [NOBODY]


def test_a_switch_that_does_not_exist_is_refused_and_the_others_are_named(worlds: Worlds, world: World) -> None:
    with pytest.raises(InvalidRequest, match=r"no such switch; there are: toy\.strict"):
        worlds.flip(world, {"toy.strikt": True})
    with pytest.raises(InvalidRequest, match="no such switch"):
        worlds.create("other", switches={"toy.strikt": True})


def test_a_large_world_is_forked(worlds: Worlds, world: World, capsys: pytest.CaptureFixture[str]) -> None:
    store = worlds.store
    with store.committed():
        store.conn.executemany(
            "INSERT INTO due VALUES (?, ?, 1, 'note', 'subject')", ((world.id, NOON + n) for n in range(100_000))
        )
    began = time.perf_counter()

    with store.committed():
        copy = worlds.fork(world, "copy")

    took = time.perf_counter() - began
    assert store.one("SELECT count(*) FROM due WHERE world = ?", (copy.id,)) == (100_000,)
    with capsys.disabled():
        print(f"\nfork of 100,000 rows: {took:.3f} s")


def test_a_world_recalls_what_its_rows_say_after_what_was_done_was_undone(worlds: Worlds, world: World) -> None:
    fault, seed = Fault({}, (), Effect(reset=True)), world.draws.seed
    with worlds.store.committed():
        worlds.set_clock(world, "frozen", NOON, 1.0)
        world.faults.add(1, fault)
        assert len(world.faults.armed) == 1
    with worlds.store.committed(), suppress(ZeroDivisionError), worlds.store.atomic():
        worlds.reseed(world, 99)
        worlds.set_clock(world, "scaled", NOON + DAY, 60.0)
        world.faults.add(2, fault)
        assert len(world.faults.armed) == 2
        world.drifts.add(1, Drift("quality", "*", NOON, 0.5))
        assert len(world.drifts.all) == 1
        world.journal.next_seq()
        raise ZeroDivisionError

    worlds.recall(world)

    assert world.draws.seed == seed
    assert (world.clock.state.mode, world.clock.now()) == ("frozen", NOON)
    assert [armed.seq for armed in world.faults.armed] == [1]
    assert world.drifts.all == ()
    assert world.journal.next_seq() == 1
    assert worlds.get("acme") is world
