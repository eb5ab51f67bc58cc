"""Eval runs."""

from __future__ import annotations

from mockserver.http.endpoint import Endpoint
from mockserver.vendors.pareta.operations import eval_runs
from mockserver.vendors.pareta.schemas import eval_runs as wire

ENDPOINTS = (
    Endpoint(
        "POST", "/v1/eval-runs", "evals.runs.create", eval_runs.create,
        body=wire.CreateEvalRunRequest, present=wire.queued_run, response="eval_runs.CreateEvalRunResponse",
        status=202, errors=(400, 401, 402, 404, 422), replayable=True,
        source='pareta/monitoring "What an eval run cost"',
    ),
    Endpoint(
        "GET", "/v1/eval-runs/{run_id}", "evals.runs.retrieve", eval_runs.retrieve,
        present=wire.eval_run, response="eval_runs.EvalRunResponse", errors=(401, 404),
        source='pareta/monitoring "What an eval run cost"',
    ),
)  # fmt: skip
