"""The session's server: a simulator in this process, whose socket opens when somebody asks for it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Literal, TypeAlias

from mockserver.kernel.errors import MockError
from mockserver.kernel.world import NOBODY

if TYPE_CHECKING:
    from mockserver.http.inprocess import InProcessTransport
    from mockserver.http.serve import BackgroundServer
    from mockserver.testing.remote import RemoteServer
    from mockserver.testing.wire import Wire


class NoServer(MockError):
    """There is no server of ours to be had; the message is the one line a user sees."""


class LocalServer:
    """A simulator in this process and in memory."""

    is_local: Literal[True] = True
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


Server: TypeAlias = "LocalServer | RemoteServer"
