"""The agent surface."""

from __future__ import annotations

from mockserver.http.endpoint import Endpoint
from mockserver.vendors.pareta.operations import agent
from mockserver.vendors.pareta.schemas import agent as wire

ENDPOINTS = (
    Endpoint(
        "GET", "/agent/v1/models", "agent.models.list", agent.models,
        present=wire.models, response="agent.AgentModelsResponse", errors=(401, 404),
        source="pareta/agent",
    ),
    Endpoint(
        "POST", "/agent/v1/chat/completions", agent.OPERATION, agent.create,
        prepare=agent.may_turn, body=wire.AgentTurnRequest, headers=wire.AgentHeaders, present=wire.turn,
        response="agent.AgentTurnResponse", errors=(400, 401, 402, 404, 409, 422, 501, 502),
        replayable=True, streams=True, is_delayable=True, stub="ChatStub",
        source="pareta/agent",
    ),
)  # fmt: skip
