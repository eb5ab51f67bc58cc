"""What both monitors read, and where their alerts go: nothing but the vendor's client and one POST.

Needs `pareta` and the variables that `mockserver env` and `mockserver exec` set. Against the real vendor, where
MOCKSERVER_URL is not set, alerts are only printed.
"""

from __future__ import annotations

import csv
import json
import os
import sys
from argparse import ArgumentParser
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from urllib.request import Request, urlopen

from pareta import Pareta

WIDTHS = {"day": timedelta(days=1), "hour": timedelta(hours=1)}


class Point(NamedTuple):
    """What a metric was from `start` to `end`.

    :param count: of how many calls.
    """

    start: datetime
    end: datetime
    value: float
    count: int


class Series(NamedTuple):
    """One metric of one endpoint.

    :param kind: of the drift it would show.
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


def read(pareta: Pareta, endpoint: str, since: str, now: datetime, by: str = "day") -> list[Series]:
    """Return what an endpoint's metrics were in each whole hour or day up to now."""
    metrics = pareta.endpoints.metrics(endpoint)
    window = {"since": since, "group_by": by}
    quality, performance = metrics.quality(**window), metrics.performance(**window)
    uptime, cost, activity = metrics.uptime(**window), metrics.cost(**window), metrics.activity(**window)

    def series(kind: str, metric: str, rows: list[dict[str, Any]], value: Callable[..., float], count: str) -> Series:
        points = []
        for row in rows:
            start = datetime.fromisoformat(row["start"])
            if row[count] and start + WIDTHS[by] <= now:
                points.append(Point(start, start + WIDTHS[by], value(row), row[count]))
        return Series(kind, endpoint, metric, points)

    latency, answered = performance["points"], [row for row in activity["points"] if row["succeeded"]]
    spent = {row["start"]: row["total_micro_usd"] for row in cost["buckets"]}
    by_call = series(
        "price", "micro-dollars per call", answered, lambda row: spent[row["start"]] / row["succeeded"], "succeeded"
    )
    by_token = series(
        "price", "micro-dollars per token", answered,
        lambda row: spent[row["start"]] / max(1, row["total_tokens"]), "succeeded",
    )  # fmt: skip
    found = [
        series("quality", "quality_mean", quality["windows"], lambda row: row["quality_mean"], "n_judged"),
        series("error_rate", "error rate", uptime["points"], lambda row: 1 - row["availability"], "requests"),
        *[
            series("latency", f"{name}_ms", latency, lambda row, name=name: row[f"{name}_ms"], "requests")
            for name in ("p50", "p95", "p99")
        ],
        min(by_call, by_token, key=unsteadiness),  # whatever of the two the vendor bills by
        series(
            "token_mix", "tokens per call", answered, lambda row: row["total_tokens"] / row["succeeded"], "succeeded"
        ),
        filled(series("traffic", "calls", activity["points"], lambda row: row["requests"], "requests"), now, by),
    ]
    return [each for each in found if each.points]


def unsteadiness(series: Series) -> float:
    """Return how far apart a week's values lie, relative to the largest."""
    values = [point.value for point in series.points[:7]]
    return (max(values) - min(values)) / (max(values) or 1) if values else 0.0


def filled(series: Series, now: datetime, by: str) -> Series:
    """Return a series with a zero wherever nobody called."""
    if not series.points:
        return series
    known = {point.start: point for point in series.points}
    at, points = series.points[0].start, []
    while at + WIDTHS[by] <= now:
        points.append(known.get(at, Point(at, at + WIDTHS[by], 0.0, 0)))
        at += WIDTHS[by]
    return series._replace(points=points)


# Running a monitor


def run(watch: Callable[[Series], Iterable[Alert]], about: str) -> None:
    """Read every endpoint there is, and print, and post, what a monitor says about each of its metrics."""
    parser = ArgumentParser(description=about)
    parser.add_argument("--since", default="2000-01-01T00:00:00Z", help="ISO 8601; from when on to look")
    parser.add_argument("--by", choices=WIDTHS, default="day", help="how much time to look at at once")
    asked = parser.parse_args()
    with Pareta.from_env() as pareta:
        now, alerts = clock(), []
        for endpoint in pareta.endpoints.list():
            for series in read(pareta, endpoint.id, asked.since, now, asked.by):
                alerts += watch(series)
    alerts.sort()
    post(alerts)
    lines = csv.writer(sys.stdout, lineterminator="\n")
    lines.writerow(Alert._fields)
    lines.writerows((f"{alert.at:%Y-%m-%dT%H:%M:%SZ}", *alert[1:]) for alert in alerts)


def _world() -> str | None:
    url, world = os.environ.get("MOCKSERVER_URL"), os.environ.get("MOCKSERVER_WORLD", "default")
    return f"{url}/_mock/worlds/{world}" if url else None


def clock() -> datetime:
    """Return the time, which a simulator has of its own."""
    world = _world()
    if world is None:
        return datetime.now(UTC)  # noqa: TID251  # a program of its own, not a part of the simulator
    with urlopen(f"{world}/clock") as answer:
        return datetime.fromisoformat(json.load(answer)["now"])


def post(alerts: list[Alert]) -> None:
    """Raise alerts in the simulator's world, so that they are scored."""
    world = _world()
    for first in range(0, len(alerts) if world else 0, 1000):
        body = [{**alert._asdict(), "at": alert.at.isoformat()} for alert in alerts[first : first + 1000]]
        urlopen(Request(f"{world}/alerts", json.dumps(body).encode(), {"Content-Type": "application/json"})).close()
