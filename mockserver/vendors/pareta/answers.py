"""What the answers look like: models for the OpenAPI document and for whoever holds answers to it.

Serving does not need them, so they are only loaded when the document is asked for.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import RootModel

from mockserver.http.endpoint import WireModel

# Errors


class Detail(WireModel):
    """Every error but a validation error."""

    detail: str


class FieldError(WireModel):
    """One faulty field."""

    loc: list[str | int]
    msg: str
    type: str


class FieldErrors(WireModel):
    """A validation error: all faulty fields, or a text."""

    detail: list[FieldError] | str


# Successes


class Usage(WireModel):
    """Token counts; the total is their sum."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class ChatChoiceMessage(WireModel):
    """What the model said."""

    role: Literal["assistant"]
    content: str | None


class ChatChoice(WireModel):
    """One answer."""

    index: int
    finish_reason: Literal["stop", "length"]
    message: ChatChoiceMessage


class ChatCompletionResponse(WireModel):
    """An OpenAI-shaped completion; what it cost is in the headers, never in the body."""

    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    choices: list[ChatChoice]
    usage: Usage


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
    """A deployed endpoint; `model` is a public alias, never a weights name."""

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


class CostBucket(WireModel):
    """Spend in one UTC hour or day."""

    start: str
    requests: int
    total_micro_usd: int
    frontier_baseline_micro_usd: int
    savings_micro_usd: int


class CostMetricResponse(WireModel):
    """Spend, and what the frontier model the endpoint stands in for would have cost."""

    dimension: Literal["cost"]
    endpoint_id: str
    window: str
    requests: int
    total_micro_usd: int
    frontier_baseline_micro_usd: int
    savings_micro_usd: int
    savings_multiple: float | None
    cost_per_request_micro_usd: int
    frontier_model: str
    buckets: list[CostBucket] | None = None


class QualityWindow(WireModel):
    """Judged quality in one UTC hour or day."""

    start: str
    end: str
    quality_mean: float
    n_judged: int


class QualityMetricResponse(WireModel):
    """Judged quality of live answers, in [0, 1]; null while nothing was judged."""

    dimension: Literal["quality"]
    endpoint_id: str
    window: str
    quality_mean: float | None
    quality_ci_low: float | None
    quality_ci_high: float | None
    n_judged: int
    windows: list[QualityWindow]


class PerformancePoint(WireModel):
    """Latency in one UTC hour or day, in milliseconds."""

    start: str
    requests: int
    p50_ms: float | None
    p95_ms: float | None


class PerformanceMetricResponse(WireModel):
    """Latency percentiles in milliseconds; null without a successful call."""

    dimension: Literal["performance"]
    endpoint_id: str
    window: str
    requests: int
    error_rate: float
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    p50: float | None
    p95: float | None
    p99: float | None
    points: list[PerformancePoint]


class Incident(WireModel):
    """A run of failures on the vendor's side."""

    start: str
    end: str
    failed_requests: int


class UptimeMetricResponse(WireModel):
    """Availability as a share of the requests that reached the endpoint."""

    dimension: Literal["uptime"]
    endpoint_id: str
    window: str
    uptime_pct: float
    availability: float
    requests: int
    incidents: list[Incident]


class ActivityPoint(WireModel):
    """Usage in one UTC hour or day."""

    start: str
    requests: int
    total_tokens: int


class ActivityMetricResponse(WireModel):
    """Usage volume."""

    dimension: Literal["activity"]
    endpoint_id: str
    window: str
    requests: int
    succeeded: int
    failed: int
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    last_request_at: str | None
    points: list[ActivityPoint]


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


class MatchResponse(WireModel):
    """The ranked tasks for a description."""

    query: str
    matcher: Literal["keyword"]
    type: Literal["task", "capability", "unsupported", "none"]
    matched: bool
    ambiguous: bool
    confidence: str | None
    reasoning: str | None
    capability: dict[str, Any] | None
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


class CreateEvalRunResponse(WireModel):
    """A queued run."""

    run_id: str
    status: Literal["queued"]


class EvalRun(WireModel):
    """A run; the total is raw micro-USD."""

    id: str
    eval_set_id: str
    task_id: str
    status: Literal["queued", "running", "evaluating", "completed", "failed"]
    candidate_model_ids: list[str]
    total_cost_micro_usd: int
    error_detail: str | None
    created_at: str


class EvalItemResult(WireModel):
    """What a candidate made of one row; score in [0, 1]."""

    idx: int
    score: float
    prediction: str
    error: str | None


class EvalResult(WireModel):
    """How one candidate did; quality in [0, 1] with a 95% interval, `exact_match` in percent for classifiers."""

    model_id: str
    kind: Literal["open", "frontier"] | None
    quality_mean: float
    quality_ci_low: float
    quality_ci_high: float
    mean_cost_micro_usd: int
    n_succeeded: int
    error_count: int
    exact_match: float | None
    per_item: list[EvalItemResult]


class EvalRunResponse(WireModel):
    """A run and, once it is terminal, its results."""

    run: EvalRun
    results: list[EvalResult]
