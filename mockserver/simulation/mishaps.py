"""What faults and drifts of the contract do to a scenario's calls and events; whom they hit is the kernel's to say."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from mockserver.kernel.drifts import Drift
from mockserver.kernel.faults import Double, Effect
from mockserver.kernel.ids import Draws
from mockserver.kernel.matching import Facts
from mockserver.kernel.world import World
from mockserver.vendors.intake import Sent
from mockserver.vendors.vendor import Vendor


class Mishap(NamedTuple):
    """What happens to one call, or to one attempt to send an event.

    Nothing is done when `status` or `is_severed` is set. Else the work is done, unless `is_undone`.

    :param fault: the ids of the faults that hit it.
    :param wait_us: how much later than usual its client knows what became of it.
    :param status: what it is refused with.
    :param is_severed: no answer comes, and nothing was done.
    :param is_lost: everything is kept, and no answer comes.
    :param is_undone: it is answered as usual, and nothing of it is kept.
    :param delay_us: how much later what was done shows.
    :param late_us: how much later an event arrives, though its sender is told at once that it has.
    :param skew_us: how far off an event's timestamp is.
    :param scale: what every number in an event's data is multiplied by.
    :param doubles: how an event arrives once more, at once; for each time.
    :param edits: what happens to the fields of a call's answer.
    """

    fault: str
    wait_us: int = 0
    status: int | None = None
    is_severed: bool = False
    is_lost: bool = False
    is_undone: bool = False
    delay_us: int = 0
    late_us: int | None = None
    skew_us: int = 0
    scale: Decimal | None = None
    doubles: tuple[Double, ...] = ()
    edits: tuple[Effect, ...] = ()

    @property
    def is_answered(self) -> bool:
        """Whether its client sees a success."""
        return self.status is None and not self.is_severed and not self.is_lost


MEANT_FOR_TRAFFIC: Mapping[str, str] = {}
"""What the fields of a fault's effect mean for a scenario's traffic; those that are not here mean nothing."""


def objection(effect: Effect) -> str | None:
    """Return why an effect can be no part of a scenario, `None` when it can."""
    raise NotImplementedError


class Target:
    """The calls, or the events, of a scenario's traffic as faults see them.

    :param operation: by its vendor's name for it, as `Serving.operation` and `Intake.operation` have it.
    """

    def __init__(self, vendor: Vendor, operation: str) -> None:
        raise NotImplementedError

    @property
    def operation(self) -> str:
        """Its name, with the vendor."""
        raise NotImplementedError

    def call(self, who: str, customer: str, idempotency_key: str) -> Facts:
        """Return the facts of a call.

        :param who: what is called; `customer` by external id.
        """
        raise NotImplementedError

    def event(self, sent: Sent) -> Facts:
        """Return the facts of an attempt to send an event."""
        raise NotImplementedError

    def struck(self, world: World, facts: Facts, at: int, spent: Callable[[], int]) -> Mishap | None:
        """Let a world's faults decide; `None` when none hits. To be asked in order of time; decisions are rows.

        :param spent: returns what was debited so far, in micro-USD.
        """
        raise NotImplementedError


class Contracts:
    """The drifts of kind `contract` that a scenario's traffic meets.

    :param drifts: all drifts of the world.
    """

    def __init__(self, drifts: Sequence[Drift], draws: Draws) -> None:
        raise NotImplementedError

    def __bool__(self) -> bool:
        """Whether there are any."""
        raise NotImplementedError

    def of_answer(self, operation: str, at: int, key: int, turn: int) -> list[Effect]:
        """Return what happens to the fields of an answer.

        :param operation: its name, with the vendor.
        """
        raise NotImplementedError

    def of_sent(self, event_type: str, at: int, customer: str, key: int, turn: int) -> list[Effect]:
        """Return what happens to the fields of an event's data before it is sent, as subject `sent:<event type>` says.

        With shape `gradual_mix` some customers have moved and others have not; who has moved stays moved.
        """
        raise NotImplementedError


def edited(data: Any, effects: Sequence[Effect]) -> Any:
    """Return JSON data with its fields edited, in order; the data itself is changed."""
    raise NotImplementedError
