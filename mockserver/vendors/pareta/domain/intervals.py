"""How sure a measured quality is: 95% intervals around means of scores and around macro-averaged F1."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

# The two-sided 95% quantile of the normal distribution.
_Z95 = 1.959963984540054

Tally = tuple[tuple[str, int, int], ...]
"""What one row adds to the F1 of each label or field it touches: its name, hits (0 or 1), and how many of the two
sides, given and wanted, name it (1 or 2)."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean score with its 95% interval: `low <= mean <= high`, all in [0, 1]."""

    mean: float
    low: float
    high: float


def wilson(mean: float, count: float) -> Estimate:
    """Return the Wilson score interval around a mean of `count` scores in [0, 1].

    Exact scores of 0 and 1 make it the binomial interval; partial scores vary less than those, so it then covers
    at least as often. Without scores nothing is known: [0, 1].

    :param count: how many independent scores the mean is worth, not always a whole number.

    Source: Wilson (1927), "Probable inference, the law of succession, and statistical inference", JASA 22.
    """
    if not count:
        return Estimate(0.0, 0.0, 1.0)
    square = _Z95 * _Z95
    centre = (mean + square / (2 * count)) / (1 + square / count)
    half = _Z95 * math.sqrt(mean * (1 - mean) / count + square / (4 * count * count)) / (1 + square / count)
    return Estimate(mean, max(0.0, min(mean, centre - half)), min(1.0, max(mean, centre + half)))


def macro_f1_estimate(tallies: Mapping[Tally, int], rows: int) -> Estimate:
    """Return the mean over all labels or fields of their F1 in a set of rows, with its 95% interval.

    A macro mean is no mean of rows: few rows of a rare label weigh as much as many of a common one. The interval is
    Wilson's for as many rows as the macro mean is worth: its variance by the delete-one jackknife says how many, and
    never more than there are rows, nor than rows spread evenly over the labels would be worth. It reaches to the
    same interval around the jackknife's estimate without bias, because F1s of few rows are too low.

    :param tallies: how many rows add each tally; the other rows add nothing.

    Source: Efron (1982), "The jackknife, the bootstrap and other resampling plans", ch. 2 and 3 (variance and bias);
    Kish (1965), "Survey sampling", ch. 8 (effective sample size).
    """
    hits: dict[str, int] = {}
    sizes: dict[str, int] = {}
    touched: dict[str, int] = {}
    for tally, count in tallies.items():
        for name, hit, size in tally:
            hits[name] = hits.get(name, 0) + hit * count
            sizes[name] = sizes.get(name, 0) + size * count
            touched[name] = touched.get(name, 0) + count
    names = len(sizes)
    if not names:  # no row names anything, so nothing was missed
        return wilson(1.0, rows)
    total = sum(2 * hits[name] / sizes[name] for name in sizes)
    mean = min(1.0, total / names)
    without = {tally: _without(tally, total, names, hits, sizes) for tally in tallies}
    without[()] = mean
    counts = {**tallies, (): rows - sum(count for tally, count in tallies.items() if tally)}
    middle = sum(without[tally] * count for tally, count in counts.items()) / rows
    variance = (rows - 1) / rows * sum((without[tally] - middle) ** 2 * count for tally, count in counts.items())
    worth = min(rows, names * names / sum(1 / count for count in touched.values()))
    if variance > 0:
        worth = min(worth, max(1.0, mean * (1 - mean) / variance))
    plain = wilson(mean, worth)
    unbiased = wilson(min(1.0, max(0.0, rows * mean - (rows - 1) * middle)), worth)
    return Estimate(mean, min(plain.low, unbiased.low), max(plain.high, unbiased.high))


def _without(tally: Tally, total: float, names: int, hits: Mapping[str, int], sizes: Mapping[str, int]) -> float:
    """Return the macro mean without one row of this tally."""
    for name, hit, size in tally:
        total -= 2 * hits[name] / sizes[name]
        if sizes[name] > size:
            total += 2 * (hits[name] - hit) / (sizes[name] - size)
        else:
            names -= 1
    return total / names if names else 0.0
