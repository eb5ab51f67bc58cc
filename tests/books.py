"""One world of a served simulator as its owner sees it over HTTP: what goes wrong in it, and what becomes of money."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import httpx

CUSTOMER = "cus_abc123"
TYPE = "cost.ai.inference"
START_MICRO_USD = 1_000_000
_COST = {
    "type": "metered", "name": "AI", "eventType": TYPE, "aggregation": "SUM", "valueProperty": "$.amount",
    "unitCost": 1, "currency": "USD", "productId": "prod_YOUR_PRODUCT_ID",
}  # fmt: skip


class Books:
    """A world with a dollar of credit, whose events are summed at a dollar each."""

    def __init__(self, url: str, name: str) -> None:
        self.url = url
        self.name = name
        self.http = httpx.Client(base_url=url, timeout=20)
        self._own("POST", "/_mock/worlds", {"name": name})
        self.control("PUT", "credits", {"balance_micro_usd": START_MICRO_USD})
        self._before = {entry["seq"] for entry in self.control("GET", "ledger")["data"]}
        self.cost_id: str = self.vendor("POST", "/v0/costs", _COST)["id"]
        self._seen = self.control("GET", "requests")["data"][-1]["seq"]

    @property
    def pareta_key(self) -> str:
        return f"pareta_sk_test_{self.name}"

    @property
    def paygentic_key(self) -> str:
        return f"sk_test_{self.name}"

    # Asking

    def _own(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        answer = self.http.request(method, path, json=body, params=query)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    def control(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """Return what a control route of this world answers."""
        return self._own(method, f"/_mock/worlds/{self.name}/{path}", body, **query)

    def vendor(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """Return what a plain request to either vendor answers; it must succeed."""
        key = self.paygentic_key if path.startswith("/v0") else self.pareta_key
        headers = {"Authorization": f"Bearer {key}"}
        answer = self.http.request(method, path, json=body, params=query, headers=headers)
        assert answer.is_success, answer.text
        return answer.json()

    # Doing

    def arm(self, **fault: Any) -> str:
        """Arm a fault and return its id."""
        identifier: str = self.control("POST", "faults", fault)["id"]
        return identifier

    def bill(self, *calls: tuple[str, int]) -> None:
        """Report calls by id and price, each once, as they should be."""
        for call, micro_usd in calls:
            amount = str(Decimal(micro_usd).scaleb(-6))
            event = {"type": TYPE, "source": "tests", "subject": CUSTOMER, "idempotencyKey": f"{call}-cost"}
            self.vendor("POST", "/v0/events", {**event, "data": {"amount": amount}})

    def buy(self, text: str = "Hello!") -> tuple[str, int]:
        """Buy a completion without any client; return its id and price."""
        before = self.balance
        body = {"model": "auto", "messages": [{"role": "user", "content": text}]}
        identifier: str = self.vendor("POST", "/v1/chat/completions", body)["id"]
        return identifier, before - self.balance

    def advance(self, by: str) -> None:
        self.control("POST", "clock/advance", {"by": by})

    # Looking

    @property
    def requests(self) -> list[Any]:
        """Every request to a vendor since the world was set up."""
        entries: list[Any] = self.control("GET", "requests", after=self._seen, limit=1000)["data"]
        return entries

    def outcomes(self, operation: str) -> list[tuple[int, str | None]]:
        """Return the status of every request to an operation, and which fault hit it."""
        return [(entry["status"], entry["fault"]) for entry in self.requests if entry["operation"] == operation]

    @property
    def balance(self) -> int:
        balance: int = self.control("GET", "credits")["balance_micro_usd"]
        return balance

    @property
    def movements(self) -> list[Any]:
        """Every entry in the ledger since the world was set up."""
        entries = self.control("GET", "ledger", limit=1000)["data"]
        return [entry for entry in entries if entry["seq"] not in self._before]

    @property
    def debits(self) -> list[int]:
        return [-entry["amount_micro_usd"] for entry in self.movements if entry["kind"] == "debit"]

    @property
    def kinds(self) -> dict[str, int]:
        """How many debits and events compare in which way."""
        found = self.control("GET", "reconciliation")
        return {kind: sums["count"] for kind, sums in found["kinds"].items() if sums["count"]}

    def summed(self, start: str = "2026-01-01T00:00:00Z", end: str = "2026-12-31T00:00:00Z") -> Decimal:
        """Return what all events of a window come to, in dollars, as a client is told."""
        path = f"/v0/costs/{self.cost_id}/summary"
        return Decimal(str(self.vendor("GET", path, **{"from": start, "to": end})["totalCost"]))

    def close(self) -> None:
        """Everything that must hold does, and the balance is what is left after the movements."""
        self.http.close()

    def check(self, debits: Iterable[int], balance: int | None = None, **kinds: int) -> None:
        """Hold the books to what they must say: what was debited, what is left, and how debits and events compare.

        :param balance: what is left, unless nothing but the debits moved it.
        """
        debits = list(debits)
        assert self.debits == debits
        assert self.balance == (START_MICRO_USD - sum(debits) if balance is None else balance)
        assert self.kinds == kinds
        self.check_invariants()

    def check_invariants(self) -> None:
        told = self.control("GET", "invariants")
        assert [found for found in told["invariants"] if not found["holds"]] == []
