from __future__ import annotations

import asyncio
from typing import Any

import pytest

from mockserver import __version__
from mockserver.control.routes import control_app
from mockserver.kernel.world import Worlds
from tests.control import toy
from tests.control.conftest import ControlClient


def test_health_survives_a_reset(control: ControlClient) -> None:
    control.post("worlds/default/reset")

    assert control.get("health").json() == {"status": "ok"}


def test_version_names_the_vendors(control: ControlClient) -> None:
    assert control.get("version").json() == {
        "name": "mockserver",
        "version": __version__,
        "vendors": [{"name": "toy", "title": "Toy <Shop>", "version": "9"}],
    }


def test_every_api_has_its_document(control: ControlClient) -> None:
    own = control.get("openapi.json").json()

    assert own["info"]["title"] == "mockserver control"
    assert control.get("openapi/control.json").json() == own
    assert "/shop/sales" in control.get("openapi/toy.json").json()["paths"]
    assert control.get("openapi/other.json").status_code == 404


def test_the_docs_page_lists_every_operation_and_loads_nothing(control: ControlClient) -> None:
    page = control.get("docs")

    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "<code>worlds.fork</code>" in page.text
    assert "Buy &amp; pay." in page.text
    assert "Toy &lt;Shop&gt;" in page.text
    assert "src=" not in page.text
    assert "href=" not in page.text


@pytest.mark.parametrize("path", ["", "nothing", "worlds/", "worlds/acme/nothing"])
def test_an_unknown_path_is_a_problem(control: ControlClient, path: str) -> None:
    refused = control.request_unchecked("GET", path)

    assert refused.status_code == 404
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.json()["title"] == "Not Found"


def test_a_wrong_method_is_told_the_right_ones(control: ControlClient) -> None:
    refused = control.request_unchecked("PATCH", "worlds/acme/clock")

    assert refused.status_code == 405
    assert {method.strip() for method in refused.headers["allow"].split(",")} == {"GET", "HEAD", "PUT"}


def test_a_body_cut_short_is_no_fault_of_ours(worlds: Worlds, caplog: pytest.LogCaptureFixture) -> None:
    app = control_app(worlds, [toy.vendor], None)
    coming = [{"type": "http.request", "body": b'{"na', "more_body": True}, {"type": "http.disconnect"}]
    sent: list[Any] = []

    async def receive() -> Any:
        return coming.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/_mock/worlds",
        "query_string": b"",
        "headers": [(b"host", b"localhost")],
    }

    async def serve() -> None:
        await app(scope, receive, send)

    asyncio.run(serve())

    assert sent[0]["status"] == 400
    assert not caplog.records


def test_head_asks_like_get(control: ControlClient) -> None:
    assert control.request_unchecked("HEAD", "health").status_code == 200


def test_a_fault_of_our_own_is_a_problem_too(control: ControlClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mockserver.control.operations.server.__version__", object())

    broken = control.request_unchecked("GET", "version")

    assert broken.status_code == 500
    assert broken.headers["content-type"] == "application/problem+json"
