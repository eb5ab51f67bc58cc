from __future__ import annotations

from mockserver.kernel.windows import HOUR, SECOND
from mockserver.kernel.world import World, Worlds
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


def test_a_request_waits_for_one_piece_of_much_work_only(worlds: Worlds, ran: list[tuple[str, int]]) -> None:
    def much(world: World, subject: str) -> bool:
        ran.append((subject, world.clock.now()))
        return True

    worlds.actions = {**worlds.actions, "much": much}
    with worlds.store.committed():
        world = worlds.create("acme")
        for n, action in enumerate(("note", "much", "note", "much", "much")):
            world.schedule.add(NOON + n * SECOND, action, str(n))

        seen = []
        for _ in range(3):
            worlds.settle(world, NOON + 3 * SECOND)
            seen.append([subject for subject, _ in ran])
        assert seen == [["0", "1"], ["0", "1", "2", "3"], ["0", "1", "2", "3"]]
        assert ran[-1] == ("3", NOON + 3 * SECOND)

        world.schedule.add(NOON + 5 * SECOND, "much", "5")
        worlds.advance(world, HOUR)

    assert [subject for subject, _ in ran[4:]] == ["4", "5"], "who moves the clock waits for all of it"
