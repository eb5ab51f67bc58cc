"""The OpenAPI document says what the simulator does: every answer of every operation is held to it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from mockserver.app import Simulator
from mockserver.http.openapi import vendor_document
from mockserver.vendors.pareta.routes import api
from tests.conformance import Documented
from tests.vendors.pareta.org import CURL, G0, G1, G3, SEED, STOPPED, Org, body
from tests.vendors.pareta.test_chat_tools import WEATHER
from tests.vendors.pareta.test_determinism import script
from tests.vendors.pareta.test_documents import PDF, SCAN, address, attach, complete
from tests.vendors.pareta.test_error_shape import COMPARE, FAILURES, GOOD_COMPARISON
from tests.vendors.pareta.test_proposals import propose

UNROUTED = ("Not Found", "Method Not Allowed")
BILLED = [{"expected_output": {"total": 5}}]
DATED = {"input": {"contract_text": "..."}, "expected_output": {"effective_date": "2026-01-01"}}


@pytest.fixture(scope="module")
def documented() -> Documented:
    return Documented(vendor_document(api))


@pytest.fixture
def answered(org: Org, documented: Documented) -> Iterator[set[tuple[str, int]]]:
    """Every operation and status that was seen; a route that does not exist is in no document."""
    seen: set[tuple[str, int]] = set()

    def check(response: httpx.Response) -> None:
        media_type = response.headers.get("content-type", "")
        body: Any = None
        if "json" in media_type:
            response.read()
            body = response.json()
        if isinstance(body, dict) and body.get("detail") in UNROUTED:
            return
        request = response.request
        operation = documented.check(request.method, request.url.path, response.status_code, media_type, body)
        seen.add((operation, response.status_code))

    org.http.event_hooks["response"] = [check]
    yield seen
    org.http.event_hooks["response"] = []


def test_every_operation_answers_as_documented(org: Org, answered: set[tuple[str, int]]) -> None:
    script(org)
    org.set_balance(10**6)
    for headers in (G0, G1, G3, CURL):
        for path in ("/v1/models", "/v1/endpoints", "/v1/tasks", "/v1/eval-sets", "/v1/eval/frontier-models"):
            org.get(path, headers=headers)
        org.finished_run(org.new_run("es_contracts", "auto", "llama-1"), headers=headers)
    for task in org.get("/v1/tasks")["tasks"]:
        org.get(f"/v1/tasks/{task['id']}", examples_n=2)
        org.get(f"/v1/tasks/{task['id']}/leaderboard")
        org.get("/v1/eval/frontier-models", task=task["id"])
    for query in ("totals from supplier bills", "compose music", "xyzzy"):
        org.http.post("/v1/tasks/match", json={"query": query})
    org.get("/v1/auto/metrics")
    org.http.post(COMPARE, json=GOOD_COMPARISON)
    org.get("/agent/v1/models")
    shapes: list[dict[str, Any]] = [
        {"tools": [WEATHER], "tool_choice": "required"},
        {"response_format": {"type": "json_object"}},
        {"stream": True},
    ]
    for shape in ({"n": 2}, *shapes):
        org.chat("auto", **shape)
    for shape in ({}, *shapes):
        org.http.post("/agent/v1/chat/completions", json=body("auto", **shape))
    for endpoint in (STOPPED, SEED):
        org.get(f"/v1/endpoints/{endpoint}")
        org.http.post(f"/v1/endpoints/{endpoint}/stop")
        for dimension in ("cost", "quality", "performance", "uptime", "activity"):
            org.metric(dimension, endpoint, group_by="day")
    org.http.post("/v1/endpoints", json={"task": "contract-key-fields", "name": "mine", "region": "eu"})
    org.get("/v1/endpoints")
    org.http.delete("/v1/endpoints/mine")
    org.get("/v1/eval-sets/es_contracts")
    org.http.delete("/v1/eval-sets/es_contracts")
    for rows in (BILLED, [*BILLED, DATED], [{"input": {}, "expected_output": {"a": 1, "b": 2}}]):
        propose(org, rows, prompt="summarize each bill")
    kept = org.new_set(BILLED, "invoice-extraction")
    attach(org, kept)
    org.http.put(address(org, kept), content=SCAN, headers={"Content-Type": PDF})
    complete(org, kept)

    said = org.http.post("/v1/audio/speech", json={"text": "hello"}).json()
    org.http.post("/v1/audio/transcriptions", json={"audio_base64": said["audio_base64"]})
    drawn = org.http.post("/v1/images/generations", json={"prompt": "a fox"}).json()
    org.http.post("/v1/images/edits", json={"prompt": "a scarf", "image": drawn["data"][0]["b64_json"]})

    succeeded = {operation for operation, status in answered if status < 300}
    assert succeeded == {endpoint.operation for endpoint in api.endpoints} - {"task_requests.create"}


def test_every_refusal_is_documented(simulator: Simulator, org: Org, answered: set[tuple[str, int]]) -> None:
    for failure in FAILURES:
        if failure.balance is not None:
            org.set_balance(failure.balance)
        if failure.switch:
            org.flip(**{failure.switch: True})
        org.http.request(
            failure.method, failure.path, json=failure.body, content=failure.content, headers=failure.headers
        )
        org.set_balance(10**6)
    for endpoint in api.endpoints:
        path = endpoint.path.replace("{", "").replace("}", "")
        org.http.request(endpoint.method, path, headers={"Authorization": "Bearer sk_test_acme"})

    assert {status for _, status in answered} == {400, 401, 402, 403, 404, 409, 422, 502, 503}
    assert {operation for operation, status in answered if status == 401} == {e.operation for e in api.endpoints}
