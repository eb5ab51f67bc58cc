"""A world's live stream: what happens in it as server-sent events, for as long as somebody listens.

Requests are events with an id, from which a listener that was cut off goes on without loss. Everything else is told as
it now stands, whenever that changes. Nothing is held between two readings: no transaction, no rows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Self

from pydantic import ConfigDict, Field
from pydantic_core import to_json
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from mockserver.control.control import Control
from mockserver.control.operations.clock import clock_view
from mockserver.control.operations.credits import credits_view
from mockserver.control.operations.journal import head_view
from mockserver.http.endpoint import WireModel
from mockserver.kernel.errors import UnknownWorld
from mockserver.kernel.journal import Entry
from mockserver.kernel.world import World

HEARTBEAT_S = 15
"""After so long without news a comment is sent: proxies keep the connection, and who has gone is noticed."""

# Many small commits make one reading; also those that are about other worlds.
_PAUSE_S = 0.05
_AT_ONCE = 100
# Requests in flight that a place remembers; of more, the newest.
_MAX_MISSING = 500

PLACE = r"[0-9]{1,18}(-[0-9]{1,18}){0,500}(@[0-9]{1,18})?"


class StreamQuery(WireModel):
    """From where on to listen, and for how long."""

    model_config = ConfigDict(extra="forbid")

    after: str | None = Field(
        None,
        pattern=f"^{PLACE}$",
        description="The id of an event, or a request's `seq`: all that is remembered after it comes first. Without it,"
        " only what happens from now on.",
    )
    follow: bool = Field(
        True, description="Whether to go on for as long as the client does, or end with what there is."
    )


class StreamHeaders(WireModel):
    """What a client sends that was cut off."""

    last_event_id: str | None = Field(None, alias="last-event-id", pattern=f"^{PLACE}$")


@dataclass(frozen=True, slots=True)
class Place:
    """How far somebody has read: all requests up to `seq` but those `missing`, which were still in flight.

    :param life: which life of the world it is about (`World.born`); `None` for whichever there is.
    """

    seq: int
    missing: tuple[int, ...] = ()
    life: int | None = None

    @classmethod
    def read(cls, text: str) -> Self:
        """Undo `str`."""
        numbers, _, life = text.partition("@")
        seq, *missing = map(int, numbers.split("-"))
        return cls(seq, tuple(missing), int(life) if life else None)

    def __str__(self) -> str:
        return "-".join(map(str, (self.seq, *self.missing))) + ("" if self.life is None else f"@{self.life}")

    def past(self, seq: int, in_flight: Collection[int]) -> Place:
        """Return the place after one more request was read.

        :param in_flight: requests that had not ended by then.
        """
        if seq <= self.seq:
            return self.without(seq)
        missing = (*self.missing, *sorted(each for each in in_flight if self.seq < each < seq))
        return Place(seq, missing[-_MAX_MISSING:], self.life)

    def without(self, seq: int) -> Place:
        """Return the place of somebody who waits no more for a request."""
        return Place(self.seq, tuple(each for each in self.missing if each != seq), self.life)


def here(world: World) -> Place:
    """Return the place of somebody who has seen all of a world's requests up to now."""
    return Place(0, (), world.born).past(world.journal.newest, world.journal.unwritten)


class Feed:
    """What one listener has not been told yet."""

    def __init__(self, control: Control, world: World, place: Place | None) -> None:
        self._control = control
        self._world = world
        self._is_new = place is not None and not self._is_of_this_life(place)
        place = Place(0) if self._is_new else place or here(world)
        self._place = Place(place.seq, place.missing, world.born)
        self._told: dict[str, Any] = {}
        self.is_behind = False
        """Whether there was more to tell than is told at once."""

    def _is_of_this_life(self, place: Place) -> bool:
        """Return whether a place is one in the world as it now is, not in one that was deleted or put back."""
        if place.life is None or place.life == self._world.born:
            return True
        return place.life < self._control.worlds.born and place.seq <= self._world.journal.newest

    def opening(self) -> bytes:
        """Return what a listener is told first: where it is, and that it has to forget what it saw, if so."""
        return _event("reset", {}, self._place) if self._is_new else b"id: %b\n\n" % str(self._place).encode()

    @property
    def is_over(self) -> bool:
        """Whether there will never be any more."""
        return self._world.is_gone

    def closing(self) -> bytes:
        """Return what a listener is told last."""
        try:
            with self._control.store.committed():
                self._control.worlds.get(self._world.name)
        except UnknownWorld:
            return _event("end", {"reason": "deleted"})
        return _event("end", {"reason": "replaced"})

    def news(self) -> bytes:
        """Return the events since the last time, a bounded number; nothing when there are none."""
        with self._control.store.committed():
            if self._world.is_gone:
                return b""
            entries = self._entries()
            in_flight = [*self._world.journal.unwritten]
            now = self._state()
        self.is_behind = len(entries) >= _AT_ONCE
        pieces = []
        for entry in entries:
            self._place = self._place.past(entry.seq, in_flight)
            pieces.append(_event("request", head_view(entry), self._place))
        for name, (mark, data) in now.items():
            if self._told.get(name) != mark:
                self._told[name] = mark
                pieces.append(_event(name, data))
        return b"".join(pieces)

    def _entries(self) -> list[Entry]:
        journal = self._world.journal
        late = []
        for seq in self._place.missing:
            if seq in journal.unwritten:
                continue
            found = journal.read(after=seq - 1, limit=1)
            if found and found[0].seq == seq:
                late.append(found[0])
            else:  # the process it was in flight in is gone
                self._place = self._place.without(seq)
        return late + journal.read(after=self._place.seq, limit=_AT_ONCE)

    def _state(self) -> dict[str, tuple[Any, Mapping[str, Any]]]:
        """Return what is told as it stands: by event, what tells it from before, and the data."""
        world = self._world
        counts = [{"id": armed.id, "matched": matched, "hits": hits} for armed, matched, hits in world.faults.counts()]
        state: dict[str, tuple[Any, Mapping[str, Any]]] = {"clock": (world.clock.state, clock_view(world))}
        for vendor in self._control.vendors:
            if vendor.account is not None:
                balance = vendor.account.balance(world)
                state["credits"] = (balance, credits_view(balance))
        state["faults"] = (counts, {"data": counts})
        if self._control.stage is not None:
            played = self._control.stage.playing(world)
            if played["name"] is not None:
                # How far it is, is news only with what happens on the way.
                state["scenario"] = ({**played, "position": None}, played)
        return state


def _event(name: str, data: Mapping[str, Any], place: Place | None = None) -> bytes:
    number = b"" if place is None else b"id: %b\n" % str(place).encode()
    return b"%bevent: %b\ndata: %b\n\n" % (number, name.encode(), to_json(data))


class Listener:
    """One connection's ear: told of commits by whichever thread made them, heard on its own loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._event = asyncio.Event()
        self._is_stirred = False
        self.is_over = False

    def stir(self) -> None:
        """Something was committed."""
        if not self._is_stirred:
            self._is_stirred = True
            self._wake()

    def leave(self) -> None:
        """End the stream: its client has left, or the server is to stop."""
        self.is_over = True
        self._wake()

    def _wake(self) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._event.set)

    def attend(self) -> None:
        """From here on, listen for what is new."""
        self._event.clear()
        self._is_stirred = False

    async def heard(self) -> bool:
        """Return once there may be something new, or false when there was nothing for long."""
        try:
            async with asyncio.timeout(HEARTBEAT_S):
                await self._event.wait()
        except TimeoutError:
            return False
        return True


class Live(Response):
    """The answer that goes on for as long as its client listens and its world is there."""

    media_type = "text/event-stream"

    def __init__(self, control: Control, feed: Feed, *, follow: bool) -> None:
        super().__init__(headers={"cache-control": "no-store", "x-accel-buffering": "no"})
        self._store = control.store
        self._feed = feed
        self._follow = follow
        del self.headers["content-length"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one listener."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        if scope["method"] != "HEAD":
            listener = Listener()
            self._store.watch(listener)
            leaving = asyncio.ensure_future(_gone(receive, listener))
            try:
                await self._tell(listener, send)
            finally:
                leaving.cancel()
                self._store.unwatch(listener)
        await send({"type": "http.response.body", "body": b""})

    async def _tell(self, listener: Listener, send: Send) -> None:
        async def say(text: bytes) -> None:
            await send({"type": "http.response.body", "body": text, "more_body": True})

        await say(self._feed.opening())
        while not listener.is_over:
            listener.attend()
            news = self._feed.news()
            if news:
                await say(news)
            elif self._feed.is_over:
                await say(self._feed.closing())
                return
            elif not self._follow:
                return
            if not self._feed.is_behind:
                await asyncio.sleep(_PAUSE_S)
            if not (news or await listener.heard()):
                await say(b": nothing new\n\n")


async def _gone(receive: Receive, listener: Listener) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    listener.leave()
