"""What both monitors read, and where their alerts go: nothing but the vendors' clients and one POST.

Needs `pareta`, `paygentic-sdk` and the variables that `mockserver env` and `mockserver exec` set. Against the real
vendors, where MOCKSERVER_URL is not set, alerts are only printed.
"""

from __future__ import annotations

import csv
import json
import os
import sys
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from urllib.request import Request, urlopen

from pareta import Pareta
from paygentic_sdk import Paygentic

MERCHANT = os.environ.get("PAYGENTIC_MERCHANT", "org_YOUR_ORG_ID")
SINCE = datetime(2020, 1, 1, tzinfo=UTC)
WIDTHS = {"day": timedelta(days=1), "hour": timedelta(hours=1)}


class Point(NamedTuple):
    """What a metric was from `start` to `end`.

    :param count: of how many calls, where that is known.
    """

    start: datetime
    end: datetime
    value: float
    count: int = 1


class Series(NamedTuple):
    """One metric of one endpoint or customer, oldest first.

    :param kind: of the drift it would show; empty where that cannot be told.
    """

    kind: str
    subject: str
    metric: str
    points: list[Point]


class Alert(NamedTuple):
    """What is to be said; `at` is when it could be known."""

    at: datetime
    kind: str
    subject: str
    note: str


# Reading


def of_endpoint(pareta: Pareta, endpoint: str, now: datetime, by: str) -> list[Series]:
    """Return what an endpoint's metrics were in each whole hour or day up to now."""
    metrics = pareta.endpoints.metrics(endpoint)
    window = {"since": f"{SINCE:%Y-%m-%dT%H:%M:%SZ}", "group_by": by}
    judged = metrics.quality(**window)["windows"]
    timed = metrics.performance(**window)["points"]
    tried = metrics.uptime(**window)["points"]
    used = metrics.activity(**window)["points"]
    spent = {row["start"]: row["total_micro_usd"] for row in metrics.cost(**window)["buckets"]}
    answered = [row for row in used if row["succeeded"]]

    def series(kind: str, metric: str, rows: list[dict[str, Any]], count: str, value: Callable[..., float]) -> Series:
        points = []
        for row in rows:
            start = datetime.fromisoformat(row["start"])
            if row[count] and start + WIDTHS[by] <= now:
                points.append(Point(start, start + WIDTHS[by], value(row), row[count]))
        return Series(kind, endpoint, metric, points)

    by_call = series(
        "price", "micro-dollars per call", answered, "succeeded", lambda row: spent[row["start"]] / row["succeeded"]
    )
    by_token = series(
        "price", "micro-dollars per token", answered, "succeeded",
        lambda row: spent[row["start"]] / max(1, row["total_tokens"]),
    )  # fmt: skip
    return [
        series("quality", "quality_mean", judged, "n_judged", lambda row: row["quality_mean"]),
        series("error_rate", "error rate", tried, "requests", lambda row: 1 - row["availability"]),
        series("latency", "p50_ms", timed, "requests", lambda row: row["p50_ms"]),
        series("latency", "p95_ms", timed, "requests", lambda row: row["p95_ms"]),
        series("latency", "p99_ms", timed, "requests", lambda row: row["p99_ms"]),
        min(by_call, by_token, key=_unsteadiness),  # whichever of the two the vendor bills by
        series("token_mix", "tokens per call", answered, "succeeded",
               lambda row: row["total_tokens"] / row["succeeded"]),
        _filled(series("traffic", "calls", used, "requests", lambda row: row["requests"]), now, by),
    ]  # fmt: skip


def _unsteadiness(series: Series) -> float:
    """Return how far apart the first values lie, relative to the largest."""
    values = [point.value for point in series.points[:7]]
    return (max(values) - min(values)) / (max(values) or 1) if values else 0.0


def _filled(series: Series, now: datetime, by: str) -> Series:
    """Return a series with a zero wherever nobody called."""
    known = {point.start: point for point in series.points}
    points, at = [], min(known, default=now)
    while at + WIDTHS[by] <= now:
        points.append(known.get(at, Point(at, at + WIDTHS[by], 0.0, 0)))
        at += WIDTHS[by]
    return series._replace(points=points)


def of_customers(paygentic: Paygentic, now: datetime) -> list[Series]:
    """Return what part of each day's cost each customer caused, from its first day on.

    Whether it called more often, at greater length or for more money cannot be told from that.
    """
    spent: dict[str, dict[datetime, float]] = {}
    costs = paygentic.costs.list_costs(request={"limit": 100, "offset": 0}).data
    for customer in paygentic.customers.list(organization_id=MERCHANT, limit=100).data:
        days = spent.setdefault(customer.external_id or customer.id, {})
        for cost in costs:
            summary = paygentic.costs.get_cost_summary(
                id=cost.id, from_=SINCE, to=now, subject=customer.id, window="DAY"
            )
            for day in summary.time_series or ():
                days[day.window_start] = days.get(day.window_start, 0.0) + (day.cost or 0.0)
    width = WIDTHS["day"]
    total = {
        day: sum(days.get(day, 0.0) for days in spent.values())
        for day in sorted({day for days in spent.values() for day in days if day + width <= now})
    }
    return [
        Series("", who, "share of costs",
               [Point(day, day + width, days.get(day, 0.0) / whole) for day, whole in total.items()
                if whole and day >= min(days)])
        for who, days in spent.items()
        if days
    ]  # fmt: skip


# Running a monitor


def run(watch: Callable[[Series], Iterable[Alert]], *, has_hours: bool = False, has_customers: bool = False) -> None:
    """Print, and post, what a monitor says about each day of each endpoint's metrics, as if it had just come.

    :param has_hours: hours are looked at instead, where they tell as much.
    :param has_customers: each customer's share of the costs is looked at too.
    """
    now = clock()
    found: list[Series] = []
    with Pareta.from_env() as pareta:
        for endpoint in pareta.endpoints.list():
            days = of_endpoint(pareta, endpoint.id, now, "day")
            hours = of_endpoint(pareta, endpoint.id, now, "hour") if has_hours else days
            found += [hour if hour.metric in ADDITIVE else day for day, hour in zip(days, hours, strict=True)]
    if has_customers:
        url, key = os.environ["PAYGENTIC_SERVER_URL"], os.environ["PAYGENTIC_BEARER_AUTH"]
        with Paygentic(server_url=url, bearer_auth=key) as paygentic:
            found += of_customers(paygentic, now)
    alerts = sorted(alert for series in found for alert in watch(series))
    post(alerts)
    lines = csv.writer(sys.stdout, lineterminator="\n")
    lines.writerow(Alert._fields)
    lines.writerows((f"{alert.at:%Y-%m-%dT%H:%M:%SZ}", *alert[1:]) for alert in alerts)


ADDITIVE = ("quality_mean", "error rate", "calls")
"""Metrics whose hours can be put together again; a percentile of two hours is not that of both."""


def _world() -> str | None:
    url, world = os.environ.get("MOCKSERVER_URL"), os.environ.get("MOCKSERVER_WORLD", "default")
    return f"{url}/_mock/worlds/{world}" if url else None


def clock() -> datetime:
    """Return the time, which a simulated world has of its own."""
    world = _world()
    if world is None:
        return datetime.now(UTC)  # noqa: TID251  # a program of its own, not a part of the simulator
    with urlopen(f"{world}/clock") as answer:
        return datetime.fromisoformat(json.load(answer)["now"])


def post(alerts: list[Alert]) -> None:
    """Raise alerts in the simulated world, so that it scores them."""
    world = _world()
    for first in range(0, len(alerts) if world else 0, 1000):
        body = [
            {"at": alert.at.isoformat(), "kind": alert.kind or None, "subject": alert.subject, "note": alert.note}
            for alert in alerts[first : first + 1000]
        ]
        urlopen(Request(f"{world}/alerts", json.dumps(body).encode(), {"Content-Type": "application/json"})).close()
