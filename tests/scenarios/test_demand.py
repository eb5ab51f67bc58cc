"""Who calls how often: a month like any other, a spike, and several movements at once."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

import pytest

from mockserver.kernel.windows import DAY, SECOND, format_instant, parse_instant
from tests.scenarios.conftest import Perform
from tests.scenarios.performance import AUTO, CHAT, CONTRACTS, NEIGHBOUR, Performance, instant

# Nothing wrong


@pytest.fixture(scope="module")
def month(perform: Perform) -> Performance:
    return perform("steady-month")


def per_day(performance: Performance, start: str, end: str) -> dict[str, int]:
    """Return how many calls of any kind were answered on each day of a span."""
    found = Counter(entry["at"][:10] for entry in performance.ledger if entry["kind"] == "debit")
    days = (format_instant(at)[:10] for at in range(instant(start), instant(end), DAY))
    return {day: found[day] for day in days}


def weekday(day: str) -> int:
    return datetime.fromtimestamp(instant(day) / SECOND, UTC).weekday()


def test_a_steady_month_has_about_twenty_thousand_calls_and_no_failure(month: Performance) -> None:
    assert 17_000 < len(month.debits()) < 23_000
    for endpoint in (CONTRACTS, CHAT):
        assert month.metric(endpoint, "activity")["failed"] == 0
    assert month.played["tallies"].get("refused", 0) == 0
    assert list(month.every("truth")) == []


def test_a_steady_month_has_weekends_and_nights(month: Performance) -> None:
    days = per_day(month, "2026-06-01", "2026-06-29")

    weekend, tuesdays = (
        [count for day, count in days.items() if weekday(day) in wanted] for wanted in ((5, 6), (1, 2))
    )
    assert 0.35 < (sum(weekend) / len(weekend)) / (sum(tuesdays) / len(tuesdays)) < 0.65


def test_a_steady_month_is_as_good_at_its_end_as_at_its_beginning(month: Performance) -> None:
    first, _ = month.quality(CONTRACTS, "2026-06-01", "2026-06-15")
    second, _ = month.quality(CONTRACTS, "2026-06-15", "2026-06-29")

    assert first == pytest.approx(0.986, abs=0.006)
    assert second == pytest.approx(first, abs=0.006)
    costs = [
        month.groups("endpoint", start=start, end=end)
        for start, end in (("2026-06-01", "2026-06-15"), ("2026-06-15", "2026-06-29"))
    ]
    for endpoint in (CONTRACTS, CHAT, AUTO):
        assert costs[1][endpoint] == pytest.approx(costs[0][endpoint], rel=0.2)


def test_a_few_customers_make_up_much_of_a_month(month: Performance) -> None:
    told = month.report("customer", topN=25)

    shares = sorted((each["percentOfTotal"] for each in told["groups"] if not each["isOther"]), reverse=True)
    assert sum(shares[:3]) > 30
    assert shares[0] > 10 * shares[20]


# A spike


@pytest.fixture(scope="module")
def spike(perform: Perform) -> Performance:
    return perform("traffic-spike")


def afternoon(spike: Performance, day: str) -> int:
    start, end = instant(f"{day}T12:00:00Z"), instant(f"{day}T18:00:00Z")
    return sum(entry["kind"] == "debit" and start <= parse_instant(entry["at"]) < end for entry in spike.ledger)


def test_the_afternoon_of_the_spike_has_many_times_the_calls_of_others(spike: Performance) -> None:
    usual = [afternoon(spike, day) for day in ("2026-03-03", "2026-03-04", "2026-03-05", "2026-03-10", "2026-03-11")]
    mean = sum(usual) / len(usual)

    assert afternoon(spike, "2026-03-12") == pytest.approx(4.2 * mean, rel=0.25)
    assert afternoon(spike, "2026-03-13") < 1.6 * mean


def test_mornings_and_other_days_have_no_spike(spike: Performance) -> None:
    days = per_day(spike, "2026-03-02", "2026-03-16")

    assert days["2026-03-12"] == max(days.values())
    assert days["2026-03-11"] < 1.5 * days["2026-03-04"]
    assert days["2026-03-13"] < 1.5 * days["2026-03-06"]


def test_all_of_the_spike_is_served_at_the_usual_price(spike: Performance) -> None:
    assert spike.metric(CONTRACTS, "activity")["failed"] == 0
    assert set(spike.debits(of=lambda entry: entry["subject"] == CONTRACTS)) == {90}
    before = spike.quality(CONTRACTS, "2026-03-02", "2026-03-12")[0]
    assert spike.quality(CONTRACTS, "2026-03-12", "2026-03-13")[0] == pytest.approx(before, abs=0.03)


# Several at once


@pytest.fixture(scope="module")
def spring(perform: Perform) -> Performance:
    return perform("busy-spring")


def test_of_overlapping_drifts_each_is_where_it_should_be(spring: Performance) -> None:
    early, late = ("2026-03-02", "2026-03-12"), ("2026-03-22", "2026-03-24")

    assert spring.quality(CONTRACTS, *early)[0] == pytest.approx(0.986, abs=0.015)
    assert spring.quality(CONTRACTS, "2026-03-27", "2026-03-30")[0] == pytest.approx(0.919, abs=0.04)
    assert spring.quality(CONTRACTS, *late)[0] < 0.96
    assert set(spring.debits(of=lambda entry: entry["subject"] == CONTRACTS)) == {90}


def test_the_price_rises_by_a_fifth_on_top_of_longer_answers(spring: Performance) -> None:
    def per_token(start: str, end: str) -> float:
        cost = sum(day["total_micro_usd"] for day in spring.days(CHAT, "cost", "buckets", start, end))
        used = sum(day["total_tokens"] for day in spring.days(CHAT, "activity", "points", start, end))
        return float(cost / used)

    def written(start: str, end: str) -> float:
        days = spring.days(CHAT, "activity", "points", start, end)
        return float(sum(day["completion_tokens"] for day in days) / sum(day["succeeded"] for day in days))

    assert per_token("2026-03-02", "2026-03-20") == pytest.approx(1)
    assert per_token("2026-03-20", "2026-03-30") == pytest.approx(1.2, rel=0.005)
    assert written("2026-03-26", "2026-03-30") == pytest.approx(2 * written("2026-03-02", "2026-03-16"), rel=0.2)


def test_a_judge_who_is_off_is_off_for_three_days_only(spring: Performance) -> None:
    off, after = (
        spring.quality(CONTRACTS, *span)[0] for span in (("2026-03-24", "2026-03-27"), ("2026-03-27", "2026-03-30"))
    )

    assert off < after - 0.02


def test_a_neighbour_moves_with_the_season_only(spring: Performance) -> None:
    qualities = [
        spring.quality(NEIGHBOUR, *span)[0] for span in (("2026-03-02", "2026-03-16"), ("2026-03-16", "2026-03-30"))
    ]
    assert qualities[1] == pytest.approx(qualities[0], abs=0.025)
    assert set(spring.debits(of=lambda entry: entry["subject"] == NEIGHBOUR)) == {90}

    days = per_day(spring, "2026-03-02", "2026-03-30")
    weeks = [sum(per_day(spring, f"2026-03-{day:02}", f"2026-03-{day + 7:02}").values()) for day in (2, 23)]
    assert 1.1 < weeks[1] / weeks[0] < 1.8, "growth, and spring"
    assert days["2026-03-17"] < 0.75 * (days["2026-03-10"] + days["2026-03-24"]) / 2, "a holiday in Europe"
