"""Deployed endpoints: looking at them, starting and stopping them."""

from __future__ import annotations

from dataclasses import dataclass

from mockserver.kernel.call import Call
from mockserver.kernel.errors import Conflict, NotFound
from mockserver.kernel.windows import SECOND, parse_instant
from mockserver.kernel.world import World
from mockserver.vendors.pareta import tables
from mockserver.vendors.pareta.domain.catalog import AUTO, ServedEndpoint
from mockserver.vendors.pareta.domain.generations import ENDPOINTS, generation

AUTO_SINCE = parse_instant("2026-01-01T00:00:00Z")
"""Source: pareta/models "created" (that there is one: documented; which: assumed)."""

GO_LIVE = "pareta.endpoints.go_live"
START_US = 5 * SECOND
"""How long a start takes for those who do not look. Source: pareta/endpoints "lifecycle" (assumed)."""


@dataclass(frozen=True, slots=True)
class Listed:
    """An endpoint and the base URL under which it is called."""

    endpoint: ServedEndpoint
    url: str


def endpoint_named(world: World, endpoint_id: str) -> ServedEndpoint:
    """Return an endpoint.

    :raises NotFound: there is none of that id.
    """
    endpoint = tables.endpoints.find_endpoint(world, endpoint_id)
    if endpoint is None:
        raise NotFound("endpoint", endpoint_id)
    return endpoint


def list_all(call: Call) -> list[Listed]:
    """Return every endpoint; one that is starting goes live by being looked at."""
    for endpoint in tables.endpoints.endpoints(call.world):
        if endpoint.status == "starting":
            go_live(call.world, endpoint.id)
    return [_listed(call, endpoint) for endpoint in tables.endpoints.endpoints(call.world)]


def retrieve(call: Call, endpoint_id: str) -> Listed:
    """Return one endpoint; one that is starting goes live by being looked at."""
    if endpoint_named(call.world, endpoint_id).status == "starting":
        go_live(call.world, endpoint_id)
    return _listed(call, endpoint_named(call.world, endpoint_id))


def start(call: Call, endpoint_id: str) -> ServedEndpoint:
    """Start a stopped endpoint; nothing changes for one that is live or starting.

    :raises Conflict: a seed endpoint cannot be started.
    """
    endpoint = _deployed(call.world, endpoint_id)
    if endpoint.status == "stopped":
        tables.endpoints.set_status(call.world, endpoint_id, "starting", call.now + START_US)
        call.world.schedule.add(call.now + START_US, GO_LIVE, endpoint_id)
    return endpoint_named(call.world, endpoint_id)


def stop(call: Call, endpoint_id: str) -> ServedEndpoint:
    """Stop an endpoint; nothing changes for one that is stopped.

    :raises Conflict: a seed endpoint cannot be stopped.
    """
    _deployed(call.world, endpoint_id)
    call.world.schedule.cancel(GO_LIVE, endpoint_id)
    tables.endpoints.set_status(call.world, endpoint_id, "stopped")
    return endpoint_named(call.world, endpoint_id)


def go_live(world: World, endpoint_id: str) -> None:
    """Let a starting endpoint serve."""
    world.schedule.cancel(GO_LIVE, endpoint_id)
    tables.endpoints.set_status(world, endpoint_id, "live")


def models(call: Call) -> list[tuple[str, int]]:
    """Return what a client may name as a model, with creation instants: live endpoints for the first generation.

    Source: pareta/models (which generation sees what: documented).
    """
    if generation(call.client, call.idempotency_key) == ENDPOINTS:
        live = [e for e in tables.endpoints.endpoints(call.world) if e.status == "live" and not e.is_seed]
        return [(endpoint.id, endpoint.created_at) for endpoint in live]
    return [(AUTO, AUTO_SINCE)]


def _deployed(world: World, endpoint_id: str) -> ServedEndpoint:
    endpoint = endpoint_named(world, endpoint_id)
    if endpoint.is_seed:
        raise Conflict(f"endpoint '{endpoint_id}' is a seed endpoint and is not deployed", retry_after_s=0)
    return endpoint


def _listed(call: Call, endpoint: ServedEndpoint) -> Listed:
    return Listed(endpoint, f"{call.origin}/v1")
