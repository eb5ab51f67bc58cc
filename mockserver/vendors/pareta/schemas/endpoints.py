"""Models and endpoints on the wire."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import StringConstraints

from mockserver.kernel.windows import SECOND
from mockserver.vendors.pareta.domain.catalog import ServedEndpoint
from mockserver.vendors.pareta.operations.endpoints import Listed

Text = Annotated[str, StringConstraints(min_length=1)]


# Models


def model_list(value: list[tuple[str, int]]) -> dict[str, Any]:
    """Shape the list of callable models."""
    rows = [{"id": name, "object": "model", "owned_by": "pareta", "created": at // SECOND} for name, at in value]
    return {"object": "list", "data": rows}


# Endpoints


def endpoint(value: Listed) -> dict[str, Any]:
    """Shape one endpoint."""
    e = value.endpoint
    return {
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
