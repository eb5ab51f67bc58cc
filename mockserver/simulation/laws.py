"""Laws of chance: numbers of a law made from uniform ones (pure).

Only `+ - * /`, square roots, `exp`, `log` and the normal quantile of the standard library are used. The first five are
exact by IEEE 754. The last three are a machine's libm, which may be off in the last of 53 bits; every number made here
is cut or rounded to whole tokens or microseconds, or compared with another, so that shows in one of some 10**9 numbers
at most, on machines whose libm differ at all.
"""

from __future__ import annotations

from collections.abc import Callable
from math import exp, log
from statistics import NormalDist
from typing import NamedTuple

_STANDARD = NormalDist()
_Z99 = 2.3263478740408408
"""The standard normal's 99th percentile."""
_LEAST = 2.0**-54
"""In place of zero, which a uniform number may be but no probability: half of the next that it may be."""
_AT_ONCE = 500.0
"""A Poisson number is counted in pieces of this mean: `exp` of more underflows."""


def normal(uniform: float) -> float:
    """Return the standard normal's quantile.

    :param uniform: in [0, 1).
    """
    return _STANDARD.inv_cdf(uniform or _LEAST)


class LogNormal(NamedTuple):
    """A long-tailed law.

    :param sigma: standard deviation of the logarithm.
    """

    median: float
    sigma: float

    @classmethod
    def fitted(cls, median: float, p99: float) -> LogNormal:
        """Return the law of which half is below `median` and a hundredth above `p99`; all of it is zero if both are.

        :param p99: no less than the median.
        """
        return cls(median, log(p99 / median) / _Z99 if median else 0.0)

    def quantile(self, uniform: float) -> float:
        """Return what a share of all is below.

        :param uniform: in [0, 1).
        """
        return self.median * exp(self.sigma * normal(uniform))


def pareto(uniform: float, alpha: float, largest: float) -> float:
    """Return the quantile of Pareto's law from 1 to `largest`, where it is cut off.

    :param uniform: in [0, 1).
    :param alpha: of the tail: the share above x falls with x to the power of -alpha.
    """
    return exp(-log(1.0 - uniform * (1.0 - exp(-alpha * log(largest)))) / alpha)


def exponential(uniform: float, mean: float) -> float:
    """Return the quantile of a time without memory; at most 37 means, which is as far as 53 bits go.

    :param uniform: in [0, 1).
    """
    return -log(1.0 - uniform) * mean


def geometric(uniform: float, mean: float) -> int:
    """Return how often something happens that goes on after each time with one and the same chance, at least once.

    :param uniform: in [0, 1).
    :param mean: at least 1.
    """
    return 1 + int(log(1.0 - uniform) / log(1.0 - 1.0 / mean)) if mean > 1.0 else 1


def poisson(chance: Callable[[], float], mean: float) -> int:
    """Return how many of very many things happen that each hardly ever do.

    Takes about as many draws as it counts: those who count draw as many again for each.
    """
    count = 0
    while mean > 0.0:
        least = exp(-min(mean, _AT_ONCE))
        product = chance()
        while product > least:
            count += 1
            product *= chance()
        mean -= _AT_ONCE
    return count
