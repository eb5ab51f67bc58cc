"""Chat completions."""

from __future__ import annotations

from typing import Literal

from mockserver.http.endpoint import WireModel


class Usage(WireModel):
    """Token counts; the total is their sum."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class ToolCallFunction(WireModel):
    """What to call; the arguments are JSON text."""

    name: str
    arguments: str


class ToolCall(WireModel):
    """A call the model wants made."""

    id: str
    type: Literal["function"]
    function: ToolCallFunction


class ChatChoiceMessage(WireModel):
    """What the model said; null when it calls tools instead."""

    role: Literal["assistant"]
    content: str | None
    tool_calls: list[ToolCall] | None = None


class ChatChoice(WireModel):
    """One answer."""

    index: int
    finish_reason: Literal["stop", "length", "tool_calls", "content_filter"]
    message: ChatChoiceMessage


class ChatCompletionResponse(WireModel):
    """An OpenAI-shaped completion; what it cost is in the headers, never in the body."""

    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    choices: list[ChatChoice]
    usage: Usage
