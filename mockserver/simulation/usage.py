"""Who calls what, and when: customers, conversations, tokens. Pure: all of it follows from a script and a seed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from mockserver.kernel.drifts import Drift
from mockserver.kernel.ids import Draws
from mockserver.simulation.script import Script
from mockserver.vendors.serving import Chances


class Customer(NamedTuple):
    """Somebody who uses the product.

    :param external_id: `customer-001` is the largest.
    :param weight: how large, relative to the others.
    :param joins_at: microseconds since 1970; `leaves_at` likewise, `None` for never.
    """

    external_id: str
    name: str
    email: str
    weight: float
    utc_offset_us: int
    joins_at: int
    leaves_at: int | None


class Ask(NamedTuple):
    """One call that somebody wants to make.

    :param key: number of its conversation, the same in every run; a later conversation has a larger one.
    :param turn: number of the call in its conversation, from 0; `turns` it will have.
    :param customer: place among the customers; `use` among the uses.
    :param carried_tokens: of the prompt, what was said in earlier turns.
    :param delay: a number in [0, 1) that says how long its report takes; `slip` what goes wrong with it, if anything.
    """

    at: int
    key: int
    turn: int
    turns: int
    customer: int
    use: int
    prompt_tokens: int
    completion_tokens: int
    carried_tokens: int
    chances: Chances
    delay: float
    slip: float


class Usage:
    """The traffic of one script.

    :param drifts: those of kinds `traffic`, `token_mix` and `customer_mix`.
    """

    def __init__(self, script: Script, draws: Draws, drifts: Sequence[Drift]) -> None:
        raise NotImplementedError

    @property
    def customers(self) -> tuple[Customer, ...]:
        """Everybody who is ever there, the largest first."""
        raise NotImplementedError

    def intensity(self, at: int) -> float:
        """Return how many conversations are expected to begin in the hour of an instant, if it were all like that."""
        raise NotImplementedError

    def openings(self, hour: int) -> list[Ask]:
        """Return the first calls of the conversations that begin in an hour (its start is given), in order of time.

        How often and in which order hours are asked for changes nothing.
        """
        raise NotImplementedError

    def next_turn(self, ask: Ask, answered_at: int) -> Ask | None:
        """Return the call that follows in a conversation once the one before was answered, if one does."""
        raise NotImplementedError
