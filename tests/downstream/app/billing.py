"""Passes the cost of every call on to the customer it was made for: one event per call, counted once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import httpx
from paygentic_sdk import Paygentic
from paygentic_sdk.errors import PaygenticError

from app.tickets import Work

EVENT_TYPE = "cost.ai.inference"
_WORTH_RETRYING = (429, 500, 502, 503, 504)


class Billing:
    """Reports costs. What could not be delivered is kept in `unsent` and goes out with `flush`.

    Events are keyed by the call they are about, so sending one again, after an answer that was lost or by a job that
    was run twice, changes nothing.

    :param pauses_s: how long to wait before each further attempt, unless the vendor says how long.
    """

    def __init__(
        self,
        paygentic: Paygentic,
        product: str = "prod_YOUR_PRODUCT_ID",
        *,
        pauses_s: tuple[float, ...] = (0.5, 1.0, 2.0),
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._paygentic = paygentic
        self._product = product
        self._pauses_s = pauses_s
        self._sleep = sleep
        self.unsent: list[dict[str, Any]] = []

    def open(self) -> str:
        """Make sure that the events we send are summed up as a cost, and return the cost's id."""
        for cost in self._paygentic.costs.list_costs().data or []:
            if cost.event_type == EVENT_TYPE:
                return cost.id
        return self._paygentic.costs.create_cost(
            type_="metered",
            name="AI inference",
            event_type=EVENT_TYPE,
            aggregation="SUM",
            value_property="$.amount",
            unit_cost=1,
            currency="USD",
            product_id=self._product,
        ).id

    def report(self, work: Work) -> None:
        """Report what a piece of work cost."""
        self._deliver(event_of(work))

    def flush(self) -> None:
        """Send what could not be delivered before."""
        waiting, self.unsent = self.unsent, []
        for event in waiting:
            self._deliver(event)

    async def report_async(self, work: Work) -> None:
        """Report what a piece of work cost, without blocking the loop."""
        event = event_of(work)
        for pause_s in self._pauses():
            try:
                await self._paygentic.events.ingest_async(request=event)
            except (httpx.TransportError, PaygenticError) as error:
                if (wait_s := _wait_s(error, pause_s)) is None:
                    break
                await asyncio.sleep(wait_s)
            else:
                return
        self.unsent.append(event)

    def _deliver(self, event: dict[str, Any]) -> None:
        for pause_s in self._pauses():
            try:
                self._paygentic.events.ingest(request=event)
            except (httpx.TransportError, PaygenticError) as error:
                if (wait_s := _wait_s(error, pause_s)) is None:
                    break
                self._sleep(wait_s)
            else:
                return
        self.unsent.append(event)

    def _pauses(self) -> Iterator[float | None]:
        yield from self._pauses_s
        yield None


def event_of(work: Work) -> dict[str, Any]:
    """Return the event for a piece of work; dollars travel as text, so that no digit is lost."""
    return {
        "type": EVENT_TYPE,
        "source": "https://ticketdesk.example",
        "subject": work.ticket.customer,
        "idempotency_key": f"{work.call}-cost",
        "data": {"amount": str(Decimal(work.cost_micro_usd).scaleb(-6)), "ticket": work.ticket.id},
    }


def _wait_s(error: Exception, pause_s: float | None) -> float | None:
    """Return how long to wait before the next attempt, nothing when there is no point in one."""
    if pause_s is None:
        return None
    if not isinstance(error, PaygenticError):
        return pause_s
    if error.status_code not in _WORTH_RETRYING:
        return None
    said = error.headers.get("retry-after")
    return float(said) if said else pause_s
