"""Every way a request can fail: one body shape, nothing changed but the journal, and the journal says why.

A refusal is `{"detail": text}`; with 422 `detail` lists the faulty fields as `{loc, msg, type}`, or is a text for a
reused idempotency key. Every answer carries `x-request-id`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from mockserver.app import Simulator
from mockserver.http.inprocess import InProcessTransport
from mockserver.kernel.journal import Entry
from mockserver.vendors.pareta.operations import chat
from mockserver.vendors.pareta.schemas import chat as wire
from tests.vendors.pareta.org import CURL, ENDPOINT, G0, G3, SEED, STOPPED, Org, body

CHAT = "/v1/chat/completions"
AGENT = "/agent/v1/chat/completions"
RUNS = "/v1/eval-runs"
SETS = "/v1/eval-sets"
MATCH = "/v1/tasks/match"
DEPLOY = "/v1/endpoints"
COMPARE = "/v1/playground/frontier"
GOOD_COMPARISON = {"model": "gpt-5.5", "messages": [{"role": "user", "content": "x"}]}
GOOD_RUN = {"eval_set_id": "es_contracts", "candidate_model_ids": ["llama-1"]}
DOCUMENT = {"idx": 0, "field_name": "document", "mime": "application/pdf", "file_size": 5}
MULTIPART = {"Content-Type": "multipart/form-data; boundary=b"}
DEEP = b'{"messages":' + b"[" * 100_000 + b"]" * 100_000 + b"}"


NOTHING = {"type": "integer", "minimum": 2, "maximum": 1}
NO_PICTURE = "data:image/png;base64,bm90aGluZw=="


def with_url(url: str) -> dict[str, Any]:
    return {
        "model": "auto",
        "messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}],
    }


def part(name: str, content: str, filename: str = "") -> str:
    file = f'; filename="{filename}"' if filename else ""
    return f'--b\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n{content}\r\n'


@dataclass
class Failure:
    """A request and what it must be answered with.

    :param detail: the whole text, or how it begins when it ends in `...`; `None` for a list of faulty fields.
    :param where: location of the first faulty field.
    :param reason: part of the journal's reason; the detail's own beginning if left out.
    :param switch: turned on before.
    """

    name: str
    method: str
    path: str
    status: int
    detail: str | None = None
    where: list[str | int] = field(default_factory=list)
    body: Any = None
    content: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)
    reason: str = ""
    balance: int | None = None
    retry_after: str | None = None
    switch: str = ""


def faulty(name: str, path: str, body: Any, *where: str | int) -> Failure:
    return Failure(name, "POST", path, 422, where=["body", *where], body=body, reason=".".join(map(str, where)))


def refused(name: str, detail: str, status: int = 400, *, path: str = CHAT, **more: Any) -> Failure:
    return Failure(name, "POST", path, status, detail, **more)


JSON_400 = "the request body is not JSON: ..."
OBJECT_400 = "the request body must be a JSON object"
FAILURES = [
    # Bodies that cannot be read
    refused("malformed JSON", JSON_400, content=b'{"model": "auto",'),
    refused("no body", JSON_400, content=b""),
    refused("not UTF-8", JSON_400, content=b'{"model": "\xff"}'),
    refused("NaN", JSON_400, content=b'{"model": "auto", "temperature": NaN, "messages": [{"role": "user"}]}'),
    *(
        refused(name, "the request body has a number out of range", content=b'{"a": [{"b": %s}]}' % number)
        for name, number in (("1e999", b"1e999"), ("-1E+400", b"-1E+400"), ("a long number", b"1" + b"0" * 400 + b".5"))
    ),
    refused("infinity", JSON_400, content=b'{"model": "auto", "temperature": -Infinity, "messages": []}'),
    refused("deep JSON", JSON_400, content=DEEP),
    refused("half a character", JSON_400, content=b'{"model": "\\ud800"}'),
    refused("an endless number", JSON_400, content=b'{"seed": ' + b"9" * 5000 + b"}"),
    refused("a trailing comma", JSON_400, content=b'{"model": "auto",}'),
    refused("two documents", JSON_400, content=b"{}{}"),
    refused("a list", OBJECT_400, content=b"[]"),
    refused("a string", OBJECT_400, content=b'"auto"'),
    refused("null", OBJECT_400, content=b"null"),
    refused("malformed JSON for a run", JSON_400, path=RUNS, content=b"{"),
    refused("malformed JSON for a match", JSON_400, path=MATCH, content=b"{"),
    refused("JSON for a form", "the request body must be multipart/form-data", path=SETS, body={"items": []}),
    refused("no form", "the request body must be multipart/form-data", path=SETS, content=b""),
    refused(
        "a form without a boundary",
        "the multipart body has no boundary",
        path=SETS,
        content=b"x",
        headers={"Content-Type": "multipart/form-data"},
    ),
    refused("a cut form", "the multipart body ...", path=SETS, content=part("name", "x").encode(), headers=MULTIPART),
    # Chat fields
    faulty("no model", CHAT, {"messages": [{"role": "user", "content": "x"}]}, "model"),
    faulty("no messages", CHAT, {"model": "auto"}, "messages"),
    faulty("empty model", CHAT, body(""), "model"),
    faulty("model of another type", CHAT, {**body(), "model": 5}, "model"),
    faulty("null model", CHAT, {**body(), "model": None}, "model"),
    faulty("empty messages", CHAT, {"model": "auto", "messages": []}, "messages"),
    faulty("messages that are no list", CHAT, {"model": "auto", "messages": "hello"}, "messages"),
    faulty("a message that is no object", CHAT, {"model": "auto", "messages": ["hello"]}, "messages", 0),
    faulty("a message without a role", CHAT, {"model": "auto", "messages": [{"content": "x"}]}, "messages", 0, "role"),
    faulty("an unknown role", CHAT, {"model": "auto", "messages": [{"role": "boss"}]}, "messages", 0, "role"),
    faulty("stream of another type", CHAT, body(stream="yes"), "stream"),
    faulty("stream options that are no object", CHAT, body(stream_options=[]), "stream_options"),
    faulty("no tokens", CHAT, body(max_tokens=0), "max_tokens"),
    faulty("negative tokens", CHAT, body(max_completion_tokens=-1), "max_completion_tokens"),
    faulty("tokens as text", CHAT, body(max_tokens="5"), "max_tokens"),
    faulty("half a token", CHAT, body(max_tokens=1.5), "max_tokens"),
    faulty("a fractional seed", CHAT, body(seed=0.5), "seed"),
    refused("too many answers", "n must be between 1 and 8", body=body(n=9)),
    refused("no answer", "n must be between 1 and 8", body=body(n=0)),
    faulty("half an answer", CHAT, body(n=1.5), "n"),
    faulty("an unknown form", CHAT, body(response_format={"type": "xml"}), "response_format", "type"),
    refused("a schema that is none", "response_format: schema is not a valid JSON Schema: at $.type: ...",
            body=body(response_format={"type": "json_schema", "json_schema": {"schema": {"type": "text"}}})),
    refused("a schema nothing satisfies", "response_format: schema cannot be satisfied: at $: no number ...",
            body=body(response_format={"type": "json_schema", "json_schema": {"schema": NOTHING}})),
    refused("a missing schema", "response_format: json_schema.schema is missing",
            body=body(response_format={"type": "json_schema", "json_schema": {"name": "x"}})),
    refused("a tool called that is not there", "tool_choice wants a tool called, but there are no tools",
            body=body(tool_choice="required")),
    refused("an unknown choice", "tool_choice must be 'auto', ...", body=body(tool_choice="perhaps")),
    refused("an unknown tool", "tool_choice names 'x', which is not among the tools",
            body=body(tool_choice={"type": "function", "function": {"name": "x"}})),
    faulty("a tool without a name", CHAT, body(tools=[{"type": "function", "function": {}}]),
           "tools", 0, "function", "name"),
    faulty("a tool of another kind", CHAT, body(tools=[{"type": "browser"}]), "tools", 0, "type"),
    refused("a picture that is none", "messages[0].content[0].image_url.url holds neither ...",
            body=with_url(NO_PICTURE)),
    refused("a picture that is not base64", "messages[0].content[0].image_url.url is not base64: ...",
            body=with_url("data:image/png;base64,%")),
    refused("a picture on somebody's disk", "messages[0].content[0].image_url.url must be ...",
            body=with_url("file:///etc/passwd")),
    refused("a broken PDF", "the PDF cannot be rendered: ...",
            body=with_url("data:application/pdf;base64," + NO_PICTURE[-8:])),
    # Agents' turns: every fault of theirs is 400
    refused("an agent's other model", "model must be 'auto'", path=AGENT, body=body("gpt-5.5")),
    refused("an agent's second answer", "n must be 1", path=AGENT, body=body("auto", n=2)),
    refused("an agent's silence", "messages: field required", path=AGENT, body={"model": "auto"}),
    refused("an agent's malformed JSON", JSON_400, path=AGENT, content=b"{"),
    refused("an agent's endless conversation", "the conversation has ...", path=AGENT,
            body=body("auto", "x" * 131_072 * 4)),
    refused("an agent's endless session", "X-Pareta-Session has at most ...", path=AGENT, body=body("auto"),
            headers={"X-Pareta-Session": "s" * 256}),
    refused("an agent without credit", "organization is out of credit...", 402, path=AGENT, body=body("auto"),
            balance=0, reason="balance is 0"),
    # Run fields
    faulty("a run of nothing", RUNS, {}, "eval_set_id"),
    faulty("a run without candidates", RUNS, {**GOOD_RUN, "candidate_model_ids": []}, "candidate_model_ids"),
    faulty("candidates that are no list", RUNS, {**GOOD_RUN, "candidate_model_ids": "auto"}, "candidate_model_ids"),
    faulty("an empty candidate", RUNS, {**GOOD_RUN, "candidate_model_ids": ["auto", ""]}, "candidate_model_ids", 1),
    faulty("a candidate that is no text", RUNS, {**GOOD_RUN, "candidate_model_ids": [1]}, "candidate_model_ids", 0),
    faulty("too many candidates", RUNS, {**GOOD_RUN, "candidate_model_ids": ["auto"] * 51}, "candidate_model_ids"),
    faulty("a set that is no text", RUNS, {**GOOD_RUN, "eval_set_id": 1}, "eval_set_id"),
    # Other fields
    faulty("a match of nothing", MATCH, {}, "query"),
    faulty("a match of blanks", MATCH, {"query": "  "}, "query"),
    Failure(
        "a set without a file", "POST", SETS, 422, where=["body", "items"], headers=MULTIPART,
        content=(part("task_id", "contract-key-fields") + "--b--\r\n").encode(), reason="items",
    ),
    Failure("examples below zero", "GET", "/v1/tasks/contract-key-fields?examples_n=-1", 422,
            where=["query", "examples_n"], reason="examples_n"),
    Failure("examples in words", "GET", "/v1/tasks/contract-key-fields?examples_n=two", 422,
            where=["query", "examples_n"], reason="examples_n"),
    Failure("an endless idempotency key", "POST", CHAT, 422, where=["header", "Idempotency-Key"], body=body(),
            headers={"Idempotency-Key": "k" * 256}, reason="Idempotency-Key"),
    # Deployments
    refused("an endpoint for an unknown task", "unknown task 'nope'", path=DEPLOY, body={"task": "nope"}),
    refused("an endpoint of an unknown model", "unknown model 'gpt-5.5': ...", path=DEPLOY,
            body={"task": "contract-key-fields", "model": "gpt-5.5"}),
    refused("an endpoint whose name is taken", f"endpoint '{ENDPOINT}' already exists", 409, path=DEPLOY,
            body={"task": "contract-key-fields", "name": ENDPOINT}, retry_after="0"),
    faulty("an endpoint for nothing", DEPLOY, {}, "task"),
    faulty("an endpoint called like a model", DEPLOY, {"task": "contract-key-fields", "name": "auto"}, "name"),
    faulty("an endpoint with a negative rate", DEPLOY,
           {"task": "contract-key-fields", "cost_per_request_micro_usd": -1}, "cost_per_request_micro_usd"),
    # Comparisons
    refused("a comparison with another model", "model must be one of ...", path=COMPARE,
            body={**GOOD_COMPARISON, "model": "auto"}),
    faulty("a comparison of nothing", COMPARE, {**GOOD_COMPARISON, "messages": []}, "messages"),
    refused("a comparison without credit", "organization is out of credit...", 402, path=COMPARE, body=GOOD_COMPARISON,
            balance=0, reason="balance is 0"),
    refused("a comparison with a vendor that fails", "frontier model 'gpt-5.5' failed", 502, path=COMPARE,
            body=GOOD_COMPARISON, switch="frontier_fails", retry_after="0"),
    # Things that are not there
    refused("an unknown model", "endpoint 'ep-nope' not found", 404, body=body("ep-nope")),
    refused("an unknown alias", "endpoint 'llama-97' not found", 404, body=body("llama-97"), headers=G0),
    refused("a frontier model", "endpoint 'gpt-5.5' not found", 404, body=body("gpt-5.5"), headers=G3),
    Failure("an unknown endpoint", "GET", "/v1/endpoints/nope", 404, "endpoint 'nope' not found"),
    Failure("an unknown endpoint's metric", "GET", "/v1/endpoints/nope/cost", 404, "endpoint 'nope' not found"),
    Failure("an unknown task", "GET", "/v1/tasks/nope", 404, "task 'nope' not found"),
    Failure("an unknown set", "GET", "/v1/eval-sets/nope", 404, "eval set 'nope' not found"),
    Failure("deleting an unknown set", "DELETE", "/v1/eval-sets/nope", 404, "eval set 'nope' not found"),
    refused("a document for an unknown set", "eval set 'nope' not found", 404, path=f"{SETS}/nope/blob-upload-url",
            body=DOCUMENT),
    Failure("an unknown run", "GET", "/v1/eval-runs/nope", 404, "eval run 'nope' not found"),
    Failure("a run on an unknown set", "POST", RUNS, 404, "eval set 'nope' not found",
            body={**GOOD_RUN, "eval_set_id": "nope"}),
    Failure("a path id in strange letters", "GET", "/v1/endpoints/%C3%BC%20%22%00", 404,
            "endpoint 'ü \"\x00' not found"),
    refused("an unknown candidate", "unknown candidate model 'nobody'", path=RUNS,
            body={**GOOD_RUN, "candidate_model_ids": ["nobody"]}),
    # Routes
    Failure("an unknown route", "GET", "/v1/nope", 404, "Not Found", reason="no operation at GET /v1/nope"),
    Failure("a trailing slash", "GET", "/v1/models/", 404, "Not Found", reason="no operation at GET /v1/models/"),
    Failure("an unknown metric", "GET", f"/v1/endpoints/{ENDPOINT}/mood", 404, "Not Found", reason="no operation"),
    Failure("a route for the dashboard", "POST", "/v1/task-requests", 403, "task requests need a dashboard session...",
            body={}),
    Failure("another method", "PUT", CHAT, 405, "Method Not Allowed", reason="allowed: POST", body={}),
    Failure("another method on an id", "PATCH", SETS + "/es_contracts", 405, "Method Not Allowed",
            reason="allowed: DELETE, GET", body={}),
    # States
    refused("a stopped endpoint", f"endpoint '{STOPPED}' is stopped.", 503, body=body(STOPPED), retry_after="1"),
    refused("a seed endpoint", f"endpoint '{SEED}' is a seed endpoint and is not deployed", 409, body=body(SEED),
            retry_after="0"),
    Failure("starting a seed endpoint", "POST", f"/v1/endpoints/{SEED}/start", 409,
            f"endpoint '{SEED}' is a seed endpoint and is not deployed", retry_after="0"),
    Failure("deleting a seed endpoint", "DELETE", f"/v1/endpoints/{SEED}", 409,
            f"endpoint '{SEED}' is a seed endpoint and is not deployed", retry_after="0"),
    Failure("stopping a seed endpoint", "POST", f"/v1/endpoints/{SEED}/stop", 409,
            f"endpoint '{SEED}' is a seed endpoint and is not deployed", retry_after="0"),
    # Money
    refused("chat without credit", "organization is out of credit...", 402, body=body(), balance=0,
            reason="balance is 0"),
    refused("auto without credit", "organization is out of credit...", 402, body=body("auto"), balance=-7,
            reason="balance is -7"),
    refused("a stream without credit", "organization is out of credit...", 402, body=body(stream=True), balance=0,
            reason="balance is 0"),
    refused("a run without credit", "organization is out of credit...", 402, path=RUNS, body=GOOD_RUN, balance=0,
            reason="balance is 0"),
    refused("a run that is not covered", "organization is out of credit...", 402, path=RUNS, body=GOOD_RUN,
            balance=87 * 63 - 1, reason=f"needs more than {87 * 63}"),
    refused("speech without credit", "organization is out of credit...", 402, path="/v1/audio/speech",
            body={"text": "hello"}, balance=0, reason="balance is 0"),
    refused("a picture without credit", "organization is out of credit...", 402, path="/v1/images/generations",
            body={"prompt": "a fox"}, balance=0, reason="balance is 0"),
    # Speech and pictures
    refused("no recording", "the audio is in no known container...", path="/v1/audio/transcriptions",
            body={"audio_base64": "AAAA"}),
    faulty("a blank text to speak", "/v1/audio/speech", {"text": " "}, "text"),
    refused("a picture in another size", "size must be one of 1024x1024, ...", path="/v1/images/generations",
            body={"prompt": "a fox", "size": "1x1"}),
    refused("an edit of no picture", "image is neither PNG nor JPEG", path="/v1/images/edits",
            body={"prompt": "a scarf", "image": "AAAA"}),
    # Sets
    faulty("a document of nothing", f"{SETS}/es_contracts/blob-upload-url", {**DOCUMENT, "mime": None}, "mime"),
    refused("a document in no field", "field_name must be one of: document",
            path=f"{SETS}/es_contracts/blob-upload-url", body={**DOCUMENT, "field_name": "scan"}),
    refused("a document in no row", "idx must be between 0 and 86", path=f"{SETS}/es_contracts/blob-upload-complete",
            body={**DOCUMENT, "idx": 87, "storage_uri": ""}),
    refused("a proposal for nothing", "prompt is required...", path=f"{SETS}/propose-contract",
            headers={**MULTIPART, **CURL}, content=(part("items", "{}", "i") + "--b--\r\n").encode()),
    refused("a set for nothing", "prompt is required...", path=SETS, headers={**MULTIPART, **CURL},
            content=(part("task_id", "contract-key-fields") + part("items", "{}", "i") + "--b--\r\n").encode()),
    refused("a set without a task", "task_id is required", path=SETS, headers={**MULTIPART, **G0},
            content=(part("items", "{}", "i") + "--b--\r\n").encode()),
    refused("a set with a faulty row", "items: line 1 has no expected output...", path=SETS,
            headers={**MULTIPART, **G0},
            content=(part("task_id", "contract-key-fields") + part("items", "{}", "i") + "--b--\r\n").encode()),
]  # fmt: skip


def check_shape(response: httpx.Response, status: int) -> Any:
    """The one shape of every refusal; returns its detail."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    assert response.headers["x-request-id"].startswith("req_")
    assert "x-pareta-billed" not in response.headers
    assert set(response.json()) == {"detail"}
    detail = response.json()["detail"]
    if status == 422 and isinstance(detail, list):
        assert detail
        for row in detail:
            assert set(row) == {"loc", "msg", "type"}
            assert row["loc"][0] in ("body", "query", "header")
            assert row["msg"]
            assert row["type"]
    else:
        assert isinstance(detail, str)
        assert detail
    return detail


def last_entry(org: Org, response: httpx.Response) -> Entry:
    entry = org.journal[-1]
    assert entry.request_id == response.headers["x-request-id"]
    return entry


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: failure.name)
def test_a_refusal_has_one_shape_changes_nothing_and_is_journalled(org: Org, failure: Failure) -> None:
    if failure.balance is not None:
        org.set_balance(failure.balance)
    if failure.switch:
        org.flip(**{failure.switch: True})
    before = org.state()

    response = org.http.request(
        failure.method, failure.path, json=failure.body, content=failure.content, headers=failure.headers
    )

    detail = check_shape(response, failure.status)
    if failure.detail is None:
        assert detail[0]["loc"] == failure.where
    elif failure.detail.endswith("..."):
        assert detail.startswith(failure.detail.removesuffix("..."))
    else:
        assert detail == failure.detail
    assert response.headers.get("retry-after") == failure.retry_after

    assert org.state() == before
    entry = last_entry(org, response)
    assert (entry.vendor, entry.status, entry.cost_micro_usd) == ("pareta", failure.status, 0)
    assert entry.reason is not None
    assert (failure.reason or detail) in entry.reason
    assert json.loads(entry.response_body) == response.json()


def test_the_table_covers_every_documented_status(simulator: Simulator) -> None:
    api = next(vendor.api for vendor in simulator.vendors if vendor.api.name == "pareta")
    documented = {status for endpoint in api.endpoints for status in endpoint.errors}

    by_themselves = {401, 403, 501}  # keys, addresses that expire, installations without an extra
    assert documented - by_themselves <= {failure.status for failure in FAILURES}


def test_all_faulty_fields_are_listed_at_once(org: Org) -> None:
    response = org.http.post(CHAT, json={"messages": [{"role": "boss"}, {}], "max_tokens": 0})

    detail = check_shape(response, 422)
    assert [row["loc"] for row in detail] == [
        ["body", "model"],
        ["body", "messages", 0, "role"],
        ["body", "messages", 1, "role"],
        ["body", "max_tokens"],
    ]
    assert detail[0]["msg"] == "field required"


# Keys


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        (None, "no Authorization header"),
        ("", "no Authorization header"),
        ("Bearer", "not 'Bearer <key>'"),
        ("Bearer ", "not 'Bearer <key>'"),
        ("Basic cGFyZXRhOg==", "not 'Bearer <key>'"),
        ("pareta_sk_test_acme", "not 'Bearer <key>'"),
        ("Bearer sk_test_acme", "does not start with 'pareta_sk_'"),
        ("Bearer sk-acme", "does not start with 'pareta_sk_'"),
        ("Bearer pareta_sk_", "names no possible world"),
        ("Bearer pareta_sk_test_", "names no possible world"),
        ("Bearer pareta_sk_test_a/b", "names no possible world"),
        (f"Bearer pareta_sk_test_{'a' * 65}", "names no possible world"),
    ],
)
@pytest.mark.parametrize(("method", "path"), [("POST", CHAT), ("GET", "/v1/models"), ("GET", "/v1/eval-sets/x")])
def test_a_missing_or_wrong_key_is_401(
    simulator: Simulator, header: str | None, reason: str, method: str, path: str
) -> None:
    with httpx.Client(transport=InProcessTransport(simulator.gateway), base_url="http://mock") as client:
        headers = {} if header is None else {"Authorization": header}
        response = client.request(method, path, headers=headers, json=body() if method == "POST" else None)

    assert check_shape(response, 401) == "invalid API key"
    (entry,) = simulator.worlds.nobody.journal.read()
    assert entry.status == 401
    assert entry.reason is not None
    assert reason in entry.reason
    assert simulator.worlds.names() == []


@pytest.mark.parametrize("key", ["pareta_sk_test_acme", "pareta_sk_live_acme", "pareta_sk_acme"])
def test_every_form_of_a_key_names_the_same_world(org: Org, key: str) -> None:
    org.chat()

    response = org.http.get(f"/v1/endpoints/{ENDPOINT}/cost", headers={"Authorization": f"bearer {key}"})

    assert response.json()["requests"] == 1


# Sizes


@pytest.fixture
def small_bodies(simulator: Simulator) -> Iterator[int]:
    """A limit one can reach."""
    api = next(vendor.api for vendor in simulator.vendors if vendor.api.name == "pareta")
    before = api.max_body_bytes
    object.__setattr__(api, "max_body_bytes", 300)
    yield 300
    object.__setattr__(api, "max_body_bytes", before)


@pytest.mark.parametrize("path", [CHAT, SETS, RUNS])
def test_an_oversize_body_is_413_and_not_read(org: Org, small_bodies: int, path: str) -> None:
    before = org.state()

    response = org.http.post(path, content=b"{" * (small_bodies + 1))

    assert check_shape(response, 413) == "request body is larger than 300 bytes"
    assert org.state() == before
    assert last_entry(org, response).reason == "request body is larger than 300 bytes"


def test_a_body_of_just_the_limit_is_read(org: Org, small_bodies: int) -> None:
    content = json.dumps(body("auto", "hi")).encode()

    assert org.http.post(CHAT, content=content.ljust(small_bodies)).status_code == 200


# Our own faults


def test_a_fault_of_our_own_is_500_in_the_same_shape_and_undone(org: Org, monkeypatch: pytest.MonkeyPatch) -> None:
    before = org.state()

    def fail(*_: object) -> int:
        raise RuntimeError("out of cheese")

    monkeypatch.setattr(chat, "latency_us", fail)
    response = org.chat()

    assert check_shape(response, 500) == "Internal Server Error"
    assert org.state() == before
    assert last_entry(org, response).reason == "internal error, see the server's log"
    monkeypatch.undo()
    assert org.chat().status_code == 200


def test_a_fault_after_the_debit_takes_the_debit_back(org: Org, monkeypatch: pytest.MonkeyPatch) -> None:
    before = org.state()

    def fail(*_: object) -> dict[str, int]:
        raise RuntimeError("out of cheese")

    monkeypatch.setattr(wire, "usage", fail)

    assert org.chat().status_code == 500
    assert org.state() == before
    assert org.debits == []


# What another organisation has is not there, rather than forbidden.


def test_nothing_of_another_organisation_is_ever_403(org: Org, simulator: Simulator) -> None:
    other = Org(simulator, "other")
    kept = org.new_set([{"input": "x", "expected": "y"}])
    run = org.new_run(kept, "llama-1")

    for method, path, sent in (
        ("GET", f"/v1/eval-sets/{kept}", None),
        ("DELETE", f"/v1/eval-sets/{kept}", None),
        ("GET", f"/v1/eval-runs/{run}", None),
        ("POST", RUNS, {**GOOD_RUN, "eval_set_id": kept}),
    ):
        check_shape(other.http.request(method, path, json=sent), 404)
