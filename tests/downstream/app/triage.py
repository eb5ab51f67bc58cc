"""Says how urgent a ticket is, through the stock OpenAI client, which Pareta serves as well."""

from __future__ import annotations

import openai

from app.billing import Billing
from app.money import list_price
from app.tickets import NotNow, OutOfCredit, Ticket, Work

LEVELS = ("low", "normal", "high")


class Triage:
    """Sorts tickets and reports what each cost.

    This client retries under no key of its own; with one, an answer that was lost is not paid for twice.
    """

    def __init__(self, client: openai.OpenAI, billing: Billing) -> None:
        self._client = client
        self._billing = billing

    def level(self, ticket: Ticket) -> str:
        """Return one of `LEVELS`; what is no level is `normal`.

        :raises OutOfCredit: the balance is empty.
        :raises NotNow: the vendor does not answer.
        """
        try:
            raw = self._client.chat.completions.with_raw_response.create(
                model="auto",
                messages=[
                    {"role": "system", "content": f"Answer with one word: {', '.join(LEVELS)}."},
                    {"role": "user", "content": ticket.text},
                ],
                extra_headers={"Idempotency-Key": f"triage-{ticket.id}"},
            )
        except openai.APIStatusError as error:
            if error.status_code == 402:
                raise OutOfCredit(f"Pareta takes no more calls: {error}") from error
            raise NotNow(f"Pareta does not answer: {error}") from error
        except openai.APIConnectionError as error:
            raise NotNow(f"Pareta does not answer: {error}") from error
        answer = raw.parse()
        cost = int(raw.headers.get("x-pareta-billed", 0))
        if not cost and answer.usage:
            cost = list_price(answer.usage.prompt_tokens, answer.usage.completion_tokens)
        said = (answer.choices[0].message.content or "").strip().lower()
        level = said if said in LEVELS else "normal"
        self._billing.report(Work(ticket, answer.id, level, cost))
        return level
