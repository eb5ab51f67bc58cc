"""Eval sets and runs."""

from __future__ import annotations

from mockserver.http.endpoint import Endpoint
from mockserver.vendors.pareta.operations import eval_runs, eval_sets
from mockserver.vendors.pareta.schemas import evals as wire

ENDPOINTS = (
    Endpoint(
        "POST", "/v1/eval-sets", "evals.sets.create", eval_sets.create,
        body=wire.CreateEvalSetForm, form=True, present=wire.eval_set, response="evals.EvalSetResponse",
        status=201, errors=(400, 401, 404, 422), replayable=True,
        source="pareta/eval-sets",
    ),
    Endpoint(
        "GET", "/v1/eval-sets", "evals.sets.list", eval_sets.list_all,
        present=wire.eval_set_list, response="evals.EvalSetsResponse", errors=(401,),
        source="pareta/eval-sets",
    ),
    Endpoint(
        "GET", "/v1/eval-sets/{eval_set_id}", "evals.sets.retrieve", eval_sets.retrieve,
        present=wire.eval_set, response="evals.EvalSetResponse", errors=(401, 404),
        source="pareta/eval-sets",
    ),
    Endpoint(
        "DELETE", "/v1/eval-sets/{eval_set_id}", "evals.sets.delete", eval_sets.delete,
        status=204, errors=(401, 404),
        source="pareta/eval-sets",
    ),
    Endpoint(
        "POST", "/v1/eval-runs", "evals.runs.create", eval_runs.create,
        body=wire.CreateEvalRunRequest, present=wire.queued_run, response="evals.CreateEvalRunResponse",
        status=202, errors=(400, 401, 402, 404, 422), replayable=True,
        source='pareta/monitoring "What an eval run cost"',
    ),
    Endpoint(
        "GET", "/v1/eval-runs/{run_id}", "evals.runs.retrieve", eval_runs.retrieve,
        present=wire.eval_run, response="evals.EvalRunResponse", errors=(401, 404),
        source='pareta/monitoring "What an eval run cost"',
    ),
)  # fmt: skip
