"""A scenario in which everything happens, and what a world looks like to those who read it."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from mockserver.app import Simulator
from mockserver.control.control import Control
from mockserver.control.operations.export import as_jsonl
from mockserver.control.operations.reconciliation import ALWAYS, reconciliation
from mockserver.control.reconciling import Question
from mockserver.kernel.windows import DAY, HOUR, parse_instant
from mockserver.kernel.world import World

START = parse_instant("2026-03-02T00:00:00Z")
LENGTH = DAY
END = START + LENGTH + 12 * HOUR
"""By then nothing is on its way any more."""

COST = """
    - request: POST /v0/costs
      body:
        type: metered
        name: AI inference
        eventType: cost.ai.inference
        aggregation: SUM
        valueProperty: $.cost_usd
        unitCost: 1
        currency: USD
        productId: prod_YOUR_PRODUCT_ID
        groupBy: {endpoint: $.endpoint}
"""

EVENTS = """
events:
  - type: cost.ai.inference
    data: {call: "{id}", cost_usd: "{cost_usd}", endpoint: "{endpoint}", tokens: "{usage.total_tokens}"}
"""

PLAIN = f"""
name: plain
purpose: calls and their events
seed: 3
clock: {{mode: frozen, at: 2026-03-02T00:00:00Z}}
start:
  balance_usd: 50
  requests: {COST}
length: 1d
customers: {{count: 5}}
traffic:
  calls_per_day: 300
  uses: [{{endpoint: ep-contract-key-fields}}]
{EVENTS}
"""

EVENTFUL = f"""
name: eventful
purpose: everything at once
seed: 7
clock: {{mode: frozen, at: 2026-03-02T00:00:00Z}}
start:
  balance_usd: "0.06"
  requests: {COST}
length: 1d
history: 0s
customers: {{count: 8, utc_offsets: {{"+00:00": 1, "-05:00": 1}}, joining: 0.2}}
traffic:
  calls_per_day: 450
  conversation: {{turns: 2.5, think_time: {{median: 40s, p99: 20m}}}}
  uses:
    - {{endpoint: ep-contract-key-fields, share: 2}}
    - {{endpoint: auto, latency_ms: {{median: 900, p99: 30000}}}}
client: {{retries: 3, backoff: 2s, on_no_credit: stop, probe_after: 10m}}
{EVENTS}
integrator:
  delay: {{median: 30s, p99: 10m}}
  key: attempt
  retries: 2
  forgets: 0.01
  doubles: 0.01
  overstates: 0.01
wallet:
  top_ups: [{{at: +9h, usd: "0.03"}}]
  auto: {{below_usd: "0.01", usd: "0.05", after: 40m}}
revenue: {{every: 5h, fee_usd: "1.00", per_call_usd: "0.01"}}
drifts:
  - {{kind: quality, subject: ep-contract-key-fields, at: +6h, size: -0.3, shape: ramp, over: 4h}}
  - {{kind: traffic, at: +12h, size: 2, cause: a campaign}}
  - {{kind: error_rate, subject: auto, at: +15h, end: +17h, size: 0.5}}
faults:
  - {{operation: chat.completions.create, between: [+3h, +5h], rate: 0.2, lost_ack: true}}
  - {{operation: chat.completions.create, between: [+5h, +6h], rate: 0.3, delay_visibility: 90s}}
  - {{operation: chat.completions.create, between: [+7h, +8h], every: 4, status: 503}}
  - {{operation: chat.completions.create, after_spend_usd: "0.1", first: 20, status: 500}}
  - {{operation: events.ingest, between: [+8h, +10h], rate: 0.3, late: 25m}}
  - {{operation: events.ingest, between: [+10h, +11h], rate: 0.2, double: new_key}}
  - {{operation: events.ingest, between: [+11h, +12h], rate: 0.3, lost_ack: true}}
  - {{operation: events.ingest, between: [+12h, +13h], rate: 0.3, delay_visibility: 15m}}
steps:
  - request: POST /v1/chat/completions
    at: +2h
    every: 7h
    body: {{model: ep-contract-key-fields, messages: [{{role: user, content: hello}}]}}
  - request: GET /v0/costs
    at: +390m
"""


def exported(simulator: Simulator, world: str) -> dict[str, bytes]:
    """Return everything about a world that anybody can read, as bytes by name."""
    control = Control(simulator.worlds, simulator.vendors, {}, simulator.stage)
    names = {"requests", "truth", *(name for vendor in simulator.vendors for name in vendor.exports)}
    found = {name: b"".join(as_jsonl(control, world, name)) for name in sorted(names)}
    with control.existing(world) as held:
        invoices = [vendor.billing.page(held, 0, 10_000) for vendor in simulator.vendors if vendor.billing is not None]
        decisions = [held.faults.decisions(armed.seq, 0, 10_000) for armed in held.faults.armed]
        played = simulator.stage.playing(held)
    return {
        **found,
        "invoices": repr(invoices).encode(),
        "decisions": repr(decisions).encode(),
        "tallies": repr((played["tallies"], played["planted"], played["is_over"])).encode(),
    }


def broken(simulator: Simulator, world: World) -> list[Any]:
    """Return the invariants that do not hold."""
    with simulator.store.committed():
        return [each for vendor in simulator.vendors for each in vendor.invariants(world) if not each.holds]


def differences(simulator: Simulator, world: str) -> dict[str, int]:
    """Return how many differences a reconciliation finds, by kind."""
    control = Control(simulator.worlds, simulator.vendors, {}, simulator.stage)
    found = reconciliation(control, world, Question(*ALWAYS, Decimal(0), None, 0, 0, 1))
    return {kind: sums.count for kind, sums in found.kinds.items() if kind not in ("matched", "ambiguous")}


def played(simulator: Simulator, text: str, world: str = "acme", **more: Any) -> World:
    """Play a scenario in a world, with its history."""
    with simulator.store.committed():
        held = simulator.worlds.admit(world)
    with simulator.store.committed():
        simulator.stage.play(held, "test.yaml", text, more.pop("seed", None), **more)
    for _ in simulator.stage.backfill(held):
        pass
    return held


def moved(simulator: Simulator, world: World, at: int) -> None:
    """Move a world's clock."""
    with simulator.store.committed():
        simulator.worlds.move_to(world, at)


def instants(cuts: list[float], until: int = END) -> Iterator[int]:
    """Yield instants at shares of a scenario's time, and its end."""
    yield from sorted(START + round(share * (until - START)) for share in cuts)
    yield until
