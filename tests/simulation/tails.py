"""How likely chance alone is to be as far off as what was found: a few tests of goodness of fit.

Each returns a p-value. Series and continued fraction of the incomplete gamma function are those of Abramowitz and
Stegun 6.5.29 and 6.5.31; Kolmogorov's law with Stephens' correction for samples that are not endless.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

ALPHA = 1e-4
"""How often a test may refuse a right generator, over all its seeds and checks; seeds were fixed beforehand."""


def chi_square_tail(statistic: float, degrees: int) -> float:
    """Return the probability of more than a statistic."""
    a, x = degrees / 2, statistic / 2
    if x <= 0:
        return 1.0
    front = math.exp(a * math.log(x) - x - math.lgamma(a))
    if x < a + 1:
        term = total = 1 / a
        n = 0
        while term > total * 1e-15:
            n += 1
            term *= x / (a + n)
            total += term
        return 1 - front * total
    b = x + 1 - a
    c, d = 1e300, 1 / b
    fraction = d
    for n in range(1, 100_000):
        step = -n * (n - a)
        b += 2
        d = 1 / (step * d + b)
        c = b + step / c
        fraction *= d * c
        if abs(d * c - 1) < 1e-15:
            break
    return front * fraction


def both_sides(upper: float) -> float:
    """Return the p-value of something that may be too large as well as too small."""
    return min(1.0, 2 * min(upper, 1 - upper))


def normal_tails(z: float) -> float:
    """Return the probability of further from zero than a standard normal number, on either side."""
    return math.erfc(abs(z) / math.sqrt(2))


def counts(found: Sequence[float], expected: Sequence[float]) -> float:
    """Return the p-value of independent Poisson counts; those that vary too little are as suspect as too much."""
    assert min(expected) >= 5, "too few to be told by chi-square"
    statistic = sum((n - e) ** 2 / e for n, e in zip(found, expected, strict=True))
    return both_sides(chi_square_tail(statistic, len(found)))


def count(found: float, expected: float) -> float:
    """Return the p-value of one Poisson count, which is large."""
    return counts([found], [expected])


def shares(found: Sequence[float], expected: Sequence[float]) -> float:
    """Return the p-value of how a fixed number of things spreads over boxes, which are as probable as told."""
    number, whole = sum(found), sum(expected)
    wanted = [number * e / whole for e in expected]
    assert min(wanted) >= 5, "too few to be told by chi-square"
    statistic = sum((n - e) ** 2 / e for n, e in zip(found, wanted, strict=True))
    return chi_square_tail(statistic, len(found) - 1)


def share(found: int, number: int, probability: float) -> float:
    """Return the p-value of how many of a number of things are of a kind."""
    return normal_tails((found - number * probability) / math.sqrt(number * probability * (1 - probability)))


def uniform(numbers: Iterable[float]) -> float:
    """Return the p-value of numbers that are to be uniform in 0 to 1: Kolmogorov and Smirnov."""
    ordered = sorted(numbers)
    n = len(ordered)
    distance = max(max((i + 1) / n - u, u - i / n) for i, u in enumerate(ordered))
    scaled = distance * (math.sqrt(n) + 0.12 + 0.11 / math.sqrt(n))
    if scaled < 0.3:
        return 1.0
    return min(1.0, 2 * sum((-1.0) ** (k - 1) * math.exp(-2 * (k * scaled) ** 2) for k in range(1, 101)))


def of_law(numbers: Iterable[float], below: Callable[[float], float]) -> float:
    """Return the p-value of numbers of a law that has no jumps.

    :param below: returns the probability of less.
    """
    return uniform(below(number) for number in numbers)


def uncorrelated(one: Sequence[float], other: Sequence[float]) -> float:
    """Return the p-value of two columns of numbers uniform in 0 to 1 that have nothing to do with one another."""
    total = sum((x - 0.5) * (y - 0.5) for x, y in zip(one, other, strict=True))
    return normal_tails(total * 12 / math.sqrt(len(one)))
