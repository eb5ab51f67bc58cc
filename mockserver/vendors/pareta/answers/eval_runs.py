"""Eval runs."""

from __future__ import annotations

from typing import Literal

from mockserver.http.endpoint import WireModel


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
    """What a candidate made of one row.

    `score` in [0, 1], 0 for an error and null where nothing tells good from bad; an error has no `prediction`.
    """

    idx: int
    score: float | None
    prediction: str | None
    error: str | None


class EvalResult(WireModel):
    """How one candidate did; quality in [0, 1] with a 95% interval, `exact_match` in percent for classifiers.

    Quality is null where nothing tells good from bad; only then `mean_latency_ms` is not. `per_item` is empty in runs
    of more than 100,000 answers.
    """

    model_id: str
    kind: Literal["open", "frontier"] | None
    quality_mean: float | None
    quality_ci_low: float | None
    quality_ci_high: float | None
    mean_cost_micro_usd: int
    n_succeeded: int
    error_count: int
    exact_match: float | None
    mean_latency_ms: int | None
    per_item: list[EvalItemResult]


class EvalRunResponse(WireModel):
    """A run and, once it is terminal, its results."""

    run: EvalRun
    results: list[EvalResult]
