"""The vendors' own clients, pointed at a test's world: every published version, sync and async, closed afterwards."""

from __future__ import annotations

import asyncio
import gc
import sys
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import openai
import pareta
import paygentic_sdk
import pytest

from mockserver.testing import World, clients
from tests import sdks
from tests.testing.conftest import Inner
from tests.vendors.pareta.sdk import VERSIONS as PARETA
from tests.vendors.paygentic.clients.sdk import VERSIONS as PAYGENTIC

pytest_plugins = ("pytester",)

MESSAGES = [{"role": "user", "content": "hello"}]


# The installed ones


def test_the_installed_clients_speak_to_the_world(
    mockserver: World, pareta_client: pareta.Pareta, openai_client: openai.OpenAI, paygentic_client: Any
) -> None:
    pareta_client.chat.completions.create(model="auto", messages=MESSAGES)
    openai_client.chat.completions.create(model="auto", messages=MESSAGES)  # type: ignore[arg-type]
    paygentic_client.customers.get(id="cus_abc123")

    assert isinstance(paygentic_client, paygentic_sdk.Paygentic)
    assert [r.operation for r in mockserver.requests] == [
        "pareta.chat.completions.create", "pareta.chat.completions.create", "paygentic.customers.get",
    ]  # fmt: skip


def test_retries_are_the_clients_own(mockserver: World, openai_client: openai.OpenAI) -> None:
    mockserver.faults.add(operation="chat.completions.create", first=2, status=503, retry_after=0)

    openai_client.chat.completions.create(model="auto", messages=MESSAGES)  # type: ignore[arg-type]

    assert [r.status for r in mockserver.requests] == [503, 503, 200]


async def _ask(client: Any) -> None:
    await client.chat.completions.create(model="auto", messages=MESSAGES)
    stream = await client.chat.completions.create(model="auto", messages=MESSAGES, stream=True)
    assert [chunk async for chunk in stream]


def test_an_async_client_may_be_used_in_several_loops(mockserver: World, async_pareta_client: Any) -> None:
    asyncio.run(_ask(async_pareta_client))
    asyncio.run(_ask(async_pareta_client))

    assert [r.status for r in mockserver.requests] == [200] * 4


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_an_async_client_is_used_in_the_loop_of_a_plugin(mockserver: World, async_pareta_client: Any) -> None:
    await _ask(async_pareta_client)

    assert len(mockserver.requests) == 2


def test_the_async_half_of_a_client_is_closed_too(mockserver: World, paygentic_client: Any) -> None:
    asyncio.run(paygentic_client.customers.get_async(id="cus_abc123"))

    assert [r.operation for r in mockserver.requests] == ["paygentic.customers.get"]


def test_nothing_is_left_open_whoever_runs_the_loop(inner: Inner) -> None:
    inner(
        """
        import asyncio, gc, pytest

        MESSAGES = [{"role": "user", "content": "hello"}]

        @pytest.fixture(autouse=True, scope="module")
        def swept():
            yield
            gc.collect()

        async def ask(client):
            await client.chat.completions.create(model="auto", messages=MESSAGES)

        def test_without_a_plugin(async_pareta_client, paygentic_client):
            asyncio.run(ask(async_pareta_client))
            asyncio.run(paygentic_client.customers.get_async(id="cus_abc123"))

        @pytest.mark.anyio
        @pytest.mark.parametrize("anyio_backend", ["asyncio"])
        async def test_with_anyio(async_pareta_client):
            await ask(async_pareta_client)

        def test_loop_left_running_by_the_test(async_pareta_client):
            loop = asyncio.new_event_loop()
            loop.run_until_complete(ask(async_pareta_client))
            loop.close()

        def test_sync(pareta_client, openai_client, paygentic_client):
            pareta_client.models.list()
            openai_client.models.list()
            paygentic_client.customers.get(id="cus_abc123")
        """,
        passed=4,
    )


@pytest.mark.parametrize(
    ("fixture", "module", "package"),
    [
        ("pareta_client", "pareta", "pareta"),
        ("async_pareta_client", "pareta", "pareta"),
        ("paygentic_client", "paygentic_sdk", "paygentic-sdk"),
        ("openai_client", "openai", "openai"),
    ],
)
def test_a_client_that_is_missing_skips_with_the_reason(inner: Inner, fixture: str, module: str, package: str) -> None:
    result = inner(
        f"""
        import sys, pytest

        class Nowhere:
            def find_spec(self, name, path=None, target=None):
                if name == "{module}":
                    raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

        @pytest.fixture(autouse=True)
        def without(monkeypatch):
            for name in [name for name in sys.modules if name.partition(".")[0] == "{module}"]:
                monkeypatch.delitem(sys.modules, name)
            monkeypatch.setattr(sys, "meta_path", [Nowhere(), *sys.meta_path])

        def test_it({fixture}):
            raise AssertionError
        """,
        "-rs",
        skipped=1,
    )

    result.stdout.fnmatch_lines([f"SKIPPED*{package} is not installed: pip install {package}"])


# Every published one


@pytest.mark.sdk
@pytest.mark.parametrize("version", PARETA)
def test_every_pareta_client_speaks_to_the_world(mockserver: World, version: str) -> None:
    with sdks.installed("pareta", sdks.folder_of("pareta", version)):
        with clients.pareta(mockserver) as client:
            client.chat.completions.create(model="auto", messages=MESSAGES)
        with clients.async_pareta(mockserver) as client:
            assert client.max_retries > 0
            asyncio.run(_ask(client))

    _swept()
    assert [r.status for r in mockserver.requests] == [200] * 3


@pytest.mark.sdk
@pytest.mark.parametrize("version", PAYGENTIC)
def test_every_paygentic_client_speaks_to_the_world(mockserver: World, version: str) -> None:
    with (
        sdks.installed("paygentic_sdk", sdks.folder_of("paygentic", version)),
        clients.paygentic(mockserver) as client,
    ):
        client.customers.get(id="cus_abc123")
        asyncio.run(client.customers.get_async(id="cus_abc123"))

    _swept()
    assert [r.operation for r in mockserver.requests] == ["paygentic.customers.get"] * 2


@pytest.mark.sdk
@pytest.mark.parametrize("opened", [clients.pareta, clients.paygentic, clients.openai])
def test_a_client_is_closed_when_its_test_fails(
    mockserver: World, opened: Callable[[World], AbstractContextManager[Any]]
) -> None:
    def fail() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), opened(mockserver) as client:  # noqa: PT012  # what fails is in the block
        _first(client)
        fail()

    with pytest.raises((RuntimeError, AttributeError, openai.APIConnectionError)):
        _first(client)


def _first(client: Any) -> None:
    if "Paygentic" in type(client).__name__:
        client.customers.get(id="cus_abc123")
    else:
        client.models.list()


def _swept() -> None:
    """Collect garbage with warnings as errors: a connection nobody closed warns when it goes."""
    seen: list[Any] = []
    before, sys.unraisablehook = sys.unraisablehook, seen.append
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            gc.collect()
    finally:
        sys.unraisablehook = before
    assert [str(each.exc_value) for each in seen] == []
