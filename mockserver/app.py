"""The composition root: opens the store, loads the vendors and assembles one ASGI application. No rules."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from mockserver import resources
from mockserver.config import Settings
from mockserver.http.asgi import VendorApp
from mockserver.http.gateway import Gateway
from mockserver.kernel import world
from mockserver.kernel.store import Store
from mockserver.kernel.world import World, Worlds
from mockserver.simulation import stage
from mockserver.simulation.stage import Stage
from mockserver.vendors.registry import vendors

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

CONTROL_PREFIX = "/_mock"


class Simulator:
    """One running simulator: its worlds, its vendors, and the ASGI application in front of them.

    :raises Unusable: the database, the scenario or the fixtures cannot be used.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or Settings()
        self.vendors = vendors()
        self.store = Store(self.settings.db)
        try:
            self.store.migrate(
                [*world.MIGRATIONS, stage.migrations, *(m for vendor in self.vendors for m in vendor.migrations)]
            )
            self.worlds = self._worlds()
            purses = {vendor.name: vendor.account for vendor in self.vendors if vendor.account is not None}
            self.gateway = Gateway(self.worlds, [vendor.api for vendor in self.vendors], purses)
            self.stage = Stage(self.worlds, self.vendors, self.gateway)
            if self.settings.scenario is not None:
                self.stage.begin(resources.scenario(self.settings.scenario))
            if self.settings.db is not None:
                self.stage.take_up()
        except BaseException:
            self.store.close()  # gives the file back to whoever tries next
            raise
        self._vendor_app = VendorApp(self.gateway)
        self._control_app: ASGIApp | None = None

    def _worlds(self) -> Worlds:
        fixtures = resources.Fixtures(self.settings.fixtures)
        fixtures.check()

        def fill(template: World) -> None:
            with fixtures.blamed():
                for vendor in self.vendors:
                    vendor.seed(template, fixtures)

        return Worlds(
            self.store,
            seeders=[fill],
            actions={name: action for vendor in self.vendors for name, action in vendor.actions.items()},
            switches=self._switches(),
            beginning=self.settings.beginning,
            known_only=self.settings.known_only,
        )

    def _switches(self) -> dict[str, bool]:
        switches = {name: is_on for vendor in self.vendors for name, is_on in vendor.switches.items()}
        if self.settings.is_strict:
            switches |= {name: True for name in switches if name.endswith(".strict")}
        return switches

    async def go_on(self) -> None:
        """Let worlds in which a scenario plays go on although nobody asks, until the server stops."""
        from mockserver.simulation.ticker import Ticker  # only servers need it

        await Ticker(self.worlds).run()

    def hang_up(self) -> None:
        """End the live streams and what faults hold back: a server that stops would otherwise wait for both."""
        self._vendor_app.release()
        for watcher in self.store.watchers:
            watcher.leave()

    def close(self) -> None:
        """Commit and close the store."""
        self.store.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        kind = scope["type"]
        if kind == "lifespan":
            await _lifespan(receive, send)
        elif kind != "http":
            await send({"type": "websocket.close", "code": 1000})
        elif scope["path"].startswith(CONTROL_PREFIX) and scope["path"][len(CONTROL_PREFIX) :][:1] in ("", "/"):
            await self._control()(scope, receive, send)
        else:
            await self._vendor_app(scope, receive, send)

    def _control(self) -> ASGIApp:
        if self._control_app is None:
            from mockserver.control.routes import control_app  # not needed for the first vendor answer

            self._control_app = control_app(self.worlds, self.vendors, self.settings.admin_token, self.stage)
        return self._control_app


async def _lifespan(receive: Callable[[], Awaitable[object]], send: Send) -> None:
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})
