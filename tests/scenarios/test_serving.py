"""Calls that get slower and calls that fail, for one endpoint and not for its neighbour."""

from __future__ import annotations

from typing import Any

import pytest

from mockserver.kernel.windows import parse_instant
from tests.scenarios.conftest import Perform
from tests.scenarios.performance import CONTRACTS, NEIGHBOUR, Performance, instant, share_error


@pytest.fixture(scope="module")
def weeks(begin: Perform) -> dict[str, list[Any]]:
    """How fast both endpoints were in the week before the onset, and in the week after it."""
    tail = begin("slow-tail")
    found: dict[str, list[Any]] = {CONTRACTS: [], NEIGHBOUR: []}
    tail.play(until="2026-03-09")
    for endpoint, seen in found.items():
        seen.append(tail.metric(endpoint, "performance", since="2026-03-02T00:00:00Z"))
    tail.go_on("2026-03-16T00:00:00Z")
    for endpoint, seen in found.items():
        seen.append(tail.metric(endpoint, "performance", since="2026-03-09T00:00:00Z"))
    return found


def test_only_the_slowest_calls_get_slower(weeks: dict[str, list[Any]]) -> None:
    before, after = weeks[CONTRACTS]

    assert before["p50_ms"] == pytest.approx(420, rel=0.08)
    assert after["p50_ms"] == pytest.approx(420, rel=0.08)
    assert before["p95_ms"] == pytest.approx(1030, rel=0.15)
    assert after["p95_ms"] == pytest.approx(1030, rel=0.15)
    assert before["p99_ms"] == pytest.approx(1500, rel=0.25)
    assert after["p99_ms"] == pytest.approx(6000, rel=0.25)


def test_the_neighbour_is_as_fast_as_ever(weeks: dict[str, list[Any]]) -> None:
    before, after = weeks[NEIGHBOUR]

    for rank, tolerance in (("p50_ms", 0.1), ("p95_ms", 0.2), ("p99_ms", 0.35)):
        assert after[rank] == pytest.approx(before[rank], rel=tolerance)


def test_slow_calls_neither_fail_nor_cost_more(perform: Perform) -> None:
    tail = perform("slow-tail")

    assert tail.metric(CONTRACTS, "activity")["failed"] == 0
    assert set(tail.debits(of=lambda entry: entry["subject"] == CONTRACTS)) == {90}


# Outage


@pytest.fixture(scope="module")
def outage(perform: Perform) -> Performance:
    return perform("partial-outage")


ONSET, RECOVERING, OVER = "2026-03-05T09:00:00Z", "2026-03-05T11:00:00Z", "2026-03-05T15:00:00Z"


def failures(outage: Performance, endpoint: str, start: str, end: str) -> tuple[int, int]:
    """Return how many attempts failed in a span, and of how many."""
    hours = outage.hours(endpoint, "activity", "points", start, end)
    return sum(each["failed"] for each in hours), sum(each["requests"] for each in hours)


@pytest.mark.parametrize(("start", "end", "share"), [(ONSET, RECOVERING, 0.4), (RECOVERING, OVER, 0.1)])
def test_a_share_of_attempts_fails_while_it_lasts(outage: Performance, start: str, end: str, share: float) -> None:
    failed, requests = failures(outage, CONTRACTS, start, end)

    assert failed / requests == pytest.approx(share, abs=share_error(share, requests))
    assert requests > 40


def test_nothing_fails_before_it_and_nothing_after(outage: Performance) -> None:
    assert failures(outage, CONTRACTS, "2026-03-02", ONSET)[0] == 0
    assert failures(outage, CONTRACTS, OVER, "2026-03-12")[0] == 0
    assert outage.metric(NEIGHBOUR, "activity")["failed"] == 0
    assert outage.metric(NEIGHBOUR, "uptime")["availability"] == 1


def test_uptime_tells_when_it_was(outage: Performance) -> None:
    told = outage.metric(CONTRACTS, "uptime")

    assert told["availability"] < 1
    assert told["incidents"]
    assert all(instant(ONSET) <= parse_instant(each["start"]) < instant(OVER) for each in told["incidents"])
    days = {each["start"][:10]: each["availability"] for each in told["points"]}
    assert days.pop("2026-03-05") < 0.99
    assert set(days.values()) == {1}


def test_failed_attempts_cost_nothing_and_nearly_all_calls_get_through(outage: Performance) -> None:
    told = outage.metric(CONTRACTS, "activity")

    assert set(outage.debits(of=lambda entry: entry["subject"] == CONTRACTS)) == {90}
    assert len(outage.debits(of=lambda entry: entry["subject"] == CONTRACTS)) == told["succeeded"]
    tallies = outage.played["tallies"]
    assert told["failed"] == tallies["failed"]
    # Four attempts in a row fail one time in forty while two in five do.
    assert 0 <= tallies["failed"] - tallies["retried"] < 0.06 * tallies["failed"] + 5
    assert outage.played["planted"] == {"missing": 0, "doubled": 0, "wrong_amount": 0, "unknown": 0}
