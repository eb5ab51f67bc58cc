"""Metrics and lifecycle against oracles: the same answers once more, in plain loops, and nothing shared."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mockserver.app import Simulator
from mockserver.config import Settings
from mockserver.kernel.windows import SECOND
from mockserver.kernel.world import Beginning
from mockserver.vendors.pareta import tables
from mockserver.vendors.pareta.domain.metrics import ServedCall
from tests.vendors.pareta.org import ENDPOINT, FRONTIER, PRICE, Org

NOON = 1_770_724_800
MICRO = 1_000_000
WIDTHS = {"hour": 3600, "day": 86_400}


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    beginning = Beginning(seed=7, clock_mode="frozen", clock_at=NOON * MICRO)
    simulator = Simulator(Settings(beginning=beginning))
    yield simulator
    simulator.close()


names = (f"world{n}" for n in itertools.count())


def iso(at_us: int) -> str:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at_us)
    text = moment.strftime("%Y-%m-%dT%H:%M:%S")
    if at_us % MICRO == 0:
        return f"{text}Z"
    return f"{text}.{moment.microsecond // 1000:03d}Z" if at_us % 1000 == 0 else f"{text}.{moment.microsecond:06d}Z"


# The five dimensions

ages = st.one_of(
    st.integers(0, 40 * 86_400 * MICRO),
    st.sampled_from([0, 1, 3600 * MICRO, 86_400 * MICRO, 2 * 86_400 * MICRO, 30 * 86_400 * MICRO]),
    st.integers(0, 3).map(lambda n: n * 3600 * MICRO),
)
served = st.builds(
    lambda age, status, us, given, written, cost, frontier, score: (
        ServedCall(NOON * MICRO - age, status, us, given, written, cost, frontier, score)
        if status < 300
        else ServedCall(NOON * MICRO - age, status, 0, 0, 0, 0, 0, None)
    ),
    ages,
    st.sampled_from([200, 200, 200, 204, 402, 409, 500, 503]),
    st.integers(0, 5_000_000),
    st.integers(0, 500),
    st.integers(0, 500),
    st.integers(0, 10**6),
    st.integers(0, 10**6),
    st.none() | st.sampled_from([0.0, 0.125, 0.5, 0.75, 1.0]),
)
windows = st.sampled_from([("", 30 * 86_400), ("24h", 86_400), ("2d", 2 * 86_400), ("1h", 3600), ("52w", 364 * 86_400)])


def rank(values: list[int], percent: int) -> float | None:
    """The smallest value that at least so many percent of all values do not exceed, in milliseconds."""
    for value in sorted(values):
        if Fraction(sum(other <= value for other in values), len(values)) >= Fraction(percent, 100):
            return value / 1000
    return None


def wilson(mean: float, n: int) -> tuple[float, float]:
    z = 1.959963984540054
    middle, half = mean + z * z / (2 * n), z * math.sqrt(mean * (1 - mean) / n + z * z / (4 * n * n))
    return (middle - half) / (1 + z * z / n), (middle + half) / (1 + z * z / n)


def runs_of_failures(calls: list[ServedCall]) -> list[dict[str, Any]]:
    found = []
    for is_down, run in itertools.groupby(calls, key=lambda call: call.status >= 500):
        if is_down:
            part = list(run)
            found.append({"start": iso(part[0].at), "end": iso(part[-1].at), "failed_requests": len(part)})
    return found


def by_bucket(calls: list[ServedCall], width: int) -> list[tuple[str, list[ServedCall]]]:
    groups: dict[int, list[ServedCall]] = {}
    for call in calls:
        groups.setdefault(call.at // (width * MICRO), []).append(call)
    return [(iso(key * width * MICRO), groups[key]) for key in sorted(groups)]


def sums(calls: list[ServedCall]) -> dict[str, int]:
    good = [call for call in calls if call.status < 300]
    total, frontier = sum(call.cost_micro_usd for call in good), sum(call.frontier_micro_usd for call in good)
    return {
        "requests": len(good), "total_micro_usd": total, "frontier_baseline_micro_usd": frontier,
        "savings_micro_usd": frontier - total,
    }  # fmt: skip


def usage(calls: list[ServedCall]) -> dict[str, int]:
    good = sum(call.status < 300 for call in calls)
    given, written = sum(call.prompt_tokens for call in calls), sum(call.completion_tokens for call in calls)
    return {
        "requests": len(calls), "succeeded": good, "failed": len(calls) - good, "prompt_tokens": given,
        "completion_tokens": written, "total_tokens": given + written,
    }  # fmt: skip


@given(st.lists(served, max_size=60), windows, st.sampled_from([None, "hour", "day"]), st.integers(0, 12))
@settings(max_examples=80)
def test_every_dimension_is_what_the_calls_add_up_to(
    simulator: Simulator, calls: list[ServedCall], window: tuple[str, int], group_by: str | None, before: int
) -> None:
    org = Org(simulator, next(names))
    with org.house():
        for n, call in enumerate(calls, 1):
            tables.endpoints.insert_call(org.world, ENDPOINT, n, call, f"req_{n}")
        # The first of them were of a deleted endpoint that bore this name.
        org.world.store.execute(
            "UPDATE pareta_endpoints SET first_call = ? WHERE world = ? AND id = ?",
            (before + 1, org.world.id, ENDPOINT),
        )
    label, span = window
    params = {**({"window": label} if label else {}), **({"group_by": group_by} if group_by else {})}
    inside = [call for call in calls[before:] if NOON * MICRO - call.at < span * MICRO]
    inside.sort(key=lambda call: call.at)  # stable: of one instant, in order of arrival

    def width(default: str) -> int:
        return WIDTHS[group_by or default]

    cost = org.metric("cost", **params)
    assert {name: cost[name] for name in sums([])} == sums(inside)
    if group_by:
        assert cost["buckets"] == [{"start": start, **sums(part)} for start, part in by_bucket(inside, width("day"))]
    else:
        assert "buckets" not in cost

    activity = org.metric("activity", **params)
    assert {name: activity[name] for name in usage([])} == usage(inside)
    assert activity["last_request_at"] == (iso(inside[-1].at) if inside else None)
    assert activity["points"] == [{"start": start, **usage(part)} for start, part in by_bucket(inside, width("day"))]

    uptime = org.metric("uptime", **params)
    down = sum(call.status >= 500 for call in inside)
    share = 1 - down / len(inside) if inside else 1
    assert (uptime["availability"], uptime["uptime_pct"]) == pytest.approx((share, 100 * share), abs=1e-4)
    assert uptime["incidents"] == runs_of_failures(inside)
    assert [(point["start"], point["requests"]) for point in uptime["points"]] == [
        (start, len(part)) for start, part in by_bucket(inside, width("day"))
    ]

    performance = org.metric("performance", **params)
    times = [call.latency_us for call in inside if call.status < 300]
    assert [performance[name] for name in ("p50_ms", "p95_ms", "p99_ms")] == [rank(times, p) for p in (50, 95, 99)]
    assert performance["error_rate"] == pytest.approx(1 - share, abs=1e-6)
    assert performance["points"] == [
        {
            "start": start,
            "requests": len(good),
            "p50_ms": rank(good, 50),
            "p95_ms": rank(good, 95),
            "p99_ms": rank(good, 99),
        }
        for start, part in by_bucket(inside, width("hour"))
        for good in [[call.latency_us for call in part if call.status < 300]]
    ]

    quality = org.metric("quality", **params)
    scores = [call.score for call in inside if call.score is not None]
    assert quality["n_judged"] == len(scores)
    if scores:
        mean = sum(scores) / len(scores)
        assert quality["quality_mean"] == pytest.approx(mean, abs=1e-12)
        assert (quality["quality_ci_low"], quality["quality_ci_high"]) == pytest.approx(
            wilson(mean, len(scores)), abs=1e-6
        )
    else:
        assert quality["quality_mean"] is quality["quality_ci_low"] is quality["quality_ci_high"] is None
    judged = [
        (start, [call.score for call in part if call.score is not None])
        for start, part in by_bucket(inside, width("hour" if span <= 2 * 86_400 else "day"))
    ]
    assert [(each["start"], each["n_judged"], each["quality_mean"]) for each in quality["windows"]] == [
        (start, len(part), pytest.approx(sum(part) / len(part), abs=1e-12)) for start, part in judged if part
    ]


@given(st.lists(served, max_size=60))
@settings(max_examples=40)
def test_the_rollup_is_what_autos_calls_add_up_to(simulator: Simulator, calls: list[ServedCall]) -> None:
    org = Org(simulator, next(names))
    with org.house():
        for n, call in enumerate(calls, 1):
            tables.endpoints.insert_call(org.world, "auto", n, call, f"req_{n}")

    found = org.get("/v1/auto/metrics")

    first_day, first_hour = NOON // 86_400 - 29, NOON // 3600 - 167
    days = [[c for c in calls if c.at // (86_400 * MICRO) == first_day + n] for n in range(30)]
    hours = [[c for c in calls if c.at // (3600 * MICRO) == first_hour + n] for n in range(168)]
    counted = [call for day in days for call in day]
    assert [(day["n"], day["ok"]) for day in found["days_30d"]] == [
        (len(day), sum(call.status < 300 for call in day)) for day in days
    ]
    assert [(hour["requests"], hour["p50_ms"], hour["p95_ms"]) for hour in found["performance_hourly_7d"]] == [
        (len(hour), rank(good, 50), rank(good, 95))
        for hour in hours
        for good in [[call.latency_us for call in hour if call.status < 300]]
    ]
    billed, frontier = sum(c.cost_micro_usd for c in counted), sum(c.frontier_micro_usd for c in counted)
    assert (found["requests_30d"], found["billed_micro_usd_30d"]) == (len(counted), billed)
    assert found["billed_micro_usd_today"] == sum(call.cost_micro_usd for call in days[-1])
    assert found["requests_today"] == len(days[-1])
    assert found["savings_vs_frontier_micro_usd_30d"] == (frontier - billed if counted else None)
    assert found["success_rate_30d"] == (
        pytest.approx(sum(call.status < 300 for call in counted) / len(counted)) if counted else None
    )
    newest = max(calls, key=lambda call: call.at, default=None)
    assert (found["last_request"] or {}).get("created_at") == (iso(newest.at) if newest else None)


# The lifecycle


@dataclass
class Deployed:
    """An endpoint as the oracle sees it.

    :param due: second at which it goes live by itself.
    :param is_told: whether its deployment is still being told about, so that looking changes nothing.
    """

    status: str
    due: int = 0
    is_told: bool = False
    served: int = 0
    failed: int = 0


@dataclass
class Oracle:
    now: int = NOON
    endpoints: dict[str, Deployed] = field(default_factory=dict)
    paid: list[str] = field(default_factory=list)

    def advance(self, seconds: int) -> None:
        self.now += seconds
        for each in self.endpoints.values():
            if each.status == "starting" and each.due <= self.now:
                each.status = "live"

    def look(self, name: str) -> None:
        each = self.endpoints[name]
        if each.status == "starting" and not each.is_told:
            each.status = "live"


name = st.sampled_from(["a", "b", "c"])
operation = st.one_of(
    st.tuples(st.sampled_from(["deploy", "begin", "end", "leave", "delete", "start", "stop", "look", "chat"]), name),
    st.tuples(st.sampled_from(["deploy", "chat", "chat"]), name),
    st.tuples(st.just("list"), name),
    st.tuples(st.just("advance"), st.integers(1, 7)),
)


@given(st.lists(operation, max_size=40))
@settings(max_examples=120)
def test_endpoints_come_serve_and_go_as_the_oracle_says(simulator: Simulator, script: list[tuple[str, Any]]) -> None:
    org, oracle = Org(simulator, next(names)), Oracle()
    streams: dict[str, httpx.Response] = {}
    known = oracle.endpoints

    for what, subject in script:
        if what == "advance":
            org.advance(subject * SECOND)
            oracle.advance(subject)
            continue
        path = f"/v1/endpoints/{subject}"
        if what == "list":
            listed = {row["id"]: row["status"] for row in org.get("/v1/endpoints") if row["id"] in "abc"}
            assert listed == {found: each.status for found, each in known.items()}
            for found in known:
                oracle.look(found)
        elif what in ("deploy", "begin"):
            if subject in streams:
                continue
            body = {"task": "contract-key-fields", "name": subject}
            response = org.http.send(org.http.build_request("POST", "/v1/endpoints", json=body), stream=True)
            if subject in known:
                assert response.status_code == 409
            elif what == "deploy":
                assert "event: complete" in response.read().decode()
                known[subject] = Deployed("live")
            else:
                streams[subject] = response
                known[subject] = Deployed("starting", oracle.now + 5, is_told=True)
        elif what in ("end", "leave"):
            if subject not in streams:
                continue
            stream = streams.pop(subject)
            told = known.get(subject)
            if what == "end":
                is_well = told is not None and told.status != "stopped"
                assert ("event: complete" if is_well else "event: error") in stream.read().decode()
                if told is not None and is_well:
                    told.status = "live"
            stream.close()
            if told is not None:
                told.is_told = False
        elif subject not in known:
            method = {"delete": "DELETE", "look": "GET"}.get(what, "POST")
            if what == "chat":
                assert org.chat(subject).status_code == 404
            else:
                action = f"/{what}" if what in ("start", "stop") else ""
                assert org.http.request(method, path + action).status_code == 404
        elif what == "delete":
            assert org.http.delete(path).status_code == 204
            del known[subject]
        elif what == "start":
            org.http.post(f"{path}/start")
            if known[subject].status == "stopped":
                known[subject].status, known[subject].due = "starting", oracle.now + 5
                known[subject].is_told = False
        elif what == "stop":
            org.http.post(f"{path}/stop")
            known[subject].status = "stopped"
        elif what == "look":
            oracle.look(subject)
            assert org.get(path)["status"] == known[subject].status
        else:
            response = org.chat(subject)
            if known[subject].status == "live":
                assert response.status_code == 200
                known[subject].served += 1
                oracle.paid.append(subject)
            else:
                assert response.status_code == 503
                assert response.json() == {"detail": f"endpoint '{subject}' is {known[subject].status}."}
                known[subject].failed += 1

    for stream in streams.values():
        stream.close()
    for found, each in known.items():
        cost, activity = org.metric("cost", found), org.metric("activity", found)
        assert (cost["requests"], cost["total_micro_usd"]) == (each.served, each.served * PRICE)
        assert cost["frontier_baseline_micro_usd"] == each.served * FRONTIER
        assert (activity["succeeded"], activity["failed"]) == (each.served, each.failed)
    assert [(entry.subject, entry.amount_micro_usd) for entry in org.debits] == [(by, -PRICE) for by in oracle.paid]
    org.check()
