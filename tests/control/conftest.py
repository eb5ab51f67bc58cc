"""A simulator of one made-up vendor, and a client of its control API."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import httpx
import pytest
from starlette.types import ASGIApp

from mockserver.control.openapi import control_document
from mockserver.control.routes import control_app
from mockserver.http.gateway import Gateway
from mockserver.http.inprocess import InProcessTransport
from mockserver.kernel.store import Store
from mockserver.kernel.windows import parse_instant
from mockserver.kernel.world import MIGRATIONS, Beginning, Worlds
from mockserver.resources import Fixtures
from mockserver.simulation import stage
from tests.conformance import Documented
from tests.control import toy

LOOPBACK = "http://127.0.0.1:8787"
START = "2026-02-10T12:00:00Z"


@cache
def _documented() -> Documented:
    """The document as a judge: made once, because that takes longer than most tests."""
    return Documented(control_document())


Exchange = tuple[str, str, int, str, Any]
"""Method, path, status, media type and body, as `tests.conformance.Documented.check` takes them."""


class ControlClient:
    """Calls the control API and holds every answer to the document."""

    def __init__(self, app: ASGIApp, base_url: str = LOOPBACK, headers: dict[str, str] | None = None) -> None:
        self._app = app
        self._base_url = base_url
        self._headers = headers or {}
        self._document = _documented()
        self.exchanges: list[Exchange] = []

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send one request and check its answer against the document."""
        response = self.request_unchecked(method, path, **options)
        media_type = response.headers.get("content-type", "")
        body = response.text if "jsonl" in media_type else response.json() if "json" in media_type else None
        exchange = (method, f"/_mock/{path.partition('?')[0]}", response.status_code, media_type, body)
        self._document.check(*exchange)
        self.exchanges.append(exchange)
        return response

    def request_unchecked(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send one request that the document need not know."""

        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(app=self._app)
            async with httpx.AsyncClient(transport=transport, base_url=self._base_url, headers=self._headers) as client:
                return await client.request(method, f"/_mock/{path}", **options)

        return asyncio.run(send())

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.request("GET", path, **options)

    def post(self, path: str, json: Any = None, **options: Any) -> httpx.Response:
        return self.request("POST", path, json=json, **options)

    def put(self, path: str, json: Any = None, **options: Any) -> httpx.Response:
        return self.request("PUT", path, json=json, **options)

    def delete(self, path: str) -> httpx.Response:
        return self.request("DELETE", path)


@pytest.fixture
def store() -> Iterator[Store]:
    store = Store(None)
    store.migrate([*MIGRATIONS, stage.migrations, toy.migrations])
    yield store
    store.close()


@pytest.fixture
def make_worlds(store: Store) -> Callable[..., Worlds]:
    """Makes worlds of the toy vendor: frozen at START, seed 7."""

    def make(**options: Any) -> Worlds:
        return Worlds(
            store,
            seeders=[lambda template: toy.vendor.seed(template, Fixtures())],
            actions=toy.vendor.actions,
            switches=toy.vendor.switches,
            beginning=Beginning(seed=7, clock_mode="frozen", clock_at=parse_instant(START)),
            **options,
        )

    return make


@pytest.fixture
def worlds(make_worlds: Callable[..., Worlds]) -> Worlds:
    return make_worlds()


@pytest.fixture
def control(worlds: Worlds) -> ControlClient:
    return ControlClient(control_app(worlds, [toy.vendor], None, stage.Stage(worlds, [toy.vendor])))


@pytest.fixture
def shop(worlds: Worlds) -> Iterator[httpx.Client]:
    """A client of the toy vendor, in world `acme`."""
    transport = InProcessTransport(Gateway(worlds, [toy.api]))
    headers = {"Authorization": "Bearer toy_acme", "User-Agent": "tests"}
    with httpx.Client(transport=transport, base_url="http://mock", headers=headers) as client:
        yield client
