from __future__ import annotations

from mockserver.kernel.windows import HOUR, MINUTE, SECOND
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


def test_an_action_is_told_whether_a_request_waits_for_it(worlds: Worlds) -> None:
    told = []

    def ask(world: World, subject: str) -> None:
        told.append(world.schedule.is_awaited)
        if subject == "outer":
            worlds.advance(world, MINUTE)
            told.append(world.schedule.is_awaited)

    worlds.actions = {**worlds.actions, "ask": ask}
    with worlds.store.committed():
        world = worlds.create("acme")
        for n, subject in enumerate(("outer", "inner", "third", "fourth")):
            world.schedule.add(NOON + n * MINUTE, "ask", subject)
        worlds.settle(world, NOON)
        worlds.move_towards(world, NOON + 2 * MINUTE)
        worlds.advance(world, HOUR)

    assert told == [True, False, True, False, False]
    assert not world.schedule.is_awaited


def test_what_runs_last_at_its_instant_does_so_whenever_it_was_added(
    worlds: Worlds, ran: list[tuple[str, int]]
) -> None:
    with worlds.store.committed():
        world = worlds.create("acme")
        world.schedule.add(NOON + SECOND, "note", "last", is_last=True)
        world.schedule.add(NOON + SECOND, "note", "very last", is_last=True)
        world.schedule.add(NOON + SECOND, "note", "first")
        world.schedule.add(NOON + SECOND, "note", "second")

        worlds.advance(world, HOUR)

    assert [subject for subject, _ in ran] == ["first", "second", "last", "very last"]


def test_an_action_may_do_everything_before_the_next_thing_falls_due(worlds: Worlds) -> None:
    seen = []

    def look(world: World, subject: str) -> None:
        seen.append((subject, world.schedule.horizon))
        if subject == "a":
            world.schedule.add(NOON + 90 * SECOND, "look", "of a")

    worlds.actions = {**worlds.actions, "look": look}
    with worlds.store.committed():
        world = worlds.create("acme")
        world.schedule.add(NOON + SECOND, "look", "a")
        world.schedule.add(NOON + 60 * SECOND, "look", "b")
        world.schedule.add(NOON + 60 * SECOND, "look", "c")

        worlds.advance(world, HOUR)

    assert seen == [
        ("a", NOON + 60 * SECOND - 1), ("b", NOON + 60 * SECOND), ("c", NOON + 90 * SECOND - 1), ("of a", NOON + HOUR),
    ]  # fmt: skip


def test_what_an_action_runs_in_between_leaves_it_its_own_horizon(worlds: Worlds) -> None:
    horizons = []

    def nest(world: World, subject: str) -> None:
        before = world.schedule.horizon
        world.schedule.add(world.clock.now(), "note", "inner")
        world.schedule.run(world, world.clock.now(), worlds.actions)
        horizons.append((before, world.schedule.horizon))

    worlds.actions = {**worlds.actions, "nest": nest}
    with worlds.store.committed():
        world = worlds.create("acme")
        world.schedule.add(NOON + SECOND, "nest", "outer")
        worlds.advance(world, HOUR)

    assert horizons == [(NOON + HOUR, NOON + HOUR)]


def test_a_clock_moves_towards_an_instant_one_piece_of_much_work_at_a_time(
    worlds: Worlds, ran: list[tuple[str, int]]
) -> None:
    def much(world: World, subject: str) -> bool:
        ran.append((subject, world.clock.now()))
        return True

    worlds.actions = {**worlds.actions, "much": much}
    with worlds.store.committed():
        world = worlds.create("acme")
        for n in (1, 2):
            world.schedule.add(NOON + n * MINUTE, "much", str(n))
        world.schedule.add(NOON + 3 * MINUTE, "note", "3")

        arrived = []
        for _ in range(3):
            arrived.append((worlds.move_towards(world, NOON + HOUR), world.clock.now()))

    assert [subject for subject, _ in ran] == ["1", "2", "3"]
    assert arrived == [(False, NOON + 2 * MINUTE - 1), (False, NOON + 3 * MINUTE - 1), (True, NOON + HOUR)]
