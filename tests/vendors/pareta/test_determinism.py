"""The same seed and the same requests give the same bytes; what happens elsewhere changes nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import pytest

from mockserver.app import Simulator
from mockserver.config import Settings
from mockserver.kernel.windows import HOUR, parse_instant
from mockserver.kernel.world import Beginning
from tests.vendors.pareta.org import ENDPOINT, G0, G1, SEED, STOPPED, Org, body

AT = parse_instant("2026-02-10T12:00:00Z")
ROWS = [{"input": f"text {n}", "expected": {"effective_date": "2026-01-01", "party_a": "A B"}} for n in range(30)]
CITY = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "size": {"type": "integer"}},
    "required": ["city", "size"],
}
SHAPES: list[dict[str, Any]] = [
    {"tools": [{"type": "function", "function": {"name": "get_weather", "parameters": CITY}}]},
    {"response_format": {"type": "json_schema", "json_schema": {"name": "city", "schema": CITY}}},
    {"stream": True},
]
BOUNDARY = {**G1, "Content-Type": "multipart/form-data; boundary=b"}  # httpx would draw one


def script(org: Org) -> None:
    """A bit of everything: successes, refusals, streams whole and left, evals, time."""
    for n in range(25):
        org.chat(text=f"Effective as of January {n + 1}, 2026 between Acme GmbH and Orchard LLC.")
        org.chat("auto", text=f"Explain copper number {n}")
    org.chat(seed=9, headers={"Idempotency-Key": "k"})
    org.chat(seed=9, headers={"Idempotency-Key": "k"})
    org.chat(seed=10, headers={"Idempotency-Key": "k"})
    org.stream()
    org.stream("auto", stream_options={"include_usage": True})
    for shape in (*SHAPES, {"n": 4}):
        org.chat("auto", text="What is the weather in Oslo?", **shape)
        org.chat(text="What is the weather in Oslo?", **shape)
    for shape in SHAPES:
        org.http.post("/agent/v1/chat/completions", json=body("auto", "What is the weather in Oslo?", **shape))
    left = org.open_stream()
    next(left.iter_raw())
    left.close()
    for model in (STOPPED, SEED, "ep-nope"):
        org.chat(model)
    org.http.post("/v1/chat/completions", content=b"{")
    org.http.post(f"/v1/endpoints/{STOPPED}/start")
    org.advance(HOUR)
    org.chat(STOPPED, text="Invoice no. 77 of 2026-01-05: total EUR 12.50")
    kept = org.post_set(ROWS, headers=BOUNDARY).json()["eval_set"]["id"]
    run = org.new_run(kept, "auto", "qwen-2", "unheard-of-3", "gpt-5.5")
    org.finished_run(run)
    org.new_run(kept, "llama-1")
    org.http.post("/v1/embeddings", json={"input": ["laws of Delaware", ""], "input_type": "query"})
    org.http.post("/v1/rerank", json={"query": "governing law", "documents": ["laws of Delaware", "thirty days"]})
    said = org.http.post("/v1/audio/speech", json={"text": "A short text."}).json()
    org.http.post("/v1/audio/transcriptions", json={"audio_base64": said["audio_base64"]})
    drawn = org.http.post("/v1/images/generations", json={"prompt": "a fox"}).json()
    org.http.post("/v1/images/edits", json={"prompt": "a red scarf", "image": drawn["data"][0]["b64_json"]})
    org.advance(HOUR)
    org.set_balance(0)
    org.chat()
    for dimension in ("cost", "quality", "performance", "uptime", "activity"):
        org.metric(dimension, group_by="hour")
    org.get("/v1/models", headers=G0)
    org.http.get("/v1/models", headers={"Authorization": "Bearer pareta_sk_test_acme", "User-Agent": "x"})


def played(seed: int, play: Callable[[Org], Any], name: str = "acme") -> tuple[list[dict[str, Any]], list[Any], Any]:
    """The journal, the raw rows of every table, and what `play` returned."""
    simulator = Simulator(Settings(beginning=Beginning(seed=seed, clock_mode="frozen", clock_at=AT)))
    try:
        org = Org(simulator, name)
        result = play(org)
        store = org.world.store
        rows = [
            (table, store.all(f"SELECT * FROM {table} WHERE world = ? ORDER BY 1, 2, 3", (org.world.id,)))
            for table in sorted(store.worldly_tables)
        ]
        org.check()
        return [asdict(entry) for entry in org.journal], rows, result
    finally:
        simulator.close()


def test_the_same_seed_and_requests_give_the_same_bytes() -> None:
    journal, rows, _ = played(7, script)
    again, rows_again, _ = played(7, script)

    assert len(journal) > 75
    assert journal == again
    assert rows == rows_again
    assert {entry["status"] for entry in journal} >= {200, 201, 202, 400, 402, 404, 409, 422, 503, None}


def test_another_seed_gives_other_bytes() -> None:
    journal, _, _ = played(7, script)
    other, _, _ = played(8, script)

    assert [entry["status"] for entry in journal] == [entry["status"] for entry in other]
    assert all(one["request_id"] != two["request_id"] for one, two in zip(journal, other, strict=True))
    assert any(one["duration_us"] != two["duration_us"] for one, two in zip(journal, other, strict=True))


def answers(org: Org, between: Callable[[int], Any]) -> tuple[list[Any], list[Any], Any]:
    """An endpoint's answers and metrics with something else going on between its calls."""
    found = []
    for n in range(40):
        answer = org.chat(text=f"Effective January {n % 28 + 1}, 2026 between Acme GmbH and Orchard LLC.").json()
        found.append((answer["choices"], answer["usage"]))
        between(n)
    metrics = [org.metric(name) for name in ("cost", "quality", "performance", "uptime", "activity")]
    times = [
        e.duration_us
        for e in org.journal
        if e.operation == "pareta.chat.completions.create" and ENDPOINT.encode() in e.request_body
    ]
    return found, metrics, times


def elsewhere(org: Org) -> Callable[[int], Any]:
    """Requests that have nothing to do with the endpoint."""
    other = Org(org.simulator, "other")
    org.http.post(f"/v1/endpoints/{STOPPED}/start")
    org.get(f"/v1/endpoints/{STOPPED}")

    def happen(n: int) -> None:
        org.chat("auto", text=f"hello {n}")
        org.chat(STOPPED)
        org.chat("ep-nope")
        org.open_stream("auto").close()
        org.get("/v1/tasks")
        other.chat()
        if n % 10 == 0:
            org.finished_run(org.new_run("es_contracts", "llama-1"))

    return happen


def test_what_happens_elsewhere_does_not_change_an_endpoints_answers() -> None:
    _, _, alone = played(7, lambda org: answers(org, lambda n: None))
    _, _, crowded = played(7, lambda org: answers(org, elsewhere(org)))

    assert alone == crowded
    contents = [json.loads(choices[0]["message"]["content"]) for choices, _ in alone[0]]
    assert len({json.dumps(content) for content in contents}) > 25


@pytest.mark.parametrize("model", ["auto", "qwen-2", "gpt-5.5"])
def test_a_candidates_results_do_not_depend_on_the_others_in_the_run(simulator: Simulator, model: str) -> None:
    def result(name: str, *models: str) -> Any:
        org = Org(simulator, name)
        answer = org.finished_run(org.new_run(org.new_set(ROWS), *models))
        return next(row for row in answer["results"] if row["model_id"] == model)

    assert result("alone", model) == result("crowded", "llama-1", model, "unheard-of-2")
