"""Fields that come, go and change their type: in answers, and in what customers' programs send."""

from __future__ import annotations

from typing import Any

import pytest

from tests.scenarios.conftest import Perform
from tests.scenarios.performance import MERCHANT, Performance


@pytest.fixture(scope="module")
def contract(perform: Perform) -> Performance:
    return perform("contract-drift")


def tokens(performance: Performance, cost: str, start: str, end: str) -> float:
    return float(performance.summary(cost, start, end)["totalQuantity"] or 0)


def test_a_renamed_field_silences_what_was_built_on_it(contract: Performance) -> None:
    assert tokens(contract, "Completion tokens", "2026-03-02", "2026-03-12") > 50_000
    assert tokens(contract, "Completion tokens", "2026-03-12", "2026-03-16") == 0
    assert tokens(contract, "Completion tokens", "2026-03-16", "2026-03-23") > 30_000


def test_a_number_that_became_a_text_still_counts(contract: Performance) -> None:
    days = {
        each["windowStart"][:10]: each["quantity"]
        for each in contract.summary("Prompt tokens", window="DAY")["timeSeries"]
    }

    assert len(days) >= 21
    assert min(days.values()) > 5_000


def test_money_is_not_touched(contract: Performance) -> None:
    assert contract.reconciliation(limit=1)["holds"]
    assert float(contract.summary()["totalCost"]) == pytest.approx(sum(contract.debits()) / 1e6)


def test_clients_of_the_same_world_meet_the_drifts_too(contract: Performance) -> None:
    fork = contract.fork()
    body = {"model": "auto", "messages": [{"role": "user", "content": "Say hello"}]}

    customers = fork.vendor("/v0/customers", organizationId=MERCHANT)["data"]
    answer = fork.http.post(
        "/v1/chat/completions", json=body, headers={"Authorization": f"Bearer {fork.pareta_key}"}
    ).json()

    assert all("externalId" not in each for each in customers)
    assert answer["service_tier"] == "default"
    assert isinstance(answer["usage"]["prompt_tokens"], str)
    assert "completion_tokens" in answer["usage"], "that was put back"


# A new generation


@pytest.fixture(scope="module")
def generation(perform: Perform) -> Performance:
    return perform("new-sdk-generation")


def shares(generation: Performance, start: str, end: str) -> dict[str, float]:
    found = generation.groups("sdk", "AI inference", start, end)
    return {name: quantity / sum(found.values()) for name, quantity in found.items()}


def test_customers_move_over_two_weeks(generation: Performance) -> None:
    assert set(shares(generation, "2026-03-02", "2026-03-09")) == {"1"}
    middle = shares(generation, "2026-03-14", "2026-03-18")
    assert 0.2 < middle["2"] < 0.8
    assert set(shares(generation, "2026-03-23", "2026-03-30")) == {"2"}


def test_a_metric_of_the_old_name_ends_and_one_of_the_new_begins(generation: Performance) -> None:
    old, new = "Prompt tokens, as they are called by sdk 1", "Input tokens, as they are called by sdk 2"
    before, after = ("2026-03-02", "2026-03-09"), ("2026-03-23", "2026-03-30")

    assert tokens(generation, new, *before) == tokens(generation, old, *after) == 0
    assert tokens(generation, new, *after) == pytest.approx(tokens(generation, old, *before), rel=0.25)


def test_who_has_moved_stays_moved(generation: Performance) -> None:
    moved: dict[str, list[str]] = {}
    for line in _events(generation):
        moved.setdefault(line["subject"], []).append(line["data"]["sdk"])

    assert len(moved) > 20
    assert all(sdks == sorted(sdks) for sdks in moved.values())
    assert all(("input_tokens" in line["data"]) is (line["data"]["sdk"] == "2") for line in _events(generation))


def _events(performance: Performance) -> list[dict[str, Any]]:
    """Return every cost event in order of the calls they are about."""
    import json

    text = performance.http.get(f"/_mock/worlds/{performance.world}/export/events.jsonl").text
    found = [json.loads(line) for line in text.splitlines()]
    return sorted(found, key=lambda event: event["timestamp"])
