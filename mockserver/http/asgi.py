"""The gateway as an ASGI application: bodies in, answers out, commits shared by whoever waits.

Handlers never wait, so they run inline on the event loop; a thread hop would cost more than the work.
What several requests wrote within one turn of the loop is committed together, and only then answered.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from mockserver.http.gateway import Gateway
from mockserver.http.messages import Reply, Request
from mockserver.kernel.store import Store

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send


class GroupCommit:
    """Lets many requests wait for one commit."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: list[asyncio.Future[None]] = []
        self._is_due = False
        self._loop: asyncio.AbstractEventLoop | None = None

    async def committed(self) -> None:
        """Return once everything written so far is durable."""
        loop = asyncio.get_running_loop()
        if self._is_due and self._loop is not loop:
            self._store.commit()
            return
        if not self._is_due:
            self._is_due = True
            self._loop = loop
            loop.call_soon(self._commit)
        if self._store.path is not None:  # in memory there is nothing to wait for
            mine = loop.create_future()
            self._waiting.append(mine)
            await mine

    def _commit(self) -> None:
        self._is_due = False
        waiting, self._waiting = self._waiting, []
        try:
            self._store.commit()
        except Exception as error:
            for future in waiting:
                if not future.done():
                    future.set_exception(error)
        else:
            for future in waiting:
                if not future.done():
                    future.set_result(None)


class VendorApp:
    """ASGI application that serves every vendor."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self._commit = GroupCommit(gateway.store)

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
        reply = self.gateway.handle(request)
        await self._commit.committed()
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
                    await self._commit.committed()
                await send({"type": "http.response.body", "body": piece, "more_body": True})
                await asyncio.sleep(0)
                if leaving.done():
                    return
            await send({"type": "http.response.body", "body": b""})
        finally:
            leaving.cancel()
            pieces.close()  # type: ignore[attr-defined]  # it is a generator: its `finally` releases what was held


def _start(reply: Reply, extra: list[tuple[bytes, bytes]]) -> dict[str, Any]:
    return {"type": "http.response.start", "status": reply.status, "headers": [*reply.headers, *extra]}


async def _disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
