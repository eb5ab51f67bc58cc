"""A monitor that adds up small departures from what was usual (CUSUM), with a false-alarm rate that is chosen.

    mockserver exec --scenario NAME -- python examples/monitors/cusum.py > alerts.csv

Each hour or day is compared with a baseline learned from the same series so far: how far off is it, measured by how far
off so many calls are by chance? Departures add up, less an allowance. The sum that raises an alert follows from
FALSE_ALARM_EVERY: after so many hours or days, on average, a series that does not change raises one.

- Traffic has a shape of its own: a Saturday is compared with Saturdays, an hour with that hour of the week.
- What is too small to matter (`slack`) is no departure: growth of a few percent a week raises nothing.
- Nothing is learned from what looks like a change: what drifts is not taken for usual.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from readings import Alert, Point, Series, run

FALSE_ALARM_EVERY = 5_000
ALLOWANCE = 0.5
"""Half the smallest departure that is to be found soon, in standard deviations."""

WEEK = timedelta(days=7)
SUSPICION = 0.75
"""Share of the limit from which on nothing is learned."""

PRIOR_WEIGHT = 2
"""How many observations the assumed noise of a metric is worth beside what is learned."""


# Scales


class Scale(NamedTuple):
    """How a metric is looked at: so that chance is about as large at any level.

    :param of: takes the value and the number of calls; `back` makes a value of it again.
    :param moved: returns a level moved by the slack, up (1) or down (-1).
    :param noise: assumed standard deviation of a single call.
    :param has_weekly_shape: compared with the same part of the week.
    """

    of: Callable[[float, int], float]
    back: Callable[[float], float]
    moved: Callable[[float, int], float]
    noise: float
    has_weekly_shape: bool = False


def shares(slack: float) -> Scale:
    """Return the scale of shares of calls: chance is at most that of a coin with the same mean."""

    def of(value: float, count: int) -> float:
        return math.asin(math.sqrt((value * count + 0.375) / (count + 0.75)))

    def back(level: float) -> float:
        return math.sin(level) ** 2

    def moved(level: float, way: int) -> float:
        return math.asin(math.sqrt(min(1.0, max(0.0, back(level) + way * slack))))

    return Scale(of, back, moved, noise=0.5)


def ratios(slack: float, noise: float, *, has_weekly_shape: bool = False) -> Scale:
    """Return the scale of what changes by factors."""

    def of(value: float, _count: int) -> float:
        return math.log(max(value, 0.5))

    def moved(level: float, way: int) -> float:
        return level + way * math.log(1 + slack)

    return Scale(of, math.exp, moved, noise, has_weekly_shape)


SCALES = {
    "quality_mean": shares(0.005),
    "error rate": shares(0.002),
    "p50_ms": ratios(0.05, 1.0),
    "p95_ms": ratios(0.05, 2.0),
    "p99_ms": ratios(0.10, 4.0),
    "micro-dollars per call": ratios(0.01, 0.05),
    "micro-dollars per token": ratios(0.01, 0.05),
    "tokens per call": ratios(0.03, 1.0),
    "calls": ratios(0.15, 2.0, has_weekly_shape=True),
}


# The rule


def limit(false_alarm_every: float) -> float:
    """Return the sum that raises an alarm, if what is added up are standard normal numbers.

    Siegmund (1985), "Sequential analysis": a sum with drift -k passes h after (exp(2kb) - 2kb - 1) / (2kk) numbers on
    average, where b = h + 1.166; two sums, for up and for down, do so twice as often.
    """

    def mean_run(h: float) -> float:
        twice = 2 * ALLOWANCE * (h + 1.166)
        return (math.exp(twice) - twice - 1) / (2 * ALLOWANCE**2) / 2

    low, high = 0.0, 100.0
    while high - low > 1e-9:
        middle = (low + high) / 2
        low, high = (middle, high) if mean_run(middle) < false_alarm_every else (low, middle)
    return high


class Usual:
    """What is usual: a mean for each part of the week, and one noise for all of them.

    Each observation is judged by those before it alone, so that departures do not hang on one another, and allows for
    how little is known yet (Hawkins 1987, "Self-starting CUSUM charts").
    """

    def __init__(self, noise: float) -> None:
        self._noise = noise
        self._means: dict[object, tuple[float, float]] = {}
        self._squares = 0.0
        self._freedom = 0

    def learn(self, part: object, value: float, weight: float) -> None:
        """Add an observation, with as much weight as it has calls."""
        mean, total = self._means.get(part, (value, 0.0))
        if total:
            self._squares += (value - mean) ** 2 / (1 / weight + 1 / total)
            self._freedom += 1
        self._means[part] = (mean + (value - mean) * weight / (total + weight), total + weight)

    def mean(self, part: object) -> float | None:
        """Return what is usual, `None` as long as nothing is known."""
        return self._means[part][0] if part in self._means else None

    def departure(self, part: object, difference: float, weight: float) -> float:
        """Return a difference from the mean as the standard normal number that is as improbable."""
        freedom = self._freedom + PRIOR_WEIGHT
        variance = (self._squares + PRIOR_WEIGHT * self._noise**2) / freedom
        t = difference / math.sqrt(variance * (1 / weight + 1 / self._means[part][1]))
        # Wallace (1959), "Bounds on normal approximations to Student's and the chi-square distributions".
        return math.copysign(
            (8 * freedom + 1) / (8 * freedom + 3) * math.sqrt(freedom * math.log1p(t * t / freedom)), t
        )


class Alarm(NamedTuple):
    """Where the sums passed the limit, and what was usual there."""

    point: Point
    usual: float


def alarms(points: list[Point], scale: Scale, false_alarm_every: float = FALSE_ALARM_EVERY) -> Iterator[Alarm]:
    """Yield an alarm for each change, and once a week as long as it lasts."""
    h, usual = limit(false_alarm_every), Usual(scale.noise)
    up = down = 0.0
    last: datetime | None = None  # alarm about a change that has not passed
    for point in points:
        part = (point.start.weekday(), point.start.hour) if scale.has_weekly_shape else None
        value, weight = scale.of(point.value, point.count), max(1, point.count)
        level = usual.mean(part)
        if level is None or point.end <= points[0].start + WEEK:
            usual.learn(part, value, weight)
            continue
        up = max(0.0, up + usual.departure(part, value - scale.moved(level, 1), weight) - ALLOWANCE)
        down = max(0.0, down + usual.departure(part, scale.moved(level, -1) - value, weight) - ALLOWANCE)
        if max(up, down) <= SUSPICION * h:
            last = None
            usual.learn(part, value, weight)
        elif max(up, down) > h:
            up, down = min(up, SUSPICION * h), min(down, SUSPICION * h)
            if last is None or point.end >= last + WEEK:
                last = point.end
                yield Alarm(point, scale.back(level))


def watch(series: Series) -> Iterator[Alert]:
    """Yield an alert for each alarm about a series."""
    for point, usual in alarms(series.points, SCALES[series.metric]):
        note = f"{series.metric} {point.value:.4g}, usually {usual:.4g}"
        yield Alert(point.end, series.kind, series.subject, note)


if __name__ == "__main__":
    run(watch, "Adds up how far each day of each endpoint is from what was usual.")
