"""What faults do to prepaid balances: always by entries in the ledger, so that a 402 is never made up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from mockserver.http.faulting import Struck
from mockserver.kernel.call import Call
from mockserver.kernel.faults import Exhaustion, Purse
from mockserver.kernel.money import MicroUsd
from mockserver.kernel.world import World

TOP_UP = "mockserver.top_up"
"""The scheduled action by which a fault gives credit."""


class Purses:
    """The prepaid balances of all vendors. Credit is the first one's, if a vendor that has none is asked."""

    def __init__(self, purses: Mapping[str, Purse]) -> None:
        self._purses = dict(purses)

    def has(self, vendor: str) -> bool:
        """Whether a vendor has a balance."""
        return vendor in self._purses

    def spent(self, world: World) -> int:
        """Return what was debited in a world so far."""
        return sum(purse.spent(world) for purse in self._purses.values())

    def exhaust(self, struck: Struck, vendor: str, call: Call, when: Exhaustion) -> None:
        """Empty the balance, and see to it that credit comes later, where a fault says so."""
        purse = self._purses.get(vendor) or self._first
        if purse is None or not struck.exhausts:
            return
        for armed in struck.armed:
            effect = armed.fault.effect
            if effect.exhaust == when:
                _empty(purse, call.world, f"{armed.id}: exhausted")
            if effect.top_up_micro_usd is not None and (effect.exhaust or "before") == when:
                subject = f"{effect.top_up_micro_usd} {armed.id}"
                call.world.schedule.add(call.now + effect.top_up_after_us, TOP_UP, subject)

    def top_up(self, world: World, subject: str) -> None:
        """Give the credit that a fault promised."""
        amount, _, fault = subject.partition(" ")
        if self._first is not None:
            self._first.grant(world, MicroUsd(int(amount)), f"{fault}: topped up")

    @contextmanager
    def emptied(self, struck: Struck, vendor: str, call: Call) -> Iterator[None]:
        """Leave nothing of the balance for the length of a block, if a fault wants the vendor's own 402."""
        purse = self._purses.get(vendor)
        if struck.final is None or purse is None:  # all other final effects come in place of the work
            yield
            return
        fault = struck.armed[-1].id
        left = _empty(purse, call.world, f"{fault}: emptied for one request")
        try:
            yield
        finally:
            if left:
                purse.grant(call.world, left, f"{fault}: put back")

    @property
    def _first(self) -> Purse | None:
        return next(iter(self._purses.values()), None)


def _empty(purse: Purse, world: World, note: str) -> MicroUsd:
    """Take away what is left, if anything is, and return it."""
    left = MicroUsd(max(0, purse.balance(world)))
    if left:
        purse.grant(world, MicroUsd(-left), note)
    return left
