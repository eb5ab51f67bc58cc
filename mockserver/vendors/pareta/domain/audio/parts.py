"""What the readers of all containers share: the parts they walk over, how many, and what may be wrong with them."""

from __future__ import annotations

from mockserver.vendors.pareta.domain.errors import Refused

MAX_PARTS = 500_000
"""Most frames, pages, boxes or elements that are read of one file, so that no file keeps the server busy for long.

Two hours of recorder output are a third of it.
"""


def microseconds(count: int, rate: int) -> int:
    """Return how long `count` ticks last at `rate` ticks a second, to the nearest microsecond, halves up."""
    return (2 * count * 1_000_000 + rate) // (2 * rate)


def cut_off(container: str, part: str, promised: int, present: int) -> Refused:
    """Return the refusal of a file that ends within a part."""
    return Refused(f"the {container} file is cut off: its last {part} has {present} of {promised} bytes")


def too_many(container: str) -> Refused:
    """Return the refusal of a file that is chopped too fine to be read."""
    return Refused(f"the {container} file has more than {MAX_PARTS} parts")
