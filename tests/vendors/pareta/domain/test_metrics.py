from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.kernel.windows import DAY, HOUR, MINUTE, WEEK, parse_instant
from mockserver.vendors.pareta.domain.metrics import (
    ServedCall,
    Window,
    availability_of,
    cost_of,
    grouped,
    incidents_of,
    latency_of,
    percentile,
    quality_of,
    window_of,
)
from mockserver.vendors.pareta.domain.scoring import wilson
from tests.vendors.pareta.domain.samples import call

NOW = parse_instant("2026-02-10T12:00:00Z")
SINCE = parse_instant("2026-02-01T00:00:00Z")
DEFAULT = Window(NOW - 30 * DAY, NOW, "30d", None)


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, DEFAULT),
        ({"window": "24h"}, Window(NOW - 24 * HOUR, NOW, "24h", None)),
        ({"window": "7d"}, Window(NOW - 7 * DAY, NOW, "7d", None)),
        ({"window": "90m"}, Window(NOW - 90 * MINUTE, NOW, "90m", None)),
        ({"window": "2w"}, Window(NOW - 2 * WEEK, NOW, "2w", None)),
        ({"since": "30d"}, DEFAULT),
        ({"since": "2d"}, Window(NOW - 2 * DAY, NOW, "2d", None)),
        ({"since_hours": "24"}, Window(NOW - 24 * HOUR, NOW, "24h", None)),
        ({"since": "2026-02-01T00:00:00Z"}, Window(SINCE - 1, NOW, "2026-02-01T00:00:00Z", None)),
        ({"window": "1h", "since": "2d", "since_hours": "3"}, Window(NOW - HOUR, NOW, "1h", None)),
        ({"window": "nonsense", "since": "2d"}, Window(NOW - 2 * DAY, NOW, "2d", None)),
        ({"window": "0h"}, DEFAULT),
        ({"window": "24"}, DEFAULT),
        ({"window": "-1h"}, DEFAULT),
        ({"window": "1.5h"}, DEFAULT),
        ({"window": "\u0662h"}, DEFAULT),
        ({"window": "9999999d"}, DEFAULT),
        ({"since": "yesterday"}, DEFAULT),
        ({"since_hours": "many"}, DEFAULT),
        ({"group_by": "day"}, Window(NOW - 30 * DAY, NOW, "30d", DAY)),
        ({"group_by": "hour", "window": "1d"}, Window(NOW - DAY, NOW, "1d", HOUR)),
        ({"group_by": "month"}, DEFAULT),
    ],
)
def test_windows_are_read_and_what_cannot_be_read_is_ignored(params: dict[str, str], expected: Window) -> None:
    assert window_of(params, NOW) == expected


instants = st.integers(-3 * DAY, 3 * DAY)


@given(st.lists(instants), st.sampled_from([HOUR, DAY]))
def test_groups_are_utc_buckets_that_lose_nothing(times: list[int], width: int) -> None:
    calls = [call(at) for at in times]

    groups = grouped(calls, width)

    assert list(groups) == sorted(groups)
    assert sorted(c.at for group in groups.values() for c in group) == sorted(times)
    assert all(start % width == 0 and start <= c.at < start + width for start, group in groups.items() for c in group)
    assert all(groups.values())


def test_cost_counts_what_succeeded_only() -> None:
    failed = ServedCall(0, 503, 0, 0, 0, 999, 999, None)
    cost = cost_of([call(cost=90, frontier=700), failed, call(status=204, cost=60, frontier=700)])

    assert (cost.requests, cost.total_micro_usd, cost.frontier_micro_usd) == (2, 150, 1400)
    assert cost.savings_micro_usd == 1250
    assert cost.savings_multiple == 9.3


def test_no_traffic_costs_and_saves_nothing() -> None:
    cost = cost_of([])

    assert (cost.requests, cost.total_micro_usd, cost.savings_micro_usd) == (0, 0, 0)
    assert cost.savings_multiple is None


def test_quality_is_the_mean_of_what_was_judged() -> None:
    estimate, judged = quality_of([call(score=1.0), call(), call(score=0.5)])

    assert judged == 2
    assert estimate == wilson(0.75, 2)


def test_quality_is_unknown_when_nothing_was_judged() -> None:
    assert quality_of([call(), call(status=503)]) == (None, 0)


def by_definition(ordered: list[int], rank: int) -> int:
    """The smallest value that at least `rank` percent of all values do not exceed."""
    return next(v for v in ordered if Fraction(sum(w <= v for w in ordered), len(ordered)) >= Fraction(rank, 100))


@given(st.lists(st.integers(0, 50), min_size=1, max_size=120), st.integers(1, 100))
def test_percentiles_are_nearest_rank(values: list[int], rank: int) -> None:
    ordered = sorted(values)

    assert percentile(ordered, rank) == by_definition(ordered, rank)


@pytest.mark.parametrize(
    ("count", "rank", "expected"), [(1, 50, 1), (2, 50, 1), (3, 50, 2), (100, 95, 95), (101, 99, 100), (10, 99, 10)]
)
def test_percentile_vectors(count: int, rank: int, expected: int) -> None:
    assert percentile(range(1, count + 1), rank) == expected


def test_latency_is_that_of_successes_in_any_order() -> None:
    calls = [call(latency_us=us) for us in (300, 100, 200)] + [call(status=503, latency_us=10**9)]

    latency = latency_of(calls)

    assert (latency.requests, latency.p50_us, latency.p95_us, latency.p99_us) == (3, 200, 300, 300)


def test_latency_of_failures_alone_is_unknown() -> None:
    latency = latency_of([call(status=503)])

    assert (latency.requests, latency.p50_us, latency.p95_us, latency.p99_us) == (0, None, None, None)


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [([], 1.0), ([200], 1.0), ([503], 0.0), ([200, 503, 200, 503], 0.5), ([402, 409, 499, 500], 0.75)],
)
def test_only_the_vendors_own_failures_count_against_availability(statuses: list[int], expected: float) -> None:
    assert math.isclose(availability_of([call(status=status) for status in statuses]), expected)


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ([], []),
        ([200, 402], []),
        ([503], [(0, 0, 1)]),
        ([503, 500, 200], [(0, 1, 2)]),
        ([200, 503, 402, 503, 503], [(1, 1, 1), (3, 4, 2)]),
    ],
)
def test_incidents_are_runs_of_failures(statuses: list[int], expected: list[tuple[int, int, int]]) -> None:
    assert incidents_of([call(at, status) for at, status in enumerate(statuses)]) == expected
