"""`mockserver replay`: what it serves, says and refuses."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from mockserver import cli
from mockserver.cassettes.files import Library
from mockserver.cassettes.player import Player
from mockserver.cassettes.replaying import ReplayApp, stale
from mockserver.http.serve import SERVERS, BackgroundServer
from mockserver.kernel.windows import DAY
from tests.cassettes.test_player import CHAT, STREAM, interaction

MOCKSERVER = [sys.executable, "-m", "mockserver"]


@pytest.fixture
def cassette(tmp_path: Path) -> Path:
    """Two chats of the same question, and a list of models."""
    return written(
        tmp_path / "chat.json",
        interaction({"q": 1}, {"a": 1}),
        interaction({"q": 1}, {"a": 2}),
        interaction(None, {"data": []}, method="GET", path="/v1/models"),
    )


def written(path: Path, *interactions: dict[str, Any]) -> Path:
    path.write_text(json.dumps({"version": 1, "interactions": interactions}))
    return path


def dated(days_ago: float) -> dict[str, Any]:
    at = datetime.now(UTC) - timedelta(days=days_ago)
    return interaction({}, {}, recorded_at=at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"))


@contextmanager
def replaying(*arguments: object) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A `mockserver replay` process and the URL it printed."""
    command = [*MOCKSERVER, "replay", "--port", "0", *map(str, arguments)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        banner = process.stdout.readline()
        found = re.search(r"http://\S+", banner)
        assert found, (banner, process.stderr and process.stderr.read())
        yield process, found[0]
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def test_a_recording_is_served_and_at_the_end_it_is_said_what_was_played(cassette: Path) -> None:
    with replaying("--stale-after", "90d", cassette) as (process, url):
        for arguments in (["wait"], ["env"]):
            done = subprocess.run([*MOCKSERVER, *arguments, "--url", url], capture_output=True, text=True, check=True)
        assert f"export OPENAI_BASE_URL={url}/v1\n" in done.stdout
        with httpx.Client(base_url=url) as client:
            assert client.post(CHAT, json={"q": 1}).json() == {"a": 1}
            assert client.post(f"/pareta{CHAT}", json={"q": 1}).json() == {"a": 2}
            refused = client.post(CHAT, json={"q": 2})
            assert (refused.status_code, refused.json()["nearest"][0]["place"]) == (421, "chat.json, interaction 1")
            told = client.get("/_mock/replay").json()
            assert [told[key] for key in ("interactions", "played", "answers", "missed")] == [3, 2, 2, 1]
            assert told["unplayed"] == [{"place": "chat.json, interaction 3", "request": "GET /v1/models"}]
            assert told["misses"][0]["nearest"] == refused.json()["nearest"]
            assert client.post("/_mock/replay/rewind").json()["played"] == 0
            assert client.post(CHAT, json={"q": 1}).json() == {"a": 1}
        process.send_signal(signal.SIGINT)
        out, errors = process.communicate(timeout=10)
    assert out == "1 of 3 recorded answers played, 2 never; 0 requests not recorded\n"
    assert process.returncode == 0
    assert "mockserver: chat.json: nothing says when it was recorded\n" in errors
    assert refused.json()["detail"] in errors


def test_the_simulator_is_not_loaded_where_nothing_is_simulated(cassette: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from mockserver.cassettes.files import Library;"
        "from mockserver.cassettes.player import Player; from mockserver.cassettes.replaying import ReplayApp;"
        "import mockserver.http.serve, mockserver.logs; from mockserver.http.messages import Request;"
        "player = Player(Library([Path(sys.argv[1])])); ReplayApp(player);"
        "print(player.play(Request('GET', '/v1/models', b'', {}, b'')).status,"
        " *{'vcr', 'httpx', 'pydantic', 'starlette', 'mockserver.app',"
        " 'mockserver.kernel.store', 'mockserver.kernel.world'}"
        " & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(cassette)], capture_output=True, text=True, check=True)
    assert done.stdout == "200\n"


def test_what_was_not_recorded_is_simulated_if_asked_for(cassette: Path) -> None:
    with replaying("--on-miss", "simulate", "--seed", "3", "--stale-after", "0", cassette) as (process, url):
        assert httpx.get(f"{url}/_mock/worlds/default").json()["seed"] == 3
        assert httpx.get(f"{url}/v1/models").json() == {"data": []}
        assert httpx.get(f"{url}/v1/models").json()["data"][0]["id"] == "auto"
        told = httpx.get(f"{url}/_mock/replay").json()
        assert [told[key] for key in ("on_miss", "played", "simulated", "missed")] == ["simulate", 1, 1, 0]
        process.send_signal(signal.SIGINT)
        out, errors = process.communicate(timeout=10)
    assert out == "1 of 3 recorded answers played, 2 never; 0 requests not recorded; 1 simulated\n"
    assert errors == ""


# In the servers


@pytest.mark.parametrize("server", SERVERS)
def test_every_server_says_the_date_once_and_streams(tmp_path: Path, server: Any) -> None:
    headers = {**STREAM, "Date": ["Fri, 01 May 2026 12:00:00 GMT"], "Set-Cookie": ["a=1", "b=2"]}
    stream = interaction(None, "data: 1\n\ndata: 2\n\n", headers=headers)
    empty = interaction(None, "", method="HEAD", headers={"Content-Length": ["999"]})
    player = Player(Library([written(tmp_path / "a.json", stream, empty)]))
    with BackgroundServer(ReplayApp(player), server) as background, httpx.Client(base_url=background.url) as client:
        answer = client.post(CHAT)
        assert answer.text == "data: 1\n\ndata: 2\n\n"
        assert answer.headers.get_list("set-cookie") == ["a=1", "b=2"]
        assert len(answer.headers.get_list("date")) <= 1
        assert "2026" not in answer.headers.get("date", "") or "01 May" not in answer.headers["date"]
        head = client.head(CHAT)
        assert (head.status_code, head.headers["content-length"], head.content) == (200, "999", b"")


# /_mock


@pytest.fixture
def mocked(cassette: Path) -> Iterator[httpx.Client]:
    with (
        BackgroundServer(ReplayApp(Player(Library([cassette])), admin_token="secret")) as server,
        httpx.Client(base_url=server.url) as client,
    ):
        yield client


def test_what_is_told_wants_the_admin_token(mocked: httpx.Client) -> None:
    assert mocked.get("/_mock/health").json() == {"status": "ok"}
    assert mocked.get("/_mock/replay").status_code == 401
    assert mocked.post("/_mock/replay/rewind").status_code == 401
    mocked.headers["authorization"] = "Bearer secret"
    assert mocked.get("/_mock/replay").status_code == 200


def test_another_page_of_mock_is_refused_with_those_there_are(mocked: httpx.Client) -> None:
    mocked.headers["authorization"] = "Bearer secret"
    assert "GET /_mock/replay" in mocked.get("/_mock/worlds").json()["detail"]
    wrong = mocked.get("/_mock/replay/rewind")
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "POST")


def test_a_page_of_another_host_may_not_rewind(cassette: Path) -> None:
    with BackgroundServer(ReplayApp(Player(Library([cassette])))) as server:
        answer = httpx.post(f"{server.url}/_mock/replay/rewind", headers={"origin": "https://evil.example"})
        assert answer.status_code == 403


# Old recordings


def test_old_recordings_and_those_without_a_date_are_warned_of(tmp_path: Path) -> None:
    folder = tmp_path / "recorded"
    folder.mkdir()
    written(folder / "a-old.json", dated(200))
    written(folder / "b-new.json", dated(100))
    written(folder / "c-mixed.json", dated(300), dated(1))
    written(folder / "d-undated.json", interaction({}))
    written(folder / "e-undated.json", interaction({}))
    library = Library([folder])
    day = (datetime.now(UTC) - timedelta(days=200)).date()
    assert [*stale(library, 180 * DAY)] == [
        f"a-old.json was recorded on {day}, 200 days ago: it may be out of date",
        "d-undated.json and 1 more: nothing says when it was recorded",
    ]
    assert [line.split()[0] for line in stale(library, 90 * DAY)] == ["a-old.json", "b-new.json", "d-undated.json"]


# Bad input

REFUSED: dict[str, tuple[Sequence[str], str]] = {
    "no such part": (
        ["--match-on", "method,boddy"],
        "--match-on: 'boddy' is no part of a request; there are: method, path, query, body, host",
    ),
    "no part": (["--match-on", " ,"], "--match-on: ' ,' is no part of a request"),
    "no span": (["--stale-after", "soon"], "--stale-after: "),
    "a world without simulation": (["--seed", "3"], "--seed is of the world that --on-miss simulate has"),
    "no such scenario": (["--on-miss", "simulate", "--scenario", "nope"], "nope"),
    "anybody could reach it": (["--host", "0.0.0.0"], "wants an --admin-token"),
}


@pytest.mark.parametrize(("arguments", "told"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_is_refused_in_one_line(
    cassette: Path, capsys: pytest.CaptureFixture[str], arguments: Sequence[str], told: str
) -> None:
    assert cli._run(["replay", "--port", "0", *arguments, str(cassette)]) == 2
    errors = capsys.readouterr().err
    assert told in errors
    assert errors.count("\n") == 1


def test_a_cassette_that_cannot_be_used_is_refused_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text("interactions: [")
    for path in (broken, tmp_path / "none.yaml"):
        assert cli._run(["replay", "--port", "0", str(path)]) == 2
        errors = capsys.readouterr().err
        assert path.name in errors
        assert errors.count("\n") == 1
