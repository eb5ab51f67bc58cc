"""What VCR.py recorded of a served world is played to the vendors' own clients, who cannot tell it from the world."""

from __future__ import annotations

import asyncio
import importlib
import io
import json
import ssl
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import aiohttp
import httpx
import pytest
import requests
import vcr
from vcr.cassette import Cassette
from vcr.serializers import yamlserializer
from yarl import URL

from mockserver.app import Simulator
from mockserver.cassettes.files import Library
from mockserver.cassettes.player import Player
from mockserver.cassettes.replaying import Playback, ReplayApp
from mockserver.config import Settings
from mockserver.http.inprocess import InProcessTransport
from mockserver.http.serve import BackgroundServer
from mockserver.kernel.money import MicroUsd
from mockserver.kernel.windows import parse_instant
from mockserver.kernel.world import Beginning
from tests.cassettes import programs
from tests.cassettes.programs import Program, Seen, in_one_way
from tests.conftest import START
from tests.vendors.pareta import sdk as pareta_sdk

pytestmark = pytest.mark.sdk

TLS = ssl.create_default_context()
"""Never used; without it each HTTP client would read the machine's certificates anew."""
PARETA = ("0.1.0", "0.3.1", "1.3.0", "2.1.0", "3.0.4")


@dataclass(frozen=True)
class Kind:
    """A client: of which library, in which version, sync or async."""

    library: Literal["pareta", "openai", "paygentic"]
    version: str
    is_async: bool

    def __str__(self) -> str:
        return f"{self.library}-{self.version or 'installed'}-{'async' if self.is_async else 'sync'}"

    @property
    def program(self) -> Program:
        """What is done with it."""
        if self.library == "pareta":
            return programs.pareta(pareta_sdk.major(self.version), self.version != "0.1.0")
        return programs.openai if self.library == "openai" else programs.paygentic

    @contextmanager
    def module(self) -> Iterator[ModuleType]:
        """Make it importable."""
        if self.library == "pareta":
            with pareta_sdk.installed(self.version) as module:
                yield module
        else:
            yield importlib.import_module("openai" if self.library == "openai" else "paygentic_sdk")

    def run(self, url: str, drain: Callable[[], None], transport: Any = None) -> Seen:
        """Run its program at an address, or through a transport that needs none, and return what it saw."""
        with self.module() as module, asyncio.Runner() as runner:
            sync_http = httpx.Client(transport=transport, verify=TLS, timeout=20)
            async_http = httpx.AsyncClient(transport=transport, verify=TLS, timeout=20)
            http: Any = async_http if self.is_async else sync_http
            if self.library == "paygentic":
                client = module.Paygentic(
                    bearer_auth="sk_test_acme", server_url=url, client=sync_http, async_client=async_http
                )
            else:
                name = {"pareta": "Pareta", "openai": "OpenAI"}[self.library]
                base_url = f"{url}/v1" if self.library == "openai" else url
                client = getattr(module, f"Async{name}" if self.is_async else name)(
                    api_key="pareta_sk_test_acme", base_url=base_url, max_retries=0, http_client=http
                )
            try:
                return self.program(in_one_way(client, runner if self.is_async else None), drain)
            finally:
                sync_http.close()
                runner.run(async_http.aclose())


KINDS = [
    *(Kind("pareta", version, is_async) for version in PARETA for is_async in (False, True)),
    *(Kind(library, "", is_async) for library in ("openai", "paygentic") for is_async in (False, True)),
]


# Recording with VCR.py


@contextmanager
def served() -> Iterator[tuple[str, Callable[[], None]]]:
    """Serve a world that is always the same; with its address comes what takes its credit away."""
    simulator = Simulator(Settings(beginning=Beginning(seed=7, clock_mode="frozen", clock_at=parse_instant(START))))

    def drain() -> None:
        with simulator.store.committed():
            world = simulator.worlds.admit("acme")
            account = next(vendor.account for vendor in simulator.vendors if vendor.account)
            account.grant(world, MicroUsd(-account.balance(world)), "spent")

    with BackgroundServer(simulator) as server:
        yield server.url, drain
    simulator.close()


@contextmanager
def recording(path: Path) -> Iterator[None]:
    """Let VCR.py write down what passes in a block."""
    serializer = "json" if path.suffix == ".json" else "yaml"
    with vcr.VCR(serializer=serializer, record_mode=vcr.mode.ALL).use_cassette(str(path)):
        yield


@dataclass(frozen=True)
class Recorded:
    """A cassette, and what a client's program saw when it was recorded, or sees in the same world.

    :param origin: where the world was served.
    """

    path: Path
    origin: str
    seen: Seen


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Kind], Recorded]:
    """What the program of a client saw of a served world while VCR.py recorded it; each is run once."""
    folder = tmp_path_factory.mktemp("recorded")

    @cache
    def recorded(kind: Kind) -> Recorded:
        path = folder / f"{kind}.yaml"
        with served() as (url, drain), recording(path):
            return Recorded(path, url, kind.run(url, drain))

    return recorded


# Playing


def no_drain() -> None:
    """Credit is taken from worlds, not from recordings."""


def at_one_origin(seen: Any, origin: str) -> str:
    """Return what was seen as text, wherever the world was served: answers name their own address."""
    return repr(seen).replace(origin, "http://world")


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_a_client_is_told_by_a_recording_what_the_world_told_it(kind: Kind, live: Callable[[Kind], Recorded]) -> None:
    recorded = live(kind)
    library = Library([recorded.path])
    in_process, over_socket = Player(library), Player(library)

    seen_in_process = kind.run("http://anywhere", no_drain, InProcessTransport(Playback(in_process)))
    with BackgroundServer(ReplayApp(over_socket)) as server:
        seen_over_socket = kind.run(server.url, no_drain)

    assert seen_in_process == recorded.seen
    assert seen_over_socket == recorded.seen
    assert in_process.missed == over_socket.missed == 0


def test_the_programs_see_all_that_clients_must_be_told(live: Callable[[Kind], Recorded]) -> None:
    """What a recording is held to is no list of failures: the errors in it are the clients' own, and meant."""
    for kind in KINDS:
        errors = {name: value[0] for name, value in live(kind).seen if isinstance(value, tuple) and len(value) == 3}
        if kind.library == "pareta":
            assert errors == {
                "unknown model": "NotFoundError", "invalid": "BadRequestError", "no such run": "NotFoundError",
                "no credit": "InsufficientCreditsError", "no credit in a stream": "InsufficientCreditsError",
            }  # fmt: skip
        elif kind.library == "openai":
            assert errors == {"unknown model": "NotFoundError", "no credit": "APIStatusError"}
        else:
            assert errors == {"no such cost": "Error", "faulty": "Error"}


# The same requests, sent by other means


def with_requests(sent: Iterable[httpx.Request]) -> None:
    with requests.Session() as session:
        for request in sent:
            body: Any = request.content
            if request.headers.get("content-type", "").startswith("multipart/"):
                body = io.BytesIO(body)
            session.request(request.method, str(request.url), data=body, headers=dict(request.headers), timeout=20)


def with_httpx(sent: Iterable[httpx.Request]) -> None:
    with httpx.Client(verify=TLS) as client:
        for request in sent:
            client.send(request)


def with_httpx_streaming(sent: Iterable[httpx.Request]) -> None:
    with httpx.Client(verify=TLS) as client:
        for request in sent:
            with client.stream(
                request.method, request.url, content=iter([request.content]), headers=request.headers
            ) as answer:
                deque(answer.iter_raw(), maxlen=0)


def with_async_httpx(sent: Iterable[httpx.Request]) -> None:
    async def all_of_them() -> None:
        async with httpx.AsyncClient(verify=TLS) as client:
            for request in sent:
                async with client.stream(
                    request.method, request.url, content=request.content, headers=request.headers
                ) as answer:
                    deque([piece async for piece in answer.aiter_raw()], maxlen=0)

    asyncio.run(all_of_them())


def with_aiohttp(sent: Iterable[httpx.Request]) -> None:
    async def all_of_them() -> None:
        async with aiohttp.ClientSession() as session:
            for request in sent:
                headers = {name: value for name, value in request.headers.items() if name in KEPT}
                body: Any = {"data": request.content} if request.content else {}
                if headers.get("content-type") == "application/json":
                    del headers["content-type"]
                    body = {"json": json.loads(request.content)}
                url = URL(str(request.url), encoded=True)
                async with session.request(request.method, url, headers=headers, **body) as answer:
                    await answer.read()

    asyncio.run(all_of_them())


def otherwise_spelled(request: Any, origin: str) -> httpx.Request:
    """Return a request that means the same to a server at another origin: JSON and multipart in other words."""
    headers = {name: value for name, value in request.headers.items() if name.lower() in KEPT}
    body: bytes = request.body or b""
    content_type = headers.get("content-type", "")
    if content_type.startswith("application/json") and body:
        value = json.loads(body)
        pairs = list(value.items())[::-1]
        body = json.dumps(dict(pairs), indent=3, ensure_ascii=not request.body.isascii()).encode()
    if content_type.startswith("multipart/"):
        boundary = content_type.partition("boundary=")[2]
        body = body.replace(boundary.encode(), b"other_boundary")
        headers["content-type"] = "multipart/form-data; boundary=other_boundary"
    return httpx.Request(
        request.method, f"{origin}{request.path}", params=request.query[::-1] or None, content=body, headers=headers
    )


KEPT = ("authorization", "content-type", "accept", "user-agent", "idempotency-key")
SENDERS = [with_requests, with_httpx, with_httpx_streaming, with_async_httpx, with_aiohttp]
SENT_OTHERWISE = [
    Kind("pareta", "0.3.1", is_async=False), Kind("pareta", "3.0.4", is_async=True),
    Kind("openai", "", is_async=False), Kind("paygentic", "", is_async=True),
]  # fmt: skip


@pytest.mark.parametrize("kind", SENT_OTHERWISE, ids=str)
@pytest.mark.parametrize("sender", SENDERS)
def test_a_client_cannot_tell_who_made_the_recording(
    kind: Kind, sender: Callable[[Iterable[httpx.Request]], None], live: Callable[[Kind], Recorded], tmp_path: Path
) -> None:
    original = live(kind)
    # VCR.py cannot write bytes that are no text as JSON.
    path = tmp_path / f"cassette.{'yaml' if kind.library == 'pareta' else 'json'}"
    asked = Cassette.load(path=str(original.path), serializer=yamlserializer).requests
    with served() as (url, drain), recording(path):

        def one_after_the_other() -> Iterator[httpx.Request]:
            for number, request in enumerate(asked):
                if number == len(asked) - CREDITLESS[kind.library]:
                    drain()
                yield otherwise_spelled(request, url)

        sender(one_after_the_other())

    player = Player(Library([path]))
    seen = kind.run("http://anywhere", no_drain, InProcessTransport(Playback(player)))

    assert at_one_origin(seen, url) == at_one_origin(original.seen, original.origin)
    assert player.missed == 0


CREDITLESS = {"pareta": 2, "openai": 1, "paygentic": 0}
"""How many of the last requests of a program are made without credit."""
