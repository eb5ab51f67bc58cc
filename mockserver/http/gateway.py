"""The one pipeline every vendor request goes through, as plain synchronous code.

Route, tenant, faults, key, what fell due, idempotency, stub, operation, answer, journal: in this order, inside one unit
of work. A refused request leaves nothing behind but its journal entry and what faults decided about it.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import cast

from mockserver.http import contract
from mockserver.http.endpoint import Api, Endpoint, Input, decode_headers, encode_headers, serve
from mockserver.http.facts import facts_of
from mockserver.http.faulting import Struck, can_suffer, events, is_event_stream, repeated
from mockserver.http.messages import Reply, Request, Stream
from mockserver.http.purses import TOP_UP, Purses
from mockserver.http.router import Match, Router
from mockserver.http.tapes import Tape
from mockserver.kernel.call import Call
from mockserver.kernel.errors import (
    BodyTooLarge,
    Conflict,
    IdempotencyMismatch,
    InvalidRequest,
    MethodNotAllowed,
    MockError,
    Problem,
    Unauthenticated,
    UnknownRoute,
    UnknownWorld,
)
from mockserver.kernel.faults import Purse
from mockserver.kernel.idempotency import REPLAY_SPAN
from mockserver.kernel.ids import fingerprint
from mockserver.kernel.journal import Entry, is_secret
from mockserver.kernel.matching import Facts
from mockserver.kernel.tenancy import world_of
from mockserver.kernel.windows import format_duration
from mockserver.kernel.world import World, Worlds

log = logging.getLogger("mockserver")

MAX_KEY_LENGTH = 255

# What only one run has does not get into the journal, so that two runs of one script write the same bytes.
_ORIGIN, _BOUNDARY = b"http://mockserver", b"boundary"

ARRIVE = "mockserver.arrive"
"""The scheduled action by which a request arrives that a fault held up on its way."""


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
        request.path = printable(request.path)
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
        if api is None:
            assert error is not None
            tape = self.tapes.get(world.name)
            played = tape.play(request) if tape is not None else None
            if played is not None:
                entry.operation = "recorded"
            reply = played or _not_ours(error)
            if reply.stream is not None:
                reply = _whole(reply, reply.stream.settle)
        else:
            if world.faults.armed:
                struck = self._strike(api, match, call, request)
            if struck is None:
                reply = self._served(api, match, call, request, entry, error)
            else:
                reply = self._suffered(struck, api, match, call, request, entry, error)
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
            assert api is not None
            reply.pieces = self._pieces(api, call, entry, reply, struck)
            next(reply.pieces)  # inside its `try` from here on: closing it releases what is held, sent or not
            if struck is not None and struck.is_swallowed:
                reply = _swallowed(struck, reply, entry)
        if struck is not None:
            reply.is_spoilt = True
            reply.delay_s += struck.wait_us / 1e6
            reply.unheard = partial(world.journal.unheard.add, call.seq)
            self._send_again(struck, match, call, request)
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
        boundary = _boundary(request)
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

    def _served(
        self,
        api: Api,
        match: Match,
        call: Call,
        request: Request,
        entry: Entry,
        error: MockError | None,
        *,
        is_undone: bool = False,
        is_awaited: bool = True,
    ) -> Reply:
        """Return the answer: a recording's where one is played in this world, else the simulation's.

        :param is_undone: nothing of what it does is kept.
        :param is_awaited: somebody waits for the answer, whose key may not do.
        """
        tape = self.tapes.get(call.world.name) if self.tapes else None
        if tape is not None:
            if is_awaited:
                return self._taped(tape, api, match, call, request, entry, error, is_undone=is_undone)
            if tape.is_carrying:
                request = tape.ours(request)
                match = self.router.find(request.method, request.path)
        return self._simulated(
            api, match, call, request, entry, error, is_undone=is_undone, is_awaited=is_awaited, is_keyed=is_awaited
        )

    def _taped(
        self,
        tape: Tape,
        api: Api,
        match: Match,
        call: Call,
        request: Request,
        entry: Entry,
        error: MockError | None,
        *,
        is_undone: bool,
    ) -> Reply:
        """Return the recorded answer, or the simulation's where there is none."""
        played = tape.play(request)
        if played is not None and match.endpoint is None:
            entry.operation = f"{api.name}.recorded"
        if not tape.is_carrying:
            return played or self._simulated(api, match, call, request, entry, error, is_undone=is_undone)
        ours = tape.ours(request)
        match = self.router.find(ours.method, ours.path)
        # No key is asked for: what a client of a recording holds need not be one of ours.
        reply = self._simulated(
            match.api or api, match, call, ours, entry, match.error, is_undone=is_undone, is_keyed=False
        )
        if entry.reason is not None and played is not None:
            entry.reason = f"the simulation would refuse it: {entry.reason}"
        if reply.stream is not None:
            reply = self._ended(api, call, ours, reply, reply.stream, is_undone=is_undone)
        is_stream = is_event_stream(reply)
        reply = tape.heard(request, played, reply)
        return _streamed_again(reply) if played is None and is_stream else reply

    def _ended(self, api: Api, call: Call, request: Request, reply: Reply, stream: Stream, *, is_undone: bool) -> Reply:
        """Return a stream as a whole, with all done that its end does."""
        scope = _scope(api, request.method, request.path)
        digest = call.world.in_flight.pop((scope, call.idempotency_key or ""), None)

        def settle() -> bytes:
            try:
                with self.store.atomic():
                    last = stream.settle()
                    if is_undone:
                        raise _Undone
            except _Undone:
                call.cost_micro_usd = 0
            return last

        kept = Reply(reply.status, headers=[*reply.headers])
        reply = _whole(reply, settle)
        if digest is not None and not is_undone:
            self._remember(call, scope, digest, kept, reply.body)
        return reply

    def _simulated(
        self,
        api: Api,
        match: Match,
        call: Call,
        request: Request,
        entry: Entry,
        error: MockError | None,
        *,
        is_undone: bool,
        is_awaited: bool = True,
        is_keyed: bool = True,
    ) -> Reply:
        """Run the operation, or render what stands in its way.

        :param is_keyed: whether its key is asked whether it may.
        """
        try:
            if error is not None:
                raise error
            assert match.endpoint is not None
            if is_keyed:
                api.admit(call, match.endpoint.operation, request.headers.get(b"authorization"))
            if len(request.body) > api.max_body_bytes:
                raise BodyTooLarge(api.max_body_bytes)
            if is_awaited:
                self.worlds.settle(call.world, call.now)
            return self._work(api, match, call, request, is_undone=is_undone)
        except MockError as refused:
            entry.reason = str(refused)
            call.cost_micro_usd, call.stub = 0, None
            reply = api.render(refused)
            api.refused(call, refused, reply.status)
            return reply
        except Exception:
            log.exception("%s %s failed", request.method, request.path)
            entry.reason = "internal error, see the server's log"
            call.cost_micro_usd, call.stub = 0, None
            return api.crash()

    def _work(self, api: Api, match: Match, call: Call, request: Request, *, is_undone: bool = False) -> Reply:
        """Run the operation, within what a refusal undoes."""
        endpoint = match.endpoint
        assert endpoint is not None
        try:
            with self.store.atomic():
                if endpoint.replayable and call.idempotency_key:
                    reply = self._once(endpoint, api, call, match.parameters, request)
                else:
                    reply = self._run(endpoint, api, call, match.parameters, request)
                if is_undone:
                    raise _Undone
        except _Undone:
            call.cost_micro_usd = 0
        return reply

    def _run(self, endpoint: Endpoint, api: Api, call: Call, parameters: tuple[str, ...], request: Request) -> Reply:
        if endpoint.stub is not None and call.world.stubs.stubs:
            facts = _facts(api, endpoint, parameters, request)
            found = call.world.stubs.find(f"{api.name}.{endpoint.operation}", facts)
            if found is not None:
                call.stub, answer = found
                call.answer = cast(Input, api.stub_model(endpoint).model_validate(answer)).to_domain()
        reply = serve(endpoint, api, call, parameters, request)
        return contract.drifted(reply, call, f"{api.name}.{endpoint.operation}") if call.world.drifts.all else reply

    def _once(self, endpoint: Endpoint, api: Api, call: Call, parameters: tuple[str, ...], request: Request) -> Reply:
        """Serve a request under its idempotency key: the first success is kept and given again."""
        key = call.idempotency_key
        assert key is not None
        if len(key) > MAX_KEY_LENGTH:
            raise InvalidRequest(
                Problem(("header", "Idempotency-Key"), f"at most {MAX_KEY_LENGTH} characters", "too_long")
            )
        scope = _scope(api, request.method, request.path)
        digest = fingerprint(_comparable(request))
        known = call.world.idempotency.find(scope, key, call.now)
        if known is not None:
            if known.fingerprint != digest:
                call.idempotency = "mismatch"
                raise IdempotencyMismatch(key)
            call.idempotency = "replayed"
            return api.replayed(Reply(known.status, known.body, decode_headers(known.headers)))
        if (scope, key) in call.world.in_flight:
            raise Conflict("a request with this idempotency key is still in progress", retry_after_s=1)
        call.idempotency = "first"
        reply = self._run(endpoint, api, call, parameters, request)
        if reply.stream is not None:
            call.world.in_flight[scope, key] = digest
        elif reply.status < 300:
            self._remember(call, scope, digest, reply, reply.body)
        return reply

    def _remember(self, call: Call, scope: str, digest: str, reply: Reply, body: bytes) -> None:
        assert call.idempotency_key is not None
        call.world.idempotency.remember(
            scope, call.idempotency_key, call.now, REPLAY_SPAN,
            fingerprint=digest, status=reply.status, headers=encode_headers(reply.headers), body=body,
        )  # fmt: skip

    def _pieces(self, api: Api, call: Call, entry: Entry, reply: Reply, struck: Struck | None) -> Iterator[bytes]:
        """Send a stream; what it costs is settled together with its journal entry, before its last piece."""
        stream = reply.stream
        assert stream is not None
        scope = _scope(api, entry.method, entry.path)
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
                    last = self._settled(stream, call, struck)
                    made.append(last)
                    if digest is not None and not (struck is not None and struck.is_undone):
                        self._remember(call, scope, digest, kept, b"".join(made))
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

    def _settled(self, stream: Stream, call: Call, struck: Struck | None) -> bytes:
        """Do what a finished stream does and return its last piece; if it is a false acknowledgement, nothing stays."""
        if struck is None or not struck.is_undone:
            return stream.settle()
        try:
            with self.store.atomic():
                last = stream.settle()
                raise _Undone
        except _Undone:
            call.cost_micro_usd = 0
        return last

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

    # Faults

    def _strike(self, api: Api, match: Match, call: Call, request: Request) -> Struck | None:
        """Let a world's faults decide about a request; `None` when none hits it."""
        world = call.world
        with suppress(Exception):  # the request itself will meet it again
            self.worlds.settle(world, call.now)
        facts = _facts(api, match.endpoint, match.parameters, request)
        hits = world.faults.strike(
            facts, call.now, call.seq, world.draws,
            lambda: self._purses.spent(world),
            lambda effect: can_suffer(effect, api, match.endpoint, facts, is_prepaid=self._purses.has(api.name)),
        )  # fmt: skip
        return Struck(hits, world.draws) if hits else None

    def _suffered(
        self,
        struck: Struck,
        api: Api,
        match: Match,
        call: Call,
        request: Request,
        entry: Entry,
        error: MockError | None,
    ) -> Reply:
        """Serve a request that faults have hit."""
        call.fault = struck.ids
        self._purses.exhaust(struck, api.name, call, "before")
        reply = struck.instead(api)
        if reply is None:
            call.delay_us = struck.delay_us
            if error is None and api.intake is not None:
                entry.request_body = request.body = struck.taken_in(request.body, api.intake, call.now)
            with self._purses.emptied(struck, api.name, call):
                is_undone = struck.is_undone or struck.late_us is not None
                reply = self._served(api, match, call, request, entry, error, is_undone=is_undone)
            if struck.late_us is not None and reply.status < 300:
                self._hold_up(struck, call, request)
        if reply.stream is None and struck.truncate_after is not None and is_event_stream(reply):
            reply = _streamed_again(reply)
        if reply.stream is None:
            struck.spoil(reply)
            if struck.is_lost and reply.fate == "sent":
                reply = Reply(0, fate="cut")
        return reply

    def _send_again(self, struck: Struck, match: Match, call: Call, request: Request) -> None:
        """Let an event arrive once more, as a request of its own."""
        intake = match.api.intake if match.api else None
        if intake is None or struck.final is not None:
            return
        for armed in struck.armed:
            how = armed.fault.effect.double
            if how is not None:
                again = replace(request, body=repeated(request.body, intake, how))
                self._arrive(call.world, match, again, armed.id, f"arrived again ({how})")

    def _hold_up(self, struck: Struck, call: Call, request: Request) -> None:
        """Let an event arrive later; how it is kept until then survives forks, snapshots and restarts."""
        assert struck.late_us is not None
        fault = next(armed.id for armed in struck.armed if armed.fault.effect.late_us is not None)
        told = {name.decode("latin-1"): value.decode("latin-1") for name, value in request.headers.items()}
        held = {
            "fault": fault,
            "why": f"arrived {format_duration(struck.late_us)} late",
            "request_id": call.request_id,
            "method": request.method,
            "path": request.path,
            "query": request.query.decode("latin-1"),
            "headers": {name: value for name, value in told.items() if not is_secret(name.encode("latin-1"))},
            "body": request.body.decode("latin-1"),
        }
        call.world.schedule.add(call.now + struck.late_us, ARRIVE, json.dumps(held))

    def _arrive_late(self, world: World, subject: str) -> None:
        held = json.loads(subject)
        headers = {name.encode("latin-1"): value.encode("latin-1") for name, value in held["headers"].items()}
        request = Request(
            held["method"], held["path"], held["query"].encode("latin-1"), headers, held["body"].encode("latin-1")
        )
        match = self.router.find(request.method, request.path)
        self._arrive(world, match, request, held["fault"], held["why"], held["request_id"])

    def _arrive(
        self, world: World, match: Match, request: Request, fault: str, why: str, request_id: str | None = None
    ) -> None:
        """Serve a request that nobody waits for: its key was looked at when it was sent."""
        if match.api is None:
            return
        call = self._call(world, request)
        call.request_id = request_id or call.request_id
        call.fault = fault
        entry = self._entry(match, call, request, match.error)
        reply = self._served(match.api, match, call, request, entry, match.error, is_awaited=False)
        entry.status = reply.status
        entry.reason = _joined(f"{fault}: {why}", entry.reason)
        self._note(call, entry, reply.body)


class _Undone(Exception):
    """Undoes what a block wrote although nothing went wrong."""


def _facts(api: Api, endpoint: Endpoint | None, parameters: tuple[str, ...], request: Request) -> Facts:
    return facts_of(
        api, endpoint, parameters,
        method=request.method, path=request.path, headers=request.headers, body=request.body, query=request.query,
    )  # fmt: skip


def _retry_after(reply: Reply) -> str | None:
    return next((value.decode("latin-1") for name, value in reply.headers if name == b"retry-after"), None)


def _joined(*reasons: str | None) -> str:
    return "; ".join(reason for reason in reasons if reason)


def _swallowed(struck: Struck, reply: Reply, entry: Entry) -> Reply:
    """Run a stream that nobody gets to see."""
    assert reply.pieces is not None
    if struck.is_lost:
        entry.status = None
    for _ in reply.pieces:
        pass
    if struck.is_lost or reply.fate == "cut":
        return Reply(0, fate="cut")
    return Reply(reply.status, headers=reply.headers)


def _streamed_again(reply: Reply) -> Reply:
    """Return a stream that is there as a whole, because it is a replay, as one that is sent piece by piece."""
    *head, last = events(reply.body) or [b""]
    return replace(reply, body=b"", stream=Stream(iter(head), lambda: last, lambda: None))


def _whole(reply: Reply, settle: Callable[[], bytes]) -> Reply:
    """Return a stream as a whole.

    :param settle: does what its end does, and returns its last piece.
    """
    assert reply.stream is not None
    head = b"".join(reply.stream.head)
    return replace(reply, body=head + settle(), stream=None, pauses_s=())


def _scope(api: Api, method: str, path: str) -> str:
    """Return what an idempotency key counts within: the operation's path, however it was addressed."""
    return f"{method} {path.removeprefix(api.mount)}"


def _comparable(request: Request) -> bytes:
    """Return the part of a body that makes two requests the same; a multipart boundary is not."""
    boundary = _boundary(request)
    return request.body.replace(boundary, b"") if boundary else request.body


def _boundary(request: Request) -> bytes:
    """Return what separates the parts of a form, which clients draw anew for each; nothing for other bodies."""
    content_type = request.headers.get(b"content-type", b"")
    if b"boundary=" not in content_type:
        return b""
    _, _, rest = content_type.partition(b"boundary=")
    return rest.partition(b";")[0].strip(b' "')


def printable(text: str) -> str:
    """Return text that can be stored: bytes that were not UTF-8 become replacement characters."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def _not_ours(error: MockError) -> Reply:
    body = {"type": "about:blank", "title": "Not Found", "status": 404, "detail": str(error)}
    reply = Reply.json(body, 404)
    reply.headers = [(b"content-type", b"application/problem+json")]
    return reply
