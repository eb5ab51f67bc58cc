"""Lets the time of playing worlds pass by itself: what falls due in them happens although nobody asks."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from mockserver.kernel.clock import monotonic_s
from mockserver.kernel.world import World, Worlds
from mockserver.simulation.plays import going_on

log = logging.getLogger("mockserver")

TICK_S = 0.25
"""How often the machine looks after worlds in which something plays."""

SLICE_S = 0.01
"""How long requests may be held up by that at a time; what is left then comes after as long a pause."""

_PATIENCE_S = 10.0
"""How long a world is left alone in which something went wrong."""

_FIRST_STEP = 1_000_000
_LONGEST_STEP = 86_400_000_000


class Ticker:
    """Settles playing worlds, a slice at a time.

    Commits wake it: while nothing plays, it looks for what does at most as often as it ticks, and not at all while
    nobody uses the server.
    """

    def __init__(self, worlds: Worlds) -> None:
        self._worlds = worlds
        self._steps: dict[str, int] = {}
        """Microseconds of a world's time that make about one slice."""
        self._resting: dict[str, float] = {}
        self._told: dict[str, str] = {}
        self._wake: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_stirred = False
        self._is_over = False

    async def run(self) -> None:
        """Tick until the server stops or this is cancelled."""
        self._loop = asyncio.get_running_loop()
        self._wake = asyncio.Event()
        self._worlds.store.watch(self)
        try:
            while not self._is_over:
                self._wake.clear()
                self._is_stirred = False
                names = self._playing()
                if not names:
                    await self._wake.wait()
                    await asyncio.sleep(TICK_S)
                    continue
                began = monotonic_s()
                is_behind = self.tick(names)
                await asyncio.sleep(monotonic_s() - began if is_behind else TICK_S)
        except Exception:
            log.exception("scenarios do not go on by themselves any more")
        finally:
            self._worlds.store.unwatch(self)

    def stir(self) -> None:
        """Something was committed."""
        if not self._is_stirred:
            self._is_stirred = True
            self._rouse()

    def leave(self) -> None:
        """Stop: the server is about to."""
        self._is_over = True
        self._rouse()

    def _rouse(self) -> None:
        if self._loop is not None and self._wake is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake.set)

    def _playing(self) -> Sequence[str]:
        with self._worlds.store.committed():
            return going_on(self._worlds.store)

    def tick(self, names: Sequence[str]) -> bool:
        """Settle worlds for the time of one slice, shared among them; return whether any of them is still behind."""
        share = SLICE_S / len(names)
        behind = [self._settle(name, share) for name in names if self._resting.get(name, 0.0) <= monotonic_s()]
        return any(behind)

    def _settle(self, name: str, share_s: float) -> bool:
        try:
            with self._worlds.store.committed():
                is_behind = self._go_on(self._worlds.get(name), share_s)
        except Exception as error:
            self._resting[name] = monotonic_s() + _PATIENCE_S
            told = f"{type(error).__name__}: {error}"
            if self._told.get(name) != told:
                self._told[name] = told
                log.exception("the scenario in world '%s' cannot go on", name)
            return False
        self._told.pop(name, None)
        return is_behind

    def _go_on(self, world: World, share_s: float) -> bool:
        """Run what has fallen due, no more than about a slice of it; how much that is, is found out on the way."""
        began, now = monotonic_s(), world.clock.now()
        step = self._steps.get(world.name, _FIRST_STEP)
        while (due := world.schedule.next_at()) is not None and due <= now:
            if monotonic_s() - began >= share_s:
                return True
            before = monotonic_s()
            self._worlds.settle(world, min(now, due + step))
            took = monotonic_s() - before
            if took > share_s / 2:
                step = max(1, step // 2)
            elif took < share_s / 4:
                step = min(_LONGEST_STEP, step * 2)
            self._steps[world.name] = step
        return False
