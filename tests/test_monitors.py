"""The reference monitors: their rules on series made up here, and both as programs on a scenario that was played."""

from __future__ import annotations

import csv
import importlib
import math
import random
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import httpx
import pytest

from mockserver import cli, playing
from mockserver.app import Simulator
from mockserver.http.inprocess import InProcessTransport

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "examples" / "monitors"
START = datetime(2026, 3, 2, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)

pytestmark = pytest.mark.sdk


@pytest.fixture(scope="module")
def modules() -> Iterator[dict[str, ModuleType]]:
    """The examples as modules: their folder is where Python looks when one of them is run."""
    pytest.importorskip("pareta")
    pytest.importorskip("paygentic_sdk")
    names = ("readings", "threshold", "cusum")
    sys.path.insert(0, str(FOLDER))
    try:
        yield {name: importlib.import_module(name) for name in names}
    finally:
        sys.path.remove(str(FOLDER))
        for name in names:
            sys.modules.pop(name, None)


@pytest.fixture
def cusum(modules: dict[str, ModuleType]) -> ModuleType:
    return modules["cusum"]


@pytest.fixture
def threshold(modules: dict[str, ModuleType]) -> ModuleType:
    return modules["threshold"]


def points(values: list[float], counts: list[int] | int = 100, width: timedelta = DAY) -> list[Any]:
    many = [counts] * len(values) if isinstance(counts, int) else counts
    return [
        sys.modules["readings"].Point(START + n * width, START + (n + 1) * width, value, count)
        for n, (value, count) in enumerate(zip(values, many, strict=True))
    ]


def series(module: ModuleType, kind: str, metric: str, values: list[float], counts: list[int] | int = 100) -> Any:
    return module.Series(kind, "ep-a", metric, points(values, counts))


def days(alerts: Any) -> list[int]:
    """Return after how many days each alert came."""
    return [(alert.at - START) // DAY for alert in alerts]


# Thresholds


def test_quality_below_the_pages_limit_raises_one_alert_until_it_was_above_again(threshold: ModuleType) -> None:
    found = list(threshold.watch(series(threshold, "quality", "quality_mean", [0.95, 0.9, 0.89, 0.85, 0.91, 0.8])))

    assert days(found) == [3, 6]
    assert found[0] == threshold.Alert(START + 3 * DAY, "quality", "ep-a", "quality_mean 0.89 is below 0.9")


def test_of_few_calls_nothing_is_said(threshold: ModuleType) -> None:
    assert not list(threshold.watch(series(threshold, "quality", "quality_mean", [0.5, 0.95], [29, 30])))
    assert not list(threshold.watch(series(threshold, "quality", "quality_mean", [0.5], [0])))


@pytest.mark.parametrize(
    ("metric", "beyond", "within"),
    [("p95_ms", 176.0, 174.0), ("micro-dollars per token", 111.0, 109.0), ("tokens per call", 151.0, 149.0)],
)
def test_what_no_page_has_a_limit_for_is_held_to_its_first_week(
    threshold: ModuleType, metric: str, beyond: float, within: float
) -> None:
    week = [100.0, 400.0, 100.0, 90.0, 110.0, 100.0, 100.0]  # whatever happens in it

    assert days(threshold.watch(series(threshold, "x", metric, [*week, within, beyond, beyond]))) == [9]


def test_errors_have_a_limit_of_their_own_and_traffic_has_none(threshold: ModuleType) -> None:
    assert days(threshold.watch(series(threshold, "error_rate", "error rate", [0.0, 0.02, 0.021]))) == [3]
    assert not list(threshold.watch(series(threshold, "traffic", "calls", [100.0] * 7 + [900.0])))


# CUSUM: the false-alarm rate that was chosen


@pytest.mark.parametrize("every", [100, 1_000, 100_000])
def test_the_limit_is_the_one_whose_mean_run_is_asked_for(cusum: ModuleType, every: float) -> None:
    h = cusum.limit(every)

    # Siegmund's formula, the other way round.
    b = h + 1.166
    assert (math.exp(b) - b - 1) * 2 / 2 == pytest.approx(every, rel=1e-6)


def count_alarms(cusum: ModuleType, scale: Any, make: Callable[[random.Random], list[Any]], every: float) -> list[int]:
    """Return the alarms and the observations watched, over many seeds."""
    alarms = watched = 0
    for seed in range(400):
        made = make(random.Random(seed))
        alarms += sum(1 for _ in cusum.alarms(made, scale, every))
        watched += sum(1 for point in made if point.end > START + cusum.LEARNING)
    return [alarms, watched]


@pytest.mark.parametrize(("every", "noise"), [(200, 1.0), (1_000, 1.0), (200, 0.5), (1_000, 0.5)])
def test_without_slack_false_alarms_come_as_often_as_was_chosen(cusum: ModuleType, every: float, noise: float) -> None:
    """However noisy it is, of which the rule assumes 1: 400 seeds, twice the nominal number at most."""

    def make(draw: random.Random) -> list[Any]:
        return points([math.exp(draw.gauss(3, noise / 10)) for _ in range(103)])

    alarms, watched = count_alarms(cusum, cusum.ratios(0.0, 1.0), make, every)

    nominal = watched / every
    assert alarms <= 2 * nominal
    if noise == 1.0:
        assert alarms >= nominal / 2  # it is a rule for this rate, not one that keeps silent


def test_steady_shares_raise_fewer_alarms_than_was_chosen(cusum: ModuleType) -> None:
    def make(draw: random.Random) -> list[Any]:
        return points([sum(draw.random() < 0.98 for _ in range(50)) / 50 for _ in range(60)], 50)

    alarms, watched = count_alarms(cusum, cusum.SCALES["quality_mean"], make, 500)

    assert alarms <= watched / 500


def test_traffic_with_a_weekly_shape_that_grows_raises_nothing(cusum: ModuleType) -> None:
    """Five weeks by the hour, of 40 seeds, at 3% a week; weekends are a third and nights an eighth."""

    def make(draw: random.Random) -> list[Any]:
        calls = []
        for n in range(24 * 35):
            mean = 40 * (0.33 if n // 24 % 7 > 4 else 1) * (0.125 if n % 24 < 7 else 1) * 1.03 ** (n / 168)
            calls.append(max(0.0, round(draw.gauss(mean, math.sqrt(mean)))))
        return points(calls, 1, HOUR)

    found = [list(cusum.alarms(make(random.Random(seed)), cusum.SCALES["calls"])) for seed in range(40)]

    assert sum(map(len, found)) <= 40 * 24 * 28 / cusum.FALSE_ALARM_EVERY


# CUSUM: what it finds


def drawn(seed: int, mean: Callable[[int], float], n: int, calls: int = 60) -> list[float]:
    draw = random.Random(seed)
    return [sum(draw.random() < mean(day) for _ in range(calls)) / calls for day in range(n)]


@pytest.mark.parametrize("seed", range(8))
def test_a_step_in_quality_is_found_in_days_and_a_small_ramp_before_it_is_over(cusum: ModuleType, seed: int) -> None:
    step = drawn(seed, lambda day: 0.97 if day < 14 else 0.85, 28)
    ramp = drawn(seed, lambda day: 0.97 - 0.01 * max(0, day - 14), 28)

    (first, *_) = days(cusum.watch(series(cusum, "quality", "quality_mean", step, 60)))
    assert 14 < first <= 19
    (first, *_) = days(cusum.watch(series(cusum, "quality", "quality_mean", ramp, 60)))
    assert 14 < first <= 28


def test_an_alert_says_what_was_usual_and_is_repeated_weekly(cusum: ModuleType) -> None:
    values = [100.0] * 10 + [150.0] * 16

    found = list(cusum.watch(series(cusum, "price", "micro-dollars per call", values)))

    assert days(found) == [11, 18, 25]
    assert found[0].note == "micro-dollars per call 150, usually 100"
    assert (found[0].kind, found[0].subject) == ("price", "ep-a")


def test_what_drifts_is_not_taken_for_usual(cusum: ModuleType) -> None:
    values = [100.0] * 10 + [150.0] * 30 + [100.0] * 5

    found = list(cusum.watch(series(cusum, "price", "micro-dollars per call", values)))

    assert all(note.endswith("usually 100") for note in (alert.note for alert in found))
    assert max(days(found)) <= 40


def test_a_silence_and_a_spike_are_found_within_hours(cusum: ModuleType) -> None:
    def make(factor: float) -> list[Any]:
        calls = [round(30 * (factor if 24 * 10 <= n < 24 * 10 + 6 else 1)) for n in range(24 * 14)]
        return points([float(each) for each in calls], 1, HOUR)

    for factor in (0.0, 3.0):
        (alarm, *_) = cusum.alarms(make(factor), cusum.SCALES["calls"])
        assert START + 10 * DAY < alarm.point.end <= START + 10 * DAY + 3 * HOUR


def test_only_a_growing_part_of_a_whole_is_told(cusum: ModuleType) -> None:
    parts = cusum.SCALES["share of costs"]
    draw = random.Random(1)
    noise = [draw.gauss(0, 0.01) for _ in range(40)]

    grown = [0.1 + each + (0.25 if n >= 20 else 0) for n, each in enumerate(noise)]
    shrunk = [0.4 + each - (0.25 if n >= 20 else 0) for n, each in enumerate(noise)]

    assert [alarm.point.start for alarm in cusum.alarms(points(grown, 1), parts)][:1] >= [START + 20 * DAY]
    assert list(cusum.alarms(points(shrunk, 1), parts)) == []


def test_hours_are_put_together_until_they_have_calls_enough(cusum: ModuleType) -> None:
    hours = points([1.0, 0.5, 0.0, 1.0], [10, 30, 40, 5], HOUR)

    first, second = cusum.gathered(hours, 40)

    assert first == cusum.Point(START, START + 2 * HOUR, 25 / 40, 40)
    assert second == cusum.Point(START + 2 * HOUR, START + 3 * HOUR, 0.0, 40)


# As programs


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three weeks in which the quality of one endpoint steps below 0.90, in a file."""
    db = tmp_path_factory.mktemp("monitors") / "quality-step.db"
    assert cli._run(["scenario", "run", "quality-step", "--db", str(db), "--quiet"]) == 0
    return db


@pytest.mark.parametrize(("monitor", "within_h"), [("threshold", 24), ("cusum", 72)])
def test_each_monitor_finds_the_step_through_the_real_clients(
    monitor: str, within_h: int, played: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    db, alerts = tmp_path / "own.db", tmp_path / "alerts.csv"
    db.write_bytes(played.read_bytes())
    command = [sys.executable, "-m", "mockserver", "exec", "--db", str(db), "--"]
    program = [sys.executable, str(FOLDER / f"{monitor}.py")]
    done = subprocess.run([*command, *program], capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    alerts.write_text(done.stdout, "utf-8")
    with alerts.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))

    cli._run(["scenario", "score", "quality-step", "--alerts", str(alerts), "--json"])
    by_file = capsys.readouterr().out
    cli._run(["scenario", "score", "--db", str(db), "--json"])
    by_world = capsys.readouterr().out

    assert ("quality", "ep-contract-key-fields") in {(row["kind"], row["subject"]) for row in rows}
    assert by_file == by_world  # what was posted is what was printed
    assert '"hits": 1,\n  "misses": 0' in by_file
    delay_s = float(by_file.split('"delay_s": ')[1].split(",")[0])
    assert delay_s <= within_h * 3600


def test_the_table_of_scores_has_a_row_for_each_scenario(tmp_path: Path) -> None:
    quiet = tmp_path / "quiet.py"
    quiet.write_text("print('at,kind,subject,note')\n", "utf-8")
    script = tmp_path / "short.yaml"
    script.write_text(
        "name: short\npurpose: Two days.\nclock: {mode: frozen, at: 2026-03-02T00:00:00Z}\nlength: 2d\n"
        "traffic: {calls_per_day: 40, uses: [{endpoint: ep-contract-key-fields}]}\n"
        "drifts: [{kind: price, at: +1d, size: 2}]\n",
        "utf-8",
    )
    command = [sys.executable, str(FOLDER / "baseline.py"), "--monitor", str(quiet), str(script)]

    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)

    assert (done.returncode, done.stderr) == (0, "")
    head, _, row = done.stdout.splitlines()
    assert head == "| scenario | quiet: hits | delay | false alarms |"
    assert row == "| short | 0 of 1 | - | 0 |"


# On steady traffic


STEADY = """\
name: steady
purpose: Three weeks in which nothing drifts.
clock: {mode: frozen, at: 2026-03-02T00:00:00Z}
start: {balance_usd: 50}
length: 21d
customers: {count: 8, utc_offsets: {"-05:00": 1, "+01:00": 2}}
traffic:
  calls_per_day: 60
  conversation: {turns: 1.5}
  uses: [{endpoint: ep-contract-key-fields}]
"""


class Metrics:
    """As `pareta.endpoints`, without a socket."""

    def __init__(self, client: httpx.Client, endpoint: str = "") -> None:
        self._client = client
        self._endpoint = endpoint

    def metrics(self, endpoint: str) -> Metrics:
        return Metrics(self._client, endpoint)

    def __getattr__(self, dimension: str) -> Callable[..., Any]:
        return lambda **params: self._client.get(f"/v1/endpoints/{self._endpoint}/{dimension}", params=params).json()


def test_steady_traffic_of_80_seeds_raises_no_more_alerts_than_was_chosen(
    modules: dict[str, ModuleType], simulator: Simulator
) -> None:
    """So many that a limit ten times too eager would not pass."""
    readings, cusum = modules["readings"], modules["cusum"]
    now, alerts, too_eager, watched = START + 21 * DAY, 0, 0, 0
    scene = playing.Scene("steady", STEADY)
    for seed in range(80):
        world = f"steady-{seed}"
        deque(playing.in_simulator(simulator, world, replace(scene, seed=seed)), maxlen=0)
        with httpx.Client(
            transport=InProcessTransport(simulator.gateway), base_url="http://pareta",
            headers={"Authorization": f"Bearer pareta_sk_test_{world}"},
        ) as client:  # fmt: skip
            pareta = SimpleNamespace(endpoints=Metrics(client))
            days = readings.of_endpoint(pareta, "ep-contract-key-fields", now, "day")
            hours = readings.of_endpoint(pareta, "ep-contract-key-fields", now, "hour")
        for day, hour in zip(days, hours, strict=True):
            one = hour if hour.metric in readings.ADDITIVE else day
            scale = cusum.SCALES[one.metric]
            seen = list(cusum.gathered(one.points, scale.at_least)) if scale.at_least else one.points
            first = START + (cusum.WEEK if scale.has_weekly_shape else cusum.LEARNING)
            watched += sum(point.end > first for point in seen)
            alerts += len(list(cusum.watch(one)))
            too_eager += sum(1 for _ in cusum.alarms(one.points, scale, cusum.FALSE_ALARM_EVERY / 10))

    assert watched > 80 * 14 * 24
    assert alerts <= watched / cusum.FALSE_ALARM_EVERY < too_eager
