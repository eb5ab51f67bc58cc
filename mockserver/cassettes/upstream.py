"""The one door out: speaks to the upstreams that were given, and to nothing else. Needs httpx, of the extra `record`.

No proxy of the environment is used, no redirect followed and no cookie kept; HTTP/1.1 is spoken, and compression
declined.
"""

from __future__ import annotations

import importlib.util
import os
import socket
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from mockserver.cassettes.interaction import Answer, Interaction, Piece
from mockserver.http.messages import Headers, Request
from mockserver.kernel.clock import machine_now, monotonic_s
from mockserver.kernel.errors import Unusable
from mockserver.kernel.windows import SECOND, Instant

if TYPE_CHECKING:
    import httpx

HOP_BY_HOP = frozenset(
    (
        b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"proxy-connection", b"te",
        b"trailer", b"transfer-encoding", b"upgrade",
    )
)  # fmt: skip
_NOT_PASSED_ON = HOP_BY_HOP | {b"host", b"expect", b"accept-encoding"}
_CONNECT_S = 10.0
_LONGEST_S = 86_400.0
_PATH = "/:@!$&'()*+,;=~-._"


class UpstreamFailed(Exception):
    """No whole answer came; the message is one line for a person.

    :param status: what a proxy says of it, 502 or 504.
    """

    def __init__(self, message: str, status: int = 502) -> None:
        self.status = status
        super().__init__(message)


@dataclass(slots=True)
class Arrival:
    """An answer while it arrives, with the times of it."""

    status: int
    reason: str
    headers: Headers
    wait_us: int
    recorded_at: Instant
    pieces: list[Piece] = field(default_factory=list)
    _before_s: float = field(default_factory=monotonic_s)

    @property
    def is_stream(self) -> bool:
        """Whether it is a stream of server-sent events, whose timing counts."""
        kind = next((value for name, value in self.headers if name.lower() == b"content-type"), b"")
        return kind.lower().startswith(b"text/event-stream")

    def came(self, piece: bytes) -> None:
        """Take note of a piece that came just now."""
        if self.is_stream:
            now_s = monotonic_s()
            self.pieces.append(Piece(round((now_s - self._before_s) * SECOND), len(piece)))
            self._before_s = now_s

    def interaction(self, request: Request, origin: str, body: bytes) -> Interaction:
        """Return what is there now that it is whole."""
        sent = Request(request.method, request.path, request.query, request.headers, request.body, origin)
        answer = Answer(self.status, self.reason, self.headers, body)
        return Interaction(sent, answer, self.recorded_at, self.wait_us, tuple(self.pieces))


class Upstream:
    """One vendor's real address.

    :param url: scheme, host and, if it has one, a path before the vendor's own.
    :param timeout_s: how long it may be silent, up to a day.
    :raises Unusable: it is no such URL or time, or httpx is not installed.
    """

    def __init__(self, url: str, *, timeout_s: float = 120.0) -> None:
        if importlib.util.find_spec("httpx") is None:
            raise Unusable("recording needs httpx: pip install 'mockserver[record]'")
        self.url = url.rstrip("/")
        self.origin, self._prefix, self._host = _taken_apart(self.url)
        self.origin_and_path = self.origin + self._prefix
        if not 0 < timeout_s <= _LONGEST_S:  # so that not-a-number is none either
            raise Unusable(f"--upstream-timeout: {timeout_s:g} is no number of seconds above 0, up to {_LONGEST_S:g}")
        self._timeout_s = timeout_s
        self._sync: httpx.HTTPTransport | None = None
        self._async: httpx.AsyncHTTPTransport | None = None

    def send(self, request: Request) -> Interaction:
        """Send a request as it is and return it with its whole answer and its timing; nothing is redacted.

        :param request: `path` without our mount; `origin` is not looked at.
        :raises UpstreamFailed: no whole answer came.
        """
        import httpx

        if self._sync is None:
            self._sync = httpx.HTTPTransport(verify=_trusted(self.origin), trust_env=False)
        target = quote(request.path, safe=_PATH).encode() + (b"?" + request.query if request.query else b"")
        headers = [(name, value) for name, value in request.headers.items() if name != b"content-length"]
        sent = self._request(request.method, target, headers, request.body or None)
        at, start_s = Instant(machine_now()), monotonic_s()
        try:
            response = self._sync.handle_request(sent)
            arrival = self._arrival(response, at, start_s)
            pieces = []
            try:
                assert isinstance(response.stream, httpx.SyncByteStream)
                for piece in response.stream:
                    arrival.came(piece)
                    pieces.append(piece)
            finally:
                response.close()
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            raise self.failure(error) from None
        return arrival.interaction(request, self.origin_and_path, b"".join(pieces))

    async def open(
        self,
        method: str,
        target: bytes,
        headers: Sequence[tuple[bytes, bytes]],
        body: bytes | AsyncIterator[bytes] | None,
    ) -> tuple[Arrival, httpx.Response]:
        """Send a request and return its answer when it begins; whoever asked closes it.

        :param target: path and query, encoded as the client sent them, without our mount.
        :raises UpstreamFailed: no answer began.
        """
        import httpx

        if self._async is None:
            limits = httpx.Limits(max_connections=None, max_keepalive_connections=20, keepalive_expiry=5.0)
            self._async = httpx.AsyncHTTPTransport(verify=_trusted(self.origin), trust_env=False, limits=limits)
        at, start_s = Instant(machine_now()), monotonic_s()
        try:
            response = await self._async.handle_async_request(self._request(method, target, headers, body))
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            raise self.failure(error) from None
        return self._arrival(response, at, start_s), response

    async def aclose(self) -> None:
        """Close the connections of `open`."""
        if self._async is not None:
            await self._async.aclose()
            self._async = None

    def close(self) -> None:
        """Close the connections of `send`."""
        if self._sync is not None:
            self._sync.close()
            self._sync = None

    def failure(self, error: BaseException) -> UpstreamFailed:
        """Return what went wrong in one line."""
        import httpx

        place = f"the upstream {self.url}"
        if isinstance(error, httpx.ConnectTimeout | httpx.PoolTimeout):
            return UpstreamFailed(f"{place} took no connection within {_CONNECT_S:g} s", 504)
        if isinstance(error, httpx.TimeoutException):
            return UpstreamFailed(f"{place} was silent for {self._timeout_s:g} s (--upstream-timeout)", 504)
        cause: BaseException | None = error
        while cause is not None:
            if isinstance(cause, socket.gaierror):
                return UpstreamFailed(f"{place}: there is no host of that name ({cause.strerror})")
            if isinstance(cause, ssl.SSLError):
                reason = getattr(cause, "verify_message", "") or cause.reason or str(cause)
                return UpstreamFailed(f"{place}: no secure connection ({reason})")
            if isinstance(cause, ConnectionRefusedError):
                return UpstreamFailed(f"{place} refused the connection")
            cause = cause.__cause__ or cause.__context__
        what = " ".join(str(error).split())[:200] or type(error).__name__
        if isinstance(error, httpx.ConnectError):
            return UpstreamFailed(f"{place} cannot be reached: {what}")
        return UpstreamFailed(f"{place} broke off: {what}")

    def _request(
        self,
        method: str,
        target: bytes,
        headers: Sequence[tuple[bytes, bytes]],
        body: bytes | AsyncIterator[bytes] | None,
    ) -> httpx.Request:
        import httpx

        named = _named_by_connection(headers)
        kept = [(n, v) for n, v in headers if n.lower() not in _NOT_PASSED_ON and n.lower() not in named]
        return httpx.Request(
            method,
            self.origin,
            headers=[(b"host", self._host), *kept, (b"accept-encoding", b"identity")],
            content=body,
            extensions={
                "target": self._prefix.encode() + target,
                "timeout": {
                    "connect": min(_CONNECT_S, self._timeout_s),
                    "read": self._timeout_s,
                    "write": self._timeout_s,
                    "pool": self._timeout_s,
                },
            },
        )

    def _arrival(self, response: httpx.Response, at: Instant, start_s: float) -> Arrival:
        reason = response.extensions.get("reason_phrase", b"").decode("latin-1")
        headers = [(name.lower(), value) for name, value in response.headers.raw]
        named = _named_by_connection(headers)
        headers = [(name, value) for name, value in headers if name not in HOP_BY_HOP and name not in named]
        return Arrival(response.status_code, reason, headers, round((monotonic_s() - start_s) * SECOND), at)


def _named_by_connection(headers: Sequence[tuple[bytes, bytes]]) -> frozenset[bytes]:
    """Return the headers that are of one connection only, because its `Connection` header says so."""
    return frozenset(
        part.strip().lower() for name, value in headers if name.lower() == b"connection" for part in value.split(b",")
    )


def _taken_apart(url: str) -> tuple[str, str, bytes]:
    """Return origin, path and `Host` of an upstream's URL.

    :raises Unusable: it is none.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise Unusable(f"the upstream '{url}' is no URL: {error}") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise Unusable(f"the upstream '{url}' is no http or https URL with a host, such as https://api.example.com")
    if parts.username is not None or parts.password is not None:
        raise Unusable("an upstream's URL must not hold credentials: clients send their own")
    if parts.query or parts.fragment:
        raise Unusable(f"the upstream '{url}' must end with its path")
    try:
        host = parts.hostname if parts.hostname.isascii() else parts.hostname.encode("idna").decode()
    except UnicodeError:
        raise Unusable(f"the upstream '{url}' has no valid host") from None
    host = f"[{host}]" if ":" in host else host
    is_usual = port is None or port == {"http": 80, "https": 443}[parts.scheme]
    place = host if is_usual else f"{host}:{port}"
    return f"{parts.scheme}://{place}", quote(parts.path, safe=_PATH + "%"), place.encode()


def _trusted(origin: str) -> ssl.SSLContext | bool:
    """Return the authorities to trust: those that OpenSSL's own variables name, or else httpx's."""
    said: Mapping[str, str | None] = {
        "cafile": os.environ.get("SSL_CERT_FILE") or None,
        "capath": os.environ.get("SSL_CERT_DIR") or None,
    }
    if not origin.startswith("https:"):
        return False  # loading the authorities takes a while
    if not any(said.values()):
        return True
    try:
        return ssl.create_default_context(cafile=said["cafile"], capath=said["capath"])
    except OSError as error:
        raise Unusable(f"SSL_CERT_FILE or SSL_CERT_DIR cannot be used: {error.strerror or error}") from None
