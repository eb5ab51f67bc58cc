"""Snapshots of a world: take, list, remove; and put the world back to one."""

from __future__ import annotations

from typing import Any

from mockserver.control.control import Control, refuse_template
from mockserver.control.operations.pages import page
from mockserver.control.operations.worlds import world_view
from mockserver.control.schemas import PageQuery
from mockserver.control.snapshots import RestoreRequest, SnapshotRequest
from mockserver.kernel.windows import format_instant
from mockserver.kernel.world import Snapshot


def take_snapshot(control: Control, name: str, body: SnapshotRequest) -> dict[str, Any]:
    """Keep a world as it is."""
    with control.changing(name) as world:
        return _view(control.worlds.snapshot(world, body.name))


def list_snapshots(control: Control, name: str, query: PageQuery) -> dict[str, Any]:
    """Return a world's snapshots, oldest first."""
    with control.reading(name) as world:
        later = [each for each in control.worlds.snapshots(world) if each.seq > query.after]
    return page(later, query.limit, cursor=lambda each: each.seq, shape=_view)


def remove_snapshot(control: Control, name: str, identifier: str) -> None:
    """Remove a snapshot."""
    with control.changing(name) as world:
        control.worlds.forget(world, identifier)


def restore_world(control: Control, name: str, body: RestoreRequest) -> dict[str, Any]:
    """Put a world back to what it was when a snapshot was taken."""
    refuse_template(name)
    with control.admitted(name) as world:  # nothing is settled: this must help even where that fails
        return world_view(control.worlds.restore(world, body.snapshot))


def _view(snapshot: Snapshot) -> dict[str, Any]:
    return {
        "id": snapshot.id,
        "name": snapshot.label,
        "at": format_instant(snapshot.at),
        "requests": snapshot.requests,
    }
