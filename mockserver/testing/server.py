"""The session's server: a simulator in this process, whose socket opens when somebody asks for it, or one elsewhere."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import threading
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from mockserver.kernel.clock import machine_now
from mockserver.kernel.errors import MockError
from mockserver.kernel.world import NOBODY

if TYPE_CHECKING:
    from mockserver.http.inprocess import InProcessTransport
    from mockserver.http.serve import BackgroundServer
    from mockserver.testing.wire import Wire

_TIMEOUT_S = 10
_TOKEN = "--mockserver-admin-token, or MOCKSERVER_ADMIN_TOKEN"


class NoServer(MockError):
    """There is no server of ours to be had; the message is the one line a user sees."""


class LocalServer:
    """A simulator in this process and in memory."""

    is_local = True
    run = ""

    def __init__(self) -> None:
        from mockserver.app import Simulator
        from mockserver.testing.wire import LocalWire

        self.simulator = Simulator()
        self.wire: Wire = LocalWire(self.simulator)
        self.prepared: dict[object, str] = {}
        """Names of the worlds that tests' worlds are forked from, by what they start with."""
        self.lock = threading.RLock()
        self._background: BackgroundServer | None = None
        self._is_closed = False
        self._strays = 0

    @property
    def url(self) -> str:
        """Where the vendors are served; the socket opens with the first look at it."""
        with self.lock:
            if self._is_closed:
                raise NoServer("the session's server is closed")
            if self._background is None:
                from mockserver.http.serve import BackgroundServer

                self._background = BackgroundServer(self.simulator).__enter__()
            return self._background.url

    @property
    def is_listening(self) -> bool:
        """Whether there is a socket."""
        return self._background is not None

    def transport(self) -> InProcessTransport:
        """Return an httpx transport, for clients of either kind, that needs no socket."""
        try:
            from mockserver.http.inprocess import InProcessTransport
        except ModuleNotFoundError as error:
            if error.name != "httpx":
                raise
            raise NoServer("transports are httpx's, and httpx is not installed: pip install httpx") from None
        return InProcessTransport(self.simulator.gateway)

    def strays_since(self) -> str | None:
        """Return when the first request came, since this was last asked, whose key names no world; `None` without."""
        with self.lock:
            news = self.wire.call("requests.list", NOBODY, query={"after": self._strays, "limit": 1000})["data"]
            if not news:
                return None
            self._strays = news[-1]["seq"]
            return str(news[0]["at"])

    def close(self) -> None:
        """Close the socket, if there is one, and the simulator."""
        with self.lock:
            if self._is_closed:
                return
            self._is_closed = True
            if self._background is not None:
                self._background.__exit__(None, None, None)
            self.simulator.close()


class RemoteServer:
    """A server that was there before.

    :raises NoServer: what answers at the URL is not one of ours, or does not let us in.
    """

    is_local = False

    def __init__(self, url: str, token: str | None = None) -> None:
        from mockserver.testing.wire import HttpWire

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

    @property
    def is_listening(self) -> bool:
        """Whether there is a socket."""
        return True

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
        from mockserver.testing.wire import Refused

        with suppress(Refused):
            for name in self.prepared.values():
                self.wire.call("worlds.delete", name)
        self.wire.close()


Server = LocalServer | RemoteServer


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
        connection = kind(parts.hostname or "", parts.port, timeout=_TIMEOUT_S)
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
