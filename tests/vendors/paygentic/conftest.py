"""What the tests of this vendor share: a client that speaks its bodies, and both of its SDK's clients."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any

import httpx
import pytest
from paygentic_sdk import Paygentic

from mockserver.app import Simulator
from mockserver.http.inprocess import InProcessTransport
from mockserver.kernel.windows import parse_duration, parse_instant
from mockserver.kernel.world import World
from mockserver.vendors.paygentic import vendor
from tests.vendors.paygentic.biller import Biller

PRODUCT = "prod_YOUR_PRODUCT_ID"
MERCHANT = "org_YOUR_ORG_ID"
TYPE = "cost.ai.inference"
MONTH = {"from": "2026-02-01T00:00:00Z", "to": "2026-03-01T00:00:00Z"}

COST = {
    "type": "metered",
    "name": "AI Inference Cost",
    "eventType": TYPE,
    "valueProperty": "$.amount",
    "aggregation": "SUM",
    "unitCost": 1,
    "currency": "USD",
    "productId": PRODUCT,
    "groupBy": {"provider": "$.provider", "operation": "$.operation"},
}
EVENT = {"type": TYPE, "source": "https://api.myapp.com", "subject": "cus_abc123", "data": {"amount": 1}}


def without(body: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """Return a body that lacks some members."""
    return {name: value for name, value in body.items() if name not in names}


class Merchant:
    """Does what a merchant's own code does, over plain HTTP, and expects it to work."""

    def __init__(self, http: httpx.Client) -> None:
        self.http = http

    def create(self, **changes: Any) -> Any:
        """Create a cost and return it; a member changed to `...` is left out."""
        body = {name: value for name, value in {**COST, **changes}.items() if value is not ...}
        return self.expect(201, self.http.post("/v0/costs", json=body))

    def send(self, data: Mapping[str, Any] | str | None = None, **changes: Any) -> Any:
        """Send an event and return the answer; data may be given as JSON text."""
        text = data if isinstance(data, str) else json.dumps(data or {})
        members = {name: value for name, value in {**without(EVENT, "data"), **changes}.items() if value is not ...}
        body = json.dumps(members)[:-1] + f', "data": {text}}}'
        return self.expect(202, self.http.post("/v0/events", content=body))

    def summary(self, cost: Mapping[str, Any], **query: Any) -> Any:
        """Return the summary of February, or of another window."""
        wanted = {**MONTH, **{name.rstrip("_"): value for name, value in query.items()}}
        return self.expect(200, self.http.get(f"/v0/costs/{cost['id']}/summary", params=wanted))

    def total(self, cost: Mapping[str, Any], **query: Any) -> Any:
        """Return the total quantity of a summary."""
        return self.summary(cost, **query)["totalQuantity"]

    def patch(self, cost: Mapping[str, Any], **changes: Any) -> Any:
        """Change a cost and return it."""
        return self.expect(200, self.http.patch(f"/v0/costs/{cost['id']}", json=changes))

    @staticmethod
    def expect(status: int, answer: httpx.Response) -> Any:
        """Return the body of an answer that must have a status."""
        assert answer.status_code == status, answer.text
        return json.loads(answer.text, parse_float=Decimal) if answer.content else None


@pytest.fixture
def merchant(paygentic: httpx.Client) -> Merchant:
    """A merchant's own code, in world `acme`."""
    return Merchant(paygentic)


@pytest.fixture
def biller(simulator: Simulator, world: World) -> Biller:
    """Whoever bills the merchant's customers, in world `acme`."""
    return Biller(simulator)


@pytest.fixture
def flip(simulator: Simulator, world: World) -> Callable[..., None]:
    """Turn switches of world `acme` on and off, named without the vendor."""

    def turn(**switches: bool) -> None:
        with simulator.store.committed():
            simulator.worlds.flip(world, {f"paygentic.{name}": is_on for name, is_on in switches.items()})

    return turn


@pytest.fixture
def advance(simulator: Simulator, world: World) -> Callable[[str], None]:
    """Move the clock of world `acme` forward."""

    def forward(by: str) -> None:
        with simulator.store.committed():
            simulator.worlds.advance(world, parse_duration(by))

    return forward


@pytest.fixture
def go_to(simulator: Simulator, world: World) -> Callable[[str], None]:
    """Freeze the clock of world `acme` at an instant."""

    def set_to(instant: str) -> None:
        with simulator.store.committed():
            simulator.worlds.set_clock(world, "frozen", parse_instant(instant), 0)

    return set_to


@pytest.fixture
def sdk(transport: InProcessTransport) -> Iterator[Paygentic]:
    """The vendor's own client; its `_async` methods work too."""
    with httpx.Client(transport=transport) as client:
        yield Paygentic(
            bearer_auth="sk_test_acme",
            server_url="http://mock",
            client=client,
            async_client=httpx.AsyncClient(transport=transport),
        )


@pytest.fixture
def tamper(simulator: Simulator) -> Callable[[str], None]:
    """Write to the tables behind everybody's back; the check after the test is left out."""

    def execute(sql: str) -> None:
        with simulator.store.committed():
            simulator.store.execute(sql)

    return execute


@pytest.fixture(autouse=True)
def _nothing_is_broken_afterwards(request: pytest.FixtureRequest) -> Iterator[None]:
    """After every test in world `acme`, everything that must hold still does."""
    is_checked = "simulator" in request.fixturenames and "tamper" not in request.fixturenames
    simulator = request.getfixturevalue("simulator") if is_checked else None
    yield
    if simulator is not None and "acme" in simulator.worlds.names():
        for invariant in vendor.invariants(simulator.worlds.get("acme")):
            assert invariant.holds, invariant
