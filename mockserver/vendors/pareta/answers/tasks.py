"""Tasks, leaderboards and the roster."""

from __future__ import annotations

from typing import Any, Literal

from mockserver.http.endpoint import WireModel


class TaskResponse(WireModel):
    """A task; where `gold_schema` is null, `output_schema` is the shape of what is expected."""

    id: str
    default_scorer: str
    scoring_strategy: str
    has_blob_input: bool
    category: str
    description: str
    input_schema: dict[str, Any]
    output_schema: dict[str, Any]
    output_schema_role: Literal["summary", "gold"]
    gold_schema: dict[str, Any] | None
    examples: list[dict[str, Any]] | None = None


class TasksResponse(WireModel):
    """Every task."""

    tasks: list[TaskResponse]


class MatchCandidate(WireModel):
    """A task that may be meant; `score` in [0, 1]."""

    task_id: str
    score: float
    confidence: Literal["high", "medium", "low"]
    rank: int
    category: str


class Capability(WireModel):
    """A general lane, for work that no numbered task stands for."""

    id: str
    label: str
    category: str
    category_id: str
    desc: str


class MatchResponse(WireModel):
    """What a description means; reasoning and confidence are null, because the matcher goes by words."""

    query: str
    matcher: Literal["keyword"]
    type: Literal["task", "capability", "unsupported", "none"]
    matched: bool
    ambiguous: bool
    confidence: None
    reasoning: None
    capability: Capability | None
    chosen: MatchCandidate | None
    candidates: list[MatchCandidate]


class LeaderboardEntry(WireModel):
    """A model's place on a task; quality in [0, 1], cost in micro-USD."""

    name: str
    kind: Literal["open", "frontier"]
    quality: float | None
    cost_per_request_micro_usd: int | None
    context_k: int
    run_mode: str


class LeaderboardResponse(WireModel):
    """A task's models from best to worst."""

    task_id: str
    metric: str
    cost_unit: str
    recommended: str | None
    models: list[LeaderboardEntry]
    frontier: LeaderboardEntry | None


class FrontierEntry(WireModel):
    """A vendor's model, under its own name."""

    id: str
    vendor: str
    vision: bool
    benchmarked: bool


class FrontierModelsResponse(WireModel):
    """The vendors' models one can evaluate against."""

    frontier_models: list[FrontierEntry]
    task: str | None
