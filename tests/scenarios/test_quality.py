"""Quality that ramps down and quality that drops, as the judge's windows and weekly eval runs see it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mockserver.kernel.windows import parse_instant
from tests.scenarios.conftest import Perform
from tests.scenarios.performance import CONTRACTS, NEIGHBOUR, Performance, instant

HEALTHY, NEIGHBOURLY = 0.986, 0.957
"""The judge's mean of endpoints that are right about 98.5% and 95.5% of the fields."""


@pytest.fixture(scope="module")
def ramp(perform: Perform) -> Performance:
    return perform("quality-ramp")


@pytest.fixture(scope="module")
def step(perform: Perform) -> Performance:
    return perform("quality-step")


def means(performance: Performance, endpoint: str) -> Iterator[tuple[str, float]]:
    """Yield the quality of an endpoint in each eval run, with when it was."""
    for run in performance.eval_runs:
        result = next(each for each in run["results"] if each["model_id"] == endpoint)
        yield run["run"]["created_at"], result["quality_mean"]


# A ramp


def test_a_ramp_is_healthy_until_its_onset_and_low_after_its_end(ramp: Performance) -> None:
    before, _ = ramp.quality(CONTRACTS, "2026-03-02", "2026-03-16")
    after, _ = ramp.quality(CONTRACTS, "2026-03-23", "2026-03-30")

    assert before == pytest.approx(HEALTHY, abs=0.008)
    assert after == pytest.approx(0.868, abs=0.035)


def test_in_a_ramp_the_first_half_of_the_week_is_better_than_the_second(ramp: Performance) -> None:
    first, _ = ramp.quality(CONTRACTS, "2026-03-16", "2026-03-19")
    second, _ = ramp.quality(CONTRACTS, "2026-03-20", "2026-03-23")

    assert HEALTHY > first > second > 0.868


def test_nobody_else_has_the_ramp(ramp: Performance) -> None:
    before, _ = ramp.quality(NEIGHBOUR, "2026-03-02", "2026-03-16")
    after, _ = ramp.quality(NEIGHBOUR, "2026-03-16", "2026-03-30")

    assert before == pytest.approx(NEIGHBOURLY, abs=0.02)
    assert after == pytest.approx(before, abs=0.02)


def test_eval_runs_find_the_ramp_where_it_is(ramp: Performance) -> None:
    contracts, neighbour = (dict(means(ramp, each)) for each in (CONTRACTS, NEIGHBOUR))

    assert [at[:10] for at in contracts] == ["2026-03-02", "2026-03-09", "2026-03-16", "2026-03-23"]
    early, last = [value for at, value in contracts.items() if at < "2026-03-17"], contracts.popitem()[1]
    assert min(early) > 0.96
    assert last == pytest.approx(0.87, abs=0.05)
    assert min(neighbour.values()) > 0.91


def test_worse_answers_cost_what_better_ones_do(ramp: Performance) -> None:
    assert set(ramp.debits(of=lambda entry: entry["subject"] == CONTRACTS)) == {90}


# A step


def test_a_step_is_below_the_alert_line_from_its_onset_on(step: Performance) -> None:
    before, _ = step.quality(CONTRACTS, "2026-03-02", "2026-03-12")
    after, _ = step.quality(CONTRACTS, "2026-03-13", "2026-03-23")

    assert before == pytest.approx(HEALTHY, abs=0.008)
    assert after == pytest.approx(0.812, abs=0.035)
    assert all(
        each["quality_mean"] < 0.90 for each in step.days(CONTRACTS, "quality", "windows", "2026-03-13", "2026-03-23")
        if each["n_judged"] >= 30
    )  # fmt: skip
    assert all(
        each["quality_mean"] > 0.90 for each in step.days(CONTRACTS, "quality", "windows", "2026-03-02", "2026-03-12")
        if each["n_judged"] >= 30
    )  # fmt: skip


def test_a_step_takes_no_time(step: Performance) -> None:
    windows = step.hours(CONTRACTS, "quality", "windows", "2026-03-12", "2026-03-13")

    def mean(start: str, end: str) -> float:
        found = [each for each in windows if instant(start) <= parse_instant(each["start"]) < instant(end)]
        judged = sum(each["n_judged"] for each in found)
        return float(sum(each["quality_mean"] * each["n_judged"] for each in found) / judged)

    assert mean("2026-03-12T00:00:00Z", "2026-03-12T09:00:00Z") > 0.94
    assert mean("2026-03-12T09:00:00Z", "2026-03-13T00:00:00Z") < 0.91


def test_nobody_else_has_the_step(step: Performance) -> None:
    assert step.quality(NEIGHBOUR, "2026-03-12", "2026-03-23")[0] == pytest.approx(NEIGHBOURLY, abs=0.02)


def test_eval_runs_find_the_step_the_week_after(step: Performance) -> None:
    found = dict(means(step, CONTRACTS))

    assert [value > 0.90 for value in found.values()] == [True, True, False]
    assert min(dict(means(step, NEIGHBOUR)).values()) > 0.91


def test_what_eval_runs_cost_is_reported_too(step: Performance) -> None:
    runs = step.eval_runs

    assert step.summary("Evaluation")["totalQuantity"] == sum(run["run"]["total_cost_micro_usd"] for run in runs)
    assert step.summary("Evaluation")["totalCost"] == pytest.approx(3 * 2 * 87 * 90e-6)
