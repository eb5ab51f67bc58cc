"""Arming faults in a world of this process, for tests that look at what they do."""

from __future__ import annotations

from typing import Any

from mockserver.kernel.faults import Armed, Effect, Fault, When
from mockserver.kernel.matching import COMMON
from mockserver.kernel.world import World
from mockserver.vendors.registry import vendors

NAMES = (*COMMON, *(name for vendor in vendors() for name in vendor.api.facts))


def arm(world: World, match: dict[str, Any] | None = None, when: When | None = None, **effect: Any) -> Armed:
    """Arm a fault; what it does is said by the names of `Effect`'s fields."""
    fault = Fault(match or {}, NAMES, Effect(**effect), when or When())
    with world.store.committed():
        spent = sum(vendor.account.spent(world) for vendor in vendors() if vendor.account is not None)
        return world.faults.add(world.count("faults"), fault, spent)
