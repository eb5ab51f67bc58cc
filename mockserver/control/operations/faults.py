"""A world's faults: arm, list, show with their decisions, disarm."""

from __future__ import annotations

from typing import Any

from mockserver.control.control import Control
from mockserver.control.faults import FaultRequest, present_fault
from mockserver.control.operations.pages import numbered, page
from mockserver.control.schemas import PageQuery
from mockserver.kernel.errors import NotFound
from mockserver.kernel.faults import Count
from mockserver.kernel.world import World

_COUNTER = "faults"


def list_faults(control: Control, name: str, query: PageQuery) -> dict[str, Any]:
    """Return a world's faults, in the order they were armed."""
    with control.reading(name) as world:
        later = [count for count in world.faults.counts() if count.armed.seq > query.after]
        return page(later, query.limit, cursor=lambda count: count.armed.seq, shape=present_fault)


def add_fault(control: Control, name: str, body: FaultRequest) -> dict[str, Any]:
    """Arm a fault."""
    with control.changing(name) as world:
        fault = body.to_fault([vendor.api for vendor in control.vendors])
        spent = sum(vendor.account.spent(world) for vendor in control.vendors if vendor.account is not None)
        return present_fault(Count(world.faults.add(world.count(_COUNTER), fault, spent), 0, 0))


def show_fault(control: Control, name: str, identifier: str, query: PageQuery) -> dict[str, Any]:
    """Return one fault with what it decided, oldest first."""
    with control.reading(name) as world:
        count = _found(world, identifier)
        decided = world.faults.decisions(count.armed.seq, query.after, query.limit + 1)
        shown = page(
            decided, query.limit, cursor=lambda decision: decision[0],
            shape=lambda d: dict(zip(("n", "request", "hit", "reason"), d, strict=True)),
        )  # fmt: skip
        return {**present_fault(count), "decisions": shown["data"], "next": shown["next"]}


def delete_fault(control: Control, name: str, identifier: str) -> None:
    """Disarm a fault; its decisions go with it.

    :raises NotFound: there is none of that id.
    """
    with control.changing(name) as world:
        if not world.faults.remove(numbered("fault", identifier)):
            raise NotFound("fault", identifier)


def clear_faults(control: Control, name: str) -> None:
    """Disarm every fault."""
    with control.changing(name) as world:
        world.faults.clear()


def _found(world: World, identifier: str) -> Count:
    seq = numbered("fault", identifier)
    for count in world.faults.counts():
        if count.armed.seq == seq:
            return count
    raise NotFound("fault", identifier)
