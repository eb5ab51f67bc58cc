"""Drifts read back with the vendors' published clients: at the onset, and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from math import inf, sqrt
from typing import Any

import pytest
from pareta import Pareta
from paygentic_sdk import Paygentic

from mockserver.kernel.windows import SECOND
from tests.scenarios.conftest import Perform
from tests.scenarios.performance import CHAT, CONTRACTS, MERCHANT, NEIGHBOUR, Performance, instant
from tests.vendors.pareta.sdk import installed

pytestmark = pytest.mark.sdk


def pareta(performance: Performance) -> Any:
    """Return the first generation's client, which knows endpoints."""
    return Pareta(api_key=performance.pareta_key, base_url=performance.url, max_retries=0)


def paygentic(performance: Performance) -> Paygentic:
    return Paygentic(bearer_auth=performance.paygentic_key, server_url=performance.url)


def moment(text: str) -> datetime:
    return datetime.fromtimestamp(instant(text) / SECOND, UTC)


def days(performance: Performance, endpoint: str, dimension: str, member: str) -> dict[str, Any]:
    """Return what `endpoints.metrics(...)` says of each day of a scenario."""
    with pareta(performance) as client:
        since = performance.played["starts_at"]
        told = getattr(client.endpoints.metrics(endpoint), dimension)(since=since, group_by="day")
    return {each["start"][:10]: each for each in told[member]}


def mean(found: dict[str, Any], start: str, end: str) -> float:
    """Return the quality of the days in a span."""
    chosen = [each for day, each in found.items() if start <= day < end]
    return float(sum(each["quality_mean"] * each["n_judged"] for each in chosen) / sum(d["n_judged"] for d in chosen))


def cost_id(client: Paygentic, name: str) -> str:
    listed = client.costs.list_costs(request={"limit": 20})
    return next(cost.id for cost in listed.data if cost.name == name)


def by_endpoint(performance: Performance, start: str, end: str, name: str = "AI inference") -> dict[str, float]:
    """Return what `get_cost_summary` says of a span, by endpoint."""
    with paygentic(performance) as client:
        told = client.costs.get_cost_summary(
            id=cost_id(client, name), from_=moment(start), to=moment(end), group_by="endpoint", window="DAY"
        )
    return {group.dimensions["endpoint"]: group.quantity for group in told.groups}


# Quality


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("quality-step", ("2026-03-02", "2026-03-12"), ("2026-03-13", "2026-03-23")),
        ("quality-ramp", ("2026-03-02", "2026-03-16"), ("2026-03-23", "2026-03-30")),
    ],
)
def test_metrics_show_where_quality_falls_below_the_alert_line(
    perform: Perform, name: str, before: tuple[str, str], after: tuple[str, str]
) -> None:
    performance = perform(name)
    contracts, neighbour = (days(performance, each, "quality", "windows") for each in (CONTRACTS, NEIGHBOUR))

    assert mean(contracts, *before) > 0.97
    assert mean(contracts, *after) < 0.90
    assert mean(neighbour, *before) > 0.93
    assert mean(neighbour, *after) > 0.93


@pytest.fixture(params=["0.3.1", "3.0.4"])
def evals(request: pytest.FixtureRequest, perform: Perform) -> Iterator[tuple[Performance, Any]]:
    """The evals of either generation's client."""
    performance = perform("quality-step")
    with (
        installed(request.param) as module,
        module.Pareta(api_key=performance.pareta_key, base_url=performance.url, max_retries=0) as client,
    ):
        yield performance, client.evals


def test_weekly_evals_show_the_step_of_one_model_and_not_of_the_other(evals: tuple[Performance, Any]) -> None:
    performance, client = evals
    ids = [run["run"]["id"] for run in performance.eval_runs]

    runs = [client.runs.retrieve(each) for each in ids]

    assert [run.status for run in runs] == ["completed"] * 3
    contracts, neighbour = (
        [next(result for result in run.results if result.model_id == each) for run in runs]
        for each in (CONTRACTS, NEIGHBOUR)
    )
    assert [result.quality_mean > 0.90 for result in contracts] == [True, True, False]
    assert all(result.quality_mean > 0.90 for result in neighbour)
    assert contracts[1].quality_ci_low > contracts[2].quality_ci_high, "no chance"
    assert {result.mean_cost_micro_usd for result in contracts} == {90}


# Latency and failures


def test_performance_shows_the_tail_of_one_endpoint(begin: Perform) -> None:
    tail = begin("slow-tail")
    tail.play(until="2026-03-09")
    with pareta(tail) as client:
        before = [client.endpoints.metrics(each).performance(window="7d") for each in (CONTRACTS, NEIGHBOUR)]
        tail.go_on("2026-03-16T00:00:00Z")
        after = [client.endpoints.metrics(each).performance(window="7d") for each in (CONTRACTS, NEIGHBOUR)]

    assert after[0]["p99_ms"] > 3 * before[0]["p99_ms"]
    assert after[0]["p50_ms"] == pytest.approx(before[0]["p50_ms"], rel=0.1)
    assert after[0]["p95_ms"] == pytest.approx(before[0]["p95_ms"], rel=0.2)
    assert after[1]["p99_ms"] < 1.5 * before[1]["p99_ms"]


def test_uptime_shows_the_day_of_the_outage(perform: Perform) -> None:
    outage = perform("partial-outage")

    contracts, neighbour = (days(outage, each, "uptime", "points") for each in (CONTRACTS, NEIGHBOUR))

    assert [day for day, each in contracts.items() if each["availability"] < 1] == ["2026-03-05"]
    assert all(each["availability"] == 1 for each in neighbour.values())
    with paygentic(outage) as client:
        told = client.costs.get_cost_summary(
            id=cost_id(client, "AI inference"), from_=moment("2026-03-02"), to=moment("2026-03-09"),
            filter_group_by=f'{{"endpoint": "{CONTRACTS}"}}', window="DAY",
        )  # fmt: skip
    activity = days(outage, CONTRACTS, "activity", "points")
    reported = {each.window_start.date().isoformat(): each.quantity for each in told.time_series}
    assert reported == pytest.approx({day: 90e-6 * each["succeeded"] for day, each in activity.items()})


# Prices and tokens


def test_the_summary_shows_the_new_price_of_one_endpoint(perform: Perform) -> None:
    price = perform("price-change")
    spans = (("2026-03-18", "2026-04-01"), ("2026-04-01", "2026-04-15"))

    cost, calls = ([by_endpoint(price, *span, name) for span in spans] for name in ("AI inference", "Calls"))

    per_call = [{each: cost[n][each] / calls[n][each] for each in cost[n]} for n in (0, 1)]
    assert per_call[0][CONTRACTS] == pytest.approx(90e-6)
    assert per_call[1][CONTRACTS] == pytest.approx(135e-6)
    assert per_call[1]["auto"] == pytest.approx(per_call[0]["auto"], rel=0.2)
    with pareta(price) as client:
        assert client.endpoints.metrics(CONTRACTS).cost(window="7d")["cost_per_request_micro_usd"] == 90


def test_the_report_compares_a_period_with_the_one_before(perform: Perform) -> None:
    price, prompts = perform("price-change"), perform("longer-prompts")

    def changes(performance: Performance, start: str) -> tuple[float, float, dict[str, float]]:
        with paygentic(performance) as client:
            inference = cost_id(client, "AI inference")
            told = client.costs.get_cost_report(
                from_=moment(start), to=moment(start) + timedelta(days=14), group_by="endpoint", cost_id=[inference],
                compare_prior_period=True, merchant_id=MERCHANT,
            )  # fmt: skip
        rise = {group.key: group.prior_period.change_percent for group in told.groups}
        return told.total_cost, sum(group.total_cost for group in told.groups), rise

    total, parts, rise = changes(price, "2026-04-01")
    assert total == pytest.approx(parts)
    assert rise[CONTRACTS] == pytest.approx(50, abs=20)
    assert abs(rise["auto"]) < 25
    _, _, rise = changes(prompts, "2026-03-16")
    assert rise[CHAT] > 70
    assert abs(rise[CONTRACTS]) < 25


def test_activity_shows_longer_prompts_and_no_more_calls(perform: Perform) -> None:
    prompts = perform("longer-prompts")
    found = days(prompts, CHAT, "activity", "points")

    def per_call(start: str, end: str) -> tuple[float, int]:
        chosen = [each for day, each in found.items() if start <= day < end]
        calls = sum(each["succeeded"] for each in chosen)
        return sum(each["prompt_tokens"] for each in chosen) / calls, calls

    before, after = per_call("2026-03-02", "2026-03-16"), per_call("2026-03-16", "2026-03-30")
    assert after[0] == pytest.approx(2.5 * before[0], rel=0.12)
    assert after[1] == pytest.approx(before[1], rel=0.12)


# Where anything changes


def change(series: dict[str, tuple[float, int]]) -> tuple[str, float]:
    """Return the day from which on a series differs most from what it was before, and by how many standard errors.

    :param series: by day, a mean and of how many.
    """
    found = ("", 0.0)
    for day in list(series)[2:-2]:
        parts = [[each for when, each in series.items() if (when < day) is is_before] for is_before in (True, False)]
        counts = [sum(count for _, count in part) for part in parts]
        means = [sum(mean * count for mean, count in part) / n for part, n in zip(parts, counts, strict=True)]
        # The scatter of days about their side's mean, for one observation.
        rest = sum(count * (each - mean) ** 2 for part, mean in zip(parts, means, strict=True) for each, count in part)
        error = sqrt(rest / (len(series) - 2) * (1 / counts[0] + 1 / counts[1]))
        score = abs(means[1] - means[0]) / error if error else (0.0 if means[0] == means[1] else inf)
        if score > found[1]:
            found = (day, score)
    return found


def qualities(performance: Performance, endpoint: str) -> dict[str, tuple[float, int]]:
    found = days(performance, endpoint, "quality", "windows")
    return {day: (each["quality_mean"], each["n_judged"]) for day, each in found.items()}


def costs(performance: Performance, endpoint: str) -> dict[str, tuple[float, int]]:
    found = days(performance, endpoint, "cost", "buckets")
    return {day: (each["total_micro_usd"] / each["requests"], each["requests"]) for day, each in found.items()}


@pytest.mark.parametrize(
    ("name", "series", "endpoint", "onset"),
    [
        ("quality-step", qualities, CONTRACTS, "2026-03-12"),
        ("price-change", costs, CONTRACTS, "2026-04-01"),
        ("longer-prompts", costs, CHAT, "2026-03-16"),
    ],
)
def test_the_day_of_the_onset_is_where_a_series_breaks(
    perform: Perform, name: str, series: Any, endpoint: str, onset: str
) -> None:
    day, score = change(series(perform(name), endpoint))

    assert day == onset
    assert score > 8


@pytest.mark.parametrize(
    ("name", "series", "endpoint"),
    [
        ("quality-step", qualities, NEIGHBOUR),
        ("quality-ramp", qualities, NEIGHBOUR),
        ("quality-step", costs, CONTRACTS),
        ("price-change", qualities, CONTRACTS),
        ("longer-prompts", qualities, CHAT),
        ("longer-prompts", costs, CONTRACTS),
        ("partial-outage", costs, CONTRACTS),
        ("steady-month", qualities, CONTRACTS),
        ("steady-month", qualities, CHAT),
        ("steady-month", costs, CHAT),
    ],
)
def test_no_series_breaks_where_nothing_drifts(perform: Perform, name: str, series: Any, endpoint: str) -> None:
    assert change(series(perform(name), endpoint))[1] < 5
