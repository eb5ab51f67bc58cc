"""Models and endpoints on the wire."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import ConfigDict, Field, StringConstraints
from pydantic_core import to_json

from mockserver.http.endpoint import WireModel
from mockserver.http.messages import Reply, Stream
from mockserver.kernel.errors import InvalidRequest, Problem
from mockserver.kernel.windows import SECOND
from mockserver.vendors.pareta.domain.catalog import ServedEndpoint
from mockserver.vendors.pareta.domain.deployment import RECOMMENDED
from mockserver.vendors.pareta.operations.endpoints import Deployment, Listed, NewEndpoint

Text = Annotated[str, StringConstraints(min_length=1)]
# Ids travel in paths as they are, and `.` and `..` mean something there.
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
MAX_RATE_MICRO_USD = 1_000_000_000_000
Rate = Annotated[int, Field(ge=0, le=MAX_RATE_MICRO_USD)]

MAX_EXTRA_BYTES = 16 * 1024
"""How much may be kept with an endpoint. Source: pareta/endpoints "extra" (assumed)."""


# Models


def model_list(value: list[tuple[str, int]]) -> dict[str, Any]:
    """Shape the list of callable models."""
    rows = [{"id": name, "object": "model", "owned_by": "pareta", "created": at // SECOND} for name, at in value]
    return {"object": "list", "data": rows}


# Endpoints

_OWN = ("id", "status", "taskName", "url", "recommendedSystemPrompt", "promptScaffold")
"""What an endpoint's record says of itself, whatever was sent."""


class DeployRequest(WireModel):
    """A model to deploy for a task; any further field is kept and given back with the endpoint."""

    model_config = ConfigDict(extra="allow")

    task: Text
    model: Text = RECOMMENDED
    name: Name | None = None
    cost_per_request_micro_usd: Rate | None = None
    frontier_cost_per_request_micro_usd: Rate | None = None
    quality: Annotated[float, Field(ge=0, le=1)] | None = None

    def to_domain(self) -> NewEndpoint:
        """Return what to deploy, with everything else that was sent.

        :raises InvalidRequest: it is too much, or says what only the server can.
        """
        extra = {name: value for name, value in self if name in self.model_fields_set - {"task", "model", "name"}}
        problems = [Problem(("body", name), "is set by the server", "unknown_key") for name in _OWN if name in extra]
        if len(to_json(extra)) > MAX_EXTRA_BYTES:
            problems.append(Problem(("body",), f"further fields: at most {MAX_EXTRA_BYTES} bytes", "too_long"))
        if problems:
            raise InvalidRequest(*problems)
        return NewEndpoint(self.task, self.model, self.name, extra)


def deployment(value: Deployment) -> Reply:
    """Tell of a deployment as named events, line ends as the vendor's own server writes them.

    Source: pareta/endpoints "events" (names and fields: documented; CRLF: sdk).
    """

    def end() -> bytes:
        outcome = value.finish()
        if isinstance(outcome, str):
            return _event("error", {"message": outcome})
        return _event("complete", {"endpoint": endpoint(outcome)})

    headers = [(b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-cache")]
    return Reply(200, headers=headers, stream=Stream(_progress(value), end, value.abandon))


def _progress(value: Deployment) -> Iterator[bytes]:
    for stage in value.stages:
        yield _event("progress", {"stage": stage.name, "label": stage.label, "pct": stage.pct})


def _event(name: str, data: dict[str, Any]) -> bytes:
    return b"event: " + name.encode() + b"\r\ndata: " + to_json(data) + b"\r\n\r\n"


def endpoint(value: Listed) -> dict[str, Any]:
    """Shape one endpoint."""
    e = value.endpoint
    return {
        **e.extra,
        "id": e.id,
        "name": e.id,
        "model": e.model,
        "status": e.status,
        "taskName": e.task,
        "url": value.url if e.status == "live" else None,
        "recommendedSystemPrompt": e.system_prompt,
        "promptScaffold": e.scaffold,
    }


def endpoint_list(value: list[Listed]) -> list[dict[str, Any]]:
    """Shape the bare array of endpoints."""
    return [endpoint(item) for item in value]


def endpoint_action(value: ServedEndpoint) -> dict[str, Any]:
    """Shape the outcome of a start or stop."""
    return {"ok": True, "id": value.id, "status": value.status}
