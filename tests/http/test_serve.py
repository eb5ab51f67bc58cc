from __future__ import annotations

import asyncio
import http.client
import importlib.util
import signal
import socket
import threading
import time
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest

from mockserver.http import serve
from mockserver.http.serve import SERVERS, BackgroundServer, ServerName, listen, require, run, url_of
from mockserver.kernel.errors import Unusable

every_server = pytest.mark.parametrize("server", SERVERS)


class SlowApp:
    """Streams two pieces with a pause between them."""

    def __init__(self, pause_s: float = 0.0) -> None:
        self.pause_s = pause_s
        self.began = threading.Event()

    async def __call__(self, scope: Any, receive: Callable[..., Any], send: Callable[..., Any]) -> None:
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
        await send({"type": "http.response.body", "body": b"one ", "more_body": True})
        self.began.set()
        await asyncio.sleep(self.pause_s)
        await send({"type": "http.response.body", "body": b"two"})


def get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=10) as answer:
        body: bytes = answer.read()
        return body


@every_server
def test_a_background_server_answers_as_soon_as_it_is_entered(server: ServerName) -> None:
    with BackgroundServer(SlowApp(), server) as background:
        assert get(background.url) == b"one two"

    with pytest.raises(OSError, match="refused"):
        get(background.url)


@every_server
def test_a_request_in_flight_ends_before_the_server_does(server: ServerName) -> None:
    app = SlowApp(pause_s=0.3)
    bodies: list[bytes] = []

    with BackgroundServer(app, server) as background:
        client = threading.Thread(target=lambda: bodies.append(get(background.url)))
        client.start()
        assert app.began.wait(5)
    client.join()

    assert bodies == [b"one two"]


@every_server
def test_an_idle_connection_does_not_hold_the_server_up(server: ServerName) -> None:
    with BackgroundServer(SlowApp(), server) as background:
        idle = http.client.HTTPConnection(background.url.removeprefix("http://"))
        idle.request("GET", "/")
        idle.getresponse().read()
        began = time.perf_counter()
    took = time.perf_counter() - began
    idle.close()

    assert took < serve.GRACE_S / 2


@pytest.mark.parametrize("server", ["hypercorn", "uvicorn"])
def test_a_request_that_does_not_end_is_cut_off_after_the_grace(
    server: ServerName, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serve, "GRACE_S", 0.2)
    app = SlowApp(pause_s=60)

    with BackgroundServer(app, server) as background:
        client = http.client.HTTPConnection(background.url.removeprefix("http://"))
        client.request("GET", "/")
        assert app.began.wait(5)
        began = time.perf_counter()

    assert time.perf_counter() - began < 5
    client.close()


@every_server
def test_a_head_request_is_answered_without_a_body(server: ServerName) -> None:
    with BackgroundServer(SlowApp(), server) as background:
        client = http.client.HTTPConnection(background.url.removeprefix("http://"))
        client.request("HEAD", "/")
        answer = client.getresponse()

        assert (answer.status, answer.read()) == (200, b"")
        client.close()


def test_a_server_that_cannot_start_says_so_to_who_enters(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: object) -> None:
        raise Unusable("no")

    monkeypatch.setitem(serve._HOW, "hypercorn", fail)

    with pytest.raises(Unusable, match="no"), BackgroundServer(SlowApp()):
        pass


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_run_in_good_order_and_puts_the_handlers_back(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    listener = listen("127.0.0.1", 0)

    run(SlowApp(), listener, server="hypercorn", on_ready=lambda: signal.raise_signal(number))

    assert signal.getsignal(number) is before


def test_a_server_that_is_not_installed_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)

    with pytest.raises(Unusable, match=r"^uvicorn is not installed: pip install 'mockserver\[fast\]'$"):
        require("uvicorn")


def test_uvloop_is_used_when_it_is_there_and_the_server_gains(monkeypatch: pytest.MonkeyPatch) -> None:
    assert serve._loop_factory("hypercorn") is None
    assert serve._loop_factory("uvicorn") is not None

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert serve._loop_factory("uvicorn") is None


# Listening


def test_a_port_in_use_is_one_clear_error() -> None:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(Unusable, match=rf"^cannot listen on 127.0.0.1:{port}: Address already in use$"):
            listen("127.0.0.1", port)


def test_a_host_that_does_not_exist_is_one_clear_error() -> None:
    with pytest.raises(Unusable, match=r"^cannot listen on nowhere\.invalid:1: "):
        listen("nowhere.invalid", 1)


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_an_open_address_wants_a_guard(host: str) -> None:
    with pytest.raises(Unusable, match="wants an --admin-token"):
        listen(host, 0)


def test_an_open_address_with_a_guard_is_fine() -> None:
    with listen("0.0.0.0", 0, is_guarded=True) as listener:
        assert url_of(listener).startswith("http://0.0.0.0:")


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this machine has no IPv6")
def test_an_ipv6_url_has_its_brackets() -> None:
    with listen("::1", 0) as listener:
        assert url_of(listener).startswith("http://[::1]:")
