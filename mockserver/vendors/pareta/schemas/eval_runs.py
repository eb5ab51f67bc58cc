"""Eval runs on the wire."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import Field, StringConstraints

from mockserver.http.endpoint import WireModel
from mockserver.kernel.windows import format_instant
from mockserver.vendors.pareta.domain.evaluation import TERMINAL, CandidateResult
from mockserver.vendors.pareta.domain.intervals import wilson
from mockserver.vendors.pareta.operations import eval_runs
from mockserver.vendors.pareta.tables.eval_runs import EvalRunRow, Scored

Text = Annotated[str, StringConstraints(min_length=1)]


class CreateEvalRunRequest(WireModel):
    """Which models to run on which set."""

    eval_set_id: Text
    candidate_model_ids: Annotated[list[Text], Field(min_length=1, max_length=50)]

    def to_domain(self) -> eval_runs.NewRun:
        """Return what is to be run."""
        return eval_runs.NewRun(self.eval_set_id, tuple(self.candidate_model_ids))


def queued_run(value: EvalRunRow) -> dict[str, Any]:
    """Shape the receipt of a new run."""
    return {"run_id": value.id, "status": value.status}


def eval_run(value: eval_runs.Run) -> dict[str, Any]:
    """Shape a run."""
    row = value.row
    return {
        "run": {
            "id": row.id,
            "eval_set_id": row.eval_set,
            "task_id": row.task,
            "status": row.status,
            "candidate_model_ids": list(row.candidates),
            "total_cost_micro_usd": row.total_cost_micro_usd,
            "error_detail": row.error_detail,
            "created_at": format_instant(row.created_at),
        },
        "results": [_result(value, *result) for result in value.results] if row.status in TERMINAL else [],
    }


_UNKNOWN = wilson(0.0, 0)


def _result(run: eval_runs.Run, value: CandidateResult, answers: Iterable[Scored]) -> dict[str, Any]:
    kind, quality = value.kind, value.quality
    if run.is_first_generation:  # its snippets print every column without looking
        kind, quality = kind or "open", quality or _UNKNOWN
    return {
        "model_id": value.model_id,
        "kind": kind,
        "quality_mean": quality and quality.mean,
        "quality_ci_low": quality and quality.low,
        "quality_ci_high": quality and quality.high,
        "mean_cost_micro_usd": value.mean_cost_micro_usd,
        "n_succeeded": value.n_succeeded,
        "error_count": value.error_count,
        "exact_match": value.exact_match,
        "mean_latency_ms": value.mean_latency_ms,
        "per_item": [
            {"idx": idx, "score": score, "prediction": prediction, "error": error}
            for idx, score, prediction, error in answers
        ],
    }
