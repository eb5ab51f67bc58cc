"""A world's stubs: place, list, show, take away."""

from __future__ import annotations

from typing import Any

from mockserver.control.control import Control
from mockserver.control.operations.pages import numbered, page
from mockserver.control.schemas import PageQuery
from mockserver.control.stubs import StubRequest, present_stub
from mockserver.kernel.errors import NotFound

_COUNTER = "stubs"


def list_stubs(control: Control, name: str, query: PageQuery) -> dict[str, Any]:
    """Return a world's stubs, in the order they were placed."""
    with control.reading(name) as world:
        later = [placed for placed in world.stubs.placed() if placed.seq > query.after]
        return page(later, query.limit, cursor=lambda placed: placed.seq, shape=present_stub)


def add_stub(control: Control, name: str, body: StubRequest) -> dict[str, Any]:
    """Place a stub."""
    with control.changing(name) as world:
        stub = body.to_stub([vendor.api for vendor in control.vendors])
        return present_stub(world.stubs.add(world.count(_COUNTER), stub))


def show_stub(control: Control, name: str, identifier: str) -> dict[str, Any]:
    """Return one stub.

    :raises NotFound: there is none of that id.
    """
    seq = numbered("stub", identifier)
    with control.reading(name) as world:
        for placed in world.stubs.placed():
            if placed.seq == seq:
                return present_stub(placed)
    raise NotFound("stub", identifier)


def delete_stub(control: Control, name: str, identifier: str) -> None:
    """Take a stub away.

    :raises NotFound: there is none of that id.
    """
    with control.changing(name) as world:
        if not world.stubs.remove(numbered("stub", identifier)):
            raise NotFound("stub", identifier)


def clear_stubs(control: Control, name: str) -> None:
    """Take every stub away."""
    with control.changing(name) as world:
        world.stubs.clear()
