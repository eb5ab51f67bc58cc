"""Finds the vendors that are installed, by the entry point group `mockserver.vendors`."""

from __future__ import annotations

from functools import cache
from importlib.metadata import entry_points

from mockserver.vendors.vendor import Vendor

GROUP = "mockserver.vendors"


@cache
def vendors() -> tuple[Vendor, ...]:
    """Return every installed vendor, ordered by name.

    :raises TypeError: an entry point does not name a `Vendor`.
    """
    found = []
    for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        vendor = point.load()
        if not isinstance(vendor, Vendor):
            raise TypeError(f"entry point '{point.name}' of {GROUP} is not a Vendor")
        found.append(vendor)
    return tuple(found)
