"""A scenario with traffic for tests of how scenarios are played: a day in a second, with something wrong in it."""

from __future__ import annotations

SCENE = """
name: bad-release
purpose: a release that answers worse, and a careless integrator
expect: quality falls on the second day
seed: 11
clock: {mode: frozen, at: 2026-03-02T00:00:00Z}
start:
  balance_usd: 50
  requests:
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
length: 3d
history: 2d
customers: {count: 5}
traffic:
  calls_per_day: 200
  uses: [{endpoint: ep-contract-key-fields}]
events:
  - type: cost.ai.inference
    data: {call: "{id}", cost_usd: "{cost_usd}"}
integrator: {key: attempt, forgets: 0.05, doubles: 0.05}
drifts:
  - {kind: quality, subject: ep-contract-key-fields, at: +1d, size: -0.3, cause: release 2}
faults:
  - {operation: chat.completions.create, rate: 0.02, status: 503, note: overloaded}
"""
"""Two of its three days are history."""
