"""The one pipeline every vendor request goes through, as plain synchronous code.

Route, tenant, key, what fell due, idempotency, operation, answer, journal: in this order, inside one unit of
work. A refused request leaves nothing behind but its journal entry.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence

from mockserver.http.endpoint import Api, Endpoint, decode_headers, encode_headers, serve
from mockserver.http.messages import Reply, Request
from mockserver.http.router import Match, Router
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
from mockserver.kernel.ids import fingerprint
from mockserver.kernel.journal import Entry
from mockserver.kernel.tenancy import world_of
from mockserver.kernel.windows import DAY
from mockserver.kernel.world import World, Worlds

log = logging.getLogger("mockserver")

REPLAY_SPAN = DAY
MAX_KEY_LENGTH = 255


class Gateway:
    """Serves vendor requests against the worlds of one store."""

    def __init__(self, worlds: Worlds, apis: Sequence[Api]) -> None:
        self.worlds = worlds
        self.store = worlds.store
        self.router = Router(apis)

    def body_limit(self, path: str) -> int:
        """Return how many body bytes the vendor at a path takes."""
        api = self.router.owner(path)
        return api.max_body_bytes if api else 0

    def handle(self, request: Request) -> Reply:
        """Serve one request.

        What it wrote is not yet committed: the caller commits before it lets the answer out.
        """
        with self.store.work():
            return self._handle(request)

    def _handle(self, request: Request) -> Reply:
        request.path = printable(request.path)
        match = self.router.find(request.method, request.path)
        error = match.error
        api = match.api
        world = self.worlds.nobody
        if api is not None:
            try:
                world = self._world(api, match, request)
            except Unauthenticated as refused:
                error = error or refused
        call = self._call(world, request)
        entry = Entry(
            call.seq, call.now, api.name if api else "", None, request.method, request.path,
            request.query.decode("latin-1"), None, call.request_id, call.client,
            headers=request.headers, request_body=request.body,
        )  # fmt: skip
        if api is None:
            assert error is not None
            reply = _not_ours(error)
        else:
            reply = self._answer(api, match, call, request, entry, error)
        if error is not None:
            entry.reason = str(error)
            if isinstance(error, UnknownRoute):
                log.warning("%s", error)
            elif isinstance(error, MethodNotAllowed):
                reply.headers.append((b"allow", ", ".join(error.allowed).encode()))
        entry.status = reply.status
        if reply.stream is None:
            self._note(call, entry, reply.body)
        else:
            assert api is not None
            reply.pieces = self._pieces(api, call, entry, reply)
            next(reply.pieces)  # inside its `try` from here on: closing it releases what is held, sent or not
        reply.headers.append((b"x-request-id", call.request_id.encode()))
        return reply

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

    def _answer(
        self, api: Api, match: Match, call: Call, request: Request, entry: Entry, error: MockError | None
    ) -> Reply:
        """Run the operation, or render what stands in its way."""
        try:
            if error is not None:
                raise error
            assert match.endpoint is not None
            entry.operation = f"{api.name}.{match.endpoint.operation}"
            api.admit(call, match.endpoint.operation, request.headers.get(b"authorization"))
            if len(request.body) > api.max_body_bytes:
                raise BodyTooLarge(api.max_body_bytes)
            self.worlds.settle(call.world, call.now)
            with self.store.atomic():
                if match.endpoint.replayable and call.idempotency_key:
                    return self._once(match.endpoint, api, call, match.parameters, request)
                return serve(match.endpoint, api, call, match.parameters, request)
        except MockError as refused:
            entry.reason = str(refused)
            call.cost_micro_usd = 0
            reply = api.render(refused)
            api.refused(call, refused, reply.status)
            return reply
        except Exception:
            log.exception("%s %s failed", request.method, request.path)
            entry.reason = "internal error, see the server's log"
            call.cost_micro_usd = 0
            return api.crash()

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
        reply = serve(endpoint, api, call, parameters, request)
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

    def _pieces(self, api: Api, call: Call, entry: Entry, reply: Reply) -> Iterator[bytes]:
        """Send a stream; what it costs is settled together with its journal entry, before its last piece."""
        stream = reply.stream
        assert stream is not None
        scope = _scope(api, entry.method, entry.path)
        digest = call.world.in_flight.get((scope, call.idempotency_key or ""))
        kept = Reply(reply.status, headers=[*reply.headers])  # a replay has a request id of its own
        sent: list[bytes] = []
        reason = "the client left before the stream ended"
        is_whole = False
        try:
            yield b""  # to whoever made the generator
            for piece in stream.head:
                sent.append(piece)
                yield piece
            with self.store.work():
                if call.world.is_gone:
                    return
                with self.store.atomic():
                    last = stream.settle()
                    sent.append(last)
                    body = b"".join(sent)
                    if digest is not None:
                        self._remember(call, scope, digest, kept, body)
                    self._note(call, entry, body)
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
                        self._note(call, entry, b"".join(sent))
                    self.store.commit()

    def _note(self, call: Call, entry: Entry, body: bytes) -> None:
        entry.cost_micro_usd = call.cost_micro_usd
        entry.duration_us = call.duration_us
        entry.idempotency = call.idempotency
        entry.fault = call.fault
        entry.stub = call.stub
        entry.response_body = body
        call.world.journal.write(entry)


def _scope(api: Api, method: str, path: str) -> str:
    """Return what an idempotency key counts within: the operation's path, however it was addressed."""
    return f"{method} {path.removeprefix(api.mount)}"


def _comparable(request: Request) -> bytes:
    """Return the part of a body that makes two requests the same; a multipart boundary is not."""
    content_type = request.headers.get(b"content-type", b"")
    _, found, boundary = content_type.partition(b"boundary=")
    return request.body.replace(boundary.strip(b'"'), b"") if found else request.body


def printable(text: str) -> str:
    """Return text that can be stored: bytes that were not UTF-8 become replacement characters."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def _not_ours(error: MockError) -> Reply:
    body = {"type": "about:blank", "title": "Not Found", "status": 404, "detail": str(error)}
    reply = Reply.json(body, 404)
    reply.headers = [(b"content-type", b"application/problem+json")]
    return reply
