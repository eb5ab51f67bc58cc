from __future__ import annotations

from mockserver.kernel.windows import HOUR, SECOND
from mockserver.kernel.world import Worlds
from tests.kernel.conftest import NOON


def test_advance_runs_what_falls_due_in_order_each_at_its_own_instant(
    worlds: Worlds, ran: list[tuple[str, int]]
) -> None:
    with worlds.store.committed():
        world = worlds.create("acme")
        world.schedule.add(NOON + 3 * SECOND, "note", "third")
        world.schedule.add(NOON + SECOND, "note", "first")
        world.schedule.add(NOON + SECOND, "note", "second")
        world.schedule.add(NOON + 2 * HOUR, "note", "later")

        worlds.advance(world, HOUR)

    assert ran == [("first", NOON + SECOND), ("second", NOON + SECOND), ("third", NOON + 3 * SECOND)]
    assert world.clock.now() == NOON + HOUR


def test_what_an_action_schedules_runs_within_the_same_advance(worlds: Worlds, ran: list[tuple[str, int]]) -> None:
    with worlds.store.committed():
        world = worlds.create("acme")
        world.schedule.add(NOON + SECOND, "chain", "a")
        world.schedule.add(NOON + HOUR, "note", "b")

        worlds.advance(world, HOUR)

    assert ran == [("a", NOON + SECOND), ("after a", NOON + 2 * SECOND), ("b", NOON + HOUR)]


def test_what_is_due_exactly_at_the_end_runs_once(worlds: Worlds, ran: list[tuple[str, int]]) -> None:
    with worlds.store.committed():
        world = worlds.create("acme")
        world.schedule.add(NOON + HOUR, "note", "a")

        worlds.advance(world, HOUR)
        worlds.advance(world, HOUR)

    assert ran == [("a", NOON + HOUR)]


def test_setting_the_clock_forward_runs_what_falls_due_and_back_undoes_nothing(
    worlds: Worlds, ran: list[tuple[str, int]]
) -> None:
    with worlds.store.committed():
        world = worlds.create("acme")
        world.schedule.add(NOON + SECOND, "note", "a")

        worlds.set_clock(world, "frozen", NOON + HOUR, 1)
        worlds.set_clock(world, "frozen", NOON, 1)
        worlds.settle(world, world.clock.now() + HOUR)

    assert ran == [("a", NOON + SECOND)]
    assert world.clock.now() == NOON


def test_a_cancelled_subject_does_not_run(worlds: Worlds, ran: list[tuple[str, int]]) -> None:
    with worlds.store.committed():
        world = worlds.create("acme")
        world.schedule.add(NOON + SECOND, "note", "a")
        world.schedule.add(NOON + SECOND, "note", "b")
        world.schedule.cancel("note", "a")

        worlds.advance(world, HOUR)

    assert [subject for subject, _ in ran] == ["b"]


def test_worlds_do_not_run_one_anothers_actions(worlds: Worlds, ran: list[tuple[str, int]]) -> None:
    with worlds.store.committed():
        one, other = worlds.create("one"), worlds.create("other")
        one.schedule.add(NOON + SECOND, "note", "of one")

        worlds.advance(other, HOUR)

    assert ran == []
