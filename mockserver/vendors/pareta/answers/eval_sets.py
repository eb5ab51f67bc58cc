"""Eval sets."""

from __future__ import annotations

from mockserver.http.endpoint import WireModel


class EvalSet(WireModel):
    """An eval set; `intent` and `prompt` are one text under the names two generations gave it."""

    id: str
    task_id: str
    name: str
    item_count: int
    scoring_strategy: str
    intent: str | None
    prompt: str | None
    created_at: str


class EvalSetResponse(WireModel):
    """One eval set."""

    eval_set: EvalSet


class EvalSetsResponse(WireModel):
    """Every eval set."""

    eval_sets: list[EvalSet]
