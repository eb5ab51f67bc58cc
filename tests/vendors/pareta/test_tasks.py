"""Tasks, the matcher, leaderboards and the vendors' roster."""

from __future__ import annotations

from typing import Any

import pytest

from tests.vendors.pareta.org import Org


def test_tasks_are_listed_without_examples_and_retrieved_alike(org: Org) -> None:
    tasks = org.get("/v1/tasks")["tasks"]

    assert len(tasks) >= 8
    assert len({task["id"] for task in tasks}) == len(tasks)
    for task in tasks:
        assert org.get(f"/v1/tasks/{task['id']}") == task
        assert "examples" not in task
        assert "keywords" not in task
        assert task["input_schema"]["properties"]
        assert task["output_schema"]["properties"]


@pytest.mark.parametrize(("n", "count"), [(0, 0), (1, 1), (2, 2), (100, 2)])
def test_as_many_examples_as_asked_for(org: Org, n: int, count: int) -> None:
    task = org.get("/v1/tasks/contract-key-fields", examples_n=n)

    assert len(task["examples"]) == count
    assert all(set(example) == {"input", "expected_output"} for example in task["examples"])


@pytest.mark.parametrize("n", ["-1", "101", "many", "1.5", ""])
def test_an_impossible_number_of_examples_is_422(org: Org, n: str) -> None:
    response = org.http.get("/v1/tasks/contract-key-fields", params={"examples_n": n})

    assert response.status_code == 422
    assert response.json()["detail"][0]["loc"] == ["query", "examples_n"]


@pytest.mark.parametrize("path", ["/v1/tasks/nope", "/v1/tasks/nope/leaderboard", "/v1/eval/frontier-models?task=nope"])
def test_unknown_tasks_are_404(org: Org, path: str) -> None:
    response = org.http.get(path)

    assert response.status_code == 404
    assert response.json() == {"detail": "task 'nope' not found"}


def match(org: Org, query: str, **more: Any) -> Any:
    response = org.http.post("/v1/tasks/match", json={"query": query, **more})
    assert response.status_code == 200, response.text
    return response.json()


def test_a_description_finds_its_task(org: Org) -> None:
    answer = match(org, "totals from supplier bills")

    assert answer["query"] == "totals from supplier bills"
    assert (answer["matcher"], answer["type"], answer["matched"]) == ("keyword", "task", True)
    assert answer["chosen"]["task_id"] == "invoice-extraction"
    assert answer["chosen"] == answer["candidates"][0]
    assert [row["rank"] for row in answer["candidates"]] == list(range(len(answer["candidates"])))
    assert all(isinstance(row["score"], float | int) for row in answer["candidates"])


def test_what_nothing_here_does_is_a_proper_answer(org: Org) -> None:
    answer = match(org, "compose music")

    assert (answer["type"], answer["matched"], answer["chosen"]) == ("unsupported", False, None)


def test_gibberish_matches_nothing(org: Org) -> None:
    answer = match(org, "xyzzy plugh")

    assert (answer["type"], answer["matched"], answer["chosen"], answer["candidates"]) == ("none", False, None, [])


def test_at_most_top_k_candidates_and_five_unless_told(org: Org) -> None:
    query = "classify document text and extract contract invoice fields question chat speech"

    assert len(match(org, query)["candidates"]) == 5
    assert len(match(org, query, top_k=2)["candidates"]) == 2


def test_matching_is_deterministic(org: Org) -> None:
    assert match(org, "document") == match(org, "document")


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({}, ["body", "query"]),
        ({"query": ""}, ["body", "query"]),
        ({"query": " \n"}, ["body", "query"]),
        ({"query": 5}, ["body", "query"]),
        ({"query": "x", "top_k": 0}, ["body", "top_k"]),
        ({"query": "x", "top_k": "2"}, ["body", "top_k"]),
    ],
)
def test_a_blank_query_or_impossible_number_is_422(org: Org, body: Any, where: list[str]) -> None:
    response = org.http.post("/v1/tasks/match", json=body)

    assert response.status_code == 422
    assert response.json()["detail"][0]["loc"] == where


def test_leaderboards_rank_open_and_frontier_models_together(org: Org) -> None:
    for task in org.get("/v1/tasks")["tasks"]:
        board = org.get(f"/v1/tasks/{task['id']}/leaderboard")

        qualities = [row["quality"] for row in board["models"] if row["quality"] is not None]
        assert qualities == sorted(qualities, reverse=True)
        assert (board["task_id"], board["metric"], board["cost_unit"]) == (task["id"], "quality", "per_request")
        kinds = {row["name"]: row["kind"] for row in board["models"]}
        assert "open" in kinds.values()
        assert (kinds[board["recommended"]] == "open") if qualities else (board["recommended"] is None)
        assert board["frontier"] == next((row for row in board["models"] if row["kind"] == "frontier"), None)


def test_the_published_contract_board(org: Org) -> None:
    board = org.get("/v1/tasks/contract-key-fields/leaderboard")

    assert board["recommended"] == "qwen-2"
    assert [(row["name"], row["quality"], row["cost_per_request_micro_usd"]) for row in board["models"]] == [
        ("gpt-5.5", 0.93, 700),
        ("qwen-2", 0.91, 90),
        ("llama-1", 0.88, 63),
    ]


def test_general_tasks_were_not_measured(org: Org) -> None:
    for row in org.get("/v1/tasks/general-chat/leaderboard")["models"]:
        assert row["quality"] is None
        assert row["cost_per_request_micro_usd"] is None


def test_the_whole_roster_without_a_task(org: Org) -> None:
    answer = org.get("/v1/eval/frontier-models")

    assert answer["task"] is None
    assert {"gpt-5.5", "claude-opus-4-7", "gemini-3-1-pro", "gpt-4o"} <= {
        row["id"] for row in answer["frontier_models"]
    }
    assert not any(row["benchmarked"] for row in answer["frontier_models"])


def test_benchmarked_models_are_those_on_the_leaderboard(org: Org) -> None:
    for task in org.get("/v1/tasks")["tasks"]:
        rows = org.get("/v1/eval/frontier-models", task=task["id"])["frontier_models"]
        board = org.get(f"/v1/tasks/{task['id']}/leaderboard")["models"]

        assert {row["id"] for row in rows if row["benchmarked"]} == {
            row["name"] for row in board if row["kind"] == "frontier"
        }


def test_a_task_on_documents_names_only_models_that_see(org: Org) -> None:
    text = org.get("/v1/eval/frontier-models", task="contract-key-fields")
    blob = org.get("/v1/eval/frontier-models", task="invoice-extraction")

    assert blob["task"] == "invoice-extraction"
    assert not all(row["vision"] for row in text["frontier_models"])
    assert all(row["vision"] for row in blob["frontier_models"])
    assert len(blob["frontier_models"]) >= 3
