"""The `auto` rollup and the frontier comparison on the wire."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from mockserver.http.endpoint import WireModel
from mockserver.http.messages import Reply
from mockserver.kernel.windows import format_instant
from mockserver.vendors.pareta.domain.auto import LastRequest, Rollup, cost_to_serve
from mockserver.vendors.pareta.domain.metrics import OK_BELOW, Latency, Tally
from mockserver.vendors.pareta.operations.auto import Compared, Comparison
from mockserver.vendors.pareta.schemas.chat import BILLED, ChatMessage, conversation

MAX_MESSAGES = 40
"""Source: pareta/auto "1-40 messages" (documented)."""


def rollup(value: Rollup) -> dict[str, Any]:
    """Shape what `auto` traffic came to; null where there was none to tell of."""
    whole, today = value.whole, value.today
    has_traffic = whole.requests > 0
    return {
        "requests_30d": whole.requests,
        "requests_today": today.requests,
        "success_rate_30d": whole.success_rate,
        "billed_micro_usd_30d": whole.total_micro_usd,
        "billed_micro_usd_today": today.total_micro_usd,
        "cost_to_serve_micro_usd_30d": cost_to_serve(whole.total_micro_usd),
        "savings_vs_frontier_micro_usd_30d": whole.savings_micro_usd if has_traffic else None,
        "savings_multiple_30d": whole.savings_multiple,
        "performance_hourly_7d": [_hour(at, part, value.latencies.get(at)) for at, part in value.hours.items()],
        "days_30d": [_day(at, part) for at, part in value.days.items()],
        "last_request": _last(value.last) if value.last else None,
    }


def _hour(at: int, value: Tally, latency: Latency | None) -> dict[str, Any]:
    return {
        "hour": format_instant(at),
        "requests": value.requests,
        "error_rate": round(1 - (1.0 if value.success_rate is None else value.success_rate), 6),
        "p50_ms": None if latency is None or latency.p50_us is None else latency.p50_us / 1000,
        "p95_ms": None if latency is None or latency.p95_us is None else latency.p95_us / 1000,
    }


def _day(at: int, value: Tally) -> dict[str, Any]:
    return {
        "day": format_instant(at)[:10],
        "n": value.requests,
        "ok": value.succeeded,
        "success_rate": value.success_rate,
    }


def _last(value: LastRequest) -> dict[str, Any]:
    is_billed = value.status < OK_BELOW
    return {
        "created_at": format_instant(value.at),
        "status_code": value.status,
        "duration_ms": value.latency_us / 1000,
        "billed_micro_usd": value.billed_micro_usd if is_billed else None,
        "cost_to_serve_micro_usd": cost_to_serve(value.billed_micro_usd) if is_billed else None,
    }


class CompareRequest(WireModel):
    """A conversation to put to a frontier model."""

    model: str
    messages: Annotated[list[ChatMessage], Field(min_length=1, max_length=MAX_MESSAGES)]

    def to_domain(self) -> Comparison:
        """Return what is asked.

        :raises Refused: a picture or document is none.
        """
        return Comparison(self.model, conversation(self.messages))


def compared(value: Compared) -> Reply:
    """Shape what the frontier model said."""
    body = {
        "model": value.model,
        "content": value.content,
        "cost_micro_usd": value.cost_micro_usd,
        "latency_ms": max(1, value.latency_us // 1000),
    }
    return Reply.json(body, headers=[(BILLED, b"%d" % value.cost_micro_usd)])
