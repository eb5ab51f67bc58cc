"""A server that was there before a test run, and the way to it."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote, urlencode, urlsplit

from mockserver.kernel.clock import machine_now
from mockserver.testing.server import NoServer
from mockserver.testing.values import plain
from mockserver.testing.wire import Refused, Wire, faulty, route_of

if TYPE_CHECKING:
    from mockserver.control.route import Route
    from mockserver.http.inprocess import InProcessTransport

__tracebackhide__ = True  # a test that is refused something is shown its own line, not ours

_TOKEN = "--mockserver-admin-token, or MOCKSERVER_ADMIN_TOKEN"
_TIMEOUT_S = 60
_LONG_TIMEOUT_S = 3600  # for what may be a lot of work, such as a scenario's history
_HELLO_TIMEOUT_S = 10


class RemoteServer:
    """A server that was there before.

    :raises NoServer: what answers at the URL is not one of ours, or does not let us in.
    """

    is_local: Literal[False] = False

    def __init__(self, url: str, token: str | None = None) -> None:
        check(url, token)
        self._url = url.rstrip("/")
        self.wire: Wire = HttpWire(self._url, token)
        self.prepared: dict[object, str] = {}
        self.lock = threading.RLock()
        # Runs share the server, and so do the workers of one: no two of them may name a world alike.
        said = f"{platform.node()} {os.getpid()} {threading.get_ident()} {machine_now()}"
        self.run = hashlib.sha256(said.encode()).hexdigest()[:6]

    @property
    def url(self) -> str:
        """Where the vendors are served."""
        return self._url

    def transport(self) -> InProcessTransport:
        """Refuse: nothing leads into another process but its socket.

        :raises NoServer: always.
        """
        raise NoServer(
            f"a transport leads into the simulator of this process, and this one is at {self._url}; "
            "use .url, or run without --mockserver-url"
        )

    def strays_since(self) -> str | None:
        """Return `None`: others use this server too, and nobody knows whose such requests are."""
        return None

    def close(self) -> None:
        """Remove what the session kept there, and let go of connections."""
        with suppress(Refused):
            for name in self.prepared.values():
                self.wire.call("worlds.delete", name)
        self.wire.close()


def check(url: str, token: str | None = None) -> None:
    """Make sure that a server of ours answers at a URL and lets us in.

    :raises NoServer: it does not; the message says what does.
    """
    try:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or (parts.port or 1) < 1:
            raise ValueError
    except ValueError:
        raise NoServer(f"'{url}' is not a URL such as http://127.0.0.1:8787") from None
    ask = _asking(url, token)
    status, health = ask("health")
    if status != 200 or health.get("status") != "ok":
        raise NoServer(f"what answers at {url} is not a mockserver (GET /_mock/health: {status})")
    status, version = ask("version")
    if status == HTTPStatus.UNAUTHORIZED:
        wanted = "another admin token than this one" if token else f"an admin token: {_TOKEN}"
        raise NoServer(f"the mockserver at {url} wants {wanted}")
    if status == HTTPStatus.FORBIDDEN:
        raise NoServer(f"the mockserver at {url} refuses: {version.get('detail')}")
    if status != 200 or version.get("name") != "mockserver":
        raise NoServer(f"what answers at {url} is not a mockserver (GET /_mock/version: {status})")


def _asking(url: str, token: str | None) -> Callable[[str], tuple[int, dict[str, Any]]]:
    """Return what asks one question of a server, straight: a proxy in the environment is for other hosts."""
    parts = urlsplit(url)
    headers = {"authorization": f"Bearer {token}"} if token else {}

    def ask(what: str) -> tuple[int, dict[str, Any]]:
        kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        connection = kind(parts.hostname or "", parts.port, timeout=_HELLO_TIMEOUT_S)
        try:
            connection.request("GET", f"{parts.path.rstrip('/')}/_mock/{what}", headers=headers)
            answer = connection.getresponse()
            data = json.loads(answer.read())
        except OSError as error:
            raise NoServer(f"nothing answers at {url}: {error.strerror or error}") from None
        except (HTTPException, ValueError):
            raise NoServer(f"what answers at {url} is not a mockserver (GET /_mock/{what} is no JSON)") from None
        finally:
            connection.close()
        return answer.status, data if isinstance(data, dict) else {}

    return ask


# The wire


class HttpWire:
    """Sends control operations to a server; each thread has a connection of its own."""

    def __init__(self, url: str, token: str | None = None) -> None:
        parts = urlsplit(url)
        self._base = parts.path.rstrip("/")
        self._connect: Callable[[], HTTPConnection] = lambda: (
            HTTPSConnection if parts.scheme == "https" else HTTPConnection
        )(parts.hostname or "", parts.port, timeout=_TIMEOUT_S)
        self._headers = {"authorization": f"Bearer {token}"} if token else {}
        self._own = threading.local()
        self._open: list[HTTPConnection] = []

    def call(
        self, name: str, *parameters: str, body: Mapping[str, Any] | None = None, query: Mapping[str, Any] | None = None
    ) -> Any:
        """Send an operation."""
        route = route_of(name)
        path = _path(route, parameters)
        if query:
            path += f"?{urlencode(plain(query))}"
        data = None if route.body is None else json.dumps(plain(body or {})).encode()
        try:
            timeout_s = _LONG_TIMEOUT_S if route.is_slow else _TIMEOUT_S
            status, media_type, answer = self._send(route.method, self._base + path, data, timeout_s)
        except (OSError, HTTPException) as error:
            raise Refused(name, 0, f"the server does not answer: {error or type(error).__name__}") from None
        if status >= 400:
            raise _problem(route, status, answer)
        if not answer:
            return None
        return json.loads(answer) if "json" in media_type and "jsonl" not in media_type else answer.decode()

    def _send(self, method: str, target: str, data: bytes | None, timeout_s: int) -> tuple[int, str, bytes]:
        headers = {**self._headers, **({} if data is None else {"content-type": "application/json"})}
        connection: HTTPConnection | None = getattr(self._own, "connection", None)
        if connection is not None:
            try:
                return _exchange(connection, method, target, data, headers, timeout_s)
            except (ConnectionError, HTTPException):  # an idle connection may have been closed meanwhile
                connection.close()
        connection = self._own.connection = self._connect()
        self._open.append(connection)
        return _exchange(connection, method, target, data, headers, timeout_s)

    def close(self) -> None:
        """Close every connection."""
        while self._open:
            self._open.pop().close()


def _exchange(
    connection: HTTPConnection,
    method: str,
    target: str,
    data: bytes | None,
    headers: Mapping[str, str],
    timeout_s: int,
) -> tuple[int, str, bytes]:
    connection.timeout = timeout_s
    if connection.sock is not None:
        connection.sock.settimeout(timeout_s)
    connection.request(method, target, data, dict(headers))
    answer = connection.getresponse()
    return answer.status, answer.getheader("content-type", ""), answer.read()


def _path(route: Route, parameters: tuple[str, ...]) -> str:
    path = route.path
    for parameter in parameters:
        before, _, rest = path.partition("{")
        path = before + quote(parameter, safe="") + rest.partition("}")[2]
    return path


def _problem(route: Route, status: int, answer: bytes) -> Refused:
    try:
        said = json.loads(answer)
        detail, errors = str(said["detail"]), said.get("errors") or []
    except (ValueError, TypeError, KeyError, AttributeError):
        return Refused(route.operation, status, f"the server answered {status}, and nothing that could be read")
    if not errors:
        return Refused(route.operation, status, detail)
    return faulty(route, status, [(each["field"], each["message"], each["code"]) for each in errors])
