"""The ASGI application that serves a cassette: vendor requests from the recording, and what is told about it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from mockserver.cassettes.interaction import BadCassette
from mockserver.cassettes.player import Player
from mockserver.http.asgi import VendorApp
from mockserver.http.messages import Reply, Request
from mockserver.kernel.clock import machine_now
from mockserver.kernel.windows import format_instant

if TYPE_CHECKING:
    from starlette.requests import Request as ControlRequest
    from starlette.responses import Response
    from starlette.types import Receive, Scope, Send

    from mockserver.app import Simulator
    from mockserver.cassettes.carrying import Carrying
    from mockserver.cassettes.files import Library

WORLD = "default"
"""The world that goes along with a recording, whatever key a request has."""

BODY_LIMIT = 256 * 1024 * 1024

_PREFIX = "/_mock"
_TOLD = 100
_DAY_US = 86_400_000_000
_MOST_DATED = 200


class _Nothing:
    """What a player writes."""

    is_pending = False

    def commit(self) -> None:
        """Do nothing."""


class Playback:
    """A handler that only plays: there is no simulation behind it."""

    store = _Nothing()

    def __init__(self, player: Player) -> None:
        self.player = player

    def body_limit(self, path: str) -> int:
        """Return how many body bytes are taken: as many as anybody could have recorded."""
        return BODY_LIMIT

    def handle(self, request: Request) -> Reply:
        """Return the recorded answer, or the refusal of a request that was not recorded."""
        reply = self.player.play(request)
        if reply.stream is not None:
            reply.pieces = _pieces(reply)
        return reply


def _pieces(reply: Reply) -> Iterator[bytes]:
    assert reply.stream is not None
    yield from reply.stream.head
    reply.is_ending = True
    yield reply.stream.settle()


class _Along:
    """A handler that simulates what was not recorded, in one world, to which everything recorded happens too."""

    def __init__(self, simulator: Simulator) -> None:
        self._gateway = simulator.gateway
        self._worlds = simulator.worlds
        self.store = simulator.store
        self.body_limit = self._gateway.body_limit

    def handle(self, request: Request) -> Reply:
        """Serve one request."""
        with self.store.work():
            return self._gateway.handle(request, self._worlds.admit(WORLD))


class ReplayApp:
    """Serves a cassette on every path but those below `/_mock`.

    :param simulator: answers what was not recorded; without one that is refused.
    :param admin_token: credential that `/_mock` wants, or `None`.
    """

    def __init__(self, player: Player, simulator: Simulator | None = None, admin_token: str | None = None) -> None:
        self.player = player
        self._simulator = simulator
        self._token = admin_token
        self._tape: Carrying | None = None
        if simulator is None:
            self._vendor_app = VendorApp(Playback(player))
        else:
            from mockserver.cassettes.carrying import Carrying

            self._tape = simulator.gateway.tapes[WORLD] = Carrying(player)
            self._vendor_app = VendorApp(_Along(simulator))
            with simulator.store.work(), simulator.store.committed():
                simulator.worlds.admit(WORLD)  # so that it can be looked at before the first request
        self._routes: dict[tuple[str, str], Callable[[], Any]] = {
            ("GET", f"{_PREFIX}/health"): lambda: {"status": "ok"},
            ("GET", f"{_PREFIX}/replay"): self.told,
            ("POST", f"{_PREFIX}/replay/rewind"): self._rewind,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if scope["type"] == "http":
            path: str = scope["path"]
            if not path.startswith(_PREFIX) or path[len(_PREFIX) :][:1] not in ("", "/"):
                await self._vendor_app(scope, receive, send)
            elif self._simulator is None or path == f"{_PREFIX}/replay" or path.startswith(f"{_PREFIX}/replay/"):
                from mockserver.control.guard import Guard  # not needed for the first answer

                await Guard(self._told, self._token)(scope, receive, send)
            else:
                await self._simulator(scope, receive, send)
        elif scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
        else:
            await send({"type": "websocket.close", "code": 1000})

    async def go_on(self) -> None:
        """Let the simulated world go on although nobody asks, until the server stops."""
        if self._simulator is not None:
            await self._simulator.go_on()

    def hang_up(self) -> None:
        """Let go of everything that waits to be sent."""
        self._vendor_app.release()
        if self._simulator is not None:
            self._simulator.hang_up()

    @property
    def simulated(self) -> int:
        """How many requests were not recorded, and answered by the simulation."""
        return 0 if self._tape is None else self._tape.simulated

    def told(self) -> dict[str, Any]:
        """Return what is played, what was, and what was asked for in vain."""
        player = self.player
        unplayed = player.unplayed
        place = player.library.place
        return {
            "on_miss": "error" if self._tape is None else "simulate",
            "order": player.order,
            "repeats": player.repeats,
            "match_on": sorted(player.match_on),
            "timing": player.timing,
            "files": [{"path": str(file.path), "interactions": file.count} for file in player.library.files],
            "interactions": len(player.library),
            "played": len(player.library) - len(unplayed),
            "answers": player.play_count,
            "unplayed": [
                {"place": place(number), "request": " ".join(player.library.method_and_path(number))}
                for number in unplayed[:_TOLD]
            ],
            "missed": player.missed,
            "misses": [
                {
                    "request": f"{miss.method} {miss.path}",
                    "detail": miss.detail,
                    "nearest": [near.told() for near in miss.nearest],
                }
                for miss in player.misses[-_TOLD:]
            ],
            "simulated": self.simulated,
        }

    def _rewind(self) -> dict[str, Any]:
        if self._simulator is None or self._tape is None:
            self.player.rewind()
        else:
            with self._simulator.store.work(), self._simulator.store.committed():
                self._simulator.worlds.reset(self._simulator.worlds.admit(WORLD))
                self._tape.rewind()
        return self.told()

    async def _told(self, scope: Scope, receive: Receive, send: Send) -> None:
        from starlette.requests import Request as ControlRequest

        response = self._response(ControlRequest(scope))
        await response(scope, receive, send)

    def _response(self, request: ControlRequest) -> Response:
        from starlette.responses import JSONResponse

        from mockserver.control.problem import problem

        path = request.url.path
        method = "GET" if request.method == "HEAD" else request.method
        route = self._routes.get((method, path))
        if route is not None:
            return JSONResponse(route())
        allowed = [method for method, each in self._routes if each == path]
        if allowed:
            return problem(405, f"{path} takes {' or '.join(allowed)}", {"allow": ", ".join(allowed)})
        known = ", ".join(f"{method} {each}" for method, each in self._routes)
        return problem(404, f"a replay has no {path}; there are: {known}; with --on-miss simulate all of /_mock")


# What is told on the command line


def summary(player: Player, simulated: int = 0) -> str:
    """Return one line on how much of a recording was played."""
    unplayed = len(player.unplayed)
    told = f"{len(player.library) - unplayed} of {len(player.library)} recorded answers played, {unplayed} never"
    if player.play_count > len(player.library) - unplayed:
        told += f", {player.play_count} answers in all"
    told += f"; {player.missed} {'request' if player.missed == 1 else 'requests'} not recorded"
    return told + (f"; {simulated} simulated" if simulated else "")


def stale(library: Library, after_us: int) -> Iterator[str]:
    """Yield one line for each cassette that was recorded too long ago, and one for all whose date nobody knows."""
    now = machine_now()
    undated: list[str] = []
    for file in library.files[:_MOST_DATED]:
        at = _recorded_at(library, range(file.first, file.first + file.count))
        if at is None:
            undated.append(file.path.name)
        elif now - at > after_us:
            days = (now - at) // _DAY_US
            yield f"{file.path.name} was recorded on {format_instant(at)[:10]}, {days} days ago: it may be out of date"
    if undated:
        more = f" and {len(undated) - 1} more" if len(undated) > 1 else ""
        yield f"{undated[0]}{more}: nothing says when it was recorded"


def _recorded_at(library: Library, numbers: Sequence[int]) -> int | None:
    """Return when the first or the last of some interactions was recorded, whichever is known and later."""
    known = []
    for number in {numbers[0], numbers[-1]} if numbers else ():
        try:
            at = library.read(number).recorded_at
        except BadCassette:
            continue
        known += [at] if at is not None else []
    return max(known, default=None)
