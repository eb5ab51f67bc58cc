"""Listening to a world."""

from __future__ import annotations

from mockserver.control.control import Control
from mockserver.control.stream import Feed, Live, Place, StreamHeaders, StreamQuery


def listen(control: Control, name: str, query: StreamQuery, headers: StreamHeaders) -> Live:
    """Return a stream of what happens in a world.

    Who goes on from somewhere must find the world there: a page left open makes no deleted world anew.
    """
    after = headers.last_event_id or query.after
    with control.admitted(name) if after is None else control.existing(name) as world:
        feed = Feed(control, world, None if after is None else Place.read(after))
    return Live(control, feed, follow=query.follow)
