"""What may answer in a world's place: a recording; and the simulation that goes along with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from mockserver.http.exchange import Exchange
from mockserver.http.faulting import in_pieces, is_event_stream
from mockserver.http.messages import Reply, Request, Stream
from mockserver.http.operations import Operations, remember, scope_of
from mockserver.http.router import Router
from mockserver.kernel.journal import Entry
from mockserver.kernel.store import Store


class Tape(Protocol):
    """Answers requests of one world from a recording; what it does not answer is simulated.

    :param is_carrying: whether what it answers happens in the simulation as well, so that what it does not answer
        finds the state that the recording had. Then every request is simulated, in the simulation's ids.
    """

    is_carrying: bool

    def play(self, request: Request) -> Reply | None:
        """Return the recorded answer, or the refusal of a request that was not recorded; `None` to simulate."""

    def ours(self, request: Request) -> Request:
        """Return a request in the simulation's ids; only asked where `is_carrying`."""

    def heard(self, request: Request, played: Reply | None, simulated: Reply) -> Reply:
        """Take note of what the simulation answered, with its whole body, and return what the client is to get.

        Only asked where `is_carrying`, and where `play` returned `None`.
        """


class Taping:
    """Lets tapes answer, and simulates what they leave to simulate."""

    def __init__(self, store: Store, router: Router, operations: Operations) -> None:
        self._store = store
        self._router = router
        self._operations = operations

    def answer(self, tape: Tape, exchange: Exchange) -> Reply:
        """Return the recorded answer, or the simulation's where there is none.

        A request that nobody waits for is not looked for in the recording.
        """
        if not exchange.is_awaited:
            return self._operations.run(self._ours(tape, exchange) if tape.is_carrying else exchange)
        entry = exchange.entry
        played = tape.play(exchange.request)
        if played is not None and exchange.match.endpoint is None:
            entry.operation = f"{exchange.api.name}.recorded"
        if not tape.is_carrying:
            return played or self._operations.run(exchange)
        ours = self._ours(tape, exchange)
        reply = self._operations.run(ours)
        if entry.reason is not None and played is not None:
            entry.reason = f"the simulation would refuse it: {entry.reason}"
        if reply.stream is not None:
            reply = self._ended(ours, reply, reply.stream)
        is_stream = is_event_stream(reply)
        reply = tape.heard(exchange.request, played, reply)
        return in_pieces(reply) if played is None and is_stream else reply

    def _ours(self, tape: Tape, exchange: Exchange) -> Exchange:
        """Return a request as the simulation is to have it.

        No key is asked for: what a client of a recording holds need not be one of ours.
        """
        request = tape.ours(exchange.request)
        match = self._router.find(request.method, request.path)
        return replace(
            exchange, api=match.api or exchange.api, match=match, request=request, error=match.error, is_keyed=False
        )

    def _ended(self, exchange: Exchange, reply: Reply, stream: Stream) -> Reply:
        """Return a stream as a whole, with all done that its end does."""
        call, is_undone = exchange.call, exchange.is_undone
        scope = scope_of(exchange.api, exchange.request.method, exchange.request.path)
        digest = call.world.in_flight.pop((scope, call.idempotency_key or ""), None)

        def settle() -> bytes:
            if is_undone:
                return self._operations.settled_in_vain(stream, call)
            with self._store.atomic():
                return stream.settle()

        kept = Reply(reply.status, headers=[*reply.headers])
        reply = _whole(reply, settle)
        if digest is not None and not is_undone:
            remember(call, scope, digest, kept, reply.body)
        return reply


def played_elsewhere(tape: Tape | None, request: Request, entry: Entry) -> Reply | None:
    """Return the recorded answer to a request that went to no vendor, as a whole; `None` when there is none."""
    reply = tape.play(request) if tape is not None else None
    if reply is None:
        return None
    entry.operation = "recorded"
    return reply if reply.stream is None else _whole(reply, reply.stream.settle)


def _whole(reply: Reply, settle: Callable[[], bytes]) -> Reply:
    """Return a stream as a whole.

    :param settle: does what its end does, and returns its last piece.
    """
    assert reply.stream is not None
    head = b"".join(reply.stream.head)
    return replace(reply, body=head + settle(), stream=None, pauses_s=())
