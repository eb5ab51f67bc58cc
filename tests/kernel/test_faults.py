from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mockserver.kernel import world
from mockserver.kernel.faults import Effect, Fault, Faults, Hit, Latency, When
from mockserver.kernel.ids import Draws
from mockserver.kernel.matching import COMMON, Facts
from mockserver.kernel.store import Store
from mockserver.kernel.windows import HOUR, parse_instant
from mockserver.kernel.world import Beginning, World, Worlds

START: int = parse_instant("2026-02-10T12:00:00Z")
FAILS = Effect(status=503)
SLOW = Effect(latency=Latency(10.0))


def worlds_of(store: Store, seed: int = 7) -> Worlds:
    store.migrate(world.MIGRATIONS)
    return Worlds(store, beginning=Beginning(seed=seed, clock_mode="frozen", clock_at=START))


@pytest.fixture
def store() -> Iterator[Store]:
    store = Store(None)
    yield store
    store.close()


@pytest.fixture
def acme(store: Store) -> World:
    worlds = worlds_of(store)
    with store.committed():
        return worlds.create("acme")


def fault(when: When | None = None, effect: Effect = FAILS, **match: Any) -> Fault:
    return Fault(match, COMMON, effect, when or When())


def arm(world: World, *faults: Fault) -> None:
    with world.store.committed():
        for each in faults:
            world.faults.add(world.count("faults"), each)


def strike(world: World, at: int = START, *, spent: int = 0, request: int = 1, **facts: Any) -> list[Hit]:
    with world.store.committed():
        return world.faults.strike(Facts(facts), at, request, world.draws, lambda: spent, lambda effect: True)


def struck(world: World, at: int = START, *, spent: int = 0, request: int = 1, **facts: Any) -> list[str]:
    return [hit.armed.id for hit in strike(world, at, spent=spent, request=request, **facts)]


# Which requests


WHENS = st.builds(
    When,
    nth=st.lists(st.integers(1, 8), max_size=3).map(tuple),
    first=st.none() | st.integers(1, 8),
    every=st.none() | st.integers(1, 4),
    start=st.none() | st.integers(START, START + 20),
    end=st.none() | st.integers(START, START + 20),
    rate=st.none() | st.floats(0.01, 1),
    after_spend_micro_usd=st.none() | st.integers(0, 20),
)
REQUESTS = st.lists(st.tuples(st.booleans(), st.integers(0, 3), st.integers(0, 3)), max_size=20)


def expected(when: When, requests: list[tuple[bool, int, int]], seed: int) -> list[bool]:
    """Return which requests are hit, told without any of the code under test but the source of chance."""
    hits: list[bool] = []
    now, spent, counted = START, 0, 0
    for is_meant, later, more in requests:
        now, spent = now + later, spent + more
        is_open = is_meant
        is_open = is_open and not (when.start is not None and now < when.start)
        is_open = is_open and not (when.end is not None and now >= when.end)
        is_open = is_open and not (when.after_spend_micro_usd is not None and spent < when.after_spend_micro_usd)
        counted += is_open
        wanted = set(range(1, 100))
        if when.nth:
            wanted &= set(when.nth)
        if when.first is not None:
            wanted &= set(range(1, when.first + 1))
        if when.every is not None:
            wanted &= set(range(when.every, 100, when.every))
        is_hit = is_open and counted in wanted
        if is_hit and when.rate is not None:
            is_hit = Draws(seed).uniform("fault", "fault-1", counted) < when.rate
        hits.append(is_hit)
    return hits


@settings(max_examples=150)
@given(WHENS, REQUESTS, st.integers(0, 3))
def test_requests_are_hit_as_a_plain_count_of_them_says(
    when: When, requests: list[tuple[bool, int, int]], seed: int
) -> None:
    store = Store(None)
    worlds = worlds_of(store, seed)
    with store.committed():
        acme = worlds.create("acme")
    arm(acme, fault(when, vendor="toy"))
    got: list[bool] = []
    now, spent = START, 0
    for is_meant, later, more in requests:
        now, spent = now + later, spent + more
        got.append(bool(struck(acme, now, spent=spent, vendor="toy" if is_meant else "other")))

    assert got == expected(when, requests, seed)
    (count,) = acme.faults.counts()
    decisions = acme.faults.decisions(1, 0, 100)
    assert (count.matched, count.hits) == (len(decisions), sum(got))
    assert [n for n, *_ in decisions] == list(range(1, count.matched + 1))
    assert sum(is_hit for _, _, is_hit, _ in decisions) == count.hits
    store.close()


@pytest.mark.parametrize(
    ("when", "at", "spent", "why"),
    [
        (When(start=START + HOUR), START, 0, "before 2026-02-10T13:00:00Z"),
        (When(end=START), START, 0, "not before 2026-02-10T12:00:00Z"),
        (When(after_spend_micro_usd=500_000), START, 90_000, "0.09 of 0.50 USD spent"),
        (When(start=START, end=START + 1, after_spend_micro_usd=1), START, 1, None),
    ],
)
def test_a_request_that_is_not_even_counted_has_a_reason(when: When, at: int, spent: int, why: str | None) -> None:
    assert when.closed(at, lambda: spent) == why


@pytest.mark.parametrize(
    ("when", "n", "is_hit", "why"),
    [
        (When(), 3, True, "number 3"),
        (When(nth=(1, 4)), 3, False, "number 3, not 1 or 4"),
        (When(nth=(1, 4)), 4, True, "number 4"),
        (When(first=2), 3, False, "number 3, past the first 2"),
        (When(every=3), 4, False, "number 4, no multiple of 3"),
        (When(rate=0.5), 1, True, "number 1, drew 0.250000, below 0.5"),
        (When(rate=0.25), 1, False, "number 1, drew 0.250000, not below 0.25"),
    ],
)
def test_a_decision_says_why(when: When, n: int, is_hit: bool, why: str) -> None:
    assert when.decide(n, lambda: 0.25) == (is_hit, why)


def test_spend_is_only_added_up_when_a_fault_asks_for_it(acme: World) -> None:
    def never() -> int:
        raise AssertionError("nobody asked")

    arm(acme, fault(When(first=1)), fault(When(after_spend_micro_usd=1), vendor="other"))
    with acme.store.committed():
        hits = acme.faults.strike(Facts({"vendor": "toy"}), START, 1, acme.draws, never, lambda effect: True)

    assert len(hits) == 1


def test_spend_counts_from_when_a_fault_was_armed(acme: World) -> None:
    with acme.store.committed():
        acme.faults.add(1, fault(When(after_spend_micro_usd=10)), 1000)

    assert [bool(struck(acme, spent=spent)) for spent in (1000, 1009, 1010)] == [False, False, True]


# Several faults


def test_faults_add_up_until_one_leaves_the_request_no_other_fate(acme: World) -> None:
    arm(acme, fault(effect=SLOW), fault(When(nth=(2,))), fault(effect=SLOW))

    assert struck(acme) == ["fault-1", "fault-3"]
    assert struck(acme) == ["fault-1", "fault-2"]
    assert [(count.matched, count.hits) for count in acme.faults.counts()] == [(2, 2), (2, 1), (1, 1)]


def test_a_fault_that_means_nothing_to_a_request_is_not_about_it(acme: World) -> None:
    arm(acme, fault(), fault(effect=SLOW))
    with acme.store.committed():
        hits = acme.faults.strike(Facts({}), START, 1, acme.draws, lambda: 0, lambda effect: effect.status is None)

    assert [hit.armed.id for hit in hits] == ["fault-2"]
    assert acme.faults.counts()[0].matched == 0


def test_a_disarmed_fault_strikes_no_more_and_its_number_is_not_given_again(acme: World) -> None:
    arm(acme, fault(), fault(effect=SLOW))
    struck(acme)
    with acme.store.committed():
        assert acme.faults.remove(1)
        assert not acme.faults.remove(1)

    assert struck(acme) == ["fault-2"]
    assert acme.faults.decisions(1, 0, 10) == []
    with acme.store.committed():
        acme.faults.clear()
    arm(acme, fault())
    assert struck(acme) == ["fault-3"]


# Chance


def decided(world: World, requests: int, noise: int = 0) -> list[bool]:
    hits: list[bool] = []
    for request in range(1, requests + 1):
        for _ in range(noise):
            struck(world, vendor="elsewhere")
            with world.store.committed():
                world.new_id("noise")
        hits.append("fault-1" in struck(world, request=request, vendor="toy"))
    return hits


@settings(max_examples=20)
@given(st.integers(0, 100), st.floats(0.05, 0.95), st.integers(0, 3))
def test_what_else_happens_in_a_world_changes_no_decision(seed: int, rate: float, noise: int) -> None:
    outcomes = []
    for amount in (0, noise):
        store = Store(None)
        worlds = worlds_of(store, seed)
        with store.committed():
            acme = worlds.create("acme")
        arm(acme, fault(When(rate=rate), effect=SLOW, vendor="toy"))
        if amount:
            arm(acme, fault(When(rate=0.5), effect=SLOW))
        outcomes.append(decided(acme, 12, amount))
        store.close()

    assert outcomes[0] == outcomes[1]


def test_a_rate_is_kept_in_the_long_run_and_differs_by_fault_and_seed() -> None:
    draws = [[Draws(seed).uniform("fault", f"fault-{n}", each) < 0.3 for each in range(2000)] for seed, n in
             ((1, 1), (1, 2), (2, 1))]  # fmt: skip

    assert all(520 < sum(each) < 680 for each in draws)
    assert draws[0] != draws[1] != draws[2]


def test_decisions_go_on_where_they_were_after_a_restart_and_in_a_fork(tmp_path: Path) -> None:
    whole = Store(None)
    worlds = worlds_of(whole)
    with whole.committed():
        acme = worlds.create("acme")
    arm(acme, fault(When(rate=0.5, first=30), effect=SLOW, vendor="toy"))
    expected = decided(acme, 40)
    assert 0 < sum(expected) < 30

    path = tmp_path / "mock.db"
    store = Store(path)
    worlds = worlds_of(store)
    with store.committed():
        acme = worlds.create("acme")
    arm(acme, fault(When(rate=0.5, first=30), effect=SLOW, vendor="toy"))
    got = decided(acme, 15)
    store.close()
    store = Store(path)
    worlds = worlds_of(store)
    with store.committed():
        fork = worlds.fork(worlds.get("acme"), "fork")
    for each in (worlds.get("acme"), fork):
        assert got + decided(each, 25) == expected
    store.close()
    whole.close()


# Keeping


EFFECTS = st.builds(
    Effect,
    status=st.none() | st.integers(400, 599),
    message=st.none() | st.text(max_size=5),
    latency=st.none() | st.builds(Latency, st.floats(0, 10), st.none() | st.floats(10, 20)),
    reset=st.booleans(),
    drop=st.lists(st.text(min_size=1, max_size=3), max_size=2).map(tuple),
    add=st.dictionaries(st.text(min_size=1, max_size=3), st.none() | st.integers() | st.lists(st.integers())),
    double=st.none() | st.sampled_from(["same_key", "new_key", "other_payload"]),
    scale=st.none() | st.just("0.001"),
)


@given(EFFECTS, WHENS)
def test_a_fault_is_kept_as_it_is(effect: Effect, when: When) -> None:
    kept = Fault({"vendor": "toy"}, COMMON, effect, when, "mine", True)

    again = Fault.load(kept.dump())
    assert again == kept
    assert again.pattern.spec() == {"vendor": "toy"}


def test_what_a_fault_does_is_said_without_what_is_as_usual() -> None:
    assert Effect(status=503, retry_after_s=0.0).said() == {"status": 503, "retry_after_s": 0.0}


def test_only_so_many_decisions_are_kept(acme: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mockserver.kernel.faults.MAX_DECISIONS", 100)
    arm(acme, fault(effect=SLOW))
    for _ in range(512):
        struck(acme)

    kept = acme.faults.decisions(1, 0, 1000)
    assert [kept[0][0], kept[-1][0]] == [413, 512]
    assert acme.faults.counts()[0].matched == 512


def test_a_world_without_faults_is_told_so_without_a_look_at_the_database(acme: World) -> None:
    looks: list[str] = []
    faults = Faults(acme.store, acme.id)
    assert faults.armed == ()
    acme.store.conn.set_trace_callback(looks.append)
    assert faults.armed == ()
    acme.store.conn.set_trace_callback(None)
    assert looks == []
