from __future__ import annotations

import pytest

from mockserver.control.guard import is_loopback
from mockserver.control.routes import control_app
from mockserver.kernel.world import Worlds
from tests.control import toy
from tests.control.conftest import LOOPBACK, ControlClient


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "127.0.0.1:8787", "127.9.9.9:1", "localhost", "localhost:8787", "LOCALHOST", "[::1]", "[::1]:8787"],
)
def test_this_machine_may_speak(control: ControlClient, host: str) -> None:
    assert control.get("version", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    ["", "evil.example", "evil.example:8787", "127.0.0.1.evil.example", "10.0.0.1", "0.0.0.0", "[::2]", "[::1",
     "localhost.evil.example", "evil.example@127.0.0.2.evil.example"],
)  # fmt: skip
@pytest.mark.parametrize("path", ["version", "health"])
def test_a_foreign_host_is_refused(control: ControlClient, host: str, path: str) -> None:
    assert control.get(path, headers={"Host": host}).status_code == 403


@pytest.mark.parametrize("origin", ["http://127.0.0.1:8787", "http://localhost:3000", "http://[::1]"])
def test_pages_of_this_machine_may_speak(control: ControlClient, origin: str) -> None:
    assert control.get("version", headers={"Origin": origin}).status_code == 200


@pytest.mark.parametrize("origin", ["null", "", "https://evil.example", "http://127.0.0.1.evil.example"])
def test_foreign_pages_are_refused(control: ControlClient, origin: str) -> None:
    assert control.get("version", headers={"Origin": origin}).status_code == 403


@pytest.fixture
def guarded(worlds: Worlds) -> ControlClient:
    app = control_app(worlds, [toy.vendor], "s3cret-ü")
    return ControlClient(app, "http://mock.internal")


def test_the_token_opens_from_anywhere(guarded: ControlClient) -> None:
    headers = {"Authorization": "bearer s3cret-ü".encode(), "Origin": b"https://evil.example"}

    assert guarded.get("version", headers=headers).status_code == 200


@pytest.mark.parametrize("authorization", [None, "Bearer", "Bearer wrong", "Basic s3cret", "s3cret"])
def test_without_the_token_nothing_but_health_answers(guarded: ControlClient, authorization: str | None) -> None:
    headers = {"Authorization": authorization} if authorization else {}

    refused = guarded.get("version", headers=headers)

    assert refused.status_code == 401
    assert refused.headers["www-authenticate"] == "Bearer"
    assert guarded.request_unchecked("GET", "nowhere", headers=headers).status_code == 401
    assert guarded.get("health", headers=headers).json() == {"status": "ok"}


def test_a_url_that_cannot_be_read_is_foreign() -> None:
    assert is_loopback(LOOPBACK)
    assert not is_loopback("http://[::1")
