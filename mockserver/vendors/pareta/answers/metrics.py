"""The five dimensions of an endpoint."""

from __future__ import annotations

from typing import Literal

from mockserver.http.endpoint import WireModel


class CostBucket(WireModel):
    """Spend in one UTC hour or day."""

    start: str
    requests: int
    total_micro_usd: int
    frontier_baseline_micro_usd: int
    savings_micro_usd: int


class CostMetricResponse(WireModel):
    """Spend, and what the frontier model the endpoint stands in for would have cost."""

    dimension: Literal["cost"]
    endpoint_id: str
    window: str
    requests: int
    total_micro_usd: int
    frontier_baseline_micro_usd: int
    savings_micro_usd: int
    savings_multiple: float | None
    cost_per_request_micro_usd: int | None
    frontier_model: str
    buckets: list[CostBucket] | None = None


class QualityWindow(WireModel):
    """Judged quality in one UTC hour or day."""

    start: str
    end: str
    quality_mean: float
    n_judged: int


class QualityMetricResponse(WireModel):
    """Judged quality of live answers, in [0, 1]; null while nothing was judged."""

    dimension: Literal["quality"]
    endpoint_id: str
    window: str
    quality_mean: float | None
    quality_ci_low: float | None
    quality_ci_high: float | None
    n_judged: int
    windows: list[QualityWindow]


class PerformancePoint(WireModel):
    """Latency in one UTC hour or day, in milliseconds."""

    start: str
    requests: int
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None


class PerformanceMetricResponse(WireModel):
    """Latency percentiles in milliseconds; null without a successful call."""

    dimension: Literal["performance"]
    endpoint_id: str
    window: str
    requests: int
    error_rate: float
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    p50: float | None
    p95: float | None
    p99: float | None
    points: list[PerformancePoint]


class Incident(WireModel):
    """A run of failures on the vendor's side."""

    start: str
    end: str
    failed_requests: int


class UptimePoint(WireModel):
    """Availability in one UTC hour or day."""

    start: str
    requests: int
    uptime_pct: float
    availability: float


class UptimeMetricResponse(WireModel):
    """Availability as a share of the requests that reached the endpoint."""

    dimension: Literal["uptime"]
    endpoint_id: str
    window: str
    uptime_pct: float
    availability: float
    requests: int
    incidents: list[Incident]
    points: list[UptimePoint]


class ActivityPoint(WireModel):
    """Usage in one UTC hour or day."""

    start: str
    requests: int
    succeeded: int
    failed: int
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class ActivityMetricResponse(WireModel):
    """Usage volume."""

    dimension: Literal["activity"]
    endpoint_id: str
    window: str
    requests: int
    succeeded: int
    failed: int
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    last_request_at: str | None
    points: list[ActivityPoint]
