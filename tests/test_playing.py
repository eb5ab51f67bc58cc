"""`scenario run`, `serve --scenario` and `exec --scenario`: a scenario is played, and taken up where it stopped."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from mockserver import cli, playing
from mockserver.app import Simulator
from mockserver.config import Settings
from mockserver.export import from_file
from mockserver.http.serve import SERVERS, BackgroundServer, ServerName
from mockserver.kernel.windows import DAY, parse_instant
from mockserver.simulation.script import parse
from mockserver.simulation.stage import Stage
from tests.scenes import SCENE
from tests.waiting import wait_until

WHAT = ("ledger", "events", "requests", "truth", "costs")
LIVE = SCENE.replace("mode: frozen", "mode: x3600")
FAULTY = "name: bad\npurpose: x\nsed: 1\ncustomers: {count: 0}\n"


@pytest.fixture(autouse=True)
def _project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test runs in a project with three scenarios, and with no setting of the machine's."""
    for name in list(os.environ):
        if name.startswith("MOCKSERVER_"):
            monkeypatch.delenv(name)
    for name, text in {"pyproject.toml": "", "scene.yaml": SCENE, "live.yaml": LIVE, "bad.yaml": FAULTY}.items():
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def short_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mockserver.simulation.player.PIECE_CALLS", 50)


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    simulator = Simulator()
    yield simulator
    simulator.close()


@pytest.fixture
def url(simulator: Simulator) -> Iterator[str]:
    with BackgroundServer(simulator) as server:
        yield server.url


def run(*arguments: str) -> int:
    return cli._run(["scenario", "run", *arguments])


def exported(db: str, world: str = "default") -> dict[str, bytes]:
    return {what: b"".join(from_file(Path(db), world, what, "jsonl")) for what in WHAT}


def state(url: str, world: str = "default") -> dict[str, Any]:
    with urllib.request.urlopen(f"{url}/_mock/worlds/{world}/scenario", timeout=10) as answer:
        told: dict[str, Any] = json.load(answer)
    return told


# Into a file


def test_a_file_is_filled_and_what_came_of_it_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("scene.yaml", "--db", "mock.db") == 0

    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert err == ""
    assert lines[0] == "bad-release: world 'default' is at 2026-03-04T00:00:00Z"
    assert re.fullmatch(r"  \d+ calls, \d+ answered, \d+ failed, \d+ retried", lines[1])
    assert re.fullmatch(r"  \$0\.\d+ debited", lines[2])
    assert re.fullmatch(r"  \d+ cost events sent, \d+ recorded", lines[3])
    assert re.fullmatch(r"  planted between debits and events: \d+ missing, \d+ doubled", lines[4])
    assert lines[5:] == [
        "what really changes in it: mockserver export truth --db mock.db --world default",
        "to go on with it: mockserver serve --db mock.db",
    ]
    assert exported("mock.db")["truth"].count(b"\n") == 1


def test_a_file_and_a_server_come_to_the_same(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("scene.yaml", "--db", "mock.db", "--seed", "5", "--history", "1d", "--world", "acme") == 0
    in_file = capsys.readouterr().out.splitlines()
    assert run("scene.yaml", "--url", url, "--seed", "5", "--history", "1d", "--world", "acme") == 0
    at_server = capsys.readouterr().out.splitlines()

    assert in_file[:5] == at_server[:5]
    assert "2026-03-03T00:00:00Z" in in_file[0]
    assert f"mockserver export truth --url {url} --world acme" in at_server[5]
    assert state(url, "acme")["seed"] == 5


def test_nothing_is_told_where_that_is_wanted(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("scene.yaml", "--db", "mock.db", "--quiet") == 0
    assert capsys.readouterr() == ("", "")


KILLED = """
import os, signal, sys
from mockserver import cli
from mockserver.simulation import player
from mockserver.simulation.script import parse
from mockserver.simulation.stage import Stage

player.PIECE_CALLS = 50
pieces, play_piece = [], Stage._play_piece

def play(*arguments):
    play_piece(*arguments)
    pieces.append(1)
    if len(pieces) == int(sys.argv[1]):
        os.kill(os.getpid(), signal.SIGKILL)  # what was written of this piece is not committed yet

Stage._play_piece = play
sys.exit(cli._run(sys.argv[2:]))
"""


def test_who_is_killed_goes_on_where_it_stopped_and_ends_with_the_same_bytes() -> None:
    """Killed twice, each time in the middle of a piece of work; pieces are not of one length either."""
    assert run("scene.yaml", "--db", "whole.db", "--quiet") == 0
    again = ["scenario", "run", "scene.yaml", "--db", "killed.db", "--quiet"]
    for number in ("3", "4"):
        killed = subprocess.run([sys.executable, "-c", KILLED, number, *again], check=False, timeout=60)
        assert killed.returncode == -signal.SIGKILL
    simulator = Simulator(Settings(Path("killed.db")))
    half = simulator.stage.playing(simulator.worlds.get("default"))
    simulator.close()
    assert not half["is_filled"]
    assert 150 < half["tallies"]["calls"] < 350

    assert run("scene.yaml", "--db", "killed.db", "--quiet") == 0

    assert exported("killed.db") == exported("whole.db")


def test_who_is_interrupted_is_told_how_to_go_on(
    short_pieces: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    play_piece = Stage._play_piece
    pieces: list[None] = []

    def interrupted(*arguments: Any) -> None:
        pieces.append(play_piece(*arguments))
        if len(pieces) == 3:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Stage, "_play_piece", interrupted)
        assert run("scene.yaml", "--db", "mock.db") == 128 + signal.SIGINT
    out, err = capsys.readouterr()
    assert (out, err) == ("", "mockserver: interrupted; the same command goes on from there\n")

    assert run("scene.yaml", "--db", "mock.db", "--quiet") == 0
    assert run("scene.yaml", "--db", "whole.db", "--quiet") == 0
    assert exported("mock.db") == exported("whole.db")


def test_the_same_again_changes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("scene.yaml", "--db", "mock.db") == 0
    told, before = capsys.readouterr().out, exported("mock.db")

    assert run("scene.yaml", "--db", "mock.db") == 0

    assert capsys.readouterr().out == told
    assert exported("mock.db") == before


def test_a_terminal_is_shown_how_far_it_is(
    short_pieces: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)

    assert run("scene.yaml", "--db", "mock.db") == 0

    shown = capsys.readouterr().err
    shares = [int(share) for share in re.findall(r"(\d+)%", shown)]
    assert shares == sorted(shares)
    assert shares[-1] == 100
    assert len(set(shares)) > 2
    assert "scene.yaml" in shown
    assert re.search(r"\d+ calls", shown)


# What cannot be


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert run(*arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert re.fullmatch(r"mockserver: [^\n]+\n", err), err
    return err


def test_a_faulty_file_is_findings_with_every_line_and_no_database(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("bad.yaml", "--db", "mock.db") == 1

    lines = capsys.readouterr().err.splitlines()
    assert [line.split(": ")[0] for line in lines] == ["bad.yaml:3", "bad.yaml:4"]
    assert not Path("mock.db").exists()


def test_what_only_the_world_can_tell_leaves_no_database_behind_but_one_that_was_there(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("odd.yaml").write_text(SCENE.replace("prod_YOUR_PRODUCT_ID", "prod_OF_NOBODY"))

    assert run("odd.yaml", "--db", "mock.db") == 2

    assert "prod_OF_NOBODY" in capsys.readouterr().err
    assert not Path("mock.db").exists()
    assert run("scene.yaml", "--db", "mock.db") == 0
    assert run("odd.yaml", "--db", "mock.db", "--world", "other") == 2
    assert Path("mock.db").exists()


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["nope", "--db", "mock.db"], "unknown scenario 'nope'"),
        (["scene.yaml"], "give one of them"),
        (["scene.yaml", "--db", "mock.db", "--url", "http://127.0.0.1:1"], "give one of them"),
        (["scene.yaml", "--url", "http://127.0.0.1:1"], "nothing answers at http://127.0.0.1:1"),
        (["scene.yaml", "--url", "nowhere"], "'nowhere' is not a URL"),
        (["scene.yaml", "--db", "scene.yaml"], "scene.yaml"),
        (["scene.yaml", "--db", "mock.db", "--history", "a while"], "history: "),
        (["scene.yaml", "--db", "mock.db", "--world", "no world"], "world 'no world'"),
    ],
)
def test_what_cannot_be_is_one_clear_line(
    arguments: list[str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert reason in refused(capsys, *arguments)


def test_a_world_that_plays_another_is_told_what_to_do(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    for place in (["--db", "mock.db"], ["--url", url]):
        assert run("scene.yaml", *place, "--quiet") == 0
        assert "reset it first" in refused(capsys, "live.yaml", *place)


def test_a_file_in_use_is_left_alone(capsys: pytest.CaptureFixture[str]) -> None:
    simulator = Simulator(Settings(Path("mock.db")))

    assert "is in use by another mockserver process" in refused(capsys, "scene.yaml", "--db", "mock.db")

    simulator.close()


def test_a_server_shows_how_far_it_is_meanwhile(
    url: str, simulator: Simulator, short_pieces: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(playing, "_LOOK_S", 0.01)
    monkeypatch.setattr("mockserver.control.operations.scenario._TURN_S", 0.05)

    told = list(playing.at_server(url, "default", playing.scene("scene.yaml"), None))

    shares = [playing.share_played(each) for each in told]
    assert shares == sorted(shares)
    assert any(0 < share < 1 for share in shares)
    assert shares[-1] == 1
    assert told[-1]["is_filled"]


# serve and exec


def told_by(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    found = re.search(r"http://\S+", process.stdout.readline())
    assert found
    return found[0]


def serve(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "mockserver", "serve", "--port", "0", *arguments], stdout=subprocess.PIPE, text=True
    )


def stopped(process: subprocess.Popen[str]) -> int:
    process.send_signal(signal.SIGTERM)
    status = process.wait(10)
    assert process.stdout is not None
    process.stdout.close()
    return status


def test_a_server_has_the_history_before_it_answers_and_then_goes_on_by_itself() -> None:
    process = serve("--scenario", "live.yaml", "--history", "1d", "--db", "mock.db")
    url = told_by(process)
    first = state(url)

    assert first["is_filled"]
    assert first["history_ends_at"] == "2026-03-03T00:00:00Z"
    assert first["tallies"]["calls"] > 100
    watching = urllib.request.urlopen(f"{url}/_mock/worlds/default/stream", timeout=30)
    heard = [line for line in (watching.readline() for _ in range(60)) if line.startswith(b"event: credits")]
    watching.close()
    assert len(heard) > 1  # nobody asked for anything
    last = state(url)
    assert last["tallies"]["calls"] > first["tallies"]["calls"]
    assert stopped(process) == 0

    process = serve("--scenario", "live.yaml", "--db", "mock.db", "--clock", "frozen")
    url = told_by(process)
    again = state(url)
    assert last["tallies"]["calls"] <= again["tallies"]["calls"] < last["tallies"]["calls"] + 100
    assert state(url) == again
    assert stopped(process) == 0


def test_a_fast_clock_does_not_run_away_while_the_server_starts() -> None:
    """The template's balance comes at the scenario's start, however long a start takes."""
    settings = Settings(beginning=parse(LIVE, "live.yaml").beginning, scenario="live.yaml")
    other = Simulator(settings)

    told = list(playing.in_simulator(other, "default", playing.scene("live.yaml")))

    other.close()
    assert told[-1]["is_filled"]


def test_no_time_passes_while_nobody_serves() -> None:
    """An hour a second: ten years have gone by outside, until tomorrow."""
    assert run("live.yaml", "--db", "mock.db", "--quiet") == 0
    with closing(sqlite3.connect("mock.db")) as database, database:
        database.execute("UPDATE worlds SET clock_machine = clock_machine - ?", (DAY,))

    simulator = Simulator(Settings(Path("mock.db")))
    stands_at = simulator.worlds.get("default").clock.now()
    simulator.close()

    assert parse_instant("2026-03-04T00:00:00Z") <= stands_at < parse_instant("2026-03-05T00:00:00Z")


@pytest.mark.parametrize("further", [[], ["--known-worlds-only"], ["--server", "uvicorn"]])
def test_a_command_finds_the_history_in_its_world(further: list[str]) -> None:
    code = (
        "import json, os, sys, urllib.request as r;"
        "u = os.environ['MOCKSERVER_URL'] + '/_mock/worlds/' + os.environ['MOCKSERVER_WORLD'] + '/scenario';"
        "sys.exit(7 if json.load(r.urlopen(u))['position'] == '2026-03-03T00:00:00Z' else 8)"
    )

    options = ["--scenario", "scene.yaml", "--history", "1d", "--world", "acme", *further]
    status = cli._run(["exec", *options, "--", sys.executable, "-c", code])

    assert status == 7


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--scenario", "bad.yaml"], "bad.yaml:3: sed"),
        (["--scenario", "scene.yaml", "--at", "2026-01-01T00:00:00Z"], "says itself when its traffic begins"),
        (["--history", "1d"], "--history is of a --scenario that goes on after its start"),
        (["--scenario", "empty-wallet", "--history", "1d"], "--history is of a --scenario that goes on"),
        (["--scenario", "scene.yaml", "--history", "long"], "history"),
    ],
)
def test_a_server_that_cannot_play_does_not_start(
    arguments: list[str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli._run(["serve", "--port", "0", *arguments]) == 2
    assert reason in capsys.readouterr().err


@pytest.mark.parametrize("server", SERVERS)
def test_it_goes_on_by_itself_under_every_server(server: ServerName) -> None:
    simulator = Simulator()
    for _ in playing.in_simulator(simulator, "default", playing.scene("live.yaml", history="1d")):
        pass

    def calls() -> int:
        with simulator.store.committed():
            told: int = simulator.stage.playing(simulator.worlds.get("default"))["tallies"]["calls"]
        return told

    before = calls()
    with BackgroundServer(simulator, server):
        assert wait_until(lambda: calls() > before)
    after = calls()
    time.sleep(0.4)
    assert calls() == after  # nobody sees to it any more
    simulator.close()
