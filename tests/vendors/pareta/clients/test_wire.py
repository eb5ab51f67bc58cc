"""What the TypeScript client needs of the wire, which is stricter about numbers, bodies and time than Python's is."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.vendors.pareta.org import CURL, ENDPOINT, SEED, STOPPED, TEXT, Org, body

DEPLOY_LIMIT_S = 60
"""The whole of a request in TypeScript 0.x, the reading of its body included."""


@pytest.fixture
def raw(url: str) -> Iterator[httpx.Client]:
    """A plain client over a socket, with a key of world `acme`."""
    with httpx.Client(base_url=url, headers={"Authorization": "Bearer pareta_sk_test_acme"}, timeout=20) as client:
        yield client


def typescript(version: str) -> dict[str, str]:
    return {"User-Agent": f"pareta-typescript/{version}", "Accept": "application/json"}


def money(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every field of an answer that is an amount."""
    if isinstance(value, dict):
        for name, part in value.items():
            if "micro_usd" in name:
                yield f"{path}.{name}", part
            yield from money(part, f"{path}.{name}")
    elif isinstance(value, list):
        for part in value:
            yield from money(part, f"{path}[]")


def test_every_amount_is_a_json_integer(raw: httpx.Client, org: Org) -> None:
    raw.post("/v1/chat/completions", json=body(ENDPOINT))
    raw.post("/v1/chat/completions", json=body("auto"))
    run = raw.post("/v1/eval-runs", json={"eval_set_id": "es_contracts", "candidate_model_ids": ["auto", "gpt-5.5"]})
    answers = [
        raw.get("/v1/eval-runs/run_contracts"),
        raw.get(f"/v1/eval-runs/{run.json()['run_id']}"),
        raw.get(f"/v1/endpoints/{ENDPOINT}/cost?group_by=day"),
        raw.get(f"/v1/endpoints/{STOPPED}/cost"),
        raw.get("/v1/tasks/contract-key-fields/leaderboard"),
        raw.get("/v1/auto/metrics"),
        raw.post("/v1/playground/frontier", json=body("gpt-5.5")),
    ]

    for answer in answers:
        amounts = list(money(answer.json()))
        assert amounts, answer.url
        assert [(where, value) for where, value in amounts if type(value) is not int] == [], answer.url
    assert all(type(answer.json()["run"]["total_cost_micro_usd"]) is int for answer in answers[:2])


def test_receipts_are_whole_numbers(raw: httpx.Client, org: Org) -> None:
    for path, sent in (
        ("/v1/chat/completions", body("auto")),
        ("/v1/embeddings", {"input": ["x"]}),
        ("/v1/rerank", {"query": "q", "documents": ["d"]}),
        ("/v1/playground/frontier", body("gpt-5.5")),
        ("/v1/audio/speech", {"text": "hello"}),
        ("/v1/images/generations", {"prompt": "a fox"}),
    ):
        before = org.balance
        answer = raw.post(path, json=sent)
        assert answer.status_code == 200, answer.text
        assert re.fullmatch(r"\d+", answer.headers["x-pareta-billed"])
        assert int(answer.headers["x-pareta-billed"]) == before - org.balance


def test_a_204_has_no_body_and_every_other_success_is_json(raw: httpx.Client) -> None:
    for path in ("/v1/eval-sets/es_contracts", f"/v1/endpoints/{STOPPED}"):
        gone = raw.delete(path, headers=typescript("0.1.0"))
        assert (gone.status_code, gone.content) == (204, b"")
        assert "content-type" not in gone.headers
    for answer in (
        raw.post(f"/v1/endpoints/{ENDPOINT}/stop", headers=typescript("0.1.0")),
        raw.post(f"/v1/endpoints/{ENDPOINT}/start", headers=typescript("0.1.0")),
        raw.get("/v1/eval-sets"),
    ):
        assert answer.headers["content-type"] == "application/json"
        assert answer.json() is not None


def test_a_deploy_streams_named_events_and_ends_within_the_clients_budget(raw: httpx.Client) -> None:
    began = time.monotonic()
    sent = {"task": "contract-key-fields", "model": "recommended"}
    with raw.stream(
        "POST", "/v1/endpoints", json=sent, headers={**typescript("0.1.0"), "Accept": "text/event-stream"}
    ) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = [line for line in answer.iter_lines() if line]

    assert time.monotonic() - began < DEPLOY_LIMIT_S / 10
    names = [line.removeprefix("event: ") for line in lines if line.startswith("event: ")]
    data = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: {")]
    assert len(names) == len(data) > 1
    assert set(names[:-1]) == {"progress"}
    assert names[-1] == "complete"
    assert data[-1]["endpoint"]["status"] == "live"


def test_every_answer_has_its_request_id_and_every_refusal_a_json_detail(raw: httpx.Client) -> None:
    answers = [
        raw.get("/v1/models"),
        raw.get("/v1/models/"),
        raw.get("/v1/nowhere"),
        raw.put("/v1/models"),
        raw.post("/v1/chat/completions", content=b"{"),
        raw.post("/v1/chat/completions", json={"model": "auto"}),
        raw.post("/v1/chat/completions", json=body(SEED)),
        raw.post("/v1/chat/completions", json=body("auto", stream=True), headers={"Authorization": ""}),
        raw.delete("/v1/eval-sets/es_contracts"),
    ]

    ids = [answer.headers["x-request-id"] for answer in answers]
    assert all(re.fullmatch("req_[A-Za-z0-9]+", identity) for identity in ids)
    assert len({identity for identity, answer in zip(ids, answers, strict=True) if answer.status_code != 401}) == 8
    assert [answer.status_code for answer in answers] == [200, 404, 404, 405, 400, 422, 409, 401, 204]
    for answer in answers[1:-1]:
        assert set(answer.json()) == {"detail"}
        assert type(answer.json()["detail"]) is (list if answer.status_code == 422 else str)


def test_ids_can_stand_in_a_path_as_they_are(raw: httpx.Client) -> None:
    deployed = raw.post("/v1/endpoints", json={"task": "contract-key-fields"}).text
    rows = b'{"input": {"contract_text": "x"}, "expected_output": {"effective_date": "2026-01-01"}}'
    made = raw.post("/v1/eval-sets", data={"task_id": "contract-key-fields", "prompt": "p"}, files={"items": rows})
    run = raw.post("/v1/eval-runs", json={"eval_set_id": "es_contracts", "candidate_model_ids": ["auto"]})
    ids = [
        json.loads(deployed.rpartition("event: complete")[2].strip().removeprefix("data: ").split("\n")[0])["endpoint"],
        made.json()["eval_set"],
        {"id": run.json()["run_id"]},
        *raw.get("/v1/tasks").json()["tasks"],
        *raw.get("/v1/eval/frontier-models").json()["frontier_models"],
    ]
    assert [each["id"] for each in ids if not re.fullmatch(r"[A-Za-z0-9._-]+", each["id"])] == []


def test_generations_are_told_by_the_same_majors(raw: httpx.Client) -> None:
    def models(version: str) -> list[str]:
        return [model["id"] for model in raw.get("/v1/models", headers=typescript(version)).json()["data"]]

    python = {"User-Agent": "pareta-python/0.3.1"}
    assert models("0.2.1") == [model["id"] for model in raw.get("/v1/models", headers=python).json()["data"]]
    assert ENDPOINT in models("0.2.1")
    assert models("1.4.0") == models("3.0.2") == ["auto"]
    rows = json.dumps({"input": TEXT, "expected": {"effective_date": "2026-01-01"}}).encode()
    for version, said, status in (
        ("0.2.1", {}, 201), ("1.4.0", {}, 201), ("2.1.0", {}, 400), ("2.1.0", {"intent": "p"}, 201),
        ("3.0.2", {"intent": "p"}, 400), ("3.0.2", {"prompt": "p"}, 400),
    ):  # fmt: skip
        answer = raw.post(
            "/v1/eval-sets", data={"task_id": "contract-key-fields", **said}, files={"items": rows},
            headers=typescript(version),
        )  # fmt: skip
        assert answer.status_code == status, (version, said, answer.text)


def test_a_key_of_the_typescript_client_collapses_its_retries(raw: httpx.Client, org: Org) -> None:
    headers = {**typescript("3.0.2"), "Idempotency-Key": "pareta-js-" + "0" * 32}
    first, again = (raw.post("/v1/chat/completions", json=body("auto"), headers=headers) for _ in range(2))
    assert first.json() == again.json()
    assert again.headers["x-pareta-billed"] == "0"
    assert len(org.debits) == 1
    assert raw.post("/v1/chat/completions", json=body("auto"), headers=CURL).json()["id"] != first.json()["id"]
