"""The five dimensions of an endpoint on the wire."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import StringConstraints

from mockserver.http.endpoint import WireModel
from mockserver.kernel.windows import DAY, HOUR, format_instant
from mockserver.vendors.pareta.domain import metrics
from mockserver.vendors.pareta.operations.metrics import Traffic

Text = Annotated[str, StringConstraints(min_length=1)]


class MetricsQuery(WireModel):
    """Free-form narrowing; what is not understood is ignored."""

    window: str | None = None
    since: str | None = None
    since_hours: str | None = None
    group_by: str | None = None

    def to_domain(self) -> dict[str, str]:
        """Return what was given."""
        return {name: value for name, value in self if isinstance(value, str)}


def cost_metric(value: Traffic) -> dict[str, Any]:
    """Shape spend and savings."""
    total = metrics.cost_of(value.calls)
    body: dict[str, Any] = {
        "dimension": "cost",
        "endpoint_id": value.endpoint.id,
        "window": value.window.label,
        **_cost(total),
        "savings_multiple": total.savings_multiple,
        "cost_per_request_micro_usd": value.endpoint.cost_micro_usd,
        "frontier_model": value.endpoint.frontier_model,
    }
    if value.window.bucket:
        body["buckets"] = [
            {"start": format_instant(start), **_cost(metrics.cost_of(calls))}
            for start, calls in metrics.grouped(value.calls, value.window.bucket).items()
        ]
    return body


def _cost(value: metrics.Cost) -> dict[str, int]:
    return {
        "requests": value.requests,
        "total_micro_usd": value.total_micro_usd,
        "frontier_baseline_micro_usd": value.frontier_micro_usd,
        "savings_micro_usd": value.savings_micro_usd,
    }


def quality_metric(value: Traffic) -> dict[str, Any]:
    """Shape the judge's windows: hours within two days, days beyond, unless a grouping is asked for."""
    window = value.window
    estimate, judged = metrics.quality_of(value.calls)
    width = window.bucket or (HOUR if window.end - window.start <= 2 * DAY else DAY)
    series = []
    for start, calls in metrics.grouped(value.calls, width).items():
        part, count = metrics.quality_of(calls)
        if part is not None:
            series.append(
                {
                    "start": format_instant(start),
                    "end": format_instant(start + width),
                    "quality_mean": part.mean,
                    "n_judged": count,
                }
            )
    return {
        "dimension": "quality",
        "endpoint_id": value.endpoint.id,
        "window": window.label,
        "quality_mean": estimate.mean if estimate else None,
        "quality_ci_low": estimate.low if estimate else None,
        "quality_ci_high": estimate.high if estimate else None,
        "n_judged": judged,
        "windows": series,
    }


def performance_metric(value: Traffic) -> dict[str, Any]:
    """Shape the latency percentiles."""
    whole = metrics.latency_of(value.calls)
    p50, p95, p99 = (_ms(us) for us in (whole.p50_us, whole.p95_us, whole.p99_us))
    points = []
    for start, calls in metrics.grouped(value.calls, value.window.bucket or HOUR).items():
        part = metrics.latency_of(calls)
        points.append(
            {
                "start": format_instant(start),
                "requests": part.requests,
                "p50_ms": _ms(part.p50_us),
                "p95_ms": _ms(part.p95_us),
            }
        )
    return {
        "dimension": "performance",
        "endpoint_id": value.endpoint.id,
        "window": value.window.label,
        "requests": whole.requests,
        "error_rate": round(1 - metrics.availability_of(value.calls), 6),
        "p50_ms": p50,
        "p95_ms": p95,
        "p99_ms": p99,
        "p50": p50,
        "p95": p95,
        "p99": p99,
        "points": points,
    }


def _ms(us: int | None) -> float | None:
    return None if us is None else us / 1000


def uptime_metric(value: Traffic) -> dict[str, Any]:
    """Shape availability."""
    share = metrics.availability_of(value.calls)
    return {
        "dimension": "uptime",
        "endpoint_id": value.endpoint.id,
        "window": value.window.label,
        "uptime_pct": round(100 * share, 4),
        "availability": round(share, 6),
        "requests": len(value.calls),
        "incidents": [
            {"start": format_instant(start), "end": format_instant(end), "failed_requests": failures}
            for start, end, failures in metrics.incidents_of(value.calls)
        ],
    }


def activity_metric(value: Traffic) -> dict[str, Any]:
    """Shape usage volume."""
    calls = value.calls
    given = sum(call.prompt_tokens for call in calls)
    written = sum(call.completion_tokens for call in calls)
    return {
        "dimension": "activity",
        "endpoint_id": value.endpoint.id,
        "window": value.window.label,
        "requests": len(calls),
        "succeeded": sum(call.is_ok for call in calls),
        "failed": sum(not call.is_ok for call in calls),
        "prompt_tokens": given,
        "completion_tokens": written,
        "total_tokens": given + written,
        "last_request_at": format_instant(calls[-1].at) if calls else None,
        "points": [
            {
                "start": format_instant(start),
                "requests": len(part),
                "total_tokens": sum(call.prompt_tokens + call.completion_tokens for call in part),
            }
            for start, part in metrics.grouped(calls, value.window.bucket or DAY).items()
        ],
    }
