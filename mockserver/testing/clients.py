"""The vendors' own clients, as the user has them installed, pointed at a world."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any

from mockserver.kernel.errors import MockError

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from mockserver.testing.world import World


class Missing(MockError):
    """A client library is not installed; the message says how to get it."""


def _module(name: str, package: str) -> Any:
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        raise Missing(f"{package} is not installed: pip install {package}") from None


@contextmanager
def pareta(world: World) -> Iterator[Any]:
    """Hold a `pareta.Pareta` for the length of a block.

    :raises Missing: it is not installed.
    """
    client = _module("pareta", "pareta").Pareta(api_key=world.pareta_key, base_url=world.url)
    try:
        yield client
    finally:
        client.close()


@contextmanager
def async_pareta(world: World) -> Iterator[Any]:
    """Hold a `pareta.AsyncPareta` for the length of a block, whichever event loop uses it.

    :raises Missing: it is not installed.
    """
    module = _module("pareta", "pareta")
    said = {"api_key": world.pareta_key, "base_url": world.url}
    usual = module.AsyncPareta(**said)  # never used: it knows how long this version waits
    http = _loopless(timeout=usual.timeout)
    try:
        yield module.AsyncPareta(**said, http_client=http)
    finally:
        _run(http.aclose)


@contextmanager
def paygentic(world: World) -> Iterator[Any]:
    """Hold a `paygentic_sdk.Paygentic`, whose methods are sync and async, for the length of a block.

    :raises Missing: it is not installed.
    """
    module = _module("paygentic_sdk", "paygentic-sdk")
    http = _loopless(follow_redirects=True)
    try:
        with module.Paygentic(bearer_auth=world.paygentic_key, server_url=world.url, async_client=http) as client:
            yield client
    finally:
        _run(http.aclose)


@contextmanager
def openai(world: World) -> Iterator[Any]:
    """Hold an `openai.OpenAI` that speaks to Pareta for the length of a block.

    :raises Missing: it is not installed.
    """
    client = _module("openai", "openai").OpenAI(api_key=world.pareta_key, base_url=f"{world.url}/v1")
    try:
        yield client
    finally:
        client.close()


def _loopless(**options: Any) -> Any:
    """Return an `httpx.AsyncClient` that holds no connection between requests.

    A connection belongs to the event loop that opened it, and by the time a fixture ends that loop may be closed:
    nobody could close the connection any more, and Python would warn of it.
    """
    import httpx

    return httpx.AsyncClient(limits=httpx.Limits(max_keepalive_connections=0), **options)


def _run(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run something async to its end, in a thread, so that whatever loop the test has set or runs is left alone."""
    thread = threading.Thread(target=lambda: asyncio.run(work()), name="mockserver-close")
    thread.start()
    thread.join()
