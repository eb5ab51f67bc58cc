"""`python -m app TICKETS`: summarises a file of tickets, a JSON object a line, and says what it cost.

Addresses and keys come from the environment: PARETA_BASE_URL, PARETA_API_KEY, PAYGENTIC_SERVER_URL and
PAYGENTIC_BEARER_AUTH.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from pareta import Pareta
from paygentic_sdk import Paygentic

from app.billing import Billing
from app.money import Budget
from app.summaries import Summariser
from app.tickets import NotNow, OutOfCredit, OverBudget, Ticket

STOPPED = 3
"""Status when not all tickets could be summarised."""


def main(path: str) -> int:
    """Summarise a file of tickets; return the exit status."""
    paygentic = Paygentic(
        server_url=os.environ["PAYGENTIC_SERVER_URL"], bearer_auth=os.environ["PAYGENTIC_BEARER_AUTH"]
    )
    tickets = [Ticket(**json.loads(line)) for line in Path(path).read_text(encoding="utf-8").splitlines()]
    billing = Billing(paygentic)
    budget = Budget(limit_micro_usd=int(os.environ.get("TICKETDESK_BUDGET_MICRO_USD", "1000000")))
    with paygentic, Pareta.from_env() as client:
        billing.open()
        summariser = Summariser(client, billing, budget)
        for done, ticket in enumerate(tickets):
            try:
                print(f"{ticket.id}: {summariser.summarise(ticket).text}")
            except (OutOfCredit, OverBudget, NotNow) as reason:
                print(f"stopped after {done} of {len(tickets)} tickets: {reason}", file=sys.stderr)
                return STOPPED
    print(f"{len(tickets)} tickets for {budget.spent_micro_usd} micro-USD")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
