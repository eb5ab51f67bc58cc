"""Brings the template of all worlds to a scenario's start state."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext

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
    at = script.beginning.clock_at
    template = worlds.nobody
    # Its clock may be running, and fast: no scenario would begin before its own balance came.
    with worlds.store.committed(), nullcontext() if at is None else template.clock.pinned(at):
        set_balance(template, vendors, micro_usd(script.start.balance_usd), script.name)
