"""The desk, wired to the vendors of the test's own world."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from app.billing import Billing
from app.drafts import Drafter
from app.money import Budget
from app.summaries import Summariser
from pareta import Pareta
from paygentic_sdk import Paygentic


@pytest.fixture
def billing(paygentic_client: Paygentic) -> Billing:
    billing = Billing(paygentic_client, pauses_s=(0.0, 0.0))
    billing.open()
    return billing


@pytest.fixture
def budget() -> Budget:
    return Budget(limit_micro_usd=1_000_000)


@pytest.fixture
def summariser(pareta_client: Pareta, billing: Billing, budget: Budget) -> Summariser:
    return Summariser(pareta_client, billing, budget)


@pytest.fixture
def shown() -> list[str | None]:
    """What somebody who watches a draft has seen."""
    return []


@pytest.fixture
def drafter(mockserver, mockserver_server, billing: Billing, shown: list[str | None]) -> Iterator[Drafter]:
    """A drafter with plain httpx: straight into the simulator without a socket, where that is in this process."""
    with httpx.Client(
        transport=mockserver.transport if mockserver_server.is_local else None,
        base_url=mockserver.url,
        headers={"Authorization": f"Bearer {mockserver.pareta_key}"},
    ) as http:
        yield Drafter(http, billing, show=shown.append, pause_s=0.0)
