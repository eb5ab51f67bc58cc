"""Scenarios: play one in a world, see which was played."""

from __future__ import annotations

from typing import Any

from mockserver.control.control import Control, Stage
from mockserver.control.scenario import PlayRequest
from mockserver.kernel.errors import NotFound


def play_scenario(control: Control, name: str, body: PlayRequest) -> dict[str, Any]:
    """Bring a world to a scenario's start state."""
    stage = _stage(control)
    with control.changing(name) as world:
        return stage.play(world, body.name, body.text, body.seed)


def show_scenario(control: Control, name: str) -> dict[str, Any]:
    """Return which scenario was played in a world last."""
    stage = _stage(control)
    with control.reading(name) as world:
        return stage.playing(world)


def _stage(control: Control) -> Stage:
    if control.stage is None:
        raise NotFound("stage", "scenario")
    return control.stage
