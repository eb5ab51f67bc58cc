"""What drifts do to numbers: a price, a score, how long something takes."""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from statistics import NormalDist

_MILLION = 1_000_000
_SCORE_DIGITS = 6


def normal_of(one: float, other: float) -> float:
    """Return a standard normal number made of two uniform ones in [0, 1): Box and Muller's."""
    return math.sqrt(-2 * math.log(1 - one)) * math.cos(2 * math.pi * other)


def normal_at(quantile: float) -> float:
    """Return the standard normal number below which such a share of all are: for a uniform one a normal one."""
    return _normal().inv_cdf(max(quantile, _LEAST))


@cache
def _normal() -> NormalDist:
    from statistics import NormalDist  # takes long to load

    return NormalDist()


_LEAST = 2**-54


def is_among_slowest(normal: float, from_quantile: float) -> bool:
    """Whether what a standard normal number decided is at or beyond a quantile of all there could have been."""
    return 0.5 * math.erfc(-normal / math.sqrt(2)) >= from_quantile


def clamped(value: float) -> float:
    """Return the number in [0, 1] that comes nearest."""
    return min(1.0, max(0.0, value))


def noisy(score: float, deviation: float, normal: float) -> float:
    """Return what a judge says who is off by so many standard deviations: again in [0, 1], to six digits."""
    return round(clamped(score + deviation * normal), _SCORE_DIGITS)


def multiplied(amount: int, factors: Iterable[float]) -> int:
    """Return a whole amount times factors, exactly, with halves rounded up in the end.

    Of a factor the first six decimals count, so that the result is the same on every machine.
    """
    top, bottom = amount, 1
    for factor in factors:
        top *= round(factor * _MILLION)
        bottom *= _MILLION
    return (2 * top + bottom) // (2 * bottom)
