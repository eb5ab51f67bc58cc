"""Walks through every operation of both vendors, and what is recorded of them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx

from mockserver.app import Simulator
from mockserver.cassettes.files import CassetteFile
from mockserver.cassettes.interaction import Answer, Interaction
from mockserver.http.inprocess import InProcessTransport
from mockserver.http.messages import Request
from mockserver.kernel.clock import machine_now
from mockserver.kernel.windows import Instant, format_instant, parse_instant
from tests.vendors.pareta.org import G0, G1, G2, G3, SEED, STOPPED, Org, body
from tests.vendors.pareta.test_chat_tools import WEATHER
from tests.vendors.pareta.test_documents import PDF, SCAN, address, attach, complete
from tests.vendors.pareta.test_error_shape import COMPARE, FAILURES, GOOD_COMPARISON
from tests.vendors.pareta.test_proposals import propose
from tests.vendors.paygentic.conftest import COST, EVENT, MERCHANT, PRODUCT
from tests.vendors.paygentic.test_billable_metrics import METRIC
from tests.vendors.paygentic.test_customers import BODY as CUSTOMER
from tests.vendors.paygentic.test_customers import CONSUMER

BILLED = [{"expected_output": {"total": 5}}]
CLIENTS = ("accept", "content-type", "idempotency-key", "user-agent", "x-pareta-session")


class Recording(httpx.BaseTransport):
    """A transport that writes down what passes, as the recorder does: without credentials."""

    def __init__(self, inner: httpx.BaseTransport) -> None:
        self._inner = inner
        self.interactions: list[Interaction] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        at = Instant(machine_now())
        answer = self._inner.handle_request(request)
        content = b"".join(answer.stream)  # type: ignore[arg-type]
        self._inner_closed(answer)
        headers = [(name.lower(), value) for name, value in answer.headers.raw]
        target, _, query = request.url.raw_path.partition(b"?")
        sent = {name.lower(): value for name, value in request.headers.raw if name.lower().decode() in CLIENTS}
        recorded = Request(
            request.method, unquote(target.decode()), query, sent, request.read(),
            f"{request.url.scheme}://{request.url.host}",
        )  # fmt: skip
        self.interactions.append(Interaction(recorded, Answer(answer.status_code, "", headers, content), at))
        return httpx.Response(answer.status_code, headers=answer.headers, content=content)

    @staticmethod
    def _inner_closed(answer: httpx.Response) -> None:
        answer.close()


class Shelf:
    """A library of what is in memory."""

    def __init__(self, **files: Sequence[Interaction]) -> None:
        self.files: tuple[CassetteFile, ...] = ()
        self._all: list[Interaction] = []
        for name, interactions in files.items():
            path = Path(name.replace("__", "/") + ".yaml")
            self.files = (*self.files, CassetteFile(path, len(self._all), len(interactions), {}))
            self._all += interactions

    def __len__(self) -> int:
        return len(self._all)

    def file_of(self, number: int) -> CassetteFile:
        return next(file for file in self.files if file.first <= number < file.first + file.count)

    def place(self, number: int) -> str:
        file = self.file_of(number)
        return f"{file.path.name}, interaction {number - file.first}"

    def read(self, number: int) -> Interaction:
        return self._all[number]


def pareta(simulator: Simulator, name: str = "recorded") -> list[Interaction]:
    """Record every operation of Pareta, refusals among them, in a world."""
    org = Org(simulator, name)
    tape = Recording(InProcessTransport(simulator.gateway))
    org.http = httpx.Client(transport=tape, base_url="http://mock", headers=dict(org.http.headers))
    chats(org)
    for headers in (G0, G1, G2, G3):
        for path in ("/v1/models", "/v1/endpoints", "/v1/tasks", "/v1/eval-sets", "/v1/eval/frontier-models"):
            org.get(path, headers=headers)
        org.finished_run(org.new_run("es_contracts", "auto", "llama-1"), headers=headers)
    for task in [task["id"] for task in org.get("/v1/tasks")["tasks"]][:4]:
        org.get(f"/v1/tasks/{task}", examples_n=2)
        org.get(f"/v1/tasks/{task}/leaderboard")
        org.get("/v1/eval/frontier-models", task=task)
    for query in ("totals from supplier bills", "xyzzy"):
        org.http.post("/v1/tasks/match", json={"query": query})
    org.get("/v1/auto/metrics")
    org.http.post(COMPARE, json=GOOD_COMPARISON)
    org.get("/agent/v1/models")
    for endpoint in (STOPPED, SEED):
        org.get(f"/v1/endpoints/{endpoint}")
        org.http.post(f"/v1/endpoints/{endpoint}/start")
        org.http.post(f"/v1/endpoints/{endpoint}/stop")
    org.http.post("/v1/endpoints", json={"task": "contract-key-fields", "name": "mine", "region": "eu"})
    org.get("/v1/endpoints")
    org.get("/v1/endpoints/mine")
    org.http.delete("/v1/endpoints/mine")
    org.http.get("/v1/endpoints/mine")
    evals(org)
    said = org.http.post("/v1/audio/speech", json={"text": "hello"}).json()
    org.http.post("/v1/audio/transcriptions", json={"audio_base64": said["audio_base64"]})
    drawn = org.http.post("/v1/images/generations", json={"prompt": "a fox"}).json()
    org.http.post("/v1/images/edits", json={"prompt": "a scarf", "image": drawn["data"][0]["b64_json"]})
    org.http.post("/v1/embeddings", json={"input": ["laws of Delaware", ""], "input_type": "query"})
    org.http.post("/v1/rerank", json={"query": "governing law", "documents": ["laws of Delaware", "thirty days"]})
    refusals(org)
    org.http.get("/v1/models", headers={"Authorization": "Bearer nothing"})
    for dimension in ("cost", "quality", "performance", "uptime", "activity"):
        org.metric(dimension, group_by="hour")
        org.metric(dimension, window="7d", group_by="day")
    return tape.interactions


def chats(org: Org) -> None:
    for n in range(3):
        org.chat(text=f"Effective as of January {n + 1}, 2026 between Acme GmbH and Orchard LLC.")
    for shape in (
        {}, {"n": 2}, {"tools": [WEATHER], "tool_choice": "required"}, {"response_format": {"type": "json_object"}},
        {"stream": True}, {"stream": True, "stream_options": {"include_usage": True}},
        {"stream": True, "tools": [WEATHER], "tool_choice": "required"},
    ):  # fmt: skip
        org.chat("auto", text="What is the weather in Oslo?", **shape)
        if "n" not in shape:
            org.http.post("/agent/v1/chat/completions", json=body("auto", "What is the weather in Oslo?", **shape))
    for seed in (9, 9, 10):
        org.chat(seed=seed, headers={"Idempotency-Key": "k"})


def evals(org: Org) -> None:
    org.get("/v1/eval-sets/es_contracts")
    for rows in (BILLED, [{"input": {}, "expected_output": {"a": 1, "b": 2}}]):
        propose(org, rows, prompt="summarize each bill")
    kept = org.new_set(BILLED, "invoice-extraction")
    attach(org, kept)
    org.http.put(address(org, kept), content=SCAN, headers={"Content-Type": PDF})
    complete(org, kept)
    other = org.new_set([{"input": f"Effective as of 2026-01-0{n}.", "expected": {"effective_date": f"2026-01-0{n}"}}
                         for n in range(1, 6)])  # fmt: skip
    runs = [org.new_run(other, "auto", "llama-1", "gpt-5.5"), org.new_run(other, "llama-1")]
    for run in runs:
        org.finished_run(run)
    org.get("/v1/eval-sets")
    for identifier in (kept, kept):
        org.http.get(f"/v1/eval-sets/{identifier}")
        org.http.delete(f"/v1/eval-sets/{identifier}")


def refusals(org: Org) -> None:
    for failure in FAILURES:
        if failure.switch or len(failure.content or b"") > 10_000:
            continue
        if failure.balance is not None:
            org.set_balance(failure.balance)
        org.http.request(
            failure.method, failure.path, json=failure.body, content=failure.content, headers=failure.headers
        )
        if failure.balance is not None:
            org.set_balance(10**6)


def paygentic(simulator: Simulator, name: str = "recorded") -> list[Interaction]:
    """Record every operation of Paygentic, refusals among them, in a world."""
    tape = Recording(InProcessTransport(simulator.gateway))
    http = httpx.Client(
        transport=tape, base_url="http://mock/paygentic", headers={"Authorization": f"Bearer sk_test_{name}"}
    )
    around = window()
    product = made(http, "/products", {"name": "Doc reader", "description": "", "merchantId": MERCHANT})
    http.patch(f"/v0/products/{product}", json={"name": "Reader", "metadata": {"team": "a"}})
    clock = made(http, "/testClocks", {"merchantId": MERCHANT, "name": "slow"})
    customers = [
        made(http, "/customers", CUSTOMER, "customerId"),
        made(
            http,
            "/customers",
            {
                **CUSTOMER,
                "externalId": "south-01",
                "testClockId": clock,
                "consumer": {**CONSUMER, "email": "ap@south.example", "name": "South"},
            },
            "customerId",
        ),
    ]
    costs = [made(http, "/costs", {**COST, "productId": product}), made(http, "/costs", {**COST, "name": "Calls",
             "aggregation": "COUNT", "valueProperty": None, "productId": PRODUCT})]  # fmt: skip
    metric = made(http, "/billableMetrics", {**METRIC, "productId": product})
    for n, customer in enumerate((*customers, "cus_abc123", customers[0])):
        data = {"amount": n + 0.25, "provider": "pareta" if n % 2 else "other", "operation": "chat", "tokens": 10 * n}
        event = {**EVENT, "subject": customer, "data": data, "idempotencyKey": f"event-{n}"}
        http.post("/v0/events", json=event)
    http.post("/v0/events", json=event)
    listing(http, around, costs, metric, customers)
    http.patch(f"/v0/costs/{costs[0]}", json={"name": "Inference", "unitCost": 2})
    http.patch(f"/v0/billableMetrics/{metric}", json={"name": "All tokens"})
    http.patch(f"/v0/customers/{customers[0]}", json={"externalId": "north-02"})
    http.patch(f"/v0/testClocks/{clock}", json={"advanceBy": "P1D"})
    http.post("/v0/events", json={**EVENT, "subject": customers[1], "data": {"amount": 2}})
    listing(http, around, costs, metric, customers)
    for path in (f"testClocks/{clock}", f"products/{product}"):
        http.get(f"/v0/{path}")
    faults(http, customers[0])
    for path in (f"costs/{costs[1]}", f"customers/{customers[1]}", f"testClocks/{clock}", f"customers/{customers[0]}"):
        for _ in range(2):
            http.delete(f"/v0/{path}")
        http.get(f"/v0/{path}")
    return tape.interactions


def listing(
    http: httpx.Client, around: dict[str, str], costs: Sequence[str], metric: str, customers: Sequence[str]
) -> None:
    for path in ("products", "customers", "costs", "billableMetrics", "testClocks"):
        owner = {"organizationId" if path == "customers" else "merchantId": MERCHANT}
        http.get(f"/v0/{path}", params={**owner, "limit": 10})
        http.get(f"/v0/{path}", params={**owner, "limit": 1, "offset": 1})
    for cost in costs:
        http.get(f"/v0/costs/{cost}")
        http.get(f"/v0/costs/{cost}/summary", params=around)
        http.get(f"/v0/costs/{cost}/summary", params={**around, "groupBy": "provider", "subject": customers[0]})
    for group in ("cost", "customer", "provider"):
        http.get("/v0/costs/report", params={**around, "groupBy": group})
    http.get("/v0/costs/report", params={**around, "groupBy": "cost", "costId[]": costs[0]})
    http.get(f"/v0/billableMetrics/{metric}")
    http.get(f"/v0/billableMetrics/{metric}/meter", params={**around, "windowSize": "DAY"})
    http.get(f"/v0/billableMetrics/{metric}/events", params=around)
    for customer in customers:
        http.get(f"/v0/customers/{customer}")
    http.get("/v0/revenue", params={"startTime": around["from"], "endTime": around["to"], "merchantId": MERCHANT})
    http.get("/v0/profitability", params={**around, "merchantId": MERCHANT})


def faults(http: httpx.Client, customer: str) -> None:
    http.post("/v0/events", content=b"{")
    http.post("/v0/events", json={"type": 5})
    http.post("/v0/events", json={**EVENT, "namespace": "org_other"})
    http.post("/v0/costs", json={**COST, "productId": "prod_gone"})
    http.post("/v0/costs", json={**COST, "aggregation": "MEDIAN"})
    http.post("/v0/customers", json={**CUSTOMER, "externalId": "north-02"})
    http.get("/v0/costs/cst_nothing")
    http.get("/v0/costs/cst_nothing/summary")
    http.get("/v0/customers", params={"limit": 1000})
    http.get("/v0/profitability", params={"from": "yesterday"})
    http.get("/v0/nothing")
    http.get(f"/v0/customers/{customer}", headers={"Authorization": "Bearer nothing"})


def made(http: httpx.Client, path: str, sent: dict[str, Any], key: str = "id") -> str:
    sent = {name: value for name, value in sent.items() if value is not None}
    answer = http.post(f"/v0{path}", json=sent)
    assert answer.status_code in (200, 201), answer.text
    return str(answer.json()[key])


def window() -> dict[str, str]:
    """A week around now."""
    day = 86_400_000_000
    now = machine_now() // day * day
    return {"from": format_instant(Instant(now - 5 * day)), "to": format_instant(Instant(now + 2 * day))}


def changed(interaction: Interaction, content: Any) -> Interaction:
    """Return an interaction whose answer has another JSON body."""
    return replace(interaction, answer=replace(interaction.answer, body=json.dumps(content).encode()))


def at(interaction: Interaction, instant: str) -> Interaction:
    return replace(interaction, recorded_at=parse_instant(instant))


def successes(interactions: Sequence[Interaction]) -> Iterator[Interaction]:
    for interaction in interactions:
        if interaction.answer.status < 300:
            yield interaction
