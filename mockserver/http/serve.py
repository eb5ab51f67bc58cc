"""Runs an ASGI application on a real port, in this process, under one of three servers.

The socket is bound here and handed over, so that a port in use is one clear error whatever the server,
and port 0 is known before anybody asks.
"""

from __future__ import annotations

import asyncio
import importlib.util
import ipaddress
import logging
import signal
import socket
import threading
from collections.abc import Awaitable, Callable
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self

from mockserver.kernel.errors import Unusable

if TYPE_CHECKING:
    from starlette.types import ASGIApp

ServerName = Literal["hypercorn", "uvicorn", "granian"]
SERVERS: tuple[ServerName, ...] = ("hypercorn", "uvicorn", "granian")

GRACE_S = 5
"""How long requests and streams in flight may take to end once the server was told to stop."""

# Longer than any client keeps an idle connection, so that it is never the server who hangs up on one in use.
_KEEP_ALIVE_S = 75
_BACKLOG = 1024


# The socket


def listen(host: str, port: int, *, is_guarded: bool = False) -> socket.socket:
    """Bind a listening socket; port 0 takes a free one.

    :param is_guarded: whether the control routes want a credential; without one only loopback will do.
    :raises Unusable: the address cannot be had.
    """
    listener = None
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        if not (is_guarded or ipaddress.ip_address(address[0]).is_loopback):
            raise Unusable(f"anybody who reaches {host} could use /_mock: --host {host} wants an --admin-token too")
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(_BACKLOG)
        listener.setblocking(False)
    except (OSError, OverflowError) as error:
        if listener is not None:
            listener.close()
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise Unusable(f"cannot listen on {host}:{port}: {reason}") from None
    return listener


def url_of(listener: socket.socket) -> str:
    """Return the URL a listening socket is reached at."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def require(server: ServerName) -> None:
    """Make sure a server can be run here.

    :raises Unusable: it is not installed; the message says how to get it.
    """
    if importlib.util.find_spec(server) is None:
        raise Unusable(f"{server} is not installed: pip install 'mockserver[fast]'")


# Running


def run(app: ASGIApp, listener: socket.socket, *, server: ServerName, on_ready: Callable[[], None]) -> None:
    """Serve until SIGINT or SIGTERM; what is in flight by then may end, within `GRACE_S`.

    A second signal ends the process at once; what was committed is safe in the write-ahead log.
    Must be called from the main thread.

    :param on_ready: called once requests are answered.
    """
    with asyncio.Runner(loop_factory=_loop_factory(server)) as runner:
        loop = runner.get_loop()
        stop = asyncio.Event()

        def on_signal(_number: int, _frame: FrameType | None) -> None:
            for number in before:
                signal.signal(number, signal.SIG_DFL)
            loop.call_soon_threadsafe(stop.set)

        before = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            runner.run(_serve(app, listener, server, stop, on_ready))
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


class BackgroundServer:
    """A server in a thread of its own on a free port of the loopback interface.

    Entering the block returns once requests are answered; leaving it lets those in flight end. The
    application is the caller's to close.
    """

    def __init__(self, app: ASGIApp, server: ServerName = "hypercorn") -> None:
        self.url = ""
        self._app = app
        self._server = server
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._started = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="mockserver", daemon=True)

    def __enter__(self) -> Self:
        require(self._server)
        self._listener = listen("127.0.0.1", 0)
        self.url = url_of(self._listener)
        self._thread.start()
        self._started.wait()
        if self._failure is not None:
            raise self._failure
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._loop is not None
        assert self._stop is not None
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=_loop_factory(self._server)) as runner:
                self._loop = runner.get_loop()
                self._stop = asyncio.Event()
                runner.run(_serve(self._app, self._listener, self._server, self._stop, self._started.set))
        except BaseException as error:
            self._failure = error
        finally:
            self._started.set()


def _loop_factory(server: ServerName) -> Callable[[], asyncio.AbstractEventLoop] | None:
    # Hypercorn gains nothing from uvloop, and loading it costs every start 20 ms.
    if server == "hypercorn" or importlib.util.find_spec("uvloop") is None:
        return None
    import uvloop

    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


async def _serve(
    app: ASGIApp, listener: socket.socket, server: ServerName, stop: asyncio.Event, on_ready: Callable[[], None]
) -> None:
    serving = asyncio.ensure_future(_HOW[server](app, listener, stop, on_ready))
    stopping = asyncio.ensure_future(stop.wait())
    # What happens although nobody asks.
    going_on = asyncio.ensure_future(getattr(app, "go_on", stop.wait)())
    try:
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        # What would go on for ever is not waited for.
        getattr(app, "hang_up", lambda: None)()
        # Each server has a grace of its own; this one is for what they wait for without a limit.
        await asyncio.wait({serving}, timeout=GRACE_S + 1)
        if not serving.done():
            serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
        if not serving.cancelled():
            serving.result()
    finally:
        stopping.cancel()
        going_on.cancel()
        listener.close()
        # The end of the loop would cancel it once more, in the middle of what it has to put away.
        await asyncio.gather(going_on, return_exceptions=True)


# The servers


async def _hypercorn(app: ASGIApp, listener: socket.socket, stop: asyncio.Event, on_ready: Callable[[], None]) -> None:
    from hypercorn.asyncio import serve
    from hypercorn.config import Config

    config = Config()
    config.bind = [f"fd://{listener.detach()}"]
    config.backlog = _BACKLOG
    config.accesslog = None
    config.errorlog = _quiet("hypercorn.error")
    config.graceful_timeout = GRACE_S
    config.keep_alive_timeout = _KEEP_ALIVE_S
    config.keep_alive_max_requests = 1 << 31
    config.include_server_header = False

    async def until_stopped() -> None:  # Hypercorn asks for it when it has begun to accept
        on_ready()
        await stop.wait()

    await serve(app, config, shutdown_trigger=until_stopped)  # type: ignore[arg-type]  # Starlette's types are wider


async def _uvicorn(app: ASGIApp, listener: socket.socket, stop: asyncio.Event, on_ready: Callable[[], None]) -> None:
    import uvicorn

    _quiet("uvicorn.error")
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        ws="none",
        backlog=_BACKLOG,
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=GRACE_S,
        server_header=False,
    )
    server = uvicorn.Server(config)
    config.load()
    server.lifespan = config.lifespan_class(config)
    await server.startup(sockets=[listener])
    on_ready()
    # Uvicorn's own loop would look five times a second whether it is to stop; it also keeps the `Date` header.
    ticking = asyncio.ensure_future(server.main_loop())
    await stop.wait()
    server.should_exit = True
    await ticking
    await server.shutdown(sockets=[listener])


async def _granian(app: ASGIApp, listener: socket.socket, stop: asyncio.Event, on_ready: Callable[[], None]) -> None:
    from granian.constants import Interfaces
    from granian.server.embed import Server

    # It binds for itself; between the two binds somebody else could take the port, and granian would say so.
    host, port = listener.getsockname()[:2]
    listener.close()
    server = Server(app, host, port, interface=Interfaces.ASGINL, websockets=False, log_enabled=False)
    serving = asyncio.ensure_future(server.serve())
    await _accepting(host, port, serving)
    on_ready()
    await asyncio.wait({serving, asyncio.ensure_future(stop.wait())}, return_when=asyncio.FIRST_COMPLETED)
    server.stop()  # type: ignore[no-untyped-call]
    await serving


async def _accepting(host: str, port: int, serving: asyncio.Future[Any]) -> None:
    while not serving.done():
        try:
            _, writer = await asyncio.open_connection(host, port)
        except OSError:
            await asyncio.sleep(0.005)
        else:
            writer.close()
            return


def _quiet(name: str) -> logging.Logger:
    """Return a server's logger, limited to what went wrong."""
    logger = logging.getLogger(name)
    logger.setLevel(logging.WARNING)
    return logger


_Serve = Callable[["ASGIApp", socket.socket, asyncio.Event, Callable[[], None]], Awaitable[None]]
_HOW: dict[ServerName, _Serve] = {"hypercorn": _hypercorn, "uvicorn": _uvicorn, "granian": _granian}
