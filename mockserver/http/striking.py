"""Faults at work: which of them hit a request, and its way through them. What they do to bytes is `faulting`'s."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from mockserver.http.arrivals import hold_up
from mockserver.http.exchange import Exchange
from mockserver.http.faulting import Struck, can_suffer, in_pieces, is_event_stream
from mockserver.http.messages import Reply
from mockserver.http.purses import Purses
from mockserver.kernel.journal import Entry
from mockserver.kernel.world import Worlds


class Striking:
    """Lets the faults of worlds hit requests.

    :param purses: what they may look at and empty.
    """

    def __init__(self, worlds: Worlds, purses: Purses) -> None:
        self._worlds = worlds
        self._purses = purses

    def strike(self, exchange: Exchange) -> Struck | None:
        """Let a world's faults decide about a request; `None` when none hits it."""
        api, call, endpoint = exchange.api, exchange.call, exchange.match.endpoint
        world = call.world
        with suppress(Exception):  # the request itself will meet it again
            self._worlds.settle(world, call.now)
        facts = exchange.facts()
        hits = world.faults.strike(
            facts, call.now, call.seq, world.draws,
            lambda: self._purses.spent(world),
            lambda effect: can_suffer(effect, api, endpoint, facts, is_prepaid=self._purses.has(api.name)),
        )  # fmt: skip
        return Struck(hits, world.draws) if hits else None

    def suffer(self, struck: Struck, exchange: Exchange, serve: Callable[[Exchange], Reply]) -> Reply:
        """Return the answer to a request that faults have hit, spoilt unless it is a stream, which is yet to be sent.

        :param serve: answers it where they leave it to be served.
        """
        api, call, request = exchange.api, exchange.call, exchange.request
        call.fault = struck.ids
        self._purses.exhaust(struck, api.name, call, "before")
        reply = struck.instead(api)
        if reply is None:
            call.delay_us = struck.delay_us
            if exchange.error is None and api.intake is not None:
                exchange.entry.request_body = request.body = struck.taken_in(request.body, api.intake, call.now)
            with self._purses.emptied(struck, api.name, call):
                exchange.is_undone = struck.is_undone or struck.late_us is not None
                reply = serve(exchange)
            if struck.late_us is not None and reply.status < 300:
                hold_up(struck, call, request)
        if reply.stream is None and struck.truncate_after is not None and is_event_stream(reply):
            reply = in_pieces(reply)
        if reply.stream is None:
            struck.spoil(reply)
            if struck.is_lost and reply.fate == "sent":
                reply = Reply(0, fate="cut")
        return reply


def swallowed(struck: Struck, reply: Reply, entry: Entry) -> Reply:
    """Run a stream that nobody gets to see, and return what is seen in its place."""
    assert reply.pieces is not None
    if struck.is_lost:
        entry.status = None
    for _ in reply.pieces:
        pass
    if struck.is_lost or reply.fate == "cut":
        return Reply(0, fate="cut")
    return Reply(reply.status, headers=reply.headers)
