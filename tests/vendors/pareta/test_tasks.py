"""Tasks, the matcher, leaderboards and the vendors' roster."""

from __future__ import annotations

from typing import Any

import pytest

from mockserver.vendors.pareta import tables
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


PUBLISHED = [
    ("extract key fields from contracts", "task", "contract-key-fields"),
    ("pull key fields out of vendor contracts", "task", "contract-key-fields"),
    ("extract dates from a contract", "task", "contract-key-fields"),
    ("pull line items and totals out of vendor invoices", "task", "invoice-extraction"),
    ("pull totals and dates out of vendor invoices", "task", "invoice-extraction"),
    ("vendor invoices with labeled line items and totals", "task", "invoice-extraction"),
    ("extract the line items and totals from these invoices", "task", "invoice-extraction"),
    ("extract fields from invoices", "task", "invoice-extraction"),
    ("classify support tickets by urgency", "task", "intent-classification"),
    ("summarize this email thread", "capability", "chat"),
    ("summarize this support thread and draft a friendly reply", "capability", "chat"),
    ("generate a video of a cat", "unsupported", None),
    ("generate a 30-second video of a cat surfing", "unsupported", None),
    ("what's today's weather in Tokyo right now", "unsupported", None),
]
"""Descriptions from the vendor's own pages, with what they say is meant."""

ASKED = [
    ("write the SQL for each question", "task", "text-to-sql"),
    ("icd codes for discharge notes", "task", "icd-coding"),
    ("translate this to German", "capability", "chat"),
    ("debug my python script", "capability", "coding"),
    ("plan the steps to migrate our servers with my tools", "capability", "agentic"),
    ("describe this image", "capability", "vision"),
    ("what is in this picture?", "capability", "vision"),
    ("transcribe this podcast", "capability", "asr"),
    ("read this text aloud", "capability", "tts"),
    ("rerank search results", "capability", "rerank"),
    ("embed my documents for semantic search", "capability", "embed"),
    ("generate an image of a fox", "capability", "image-gen"),
    ("draw me a picture of a cat", "capability", "image-gen"),
    ("compose music", "unsupported", None),
    ("send an email to my boss", "unsupported", None),
    ("book a flight to Paris", "unsupported", None),
    ("current stock price of ACME", "unsupported", None),
    ("knit a sweater", "none", None),
]


@pytest.mark.parametrize(("query", "kind", "name"), PUBLISHED + ASKED)
def test_descriptions_find_a_task_a_lane_or_that_nobody_here_does_that(
    org: Org, query: str, kind: str, name: str | None
) -> None:
    answer = match(org, query)

    chosen, lane = answer["chosen"], answer["capability"]
    assert answer["type"] == kind
    assert answer["matched"] == (kind in ("task", "capability"))
    assert (chosen["task_id"] if chosen else None) == (name if kind == "task" else None)
    assert (lane["id"] if lane else None) == (name if kind == "capability" else None)
    assert [type(row["score"]) for row in answer["candidates"]] == [float] * len(answer["candidates"])
    # It goes by words, and says so.
    assert (answer["matcher"], answer["reasoning"], answer["confidence"]) == ("keyword", None, None)


def test_a_lane_tells_what_it_is_for(org: Org) -> None:
    lane = match(org, "translate this to German")["capability"]

    assert set(lane) == {"id", "label", "category", "category_id", "desc"}
    assert (lane["id"], lane["label"], lane["category"], lane["category_id"]) == ("chat", "Chat", "Chat", "chat")
    assert lane["desc"]


@pytest.mark.parametrize(
    ("client", "picture", "ranking", "chatting"),
    [
        ("pareta-python/0.1.0", "unsupported", "task", "task"),
        ("pareta-python/0.3.1", "unsupported", "task", "capability"),
        ("pareta-python/1.0.0", "unsupported", "task", "capability"),
        ("pareta-python/1.1.1", "unsupported", "capability", "capability"),
        ("pareta-typescript/1.2.0", "unsupported", "capability", "capability"),
        ("pareta-python/1.2.0", "capability", "capability", "capability"),
        ("pareta-typescript/1.3.0", "capability", "capability", "capability"),
        ("pareta-python/3.0.4", "capability", "capability", "capability"),
        ("curl/8.5.0", "capability", "capability", "capability"),
    ],
)
def test_a_release_hears_of_the_lanes_it_knows(
    org: Org, client: str, picture: str, ranking: str, chatting: str
) -> None:
    queries = ("generate an image of a fox", "rerank search results", "chat with my customers, a general assistant")

    answers = [org.http.post("/v1/tasks/match", json={"query": q}, headers={"User-Agent": client}) for q in queries]

    assert [answer.json()["type"] for answer in answers] == [picture, ranking, chatting]
    assert all(answer.json()["matched"] == (answer.json()["type"] != "unsupported") for answer in answers)


def test_every_lane_is_found_by_its_own_name(org: Org) -> None:
    with org.house():
        lanes, _ = tables.capabilities.capabilities(org.world)

    assert [lane.id for lane in lanes] == [
        "chat", "coding", "agentic", "vision", "asr", "tts", "rerank", "embed", "image-gen",
    ]  # fmt: skip
    tasks = {task["id"] for task in org.get("/v1/tasks")["tasks"]}
    for lane in lanes:
        assert match(org, " ".join(lane.keywords))["capability"]["id"] == lane.id
        assert lane.task is None or lane.task in tasks


def test_matching_is_free_and_takes_the_longest_query(org: Org) -> None:
    org.set_balance(0)

    answer = match(org, "contract dates " * 100_000, top_k=10**9)

    assert (answer["type"], answer["chosen"]["task_id"]) == ("task", "contract-key-fields")
    assert org.debits == []


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
