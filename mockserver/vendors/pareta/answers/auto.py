"""The `auto` rollup and the frontier comparison."""

from __future__ import annotations

from mockserver.http.endpoint import WireModel


class AutoHour(WireModel):
    """One UTC hour; times in milliseconds, null without a successful request."""

    hour: str
    requests: int
    error_rate: float
    p50_ms: float | None
    p95_ms: float | None


class AutoDay(WireModel):
    """One UTC day: requests, successes, and their share, null without requests."""

    day: str
    n: int
    ok: int
    success_rate: float | None


class AutoLastRequest(WireModel):
    """The newest request; the amounts are null if it failed."""

    created_at: str
    status_code: int
    duration_ms: float
    billed_micro_usd: int | None
    cost_to_serve_micro_usd: int | None


class AutoMetricsResponse(WireModel):
    """Chat with `auto` over the last 30 days, amounts in micro-USD; savings are projected from list prices."""

    requests_30d: int
    requests_today: int
    success_rate_30d: float | None
    billed_micro_usd_30d: int
    billed_micro_usd_today: int
    cost_to_serve_micro_usd_30d: int
    savings_vs_frontier_micro_usd_30d: int | None
    savings_multiple_30d: float | None
    performance_hourly_7d: list[AutoHour]
    days_30d: list[AutoDay]
    last_request: AutoLastRequest | None


class CompareResponse(WireModel):
    """What a frontier model said to the same prompt, and what it cost in micro-USD."""

    model: str
    content: str
    cost_micro_usd: int
    latency_ms: int
