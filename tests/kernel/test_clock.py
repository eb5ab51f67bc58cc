from __future__ import annotations

from mockserver.kernel.clock import Clock, ClockState, machine_now, monotonic_s
from mockserver.kernel.windows import SECOND
from tests.kernel.conftest import NOON, Machine


def test_real_clock_starts_at_the_machines_time_and_follows_it(machine: Machine) -> None:
    clock = Clock(machine=machine)

    machine.pass_s(2.5)

    assert clock.now() == 5_000_000 * SECOND + 2_500_000


def test_real_clock_keeps_its_offset_to_the_machine(machine: Machine) -> None:
    clock = Clock(machine=machine)
    clock.set("real", NOON)

    machine.pass_s(3)

    assert clock.now() == NOON + 3 * SECOND


def test_frozen_clock_stands_still_until_it_is_moved(machine: Machine) -> None:
    clock = Clock(machine=machine)
    clock.set("frozen", NOON)

    machine.pass_s(3600)
    assert clock.now() == NOON

    clock.jump(NOON + SECOND)
    assert clock.now() == NOON + SECOND


def test_scaled_clock_runs_at_its_rate(machine: Machine) -> None:
    clock = Clock(machine=machine)
    clock.set("scaled", NOON, rate=60)

    machine.pass_s(1)

    assert clock.now() == NOON + 60 * SECOND


def test_jump_keeps_mode_and_rate(machine: Machine) -> None:
    clock = Clock(machine=machine)
    clock.set("scaled", NOON, rate=60)
    clock.jump(NOON + SECOND)

    machine.pass_s(1)

    assert clock.now() == NOON + 61 * SECOND


def test_clock_never_runs_backwards_when_the_machine_is_set_back(machine: Machine) -> None:
    clock = Clock(machine=machine)
    machine.pass_s(10)
    before = clock.now()

    machine.pass_s(-60)

    assert clock.now() == before


def test_clock_may_be_set_back_on_purpose(machine: Machine) -> None:
    clock = Clock(machine=machine)
    machine.pass_s(10)

    clock.set("frozen", 7 * SECOND)

    assert clock.now() == 7 * SECOND


def test_mode_can_change_without_a_leap_in_time(machine: Machine) -> None:
    clock = Clock(machine=machine)
    clock.set("scaled", NOON, rate=10)
    machine.pass_s(1)

    clock.set("frozen")

    assert clock.now() == NOON + 10 * SECOND


def test_pinned_clock_shows_the_due_instant_and_then_returns(machine: Machine) -> None:
    clock = Clock(machine=machine)
    clock.set("frozen", NOON)

    with clock.pinned(NOON - SECOND):
        assert clock.now() == NOON - SECOND

    assert clock.now() == NOON


def test_stored_state_restores_the_same_time(machine: Machine) -> None:
    clock = Clock(machine=machine)
    clock.set("scaled", NOON, rate=2)

    again = Clock(ClockState(*(getattr(clock.state, name) for name in ClockState.__slots__)), machine)
    machine.pass_s(5)

    assert again.now() == clock.now() == NOON + 10 * SECOND


def test_the_machine_is_read_in_microseconds() -> None:
    assert machine_now() > 1_700_000_000 * SECOND
    assert monotonic_s() <= monotonic_s()
