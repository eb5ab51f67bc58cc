"""The one pipeline every vendor request goes through, as plain synchronous code.

Route, tenant, faults, key, what fell due, idempotency, stub, operation, answer, journal: in this order, inside one unit
of work. A refused request leaves nothing behind but its journal entry and what faults decided about it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from mockserver.http.arrivals import ARRIVE, Arrival, held_up, repeats
from mockserver.http.endpoint import Api
from mockserver.http.exchange import Exchange, boundary_of
from mockserver.http.faulting import Struck
from mockserver.http.messages import Reply, Request, Stream
from mockserver.http.operations import Operations, remember, scope_of
from mockserver.http.purses import TOP_UP, Purses
from mockserver.http.router import Match, Router
from mockserver.http.striking import Striking, swallowed
from mockserver.http.tapes import Tape, Taping, played_elsewhere
from mockserver.kernel.call import Call
from mockserver.kernel.errors import MethodNotAllowed, MockError, Unauthenticated, UnknownRoute, UnknownWorld
from mockserver.kernel.faults import Purse
from mockserver.kernel.journal import Entry
from mockserver.kernel.tenancy import world_of
from mockserver.kernel.world import World, Worlds

log = logging.getLogger("mockserver")

# What only one run has does not get into the journal, so that two runs of one script write the same bytes.
_ORIGIN, _BOUNDARY = b"http://mockserver", b"boundary"


class Gateway:
    """Serves vendor requests against the worlds of one store.

    :param purses: prepaid balances, by vendor, which faults may look at and empty.
    """

    def __init__(self, worlds: Worlds, apis: Sequence[Api], purses: Mapping[str, Purse] | None = None) -> None:
        self.worlds = worlds
        self.store = worlds.store
        self.router = Router(apis)
        self._apis = tuple(apis)
        self._purses = Purses(purses or {})
        self._operations = Operations(worlds)
        self._striking = Striking(worlds, self._purses)
        self._taping = Taping(worlds.store, self.router, self._operations)
        self.tapes: dict[str, Tape] = {}
        """What answers in a world's place, by the world's name."""
        worlds.actions = {**worlds.actions, ARRIVE: self._arrive_late, TOP_UP: self._purses.top_up}

    def body_limit(self, path: str) -> int:
        """Return how many body bytes the vendor at a path takes."""
        api = self.router.owner(path)
        return api.max_body_bytes if api else 0

    def handle(self, request: Request, world: World | None = None) -> Reply:
        """Serve one request.

        What it wrote is not yet committed: the caller commits before it lets the answer out.

        :param world: whose it is, in place of the one its key names.
        """
        with self.store.work():
            return self._handle(request, world)

    def _handle(self, request: Request, given: World | None) -> Reply:
        request.path = _printable(request.path)
        match = self.router.find(request.method, request.path)
        error = match.error
        api = match.api
        world = self.worlds.nobody
        if given is not None:
            world = given
        elif api is not None:
            try:
                world = self._world(api, match, request)
            except Unauthenticated as refused:
                error = error or refused
        else:
            world = self._sender(request)
        call = self._call(world, request)
        entry = self._entry(match, call, request, error)
        struck: Struck | None = None
        exchange: Exchange | None = None
        if api is None:
            assert error is not None
            reply = played_elsewhere(self.tapes.get(world.name), request, entry) or _not_ours(error)
        else:
            exchange = Exchange(api, match, call, request, entry, error)
            if world.faults.armed:
                struck = self._striking.strike(exchange)
            reply = self._served(exchange) if struck is None else self._striking.suffer(struck, exchange, self._served)
        if reply.is_recorded:
            entry.reason = _joined(entry.reason, reply.note)
        elif error is not None:
            entry.reason = str(error)
            if isinstance(error, UnknownRoute):
                log.warning("%s", error)
            elif isinstance(error, MethodNotAllowed) and reply.status == 405:
                reply.headers.append((b"allow", ", ".join(error.allowed).encode()))
        entry.status = reply.status or None
        if reply.status >= 400:
            entry.retry_after = _retry_after(reply)
        if reply.stream is None:
            self._note(call, entry, reply.body, struck)
        else:
            assert exchange is not None
            reply.pieces = self._pieces(exchange, reply, reply.stream, struck)
            next(reply.pieces)  # inside its `try` from here on: closing it releases what is held, sent or not
            if struck is not None and struck.is_swallowed:
                reply = swallowed(struck, reply, entry)
        if struck is not None:
            reply.is_spoilt = True
            reply.delay_s += struck.wait_us / 1e6
            reply.unheard = partial(world.journal.unheard.add, call.seq)
            for arrival in repeats(struck, api.intake if api else None, request):
                self._arrive(world, arrival)
        if not reply.is_recorded:  # what was recorded brings its own, or has none
            reply.headers.append((b"x-request-id", call.request_id.encode()))
        return reply

    def _entry(self, match: Match, call: Call, request: Request, error: MockError | None) -> Entry:
        api, endpoint = match.api, match.endpoint
        operation = f"{api.name}.{endpoint.operation}" if api and endpoint and error is None else None
        entry = Entry(
            call.seq, call.now, api.name if api else "", operation, request.method, request.path,
            request.query.decode("latin-1"), None, call.request_id, call.client,
            headers=request.headers, request_body=request.body,
        )  # fmt: skip
        boundary = boundary_of(request)
        if boundary:
            neutral = request.headers[b"content-type"].replace(boundary, _BOUNDARY)
            entry.headers = {**request.headers, b"content-type": neutral}
            entry.request_body = request.body.replace(boundary, _BOUNDARY)
        return entry

    def _world(self, api: Api, match: Match, request: Request) -> World:
        """Return the world a request belongs to: its key's, or the one a signed address names.

        :raises Unauthenticated: it names none.
        """
        if match.endpoint is None or match.endpoint.key is None:
            header = request.headers.get(b"authorization")
            return self.worlds.admit(world_of(header, api.key_prefix, bare=api.bare_keys))
        name = match.endpoint.key(match.parameters)
        try:
            return self.worlds.get(name)
        except UnknownWorld:
            raise Unauthenticated("the address names no world") from None

    def _sender(self, request: Request) -> World:
        """Return the world whose client asked for a path that is no vendor's, as far as its key tells."""
        header = request.headers.get(b"authorization")
        for api in self._apis:
            try:
                return self.worlds.admit(world_of(header, api.key_prefix, bare=api.bare_keys))
            except Unauthenticated:
                continue
        return self.worlds.nobody

    def _call(self, world: World, request: Request) -> Call:
        headers = request.headers
        seq = world.journal.next_seq()
        key = headers.get(b"idempotency-key")
        return Call(
            world,
            world.clock.now(),
            seq,
            f"req_{world.draws.token('request', '', seq)}",
            headers.get(b"user-agent", b"").decode("latin-1"),
            request.origin,
            key.decode("latin-1") if key else None,
        )

    def _served(self, exchange: Exchange) -> Reply:
        """Return the answer: a recording's where one is played in this world, else the simulation's."""
        tape = self.tapes.get(exchange.call.world.name) if self.tapes else None
        return self._operations.run(exchange) if tape is None else self._taping.answer(tape, exchange)

    def _pieces(self, exchange: Exchange, reply: Reply, stream: Stream, struck: Struck | None) -> Iterator[bytes]:
        """Send a stream; what it costs is settled together with its journal entry, before its last piece."""
        api, call, entry = exchange.api, exchange.call, exchange.entry
        is_undone = struck is not None and struck.is_undone
        scope = scope_of(api, entry.method, entry.path)
        digest = call.world.in_flight.get((scope, call.idempotency_key or ""))
        kept = Reply(reply.status, headers=[*reply.headers])  # a replay has a request id of its own
        made: list[bytes] = []
        sent = made if struck is None else []
        reason: str | None = "the client left before the stream ended"
        is_whole = False
        try:
            yield b""  # to whoever made the generator
            for piece in stream.head if struck is None else struck.pieces(stream.head, made):
                sent.append(piece)
                yield piece
                if struck is not None and len(sent) == 1:
                    with self.store.work():
                        self._purses.exhaust(struck, api.name, call, "mid_stream")
            if struck is not None and struck.truncate_after is not None:
                reason, reply.fate = None, "cut"
                return
            with self.store.work():
                if call.world.is_gone:
                    return
                with self.store.atomic():
                    last = self._operations.settled_in_vain(stream, call) if is_undone else stream.settle()
                    made.append(last)
                    if digest is not None and not is_undone:
                        remember(call, scope, digest, kept, b"".join(made))
                    if struck is not None:
                        last = struck.piece(last, is_last=True)
                        sent.append(last)
                    is_seen = struck is None or not struck.is_swallowed
                    self._note(call, entry, b"".join(sent) if is_seen else b"", struck)
                is_whole = True
            reply.is_ending = True
            yield last
        except Exception:
            log.exception("%s %s failed", entry.method, entry.path)
            reason = "internal error, see the server's log"
            raise
        finally:
            with self.store.work():
                call.world.in_flight.pop((scope, call.idempotency_key or ""), None)
                if not is_whole:
                    stream.abandon()
                    if not call.world.is_gone:
                        entry.status = None
                        entry.reason = reason
                        call.cost_micro_usd = 0
                        self._note(call, entry, b"".join(sent), struck)
                    self.store.commit()

    def _note(self, call: Call, entry: Entry, body: bytes, struck: Struck | None = None) -> None:
        entry.cost_micro_usd = call.cost_micro_usd
        entry.duration_us = call.duration_us
        entry.idempotency = call.idempotency
        entry.fault = call.fault
        entry.stub = call.stub
        if struck is not None:
            entry.duration_us += struck.wait_us
            entry.reason = _joined(struck.reason, entry.reason)
        origin = call.origin.encode()
        entry.response_body = body.replace(origin, _ORIGIN) if origin and origin in body else body
        call.world.journal.write(entry)

    def _arrive_late(self, world: World, subject: str) -> None:
        self._arrive(world, held_up(subject))

    def _arrive(self, world: World, arrival: Arrival) -> None:
        """Serve a request that nobody waits for: its key was looked at when it was sent."""
        request = arrival.request
        match = self.router.find(request.method, request.path)
        if match.api is None:
            return
        call = self._call(world, request)
        call.request_id = arrival.request_id or call.request_id
        call.fault = arrival.fault
        entry = self._entry(match, call, request, match.error)
        reply = self._served(
            Exchange(match.api, match, call, request, entry, match.error, is_awaited=False, is_keyed=False)
        )
        entry.status = reply.status
        entry.reason = _joined(f"{arrival.fault}: {arrival.why}", entry.reason)
        self._note(call, entry, reply.body)


def _retry_after(reply: Reply) -> str | None:
    return next((value.decode("latin-1") for name, value in reply.headers if name == b"retry-after"), None)


def _joined(*reasons: str | None) -> str:
    return "; ".join(reason for reason in reasons if reason)


def _printable(text: str) -> str:
    """Return text that can be stored: bytes that were not UTF-8 become replacement characters."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def _not_ours(error: MockError) -> Reply:
    body = {"type": "about:blank", "title": "Not Found", "status": 404, "detail": str(error)}
    reply = Reply.json(body, 404)
    reply.headers = [(b"content-type", b"application/problem+json")]
    return reply
