"""Inner test runs: what a user of the plugin writes, run by pytest inside of a test."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from mockserver.testing.world import World

Inner = Callable[..., pytest.RunResult]


@pytest.fixture
def inner(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Inner:
    """Runs the text of a test file in this process, with warnings as errors, and expects these numbers of outcomes."""
    for name in ("CI", "BUILD_NUMBER"):  # where these are set, pytest's summary repeats every message in full
        monkeypatch.delenv(name, raising=False)

    def run(source: str, *arguments: str, ini: str = "", **outcomes: int) -> pytest.RunResult:
        pytester.makeini(f"[pytest]\naddopts = --strict-markers -p no:cacheprovider\nfilterwarnings = error\n{ini}")
        pytester.makepyfile(test_inner=source)
        result = pytester.runpytest_inprocess("-p", "no:xdist", "-p", "no:randomly", *arguments)
        result.assert_outcomes(**outcomes)
        return result

    return run


@pytest.fixture
def calling(mockserver: World) -> httpx.Client:
    """A client of both vendors in the test's world, without a socket; `json` and `key` are the caller's."""
    return client_of(mockserver)


def client_of(world: World) -> httpx.Client:
    """Return a client with a Pareta key of a world."""
    headers = {"Authorization": f"Bearer {world.pareta_key}"}
    return httpx.Client(transport=world.transport, base_url="http://mock", headers=headers)


def chat(client: httpx.Client, text: str = "hello", **options: object) -> httpx.Response:
    """Ask for a chat."""
    body = {"model": "auto", "messages": [{"role": "user", "content": text}], **options}
    return client.post("/v1/chat/completions", json=body)
