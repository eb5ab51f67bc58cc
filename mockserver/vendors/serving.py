"""Paid work without requests: how a scenario's traffic has a vendor serve many calls, by the same rules as requests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from mockserver.kernel.world import World


class Chances(NamedTuple):
    """All the chance of one call, as independent numbers in [0, 1): nothing else decides what becomes of it.

    :param latency: how long it takes; `fate` whether it fails; `judge` whether it is judged and how far a judge is off;
        `answer` what of its answer is right.
    """

    latency: float
    fate: float
    judge: float
    answer: float


class Pace(NamedTuple):
    """How long calls take: log-normal.

    :param sigma: standard deviation of the logarithm.
    """

    median_us: int
    sigma: float


class Order(NamedTuple):
    """One call.

    :param at: when it comes; no earlier than the one before.
    :param who: the id of a live endpoint, or another model that answers chat.
    :param pace: how long such calls take, `None` for the vendor's own law.
    """

    at: int
    who: str
    prompt_tokens: int
    completion_tokens: int
    chances: Chances
    idempotency_key: str | None = None
    pace: Pace | None = None


class Served(NamedTuple):
    """What became of a call.

    :param status: 200, or of the refusal: 402 without credit, or what a drift makes calls fail with.
    :param id: of the answer, as its client sees it; `None` without one.
    :param model: what answered, as the answer has it.
    :param prompt_tokens: as the answer counts them: with what is put before the prompt of an order.
    """

    status: int
    request_id: str
    id: str | None
    model: str
    latency_us: int
    cost_micro_usd: int
    prompt_tokens: int


class Till(Protocol):
    """Serves calls in order of time and keeps their rows to write them together.

    Between opening and closing it, nobody else may change anything in its world.
    """

    @property
    def balance_micro_usd(self) -> int:
        """What is left of the prepaid balance."""

    def serve(self, order: Order, *, is_kept: bool = True, delay_us: int = 0) -> Served:
        """Serve a call, and take its price.

        :param is_kept: whether anything of it stays; else it is answered as usual and nothing was ever done.
        :param delay_us: how much later its call and its debit show.
        """

    def close(self) -> None:
        """Write all that was served."""


class Serving(Protocol):
    """A vendor's counter for a scenario's traffic.

    :ivar operation: the operation that calls are of, by its vendor's name for it.
    :ivar replay_span_us: how long the first success under an idempotency key is given again, for nothing; 0 for never.
        Who asks again is not to be served again, which is left to whoever makes the calls.
    """

    operation: str
    replay_span_us: int

    def open(self, world: World) -> Till:
        """Begin to serve."""

    def callable(self, world: World) -> Sequence[str]:
        """Return everything an order may name right now."""

    def latest(self, world: World) -> int | None:
        """Return the instant of the last movement of money, `None` when there was none."""
