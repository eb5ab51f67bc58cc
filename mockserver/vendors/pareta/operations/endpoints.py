"""Deployed endpoints: making them, looking at them, starting, stopping and deleting them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mockserver.kernel.call import Call
from mockserver.kernel.errors import Conflict, NotFound
from mockserver.kernel.windows import SECOND, Instant, parse_instant
from mockserver.kernel.world import World
from mockserver.vendors.pareta import tables
from mockserver.vendors.pareta.domain.catalog import AUTO, ServedEndpoint, Task, baseline
from mockserver.vendors.pareta.domain.deployment import (
    DEFAULT_BASELINE,
    STAGES,
    Stage,
    chosen_name,
    failure,
    generated_name,
    live_quality,
    prompt_scaffold,
    recommended_prompt,
    served_model,
)
from mockserver.vendors.pareta.domain.errors import Refused
from mockserver.vendors.pareta.domain.generations import ENDPOINTS, release
from mockserver.vendors.pareta.domain.pricing import frontier_rate, open_rate

AUTO_RELEASE = (0, 3)
"""The first release that knows `auto`. Source: pareta/generations "chat model" (documented)."""
AUTO_SINCE = parse_instant("2026-01-01T00:00:00Z")
"""Source: pareta/models "created" (that there is one: documented; which: assumed)."""

GO_LIVE = "pareta.endpoints.go_live"
START_US = 5 * SECOND
DEPLOY_US = 60 * SECOND
"""How long a start and a deployment take for those who do not look. Source: pareta/endpoints "lifecycle" (assumed)."""

DEPLOYS_FAIL = "pareta.deploys_fail"
"""The switch that ends every deployment with an error event."""
TIMED = "pareta.timed_deploys"
"""The switch that leaves it to the clock alone when what is deployed or started goes live."""


@dataclass(frozen=True, slots=True)
class Listed:
    """An endpoint and the base URL under which it is called."""

    endpoint: ServedEndpoint
    url: str


@dataclass(frozen=True, slots=True)
class NewEndpoint:
    """What to deploy.

    :param name: `None` leaves it to the vendor.
    :param extra: everything else that was sent; kept with the endpoint.
    """

    task: str
    model: str
    name: str | None
    extra: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Deployment:
    """A deployment, to be told about stage by stage.

    :param finish: ends it; returns the endpoint, or what went wrong.
    :param abandon: leaves it to itself, because nobody listens any more.
    """

    stages: Sequence[Stage]
    finish: Callable[[], Listed | str]
    abandon: Callable[[], None]


def endpoint_named(world: World, endpoint_id: str) -> ServedEndpoint:
    """Return an endpoint.

    :raises NotFound: there is none of that id.
    """
    endpoint = tables.endpoints.find_endpoint(world, endpoint_id)
    if endpoint is None:
        raise NotFound("endpoint", endpoint_id)
    return endpoint


def list_all(call: Call) -> list[Listed]:
    """Return every endpoint as it is; one that is starting goes live by having been looked at."""
    found = tables.endpoints.endpoints(call.world)
    for endpoint in found:
        _look_at(call.world, endpoint)
    return [_listed(call, endpoint) for endpoint in found]


def retrieve(call: Call, endpoint_id: str) -> Listed:
    """Return one endpoint; one that is starting goes live by being looked at.

    :raises NotFound: there is none of that id.
    """
    _look_at(call.world, endpoint_named(call.world, endpoint_id))
    return _listed(call, endpoint_named(call.world, endpoint_id))


def _look_at(world: World, endpoint: ServedEndpoint) -> None:
    """Let an endpoint go live that is starting, unless its deployment is still being told about."""
    if endpoint.status == "starting" and endpoint.live_at is not None and not world.is_on(TIMED):
        go_live(world, endpoint.id)


def deploy(call: Call, new: NewEndpoint) -> Deployment:
    """Begin to deploy a model; the endpoint is there at once, and starting.

    It goes live when its deployment has been told to the end. If nobody listens that long, it goes live like one that
    was started. A deployment that is to fail leaves nothing behind.

    :raises Refused: no such task or model.
    :raises InvalidRequest: the name is one of a model.
    :raises Conflict: the name is taken.
    """
    world = call.world
    task = tables.catalog.find_task(world, new.task)
    if task is None:
        raise Refused(f"unknown task '{new.task}'")
    board = tables.catalog.board(world, task.id)
    frontier = {model.id for model in tables.catalog.roster(world)}
    model = served_model(task, board, frontier, new.model)
    name = _free_name(world, task, new.name, frontier)
    if world.is_on(DEPLOYS_FAIL):
        failed = failure(world.draws.uniform("deploy", "", world.count("failed deploys")))
        return Deployment(STAGES[: failed.stages], lambda: failed.message, lambda: None)
    is_timed = world.is_on(TIMED)
    due = Instant(call.now + (DEPLOY_US if is_timed else START_US))
    endpoint = _serving(call, task, model, name, new.extra)
    endpoint = replace(
        endpoint,
        status="starting",
        live_at=due if is_timed else None,
        extra=new.extra,
        first_call=tables.endpoints.next_call(world, name),
    )
    tables.endpoints.insert_endpoint(world, endpoint)
    world.schedule.add(due, GO_LIVE, name)

    def finish() -> Listed | str:
        endpoint = tables.endpoints.find_endpoint(world, name)
        if endpoint is None or endpoint.status == "stopped":
            return f"endpoint '{name}' was {'stopped' if endpoint else 'deleted'} while it was being deployed"
        if not is_timed:
            go_live(world, name)
        return _listed(call, endpoint_named(world, name))

    def abandon() -> None:
        if not is_timed and not world.is_gone:
            tables.endpoints.set_live_at(world, name, due)

    return Deployment(STAGES, finish, abandon)


def undeployed(call: Call, alias: str) -> ServedEndpoint | None:
    """Return an open model as it serves those who name it by its alias without having deployed it.

    Ranked on several tasks, it serves the first one of the catalog; it is `None` if it is ranked on none.

    Source: pareta/models "a model alias" (callable: documented; at the task's rate, and which task: assumed).
    """
    for task_id in tables.catalog.tasks_of(call.world, alias):
        task = tables.catalog.find_task(call.world, task_id)
        assert task is not None
        return _serving(call, task, alias, alias, {})
    return None


def _serving(call: Call, task: Task, model: str, name: str, overrides: Mapping[str, Any]) -> ServedEndpoint:
    """Return an open model live at a task, at the rates of the price sheet unless others were agreed."""
    board = tables.catalog.board(call.world, task.id)
    sheet = tables.catalog.price_sheet(call.world)
    stands_in_for = baseline(board)
    agreed = {field: value for field, value in overrides.items() if value is not None}
    return ServedEndpoint(
        name,
        task.id,
        model,
        "live",
        agreed.get("quality", live_quality(board, model)),
        agreed.get("cost_per_request_micro_usd", open_rate(sheet, board, model)),
        agreed.get("frontier_cost_per_request_micro_usd", frontier_rate(sheet, board)),
        stands_in_for.name if stands_in_for else DEFAULT_BASELINE,
        call.now,
        None,
        recommended_prompt(task),
        prompt_scaffold(task),
    )


def _free_name(world: World, task: Task, wanted: str | None, frontier: Collection[str]) -> str:
    taken = {endpoint.id for endpoint in tables.endpoints.endpoints(world)}
    if wanted is None:
        return generated_name(task.id, taken)
    if wanted in taken:
        raise Conflict(f"endpoint '{wanted}' already exists", retry_after_s=0)
    return chosen_name(wanted, frontier)


def delete(call: Call, endpoint_id: str) -> None:
    """Remove an endpoint for good, and its metrics with it; what it cost stays in the ledger.

    :raises NotFound: there is none of that id.
    :raises Conflict: a seed endpoint cannot be deleted.
    """
    _deployed(call.world, endpoint_id)
    call.world.schedule.cancel(GO_LIVE, endpoint_id)
    tables.endpoints.delete_endpoint(call.world, endpoint_id)


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
    """Return what a client may name as a model, with creation instants.

    The first generation sees live endpoints, and from its last release on `auto` after them; later ones `auto` alone.

    Source: pareta/models (which generation sees what: documented; `auto` beside endpoints: assumed).
    """
    auto = (AUTO, AUTO_SINCE)
    known = release(call.client)
    if known is None or known[0] != ENDPOINTS:
        return [auto]
    live = [e for e in tables.endpoints.endpoints(call.world) if e.status == "live" and not e.is_seed]
    return [*((endpoint.id, int(endpoint.created_at)) for endpoint in live), *([auto] if known >= AUTO_RELEASE else ())]


def _deployed(world: World, endpoint_id: str) -> ServedEndpoint:
    endpoint = endpoint_named(world, endpoint_id)
    if endpoint.is_seed:
        raise Conflict(f"endpoint '{endpoint_id}' is a seed endpoint and is not deployed", retry_after_s=0)
    return endpoint


def _listed(call: Call, endpoint: ServedEndpoint) -> Listed:
    return Listed(endpoint, f"{call.origin}/v1")
