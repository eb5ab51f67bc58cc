"""Laws fitted to samples, in memory that does not grow with them (pure)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import exp, expm1, log, sqrt

from mockserver.kernel.windows import DAY, HOUR
from mockserver.simulation.laws import LogNormal

_EPOCH_WEEKDAY = 3  # 1970 began on a Thursday; weeks begin on Monday
_ROUNDS = 50
_HALVINGS = 60
_LEAST_SHAPE = 0.02


@dataclass(slots=True)
class Sample:
    """Values above zero, of which only what a log-normal law is fitted by is kept.

    Sums are kept of distances from the first value's logarithm, so that they stay exact for values of any size.
    """

    count: int = 0
    _first: float = 0.0
    _sum: float = 0.0
    _squares: float = 0.0

    def add(self, value: float) -> None:
        """Take a value in; zero and less has no logarithm and is passed over."""
        if value <= 0.0:
            return
        number = log(value)
        if not self.count:
            self._first = number
        number -= self._first
        self.count += 1
        self._sum += number
        self._squares += number * number

    def law(self) -> LogNormal:
        """Return the most likely log-normal law; its spread with the denominator that makes it unbiased.

        :raises ValueError: there is no value.
        """
        if not self.count:
            raise ValueError("no law fits no values")
        mean = self._sum / self.count
        spread = max(0.0, self._squares - self.count * mean * mean) / max(1, self.count - 1)
        return LogNormal(exp(self._first + mean), sqrt(spread))


@dataclass(slots=True)
class Week:
    """How often something happened by weekday and hour of UTC, and for how long anybody looked.

    :ivar counts: of 168 hours, from Monday's first; `seen_us` how long each of them was looked at.
    """

    counts: list[int] = field(default_factory=lambda: [0] * 168)
    seen_us: list[int] = field(default_factory=lambda: [0] * 168)

    def add(self, at: int) -> None:
        """Count something at an instant."""
        self.counts[_cell(at)] += 1

    def look(self, start: int, end: int) -> None:
        """Note that somebody looked from one instant to another."""
        whole = (end - start) // (7 * DAY)
        if whole:
            # However long it was, whole weeks are told at once.
            self.seen_us = [seen + whole * HOUR for seen in self.seen_us]
            start += whole * 7 * DAY
        while start < end:
            until = min(end, start - start % HOUR + HOUR)
            self.seen_us[_cell(start)] += until - start
            start = until

    @property
    def total(self) -> int:
        """How often it happened."""
        return sum(self.counts)

    def times_seen(self, *, by: int) -> float:
        """Return how often the least seen hour of a day (`by=24`) or weekday (`by=7`) was seen, in hours or days."""
        if by == 24:
            return min(sum(self.seen_us[hour::24]) for hour in range(24)) / HOUR
        return min(sum(self.seen_us[24 * day : 24 * day + 24]) for day in range(7)) / DAY

    def per_day(self, hours: Sequence[float], weekdays: Sequence[float]) -> float:
        """Return how often it happens on a day of a week whose shape is known: the most likely rate.

        :param hours: weights of the hours of a day; `weekdays` of the days of a week. Only ratios count.
        """
        exposure = sum(
            seen * weekdays[cell // 24] * hours[cell % 24] for cell, seen in enumerate(self.seen_us) if seen
        ) / (sum(hours) / 24 * sum(weekdays) / 7)
        return self.total * DAY / exposure if exposure else 0.0

    def shape(self, weekdays: Sequence[float] | None, fewest: float = 0.5) -> tuple[list[float], list[float]]:
        """Return the most likely weights of hours and weekdays, each with a mean of one.

        Counts are Poisson's, their means a product of what the hour and the weekday make of them; each factor is
        solved for the others in turn, until nothing moves.

        :param weekdays: weights that are known; `None` to find them.
        :param fewest: added to every hour's and weekday's count, so that none that was quiet is impossible.
        """
        hours = [1.0] * 24
        days = _to_mean_one(weekdays) if weekdays is not None else [1.0] * 7
        for _ in range(_ROUNDS):
            before = (*hours, *days)
            hours = _to_mean_one([self._ratio(range(hour, 168, 24), days, None, fewest) for hour in range(24)])
            if weekdays is None:
                days = _to_mean_one(
                    [self._ratio(range(24 * day, 24 * day + 24), None, hours, fewest) for day in range(7)]
                )
            if max(abs(new - old) for new, old in zip((*hours, *days), before, strict=True)) < 1e-6:
                break
        return hours, days

    def _ratio(self, cells: range, days: Sequence[float] | None, hours: Sequence[float] | None, fewest: float) -> float:
        expected = sum(
            self.seen_us[cell]
            * (1.0 if days is None else days[cell // 24])
            * (1.0 if hours is None else hours[cell % 24])
            for cell in cells
        )
        return (sum(self.counts[cell] for cell in cells) + fewest) / expected if expected else 0.0


def _cell(at: int) -> int:
    day, within = divmod(at, DAY)
    return (day + _EPOCH_WEEKDAY) % 7 * 24 + within // HOUR


def _to_mean_one(weights: Sequence[float]) -> list[float]:
    mean = sum(weights) / len(weights)
    return [max(_LEAST_SHAPE, weight / mean) if mean else 1.0 for weight in weights]


def tail_of(sizes: Sequence[int]) -> float:
    """Return the most likely exponent of Pareto's law, cut off at the largest, of sizes above zero.

    :raises ValueError: there are fewer than two, or all are the same.
    """
    if len(sizes) < 2 or min(sizes) == max(sizes):
        raise ValueError("a tail takes sizes that differ")
    least = min(sizes)
    total = sum(log(size / least) for size in sizes)
    span = log(max(sizes) / least)

    def excess(alpha: float) -> float:
        # The derivative of the log-likelihood; it falls as alpha grows.
        return len(sizes) * (1.0 / alpha - span / expm1(alpha * span)) - total

    low, high = 0.01, 20.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if excess(middle) > 0.0 else (low, middle)
    return (low + high) / 2


def merged(spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return spans of time without overlap, in order."""
    found: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return found
