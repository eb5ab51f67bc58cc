"""The agent surface."""

from __future__ import annotations

from typing import Literal

from mockserver.http.endpoint import WireModel
from mockserver.vendors.pareta.answers.chat import ChatCompletionResponse


class AgentModel(WireModel):
    """The one model agents see, with how much it reads."""

    id: Literal["auto"]
    object: Literal["model"]
    owned_by: Literal["pareta"]
    created: int
    max_model_len: int
    context_window: int


class AgentModelsResponse(WireModel):
    """What an agent runtime may name as a model."""

    object: Literal["list"]
    data: list[AgentModel]


class AgentTurnResponse(ChatCompletionResponse):
    """An OpenAI-shaped completion; `system_fingerprint` stays the same as long as the conversation keeps its route."""

    system_fingerprint: str
