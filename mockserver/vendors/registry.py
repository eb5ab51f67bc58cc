"""Finds the vendors that are installed, by the entry point group `mockserver.vendors`."""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mockserver.vendors.vendor import Vendor

GROUP = "mockserver.vendors"


@cache
def vendors() -> tuple[Vendor, ...]:
    """Return every installed vendor, ordered by name.

    :raises TypeError: an entry point does not name a `Vendor`.
    """
    from mockserver.vendors.vendor import Vendor  # who only asks for names does not pay for it

    found = []
    for point in _points():
        vendor = point.load()
        if not isinstance(vendor, Vendor):
            raise TypeError(f"entry point '{point.name}' of {GROUP} is not a Vendor")
        found.append(vendor)
    return tuple(found)


def fidelity_pages() -> dict[str, Path]:
    """Return, by vendor, the page that says how sure each behaviour is; those without one are left out."""
    pages = {}
    for point in _points():
        spec = find_spec(point.module)
        if spec is not None and spec.origin is not None:
            pages[point.name] = Path(spec.origin).with_name("FIDELITY.md")
    return {name: page for name, page in pages.items() if page.is_file()}


def mounts() -> tuple[str, ...]:
    """Return the paths below which the installed vendors answer too, without loading any of them."""
    return tuple(f"/{point.name}" for point in _points())


def _points() -> list[EntryPoint]:
    return sorted(entry_points(group=GROUP), key=lambda point: point.name)
