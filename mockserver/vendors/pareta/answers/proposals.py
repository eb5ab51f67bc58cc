"""Proposals."""

from __future__ import annotations

from typing import Literal

from mockserver.http.endpoint import WireModel


class Evidence(WireModel):
    """Why a task is proposed: how many rows have its shape, what speaks for it, which others would do."""

    validated_n: int
    total_n: int
    matcher_reason: str | None
    alternatives: list[str]


class ContractProposal(WireModel):
    """A task that could score the rows."""

    task_id: str
    confidence: Literal["high", "medium", "low"]
    evidence: Evidence
    warning: str | None


class Split(WireModel):
    """Rows of several kinds."""

    validated_n: int
    total_n: int
    closest_task: str


class Conflict(WireModel):
    """A prompt that describes another job than the rows have the shape of."""

    intended_task: str
    reasoning: str


class ProposalResponse(WireModel):
    """How rows would be scored; `intent` and `prompt` are one text under the names two generations gave it."""

    proposals: list[ContractProposal]
    homogeneous: bool
    split: Split | None
    conflict: Conflict | None
    closest_task: str | None
    intent: str
    prompt: str
    message: str | None
