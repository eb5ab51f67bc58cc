"""Summarises tickets, one at a time or many at once, through Pareta's own client."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pareta
from pareta import AsyncPareta, Pareta

from app.billing import Billing
from app.money import Budget, list_price
from app.tickets import NotNow, OutOfCredit, Ticket, Work


class Summariser:
    """Summarises tickets and reports what each cost.

    Waiting and retrying is left to the client: it heeds `Retry-After` and sends the same idempotency key again.
    """

    def __init__(self, client: Pareta, billing: Billing, budget: Budget) -> None:
        self._client = client
        self._billing = billing
        self._budget = budget

    def summarise(self, ticket: Ticket) -> Work:
        """Return a summary.

        :raises OutOfCredit: the balance is empty.
        :raises OverBudget: the budget is.
        :raises NotNow: the vendor does not answer.
        """
        self._budget.check()
        with _said_plainly():
            answer = self._client.chat.completions.create(model="auto", messages=_prompt(ticket))
        work = _work(ticket, answer)
        self._budget.spend(work.cost_micro_usd)
        self._billing.report(work)
        return work


class AsyncSummariser:
    """Summarises many tickets at once.

    :param at_once: how many calls are out at any time.
    """

    def __init__(self, client: AsyncPareta, billing: Billing, *, at_once: int = 4) -> None:
        self._client = client
        self._billing = billing
        self._at_once = at_once

    async def summarise(self, tickets: Sequence[Ticket]) -> list[Work]:
        """Return a summary of each ticket, in their order.

        :raises OutOfCredit: the balance is empty; what was done until then is reported.
        :raises NotNow: the vendor does not answer.
        """
        gate = asyncio.Semaphore(self._at_once)

        async def one(ticket: Ticket) -> Work:
            async with gate:
                with _said_plainly():
                    answer = await self._client.chat.completions.create(model="auto", messages=_prompt(ticket))
                work = _work(ticket, answer)
                await self._billing.report_async(work)
                return work

        return list(await asyncio.gather(*map(one, tickets)))


def _prompt(ticket: Ticket) -> list[dict[str, str]]:
    return [
        {"role": "system", "content": "Summarise the customer's message in one sentence."},
        {"role": "user", "content": ticket.text},
    ]


def _work(ticket: Ticket, answer: Any) -> Work:
    usage = answer.usage
    cost = answer.billed_micro_usd or list_price(usage.prompt_tokens, usage.completion_tokens)
    return Work(ticket, answer.id, answer.choices[0].message.content, cost)


@contextmanager
def _said_plainly() -> Iterator[None]:
    """Turn the client's exceptions into the desk's."""
    try:
        yield
    except pareta.InsufficientCreditsError as error:
        raise OutOfCredit(f"Pareta takes no more calls: {error}") from error
    except (pareta.RateLimitError, pareta.EndpointNotReadyError, pareta.APIConnectionError) as error:
        raise NotNow(f"Pareta does not answer: {error}") from error
