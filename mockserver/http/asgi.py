"""The gateway, or what else answers, as an ASGI application: bodies in, answers out, commits shared by who waits.

Handlers never wait, so they run on the event loop; a thread hop would cost more than the work. Requests that
arrive within one turn of the loop are served together, committed together, and only then answered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from mockserver.http.handler import Handler
from mockserver.http.messages import Reply, Request

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send


_FLUSH_S = 0.02
"""How long a server may take to hand what it was given to the connection: one of them does it in another thread."""

_NOTICED_S = 1.0
"""How long a server may take to notice that a connection has ended."""


class Batch:
    """Serves requests that arrive within one turn of the loop one right after the other, with one commit for all.

    Handlers that run back to back find their code and data still in the processor's caches, which is worth more
    than the turn of the loop that a lone request waits.
    """

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
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
            reply = None if request is None else self._handler.handle(request)
            self._handler.store.commit()
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
                answered.append((future, None if request is None else self._handler.handle(request)))
            except Exception as error:
                future.set_exception(error)
        try:
            self._handler.store.commit()
        except Exception as error:
            for future, _ in answered:
                future.set_exception(error)
        else:
            for future, reply in answered:
                future.set_result(reply)


class VendorApp:
    """ASGI application that serves every vendor."""

    def __init__(self, handler: Handler) -> None:
        self.handler = handler
        self._batch = Batch(handler)
        self._waits: set[asyncio.Future[None]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one HTTP request."""
        path: str = scope["path"]
        body = await self._read(receive, path)
        if body is None:
            return
        headers = dict(scope["headers"])
        host = headers.pop(b"host", b"").decode("latin-1")  # says where this run happens to be served
        request = Request(
            scope["method"], path, scope["query_string"], headers, body, f"{scope.get('scheme', 'http')}://{host}"
        )
        reply = await self._batch.serve(request)
        if reply.pieces is None and reply.fate == "sent" and not reply.delay_s:
            await _send_whole(reply, send)
            return
        leaving = asyncio.ensure_future(_disconnect(receive))
        try:
            if reply.delay_s:
                await self._wait(reply.delay_s, leaving)
            if leaving.done():
                if reply.unheard is not None:
                    reply.unheard()
                return
            if reply.fate != "sent":
                await _sever(reply, scope, leaving)
            elif reply.pieces is None:
                await _send_whole(reply, send)
            else:
                await self._stream(reply, reply.pieces, leaving, send)
                if reply.fate != "sent":
                    await asyncio.sleep(_FLUSH_S)
                    await _sever(reply, scope, leaving)
        finally:
            leaving.cancel()
            if reply.pieces is not None:
                reply.pieces.close()  # type: ignore[attr-defined]  # it is a generator: its `finally` releases what was held

    def release(self) -> None:
        """Let go of every answer that is held back, as if its time had come; for a server that is told to stop."""
        for wait in self._waits:
            if not wait.done():
                wait.set_result(None)

    async def _wait(self, seconds: float, leaving: asyncio.Future[None]) -> None:
        """Return after a time, or when the client leaves, or when nothing may be held back any more."""
        wait: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waits.add(wait)
        try:
            await asyncio.wait({wait, leaving}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._waits.discard(wait)
            wait.cancel()

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
        limit = self.handler.body_limit(path)
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

    async def _stream(self, reply: Reply, pieces: Iterator[bytes], leaving: asyncio.Future[None], send: Send) -> None:
        await send(_start(reply, []))
        pauses = iter(reply.pauses_s)
        for piece in pieces:
            if self.handler.store.is_pending:
                await self._batch.committed()
            pause_s = next(pauses, 0)
            if pause_s:
                await self._wait(pause_s, leaving)
                if leaving.done():
                    return
            await send({"type": "http.response.body", "body": piece, "more_body": not reply.is_ending})
            await asyncio.sleep(0)
            if leaving.done():
                return
        if not reply.is_ending and reply.fate == "sent":  # its world is gone
            await send({"type": "http.response.body", "body": b""})


async def _send_whole(reply: Reply, send: Send) -> None:
    length = b"%d" % len(reply.body)
    await send(_start(reply, [(b"content-length", length)] if reply.status != 204 and not reply.is_bodiless else []))
    await send({"type": "http.response.body", "body": reply.body})


async def _sever(reply: Reply, scope: Scope, leaving: asyncio.Future[None]) -> None:
    """End the connection without an answer, or without its end, and return when the server has noticed."""
    from mockserver.http.severing import sever  # only faults need it

    sever(scope.get("client"), scope.get("server"), "reset" if reply.fate == "reset" else "cut")
    await asyncio.wait({leaving}, timeout=_NOTICED_S)


def _start(reply: Reply, extra: list[tuple[bytes, bytes]]) -> dict[str, Any]:
    headers = reply.headers
    if reply.is_recorded:  # servers say themselves what time it is
        headers = [header for header in headers if header[0] != b"date"]
    return {"type": "http.response.start", "status": reply.status, "headers": [*headers, *extra]}


async def _disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
