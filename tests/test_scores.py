"""Alerts in a file are scored against a scenario that nobody plays, and those in a world against what it was told."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from mockserver import cli, scores
from mockserver.app import Simulator
from mockserver.config import Settings
from mockserver.http.serve import BackgroundServer
from mockserver.kernel.drifts import Alert, Alerts, Drift
from mockserver.kernel.windows import parse_instant
from mockserver.kernel.world import Beginning

SCRIPT = """\
name: own
purpose: Two things change.
clock: {mode: frozen, at: 2026-03-02T00:00:00Z}
length: 14d
drifts:
  - {kind: quality, subject: ep-contract-key-fields, at: +3d, size: -0.1}
  - {kind: latency, at: +5d, end: +6d, size: 2}
"""
QUALITY = "2026-03-05T12:00:00Z,quality,ep-contract-key-fields,fell\n"
LATENCY = "2026-03-07T00:00:00Z,latency,ep-contract-key-fields,\n"
HEAD = "at,kind,subject,note\n"


@pytest.fixture
def script(tmp_path: Path) -> str:
    path = tmp_path / "own.yaml"
    path.write_text(SCRIPT, "utf-8")
    return str(path)


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    status = cli._run(["scenario", "score", *arguments])
    printed = capsys.readouterr()
    return status, printed.out, printed.err


def alerts(tmp_path: Path, text: str) -> str:
    path = tmp_path / "alerts.csv"
    path.write_text(text, "utf-8")
    return str(path)


def test_all_hit_and_nothing_else_is_fine(
    tmp_path: Path, script: str, capsys: pytest.CaptureFixture[str]
) -> None:  # fmt: skip
    status, out, _ = run(capsys, script, "--alerts", alerts(tmp_path, HEAD + QUALITY + LATENCY + QUALITY))

    assert status == 0
    lines = [line.split() for line in out.splitlines()]
    assert lines[1] == "drift-1 quality ep-contract-key-fields 2026-03-05T00:00:00Z - hit 12h 1".split()
    assert lines[2] == "drift-2 latency * 2026-03-07T00:00:00Z 2026-03-08T00:00:00Z hit 0m 0".split()
    assert out.endswith("\n2 of 2 drifts noticed, no false alarms\n")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (HEAD + QUALITY, "1 of 2 drifts noticed, no false alarms"),
        (HEAD, "0 of 2 drifts noticed, no false alarms"),
        (HEAD + QUALITY + LATENCY + "2026-03-02T00:00:00Z,,,\n", "2 of 2 drifts noticed, 1 false alarm"),
        (HEAD + LATENCY.replace("03-07", "03-10"), "0 of 2 drifts noticed, 1 false alarm"),
    ],
    ids=["missed", "no alert", "too early", "too late"],
)
def test_a_miss_or_a_false_alarm_is_a_finding(
    text: str, told: str, tmp_path: Path, script: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, _ = run(capsys, script, "--alerts", alerts(tmp_path, text))

    assert (status, out.splitlines()[-1]) == (1, told)


def test_grace_says_how_late_an_alert_may_be(tmp_path: Path, script: str, capsys: pytest.CaptureFixture[str]) -> None:
    late = alerts(tmp_path, HEAD + QUALITY + LATENCY.replace("03-07", "03-09"))

    assert run(capsys, script, "--alerts", late)[0] == 1
    assert run(capsys, script, "--alerts", late, "--grace", "2d")[0] == 0
    assert run(capsys, script, "--alerts", late, "--grace", "soon")[0] == 2


def test_what_is_not_said_fits_any(tmp_path: Path, script: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = alerts(tmp_path, "at\n2026-03-07T01:00:00Z\n")

    status, out, _ = run(capsys, script, "--alerts", path, "--json")

    found = json.loads(out)
    assert (status, found["hits"], found["median_delay_s"]) == (0, 2, 49 * 3600)
    assert {kind: each["median_delay_s"] for kind, each in found["by_kind"].items()} == {
        "latency": 3600, "quality": 49 * 3600,
    }  # fmt: skip


def test_alerts_may_come_from_another_program(
    script: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        sys, "stdin", io.StringIO('\ufeffnote,at\r\n"a note,\r\nin two lines",2026-03-07T01:00:00Z\r\n')
    )

    assert run(capsys, script, "--alerts", "-")[0] == 0


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("", ["1: the first line names the columns (at, kind, subject, note), and 'at' is needed"]),
        ("at,knd\n", ["1: the first line names the columns, and 'knd' is none; there are: at, kind, subject, note"]),
        ("at,at\n", ["1: the column 'at' is there twice"]),
        (
            HEAD + "soon,,,\n\n" + QUALITY + "2026-03-07T00:00:00Z,speed,,\n,,,\n2026-03-07T00:00:00Z\n",
            ["2: at: 'soon' is not an ISO 8601 date-time", "5: kind: 'speed' is no kind; there are: contract, ",
             "6: at: when was it raised?", "7: 1 values for 4 columns"],
        ),
        (HEAD + '2026-03-07T00:00:00Z,,,"open\n', ["2: unexpected end of data"]),
    ],
)  # fmt: skip
def test_faulty_lines_are_named_by_number(
    text: str, faults: list[str], tmp_path: Path, script: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = alerts(tmp_path, text)

    status, out, err = run(capsys, script, "--alerts", path)

    assert (status, out) == (2, "")
    for fault in faults:
        assert f"{path}:{fault}" in err
    assert err.count(f"{path}:") == len(faults)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "a score is of NAME with --alerts FILE, of --db FILE or of --url URL: give one of them"),
        (["walkthrough"], "a scenario has no alerts of its own: give --alerts FILE"),
        (["--alerts", "alerts.csv"], "alerts of a file are scored against a scenario: give its name or path"),
        (["walkthrough", "--alerts", "missing.csv"], "cannot read missing.csv"),
        (["nowhere", "--alerts", "-"], "unknown scenario 'nowhere'"),
        (["--db", "missing.db"], "cannot read missing.db"),
        (["--url", "ftp://x"], "'ftp://x' is not an http URL"),
    ],
)
def test_what_cannot_be_scored_is_told_in_one_line(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, err = run(capsys, *arguments)

    assert (status, out) == (2, "")
    assert told in err


def test_a_worlds_own_alerts_are_scored_in_its_file_and_on_its_server(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    db = tmp_path / "world.db"
    at = parse_instant("2026-03-02T00:00:00Z")
    simulator = Simulator(Settings(db, Beginning(clock_mode="frozen", clock_at=at)))
    with simulator.store.committed():
        world = simulator.worlds.admit("acme")
        world.drifts.add(world.count("drifts"), Drift("quality", "*", at, -0.1))
        world.drifts.add(world.count("drifts"), Drift("price", "*", at + 1, 2.0))
        Alerts(world.store, world.id).add(Alert(world.count("alerts"), at, "quality"))
    with BackgroundServer(simulator) as server:
        served = run(capsys, "--url", server.url, "--world", "acme", "--grace", "2d")
        unknown = run(capsys, "--url", server.url, "--world", "a b")
    simulator.close()

    assert (served[0], served[1].splitlines()[-1]) == (0, "1 of 1 drift noticed, no false alarms, 1 yet to come")
    assert unknown[0] == 2
    assert run(capsys, "--db", str(db), "--world", "acme", "--grace", "2d") == served
    assert run(capsys, "--db", str(db), "--world", "nobody")[0] == 2


@pytest.mark.parametrize(
    ("seconds", "told"), [(0, "0m"), (59, "0m"), (60, "1m"), (3600, "1h"), (93_784, "1d 2h"), (86_460, "1d 1m")]
)
def test_delays_are_told_in_their_two_largest_units(seconds: float, told: str) -> None:
    assert scores.span(seconds) == told
