"""What calls add up to: the five dimensions of a live endpoint, and the windows they are looked at in."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from mockserver.kernel.windows import DAY, HOUR, MINUTE, WEEK, parse_instant
from mockserver.vendors.pareta.domain.intervals import Estimate, wilson

DEFAULT_WINDOW = 30 * DAY
"""Source: pareta/metrics "window" (assumed)."""

OK_BELOW = 300
"""HTTP statuses below this one are successes."""
DOWN_FROM = 500
"""HTTP statuses from this one on are failures on the vendor's side, and count against availability."""

SCORE_UNIT = 1_000_000_000
"""Scores are added up as whole billionths, so that their mean is the same on every machine."""

MAX_INCIDENTS = 1_000
"""Of more incidents than this the newest are told."""

_SPAN = re.compile(r"(\d{1,6})([mhdw])", re.ASCII)
_UNITS = {"m": MINUTE, "h": HOUR, "d": DAY, "w": WEEK}
_GROUPS = {"hour": HOUR, "day": DAY}
_NEAR = 2 * DAY


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

    @property
    def judge_width(self) -> int:
        """Width of the judge's windows: hours within two days, days beyond, unless a grouping was asked for."""
        return self.bucket or (HOUR if self.end - self.start <= _NEAR else DAY)


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


@dataclass(frozen=True, slots=True)
class Tally:
    """What some calls add up to.

    :param succeeded: requests answered below `OK_BELOW`; `down` those answered from `DOWN_FROM` on.
    :param frontier_micro_usd: what the model they stand in for would have cost.
    :param judged: how many answers the judge scored; `score_sum` their scores, in `SCORE_UNIT`.
    :param last_at: when the newest of them came, `None` without any.
    """

    requests: int = 0
    succeeded: int = 0
    down: int = 0
    total_micro_usd: int = 0
    frontier_micro_usd: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    judged: int = 0
    score_sum: int = 0
    last_at: int | None = None

    @property
    def failed(self) -> int:
        """Requests that did not succeed, whoever's fault it was."""
        return self.requests - self.succeeded

    @property
    def total_tokens(self) -> int:
        """Tokens given and written."""
        return self.prompt_tokens + self.completion_tokens

    @property
    def savings_micro_usd(self) -> int:
        """What the frontier model would have cost more."""
        return self.frontier_micro_usd - self.total_micro_usd

    @property
    def savings_multiple(self) -> float | None:
        """How many times dearer the frontier model would have been, to one decimal; `None` when nothing was spent."""
        return round(self.frontier_micro_usd / self.total_micro_usd, 1) if self.total_micro_usd else None

    @property
    def success_rate(self) -> float | None:
        """The share of requests that succeeded; `None` without requests."""
        return self.succeeded / self.requests if self.requests else None

    @property
    def availability(self) -> float:
        """The share of requests that did not fail on the vendor's side; 1 without requests."""
        return 1 - self.down / self.requests if self.requests else 1.0

    @property
    def quality(self) -> Estimate | None:
        """The judged quality with its 95% interval; `None` when nothing was judged."""
        return wilson(self.score_sum / (self.judged * SCORE_UNIT), self.judged) if self.judged else None


def added(tallies: Iterable[Tally]) -> Tally:
    """Return what several groups of calls add up to together."""
    groups = list(tallies)
    return Tally(
        sum(t.requests for t in groups),
        sum(t.succeeded for t in groups),
        sum(t.down for t in groups),
        sum(t.total_micro_usd for t in groups),
        sum(t.frontier_micro_usd for t in groups),
        sum(t.prompt_tokens for t in groups),
        sum(t.completion_tokens for t in groups),
        sum(t.judged for t in groups),
        sum(t.score_sum for t in groups),
        max((t.last_at for t in groups if t.last_at is not None), default=None),
    )


@dataclass(frozen=True, slots=True)
class Latency:
    """Nearest-rank percentiles of successful calls, in whole microseconds; `None` without any."""

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


def latency_of(times_us: Iterable[int]) -> Latency:
    """Return the percentiles of the times that successful calls took, given in any order."""
    ordered = sorted(times_us)
    return Latency(percentile(ordered, 50), percentile(ordered, 95), percentile(ordered, 99))


def percentile(ordered: Sequence[int], rank: int) -> int | None:
    """Return the nearest-rank percentile of ordered values, `None` of none."""
    return ordered[-(-rank * len(ordered) // 100) - 1] if ordered else None


def incidents_of(calls: Iterable[tuple[int, bool]]) -> list[tuple[int, int, int]]:
    """Return runs of consecutive vendor-side failures as (first instant, last instant, failures), oldest first.

    :param calls: when each came and whether it failed on the vendor's side, oldest first.
    """
    found: deque[tuple[int, int, int]] = deque(maxlen=MAX_INCIDENTS)
    start = end = failures = 0
    for at, is_down in calls:
        if is_down:
            start, end, failures = (start if failures else at), at, failures + 1
        elif failures:
            found.append((start, end, failures))
            failures = 0
    if failures:
        found.append((start, end, failures))
    return list(found)
