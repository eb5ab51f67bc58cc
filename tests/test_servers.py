"""The same application behind every server, and without one: the same requests get the same answers."""

from __future__ import annotations

import httpx
import pytest

from mockserver.app import Simulator
from mockserver.config import Settings
from mockserver.http.inprocess import InProcessTransport
from mockserver.http.serve import SERVERS, BackgroundServer, ServerName

PARETA, PAYGENTIC = "pareta_sk_test_acme", "sk_test_acme"
CHAT = {"model": "ep-contract-key-fields", "messages": [{"role": "user", "content": "Effective as of 2026-01-01."}]}
COST = {
    "type": "metered", "name": "n", "eventType": "t", "aggregation": "SUM", "valueProperty": "$.a", "unitCost": 0.1,
    "currency": "USD", "productId": "prod_YOUR_PRODUCT_ID",
}  # fmt: skip
WINDOW = "from=2026-02-01T00:00:00Z&to=2026-03-01T00:00:00%2B01:00"
FORM = {"task_id": "contract-key-fields", "prompt": "p"}
ITEMS = b'{"input": {"contract_text": "x"}, "expected_output": {"effective_date": "2026-01-01"}}'

STATUSES = [200, 200, 400, 401, 201, 204, 405, 200, 201, 202, 202, 200, 404, 413, 404]
SERVERS_OWN = {"date", "server", "connection", "transfer-encoding", "keep-alive"}
"""Headers that belong to the connection, not to the answer."""


def play(client: httpx.Client) -> list[tuple[int, dict[str, str], bytes]]:
    """Return status, headers and body of a session that touches every kind of answer."""
    pareta = {"Authorization": f"Bearer {PARETA}"}
    paygentic = {"Authorization": f"bearer {PAYGENTIC}"}
    event = {"type": "t", "source": "s", "subject": "u", "data": {"a": 0.1}, "idempotencyKey": "k"}
    answers = [
        client.post("/v1/chat/completions", json=CHAT, headers=pareta),
        client.post("/v1/chat/completions", json={**CHAT, "stream": True}, headers=pareta),
        client.post("/v1/chat/completions", content=b"{", headers=pareta),
        client.post("/v1/chat/completions", json=CHAT, headers=paygentic),
        client.post("/v1/eval-sets", files={"items": ITEMS}, data=FORM, headers=pareta),
        client.delete("/v1/eval-sets/es_contracts", headers=pareta),
        client.put("/v1/models", headers=pareta),
        client.get("/pareta/v1/endpoints", headers=pareta),
        client.post("/v0/costs", json=COST, headers=paygentic),
        client.post("/v0/events", json=event, headers=paygentic),
        client.post("/v0/events", json=event, headers=paygentic),
        client.get(f"/paygentic/v0/costs/cst_abc123/summary?{WINDOW}", headers=paygentic),
        client.get("/v0/costs/cst_%C3%A9/summary", headers=paygentic),
        client.post("/v0/events", content=b"x" * 1_100_000, headers=paygentic),
        client.get("/nowhere"),
    ]  # fmt: skip
    return [
        (answer.status_code, {k: v for k, v in answer.headers.items() if k not in SERVERS_OWN}, answer.content)
        for answer in answers
    ]


@pytest.mark.parametrize("server", SERVERS)
def test_every_server_gives_the_answers_that_no_server_gives(server: ServerName, settings: Settings) -> None:
    alone, served = Simulator(settings), Simulator(settings)
    with httpx.Client(transport=InProcessTransport(alone.gateway), base_url="http://127.0.0.1") as client:
        expected = play(client)
    with BackgroundServer(served, server) as background, httpx.Client(base_url=background.url, timeout=20) as client:
        got = play(client)
    journals = [
        [(entry.operation, entry.path, entry.status, entry.cost_micro_usd, entry.reason) for entry in entries]
        for entries in (each.worlds.get("acme").journal.read() for each in (alone, served))
    ]
    alone.close()
    served.close()

    assert [status for status, _, _ in expected] == STATUSES
    port = background.url.rpartition(":")[2].encode()
    for ours, theirs in zip(expected, got, strict=True):
        assert (theirs[0], theirs[1] | {"content-length": ""}, theirs[2].replace(b":" + port, b"")) == (
            ours[0], ours[1] | {"content-length": ""}, ours[2],
        )  # fmt: skip
    assert len(journals[0]) == 13
    assert journals[0] == journals[1]
