from __future__ import annotations

import gzip
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from hypothesis import HealthCheck, given, settings

from mockserver.app import Simulator
from mockserver.cassettes import recorder as recording
from mockserver.cassettes.files import Library
from mockserver.cassettes.interaction import BadCassette, Interaction
from mockserver.cassettes.recorder import Recorder
from mockserver.cassettes.upstream import Upstream, UpstreamFailed
from mockserver.http.messages import Request
from mockserver.http.serve import BackgroundServer, ServerName
from mockserver.kernel.errors import Unusable
from tests.cassettes.test_redaction import SECRETS, leaks, spellings

SERVERS: tuple[ServerName, ...] = ("hypercorn", "uvicorn", "granian")

Script = Callable[[socket.socket, bytes], None]


@contextmanager
def scripted(script: Script) -> Iterator[str]:
    """Serve connections by a script that is given each with the head of its request."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.05)
    over = threading.Event()

    def serve() -> None:
        while not over.is_set():
            try:
                connection, _ = listener.accept()
            except TimeoutError:
                continue
            with connection, suppress(OSError):
                connection.settimeout(2)
                head = b""
                while b"\r\n\r\n" not in head:
                    more = connection.recv(65536)
                    if not more:
                        break
                    head += more
                if head:
                    script(connection, head)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        over.set()
        thread.join()
        listener.close()


def answers(*pieces: bytes) -> Script:
    def script(connection: socket.socket, head: bytes) -> None:
        for piece in pieces:
            connection.sendall(piece)

    return script


@contextmanager
def recorded(
    url: str, target: Path, server: ServerName = "hypercorn", **how: Any
) -> Iterator[tuple[httpx.Client, Recorder]]:
    """Record what a client does in a block; the files are written when it ends."""
    recorder = Recorder({"pareta": url}, target, **how)
    try:
        with (
            BackgroundServer(recorder, server) as proxy,
            httpx.Client(base_url=proxy.url, trust_env=False, timeout=10) as client,
        ):
            yield client, recorder
    finally:
        recorder.close()


def interactions(target: Path) -> list[Interaction]:
    library = Library([target])
    return [library.read(n) for n in range(len(library))]


def echo(connection: socket.socket, head: bytes) -> None:
    """Answer with the request, as it came."""
    head, _, body = head.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    length = next((int(line[15:]) for line in lines if line.lower().startswith(b"content-length:")), 0)
    while len(body) < length:
        body += connection.recv(65536)
    told = json.dumps(
        {"head": head.decode("latin-1"), "size": len(body), "body": body[:2000].decode("latin-1")}
    ).encode()
    connection.sendall(
        b"HTTP/1.1 200 Fine\r\ncontent-type: application/json\r\nX-Twice: a\r\nx-twice: b\r\nconnection: close\r\n"
        b"content-length: %d\r\n\r\n%b" % (len(told), told)
    )


@pytest.mark.parametrize("server", SERVERS)
def test_requests_reach_the_upstream_as_they_were_but_for_what_is_of_the_connection(
    tmp_path: Path, server: ServerName
) -> None:
    file = tmp_path / "c.yaml"
    with scripted(echo) as url, recorded(url, file, server, keep_headers=["x-run"]) as (client, _):
        answer = client.request(
            "PATCH",
            "/pareta/v1/a%2Fb%20c?x=1&x=%C3%A9+z",
            content=b"hello",
            headers={"X-Run": "7", "accept-encoding": "gzip, br", "authorization": "Bearer k-123456"},
        )
    lines = answer.json()["head"].lower().split("\r\n")
    assert lines[0] == "patch /v1/a%2fb%20c?x=1&x=%c3%a9+z http/1.1"
    assert {"accept-encoding: identity", "x-run: 7", "content-length: 5", f"host: {url[7:]}"} <= set(lines)
    assert len([line for line in lines if line.startswith(("host", "accept-encoding"))]) == 2
    assert answer.headers.get_list("x-twice") == ["a", "b"]
    [kept] = interactions(file)
    assert (kept.request.method, kept.request.path, kept.request.query) == ("PATCH", "/v1/a/b c", b"x=1&x=%C3%A9+z")
    assert (kept.request.origin, kept.request.body) == (url, b"hello")
    assert kept.request.headers[b"x-run"] == b"7"
    assert b"authorization" not in kept.request.headers
    assert (kept.answer.status, kept.answer.reason) == (200, "Fine")
    assert [value for name, value in kept.answer.headers if name.lower() == b"x-twice"] == [b"a", b"b"]
    assert b"k-123456" not in kept.answer.body
    assert b"k-123456" in answer.content
    assert kept.wait_us is not None
    assert kept.recorded_at is not None


@pytest.mark.parametrize("server", SERVERS)
def test_a_streams_first_piece_arrives_before_the_upstream_sends_the_second(tmp_path: Path, server: ServerName) -> None:
    go_on = threading.Event()

    def script(connection: socket.socket, head: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        connection.sendall(b"9\r\ndata: 1\n\n\r\n")
        assert go_on.wait(5)
        time.sleep(0.03)
        connection.sendall(b"9\r\ndata: 2\n\n\r\n0\r\n\r\n")

    file = tmp_path / "c.yaml"
    with (
        scripted(script) as url,
        recorded(url, file, server) as (client, _),
        client.stream("POST", "/v1/chat/completions", json={}) as stream,
    ):
        pieces = stream.iter_raw()
        assert next(pieces) == b"data: 1\n\n"
        go_on.set()
        assert b"".join(pieces) == b"data: 2\n\n"
    [kept] = interactions(file)
    assert kept.is_stream
    assert [piece.size for piece in kept.pieces] == [9, 9]
    assert kept.pieces[1].wait_us >= 30_000


@pytest.mark.parametrize("server", SERVERS)
def test_answers_without_a_body_pass(tmp_path: Path, server: ServerName) -> None:
    def script(connection: socket.socket, head: bytes) -> None:
        if head.startswith(b"HEAD"):
            connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n")
        elif head.startswith(b"GET"):
            connection.sendall(b"HTTP/1.1 304 Not Modified\r\netag: x\r\n\r\n")
        else:
            connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")

    file = tmp_path / "c.json"
    with scripted(script) as url, recorded(url, file, server) as (client, _):
        got = [client.request(method, "/v1/models") for method in ("HEAD", "GET", "DELETE")]
    assert [(answer.status_code, answer.content) for answer in got] == [(200, b""), (304, b""), (204, b"")]
    assert got[0].headers["content-length"] == "500"
    assert [kept.answer.status for kept in interactions(file)] == [200, 304, 204]


def test_compression_that_came_nevertheless_is_passed_on_and_undone_in_the_file(tmp_path: Path) -> None:
    plain = b'{"key": "sk_live_abc123", "text": "zzz"}'
    packed = gzip.compress(plain)
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n"
    file = tmp_path / "c.yaml"
    with scripted(answers(head % len(packed), packed)) as url, recorded(url, file) as (client, recorder):
        answer = client.post(
            "/v1/x", content=gzip.compress(b"ask sk_live_abc123"), headers={"content-encoding": "gzip"}
        )
        assert answer.json()["key"] == "sk_live_abc123"
    [kept] = interactions(file)
    assert kept.answer.body == b'{"key": "redacted-key-1", "text": "zzz"}'
    assert (kept.answer.header(b"content-encoding"), kept.answer.header(b"content-length")) == (None, b"40")
    assert kept.request.body == b"ask redacted-key-1"
    assert recorder.written == {file: 1}


def test_what_is_larger_than_the_bound_is_passed_on_and_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(recording, "LARGEST_KEPT", 1 << 20)
    big = bytes(3 << 20)

    def script(connection: socket.socket, head: bytes) -> None:
        _, _, body = head.partition(b"\r\n\r\n")
        wanted = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        size = len(body)
        while size < wanted:
            size += len(connection.recv(1 << 16))
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\nx-size: %d\r\n\r\n" % (len(big), size))
        connection.sendall(big)

    file = tmp_path / "c.yaml"
    with scripted(script) as url, recorded(url, file) as (client, recorder):
        up = client.post("/v1/x", content=big)
        down = client.post("/v1/x", content=b"small")
    assert [(answer.headers["x-size"], len(answer.content)) for answer in (up, down)] == [
        (str(len(big)), len(big)), ("5", len(big))
    ]  # fmt: skip
    assert not file.exists()
    assert (recorder.passed, recorder.lost) == (2, 2)
    assert caplog.text.count("larger than 1 MiB; not recorded") == 2


FAILURES: list[tuple[str, Script, int | None, str]] = [
    ("says nothing", answers(), 502, "broke off"),
    ("is no HTTP", answers(b"SSH-2.0-OpenSSH\r\n\r\n"), 502, "broke off"),
    ("is slow", lambda connection, head: time.sleep(0.7), 504, "silent for 0.4 s"),
    ("cuts a body", answers(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\nhalf"), None, "broke off"),
    (
        "cuts a stream",
        answers(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
            b"9\r\ndata: 1\n\n\r\n"
        ),
        None,
        "broke off",
    ),
]  # fmt: skip


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize(("script", "status", "said"), [case[1:] for case in FAILURES], ids=[c[0] for c in FAILURES])
def test_an_upstream_that_fails_is_told_of_in_one_line_or_its_cut_is_passed_on_and_the_file_stays_valid(
    tmp_path: Path, server: ServerName, script: Script, status: int | None, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    def in_turn(connection: socket.socket, head: bytes) -> None:
        good = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"
        answers(good)(connection, head) if b"/v1/good" in head else script(connection, head)

    file = tmp_path / "c.yaml"
    with scripted(in_turn) as url, recorded(url, file, server, timeout_s=0.4) as (client, recorder):
        client.get("/v1/good")
        if status is None:
            with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
                client.get("/v1/bad")
        else:
            answer = client.get("/v1/bad")
            assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
            assert said in answer.json()["detail"] == answer.json()["message"]
            assert url in answer.json()["detail"]
        client.get("/v1/good")
    assert [kept.request.path for kept in interactions(file)] == ["/v1/good", "/v1/good"]
    [line] = [record.getMessage() for record in caplog.records if "not recorded" in record.getMessage()]
    assert said in line
    assert "\n" not in line
    assert recorder.passed == 1


def test_an_upstream_that_cannot_be_reached_is_told_of(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    for url, said in (
        (f"http://127.0.0.1:{port}", "refused the connection"),
        ("http://no-such-host.invalid", "there is no host of that name"),
    ):
        with recorded(url, tmp_path / "c.yaml") as (client, _):
            answer = client.get("/v1/models")
            assert answer.status_code == 502
            assert said in answer.json()["detail"]
    with socket.create_server(("127.0.0.1", 0)) as plain:
        threading.Thread(target=lambda: plain.accept()[0].close(), daemon=True).start()
        with recorded(f"https://127.0.0.1:{plain.getsockname()[1]}", tmp_path / "c.yaml") as (client, _):
            assert "no secure connection" in client.get("/v1/models").json()["detail"]
    assert not (tmp_path / "c.yaml").exists()


@pytest.mark.parametrize("server", SERVERS)
def test_when_the_client_leaves_midway_the_upstream_is_let_go_and_nothing_kept(
    tmp_path: Path, server: ServerName
) -> None:
    ended = threading.Event()

    def script(connection: socket.socket, head: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        try:
            for _ in range(200):
                connection.sendall(b"9\r\ndata: 1\n\n\r\n")
                time.sleep(0.02)
        except OSError:
            ended.set()

    file = tmp_path / "c.yaml"
    with scripted(script) as url, recorded(url, file, server) as (client, recorder):
        with client.stream("GET", "/v1/x") as stream:
            next(stream.iter_raw())
        assert ended.wait(3)
    assert not file.exists()
    assert recorder.passed == 1


def test_a_client_that_leaves_with_the_last_event_has_heard_all(tmp_path: Path) -> None:
    def script(connection: socket.socket, head: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        connection.sendall(b"e\r\ndata: [DONE]\n\n\r\n")
        time.sleep(0.05)
        connection.sendall(b"0\r\n\r\n")

    file = tmp_path / "c.yaml"
    with scripted(script) as url, recorded(url, file) as (client, _):
        with client.stream("GET", "/v1/x") as stream:
            assert next(stream.iter_raw()).startswith(b"data: [DONE]")
        time.sleep(0.2)
    assert [kept.answer.body for kept in interactions(file)] == [b"data: [DONE]\n\n"]


@pytest.mark.parametrize("server", SERVERS)
def test_a_client_that_waits_to_be_told_to_continue_is(tmp_path: Path, server: ServerName) -> None:
    with scripted(echo) as url, recorded(url, tmp_path / "c.yaml", server) as (client, _):
        port = client.base_url.port
        assert port is not None
        with socket.create_connection(("127.0.0.1", port), timeout=5) as raw:
            raw.sendall(b"POST /v1/x HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\nexpect: 100-continue\r\n\r\n")
            assert raw.recv(65536).startswith(b"HTTP/1.1 100")
            raw.sendall(b"body")
            whole = b""
            while b'"size": 4' not in whole:
                whole += raw.recv(65536)
            assert b"expect" not in whole.lower()


def test_only_what_is_asked_for_is_kept(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    with (
        scripted(answers(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")) as url,
        recorded(url, file, only=["post /v1/chat/*", "/v1/tasks"]) as (client, recorder),
    ):
        for method, path in (
            ("POST", "/v1/chat/completions"), ("GET", "/v1/chat/completions"), ("GET", "/pareta/v1/tasks"),
            ("GET", "/v1/tasks/1"),
        ):  # fmt: skip
            assert client.request(method, path).status_code == 200
    assert [(kept.request.method, kept.request.path) for kept in interactions(file)] == [
        ("POST", "/v1/chat/completions"), ("GET", "/v1/tasks")
    ]  # fmt: skip
    assert (recorder.passed, recorder.lost) == (2, 0)


def test_a_folder_that_is_there_may_have_any_name(tmp_path: Path) -> None:
    folder = tmp_path / "walk.2026"
    folder.mkdir()
    answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"
    with scripted(answers(answer)) as url, recorded(url, folder) as (client, _):
        client.get("/v1/models")
    assert [file.name for file in folder.iterdir()] == ["pareta.yaml"]


def test_whoever_waits_for_the_recorder_is_answered_by_it(tmp_path: Path) -> None:
    with recorded("http://127.0.0.1:1", tmp_path / "c.yaml") as (client, recorder):
        health, rest = client.get("/_mock/health"), client.get("/_mock/worlds")
    assert health.json() == {"status": "ok"}
    assert rest.status_code == 502
    assert recorder.passed == 1  # what was refused


def test_new_episodes_adds_what_is_not_there_and_goes_on_numbering(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"

    def ask(client: httpx.Client, text: str) -> None:
        client.post("/v1/x", json={"text": text}, headers={"authorization": "Bearer first-key-1"})

    with scripted(echo) as url:
        with recorded(url, file) as (client, _):
            ask(client, "mail ada@corp.io")
        with pytest.raises(BadCassette, match="new_episodes"):
            Recorder({"pareta": url}, file)
        with recorded(url, file, mode="new_episodes") as (client, recorder):
            ask(client, "mail bob@corp.io")  # the one that is there, but for its address
            ask(client, "mail eve@corp.io")
            ask(client, "other")
        assert (recorder.written[file], recorder.passed) == (2, 1)
        with recorded(url, file, mode="all") as (client, _):
            ask(client, "anew")
    [kept] = interactions(file)
    assert json.loads(kept.request.body) == {"text": "anew"}


def test_numbers_of_placeholders_go_on_where_the_file_ends(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    with scripted(echo) as url:
        for path, text in (("/v1/x", "a@corp.io"), ("/v1/y", "b@corp.io and more")):
            with recorded(url, file, mode="new_episodes") as (client, _):
                client.post(path, json={"text": text})
    assert [json.loads(kept.request.body)["text"] for kept in interactions(file)] == [
        "redacted-1@example.com", "redacted-2@example.com and more"
    ]  # fmt: skip


def test_each_vendor_has_its_file_in_a_folder_and_one_without_upstream_is_refused(
    tmp_path: Path, simulator: Simulator
) -> None:
    with BackgroundServer(simulator) as up:
        recorder = Recorder({"pareta": up.url, "paygentic": up.url}, tmp_path / "walk")
        with BackgroundServer(recorder) as proxy, httpx.Client(base_url=proxy.url) as client:
            client.get("/v1/models", headers={"authorization": "Bearer pareta_sk_test_a"})
            client.get("/v0/costs", headers={"authorization": "Bearer sk_test_a"})
        recorder.close()
        assert sorted(path.name for path in (tmp_path / "walk").iterdir()) == ["pareta.yaml", "paygentic.yaml"]
        with recorded(up.url, tmp_path / "c.yaml") as (client, _):
            refused = client.get("/v0/costs")
            nowhere = client.get("/else")
    assert (refused.status_code, nowhere.status_code) == (502, 502)
    assert "--upstream paygentic=" in refused.json()["detail"]
    assert "no vendor's part" in nowhere.json()["detail"]


@pytest.mark.parametrize(
    ("upstreams", "target", "how", "message"),
    [
        ({"pareta": "ftp://x"}, "c.yaml", {}, "no http or https URL"),
        ({"pareta": "https://u:p@x"}, "c.yaml", {}, "must not hold credentials"),
        ({"pareta": "https://x:99999999"}, "c.yaml", {}, "is no URL"),
        ({"pareta": "https://x/?a=1"}, "c.yaml", {}, "must end with its path"),
        ({"petrol": "https://x"}, "c.yaml", {}, "pareta, paygentic"),
        ({"pareta": "https://x"}, "file.txt", {}, ".yaml, .yml, .json"),
        ({"pareta": "https://x"}, "c.yaml", {"only": ["POST"]}, "no method and path"),
    ],
)
def test_what_cannot_be_recorded_is_refused_at_once(
    tmp_path: Path, upstreams: dict[str, str], target: str, how: dict[str, Any], message: str
) -> None:
    (tmp_path / "file.txt").write_text("mine")
    with pytest.raises(Unusable, match=message) as refused:
        Recorder(upstreams, tmp_path / target, **how)
    assert "u:p" not in str(refused.value)


def test_an_upstream_is_asked_without_a_proxy_too(tmp_path: Path) -> None:
    upstream = Upstream("http://127.0.0.1:1")
    asked = Request("POST", "/v1/é", b"a=1", {b"x-a": b"1", b"host": b"mine", b"content-length": b"9"}, b"hi")
    with pytest.raises(UpstreamFailed, match="refused"):
        upstream.send(asked)
    upstream.close()
    with scripted(echo) as url:
        upstream = Upstream(f"{url}/base")
        came = upstream.send(asked)
        upstream.close()
    told = json.loads(came.answer.body)
    assert told["head"].startswith("POST /base/v1/%C3%A9?a=1 HTTP/1.1")
    assert (told["body"], came.request.origin, came.request.path) == ("hi", f"{url}/base", "/v1/é")
    assert came.wait_us
    half = answers(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf")
    with scripted(half) as url:
        upstream = Upstream(url)
        with pytest.raises(UpstreamFailed, match="broke off"):
            upstream.send(asked)


@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.filter_too_much])
@given(secret=SECRETS.filter(lambda s: "\t" not in s))
def test_no_secret_that_passed_the_proxy_is_in_its_file(tmp_path: Path, secret: str) -> None:
    file = tmp_path / "c.yaml"
    file.unlink(missing_ok=True)
    raw = secret.encode()
    with scripted(echo) as url, recorded(url, file, fields=["pin"]) as (client, recorder):
        client.get("/v1/a", headers=[(b"authorization", b"Bearer " + raw)])
        client.get("/v1/a", params={"token": secret, "text": secret})
        client.post("/v1/b", json={"pin": secret, "ways": sorted(spellings(secret))})
        client.post("/v1/c", data={"password": secret}, files={"f": (f"{secret[:3]}.txt", raw)})
        client.get(f"/v1/d/{''.join(c for c in secret if c.isalnum())}", headers=[(b"x-api-key", raw)])
    assert recorder.written[file] == 5
    assert leaks(file, secret) == []
    assert yaml.safe_load(file.read_text())["version"] == 1
