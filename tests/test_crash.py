"""A killed server loses nothing it acknowledged and keeps nothing half done, on a real process and a real file."""

from __future__ import annotations

import http.client
import json
import random
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

ROUNDS = 3
CLIENTS = 4  # of each kind
CHAT = {
    "model": "ep-contract-key-fields",
    "messages": [{"role": "user", "content": "This Agreement is between Acme Ltd and Birch GmbH."}],
}
COST = {
    "type": "metered",
    "name": "Inference",
    "eventType": "cost.ai.inference",
    "valueProperty": "$.amount",
    "aggregation": "SUM",
    "unitCost": 1,
    "currency": "USD",
    "productId": "prod_YOUR_PRODUCT_ID",
    "groupBy": {"job": "$.job"},
}


class Server:
    """One `mockserver serve` process on a file."""

    def __init__(self, database: Path, server: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "mockserver", "serve", "--port", "0", "--db", str(database), "--server", server],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        banner = self._process.stdout.readline()
        found = re.search(r"http://(\S+)", banner)
        assert found, banner
        self.address = found[1]

    def kill(self) -> None:
        self._process.kill()
        self._end()

    def stop(self) -> None:
        self._process.terminate()
        assert self._end() == 0

    def _end(self) -> int:
        status = self._process.wait(20)
        assert self._process.stdout is not None
        self._process.stdout.close()
        return status


class Client:
    """A client with one connection, as either vendor's customer or as the test looking on."""

    def __init__(self, address: str) -> None:
        self._connection = http.client.HTTPConnection(address, timeout=20)

    def send(self, method: str, path: str, body: object = None, key: str | None = None) -> tuple[int, str, Any]:
        """Return status, request id and body of the answer."""
        token = "sk_test_default" if path.startswith("/v0") else "pareta_sk_test_default"
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        if key is not None:
            headers["Idempotency-Key"] = key
        self._connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = self._connection.getresponse()
        return answer.status, answer.headers.get("x-request-id", ""), json.loads(answer.read())

    def pages(self, path: str) -> Iterator[dict[str, Any]]:
        """Yield every row of one of our own lists."""
        after = ""
        while True:
            status, _, page = self.send("GET", f"{path}?limit=1000{after}")
            assert status == 200, page
            yield from page["data"]
            if page["next"] is None:
                return
            after = f"&after={page['next']}"

    def close(self) -> None:
        self._connection.close()


@dataclass
class Acknowledged:
    """What clients were told is done."""

    chats: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Idempotency key -> (request id, completion id)."""
    jobs: set[str] = field(default_factory=set)
    unexpected: list[object] = field(default_factory=list)


def chat_until_killed(address: str, name: str, acknowledged: Acknowledged) -> None:
    client = Client(address)
    n = 0
    try:
        while True:
            key = f"{name}-{n}"
            status, request_id, body = client.send("POST", "/v1/chat/completions", CHAT, key)
            if status != 200:
                acknowledged.unexpected.append(body)
                return
            acknowledged.chats[key] = request_id, body["id"]
            n += 1
    except (OSError, http.client.HTTPException, ValueError):
        client.close()  # the server is gone


def report_until_killed(address: str, name: str, acknowledged: Acknowledged) -> None:
    client = Client(address)
    n = 0
    try:
        while True:
            job = f"{name}-{n}"
            status, _, body = client.send("POST", "/v0/events", event(job))
            if status != 202:
                acknowledged.unexpected.append(body)
                return
            acknowledged.jobs.add(job)
            n += 1
    except (OSError, http.client.HTTPException, ValueError):
        client.close()


def event(job: str) -> dict[str, Any]:
    return {
        "type": "cost.ai.inference",
        "source": "https://example.com",
        "subject": "cus_abc123",
        "data": {"amount": 1, "job": job},
        "idempotencyKey": f"{job}-cost",
    }


def summary(client: Client, cost: str) -> Any:
    window = "from=2020-01-01T00:00:00Z&to=2100-01-01T00:00:00Z"
    status, _, body = client.send("GET", f"/v0/costs/{cost}/summary?{window}&groupBy=job")
    assert status == 200, body
    return body


def check(client: Client, cost: str, acknowledged: Acknowledged, rounds: int) -> None:
    """Find everything acknowledged, nothing half done, and no more than was in flight besides."""
    status, _, invariants = client.send("GET", "/_mock/worlds/default/invariants")
    assert status == 200
    assert invariants["holds"], [each for each in invariants["invariants"] if not each["holds"]]

    debits = {
        row["request_id"]: -row["amount_micro_usd"]
        for row in client.pages("/_mock/worlds/default/ledger")
        if row["operation"] == "chat.completions.create"
    }
    told = {request_id for request_id, _ in acknowledged.chats.values()}
    assert told <= debits.keys()
    assert len(debits) - len(told) <= CLIENTS * rounds

    # Debit and journal entry are of one piece.
    journal = {
        row["request_id"]: row["cost_micro_usd"]
        for row in client.pages("/_mock/worlds/default/requests")
        if row["operation"] == "pareta.chat.completions.create" and row["idempotency"] == "first"
    }
    assert journal == debits

    counted = {group["dimensions"]["job"]: group["quantity"] for group in summary(client, cost)["groups"]}
    assert acknowledged.jobs <= counted.keys()
    assert len(counted) - len(acknowledged.jobs) <= CLIENTS * rounds
    assert set(counted.values()) == {1}


def check_repeats(client: Client, cost: str, acknowledged: Acknowledged) -> None:
    """Sending again what was acknowledged changes nothing."""
    before = summary(client, cost)["totalQuantity"], client.send("GET", "/_mock/worlds/default/credits")[2]

    for key, (_, completion) in list(acknowledged.chats.items())[-20:]:
        status, _, body = client.send("POST", "/v1/chat/completions", CHAT, key)
        assert (status, body["id"]) == (200, completion)
    for job in sorted(acknowledged.jobs)[-20:]:
        assert client.send("POST", "/v0/events", event(job))[0] == 202

    assert (summary(client, cost)["totalQuantity"], client.send("GET", "/_mock/worlds/default/credits")[2]) == before


@pytest.mark.parametrize("server", ["hypercorn", "uvicorn"])
def test_a_killed_server_comes_back_with_everything_it_acknowledged(
    server: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chance = random.Random(f"crash {server}")
    database = tmp_path / "mock.db"
    acknowledged = Acknowledged()
    running = Server(database, server)
    client = Client(running.address)
    status, _, created = client.send("POST", "/v0/costs", COST)
    assert status == 201, created
    cost = created["id"]

    for n in range(1, ROUNDS + 1):
        before = len(acknowledged.chats), len(acknowledged.jobs)
        threads = [
            threading.Thread(target=work, args=(running.address, f"{kind}-{n}-{each}", acknowledged))
            for kind, work in (("chat", chat_until_killed), ("job", report_until_killed))
            for each in range(CLIENTS)
        ]
        for thread in threads:
            thread.start()
        time.sleep(chance.uniform(0.3, 0.9))
        running.kill()
        for thread in threads:
            thread.join()
        client.close()
        assert not acknowledged.unexpected
        assert len(acknowledged.chats) > before[0]
        assert len(acknowledged.jobs) > before[1]

        running = Server(database, server)
        client = Client(running.address)
        check(client, cost, acknowledged, n)
        check_repeats(client, cost, acknowledged)

    client.close()
    running.stop()
    assert [path.name for path in tmp_path.iterdir()] == ["mock.db"]
    with capsys.disabled():
        print(f"\n{server}: {len(acknowledged.chats)} chats and {len(acknowledged.jobs)} events over {ROUNDS} kills")
