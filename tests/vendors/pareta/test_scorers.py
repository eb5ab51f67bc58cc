"""Runs on a task of each scorer, over HTTP: what is said and scored, what it costs, and what cannot be answered."""

from __future__ import annotations

import base64
import io
import json
import math
import wave
from collections.abc import Callable
from typing import Any

import pytest

from mockserver.app import Simulator
from mockserver.kernel.windows import SECOND
from mockserver.vendors.pareta.operations import credits
from tests.vendors.pareta.org import CURL, ENDPOINT, G0, G1, G3, Org

MODELS = ("auto", "gpt-5.5", "qwen-1")

SHOP = """
CREATE TABLE customers (id INTEGER, name TEXT, country TEXT);
CREATE TABLE orders (id INTEGER, customer_id INTEGER, total REAL);
"""
QUERIES = [
    "SELECT name FROM customers WHERE country = 'France' ORDER BY name",
    "SELECT COUNT(*) FROM orders WHERE total > 50",
    "SELECT c.name, SUM(o.total) FROM customers c JOIN orders o ON o.customer_id = c.id GROUP BY c.name",
]
TOLD = "The parcel left on Monday. It should arrive within three days; if not, write to us again."
SCAN = "https://example.com/scan.pdf"


def contract(n: int) -> dict[str, Any]:
    return {
        "effective_date": "2026-01-01", "party_a": f"Acme {n} GmbH", "party_b": "Orchard LLC", "governing_law": "Ohio",
    }  # fmt: skip


def rows_of(count: int, make: Callable[[int], tuple[Any, Any]]) -> list[dict[str, Any]]:
    return [{"input": given, "expected": expected} for given, expected in map(make, range(count))]


ROWS: dict[str, list[dict[str, Any]]] = {
    "contract-key-fields": rows_of(40, lambda n: (f"contract {n}", contract(n))),
    "contract-kie": rows_of(40, lambda n: ({"document": SCAN}, contract(n))),
    "icd-coding": rows_of(60, lambda n: (f"note {n}", {"code": f"J{n:02d}.{n % 10}"})),
    "text-to-sql": rows_of(60, lambda n: ({"question": f"?{n}", "schema": SHOP}, {"sql": QUERIES[n % 3]})),
    "summarization": rows_of(40, lambda n: (f"text {n}", {"summary": TOLD})),
    "general-chat": rows_of(40, lambda n: (f"question {n}", {"response": TOLD})),
    "general-asr": rows_of(30, lambda n: ({"audio": "https://example.com/a.wav"}, {"text": TOLD * 3})),
    "document-reranking": rows_of(
        40, lambda n: ({"query": f"q{n}", "documents": list("abcdefgh")}, {"relevance": [3, 0, 1, 0, 2, 0, 0, n % 2]})
    ),
    "text-embedding": rows_of(
        40, lambda n: ({"query": f"q{n}", "documents": list("abcd")}, {"relevance": [0, 0, 1, 0]})
    ),
    "custom-eval": rows_of(60, lambda n: (f"ask {n}", {"response": TOLD})),
}


def results(org: Org, task: str, *models: str, rows: Any = None, headers: Any = CURL) -> list[dict[str, Any]]:
    run = org.new_run(org.new_set(rows or ROWS[task], task), *(models or MODELS))
    answer = org.finished_run(run, headers=headers)
    assert answer["run"]["status"] == "completed"
    found: list[dict[str, Any]] = answer["results"]
    return found


@pytest.mark.parametrize("task", sorted(ROWS))
def test_every_kind_of_task_is_answered_and_scored(org: Org, task: str) -> None:
    before = org.balance

    found = results(org, task)

    assert [row["model_id"] for row in found] == list(MODELS)
    total = 0
    for row in found:
        count = len(ROWS[task])
        assert [item["idx"] for item in row["per_item"]] == list(range(count))
        assert (row["n_succeeded"], row["error_count"]) == (count, 0)
        assert 0 <= row["quality_ci_low"] <= row["quality_mean"] <= row["quality_ci_high"] <= 1
        assert 0.4 < row["quality_mean"] <= 1
        assert all(0 <= item["score"] <= 1 and item["error"] is None for item in row["per_item"])
        assert (row["exact_match"] is not None) == (task == "icd-coding")
        assert row["mean_latency_ms"] is None
        if task != "contract-kie":
            assert row["quality_mean"] == pytest.approx(sum(item["score"] for item in row["per_item"]) / count)
        total += row["mean_cost_micro_usd"] * count
    assert abs((before - org.balance) - total) <= 3 * count
    assert 0 < found[2]["mean_cost_micro_usd"] < found[1]["mean_cost_micro_usd"]
    assert any(item["score"] < 1 for row in found for item in row["per_item"])


def test_what_is_wrong_in_each_kind_is_what_a_model_could_have_said(org: Org) -> None:
    for task, part in (("text-to-sql", "sql"), ("general-chat", "response"), ("general-asr", "text")):
        rows = ROWS[task]
        wrong = [
            item for row in results(org, task, "qwen-1", rows=rows) for item in row["per_item"] if item["score"] < 1
        ]
        said = [json.loads(item["prediction"])[part] for item in wrong]

        assert len(said) > 5
        assert all(text != rows[item["idx"]]["expected"][part] for text, item in zip(said, wrong, strict=True))
        if task == "text-to-sql":
            assert sum(text.startswith("SELECT ") for text in said) == len(said)


def test_ndcg_is_that_of_the_scores_shown(org: Org) -> None:
    (row,) = results(org, "document-reranking", "bge-1")

    for item, source in zip(row["per_item"], ROWS["document-reranking"], strict=True):
        scores, grades = json.loads(item["prediction"])["relevance"], source["expected"]["relevance"]
        order = sorted(range(len(grades)), key=lambda place: -scores[place])
        gained = sum(grades[place] / math.log2(rank + 2) for rank, place in enumerate(order))
        best = sum(grade / math.log2(rank + 2) for rank, grade in enumerate(sorted(grades, reverse=True)))
        assert item["score"] == pytest.approx(gained / best)


def test_a_joint_extraction_is_headlined_by_the_mean_of_its_fields_f1(org: Org) -> None:
    (row,) = results(org, "contract-kie", "contract-kie-2")

    given = [json.loads(item["prediction"]) for item in row["per_item"]]
    wanted = [source["expected"] for source in ROWS["contract-kie"]]
    f1s = []
    for name in contract(0):
        hits = sum(answer.get(name) == source[name] for answer, source in zip(given, wanted, strict=True))
        f1s.append(2 * hits / (sum(name in answer for answer in given) + len(wanted)))
    assert row["quality_mean"] == pytest.approx(sum(f1s) / len(f1s))


def test_gpt_55_ties_with_itself_and_others_win_as_often_as_they_are_better(org: Org) -> None:
    rows = ROWS["custom-eval"] * 5

    rival, other, same = results(org, "custom-eval", "gpt-5.5", "claude-opus-4-7", "gpt-5.5", rows=rows)

    assert rival["quality_mean"] == same["quality_mean"] == 0.5
    assert {item["score"] for item in rival["per_item"]} == {0.5}
    assert 0.3 < other["quality_mean"] < 0.6
    assert len({item["score"] for item in other["per_item"]}) > 2


# What cannot be graded


TEXTS = [{"input": {"text": "Your parcel arrives tomorrow. " * (n + 1)}, "expected": {}} for n in range(6)]


@pytest.mark.parametrize(("headers", "is_null"), [(G0, False), (G1, True), (G3, True), (CURL, True)])
def test_speech_has_cost_and_latency_but_no_quality(org: Org, headers: dict[str, str], is_null: bool) -> None:
    (row,) = results(org, "general-tts", "speech-1", rows=TEXTS, headers=headers)

    quality = (row["quality_mean"], row["quality_ci_low"], row["quality_ci_high"])
    assert quality == ((None, None, None) if is_null else (0.0, 0.0, 1.0))
    assert row["mean_latency_ms"] > 250
    assert row["mean_cost_micro_usd"] > 0
    assert (row["n_succeeded"], row["error_count"], row["exact_match"]) == (6, 0, None)
    assert {item["score"] for item in row["per_item"]} == {None}


# What it costs


def test_general_lanes_cost_by_the_tokens_of_each_row(org: Org) -> None:
    short = [{"input": {"prompt": "x" * 40}, "expected": {"response": "y" * 40}}] * 3
    long = [{"input": {"prompt": "x" * 4000}, "expected": {"response": "y" * 40}}] * 3

    cheap = {row["model_id"]: row["mean_cost_micro_usd"] for row in results(org, "general-chat", *MODELS, rows=short)}
    dear = {row["model_id"]: row["mean_cost_micro_usd"] for row in results(org, "general-chat", *MODELS, rows=long)}

    tokens = math.ceil(len(str(short[0]["input"])) / 4) + 4 + 10
    assert cheap["qwen-1"] == tokens
    assert cheap["gpt-5.5"] == 12 * tokens
    assert dear["qwen-1"] == tokens + 990
    assert dear["auto"] > cheap["auto"]


def test_a_picture_costs_the_same_however_it_comes(org: Org) -> None:
    def row(image: str) -> dict[str, Any]:
        return {"input": {"image": image, "prompt": "what?"}, "expected": {"response": "a chart"}}

    rows = [row("https://example.com/i.png"), row("data:image/png;base64," + "A" * 100_000)]

    (result,) = results(org, "general-vision", "qwen-vl-1", rows=rows)

    assert 765 < result["mean_cost_micro_usd"] < 800
    assert result["error_count"] == 0


def test_an_endpoint_with_a_rate_of_its_own_costs_that(org: Org) -> None:
    rows = [{"input": {"prompt": "x" * 400}, "expected": {"response": "y" * 40}}] * 2
    for name, more in (("plain", {}), ("ours", {"cost_per_request_micro_usd": 5})):
        org.http.post("/v1/endpoints", json={"task": "general-chat", "model": "qwen-1", "name": name, **more})

    plain, ours = results(org, "general-chat", "plain", "ours", rows=rows)

    assert plain["mean_cost_micro_usd"] > 100
    assert ours["mean_cost_micro_usd"] == 5


def recording(seconds: float) -> str:
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(8000)
        out.writeframes(b"\1\0" * int(8000 * seconds))
    return base64.b64encode(file.getvalue()).decode()


def test_audio_costs_by_its_length_where_that_is_known(org: Org) -> None:
    def row(audio: Any) -> dict[str, Any]:
        return {"input": {"audio": audio}, "expected": {"text": "hello there"}}

    half_a_minute = f"data:audio/wav;base64,{recording(30)}"
    rows = [row(half_a_minute), row("https://example.com/a.wav"), row("data:audio/wav;base64,%%%"), row("data:,x")]

    total = {r["model_id"]: 4 * r["mean_cost_micro_usd"] for r in results(org, "general-asr", *MODELS, rows=rows)}

    assert total["qwen-1"] == 3000 + 3 * 500
    assert total["gpt-5.5"] == 36_000 + 3 * 6000
    assert total["auto"] == total["qwen-1"]


def test_attached_audio_is_known_by_its_length_too(org: Org) -> None:
    kept = org.new_set(
        [{"audio": None, "expected": {"text": "hello"}}, {"audio": None, "expected": {"text": "hello"}}], "general-asr"
    )
    for idx, data in enumerate((base64.b64decode(recording(60)), b"no recording")):
        sent = org.http.post(
            f"/v1/eval-sets/{kept}/attach-blob",
            data={"idx": str(idx), "field_name": "audio", "mime": "audio/wav"},
            files={"file": ("a.wav", data, "audio/wav")},
        )
        assert sent.status_code == 200, sent.text

    (row,) = org.finished_run(org.new_run(kept, "qwen-asr-1"))["results"]

    assert 2 * row["mean_cost_micro_usd"] == 6000 + 500
    assert row["error_count"] == 0


def test_speech_costs_by_the_length_of_what_is_said(org: Org) -> None:
    rows = [{"input": {"text": text}, "expected": {}} for text in ("x" * 100, "x" * 300, 5)]

    (row,) = results(org, "general-tts", "speech-1", rows=rows)

    assert row["mean_cost_micro_usd"] == round((800 + 2400 + 500) / 3)


# What cannot be answered


def test_a_model_that_sees_nothing_fails_on_every_row_of_documents_and_costs_nothing(org: Org) -> None:
    blind, seeing = results(org, "contract-kie", "gpt-4o", "gpt-5.5")

    assert (blind["n_succeeded"], blind["error_count"], blind["mean_cost_micro_usd"]) == (0, 40, 0)
    assert (blind["quality_mean"], blind["quality_ci_low"]) == (0, 0)
    for item in blind["per_item"]:
        assert (item["score"], item["prediction"]) == (0, None)
        assert item["error"] == "the model takes no documents"
    assert seeing["error_count"] == 0
    assert [entry.amount_micro_usd for entry in org.debits] == [-40 * 6000]
    assert results(org, "contract-key-fields", "gpt-4o")[0]["error_count"] == 0


def test_what_a_blind_model_would_cost_is_not_asked_for(org: Org) -> None:
    kept = org.new_set(ROWS["contract-kie"], "contract-kie")
    org.set_balance(40 * 500)

    assert org.post_run(kept, "gpt-4o", "contract-kie-1").status_code == 202


def test_rows_without_their_document_are_errors_for_everybody(org: Org) -> None:
    rows = [
        {"document": None, "expected": {"total": 1}},
        {"document": "https://example.com/i.pdf", "expected": {"total": 2}},
        {"document": None, "expected": {"total": 3}},
        {"expected": {"total": 4}},
    ]
    kept = org.new_set(rows, "invoice-extraction")
    org.http.post(
        f"/v1/eval-sets/{kept}/attach-blob",
        data={"idx": "2", "field_name": "document", "mime": "application/pdf"},
        files={"file": ("i.pdf", b"%PDF-1.4", "application/pdf")},
    )

    answer = org.finished_run(org.new_run(kept, "qwen-vl-1", "claude-opus-4-7"))

    for row, price in zip(answer["results"], (3800, 28800), strict=True):
        assert [item["error"] is None for item in row["per_item"]] == [False, True, True, False]
        assert [item["prediction"] is None for item in row["per_item"]] == [True, False, False, True]
        assert [item["score"] for item in row["per_item"]][::3] == [0, 0]
        assert (row["n_succeeded"], row["error_count"], row["mean_cost_micro_usd"]) == (2, 2, price // 2)
        assert row["quality_mean"] == pytest.approx(sum(item["score"] for item in row["per_item"]) / 4)
    assert answer["run"]["total_cost_micro_usd"] == 2 * (3800 + 28800)


# Size


def many(count: int) -> list[dict[str, Any]]:
    return rows_of(count, lambda n: (f"contract {n}", contract(n)))


def test_a_large_run_is_answered_in_slices_and_comes_out_the_same(org: Org, simulator: Simulator) -> None:
    models = [f"m-{n}" for n in range(12)]
    other, timeless = Org(simulator, "other"), Org(simulator, "timeless")
    answers = []
    for each, how in ((org, "look"), (other, "clock"), (timeless, "by itself")):
        each.flip(timed_runs=each is not timeless)
        run = each.new_run(each.new_set(many(4000)), *models)
        looks = 0
        if how == "clock":
            each.advance(60 * SECOND)
            assert each.get(f"/v1/eval-runs/{run}")["run"]["status"] in ("running", "evaluating")
            each.advance(60 * SECOND)
        statuses: list[str] = []
        while not statuses or statuses[-1] not in ("completed", "failed"):
            statuses.append(each.get(f"/v1/eval-runs/{run}")["run"]["status"])
            looks += 1
            assert looks < 40
        answers.append((statuses, each.get(f"/v1/eval-runs/{run}")))
        assert len(each.debits) == 1
    other.check()

    (statuses, looked), (_, clocked), (quickly, alone) = answers
    assert statuses[:2] == ["running", "running"]
    assert statuses[-2:] == ["evaluating", "completed"]
    assert statuses == sorted(statuses, key=["running", "evaluating", "completed"].index)
    assert set(quickly) == {"running", "completed"}
    assert looked == clocked == alone
    assert looked["run"]["total_cost_micro_usd"] == 12 * 4000 * 90


def test_a_large_run_whose_time_is_long_up_keeps_no_request_waiting_for_all_of_it(simulator: Simulator) -> None:
    org = Org(simulator)
    org.flip(timed_runs=True)
    run = org.new_run(org.new_set(many(4000)), *[f"m-{n}" for n in range(12)])
    with org.house():  # the clock moves on as the machine's does, and nobody asks for anything
        org.world.clock.jump(org.world.clock.now() + 600 * SECOND)

    done: list[int | None] = []
    while not done or done[-1] is not None:
        org.get("/v1/models")
        row = org.world.store.one(
            "SELECT slices_done FROM pareta_eval_runs WHERE world = ? AND id = ? AND status <> 'completed'",
            (org.world.id, run),
        )
        done.append(row[0] if row else None)

    assert done == [*range(1, len(done)), None]
    assert len(done) > 3
    org.check()


def test_a_run_of_very_many_answers_keeps_only_what_they_add_up_to(org: Org) -> None:
    org.grant(10**9)
    models = [f"m-{n}" for n in range(11)]
    rows = [{"input": f"n{n}", "expected": {"label": "other" if n % 3 else "refund_request"}} for n in range(10_000)]

    kept = org.finished_run(org.new_run(org.new_set(rows, "intent-classification"), *models[:10]))["results"]
    bare = org.finished_run(org.new_run(org.new_set(rows, "intent-classification"), *models))["results"]

    assert [len(row["per_item"]) for row in kept] == [10_000] * 10
    assert [row["per_item"] for row in bare] == [[]] * 11
    assert {(row["n_succeeded"], row["error_count"]) for row in bare} == {(10_000, 0)}
    assert all(0.7 < row["exact_match"] / 100 < 1 for row in bare)


def test_a_large_run_that_fails_leaves_nothing_behind(org: Org) -> None:
    models = [f"m-{n}" for n in range(12)]
    run = org.new_run(org.new_set(many(4000)), ENDPOINT, *models)
    for _ in range(2):
        org.get(f"/v1/eval-runs/{run}")
    org.http.post(f"/v1/endpoints/{ENDPOINT}/stop")

    answer = org.get(f"/v1/eval-runs/{run}")

    assert answer["run"]["status"] == "failed"
    assert answer["run"]["error_detail"] == f"endpoint '{ENDPOINT}' is not live any more"
    assert answer["results"] == []
    assert (
        org.world.store.all("SELECT 1 FROM pareta_eval_sheets WHERE world = ? AND run = ?", (org.world.id, run)) == []
    )
    org.advance(600 * SECOND)
    assert org.debits == []


def test_hostile_sql_is_scored_and_harms_nobody(org: Org) -> None:
    statements = [
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n",
        "ATTACH 'x.db' AS x",
        "SELECT load_extension('x')",
        "DROP TABLE customers",
        "SELECT 1; DROP TABLE customers",
        "'",
        "SELECT '" + "x" * 50_000 + "'",
        "SELECT random()",
    ]
    rows = [{"input": {"question": "?", "schema": SHOP + sql}, "expected": {"sql": sql}} for sql in statements]

    for row in results(org, "text-to-sql", "gpt-5.5", "llama-1", "m-1", rows=rows):
        assert row["n_succeeded"] == len(statements)


def test_prices_and_candidates_of_a_run_are_those_of_its_beginning(org: Org) -> None:
    kept = org.new_set(ROWS["contract-key-fields"])
    run = org.new_run(kept, "llama-1")
    with org.house():
        org.world.store.execute(
            "UPDATE pareta_models SET cost_micro_usd = 5000, quality = 0.1 WHERE world = ?", (org.world.id,)
        )

    answer = org.finished_run(run)

    assert answer["run"]["total_cost_micro_usd"] == 40 * 63
    assert answer["results"][0]["quality_mean"] > 0.7


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE pareta_eval_sheets SET costs = '[[64, 40]]' WHERE run <> 'run_contracts'",
        "DELETE FROM pareta_eval_sheets WHERE run <> 'run_contracts'",
        "UPDATE pareta_eval_runs SET status = 'failed' WHERE id <> 'run_contracts'",
    ],
)
def test_a_run_whose_items_are_not_what_was_debited_is_noticed(simulator: Simulator, sql: str) -> None:
    org = Org(simulator)
    results(org, "contract-key-fields", "llama-1")
    org.check()
    with org.house():
        org.world.store.execute(sql)

    found = [invariant for invariant in credits.invariants(org.world) if not invariant.holds]

    assert [invariant.name for invariant in found] == ["eval total = sum of its items"]
