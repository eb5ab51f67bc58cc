"""Running a vendor's operation: key, what fell due, idempotency, stub, operation; all that it writes, or nothing."""

from __future__ import annotations

import logging
from typing import cast

from mockserver.http import contract
from mockserver.http.endpoint import Api, Endpoint, Input, decode_headers, encode_headers, serve
from mockserver.http.exchange import Exchange, boundary_of
from mockserver.http.messages import Reply, Request, Stream
from mockserver.kernel.call import Call
from mockserver.kernel.errors import (
    BodyTooLarge,
    Conflict,
    IdempotencyMismatch,
    InvalidRequest,
    MockError,
    Problem,
)
from mockserver.kernel.idempotency import REPLAY_SPAN
from mockserver.kernel.ids import fingerprint
from mockserver.kernel.world import Worlds

log = logging.getLogger("mockserver")

MAX_KEY_LENGTH = 255


class Operations:
    """Runs operations against the worlds of one store."""

    def __init__(self, worlds: Worlds) -> None:
        self._worlds = worlds
        self._store = worlds.store

    def run(self, exchange: Exchange) -> Reply:
        """Run the operation, or render what stands in its way."""
        api, call, request = exchange.api, exchange.call, exchange.request
        try:
            if exchange.error is not None:
                raise exchange.error
            endpoint = exchange.match.endpoint
            assert endpoint is not None
            if exchange.is_keyed:
                api.admit(call, endpoint.operation, request.headers.get(b"authorization"))
            if len(request.body) > api.max_body_bytes:
                raise BodyTooLarge(api.max_body_bytes)
            if exchange.is_awaited:
                self._worlds.settle(call.world, call.now)
            return self._work(exchange, endpoint)
        except MockError as refused:
            exchange.entry.reason = str(refused)
            call.cost_micro_usd, call.stub = 0, None
            reply = api.render(refused)
            api.refused(call, refused, reply.status)
            return reply
        except Exception:
            log.exception("%s %s failed", request.method, request.path)
            exchange.entry.reason = "internal error, see the server's log"
            call.cost_micro_usd, call.stub = 0, None
            return api.crash()

    def settled_in_vain(self, stream: Stream, call: Call) -> bytes:
        """Do what a finished stream does and return its last piece; nothing of it stays."""
        try:
            with self._store.atomic():
                last = stream.settle()
                raise _Undone
        except _Undone:
            call.cost_micro_usd = 0
        return last

    def _work(self, exchange: Exchange, endpoint: Endpoint) -> Reply:
        """Run the operation, within what a refusal undoes."""
        try:
            with self._store.atomic():
                if endpoint.replayable and exchange.call.idempotency_key:
                    reply = self._once(exchange, endpoint, exchange.call.idempotency_key)
                else:
                    reply = self._run(exchange, endpoint)
                if exchange.is_undone:
                    raise _Undone
        except _Undone:
            exchange.call.cost_micro_usd = 0
        return reply

    def _once(self, exchange: Exchange, endpoint: Endpoint, key: str) -> Reply:
        """Serve a request under its idempotency key: the first success is kept and given again."""
        api, call, request = exchange.api, exchange.call, exchange.request
        if len(key) > MAX_KEY_LENGTH:
            raise InvalidRequest(
                Problem(("header", "Idempotency-Key"), f"at most {MAX_KEY_LENGTH} characters", "too_long")
            )
        scope = scope_of(api, request.method, request.path)
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
        reply = self._run(exchange, endpoint)
        if reply.stream is not None:
            call.world.in_flight[scope, key] = digest
        elif reply.status < 300:
            remember(call, scope, digest, reply, reply.body)
        return reply

    def _run(self, exchange: Exchange, endpoint: Endpoint) -> Reply:
        api, call = exchange.api, exchange.call
        if endpoint.stub is not None and call.world.stubs.stubs:
            found = call.world.stubs.find(f"{api.name}.{endpoint.operation}", exchange.facts())
            if found is not None:
                call.stub, answer = found
                call.answer = cast(Input, api.stub_model(endpoint).model_validate(answer)).to_domain()
        reply = serve(endpoint, api, call, exchange.match.parameters, exchange.request)
        return contract.drifted(reply, call, f"{api.name}.{endpoint.operation}") if call.world.drifts.all else reply


class _Undone(Exception):
    """Undoes what a block wrote although nothing went wrong."""


def scope_of(api: Api, method: str, path: str) -> str:
    """Return what an idempotency key counts within: the operation's path, however it was addressed."""
    return f"{method} {path.removeprefix(api.mount)}"


def remember(call: Call, scope: str, digest: str, reply: Reply, body: bytes) -> None:
    """Keep the answer to a request with an idempotency key, to give it again.

    :param digest: of the request, so that another one under the same key is told from it.
    :param body: the answer's, whole; `reply` need not have it.
    """
    assert call.idempotency_key is not None
    call.world.idempotency.remember(
        scope, call.idempotency_key, call.now, REPLAY_SPAN,
        fingerprint=digest, status=reply.status, headers=encode_headers(reply.headers), body=body,
    )  # fmt: skip


def _comparable(request: Request) -> bytes:
    """Return the part of a body that makes two requests the same; a multipart boundary is not."""
    boundary = boundary_of(request)
    return request.body.replace(boundary, b"") if boundary else request.body
