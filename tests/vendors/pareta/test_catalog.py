"""The shipped catalog: every published task is there, says truly what its rows are, and can be run as it stands."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest

from mockserver.vendors.pareta.domain.scoring import SCORERS
from tests.vendors.pareta.org import G3, Org

PUBLISHED = {
    "contract-key-fields": "field_f1",
    "contract-kie": "macro_joint_f1",
    "invoice-extraction": "field_f1",
    "document-extraction": "field_f1",
    "intent-classification": "macro_f1",
    "doc-classification": "macro_f1",
    "text-to-sql": "execution_accuracy",
    "icd-coding": "exact_match",
    "function-completion": "judge_panel",
    "code-generation": "judge_panel",
    "summarization": "judge_panel",
    "general-chat": "judge_panel",
    "general-agentic": "judge_panel",
    "general-vision": "judge_panel",
    "general-asr": "wer",
    "general-tts": "none",
    "document-reranking": "ndcg_at_10",
    "text-embedding": "ndcg_at_10",
    "custom-eval": "win_rate",
}
ON_DOCUMENTS = {"contract-kie", "invoice-extraction", "document-extraction", "general-vision", "general-asr"}
FAMILIES = (
    "llama-1", "llama-2", "qwen-1", "qwen-2", "mistral-2", "contract-1", "contract-2", "contract-kie-1",
    "contract-kie-2", "contract-key-fields-open-1", "qwen-vl-1", "internvl-1", "pixtral-1", "qwen2.5-vl-1",
    "pareta-distilled-kie-1", "sql-1",
)  # fmt: skip


def tasks(org: Org) -> dict[str, Any]:
    listed = org.get("/v1/tasks")["tasks"]
    return {task["id"]: org.get(f"/v1/tasks/{task['id']}", examples_n=100) for task in listed}


def test_every_published_task_is_there_with_its_scorer(org: Org) -> None:
    found = tasks(org)

    assert {name: task["default_scorer"] for name, task in found.items()} == PUBLISHED
    assert {name for name, task in found.items() if task["has_blob_input"]} == ON_DOCUMENTS
    assert set(PUBLISHED.values()) == set(SCORERS)


def test_schemas_are_schemas_and_examples_fit_them(org: Org) -> None:
    for name, task in tasks(org).items():
        gold = task["gold_schema"] or task["output_schema"]
        assert (task["output_schema_role"] == "summary") == (task["gold_schema"] is not None), name
        for schema in (task["input_schema"], task["output_schema"], gold):
            jsonschema.Draft202012Validator.check_schema(schema)
        assert task["examples"], name
        for example in task["examples"]:
            jsonschema.validate(example["input"], task["input_schema"])
            jsonschema.validate(example["expected_output"], gold)
            assert example["input"].keys() <= task["input_schema"]["properties"].keys()
            assert example["expected_output"].keys() <= gold["properties"].keys()


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_a_tasks_examples_are_rows_that_can_be_run(org: Org, name: str) -> None:
    examples = org.get(f"/v1/tasks/{name}", examples_n=100)["examples"]
    kept = org.post_set(examples, name, headers=G3, prompt="as the examples show")
    assert kept.status_code == 201, kept.text
    board = org.get(f"/v1/tasks/{name}/leaderboard")["models"]

    answer = org.finished_run(org.new_run(kept.json()["eval_set"]["id"], *[model["name"] for model in board], "auto"))

    assert answer["run"]["status"] == "completed"
    assert [row["kind"] for row in answer["results"]] == [*[model["kind"] for model in board], None]
    for row in answer["results"]:
        assert (row["n_succeeded"], row["error_count"]) == (len(examples), 0)
        assert row["mean_cost_micro_usd"] > 0


def test_a_tasks_aliases_come_from_any_family(org: Org) -> None:
    for name in ("contract-key-fields", "contract-kie", "invoice-extraction", "text-to-sql", "general-chat"):
        rows = org.get(f"/v1/tasks/{name}", examples_n=1)["examples"]
        kept = org.post_set(rows, name, headers=G3, prompt="as the examples show").json()["eval_set"]["id"]

        assert org.post_run(kept, *FAMILIES).status_code == 202


def test_every_board_has_an_open_model_and_a_vendors_to_measure_it_against(org: Org) -> None:
    for name in PUBLISHED:
        board = org.get(f"/v1/tasks/{name}/leaderboard")
        kinds = [model["kind"] for model in board["models"]]
        assert {"open", "frontier"} == set(kinds), name
        is_measured = not name.startswith("general-") and name != "custom-eval"
        assert (board["recommended"] is not None) == is_measured
        for model in board["models"]:
            assert (model["quality"] is not None) == (model["cost_per_request_micro_usd"] is not None) == is_measured
