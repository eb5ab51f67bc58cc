"""The surroundings of `auto`: what its traffic came to, and one prompt put to a frontier vendor beside it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from mockserver.kernel.windows import DAY, HOUR, MINUTE
from tests.vendors.pareta.org import ENDPOINT, G3, Org
from tests.vendors.pareta.sdk import Client, installed

COMPARE = "/v1/playground/frontier"
MODELS = ("gpt-5.5", "claude-sonnet-4-6", "gemini-3-1-pro", "gemini-3-5-flash")
QUESTION = [{"role": "user", "content": "Explain how a prepaid balance works."}]


def rollup(org: Org) -> dict[str, Any]:
    found: dict[str, Any] = org.get("/v1/auto/metrics")
    return found


def ask(org: Org, text: str = "Explain copper.") -> tuple[int, int]:
    """Ask `auto`; return what it billed and what a frontier call would have cost."""
    response = org.chat("auto", text)
    assert response.status_code == 200, response.text
    headers = response.headers
    return int(headers["x-pareta-billed"]), int(headers["x-pareta-frontier-would-have-cost"])


def compare(org: Org, model: str = "gpt-5.5", messages: Any = QUESTION, **headers: str) -> Any:
    return org.http.post(COMPARE, json={"model": model, "messages": messages}, headers=headers)


# The rollup


def test_without_traffic_sums_are_zero_and_the_rest_is_null(org: Org) -> None:
    empty = rollup(org)

    assert {name: value for name, value in empty.items() if name not in ("performance_hourly_7d", "days_30d")} == {
        "requests_30d": 0, "requests_today": 0, "success_rate_30d": None, "billed_micro_usd_30d": 0,
        "billed_micro_usd_today": 0, "cost_to_serve_micro_usd_30d": 0, "savings_vs_frontier_micro_usd_30d": None,
        "savings_multiple_30d": None, "last_request": None,
    }  # fmt: skip
    assert empty["days_30d"][0] == {"day": "2026-01-12", "n": 0, "ok": 0, "success_rate": None}
    assert empty["days_30d"][-1]["day"] == "2026-02-10"
    assert empty["performance_hourly_7d"][0] == {
        "hour": "2026-02-03T13:00:00Z", "requests": 0, "error_rate": 0, "p50_ms": None, "p95_ms": None,
    }  # fmt: skip
    assert empty["performance_hourly_7d"][-1]["hour"] == "2026-02-10T12:00:00Z"


def test_the_rollup_is_what_the_receipts_said(org: Org) -> None:
    receipts = [ask(org, f"Explain copper number {n}.") for n in range(9)]
    billed, frontier = (sum(column) for column in zip(*receipts, strict=True))

    found = rollup(org)

    assert (found["requests_30d"], found["requests_today"], found["success_rate_30d"]) == (9, 9, 1)
    assert found["billed_micro_usd_30d"] == found["billed_micro_usd_today"] == billed
    assert billed == -sum(entry.amount_micro_usd for entry in org.debits)
    assert found["savings_vs_frontier_micro_usd_30d"] == frontier - billed
    assert found["savings_multiple_30d"] == round(frontier / billed, 1)
    assert found["cost_to_serve_micro_usd_30d"] == billed * 80 // 100


def test_the_last_request_is_told_with_its_duration_and_cost(org: Org) -> None:
    ask(org)
    org.advance(40 * MINUTE)
    billed, _ = ask(org, "Why does bread rise?")

    last = rollup(org)["last_request"]

    assert last == {
        "created_at": "2026-02-10T12:40:00Z", "status_code": 200, "duration_ms": org.journal[-2].duration_us / 1000,
        "billed_micro_usd": billed, "cost_to_serve_micro_usd": billed * 80 // 100,
    }  # fmt: skip


def test_days_run_from_midnight_to_midnight_and_end_with_today(org: Org) -> None:
    ask(org)
    org.advance(12 * HOUR - 1)
    ask(org)
    org.advance(1)
    today, _ = ask(org)

    found = rollup(org)

    assert [(day["day"], day["n"], day["ok"]) for day in found["days_30d"][-2:]] == [
        ("2026-02-10", 2, 2), ("2026-02-11", 1, 1),
    ]  # fmt: skip
    assert (found["requests_today"], found["billed_micro_usd_today"], found["requests_30d"]) == (1, today, 3)


@pytest.mark.parametrize(("days", "counted"), [(29, 2), (30, 1)])
def test_days_that_are_over_fall_out_after_thirty(org: Org, days: int, counted: int) -> None:
    ask(org)
    org.advance(days * DAY)
    ask(org)

    found = rollup(org)

    assert (found["requests_30d"], sum(day["n"] for day in found["days_30d"])) == (counted, counted)
    assert len(found["days_30d"]) == 30


def test_hours_reach_back_seven_days(org: Org) -> None:
    for age in (168, 167, 5, 5):
        ask(org)
        org.advance({168: HOUR, 167: 162 * HOUR, 5: 0}[age])
    org.advance(5 * HOUR)

    hours = rollup(org)["performance_hourly_7d"]

    assert len(hours) == 168
    assert [(at, hour["requests"]) for at, hour in enumerate(hours) if hour["requests"]] == [(0, 1), (162, 2)]
    busy = hours[162]
    assert 0 < busy["p50_ms"] <= busy["p95_ms"]
    assert busy["error_rate"] == 0


def test_only_chat_with_auto_counts(org: Org) -> None:
    org.chat(ENDPOINT)
    compare(org)
    assert rollup(org)["requests_30d"] == 0
    org.stream("auto")
    left = org.open_stream("auto")
    next(left.iter_raw())
    left.close()

    assert rollup(org)["requests_30d"] == 1


def test_failures_on_the_vendors_side_lower_the_success_rate(org: Org) -> None:
    billed, _ = ask(org)
    with org.house():
        org.world.store.execute(
            "INSERT INTO pareta_calls VALUES (?, 'auto', 2, ?, 503, 9000, 0, 0, 0, 0, NULL, 'req_x')",
            (org.world.id, org.world.clock.now()),
        )

    found = rollup(org)

    assert (found["requests_30d"], found["success_rate_30d"], found["billed_micro_usd_30d"]) == (2, 0.5, billed)
    assert found["days_30d"][-1] == {"day": "2026-02-10", "n": 2, "ok": 1, "success_rate": 0.5}
    assert found["performance_hourly_7d"][-1]["error_rate"] == 0.5
    assert found["last_request"] == {
        "created_at": "2026-02-10T12:00:00Z", "status_code": 503, "duration_ms": 9, "billed_micro_usd": None,
        "cost_to_serve_micro_usd": None,
    }  # fmt: skip


def test_looking_at_the_rollup_is_free_even_without_credit(org: Org) -> None:
    org.set_balance(0)

    assert rollup(org)["requests_30d"] == 0
    assert org.debits == []


# The comparison


@pytest.mark.parametrize("model", MODELS)
def test_a_comparison_bills_the_vendors_price_for_its_tokens_once(org: Org, model: str) -> None:
    before = org.balance
    response = compare(org, model)

    answer = response.json()
    assert response.status_code == 200
    assert set(answer) == {"model", "content", "cost_micro_usd", "latency_ms"}
    assert answer["model"] == model
    assert "balance" in answer["content"].lower()
    prompt, written = -(-len(QUESTION[0]["content"]) // 4) + 4, -(-len(answer["content"]) // 4)
    assert answer["cost_micro_usd"] == 5 * prompt + 20 * written == before - org.balance
    assert response.headers["x-pareta-billed"] == str(answer["cost_micro_usd"])
    (debit,) = org.debits
    assert (debit.operation, debit.subject) == ("auto.compare_frontier", COMPARE)
    assert answer["latency_ms"] == org.journal[-1].duration_us // 1000 > 0


def test_the_same_prompt_gets_the_same_answer_and_each_model_its_own(org: Org) -> None:
    answers = [compare(org, model).json()["content"] for model in (*MODELS, *MODELS)]

    assert answers[:4] == answers[4:]
    assert len(set(answers)) > 1


def test_parts_of_text_are_read_like_text(org: Org) -> None:
    parts = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "Why rain?"}]},
    ]

    assert "rain" in compare(org, messages=parts).json()["content"].lower()


@pytest.mark.parametrize("model", ["auto", "claude-opus-4-7", "gpt-4o", ENDPOINT, "", "GPT-5.5"])
def test_other_models_are_400_whatever_the_balance(org: Org, model: str) -> None:
    org.set_balance(0)

    response = compare(org, model)

    assert response.status_code == 400
    assert response.json()["detail"] == (
        "model must be one of claude-sonnet-4-6, gemini-3-1-pro, gemini-3-5-flash, gpt-5.5"
    )


@pytest.mark.parametrize(("count", "status"), [(0, 422), (1, 200), (40, 200), (41, 422)])
def test_one_to_forty_messages(org: Org, count: int, status: int) -> None:
    response = compare(org, messages=QUESTION * count)

    assert response.status_code == status
    if status == 422:
        assert response.json()["detail"][0]["loc"] == ["body", "messages"]
        assert org.debits == []


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"messages": QUESTION}, ["body", "model"]),
        ({"model": 5, "messages": QUESTION}, ["body", "model"]),
        ({"model": "gpt-5.5"}, ["body", "messages"]),
        ({"model": "gpt-5.5", "messages": "hello"}, ["body", "messages"]),
        ({"model": "gpt-5.5", "messages": [{"content": "x"}]}, ["body", "messages", 0, "role"]),
    ],
)
def test_faulty_comparisons_are_422(org: Org, body: Any, where: list[Any]) -> None:
    response = org.http.post(COMPARE, json=body)

    assert response.status_code == 422
    assert response.json()["detail"][0]["loc"] == where


def test_a_comparison_without_credit_is_402(org: Org) -> None:
    org.set_balance(0)

    assert compare(org).status_code == 402
    assert org.debits == []


def test_a_failing_vendor_is_502_and_costs_nothing(org: Org) -> None:
    org.flip(frontier_fails=True)
    before = org.state()

    response = compare(org)

    assert (response.status_code, response.headers["retry-after"]) == (502, "0")
    assert response.json() == {"detail": "frontier model 'gpt-5.5' failed"}
    assert "x-pareta-billed" not in response.headers
    assert org.state() == before
    org.set_balance(0)
    assert compare(org).status_code == 402
    org.set_balance(10**6)
    assert compare(org, "auto").status_code == 400
    org.flip(frontier_fails=False)
    assert compare(org).status_code == 200


def test_a_replayed_comparison_is_billed_once(org: Org) -> None:
    first, again = (compare(org, **{"Idempotency-Key": "k"}) for _ in range(2))

    assert again.json() == first.json()
    assert (again.headers["x-pareta-billed"], len(org.debits)) == ("0", 1)


# Through the vendor's own clients


@pytest.fixture(params=[(version, kind) for version in ("0.3.1", "3.0.4") for kind in (False, True)], ids=str)
def client(request: pytest.FixtureRequest, url: str) -> Iterator[Client]:
    version, is_async = request.param
    with installed(version) as module:
        yield Client(module, url, "pareta_sk_test_acme", is_async=is_async)


@pytest.mark.sdk
def test_the_clients_read_the_rollup_and_compare(client: Client) -> None:
    client(lambda pa: pa.chat.completions.create(model="auto", messages=QUESTION))
    answer = client(lambda pa: pa.auto.compare_frontier(model="gpt-5.5", messages=QUESTION))
    found = client(lambda pa: pa.auto.metrics())

    assert answer["content"]
    assert (found["requests_today"], found["days_30d"][-1]["success_rate"]) == (1, 1)
    assert found["savings_multiple_30d"] > 1


@pytest.mark.sdk
def test_the_clients_raise_for_a_vendor_that_fails(client: Client, org: Org) -> None:
    org.flip(frontier_fails=True)

    with pytest.raises(client.module.APIStatusError) as failed:
        client(lambda pa: pa.auto.compare_frontier(model="gpt-5.5", messages=QUESTION))
    assert failed.value.status_code == 502


# What keys may not do


def test_a_task_request_is_refused_to_keys_and_unknown_without(org: Org) -> None:
    for more in ({}, {"json": {"description": "tax forms"}}, {"content": b"\xff{"}):
        response = org.http.post("/v1/task-requests", headers=G3, **more)
        assert response.status_code == 403
        assert response.json() == {"detail": "task requests need a dashboard session; an API key cannot make them"}
    response = org.http.post("/v1/task-requests", headers={"Authorization": ""})
    assert (response.status_code, response.json()) == (401, {"detail": "invalid API key"})
