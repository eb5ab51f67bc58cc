"""However time is cut into pieces, the same bytes come out."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mockserver.app import Simulator
from mockserver.config import Settings
from mockserver.kernel import clock
from mockserver.kernel.windows import HOUR, MINUTE
from mockserver.simulation import player
from tests.simulation.playing import (
    END,
    EVENTFUL,
    LENGTH,
    START,
    broken,
    differences,
    exported,
    instants,
    moved,
    played,
)

ROOT = Path(__file__).resolve().parents[2]
CUTS = st.lists(st.floats(0, 1), max_size=12)
SLOW = settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


class Reference:
    """What a world looks like whose clock was moved over all of it at once."""

    def __init__(self, exports: dict[str, bytes]) -> None:
        self.exports = exports

    def __repr__(self) -> str:
        return "Reference()"


@pytest.fixture(scope="module")
def reference() -> Reference:
    simulator = Simulator()
    moved(simulator, played(simulator, EVENTFUL), END)
    found = Reference(exported(simulator, "acme"))
    simulator.close()
    return found


def same(found: dict[str, bytes], reference: Reference) -> None:
    for name, wanted in reference.exports.items():
        if found[name] == wanted:
            continue
        for line, (one, other) in enumerate(zip(found[name].splitlines(), wanted.splitlines(), strict=False), 1):
            if one != other:
                pytest.fail(f"{name}, line {line}: {one!r} is not {other!r}")
        pytest.fail(f"{name}: {len(found[name])} bytes, not {len(wanted)}")


@SLOW
@given(cuts=CUTS)
def test_a_clock_that_moves_in_pieces_ends_with_the_same_bytes(reference: Reference, cuts: list[float]) -> None:
    simulator = Simulator()
    world = played(simulator, EVENTFUL)
    for at in instants(cuts):
        moved(simulator, world, at)

    same(exported(simulator, "acme"), reference)
    simulator.close()


@SLOW
@given(piece=st.integers(1, 400))
def test_so_does_a_history_in_pieces_of_any_size(reference: Reference, piece: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(player, "PIECE_CALLS", piece)
        patch.setattr(player, "MAX_ARRIVALS", piece)
        simulator = Simulator()
        world = played(simulator, EVENTFUL, history_us=LENGTH)
    moved(simulator, world, END)

    same(exported(simulator, "acme"), reference)
    simulator.close()


@SLOW
@given(until=st.integers(0, 24), cuts=CUTS)
def test_so_does_one_part_as_history_and_the_rest_live(reference: Reference, until: int, cuts: list[float]) -> None:
    simulator = Simulator()
    world = played(simulator, EVENTFUL, history_us=until * HOUR)
    for at in instants(cuts):
        if at > world.clock.now():
            moved(simulator, world, at)

    same(exported(simulator, "acme"), reference)
    simulator.close()


@SLOW
@given(stops=st.lists(st.floats(0, 1), min_size=1, max_size=4))
def test_so_does_one_that_is_closed_and_opened_again_on_its_file(reference: Reference, stops: list[float]) -> None:
    with TemporaryDirectory() as place:
        database = Path(place) / "mock.db"
        simulator = Simulator(Settings(db=database))
        played(simulator, EVENTFUL)
        for at in instants(stops):
            moved(simulator, simulator.worlds.get("acme"), at)
            simulator.close()
            simulator = Simulator(Settings(db=database))

        same(exported(simulator, "acme"), reference)
        simulator.close()


@SLOW
@given(after=st.integers(0, 12), piece=st.integers(20, 300))
def test_so_does_a_history_that_was_interrupted_and_is_asked_for_again(
    reference: Reference, after: int, piece: int
) -> None:
    with TemporaryDirectory() as place, pytest.MonkeyPatch.context() as patch:
        patch.setattr(player, "PIECE_CALLS", piece)
        database = Path(place) / "mock.db"
        simulator = Simulator(Settings(db=database))
        with simulator.store.committed():
            world = simulator.worlds.admit("acme")
            simulator.stage.play(world, "test.yaml", EVENTFUL, None, LENGTH)
        for number, _ in enumerate(simulator.stage.backfill(world)):
            if number == after:
                break
        simulator.close()

        simulator = Simulator(Settings(db=database))
        world = played(simulator, EVENTFUL, history_us=LENGTH)
        moved(simulator, world, END)

        same(exported(simulator, "acme"), reference)
        simulator.close()


@SLOW
@given(at=st.floats(0, 1), cuts=CUTS)
def test_so_do_both_of_a_world_and_its_fork(reference: Reference, at: float, cuts: list[float]) -> None:
    simulator = Simulator()
    world = played(simulator, EVENTFUL)
    moved(simulator, world, START + round(at * (END - START)))
    with simulator.store.committed():
        fork = simulator.worlds.fork(world, "other")
    moved(simulator, world, END)
    for instant in instants(cuts):
        if instant > fork.clock.now():
            moved(simulator, fork, instant)

    same(exported(simulator, "acme"), reference)
    same(exported(simulator, "other"), reference)
    simulator.close()


def test_so_does_one_that_was_put_back_to_a_snapshot(reference: Reference) -> None:
    simulator = Simulator()
    world = played(simulator, EVENTFUL)
    moved(simulator, world, START + 7 * HOUR)
    with simulator.store.committed():
        simulator.worlds.snapshot(world)
    moved(simulator, world, START + 16 * HOUR)
    with simulator.store.committed():
        world = simulator.worlds.restore(world, "snapshot-1")
    moved(simulator, world, END)

    same(exported(simulator, "acme"), reference)
    simulator.close()


@dataclass
class Machine:
    """A machine whose time stands still unless the test moves it."""

    at: int = START

    def __call__(self) -> int:
        return self.at


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    machine = Machine()
    monkeypatch.setattr(clock.Clock.__init__, "__defaults__", (None, machine))
    return machine


def beats(rate: int) -> Iterator[int]:
    """Yield microseconds of the machine's time between two looks at a world, none like the one before."""
    number = 1
    while True:
        number = number * 48271 % 2147483647
        yield number % (40 * MINUTE) // rate + 1


@pytest.mark.parametrize("rate", [1, 60, 3600])
def test_so_does_one_whose_clock_runs_by_itself_at_any_speed(reference: Reference, machine: Machine, rate: int) -> None:
    simulator = Simulator()
    world = played(simulator, EVENTFUL.replace("mode: frozen", "mode: real" if rate == 1 else f"mode: x{rate}"))
    for beat in beats(rate):
        now = world.clock.now()
        if now >= END:
            break
        with simulator.store.committed():
            simulator.worlds.settle(world, now)
        machine.at += beat

    with simulator.store.committed():
        simulator.worlds.set_clock(world, "frozen", None, 1.0)
    same(exported(simulator, "acme"), reference)
    simulator.close()


def digests(found: dict[str, bytes]) -> str:
    return " ".join(f"{name}:{hashlib.sha256(data).hexdigest()}" for name, data in found.items())


_ELSEWHERE = """
from mockserver.app import Simulator
from tests.simulation.playing import END, EVENTFUL, exported, moved, played
from tests.simulation.test_determinism import digests
simulator = Simulator()
moved(simulator, played(simulator, EVENTFUL), END)
print(digests(exported(simulator, "acme")))
simulator.close()
"""


def test_another_process_ends_with_the_same_bytes(reference: Reference) -> None:
    said = subprocess.run(
        [sys.executable, "-c", _ELSEWHERE],
        env={**os.environ, "PYTHONHASHSEED": "4711", "PYTHONPATH": str(ROOT), "TZ": "Asia/Tokyo"},
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip

    assert said.strip() == digests(reference.exports)


def test_another_seed_ends_with_others(reference: Reference) -> None:
    simulator = Simulator()
    moved(simulator, played(simulator, EVENTFUL, seed=8), END)

    found = exported(simulator, "acme")

    assert found["truth"] == reference.exports["truth"]
    assert all(found[name] != reference.exports[name] for name in ("events", "ledger", "calls", "invoices"))
    simulator.close()


@SLOW
@given(seed=st.integers(0, 2**32))
def test_with_any_seed_the_books_are_right_and_what_was_planted_is_found(seed: int) -> None:
    simulator = Simulator()
    world = played(simulator, EVENTFUL, seed=seed)
    moved(simulator, world, END)
    told = simulator.stage.playing(world)
    # Nobody reports the chats that the scenario itself sends.
    own = sum(entry.cost_micro_usd > 0 for entry in world.journal.read(limit=1000))

    found = differences(simulator, "acme")

    assert broken(simulator, world) == []
    assert {**found, "missing": found["missing"] - own} == told["planted"]
    assert told["planted"]["missing"] > 0
    assert told["is_over"]
    simulator.close()
