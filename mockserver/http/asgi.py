"""The gateway as an ASGI application: bodies in, answers out, commits shared by whoever waits.

Handlers never wait, so they run on the event loop; a thread hop would cost more than the work. Requests that
arrive within one turn of the loop are served together, committed together, and only then answered.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from mockserver.http.gateway import Gateway
from mockserver.http.messages import Reply, Request

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send


class Batch:
    """Serves requests that arrive within one turn of the loop one right after the other, with one commit for all.

    Handlers that run back to back find their code and data still in the processor's caches, which is worth more
    than the turn of the loop that a lone request waits.
    """

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._waiting: list[tuple[Request | None, asyncio.Future[Reply | None]]] = []
        self._loop: asyncio.AbstractEventLoop | None = None

    async def serve(self, request: Request) -> Reply:
        """Return the answer to a request, once everything it wrote is durable."""
        reply = await self._join(request)
        assert reply is not None
        return reply

    async def committed(self) -> None:
        """Return once everything written so far is durable."""
        await self._join(None)

    async def _join(self, request: Request | None) -> Reply | None:
        loop = asyncio.get_running_loop()
        if self._waiting and self._loop is not loop:  # a batch belongs to one thread's loop
            reply = None if request is None else self._gateway.handle(request)
            self._gateway.store.commit()
            return reply
        future: asyncio.Future[Reply | None] = loop.create_future()
        if not self._waiting:
            self._loop = loop
            loop.call_soon(self._run)
        self._waiting.append((request, future))
        return await future

    def _run(self) -> None:
        waiting, self._waiting = self._waiting, []
        answered: list[tuple[asyncio.Future[Reply | None], Reply | None]] = []
        for request, future in waiting:
            if future.done():
                continue  # the client left before its turn came
            try:
                answered.append((future, None if request is None else self._gateway.handle(request)))
            except Exception as error:
                future.set_exception(error)
        try:
            self._gateway.store.commit()
        except Exception as error:
            for future, _ in answered:
                future.set_exception(error)
        else:
            for future, reply in answered:
                future.set_result(reply)


class VendorApp:
    """ASGI application that serves every vendor."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self._batch = Batch(gateway)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one HTTP request."""
        path: str = scope["path"]
        body = await self._read(receive, path)
        if body is None:
            return
        headers = dict(scope["headers"])
        host = headers.get(b"host", b"").decode("latin-1")
        request = Request(
            scope["method"], path, scope["query_string"], headers, body, f"{scope.get('scheme', 'http')}://{host}"
        )
        reply = await self._batch.serve(request)
        if reply.pieces is None:
            length = b"%d" % len(reply.body)
            await send(_start(reply, [(b"content-length", length)] if reply.status != 204 else []))
            await send({"type": "http.response.body", "body": reply.body})
        else:
            await self._stream(reply, receive, send)

    async def _read(self, receive: Receive, path: str) -> bytes | None:
        """Return the body, `None` if the client left.

        A body in several pieces is cut one byte past what the vendor takes; whatever follows is read and dropped.
        """
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        first: bytes = message.get("body", b"")
        if not message.get("more_body", False):
            return first
        limit = self.gateway.body_limit(path)
        chunks = [first]
        size = len(first)
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            chunk: bytes = message.get("body", b"")
            if size <= limit:
                chunks.append(chunk)
            size += len(chunk)
            if not message.get("more_body", False):
                return b"".join(chunks)[: limit + 1]

    async def _stream(self, reply: Reply, receive: Receive, send: Send) -> None:
        pieces = reply.pieces
        assert pieces is not None
        leaving = asyncio.ensure_future(_disconnect(receive))
        try:
            await send(_start(reply, []))
            for piece in pieces:
                if self.gateway.store.is_pending:
                    await self._batch.committed()
                await send({"type": "http.response.body", "body": piece, "more_body": not reply.is_ending})
                await asyncio.sleep(0)
                if leaving.done():
                    return
            if not reply.is_ending:  # its world is gone
                await send({"type": "http.response.body", "body": b""})
        finally:
            leaving.cancel()
            pieces.close()  # type: ignore[attr-defined]  # it is a generator: its `finally` releases what was held


def _start(reply: Reply, extra: list[tuple[bytes, bytes]]) -> dict[str, Any]:
    return {"type": "http.response.start", "status": reply.status, "headers": [*reply.headers, *extra]}


async def _disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
