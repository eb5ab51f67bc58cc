"""Scenarios: play one in a world, see how far it is, stop it and let it go on."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from mockserver.control.control import Control, Stage
from mockserver.control.scenario import PlayRequest, StepRequest
from mockserver.kernel.errors import Conflict, NotFound
from mockserver.kernel.store import Store

_SLICE_S = 0.03
"""How long a piece of history may keep others waiting."""

_TURN_S = 0.002
"""Between two pieces of history: a lock that is taken again at once goes to nobody else."""


def play_scenario(control: Control, name: str, body: PlayRequest) -> dict[str, Any]:
    """Bring a world to a scenario's start state, and play its history.

    Each piece of the history is committed by itself. Other worlds are served meanwhile; who asks this one finds it as
    it was at the instant its clock shows, with all that had happened by then.

    :raises Conflict: the server is told to stop, or the world is put away, before all of it is there.
    """
    stage = _stage(control)
    with control.changing(name) as world:
        played = stage.play(world, body.name, body.text, body.seed, body.history)
    with _serving(control.store) as server:
        for piece in stage.backfill(world, _SLICE_S):
            if server.is_leaving:
                raise Conflict("the server stops: what has been played stays, and the same request goes on from there")
            played = piece
            time.sleep(_TURN_S)
    # Who asked for the same may have played the last of it.
    return played if played["is_filled"] else show_scenario(control, name)


def show_scenario(control: Control, name: str) -> dict[str, Any]:
    """Return which scenario was played in a world last, and how far it is."""
    stage = _stage(control)
    with control.reading(name) as world:
        return stage.playing(world)


def pause_scenario(control: Control, name: str) -> dict[str, Any]:
    """Stop the clock of a world that plays."""
    stage = _stage(control)
    with control.changing(name) as world:
        return stage.pause(world)


def resume_scenario(control: Control, name: str) -> dict[str, Any]:
    """Let a paused world's clock go on as before."""
    stage = _stage(control)
    with control.changing(name) as world:
        return stage.resume(world)


def step_scenario(control: Control, name: str, body: StepRequest) -> dict[str, Any]:
    """Move a paused world's clock."""
    stage = _stage(control)
    with control.changing(name) as world:
        return stage.step(world, body.by)


def _stage(control: Control) -> Stage:
    if control.stage is None:
        raise NotFound("stage", "scenario")
    return control.stage


class _Server:
    """Notices when the server is told to stop."""

    is_leaving = False

    def stir(self) -> None:
        """Do nothing: what is committed is our own."""

    def leave(self) -> None:
        """Note it."""
        self.is_leaving = True


@contextmanager
def _serving(store: Store) -> Iterator[_Server]:
    server = _Server()
    store.watch(server)
    try:
        yield server
    finally:
        store.unwatch(server)
