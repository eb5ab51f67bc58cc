"""A world's clock: read it, set it, move it forward."""

from __future__ import annotations

from typing import Any

from mockserver.control.control import Control
from mockserver.control.schemas import AdvanceRequest, ClockRequest
from mockserver.kernel.errors import InvalidRequest, Problem
from mockserver.kernel.windows import LATEST, format_instant
from mockserver.kernel.world import World


def show_clock(control: Control, name: str) -> dict[str, Any]:
    """Return a world's time and how it passes."""
    with control.reading(name) as world:
        return clock_view(world)


def set_clock(control: Control, name: str, body: ClockRequest) -> dict[str, Any]:
    """Set how a world's time passes, and from when; going forward runs what falls due on the way."""
    with control.changing(name) as world:
        control.worlds.set_clock(world, body.mode, body.now, body.rate or 1.0)
        return clock_view(world)


def advance_clock(control: Control, name: str, body: AdvanceRequest) -> dict[str, Any]:
    """Move a world's time forward, running what falls due on the way, in order."""
    with control.changing(name) as world:
        if world.clock.now() + body.by > LATEST:
            raise InvalidRequest(Problem(("body", "by"), "leads past the year 9999", "out_of_range"))
        control.worlds.advance(world, body.by)
        return clock_view(world)


def clock_view(world: World) -> dict[str, Any]:
    """Return the wire form of a world's clock."""
    state = world.clock.state
    return {"mode": state.mode, "now": format_instant(world.clock.now()), "rate": state.rate}
