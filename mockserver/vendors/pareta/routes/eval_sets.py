"""Eval sets."""

from __future__ import annotations

from mockserver.http.endpoint import Endpoint
from mockserver.vendors.pareta.operations import eval_sets
from mockserver.vendors.pareta.schemas import eval_sets as wire

ENDPOINTS = (
    Endpoint(
        "POST", "/v1/eval-sets", "evals.sets.create", eval_sets.create,
        body=wire.CreateEvalSetForm, form=True, present=wire.eval_set, response="eval_sets.EvalSetResponse",
        status=201, errors=(400, 401, 404, 422), replayable=True,
        source="pareta/eval-sets",
    ),
    Endpoint(
        "GET", "/v1/eval-sets", "evals.sets.list", eval_sets.list_all,
        present=wire.eval_set_list, response="eval_sets.EvalSetsResponse", errors=(401,),
        source="pareta/eval-sets",
    ),
    Endpoint(
        "GET", "/v1/eval-sets/{eval_set_id}", "evals.sets.retrieve", eval_sets.retrieve,
        present=wire.eval_set, response="eval_sets.EvalSetResponse", errors=(401, 404),
        source="pareta/eval-sets",
    ),
    Endpoint(
        "DELETE", "/v1/eval-sets/{eval_set_id}", "evals.sets.delete", eval_sets.delete,
        status=204, errors=(401, 404),
        source="pareta/eval-sets",
    ),
)  # fmt: skip
