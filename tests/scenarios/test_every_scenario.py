"""What holds of every scenario that is shipped, also of the next one."""

from __future__ import annotations

import re
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from mockserver import resources
from mockserver.kernel.windows import DAY, format_instant, parse_duration
from tests.scenarios.conftest import Perform
from tests.scenarios.performance import MERCHANT, Performance, script, with_traffic

KINDS = ("missing", "doubled", "wrong_amount", "unknown", "ambiguous")


@pytest.fixture(scope="module", params=with_traffic())
def performance(request: pytest.FixtureRequest, perform: Perform) -> Performance:
    return perform(request.param)


def test_there_is_one_for_everything_that_can_go_wrong() -> None:
    wanted = {
        "steady-month", "quality-ramp", "quality-step", "slow-tail", "partial-outage", "price-change", "longer-prompts",
        "credit-exhaustion", "traffic-spike", "margin-squeeze", "retry-storm", "leaky-acks", "late-events",
        "contract-drift", "new-sdk-generation", "busy-spring",
    }  # fmt: skip
    assert wanted <= set(with_traffic())


def test_the_readme_lists_every_one_with_its_length() -> None:
    page = (Path(__file__).parents[2] / "README.md").read_text("utf-8")

    listed = dict(re.findall(r"^\| \[([a-z-]+)\]\(scenarios/\1\.yaml\) \| (\d*) ?\|", page, re.M))

    assert listed == {name: _days(script(name).length) for name in resources.scenario_names()}


def test_what_the_readme_asks_for_is_there(perform: Perform) -> None:
    page = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
    name = re.findall(r"^\$ mockserver serve --scenario ([a-z-]+)$", page, re.M)[0]
    metric, truth = re.findall(
        r"^\$ curl -s '?localhost:8787(/[^'\s]*)", page[page.index(f"--scenario {name}") :], re.M
    )[:2]
    performance = perform(name)

    told = performance.vendor(metric)
    found = performance.control("GET", truth.rpartition("/")[2])["data"]

    assert min(each["quality_mean"] for each in told["windows"]) < 0.90 < told["windows"][0]["quality_mean"]
    assert [each["kind"] for each in found] == ["quality"]


def _days(length: int | None) -> str:
    return "" if length is None else str(length // DAY)


@pytest.mark.parametrize("name", with_traffic())
def test_its_file_says_what_it_is_for_and_what_comes_of_it(name: str) -> None:
    written = script(name)

    assert written.purpose.endswith(".")
    assert len(written.purpose) <= 150, "one line"
    assert any(letter.isdigit() for letter in written.expect), "in numbers, where there are any"
    assert all(drift.cause for drift in written.drifts), "whoever finds it wants to know why"


def test_no_two_have_the_same_seed() -> None:
    seeds = [script(name).seed for name in with_traffic()]

    assert len(set(seeds)) == len(seeds)


def test_it_is_over_when_its_traffic_is(performance: Performance) -> None:
    played, written = performance.played, performance.script

    assert played["is_over"]
    assert (played["name"], played["seed"]) == (written.name, written.seed)
    assert (played["purpose"], played["expect"]) == (written.purpose, written.expect)
    assert written.ends_at is not None
    assert (played["starts_at"], played["ends_at"]) == (
        format_instant(written.started_at), format_instant(written.ends_at),
    )  # fmt: skip


def test_it_has_about_as_many_calls_as_its_file_says(performance: Performance) -> None:
    traffic, length = performance.script.traffic, performance.script.length
    assert traffic is not None
    assert length is not None

    answered = len(performance.debits())

    expected = traffic.calls_per_day * length / 86_400_000_000
    assert 0.5 * expected < answered < 2.5 * expected, "whatever drifts, it is the same product"


def test_all_that_must_always_hold_does(performance: Performance) -> None:
    told = performance.control("GET", "invariants")

    assert [each for each in told["invariants"] if not each["holds"]] == []


def test_books_differ_by_what_was_planted_and_by_nothing_else(performance: Performance) -> None:
    found = performance.reconciliation(limit=1, faults=1)

    differences = {kind: found["kinds"][kind]["count"] for kind in KINDS}
    assert differences == {**dict.fromkeys(KINDS, 0), **performance.played["planted"]}
    assert found["holds"] is not any(differences.values())
    assert found["warnings"] == []


def test_every_debit_is_in_the_ledger_and_every_event_in_the_summary(performance: Performance) -> None:
    found = performance.reconciliation(limit=1, faults=1)
    debited = sum(-entry["amount_micro_usd"] for entry in performance.ledger if entry["kind"] == "debit")

    reported = sum(Decimal(str(performance.summary(cost)["totalCost"])) for cost in performance.costs)

    assert Decimal(found["totals"]["debited_usd"]) == Decimal(debited).scaleb(-6)
    assert Decimal(found["totals"]["billed_usd"]) == pytest.approx(reported, rel=Decimal("1e-12"))


def test_truth_is_the_drifts_of_its_file_and_no_others(performance: Performance) -> None:
    written = performance.script

    def moment(text: str | None) -> str | None:
        return None if text is None else format_instant(written.instant(text))

    def told(drift: Any) -> tuple[Any, ...]:
        size = 1.0 if drift.size is None else drift.size
        end = moment(drift.end)
        if drift.shape == "pulse" and end is None:
            end = moment(f"+{_seconds(written.instant(drift.at) - written.started_at) + _span(drift.over)}s")
        return drift.kind, drift.subject, moment(drift.at), end, size, drift.shape, drift.cause

    wanted = Counter(told(drift) for drift in written.drifts)
    found = Counter(
        (each["kind"], each["subject"], each["onset"], each["end"], each["size"], each["shape"], each["cause"])
        for each in performance.every("truth")
    )
    assert found == wanted


def _seconds(us: int) -> int:
    return us // 1_000_000


def _span(text: str) -> int:
    return _seconds(parse_duration(text))


def test_whom_events_are_about_are_customers_of_the_file(performance: Performance) -> None:
    listed = performance.vendor("/v0/customers", organizationId=MERCHANT, limit=100)["data"]
    customers = performance.script.customers.count
    told = performance.report("customer", topN=25)

    named = {group["key"] for group in told["groups"] if not group["isOther"]}
    assert named <= {each["id"] for each in listed}
    assert len(named) >= min(25, customers * 0.8)
    assert len(listed) == customers + 1, "the one of every world, too"
