"""Python's search for garbage, put off while much is made that will be none."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """Put off the search for garbage for the length of a block.

    A batch of rows holds no cycles, but the more objects there are the longer each search takes, and the faster they
    are made the more often it comes: a quarter of the time of a long intake.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
