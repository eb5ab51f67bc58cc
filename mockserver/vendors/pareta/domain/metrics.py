"""The five dimensions of a live endpoint, computed from the calls it served."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from mockserver.kernel.windows import DAY, HOUR, MINUTE, WEEK, floor_to, parse_instant
from mockserver.vendors.pareta.domain.scoring import Estimate, wilson

DEFAULT_WINDOW = 30 * DAY
"""Source: pareta/metrics "window" (assumed)."""

_SPAN = re.compile(r"(\d{1,6})([mhdw])", re.ASCII)
_UNITS = {"m": MINUTE, "h": HOUR, "d": DAY, "w": WEEK}
_GROUPS = {"hour": HOUR, "day": DAY}


@dataclass(frozen=True, slots=True)
class Window:
    """The span a metric looks at: after `start`, up to and including `end`.

    :param label: the span as the answer names it.
    :param bucket: width of its groups in microseconds, or `None` for no grouping.
    """

    start: int
    end: int
    label: str
    bucket: int | None


@dataclass(frozen=True, slots=True)
class ServedCall:
    """One request that reached an endpoint.

    :param status: HTTP status; 2xx succeeded, 5xx counts against availability.
    :param score: the judge's score of a sampled answer, in [0, 1], or `None`.
    """

    at: int
    status: int
    latency_us: int
    prompt_tokens: int
    completion_tokens: int
    cost_micro_usd: int
    frontier_micro_usd: int
    score: float | None

    @property
    def is_ok(self) -> bool:
        """Whether it succeeded."""
        return self.status < 300

    @property
    def is_down(self) -> bool:
        """Whether it counts against availability."""
        return self.status >= 500


@dataclass(frozen=True, slots=True)
class Cost:
    """What calls cost, and what the frontier model they stand in for would have."""

    requests: int
    total_micro_usd: int
    frontier_micro_usd: int

    @property
    def savings_micro_usd(self) -> int:
        """The difference."""
        return self.frontier_micro_usd - self.total_micro_usd

    @property
    def savings_multiple(self) -> float | None:
        """How many times dearer the frontier model would have been, to one decimal; `None` when nothing was spent."""
        return round(self.frontier_micro_usd / self.total_micro_usd, 1) if self.total_micro_usd else None


@dataclass(frozen=True, slots=True)
class Latency:
    """Nearest-rank percentiles of successful calls, in whole microseconds; `None` without any."""

    requests: int
    p50_us: int | None
    p95_us: int | None
    p99_us: int | None


def window_of(params: Mapping[str, str], now: int) -> Window:
    """Read `window`, `since`, `since_hours` and `group_by`; what cannot be read is ignored.

    Source: pareta/metrics "params become the query string" (documented); their forms are from examples and the
    default is assumed.
    """
    bucket = _GROUPS.get(params.get("group_by", ""))
    hours = params.get("since_hours", "")
    texts = (params.get("window", ""), params.get("since", ""), f"{hours}h" if hours else "")
    for text in texts:
        span = _SPAN.fullmatch(text)
        if span and int(span[1]):
            return Window(now - int(span[1]) * _UNITS[span[2]], now, text, bucket)
    try:
        start = parse_instant(params.get("since", ""))
    except ValueError:
        return Window(now - DEFAULT_WINDOW, now, "30d", bucket)
    return Window(start - 1, now, params["since"], bucket)


def grouped(calls: Iterable[ServedCall], width: int) -> dict[int, list[ServedCall]]:
    """Return calls by the UTC bucket they fall in, oldest bucket first; empty buckets are left out."""
    groups: dict[int, list[ServedCall]] = {}
    for call in calls:
        groups.setdefault(floor_to(call.at, width), []).append(call)
    return dict(sorted(groups.items()))


def cost_of(calls: Iterable[ServedCall]) -> Cost:
    """Add up what successful calls cost."""
    served = [call for call in calls if call.is_ok]
    return Cost(len(served), sum(c.cost_micro_usd for c in served), sum(c.frontier_micro_usd for c in served))


def quality_of(calls: Iterable[ServedCall]) -> tuple[Estimate | None, int]:
    """Return the judged quality with its 95% interval, and how many answers were judged; `None` when none was."""
    scores = [call.score for call in calls if call.score is not None]
    if not scores:
        return None, 0
    return wilson(sum(scores) / len(scores), len(scores)), len(scores)


def latency_of(calls: Iterable[ServedCall]) -> Latency:
    """Return the latency percentiles of successful calls."""
    times = sorted(call.latency_us for call in calls if call.is_ok)
    return Latency(len(times), percentile(times, 50), percentile(times, 95), percentile(times, 99))


def percentile(ordered: Sequence[int], rank: int) -> int | None:
    """Return the nearest-rank percentile of ordered values, `None` of none."""
    return ordered[-(-rank * len(ordered) // 100) - 1] if ordered else None


def availability_of(calls: Sequence[ServedCall]) -> float:
    """Return the share of requests that did not fail on the vendor's side; 1 without requests."""
    return 1 - sum(call.is_down for call in calls) / len(calls) if calls else 1.0


def incidents_of(calls: Iterable[ServedCall]) -> list[tuple[int, int, int]]:
    """Return runs of consecutive vendor-side failures as (first instant, last instant, failures), oldest first."""
    found: list[tuple[int, int, int]] = []
    start = end = failures = 0
    for call in calls:
        if call.is_down:
            start, end, failures = (start if failures else call.at), call.at, failures + 1
        elif failures:
            found.append((start, end, failures))
            failures = 0
    if failures:
        found.append((start, end, failures))
    return found
