"""The five dimensions of an endpoint on the wire."""

from __future__ import annotations

from typing import Any

from mockserver.http.endpoint import WireModel
from mockserver.kernel.windows import format_instant
from mockserver.vendors.pareta.domain.metrics import Tally
from mockserver.vendors.pareta.operations.metrics import Cost, Performance, Series, Uptime


class MetricsQuery(WireModel):
    """Free-form narrowing; what is not understood is ignored."""

    window: str | None = None
    since: str | None = None
    since_hours: str | None = None
    group_by: str | None = None

    def to_domain(self) -> dict[str, str]:
        """Return what was given."""
        return {name: value for name, value in self if isinstance(value, str)}


def cost_metric(value: Cost) -> dict[str, Any]:
    """Shape spend and savings."""
    series = value.series
    body: dict[str, Any] = {
        **_head("cost", series),
        **_cost(series.whole),
        "savings_multiple": series.whole.savings_multiple,
        "cost_per_request_micro_usd": value.rate_micro_usd,
        "frontier_model": series.endpoint.frontier_model,
    }
    if series.window.bucket:
        body["buckets"] = [{"start": format_instant(start), **_cost(part)} for start, part in series.buckets.items()]
    return body


def _cost(value: Tally) -> dict[str, int]:
    return {
        "requests": value.succeeded,
        "total_micro_usd": value.total_micro_usd,
        "frontier_baseline_micro_usd": value.frontier_micro_usd,
        "savings_micro_usd": value.savings_micro_usd,
    }


def quality_metric(value: Series) -> dict[str, Any]:
    """Shape what the judge thought."""
    whole = value.whole.quality
    return {
        **_head("quality", value),
        "quality_mean": whole.mean if whole else None,
        "quality_ci_low": whole.low if whole else None,
        "quality_ci_high": whole.high if whole else None,
        "n_judged": value.whole.judged,
        "windows": [
            {
                "start": format_instant(start),
                "end": format_instant(start + value.width),
                "quality_mean": part.quality.mean,
                "n_judged": part.judged,
            }
            for start, part in value.buckets.items()
            if part.quality
        ],
    }


def performance_metric(value: Performance) -> dict[str, Any]:
    """Shape the latency percentiles."""
    series = value.series
    p50, p95, p99 = (_ms(us) for us in (value.whole.p50_us, value.whole.p95_us, value.whole.p99_us))
    return {
        **_head("performance", series),
        "requests": series.whole.succeeded,
        "error_rate": round(1 - series.whole.availability, 6),
        "p50_ms": p50,
        "p95_ms": p95,
        "p99_ms": p99,
        "p50": p50,
        "p95": p95,
        "p99": p99,
        "points": [
            {
                "start": format_instant(start),
                "requests": series.buckets[start].succeeded,
                "p50_ms": _ms(part.p50_us),
                "p95_ms": _ms(part.p95_us),
                "p99_ms": _ms(part.p99_us),
            }
            for start, part in value.buckets.items()
        ],
    }


def _ms(us: int | None) -> float | None:
    return None if us is None else us / 1000


def uptime_metric(value: Uptime) -> dict[str, Any]:
    """Shape availability."""
    whole = value.series.whole
    return {
        **_head("uptime", value.series),
        "uptime_pct": round(100 * whole.availability, 4),
        "availability": round(whole.availability, 6),
        "requests": whole.requests,
        "incidents": [
            {"start": format_instant(start), "end": format_instant(end), "failed_requests": failures}
            for start, end, failures in value.incidents
        ],
        "points": [
            {
                "start": format_instant(start),
                "requests": part.requests,
                "uptime_pct": round(100 * part.availability, 4),
                "availability": round(part.availability, 6),
            }
            for start, part in value.series.buckets.items()
        ],
    }


def activity_metric(value: Series) -> dict[str, Any]:
    """Shape usage volume."""
    whole = value.whole
    return {
        **_head("activity", value),
        **_usage(whole),
        "last_request_at": None if whole.last_at is None else format_instant(whole.last_at),
        "points": [{"start": format_instant(start), **_usage(part)} for start, part in value.buckets.items()],
    }


def _usage(value: Tally) -> dict[str, int]:
    return {
        "requests": value.requests,
        "succeeded": value.succeeded,
        "failed": value.failed,
        "prompt_tokens": value.prompt_tokens,
        "completion_tokens": value.completion_tokens,
        "total_tokens": value.total_tokens,
    }


def _head(dimension: str, value: Series) -> dict[str, Any]:
    return {"dimension": dimension, "endpoint_id": value.endpoint.id, "window": value.window.label}
