"""Brings the template of all worlds to a scenario's start state."""

from __future__ import annotations

from collections.abc import Sequence

from mockserver.kernel.money import MicroUsd, micro_usd
from mockserver.kernel.world import Worlds
from mockserver.simulation.script import Script
from mockserver.vendors.vendor import Vendor


def begin(script: Script, worlds: Worlds, vendors: Sequence[Vendor]) -> None:
    """Let worlds made from now on start as a scenario says; existing ones stay as they are.

    Starting twice on one database changes nothing: the template has that balance by then.
    """
    if script.start.balance_usd is None:
        return
    wanted = micro_usd(script.start.balance_usd)
    with worlds.store.committed():
        for vendor in vendors:
            if vendor.account is None:
                continue
            missing = wanted - vendor.account.balance(worlds.nobody)
            if missing:
                vendor.account.grant(worlds.nobody, MicroUsd(missing), f"scenario {script.name}")
