"""The guard: nothing gets out of this machine, whatever it is tried with, and what is tried is named."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from mockserver.testing import NetworkBlocked, World
from mockserver.testing.network import blocked, is_local
from tests.testing.conftest import Inner

pytest_plugins = ("pytester",)

# No name and no address of these is anybody's (RFC 2606, RFC 5737).
HOST = "vendor.example"
ADDRESS = "192.0.2.1"


async def _by_loop(host: str) -> None:
    await asyncio.open_connection(host, 443)


async def _by_loop_socket() -> None:
    with socket.socket() as sock:
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, (ADDRESS, 443))


async def _by_async_client() -> None:
    async with httpx.AsyncClient() as client:
        await client.get(f"https://{HOST}")


def _by_datagram() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.sendto(b"x", (ADDRESS, 443))


def _by_socket(connect: str) -> None:
    with socket.socket() as sock:
        getattr(sock, connect)((ADDRESS, 443))


def _by_six() -> None:
    with socket.socket(socket.AF_INET6) as sock:
        sock.connect(("2001:db8::1", 443, 0, 0))


def _by_uvloop(work: Callable[[], Any]) -> None:
    uvloop = pytest.importorskip("uvloop")
    with blocked(), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(work())


WAYS: dict[str, tuple[Callable[[], Any], str]] = {
    "socket": (lambda: _by_socket("connect"), ADDRESS),
    "socket without errors": (lambda: _by_socket("connect_ex"), ADDRESS),
    "ipv6": (_by_six, "[2001:db8::1]"),
    "datagram": (_by_datagram, ADDRESS),
    "create_connection": (lambda: socket.create_connection((HOST, 443)), HOST),
    "http.client": (lambda: HTTPConnection(HOST, 443).request("GET", "/"), HOST),
    "httpx": (lambda: httpx.get(f"https://{HOST}"), HOST),
    "httpx, async": (lambda: asyncio.run(_by_async_client()), HOST),
    "asyncio, name": (lambda: asyncio.run(_by_loop(HOST)), HOST),
    "asyncio, address": (lambda: asyncio.run(_by_loop(ADDRESS)), ADDRESS),
    "asyncio, socket": (lambda: asyncio.run(_by_loop_socket()), ADDRESS),
}


@pytest.mark.parametrize("way", WAYS)
def test_no_way_leads_out(block_network: None, way: str) -> None:
    go, where = WAYS[way]

    with pytest.raises(NetworkBlocked, match="a connection to ") as caught:
        go()

    assert f"a connection to {where}:443 was blocked: tests may only reach this machine" in str(caught.value)
    assert isinstance(caught.value, RuntimeError)
    assert not isinstance(caught.value, OSError)


@pytest.mark.parametrize("work", [lambda: _by_loop(HOST), lambda: _by_loop(ADDRESS), _by_loop_socket, _by_async_client])
def test_no_way_leads_out_of_uvloop(work: Callable[[], Any]) -> None:
    with pytest.raises(NetworkBlocked):
        _by_uvloop(work)


def test_names_are_not_looked_up_either(block_network: None) -> None:
    for look_up in (socket.gethostbyname, socket.gethostbyname_ex):
        with pytest.raises(NetworkBlocked, match=f"a connection to {HOST} was blocked"):
            look_up(HOST)


def test_a_client_says_at_last_where_it_was_to_go(block_network: None) -> None:
    with (
        openai.OpenAI(api_key="k", base_url=f"https://{HOST}/v1", max_retries=0) as client,
        pytest.raises((NetworkBlocked, openai.APIConnectionError)) as caught,
    ):
        client.models.list()

    # Some releases wrap whatever happens.
    assert isinstance(caught.value, NetworkBlocked) or isinstance(caught.value.__cause__, NetworkBlocked)


@pytest.mark.mockserver(block_network=True)
def test_this_machine_can_be_reached(mockserver: World, tmp_path: Path) -> None:
    headers = {"Authorization": f"Bearer {mockserver.pareta_key}"}
    assert httpx.get(f"{mockserver.url}/v1/models", headers=headers).status_code == 200
    assert (
        httpx.get(f"{mockserver.url.replace('127.0.0.1', 'localhost')}/v1/models", headers=headers).status_code == 200
    )

    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as client:
        listener.bind(path)
        listener.listen()
        client.connect(path)

    with pytest.raises(NetworkBlocked):
        httpx.get(f"https://{HOST}")


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("::ffff:127.0.0.1", True), ("0.0.0.0", True),
        ("localhost", True), ("LOCALHOST.", True), ("app.localhost", True), ("", True), (None, True), (b"::1", True),
        (HOST, False), (ADDRESS, False), ("localhost.example", False), ("::ffff:192.0.2.1", False),
        ("127.0.0.1.example", False), ("10.0.0.1", False), (b"vendor.example", False),
    ],
)  # fmt: skip
def test_what_is_this_machine(host: object, expected: bool) -> None:
    assert is_local(host) is expected


@pytest.fixture
def unguarded() -> Iterator[dict[str, Any]]:
    names = ("connect", "connect_ex", "sendto")
    before = {name: getattr(socket.socket, name) for name in names} | {"getaddrinfo": socket.getaddrinfo}
    yield before
    after = {name: getattr(socket.socket, name) for name in names} | {"getaddrinfo": socket.getaddrinfo}
    assert after == before


def test_the_guard_is_gone_afterwards_however_it_is_nested(unguarded: dict[str, Any]) -> None:
    with blocked():
        with suppress(ValueError), blocked(HOST):
            assert socket.getaddrinfo is not unguarded["getaddrinfo"]
            raise ValueError
        with pytest.raises(NetworkBlocked):
            socket.getaddrinfo(HOST, 443)

    assert "connect" not in vars(socket.socket)


def test_a_host_that_is_allowed_may_be_reached() -> None:
    with blocked(HOST), pytest.raises(socket.gaierror):
        socket.getaddrinfo(HOST, 443)


def test_threads_are_guarded_too(block_network: None) -> None:
    caught: list[BaseException] = []

    def go() -> None:
        try:
            socket.create_connection((ADDRESS, 443))
        except NetworkBlocked as error:
            caught.append(error)

    thread = threading.Thread(target=go)
    thread.start()
    thread.join()

    assert len(caught) == 1


OUT = """
import socket, pytest

def test_it():
    socket.create_connection(("vendor.example", 443))
"""
MESSAGE = "E * a connection to vendor.example:443 was blocked: tests may only reach this machine*"


@pytest.mark.parametrize("how", ["option", "ini", "marker", "fixture"])
def test_the_guard_is_put_up_for_a_run_or_for_a_test(inner: Inner, how: str) -> None:
    source = {
        "marker": "import pytest\npytestmark = pytest.mark.mockserver(block_network=True)\n" + OUT,
        "fixture": OUT.replace("test_it()", "test_it(block_network)"),
    }.get(how, OUT)
    arguments = ["--mockserver-block-network"] if how == "option" else []
    ini = "mockserver_block_network = true" if how == "ini" else ""

    result = inner(source, *arguments, ini=ini, failed=1)

    result.stdout.fnmatch_lines([MESSAGE])
    assert "connect" not in vars(socket.socket)
