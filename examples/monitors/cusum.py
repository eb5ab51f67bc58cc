"""A monitor that adds up small departures from what was usual (CUSUM), with a false-alarm rate that is chosen.

    mockserver exec --db FILE -- python examples/monitors/cusum.py > alerts.csv

Each day is compared with a baseline learned from the same series so far: how far off is it, measured by how far off so
many calls are by chance? Departures add up, less an allowance. The sum that raises an alert follows from
FALSE_ALARM_EVERY: after so many observations, on average, a series that does not change raises one.

- What counts calls is looked at by the hour: an incident does not wait for midnight.
- Traffic has a shape of its own: an hour is compared with that hour of the week.
- What is too small to matter (`slack`) is no departure: growth of a few percent a week raises nothing.
- Nothing is learned from what looks like a change: what drifts is not taken for usual.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from readings import Alert, Point, Series, run

FALSE_ALARM_EVERY = 2_000
ALLOWANCE = 0.5
"""Half the smallest departure that is to be found soon, in standard deviations."""

SUSPICION = 0.75
"""Share of the limit from which on nothing is learned."""

WEEK, LEARNING = timedelta(days=7), timedelta(days=3)
"""How long nothing is said at first, with and without a weekly shape."""


# Scales


class Scale(NamedTuple):
    """How a metric is looked at: so that chance is about as large at any level.

    :param of: takes the value and the number of calls; `back` makes a value of it again.
    :param moved: returns a level moved by the slack, up (1) or down (-1).
    :param noise: assumed standard deviation of one call, or of one observation if that does not hang on the calls.
    :param trust: how many observations the assumed noise is worth beside what is learned.
    :param at_least: hours are put together until they have so many calls.
    """

    of: Callable[[float, int], float]
    back: Callable[[float], float]
    moved: Callable[[float, int], float]
    noise: float
    trust: int = 2
    at_least: int = 0
    is_of_calls: bool = True
    has_weekly_shape: bool = False
    ways: tuple[int, ...] = (1, -1)


def shares(slack: float, at_least: int) -> Scale:
    """Return the scale of shares of calls: chance is at most that of a coin with the same mean."""

    def of(value: float, count: int) -> float:
        return math.asin(math.sqrt((value * count + 0.375) / (count + 0.75)))

    def back(level: float) -> float:
        return math.sin(level) ** 2

    def moved(level: float, way: int) -> float:
        return math.asin(math.sqrt(min(1.0, max(0.0, back(level) + way * slack))))

    return Scale(of, back, moved, noise=0.5, trust=30, at_least=at_least)


def ratios(slack: float, noise: float) -> Scale:
    """Return the scale of what changes by factors."""

    def of(value: float, _count: int) -> float:
        return math.log(max(value, 1e-9))

    def moved(level: float, way: int) -> float:
        return level + way * math.log(1 + slack)

    return Scale(of, math.exp, moved, noise)


def counts(slack: float, noise: float) -> Scale:
    """Return the scale of how often something happens."""

    def of(value: float, _count: int) -> float:
        return 2 * math.sqrt(value + 0.375)

    def back(level: float) -> float:
        return max(0.0, level * level / 4 - 0.375)

    def moved(level: float, way: int) -> float:
        return level * math.sqrt(1 + way * slack)

    return Scale(of, back, moved, noise, trust=24, is_of_calls=False, has_weekly_shape=True)


def parts(slack: float, noise: float) -> Scale:
    """Return the scale of parts of a whole, of which only growing ones matter: when one grows, all others shrink."""
    scale = shares(slack, 0)
    return scale._replace(of=lambda value, _: math.asin(math.sqrt(value)), noise=noise, trust=2, ways=(1,))


SCALES = {
    "quality_mean": shares(0.005, at_least=40),
    "error rate": shares(0.002, at_least=40),
    "p50_ms": ratios(0.05, 1.0),
    "p95_ms": ratios(0.05, 2.0),
    "p99_ms": ratios(0.10, 4.0),
    "micro-dollars per call": ratios(0.01, 0.05),
    "micro-dollars per token": ratios(0.01, 0.05),
    "tokens per call": ratios(0.03, 1.0),
    "calls": counts(0.25, 1.5),
    "share of costs": parts(0.02, 0.1),
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

    def __init__(self, noise: float, trust: int) -> None:
        self._noise = noise
        self._trust = trust
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
        freedom = self._freedom + self._trust
        variance = (self._squares + self._trust * self._noise**2) / freedom
        t = difference / math.sqrt(variance * (1 / weight + 1 / self._means[part][1]))
        # Wallace (1959), "Bounds on normal approximations to Student's and the chi-square distributions".
        return math.copysign(
            (8 * freedom + 1) / (8 * freedom + 3) * math.sqrt(freedom * math.log1p(t * t / freedom)), t
        )


class Alarm(NamedTuple):
    """Where the sums passed the limit, and what was usual there."""

    point: Point
    usual: float


def gathered(points: list[Point], at_least: int) -> Iterator[Point]:
    """Yield points put together until they have so many calls."""
    start, total, count = None, 0.0, 0
    for point in points:
        start = point.start if start is None else start
        total, count = total + point.value * point.count, count + point.count
        if count >= at_least:
            yield Point(start, point.end, total / max(1, count), count)
            start, total, count = None, 0.0, 0


def alarms(points: list[Point], scale: Scale, false_alarm_every: float = FALSE_ALARM_EVERY) -> Iterator[Alarm]:
    """Yield an alarm for each change, and once a week as long as it lasts."""
    h, usual = limit(false_alarm_every), Usual(scale.noise, scale.trust)
    up = down = 0.0
    last: datetime | None = None  # alarm about a change that has not passed
    for point in gathered(points, scale.at_least) if scale.at_least else points:
        part = (point.start.weekday(), point.start.hour) if scale.has_weekly_shape else None
        value, weight = scale.of(point.value, point.count), point.count if scale.is_of_calls else 1
        level = usual.mean(part)
        if level is None or point.end <= points[0].start + (WEEK if scale.has_weekly_shape else LEARNING):
            usual.learn(part, value, weight)
            continue
        if 1 in scale.ways:
            up = max(0.0, up + usual.departure(part, value - scale.moved(level, 1), weight) - ALLOWANCE)
        if -1 in scale.ways:
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
    run(watch, has_hours=True, has_customers=True)
