"""Events per second over sockets, each a request of its own, beside a bare Starlette handler on the same server."""

from __future__ import annotations

import json

from benchmarks.http import COST, measure
from benchmarks.load import COUNTER, request
from benchmarks.processes import PAYGENTIC_KEY

EVENT = json.dumps(
    {
        "type": COST["eventType"],
        "source": "https://worker.example/bench",
        "subject": "cus_abc123",
        "idempotencyKey": f"bench-{COUNTER.decode()}",
        "data": {"pages": 3, "region": "eu-west-1", "document": "contract-2026-01-05.pdf", "worker": "w-17"},
    }
).encode()


def run(*, quick: bool) -> None:
    """Send events that a cost with one dimension listens to."""
    measure("event", request("POST", "/v0/events", EVENT, PAYGENTIC_KEY), quick=quick)
