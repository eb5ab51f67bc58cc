"""Drafts replies while somebody watches: streams, over plain HTTP, because the client library drops the receipts."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

from app.billing import Billing
from app.money import list_price
from app.tickets import NotNow, OutOfCredit, Ticket, Work

_RECEIPT = ": pareta-billed-micro-usd "


class _Cut(Exception):
    """The stream ended before it was over, or became unreadable."""


@dataclass
class _Answer:
    id: str = ""
    text: list[str] = field(default_factory=list)
    receipt: int = 0
    usage: dict[str, int] = field(default_factory=dict)


class Drafter:
    """Drafts replies and reports what each cost.

    A stream that is cut is asked for again under the same key, from its start: whatever the vendor has debited by
    then, it debits once.

    :param http: has the vendor's address and key.
    :param show: is given every piece as it comes, and `None` when what was shown is void.
    """

    def __init__(
        self,
        http: httpx.Client,
        billing: Billing,
        *,
        show: Callable[[str | None], None] = lambda piece: None,
        attempts: int = 3,
        pause_s: float = 0.5,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._http = http
        self._billing = billing
        self._show = show
        self._attempts = attempts
        self._pause_s = pause_s
        self._sleep = sleep

    def draft(self, ticket: Ticket) -> Work:
        """Return a reply.

        :raises OutOfCredit: the balance is empty.
        :raises NotNow: the vendor does not answer, or not to the end.
        """
        reason = ""
        for _ in range(self._attempts):
            answer = _Answer()
            try:
                wait_s = self._read(ticket, answer)
            except (httpx.TransportError, _Cut) as error:
                reason, wait_s = str(error), self._pause_s
                self._show(None)
            if wait_s is None:
                return self._done(ticket, answer)
            reason = reason or "it is busy"
            self._sleep(wait_s)
        raise NotNow(f"Pareta does not answer: {reason}")

    def _read(self, ticket: Ticket, answer: _Answer) -> float | None:
        """Read a stream to its end; return how long to wait before the next attempt, nothing when it was read."""
        body = {
            "model": "auto",
            "stream": True,
            "stream_options": {"include_usage": True},
            "messages": [
                {"role": "system", "content": "Draft a friendly reply to the customer."},
                {"role": "user", "content": ticket.text},
            ],
        }
        headers = {"Idempotency-Key": f"draft-{ticket.id}"}
        with self._http.stream("POST", "/v1/chat/completions", json=body, headers=headers) as response:
            if response.status_code == 402:
                response.read()
                raise OutOfCredit(f"Pareta takes no more calls: {response.json()['detail']}")
            if response.status_code in (429, 503):
                return float(response.headers.get("retry-after", self._pause_s))
            response.raise_for_status()
            for line in response.iter_lines():
                if line == "data: [DONE]":
                    return None
                self._take(line, answer)
        raise _Cut("the stream ended early")

    def _take(self, line: str, answer: _Answer) -> None:
        if line.startswith(_RECEIPT):
            answer.receipt = int(line.removeprefix(_RECEIPT))
        if not line.startswith("data: "):
            return
        try:
            chunk: dict[str, Any] = json.loads(line.removeprefix("data: "))
        except ValueError:
            raise _Cut("a piece of the stream is unreadable") from None
        answer.id = chunk["id"]
        answer.usage = chunk.get("usage") or answer.usage
        for choice in chunk["choices"]:
            if piece := choice["delta"].get("content"):
                answer.text.append(piece)
                self._show(piece)

    def _done(self, ticket: Ticket, answer: _Answer) -> Work:
        cost = answer.receipt or list_price(answer.usage["prompt_tokens"], answer.usage["completion_tokens"])
        work = Work(ticket, answer.id, "".join(answer.text), cost)
        self._billing.report(work)
        return work
