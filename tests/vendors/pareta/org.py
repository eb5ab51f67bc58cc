"""One organisation as its developers see it over HTTP, and as the house sees it behind."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from mockserver.app import Simulator
from mockserver.http.inprocess import InProcessTransport
from mockserver.kernel.journal import Entry
from mockserver.kernel.world import World
from mockserver.vendors.pareta import tables
from mockserver.vendors.pareta.domain.ledger import LedgerEntry
from mockserver.vendors.pareta.operations import credits

ENDPOINT = "ep-contract-key-fields"
STOPPED = "ep-invoice-extraction"
SEED = "ep-intent-classification"
PRICE, FRONTIER = 90, 700
START_MICRO_USD = 100_000_000
TEXT = "This Agreement between Acme GmbH and Orchard LLC is effective as of January 1, 2026. It ends soon."

G0 = {"User-Agent": "pareta-python/0.1.0"}
G1 = {"User-Agent": "pareta-python/1.1.1"}
G2 = {"User-Agent": "pareta-python/2.1.0"}
G3 = {"User-Agent": "pareta-python/3.0.4"}
CURL = {"User-Agent": "curl/8.5.0"}


def body(model: str = ENDPOINT, text: str = TEXT, **more: Any) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": text}], **more}


@dataclass
class Streamed:
    """A stream, taken apart as clients do: comments, chunks, and what came in which order."""

    raw: str
    chunks: list[dict[str, Any]] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)
    order: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        for line in self.raw.split("\n"):
            if line.startswith(": "):
                self.comments.append(line[2:])
                self.order.append(line[2:].split(" ")[0])
            elif line == "data: [DONE]":
                self.order.append("done")
            elif line:
                assert line.startswith("data: "), line
                self.chunks.append(json.loads(line[6:]))
                self.order.append("chunk")

    @property
    def content(self) -> str:
        return "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in self.chunks if chunk["choices"])

    @property
    def usage(self) -> list[dict[str, int]]:
        return [chunk["usage"] for chunk in self.chunks if "usage" in chunk]

    def receipt(self, name: str) -> int:
        (text,) = (comment for comment in self.comments if comment.startswith(name))
        return int(text.removeprefix(name))


class Org:
    """A world with an HTTP client of its own."""

    def __init__(self, simulator: Simulator, name: str = "acme") -> None:
        self.simulator = simulator
        self.name = name
        with simulator.store.committed():
            self.world: World = simulator.worlds.admit(name)
        self.http = httpx.Client(
            transport=InProcessTransport(simulator.gateway),
            base_url="http://mock",
            headers={"Authorization": f"Bearer pareta_sk_test_{name}"},
        )

    # Calling

    def chat(self, model: str = ENDPOINT, text: str = TEXT, *, headers: Any = None, **more: Any) -> httpx.Response:
        return self.http.post("/v1/chat/completions", json=body(model, text, **more), headers=headers)

    def stream(self, model: str = ENDPOINT, text: str = TEXT, *, headers: Any = None, **more: Any) -> Streamed:
        response = self.chat(model, text, headers=headers, stream=True, **more)
        assert response.status_code == 200, response.text
        return Streamed(response.text)

    def open_stream(self, model: str = ENDPOINT, text: str = TEXT, **more: Any) -> httpx.Response:
        """A stream of which nothing is read yet; `leave` abandons it, `finish` reads it to its end."""
        request = self.http.build_request("POST", "/v1/chat/completions", json=body(model, text, stream=True, **more))
        return self.http.send(request, stream=True)

    def get(self, path: str, *, headers: Any = None, **params: Any) -> Any:
        response = self.http.get(path, params=params, headers=headers)
        assert response.status_code == 200, response.text
        return response.json()

    def metric(self, dimension: str, endpoint: str = ENDPOINT, **params: Any) -> Any:
        return self.get(f"/v1/endpoints/{endpoint}/{dimension}", **params)

    def post_set(
        self, rows: Sequence[Any] | bytes, task: str | None = "contract-key-fields", *, headers: Any = G0, **fields: str
    ) -> httpx.Response:
        items = rows if isinstance(rows, bytes) else "\n".join(json.dumps(row) for row in rows).encode()
        data = {**({} if task is None else {"task_id": task}), **fields}
        files = {"items": ("items.jsonl", items, "application/jsonl")}
        return self.http.post("/v1/eval-sets", data=data, files=files, headers=headers)

    def new_set(self, rows: Sequence[Any], task: str = "contract-key-fields") -> str:
        response = self.post_set(rows, task)
        assert response.status_code == 201, response.text
        identity: str = response.json()["eval_set"]["id"]
        return identity

    def post_run(self, eval_set: str, *models: str, headers: Any = None) -> httpx.Response:
        return self.http.post(
            "/v1/eval-runs", json={"eval_set_id": eval_set, "candidate_model_ids": list(models)}, headers=headers
        )

    def new_run(self, eval_set: str, *models: str) -> str:
        response = self.post_run(eval_set, *models)
        assert response.status_code == 202, response.text
        identity: str = response.json()["run_id"]
        return identity

    def finished_run(self, run: str, *, headers: Any = None) -> Any:
        """Look until it is over: where runs take their time three times, at a large one once for each slice."""
        for _ in range(60):
            answer = self.get(f"/v1/eval-runs/{run}", headers=headers)
            if answer["run"]["status"] in ("completed", "failed"):
                return answer
        raise AssertionError(answer["run"])

    # Behind the counter

    @contextmanager
    def house(self) -> Iterator[None]:
        with self.simulator.store.committed():
            yield

    @property
    def balance(self) -> int:
        return tables.ledger.balance(self.world)

    @property
    def ledger(self) -> list[LedgerEntry]:
        return list(tables.ledger.ledger(self.world))

    @property
    def debits(self) -> list[LedgerEntry]:
        """Debits since the world began, without the run every world starts with."""
        return [entry for entry in self.ledger if entry.kind == "debit"][1:]

    @property
    def journal(self) -> list[Entry]:
        return self.world.journal.read(limit=10_000)

    def set_balance(self, micro_usd: int) -> None:
        self.grant(micro_usd - self.balance)

    def grant(self, micro_usd: int) -> None:
        with self.house():
            tables.ledger.post(
                self.world, "grant", micro_usd, at=self.world.clock.now(), operation="grant", subject="test"
            )

    def advance(self, by: int) -> None:
        with self.house():
            self.simulator.worlds.advance(self.world, by)

    def flip(self, **switches: bool) -> None:
        with self.house():
            self.simulator.worlds.flip(self.world, {f"pareta.{name}": on for name, on in switches.items()})

    def state(self) -> dict[str, Any]:
        """Every row of the world but its journal and the calls that failed."""
        store = self.world.store
        rows = {
            name: sorted(map(repr, store.all(f"SELECT * FROM {name} WHERE world = ?", (self.world.id,))))
            for name in store.worldly_tables
            if name not in ("journal", "pareta_calls")
        }
        calls = store.all("SELECT * FROM pareta_calls WHERE world = ? AND status < 300", (self.world.id,))
        return {**rows, "pareta_calls": calls, "holds": dict(self.world.holds), "in_flight": dict(self.world.in_flight)}

    def check_refused(self, before: dict[str, Any], response: httpx.Response, status: int) -> Any:
        """One shape, nothing changed, nothing billed; returns the detail."""
        assert response.status_code == status, response.text
        assert response.json().keys() == {"detail"}
        assert "x-pareta-billed" not in response.headers
        last = self.journal[-1]
        assert response.headers["x-request-id"] == last.request_id
        assert (last.status, last.cost_micro_usd) == (status, 0)
        assert self.state() == before
        return response.json()["detail"]

    def check(self) -> None:
        """Everything about money adds up, and nothing is held back."""
        assert [(found.name, found.rows) for found in credits.invariants(self.world) if not found.holds] == []
        assert self.world.holds == {}
        assert self.world.in_flight == {}
