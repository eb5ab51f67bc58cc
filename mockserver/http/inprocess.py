"""httpx transports that serve a client inside its own process: no socket, no event loop of our own.

Needs httpx, which every client library of the vendors brings along; the server itself does not.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from urllib.parse import unquote

import httpx

from mockserver.http.handler import Handler
from mockserver.http.messages import Reply, Request


class _Pieces(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A streamed answer; each piece is committed before it is handed out."""

    def __init__(self, handler: Handler, reply: Reply, request: httpx.Request) -> None:
        self._handler = handler
        self._reply = reply
        self._request = request
        assert reply.pieces is not None
        self._pieces = reply.pieces

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._pieces:
            self._handler.store.commit()
            yield piece
        if self._reply.fate == "cut":
            message = "peer closed connection without sending complete message body (incomplete chunked read)"
            raise httpx.RemoteProtocolError(message, request=self._request)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self:
            yield piece

    def close(self) -> None:
        self._pieces.close()  # type: ignore[attr-defined]  # a generator

    async def aclose(self) -> None:
        self.close()


class _Whole(httpx.Response):
    """An answer that is there already: reading it leaves the same behind as reading one that came in pieces.

    httpx itself would put the body through its decoders, which takes longer than much of what made it.
    """

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.status, headers=reply.headers, stream=httpx.ByteStream(reply.body))
        self._body = reply.body

    def read(self) -> bytes:
        if self.is_stream_consumed or self.is_closed:
            return super().read()
        self._take()
        self.close()
        return self._body

    async def aread(self) -> bytes:
        if self.is_stream_consumed or self.is_closed:
            return await super().aread()
        self._take()
        await self.aclose()
        return self._body

    def _take(self) -> None:
        self._content = self._body
        self.is_stream_consumed = True
        self._num_bytes_downloaded = len(self._body)


class InProcessTransport(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Serves `httpx.Client` and `httpx.AsyncClient` straight from a gateway, or from whatever else answers."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Serve one request; whatever it wrote is committed when this returns."""
        return self._serve(request, request.read())

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Serve one request; whatever it wrote is committed when this returns."""
        return self._serve(request, await request.aread())

    def _serve(self, request: httpx.Request, body: bytes) -> httpx.Response:
        target, _, query = request.url.raw_path.partition(b"?")
        headers = {name.lower(): value for name, value in request.headers.raw}
        origin = f"{request.url.scheme}://{headers.pop(b'host', b'').decode('latin-1')}"
        path = unquote(target.decode("ascii"))
        reply = self._handler.handle(Request(request.method, path, query, headers, body, origin))
        self._handler.store.commit()
        if reply.delay_s or reply.fate != "sent":
            _suffer(reply, request)
        if reply.pieces is not None:
            return httpx.Response(reply.status, headers=reply.headers, stream=_Pieces(self._handler, reply, request))
        if reply.status != 204 and not reply.is_bodiless:
            reply.headers.append((b"content-length", b"%d" % len(reply.body)))
        if reply.is_recorded and any(name == b"content-encoding" for name, _ in reply.headers):
            return httpx.Response(reply.status, headers=reply.headers, stream=httpx.ByteStream(reply.body))
        return _Whole(reply)


def _suffer(reply: Reply, request: httpx.Request) -> None:
    """Raise what a client would see of an answer that a fault holds back or keeps; waiting itself is left out.

    :raises httpx.TransportError: there is nothing to see.
    """
    patience_s = request.extensions.get("timeout", {}).get("read")
    if patience_s is not None and reply.delay_s >= patience_s:
        if reply.pieces is not None:
            reply.pieces.close()  # type: ignore[attr-defined]  # a generator
        if reply.unheard is not None:
            reply.unheard()
        raise httpx.ReadTimeout("timed out", request=request)
    if reply.fate == "reset":
        raise httpx.ReadError("[Errno 104] Connection reset by peer", request=request)
    if reply.fate != "sent":
        raise httpx.RemoteProtocolError("Server disconnected without sending a response.", request=request)
