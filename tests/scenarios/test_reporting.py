"""Cost events that are doubled, lost or late, and what the books say about it."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from mockserver.kernel.windows import parse_instant
from tests.scenarios.conftest import Perform
from tests.scenarios.performance import CONTRACTS, Performance, instant, share_error

# Retries


@pytest.fixture(scope="module")
def storm(perform: Perform) -> Performance:
    return perform("retry-storm")


def faults_of(performance: Performance, kind: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = performance.reconciliation(kind=kind, faults=1000, limit=1)["faults"]
    return found


def test_answers_that_get_lost_are_paid_for_and_never_reported(storm: Performance) -> None:
    missing = faults_of(storm, "missing")

    assert len(missing) == storm.played["planted"]["missing"] > 15
    assert {each["debits"][0]["endpoint"] for each in missing} == {CONTRACTS}
    assert all("2026-03-04T09:00:00Z" <= each["at"] < "2026-03-04T11:00:00Z" for each in missing)


def test_acknowledgements_that_get_lost_make_calls_count_twice(storm: Performance) -> None:
    doubled = faults_of(storm, "doubled")

    assert len(doubled) == storm.played["planted"]["doubled"] > 10
    assert all("2026-03-04T09:59:00Z" <= each["at"] < "2026-03-04T12:00:00Z" for each in doubled)
    assert all(each["event_count"] >= 2 for each in doubled)


def test_before_the_storm_the_books_agree(storm: Performance) -> None:
    assert storm.reconciliation(to="2026-03-04T09:00:00Z")["holds"]
    assert storm.reconciliation(**{"from": "2026-03-04T13:00:00Z"})["holds"]


def test_the_ledger_grows_by_what_was_lost_and_the_summary_by_what_was_doubled(storm: Performance) -> None:
    kinds = storm.reconciliation(limit=1)["kinds"]
    debited = Decimal(sum(storm.debits())).scaleb(-6)
    reported = Decimal(str(storm.summary()["totalCost"]))

    lost, twice = Decimal(kinds["missing"]["debited_usd"]), Decimal(kinds["doubled"]["difference_usd"])
    assert reported - debited == pytest.approx(twice - lost, abs=Decimal("1e-9"))
    assert lost > 0
    assert twice > 0


# Leakage


@pytest.fixture(scope="module")
def leak(perform: Perform) -> Performance:
    return perform("leaky-acks")


ONSET = "2026-03-09"


def test_one_in_fifty_goes_missing_from_the_onset_on(leak: Performance) -> None:
    missing = faults_of(leak, "missing")
    calls = len(leak.debits(start=ONSET))

    assert len(missing) == leak.played["planted"]["missing"]
    assert len(missing) / calls == pytest.approx(0.02, abs=share_error(0.02, calls))
    assert all(parse_instant(each["at"]) >= instant(ONSET) - 60_000_000 for each in missing)


def test_a_lost_acknowledgement_harms_nobody_who_keeps_the_key(leak: Performance) -> None:
    assert leak.reconciliation(to="2026-03-08T23:59:00Z")["holds"]
    assert leak.played["planted"]["doubled"] == 0
    before = leak.groups("endpoint", end=ONSET)[CONTRACTS]
    assert before == pytest.approx(90e-6 * len(leak.debits(end=ONSET, of=lambda entry: entry["subject"] == CONTRACTS)))


def test_what_is_missing_from_the_summary_is_what_was_never_kept(leak: Performance) -> None:
    lost = Decimal(leak.reconciliation(limit=1)["kinds"]["missing"]["debited_usd"])

    assert Decimal(sum(leak.debits())).scaleb(-6) - Decimal(str(leak.summary()["totalCost"])) == pytest.approx(
        lost, abs=Decimal("1e-9")
    )
    assert lost > 0


# Late events


@pytest.fixture(scope="module")
def seen(begin: Perform) -> dict[str, Any]:
    """What the summary of March 11 is just after midnight, at noon of March 12 and in the end, beside the ledger's."""
    late = begin("late-events")
    late.play(until="2026-03-12T00:05:00Z")
    found: dict[str, Any] = {"midnight": late.summary(start="2026-03-11", end="2026-03-12")["totalCost"]}
    late.go_on("2026-03-12T12:00:00Z")
    found["noon"] = late.summary(start="2026-03-11", end="2026-03-12")["totalCost"]
    late.finish()
    days = [f"2026-03-{day:02}" for day in range(9, 15)]
    found["end"] = [late.summary(start=day, end=after)["totalCost"] for day, after in pairwise(days)]
    found["ledger"] = [sum(late.debits(day, after)) / 1e6 for day, after in pairwise(days)]
    found["holds"] = late.reconciliation()["holds"]
    found["planted"] = sum(late.played["planted"].values())
    return found


def test_a_day_is_not_complete_when_it_is_over(seen: dict[str, Any]) -> None:
    whole = seen["end"][2]

    assert seen["midnight"] < 0.9 * whole
    assert seen["noon"] > 0.985 * whole


def test_late_events_count_on_the_day_of_their_call(seen: dict[str, Any]) -> None:
    assert seen["end"] == pytest.approx(seen["ledger"], rel=1e-9)


def test_what_is_late_is_neither_missing_nor_doubled(seen: dict[str, Any]) -> None:
    assert seen["holds"]
    assert seen["planted"] == 0
