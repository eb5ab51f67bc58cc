"""One clock per world. The only place that reads the machine's time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from mockserver.kernel.windows import Instant

Mode = Literal["real", "frozen", "scaled"]
MAX_RATE = 1_000_000.0


def machine_now() -> int:
    """Return the machine's time in microseconds since 1970."""
    return time.time_ns() // 1000


def monotonic_s() -> float:
    """Return seconds of a clock that only moves forward; for deadlines, never for timestamps."""
    return time.monotonic()


@dataclass(frozen=True, slots=True)
class ClockState:
    """Everything a clock is, as stored: virtual time was `virtual` when the machine showed `machine`.

    :param rate: virtual seconds per machine second: 1 for `real`, 0 for `frozen`.
    """

    mode: Mode
    virtual: int
    machine: int
    rate: float


class Clock:
    """Virtual time of one world; never runs backwards unless it is set."""

    __slots__ = ("_last", "_machine", "_pinned", "state")

    def __init__(self, state: ClockState | None = None, machine: Callable[[], int] = machine_now) -> None:
        self._machine = machine
        self._pinned: int | None = None
        at = machine()
        self.state = state or ClockState("real", at, at, 1.0)
        self._last = self.state.virtual

    def now(self) -> Instant:
        """Return the virtual now."""
        if self._pinned is not None:
            return Instant(self._pinned)
        state = self.state
        if state.rate == 0:
            return Instant(state.virtual)
        elapsed = self._machine() - state.machine
        virtual = state.virtual + (elapsed if state.rate == 1 else int(elapsed * state.rate))
        if virtual > self._last:  # the machine's own clock may be set back
            self._last = virtual
        return Instant(self._last)

    def set(self, mode: Mode, at: int | None = None, rate: float = 1.0) -> None:
        """Change mode, and the time too when `at` is given; the only call that may go back in time."""
        virtual = self.now() if at is None else at
        speed = {"real": 1.0, "frozen": 0.0}.get(mode, rate)
        self.state = ClockState(mode, virtual, self._machine(), speed)
        self._last = virtual

    def jump(self, to: int) -> None:
        """Move to a later instant, keeping mode and rate."""
        self.state = ClockState(self.state.mode, to, self._machine(), self.state.rate)
        self._last = to

    @contextmanager
    def pinned(self, at: int) -> Iterator[None]:
        """Hold the clock at `at` for the length of a block: how things that fell due run at their own time."""
        before, self._pinned = self._pinned, at
        try:
            yield
        finally:
            self._pinned = before
