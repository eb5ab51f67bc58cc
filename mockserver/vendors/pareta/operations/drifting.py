"""What drifts make of Pareta's work: worse answers, longer times, failures, other prices, judges that are off."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from mockserver.kernel.call import Call
from mockserver.kernel.drifts import DriftKind, Option, Seen
from mockserver.kernel.world import World
from mockserver.vendors.pareta.domain.drifting import clamped, is_among_slowest, multiplied, noisy, normal_of
from mockserver.vendors.pareta.domain.errors import ServingFailed
from mockserver.vendors.pareta.domain.predictions import rest_of

STATUSES = (500, 502, 503)


def _status(value: Any) -> int:
    if value not in STATUSES or isinstance(value, bool):
        raise ValueError(f"must be one of {', '.join(map(str, STATUSES))}")
    return int(value)


def _quantile(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1:
        raise ValueError("must be a number from 0 to below 1")
    return float(value)


_SERVERS = "an endpoint's id, or `auto`"
_CANDIDATES = f"{_SERVERS}; in eval runs a candidate's id"

KINDS: Mapping[str, DriftKind] = {
    "quality": DriftKind(
        "answers get better or worse, and so does every score that is earned with them",
        "change of the probability that a field, or an answer, is right, such as -0.08",
        low=-1.0,
        high=1.0,
        subject=_CANDIDATES,
    ),
    "latency": DriftKind(
        "calls take longer or shorter",
        "factor of how long a call takes, such as 2",
        low=0.01,
        high=1000.0,
        neutral=1.0,
        subject=_SERVERS,
        options={
            "from_quantile": Option("only calls that would be among the slowest: from this quantile on", _quantile)
        },
    ),
    "error_rate": DriftKind(
        "calls fail, and cost nothing",
        "share of calls that fail, such as 0.05",
        low=0.0,
        high=1.0,
        subject=_SERVERS,
        options={"status": Option("of the failures", _status)},
    ),
    "price": DriftKind(
        "calls are billed higher or lower; what is listed as their rate stays",
        "factor of what a call is billed, in whole micro-dollars, halves up, such as 1.25",
        low=0.01,
        high=1000.0,
        neutral=1.0,
        subject=_CANDIDATES,
    ),
    "judge_noise": DriftKind(
        "the judge is off; the answers are as good as ever",
        "standard deviation of what is added to a judge's score, which stays in 0 to 1, such as 0.2",
        low=0.0,
        high=1.0,
        subject=_CANDIDATES,
    ),
}
"""The kinds of drift, by name."""


# What one piece of work comes to with the drifts it sees


def failure(drifts: Iterable[Seen], number: float) -> tuple[int | None, float]:
    """Return the status a call fails with; or none, and what its number in [0, 1) then still says: again in [0, 1)."""
    left, share = number, 0.0
    for drift, level, _ in drifts:
        fails = max(0.0, drift.shift(level))
        left -= fails
        if left < 0:
            return drift.options.get("status", STATUSES[0]), 0.0
        share += fails
    return None, rest_of(number, share)


def moved(probability: float, drifts: Iterable[Seen]) -> float:
    """Return a probability, or what is measured like one, with what drifts add to it."""
    return clamped(probability + sum([drift.shift(level) for drift, level, _ in drifts]))


def billed(price_micro_usd: int, drifts: Iterable[Seen]) -> int:
    """Return what is billed in place of a price."""
    return multiplied(price_micro_usd, [drift.factor(level) for drift, level, _ in drifts])


def slowed(duration_us: int, normal: float, drifts: Iterable[Seen]) -> int:
    """Return how long something takes.

    :param normal: what decided how long it would have taken.
    """
    factors = [
        drift.factor(level)
        for drift, level, _ in drifts
        if is_among_slowest(normal, drift.options.get("from_quantile", 0.0))
    ]
    return multiplied(duration_us, factors)


class Drifting:
    """What drifts make of one piece of work.

    :param who: who does it, as drifts name their subjects.
    :param subject: with `counter` what its chance hangs on, and nothing else.
    """

    def __init__(self, world: World, who: str, at: int, subject: str, counter: int) -> None:
        self._world = world
        self._who = who
        self._at = at
        self._subject = subject
        self._counter = counter

    def _draw(self, what: str) -> float:
        return self._world.draws.uniform(f"drift {what}", self._subject, self._counter)

    def seen(self, kind: str) -> list[Seen]:
        """Return the drifts of a kind that it sees."""
        return self._world.drifts.seen(kind, (self._who,), self._at, lambda n: self._draw(f"{kind} mix {n}"))

    def attempt(self, call: Call) -> None:
        """Let the call fail, if it is one of those that do.

        :raises ServingFailed: it is.
        """
        drifts = self.seen("error_rate")
        if drifts:
            status, _ = failure(drifts, self._draw("error_rate"))
            if status is not None:
                call.subject = self._who
                raise ServingFailed(self._who, status)

    def quality(self, quality: float) -> float:
        """Return how often an answer, or each of its fields, is right."""
        return moved(quality, self.seen("quality"))

    def billed(self, price_micro_usd: int) -> int:
        """Return what is billed."""
        return billed(price_micro_usd, self.seen("price"))

    def slowed(self, duration_us: int, normal: float) -> int:
        """Return how long it takes.

        :param normal: what decided how long it would have taken.
        """
        return slowed(duration_us, normal, self.seen("latency"))

    def judge_noise(self) -> float:
        """Return by how much a judge is off: the standard deviation."""
        return moved(0.0, self.seen("judge_noise"))

    def judged(self, score: float | None) -> float | None:
        """Return what a judge says about an answer worth a score, if it is judged at all."""
        if score is None:
            return None
        deviation = self.judge_noise()
        return (
            noisy(score, deviation, normal_of(self._draw("judge one"), self._draw("judge two"))) if deviation else score
        )


def of(call: Call, who: str, n: int) -> Drifting | None:
    """Return what drifts make of a server's n-th call; `None` in a world without drifts."""
    return Drifting(call.world, who, call.now, who, n) if call.world.drifts.all else None
