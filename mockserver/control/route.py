"""What one of our own operations looks like: the vendors' endpoint row, and where it runs."""

from __future__ import annotations

from dataclasses import dataclass

from mockserver.http.endpoint import Endpoint

PREFIX = "/_mock"


@dataclass(frozen=True, slots=True)
class Route(Endpoint):
    """One operation of the control API; `run` is called with the `Control`, then like a vendor's.

    :param is_slow: whether it may take long enough to be kept off the event loop.
    """

    source: str = ""
    is_slow: bool = False
