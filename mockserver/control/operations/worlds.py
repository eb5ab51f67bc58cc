"""Worlds: list, make, show, remove, reset, fork; and their switches."""

from __future__ import annotations

from typing import Any

from mockserver.control.control import Control, refuse_template
from mockserver.control.operations.clock import clock_view
from mockserver.control.operations.pages import page
from mockserver.control.schemas import CreateWorldRequest, ForkRequest, PageQuery, SwitchesRequest
from mockserver.kernel.world import World

# The template's counter behind names nobody chose.
_NAMES = "control.world"


def list_worlds(control: Control, query: PageQuery) -> dict[str, Any]:
    """Return every world but the template, oldest first."""
    with control.store.committed():
        worlds = [control.worlds.get(name) for name in control.worlds.names()]
        later = [world for world in worlds if world.id > query.after]
        return page(later, query.limit, cursor=lambda world: world.id, shape=world_view)


def create_world(control: Control, body: CreateWorldRequest) -> dict[str, Any]:
    """Make a world from the template."""
    with control.store.committed():
        name = body.name or _free_name(control)
        return world_view(control.worlds.create(name, seed=body.seed, switches=body.switches))


def show_world(control: Control, name: str) -> dict[str, Any]:
    """Return one world."""
    with control.existing(name) as world:
        return world_view(world)


def delete_world(control: Control, name: str) -> None:
    """Remove a world and everything in it."""
    refuse_template(name)
    with control.existing(name) as world:
        control.worlds.delete(world)


def reset_world(control: Control, name: str) -> dict[str, Any]:
    """Put a world back to the template's state; its seed stays."""
    refuse_template(name)
    with control.admitted(name) as world:  # nothing is settled: this must help even where that fails
        return world_view(control.worlds.reset(world))


def fork_world(control: Control, name: str, body: ForkRequest) -> dict[str, Any]:
    """Copy a world whole, under a new name."""
    with control.changing(name) as world:
        return world_view(control.worlds.fork(world, body.name))


def show_switches(control: Control, name: str) -> dict[str, bool]:
    """Return the state of every switch."""
    with control.reading(name) as world:
        return dict(world.switches)


def flip_switches(control: Control, name: str, body: SwitchesRequest) -> dict[str, bool]:
    """Set the switches that are named."""
    with control.changing(name) as world:
        control.worlds.flip(world, body.switches())
        return dict(world.switches)


def _free_name(control: Control) -> str:
    taken = set(control.worlds.names())
    while (name := f"world-{control.worlds.nobody.count(_NAMES)}") in taken:
        pass
    return name


def world_view(world: World) -> dict[str, Any]:
    """Return the wire form of a world."""
    return {"name": world.name, "seed": world.draws.seed, "switches": world.switches, "clock": clock_view(world)}
