"""Pictures: equal numbers make equal bytes, and what is there has its name on it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from mockserver import cli
from mockserver.kernel.drifts import Drift
from mockserver.kernel.errors import Unusable
from mockserver.kernel.windows import DAY, HOUR, parse_instant
from mockserver.simulation import charts
from mockserver.simulation.charts import Day, Played
from mockserver.vendors.pareta.domain.intervals import wilson

pytest.importorskip("matplotlib")

START = parse_instant("2026-03-02T00:00:00Z")
SCRIPT = """\
name: own
purpose: Something of everything.
clock: {mode: frozen, at: 2026-03-02T00:00:00Z}
length: 4d
customers: {count: 3}
traffic:
  calls_per_day: 40
  uses: [{endpoint: ep-contract-key-fields}]
wallet:
  top_ups: [{at: +2d, usd: 5}]
drifts:
  - {kind: quality, subject: ep-contract-key-fields, at: +1d, size: -0.1, shape: ramp, over: 1d}
  - {kind: price, at: +3d, size: 2}
faults:
  - {operation: paygentic.events.ingest, between: [+1d, +2d], lost_ack: true}
steps:
  - {request: POST /v1/eval-runs, body: {eval_set_id: es_contracts, candidate_model_ids: [qwen-2]}, at: +6h, every: 1d}
"""


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "own.yaml"
    path.write_text(SCRIPT, "utf-8")
    return path


def words(svg: Path) -> set[str]:
    """Return every text of a picture; texts are kept as such."""
    return {" ".join(found.split()) for found in re.findall(r">([^<>]+)</text>", svg.read_text("utf-8"))}


def test_what_is_expected_has_traffic_drifts_faults_and_top_ups_by_name(script: Path, tmp_path: Path) -> None:
    file = tmp_path / "own.svg"

    assert cli._run(["scenario", "show", str(script), "--plot", str(file)]) == 0

    assert {
        "own: what is expected", "Something of everything.", "calls per hour", "expected, by hour", "mean of a day",
        "top-up", "quality -0.1, ep-contract-key-fields", "price 2, *", "fault, paygentic.events.ingest: lost_ack",
        "UTC", "02 Mar", "05 Mar",
    } <= words(file)  # fmt: skip


def test_equal_scripts_make_equal_bytes_in_any_process(script: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "first.svg", tmp_path / "second.svg"

    assert cli._run(["scenario", "show", str(script), "--plot", str(first)]) == 0
    command = [sys.executable, "-m", "mockserver", "scenario", "show", str(script), "--plot", str(second)]
    subprocess.run(command, check=True, timeout=60)

    assert first.read_bytes() == second.read_bytes()
    assert b"<dc:date>" not in first.read_bytes()


def test_a_png_is_twelve_hundred_pixels_wide(script: Path, tmp_path: Path) -> None:
    file = tmp_path / "own.PNG"

    assert cli._run(["scenario", "show", str(script), "--plot", str(file)]) == 0

    head = file.read_bytes()[:24]
    assert head[:8] == b"\x89PNG\r\n\x1a\n"
    assert int.from_bytes(head[16:20], "big") == 1200


def world() -> Played:
    """Two days: the first is fine, in the second somebody runs out of credit."""
    played = Played()
    for hour in range(48):
        for n in range(4):
            at = START + hour * HOUR + n
            status = 402 if hour >= 40 else 503 if hour == 30 and n == 0 else 200
            played.add_call("ep-a", at, status, (n + 1) / 4 if status == 200 else None)
            if status == 200:
                played.add_movement(at, -250_000, "ep-a", is_debit=True)
    played.add_movement(START + 47 * HOUR, 5_000_000, "grant", is_debit=False)
    return played


def test_what_came_of_a_world_is_added_up() -> None:
    played = world()

    assert played.span == (START, START + 48 * HOUR)
    assert {name: sum(hours.values()) for name, hours in played.calls.items()} == {
        "answered": 159, "failed": 1, "402": 32,
    }  # fmt: skip
    assert played.spent["ep-a"] == {START: 96 * 250_000, START + DAY: 63 * 250_000}
    assert played.top_ups == [START + 47 * HOUR]
    mean, low, high = played.judged["ep-a"][START].interval()
    assert mean == pytest.approx(0.625)
    expected = wilson(0.625, 96)
    assert (low, high) == pytest.approx((expected.low, expected.high), abs=1e-4)


@pytest.mark.parametrize("total", [0, 3])
def test_intervals_of_nothing_but_right_or_wrong_answers_hold_their_mean(total: int) -> None:
    mean, low, high = Day(3, float(total)).interval()

    assert low <= mean <= high
    assert high - low > 0.5


def test_what_came_of_a_world_is_drawn_with_the_truth(tmp_path: Path) -> None:
    file = tmp_path / "world.svg"
    drifts = [Drift("quality", "ep-a", START + DAY, -0.2), Drift("latency", "*", START + 9 * DAY, 2.0)]

    charts.save(charts.retrospect("acme", world(), drifts), file)

    shown = words(file)
    assert {
        "World acme: what came of it", "159 calls answered; all instants UTC", "answered", "failed",
        "refused: 402, no credit", "USD per day", "judged quality,", "95% interval", "ep-a", "top-up",
        "quality -0.2, ep-a",
    } <= shown  # fmt: skip
    assert not [text for text in shown if "latency" in text]


def test_a_played_world_is_drawn_from_its_file(tmp_path: Path, script: Path) -> None:
    db, file = tmp_path / "own.db", tmp_path / "world.svg"
    assert cli._run(["scenario", "run", str(script), "--db", str(db), "--quiet"]) == 0

    assert cli._run(["export", "--db", str(db), "--plot", str(file)]) == 0

    shown = words(file)
    assert {"quality -0.1, ep-contract-key-fields", "ep-contract-key-fields", "answered"} <= shown
    assert "evals.runs.create" in shown  # all runs are one kind of spending
    assert not [text for text in shown if text.startswith("run_")]


def test_a_band_lasts_as_long_as_its_drift_within_what_is_shown() -> None:
    drifts = [
        Drift("quality", "a", START - DAY, -0.1, end=START + DAY),
        Drift("price", "b", START + DAY, 2.0),
        Drift("latency", "c", START + 2 * DAY, 2.0, "pulse", span_us=HOUR),
        Drift("traffic", "d", START - 2 * DAY, 2.0, end=START),
        Drift("traffic", "e", START + 4 * DAY, 2.0),
    ]

    bands = charts.drift_bands(drifts, START, START + 4 * DAY)

    assert [(band.start - START, band.end - START) for band in bands] == [
        (0, DAY), (DAY, 4 * DAY), (2 * DAY, 2 * DAY + HOUR),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["scenario", "show", "quality-step", "--plot", "chart.gif"], "a chart is written as .png or .svg"),
        (["scenario", "show", "quality-step", "--plot", "missing/chart.svg"], "cannot write missing/chart.svg"),
        (["scenario", "show", "empty-wallet", "--plot", "chart.svg"], "has no timeline to show"),
        (["export", "--db", "missing.db", "--plot", "chart.svg"], "cannot read missing.db"),
        (["export", "--db", "missing.db"], "say WHAT to export, such as ledger, or --plot FILE"),
    ],
)
def test_what_cannot_be_drawn_is_told_in_one_line(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert cli._run(arguments) == 2

    assert told in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_world_without_calls_has_no_picture() -> None:
    with pytest.raises(Unusable, match="world 'acme' has served no calls to draw"):
        charts.retrospect("acme", Played(), [])


def test_without_matplotlib_one_line_says_what_to_install(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)

    assert cli._run(["scenario", "show", "quality-step", "--plot", str(tmp_path / "chart.svg")]) == 2

    assert "charts need matplotlib: pip install 'mockserver[plot]'" in capsys.readouterr().err
