"""The five dimensions of an endpoint: loads the calls of a window, the rules do the rest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mockserver.kernel.call import Call
from mockserver.vendors.pareta import tables
from mockserver.vendors.pareta.domain.catalog import ServedEndpoint
from mockserver.vendors.pareta.domain.metrics import ServedCall, Window, window_of
from mockserver.vendors.pareta.operations.endpoints import endpoint_named


@dataclass(frozen=True, slots=True)
class Traffic:
    """What an endpoint served in a window."""

    endpoint: ServedEndpoint
    window: Window
    calls: tuple[ServedCall, ...]


def traffic(call: Call, endpoint_id: str, params: Mapping[str, str]) -> Traffic:
    """Return an endpoint's calls in the window the parameters name.

    :raises NotFound: there is no such endpoint.
    """
    endpoint = endpoint_named(call.world, endpoint_id)
    window = window_of(params, call.now)
    return Traffic(endpoint, window, tuple(tables.endpoints.calls(call.world, endpoint_id, window)))
