"""A world's prepaid balance, as a test holds it."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from mockserver.testing.assertions import Amount, dollars
from mockserver.testing.record import Record

if TYPE_CHECKING:
    from mockserver.testing.world import World

__tracebackhide__ = True  # a test that is refused something is shown its own line, not ours


class Credits:
    """A world's prepaid balance."""

    def __init__(self, world: World) -> None:
        self._world = world

    def __repr__(self) -> str:
        return f"Credits({self.balance_usd} USD)"

    @property
    def balance_micro_usd(self) -> int:
        """What is left, in millionths of a dollar."""
        return int(self._world.call("credits.get")["balance_micro_usd"])

    @property
    def balance_usd(self) -> Decimal:
        """What is left, in dollars."""
        return Decimal(self._world.call("credits.get")["balance_usd"])

    def set(self, usd: Amount) -> None:
        """Make the balance so many dollars."""
        self._world.change("credits.set", body={"balance_usd": dollars("usd", usd)})

    def grant(self, usd: Amount, note: str = "") -> None:
        """Add so many dollars."""
        self._world.change("credits.grant", body={"amount_usd": dollars("usd", usd), "note": note})

    @property
    def ledger(self) -> list[Record]:
        """Every movement of credit, oldest first."""
        return [Record(each) for each in self._world.every("ledger.list")]
