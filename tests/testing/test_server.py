"""The session's server: in this process, or one that was there before; and what is said when that is none of ours."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx
import pytest

from mockserver.app import Simulator
from mockserver.config import Settings
from mockserver.http.serve import BackgroundServer
from mockserver.testing.remote import RemoteServer, check
from mockserver.testing.server import LocalServer, NoServer
from tests.testing.conftest import Inner

pytest_plugins = ("pytester",)

TESTS = """
import httpx, pytest

def get(world, path="/v1/models"):
    return httpx.get(world.url + path, headers={"Authorization": f"Bearer {world.pareta_key}"})

@pytest.mark.mockserver(balance_usd="1", at="2026-05-01T00:00:00Z")
def test_it(mockserver, make_world):
    assert get(mockserver).status_code == 200
    assert mockserver.credits.balance_usd == 1
    mockserver.faults.add(operation="models.*", status=500)
    assert get(mockserver).status_code == 500
    mockserver.clock.advance("1h")
    assert [r.status for r in mockserver.requests.of("models.list")] == [200, 500]
    other = make_world("other", balance_usd="2")
    assert other.credits.balance_usd == 2
    fork = mockserver.fork("fork")
    assert len(fork.requests) == 2
    mockserver.restore(mockserver.snapshot())
    mockserver.assert_called("models.list", times=2)
    mockserver.reset()
    assert len(mockserver.requests) == 0

def test_another(mockserver):
    assert len(mockserver.requests) == 0
"""


# In this process


@pytest.fixture
def local() -> Iterator[LocalServer]:
    server = LocalServer()
    yield server
    server.close()


def test_the_socket_opens_with_the_first_look_at_the_url_and_only_once(local: LocalServer) -> None:
    assert not local.is_listening
    urls: list[str] = []
    threads = [threading.Thread(target=lambda: urls.append(local.url)) for _ in range(8)]
    before = threading.active_count()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert local.is_listening
    assert len(urls) == 8
    assert len(set(urls)) == 1
    assert threading.active_count() == before + 1
    assert httpx.get(f"{local.url}/_mock/health").status_code == 200


def test_a_closed_server_has_let_go_of_its_port(local: LocalServer) -> None:
    url = local.url
    local.close()
    local.close()

    with pytest.raises(httpx.ConnectError):
        httpx.get(url)
    with pytest.raises(NoServer, match="the session's server is closed"):
        _ = local.url


def test_tests_without_a_socket_open_none(inner: Inner) -> None:
    inner(
        """
        import httpx

        def test_it(mockserver, mockserver_server):
            headers = {"Authorization": f"Bearer {mockserver.pareta_key}"}
            with httpx.Client(transport=mockserver.transport, base_url="http://mock", headers=headers) as http:
                assert http.get("/v1/models").status_code == 200
            assert not mockserver_server.is_listening
        """,
        passed=1,
    )


def test_the_tests_pass_on_a_server_of_their_own(inner: Inner) -> None:
    inner(TESTS, passed=2)


# One that was there before


@pytest.fixture
def running() -> Iterator[Callable[..., str]]:
    """Starts servers and returns their URLs."""
    closing: list[Callable[[], None]] = []

    def start(admin_token: str | None = None) -> str:
        simulator = Simulator(Settings(admin_token=admin_token))
        background = BackgroundServer(simulator).__enter__()
        closing.extend([lambda: background.__exit__(None, None, None), simulator.close])
        return background.url

    yield start
    for close in closing:
        close()


def test_the_tests_pass_on_a_server_started_beforehand_and_leave_nothing_there(
    inner: Inner, running: Callable[..., str]
) -> None:
    url = running()

    result = inner(TESTS, "--mockserver-url", url, passed=2)

    result.stdout.fnmatch_lines([f"mockserver: {url}"])
    assert httpx.get(f"{url}/_mock/worlds").json()["data"] == []


@pytest.mark.parametrize("how", ["variable", "ini"])
def test_the_server_is_named_by_variable_or_ini_file(
    inner: Inner, running: Callable[..., str], how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = running()
    if how == "variable":
        monkeypatch.setenv("MOCKSERVER_URL", url)

    inner(
        f"def test_it(mockserver_server): assert mockserver_server.url == {url!r}",
        ini=f"mockserver_url = {url}" if how == "ini" else "",
        passed=1,
    )


@pytest.mark.parametrize("how", ["option", "variable"])
def test_an_admin_token_lets_in(
    inner: Inner, running: Callable[..., str], how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = running("s3cret")
    if how == "variable":
        monkeypatch.setenv("MOCKSERVER_ADMIN_TOKEN", "s3cret")
    arguments = ["--mockserver-admin-token", "s3cret"] if how == "option" else []

    inner(TESTS, "--mockserver-url", url, *arguments, passed=2)


def test_runs_on_one_server_do_not_meet(inner: Inner, running: Callable[..., str]) -> None:
    url = running()
    first, second = RemoteServer(url), RemoteServer(url)

    assert first.run != second.run
    inner(TESTS, "--mockserver-url", url, passed=2)
    inner(TESTS, "--mockserver-url", url, passed=2)
    first.close()
    second.close()


def test_a_transport_does_not_lead_to_a_server_elsewhere(inner: Inner, running: Callable[..., str]) -> None:
    url = running()

    result = inner("def test_it(mockserver): mockserver.transport", "--mockserver-url", url, failed=1)

    result.stdout.fnmatch_lines(
        [f"E *NoServer: a transport leads into the simulator of this process, and this one is at {url}; use .url, *"]
    )


def test_requests_astray_on_a_server_of_several_are_nobodys(inner: Inner, running: Callable[..., str]) -> None:
    url = running()

    inner(
        "import httpx\ndef test_it(mockserver): httpx.get(mockserver.url + '/nothing')",
        "--mockserver-url",
        url,
        passed=1,
    )


# None of ours


class _Stranger(BaseHTTPRequestHandler):
    answer = (200, b'{"status": "up"}')

    def do_GET(self) -> None:
        status, body = self.answer
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def stranger() -> Iterator[Callable[[int, bytes], str]]:
    """Starts an HTTP server that always gives one answer."""
    servers: list[tuple[HTTPServer, threading.Thread]] = []

    def start(status: int, body: bytes) -> str:
        handler = type("Handler", (_Stranger,), {"answer": (status, body)})
        server = HTTPServer(("127.0.0.1", 0), handler)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        servers.append((server, thread))
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server, thread in servers:
        server.shutdown()
        thread.join()
        server.server_close()


def closed_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def refused(url: str, token: str | None = None) -> str:
    with pytest.raises(NoServer) as caught:
        check(url, token)
    return str(caught.value)


def test_strangers_are_told_from_ours(stranger: Callable[[int, bytes], str]) -> None:
    url = stranger(200, b'{"status": "up"}')
    assert refused(url) == f"what answers at {url} is not a mockserver (GET /_mock/health: 200)"
    url = stranger(404, b"{}")
    assert refused(url) == f"what answers at {url} is not a mockserver (GET /_mock/health: 404)"
    url = stranger(200, b"<html>")
    assert refused(url) == f"what answers at {url} is not a mockserver (GET /_mock/health is no JSON)"
    url = stranger(200, b'{"status": "ok"}')
    assert refused(url) == f"what answers at {url} is not a mockserver (GET /_mock/version: 200)"
    url = f"http://127.0.0.1:{closed_port()}"
    assert refused(url) == f"nothing answers at {url}: Connection refused"
    for url in ("127.0.0.1:8787", "ftp://127.0.0.1", "http://", "http://a:b", ""):
        assert refused(url) == f"'{url}' is not a URL such as http://127.0.0.1:8787"


def test_a_server_that_wants_a_token_says_so(running: Callable[..., str]) -> None:
    url = running("s3cret")

    assert refused(url) == (
        f"the mockserver at {url} wants an admin token: --mockserver-admin-token, or MOCKSERVER_ADMIN_TOKEN"
    )
    assert refused(url, "wrong") == f"the mockserver at {url} wants another admin token than this one"


def test_a_server_that_is_not_ours_is_one_line_before_any_test(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_it(mockserver): pass")
    url = f"http://127.0.0.1:{closed_port()}"

    result = pytester.runpytest_inprocess("--mockserver-url", url)

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert [line for line in result.errlines if line] == [
        f"ERROR: --mockserver-url: nothing answers at {url}: Connection refused"
    ]
    result.stdout.no_fnmatch_line("*test_it*")
