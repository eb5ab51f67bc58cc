"""A monitor that compares with limits: quality_mean below 0.90, as Pareta's own page has it, and what goes with it.

    mockserver exec --db FILE -- python examples/monitors/threshold.py > alerts.csv

No page names a limit for latency or for cost, because nobody but you knows what is usual: these are held to
what they were in the first week. An alert is raised when a limit is crossed, and again only after it was kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from statistics import median

from readings import Alert, Series, run

LOWEST = {"quality": 0.90}
HIGHEST = {"error_rate": 0.02}
HIGHEST_OF_USUAL = {
    "p50_ms": 1.5, "p95_ms": 1.75, "p99_ms": 2.5, "tokens per call": 1.5,
    "micro-dollars per call": 1.1, "micro-dollars per token": 1.1,
}  # fmt: skip
"""Times what was usual in the first week."""

AT_LEAST = 30
"""Of fewer calls than these nothing can be said."""


def watch(series: Series) -> Iterator[Alert]:
    """Yield an alert for each time a series crosses its limit."""
    points = [point for point in series.points if point.count >= AT_LEAST]
    if not points:
        return
    low, high = LOWEST.get(series.kind), HIGHEST.get(series.kind)
    factor = HIGHEST_OF_USUAL.get(series.metric)
    learned_until = None
    if factor is not None:
        learned_until = points[0].start + timedelta(days=7)
        high = factor * median(point.value for point in points if point.end <= learned_until)
    is_beyond = False
    for point in points:
        if learned_until is not None and point.end <= learned_until:
            continue
        was_beyond = is_beyond
        is_beyond = (low is not None and point.value < low) or (high is not None and point.value > high)
        if is_beyond and not was_beyond:
            limit = f"below {low:g}" if low is not None else f"above {high:.4g}"
            yield Alert(point.end, series.kind, series.subject, f"{series.metric} {point.value:.4g} is {limit}")


if __name__ == "__main__":
    run(watch)
