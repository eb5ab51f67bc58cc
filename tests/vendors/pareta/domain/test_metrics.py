from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.kernel.windows import DAY, HOUR, MINUTE, WEEK, parse_instant
from mockserver.vendors.pareta.domain.intervals import wilson
from mockserver.vendors.pareta.domain.metrics import (
    MAX_INCIDENTS,
    SCORE_UNIT,
    Latency,
    Tally,
    Window,
    added,
    incidents_of,
    latency_of,
    percentile,
    window_of,
)

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


@pytest.mark.parametrize(
    ("params", "width"),
    [
        ({"window": "2d"}, HOUR),
        ({"window": "49h"}, DAY),
        ({}, DAY),
        ({"window": "1h", "group_by": "day"}, DAY),
        ({"group_by": "hour"}, HOUR),
    ],
)
def test_the_judge_looks_at_hours_nearby_and_at_days_beyond(params: dict[str, str], width: int) -> None:
    assert window_of(params, NOW).judge_width == width


def test_savings_are_what_the_frontier_model_would_have_cost_more() -> None:
    tally = Tally(requests=3, succeeded=2, total_micro_usd=150, frontier_micro_usd=1400)

    assert tally.savings_micro_usd == 1250
    assert tally.savings_multiple == 9.3
    assert Tally(total_micro_usd=200, frontier_micro_usd=90).savings_micro_usd == -110


def test_no_traffic_costs_and_saves_nothing_and_nobody_knows_the_rest() -> None:
    tally = added([])

    assert tally == Tally()
    assert (tally.requests, tally.total_micro_usd, tally.savings_micro_usd, tally.total_tokens) == (0, 0, 0, 0)
    assert (tally.savings_multiple, tally.quality, tally.success_rate, tally.last_at) == (None, None, None, None)
    assert tally.availability == 1


def test_quality_is_the_mean_of_what_was_judged() -> None:
    assert Tally(requests=9, judged=2, score_sum=SCORE_UNIT * 3 // 2).quality == wilson(0.75, 2)


@pytest.mark.parametrize(
    ("requests", "succeeded", "down", "availability", "success_rate"),
    [(1, 1, 0, 1.0, 1.0), (1, 0, 1, 0.0, 0.0), (4, 2, 2, 0.5, 0.5), (4, 0, 1, 0.75, 0.0), (8, 6, 0, 1.0, 0.75)],
)
def test_only_the_vendors_own_failures_count_against_availability(
    requests: int, succeeded: int, down: int, availability: float, success_rate: float
) -> None:
    tally = Tally(requests=requests, succeeded=succeeded, down=down)

    assert (tally.availability, tally.success_rate, tally.failed) == (availability, success_rate, requests - succeeded)


counts = st.integers(0, 10**12)
tallies = st.builds(Tally, *[counts] * 9, st.none() | counts)


@given(st.lists(tallies), st.integers(0, 9))
def test_groups_add_up_however_they_are_grouped(groups: list[Tally], cut: int) -> None:
    whole = added(groups)

    assert added([added(groups[:cut]), added(groups[cut:])]) == whole
    assert whole.total_tokens == sum(group.total_tokens for group in groups)
    assert whole.last_at == max((group.last_at for group in groups if group.last_at is not None), default=None)


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


def test_latency_takes_times_in_any_order() -> None:
    assert latency_of([300, 100, 200]) == Latency(200, 300, 300)
    assert latency_of(iter(range(100, 0, -1))) == Latency(50, 95, 99)


def test_latency_of_nothing_is_unknown() -> None:
    assert latency_of([]) == Latency(None, None, None)


@pytest.mark.parametrize(
    ("failed", "expected"),
    [
        ("", []),
        ("..", []),
        ("x", [(0, 0, 1)]),
        ("xx.", [(0, 1, 2)]),
        (".x.xx", [(1, 1, 1), (3, 4, 2)]),
    ],
)
def test_incidents_are_runs_of_failures(failed: str, expected: list[tuple[int, int, int]]) -> None:
    assert incidents_of((at, fate == "x") for at, fate in enumerate(failed)) == expected


def test_of_endless_incidents_the_newest_are_told() -> None:
    found = incidents_of((at, at % 2 == 0) for at in range(2 * MAX_INCIDENTS + 9))

    assert len(found) == MAX_INCIDENTS
    assert found[-1] == (2 * MAX_INCIDENTS + 8, 2 * MAX_INCIDENTS + 8, 1)
