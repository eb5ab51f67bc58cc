"""Eval runs: who takes part, the stages, the results, and one exact debit."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from mockserver.app import Simulator
from mockserver.kernel.windows import SECOND
from mockserver.vendors.pareta.operations import eval_runs
from tests.vendors.pareta.org import CURL, ENDPOINT, G0, G1, G3, SEED, START_MICRO_USD, STOPPED, Org

ROWS = [
    {
        "input": f"Effective as of January {n}, 2026",
        "expected": {"effective_date": f"2026-01-{n:02d}", "party_a": "A B"},
    }
    for n in range(1, 21)
]
LABELS = ("billing_question", "cancel_subscription", "refund_request")
LABELLED = [{"input": f"message {n}", "expected": {"label": LABELS[0 if n % 5 else 1 + n % 2]}} for n in range(60)]


def status(org: Org, run: str) -> str:
    found: str = org.get(f"/v1/eval-runs/{run}")["run"]["status"]
    return found


@pytest.fixture
def _timed(org: Org) -> None:
    """Runs take their time."""
    org.flip(timed_runs=True)


@pytest.mark.usefixtures("_timed")
def test_a_run_is_queued_and_nothing_is_computed_or_debited_yet(org: Org) -> None:
    kept = org.new_set(ROWS)

    response = org.post_run(kept, "llama-1", "gpt-5.5")

    assert response.status_code == 202
    assert set(response.json()) == {"run_id", "status"}
    assert response.json()["status"] == "queued"
    assert org.balance == START_MICRO_USD


@pytest.mark.usefixtures("_timed")
def test_a_run_moves_a_stage_at_each_look_and_is_debited_once_at_its_end(org: Org) -> None:
    run = org.new_run(org.new_set(ROWS), "llama-1", "qwen-2", "gpt-5.5")

    looks = [org.get(f"/v1/eval-runs/{run}") for _ in range(5)]

    assert [look["run"]["status"] for look in looks] == ["running", "evaluating", *["completed"] * 3]
    assert [look["results"] == [] for look in looks] == [True, True, False, False, False]
    assert [look["run"]["total_cost_micro_usd"] for look in looks] == [0, 0] + [20 * (63 + 90 + 700)] * 3
    assert looks[2] == looks[3] == looks[4]
    assert [(e.amount_micro_usd, e.subject, e.operation) for e in org.debits] == [
        (-20 * (63 + 90 + 700), run, "evals.runs.create")
    ]


@pytest.mark.usefixtures("_timed")
@pytest.mark.parametrize("looks", [0, 1, 2])
def test_a_run_is_through_when_its_time_is_up_however_far_it_was_looked_at(org: Org, looks: int) -> None:
    run = org.new_run(org.new_set(ROWS), "llama-1")
    for _ in range(looks):
        status(org, run)

    org.advance(60 * SECOND - 1)
    assert org.debits == []
    org.advance(1)

    assert [entry.subject for entry in org.debits] == [run]
    assert org.debits[0].at == org.world.clock.now()
    assert status(org, run) == "completed"
    org.advance(600 * SECOND)
    assert len(org.debits) == 1


@pytest.mark.usefixtures("_timed")
def test_a_run_finished_by_looking_is_not_finished_again_by_the_clock(org: Org) -> None:
    run = org.new_run(org.new_set(ROWS), "llama-1")
    before = org.finished_run(run)

    org.advance(600 * SECOND)

    assert len(org.debits) == 1
    assert org.get(f"/v1/eval-runs/{run}") == before


@pytest.mark.usefixtures("_timed")
def test_finishing_twice_debits_once(org: Org) -> None:
    run = org.new_run(org.new_set(ROWS), "llama-1")

    with org.house():
        for identity in (run, run, "run_of_nobody"):
            eval_runs.finish(org.world, identity)

    assert [entry.subject for entry in org.debits] == [run]


def test_the_answer_does_not_depend_on_how_the_run_was_finished(simulator: Simulator) -> None:
    results = []
    for name, how in (("a", "look"), ("b", "clock"), ("c", "at once")):
        org = Org(simulator, name)
        kept = org.new_set(ROWS)
        org.flip(timed_runs=how != "at once")
        run = org.new_run(kept, "auto", "qwen-2")
        if how == "clock":
            org.advance(60 * SECOND)
        results.append(org.finished_run(run))
        org.check()

    assert results[0] == results[1] == results[2]


def test_a_run_is_through_before_it_is_looked_at_unless_runs_take_their_time(org: Org) -> None:
    response = org.post_run(org.new_set(ROWS), "llama-1")

    assert response.json()["status"] == "queued", "as documented, whatever happened since"
    assert [entry.subject for entry in org.debits] == [response.json()["run_id"]]
    answer = org.get(f"/v1/eval-runs/{response.json()['run_id']}")
    assert answer["run"]["status"] == "completed"
    assert answer["results"] != []


def test_results_follow_the_candidates_and_add_up(org: Org) -> None:
    models = ["llama-1", "gpt-5.5", ENDPOINT, "llama-1", "auto"]
    run = org.new_run(org.new_set(ROWS), *models)

    answer = org.finished_run(run, headers=CURL)

    assert answer["run"]["candidate_model_ids"] == models
    assert [row["model_id"] for row in answer["results"]] == models
    assert [row["kind"] for row in answer["results"]] == ["open", "frontier", "open", "open", None]
    assert [row["mean_cost_micro_usd"] for row in answer["results"]][:4] == [63, 700, 90, 63]
    assert answer["results"][0] == answer["results"][3]
    for row in answer["results"]:
        scores = [item["score"] for item in row["per_item"]]
        assert [item["idx"] for item in row["per_item"]] == list(range(20))
        assert all(item["error"] is None for item in row["per_item"])
        assert row["quality_mean"] == pytest.approx(sum(scores) / 20)
        assert 0 <= row["quality_ci_low"] <= row["quality_mean"] <= row["quality_ci_high"] <= 1
        assert (row["n_succeeded"], row["error_count"], row["exact_match"]) == (20, 0, None)
        assert all(isinstance(json.loads(item["prediction"]), dict) for item in row["per_item"])
    auto = answer["run"]["total_cost_micro_usd"] - 20 * (63 + 700 + 90 + 63)
    assert answer["results"][4]["mean_cost_micro_usd"] == (2 * auto + 20) // 40
    assert 20 <= auto < 20 * 63


@pytest.mark.parametrize(("headers", "kind"), [(G0, "open"), (G1, None), (G3, None), (CURL, None)])
def test_the_kind_of_auto_by_generation(org: Org, headers: dict[str, str], kind: str | None) -> None:
    run = org.new_run(org.new_set(ROWS), "auto")

    assert org.finished_run(run, headers=headers)["results"][0]["kind"] == kind


def test_classifiers_are_headlined_by_macro_f1_with_exact_match_in_percent(org: Org) -> None:
    run = org.new_run(org.new_set(LABELLED, "intent-classification"), "mistral-2")

    (row,) = org.finished_run(run)["results"]

    wanted = [item["expected"]["label"] for item in LABELLED]  # type: ignore[index]
    given = [json.loads(item["prediction"])["label"] for item in row["per_item"]]
    pairs = Counter(zip(given, wanted, strict=True))
    f1s = []
    for label in {*given, *wanted}:
        precision_of, recall_of = given.count(label), wanted.count(label)
        f1s.append(2 * pairs[label, label] / (precision_of + recall_of))
    right = sum(pairs[label, label] for label in LABELS)
    assert right < 60
    assert row["quality_mean"] == pytest.approx(sum(f1s) / len(f1s))
    assert row["exact_match"] == pytest.approx(100 * right / 60)
    assert [item["score"] for item in row["per_item"]] == [float(g == w) for g, w in zip(given, wanted, strict=True)]


@pytest.mark.parametrize(
    ("model", "price"),
    [
        ("qwen-2", 90),
        ("unheard-of-3", 90),
        ("gpt-5.5", 700),
        ("gpt-4o", 700),
        ("claude-not-yet-9", 700),
        ("gemini-next", 700),
        (ENDPOINT, 90),
    ],
)
def test_candidates_and_their_prices(org: Org, model: str, price: int) -> None:
    answer = org.finished_run(org.new_run(org.new_set(ROWS), model))

    assert answer["run"]["total_cost_micro_usd"] == 20 * price
    assert 0.3 < answer["results"][0]["quality_mean"] <= 1


@pytest.mark.parametrize("model", ["nobody", "ep-unheard-of", STOPPED, "QWEN-2", "auto "])
def test_an_unknown_candidate_is_400_and_makes_no_run(org: Org, model: str) -> None:
    kept = org.new_set(ROWS)
    before = org.state()

    response = org.post_run(kept, "llama-1", model)

    assert response.status_code == 400
    assert response.json() == {"detail": f"unknown candidate model '{model}'"}
    assert org.state() == before


def test_a_live_seed_endpoint_may_be_evaluated(org: Org) -> None:
    assert org.post_run(org.new_set(LABELLED, "intent-classification"), SEED).status_code == 202


@pytest.mark.parametrize(
    ("left", "status_code"), [(0, 402), (-5, 402), (1, 402), (20 * 63 - 1, 402), (20 * 63, 202), (20 * 63 + 1, 202)]
)
def test_a_run_starts_only_when_the_balance_covers_it(org: Org, left: int, status_code: int) -> None:
    kept = org.new_set(ROWS)
    org.set_balance(left)
    before = org.state()

    response = org.post_run(kept, "llama-1")

    assert response.status_code == status_code
    if status_code == 402:
        assert response.json()["detail"].startswith("organization is out of credit")
        org.advance(600 * SECOND)
        assert {**org.state(), "due": []} == {**before, "due": []}
        assert org.balance == left


def test_a_stream_in_flight_counts_against_what_a_run_may_cost(org: Org) -> None:
    kept = org.new_set(ROWS)
    org.set_balance(20 * 63)
    stream = org.open_stream()

    during = org.post_run(kept, "llama-1")
    stream.close()

    assert during.status_code == 402
    assert org.post_run(kept, "llama-1").status_code == 202


@pytest.mark.usefixtures("_timed")
def test_what_an_unfinished_run_may_cost_is_set_aside_until_it_ends(org: Org) -> None:
    kept = org.new_set(ROWS)
    org.set_balance(20 * 63 + 1)
    run = org.post_run(kept, "llama-1").json()["run_id"]

    assert org.post_run(kept, "llama-1").status_code == 402
    assert org.chat().status_code == 200  # one micro-dollar is still free
    assert org.chat().status_code == 402

    for _ in range(3):
        org.get(f"/v1/eval-runs/{run}")
    assert org.balance == 1 - 90
    org.set_balance(20 * 63)
    assert org.post_run(kept, "llama-1").status_code == 202


@pytest.mark.usefixtures("_timed")
def test_a_failed_run_gives_back_what_was_set_aside(org: Org) -> None:
    kept = org.new_set(ROWS)
    org.set_balance(20 * 90)
    run = org.post_run(kept, ENDPOINT).json()["run_id"]
    org.http.post(f"/v1/endpoints/{ENDPOINT}/stop")

    for _ in range(3):
        found = org.get(f"/v1/eval-runs/{run}")["run"]

    assert found["status"] == "failed"
    assert org.post_run(kept, "qwen-2").status_code == 202


@pytest.mark.usefixtures("_timed")
def test_a_run_outlives_its_set(org: Org) -> None:
    kept = org.new_set(ROWS)
    run = org.new_run(kept, "llama-1")
    org.http.delete(f"/v1/eval-sets/{kept}")

    answer = org.finished_run(run)

    assert answer["run"]["status"] == "completed"
    assert answer["run"]["eval_set_id"] == kept
    assert answer["run"]["total_cost_micro_usd"] == 20 * 63
    assert org.post_run(kept, "llama-1").json() == {"detail": f"eval set '{kept}' not found"}


@pytest.mark.usefixtures("_timed")
def test_a_run_whose_endpoint_was_stopped_meanwhile_fails_and_costs_nothing(org: Org) -> None:
    run = org.new_run(org.new_set(ROWS), "llama-1", ENDPOINT)
    org.http.post(f"/v1/endpoints/{ENDPOINT}/stop")

    org.advance(60 * SECOND)

    answer = org.get(f"/v1/eval-runs/{run}")
    assert (answer["run"]["status"], answer["run"]["total_cost_micro_usd"]) == ("failed", 0)
    assert ENDPOINT in answer["run"]["error_detail"]
    assert answer["results"] == []
    assert org.debits == []
    assert org.get(f"/v1/eval-runs/{run}") == answer


def test_a_replayed_create_is_the_same_run(org: Org) -> None:
    kept = org.new_set(ROWS)
    headers = {"Idempotency-Key": "k"}

    first, again = (org.post_run(kept, "llama-1", headers=headers) for _ in range(2))
    other = org.post_run(kept, "qwen-2", headers=headers)
    org.advance(60 * SECOND)

    assert (again.status_code, again.json()) == (202, first.json())
    assert other.status_code == 422
    assert [entry.subject for entry in org.debits] == [first.json()["run_id"]]


def test_chat_answers_and_metrics_are_untouched_by_runs(org: Org) -> None:
    org.finished_run(org.new_run(org.new_set(ROWS), ENDPOINT))

    assert org.metric("activity")["requests"] == 0
    assert org.metric("cost")["total_micro_usd"] == 0


def test_the_fixture_run_adds_up(org: Org) -> None:
    answer = org.get("/v1/eval-runs/run_contracts")

    assert answer["run"]["total_cost_micro_usd"] == 74211 == 87 * (63 + 90 + 700)
    assert [row["model_id"] for row in answer["results"]] == ["llama-1", "qwen-2", "gpt-5.5"]
    assert [row["mean_cost_micro_usd"] for row in answer["results"]] == [63, 90, 700]


def test_a_better_model_scores_better_on_enough_rows(org: Org) -> None:
    rows: list[dict[str, Any]] = [{"input": str(n), "expected": {"a": "x y", "b": "z w"}} for n in range(1500)]
    run = org.new_run(org.new_set(rows), "llama-1", "qwen-2", "gpt-5.5")

    qualities = [row["quality_mean"] for row in org.finished_run(run)["results"]]

    assert qualities == sorted(qualities)
    for quality, expected in zip(qualities, (0.88, 0.91, 0.93), strict=True):
        assert abs(quality - expected) < 0.03


def test_another_organisation_does_not_see_a_run(org: Org, simulator: Simulator) -> None:
    other = Org(simulator, "other")
    run = org.new_run(org.new_set(ROWS), "llama-1")

    response = other.http.get(f"/v1/eval-runs/{run}")

    assert response.status_code == 404
    assert response.json() == {"detail": f"eval run '{run}' not found"}
    assert status(org, run) == "completed"
