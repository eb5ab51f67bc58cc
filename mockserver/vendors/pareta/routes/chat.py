"""Chat."""

from __future__ import annotations

from mockserver.http.endpoint import Endpoint
from mockserver.vendors.pareta.operations import chat
from mockserver.vendors.pareta.schemas import chat as wire

ENDPOINTS = (
    Endpoint(
        "POST", "/v1/chat/completions", "chat.completions.create", chat.create,
        body=wire.ChatCompletionRequest, present=wire.completion, response="chat.ChatCompletionResponse",
        errors=(400, 401, 402, 404, 409, 422, 501, 502, 503), replayable=True, streams=True,
        is_delayable=True,
        stub="ChatStub",
        source='pareta/monitoring "What an inference call cost"',
    ),
)  # fmt: skip
