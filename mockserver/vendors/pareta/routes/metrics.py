"""The five dimensions of an endpoint."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mockserver.http.endpoint import Endpoint
from mockserver.vendors.pareta.operations import metrics
from mockserver.vendors.pareta.schemas import metrics as wire


def _dimension(name: str, run: Callable[..., Any], present: Callable[[Any], Any], response: str) -> Endpoint:
    return Endpoint(
        "GET", f"/v1/endpoints/{{endpoint_id}}/{name}", f"endpoints.metrics.{name}", run,
        query=wire.MetricsQuery, present=present, response=f"metrics.{response}", errors=(401, 404),
        source='pareta/monitoring "Monitoring a live endpoint"',
    )  # fmt: skip


ENDPOINTS = (
    _dimension("cost", metrics.cost, wire.cost_metric, "CostMetricResponse"),
    _dimension("quality", metrics.quality, wire.quality_metric, "QualityMetricResponse"),
    _dimension("performance", metrics.performance, wire.performance_metric, "PerformanceMetricResponse"),
    _dimension("uptime", metrics.uptime, wire.uptime_metric, "UptimeMetricResponse"),
    _dimension("activity", metrics.activity, wire.activity_metric, "ActivityMetricResponse"),
)  # fmt: skip
