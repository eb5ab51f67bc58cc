"""Brings the template of all worlds to a scenario's start state."""

from __future__ import annotations

from collections.abc import Sequence

from mockserver.kernel.money import micro_usd
from mockserver.kernel.world import Worlds
from mockserver.simulation.script import Script
from mockserver.simulation.stage import set_balance
from mockserver.vendors.vendor import Vendor


def begin(script: Script, worlds: Worlds, vendors: Sequence[Vendor]) -> None:
    """Let worlds made from now on start as a scenario says; existing ones stay as they are.

    Starting twice on one database changes nothing: the template has that balance by then.
    """
    if script.start.balance_usd is None:
        return
    with worlds.store.committed():
        set_balance(worlds.nobody, vendors, micro_usd(script.start.balance_usd), script.name)
