"""Models and endpoints."""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, RootModel

from mockserver.http.endpoint import WireModel


class Model(WireModel):
    """A callable model id."""

    id: str
    object: Literal["model"]
    owned_by: str
    created: int


class ModelsResponse(WireModel):
    """What the client's generation may call."""

    object: Literal["list"]
    data: list[Model]


class EndpointResponse(WireModel):
    """A deployed endpoint, with whatever was sent when it was; `model` is a public alias, never a weights name."""

    model_config = ConfigDict(extra="allow")

    id: str
    name: str
    model: str
    status: Literal["live", "starting", "stopped"]
    taskName: str
    url: str | None
    recommendedSystemPrompt: str | None
    promptScaffold: str | None


class EndpointsResponse(RootModel[list[EndpointResponse]]):
    """Every endpoint, in a bare array."""


class EndpointActionResponse(WireModel):
    """What starting or stopping led to."""

    ok: bool
    id: str
    status: str
