"""Pareta's operations, one row each, and how they speak HTTP."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic_core import from_json

from mockserver.http.endpoint import Api, Endpoint
from mockserver.kernel.errors import MalformedBody
from mockserver.vendors.pareta import errors, schemas
from mockserver.vendors.pareta.operations import chat, endpoints, eval_runs, eval_sets, metrics, tasks

MAX_BODY_BYTES = 64 * 1024 * 1024
"""Source: pareta/images "25 MB decoded" is the largest published input (the limit itself: assumed)."""


def parse_json(body: bytes) -> Any:
    """Read a JSON body.

    :raises MalformedBody: not JSON; NaN and infinities are not.
    """
    try:
        return from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise MalformedBody(f"the request body is not JSON: {error}") from None


def _dimension(name: str, present: Callable[[Any], Any], response: str) -> Endpoint:
    return Endpoint(
        "GET", f"/v1/endpoints/{{endpoint_id}}/{name}", f"endpoints.metrics.{name}", metrics.traffic,
        query=schemas.MetricsQuery, present=present, response=response, errors=(401, 404),
        source='pareta/monitoring "Monitoring a live endpoint"',
    )  # fmt: skip


ENDPOINTS = (
    Endpoint(
        "POST", "/v1/chat/completions", "chat.completions.create", chat.create,
        body=schemas.ChatCompletionRequest, present=schemas.completion, response="ChatCompletionResponse",
        errors=(400, 401, 402, 404, 409, 422, 503), replayable=True, streams=True,
        source='pareta/monitoring "What an inference call cost"',
    ),
    Endpoint(
        "GET", "/v1/models", "models.list", endpoints.models,
        present=schemas.model_list, response="ModelsResponse", errors=(401,),
        source="pareta/models",
    ),
    Endpoint(
        "GET", "/v1/endpoints", "endpoints.list", endpoints.list_all,
        present=schemas.endpoint_list, response="EndpointsResponse", errors=(401,),
        source="pareta/endpoints",
    ),
    Endpoint(
        "GET", "/v1/endpoints/{endpoint_id}", "endpoints.retrieve", endpoints.retrieve,
        present=schemas.endpoint, response="EndpointResponse", errors=(401, 404),
        source="pareta/endpoints",
    ),
    Endpoint(
        "POST", "/v1/endpoints/{endpoint_id}/start", "endpoints.start", endpoints.start,
        present=schemas.endpoint_action, response="EndpointActionResponse", errors=(401, 404, 409),
        source="pareta/endpoints",
    ),
    Endpoint(
        "POST", "/v1/endpoints/{endpoint_id}/stop", "endpoints.stop", endpoints.stop,
        present=schemas.endpoint_action, response="EndpointActionResponse", errors=(401, 404, 409),
        source="pareta/endpoints",
    ),
    _dimension("cost", schemas.cost_metric, "CostMetricResponse"),
    _dimension("quality", schemas.quality_metric, "QualityMetricResponse"),
    _dimension("performance", schemas.performance_metric, "PerformanceMetricResponse"),
    _dimension("uptime", schemas.uptime_metric, "UptimeMetricResponse"),
    _dimension("activity", schemas.activity_metric, "ActivityMetricResponse"),
    Endpoint(
        "GET", "/v1/tasks", "tasks.list", tasks.list_all,
        present=schemas.task_list, response="TasksResponse", errors=(401,),
        source="pareta/tasks",
    ),
    Endpoint(
        "GET", "/v1/tasks/{task_id}", "tasks.retrieve", tasks.retrieve,
        query=schemas.TaskQuery, present=schemas.task, response="TaskResponse", errors=(401, 404, 422),
        source="pareta/tasks",
    ),
    Endpoint(
        "POST", "/v1/tasks/match", "tasks.match", tasks.match,
        body=schemas.MatchRequest, present=schemas.match, response="MatchResponse", errors=(400, 401, 422),
        source="pareta/tasks",
    ),
    Endpoint(
        "GET", "/v1/tasks/{task_id}/leaderboard", "tasks.leaderboard", tasks.leaderboard,
        present=schemas.leaderboard, response="LeaderboardResponse", errors=(401, 404),
        source="pareta/tasks",
    ),
    Endpoint(
        "GET", "/v1/eval/frontier-models", "evals.frontier_models", tasks.frontier_models,
        query=schemas.FrontierQuery, present=schemas.frontier_models, response="FrontierModelsResponse",
        errors=(401, 404),
        source='pareta/monitoring "What an eval run cost"',
    ),
    Endpoint(
        "POST", "/v1/eval-sets", "evals.sets.create", eval_sets.create,
        body=schemas.CreateEvalSetForm, form=True, present=schemas.eval_set, response="EvalSetResponse",
        status=201, errors=(400, 401, 404, 422), replayable=True,
        source="pareta/eval-sets",
    ),
    Endpoint(
        "GET", "/v1/eval-sets", "evals.sets.list", eval_sets.list_all,
        present=schemas.eval_set_list, response="EvalSetsResponse", errors=(401,),
        source="pareta/eval-sets",
    ),
    Endpoint(
        "GET", "/v1/eval-sets/{eval_set_id}", "evals.sets.retrieve", eval_sets.retrieve,
        present=schemas.eval_set, response="EvalSetResponse", errors=(401, 404),
        source="pareta/eval-sets",
    ),
    Endpoint(
        "DELETE", "/v1/eval-sets/{eval_set_id}", "evals.sets.delete", eval_sets.delete,
        status=204, errors=(401, 404),
        source="pareta/eval-sets",
    ),
    Endpoint(
        "POST", "/v1/eval-runs", "evals.runs.create", eval_runs.create,
        body=schemas.CreateEvalRunRequest, present=schemas.queued_run, response="CreateEvalRunResponse",
        status=202, errors=(400, 401, 402, 404, 422), replayable=True,
        source='pareta/monitoring "What an eval run cost"',
    ),
    Endpoint(
        "GET", "/v1/eval-runs/{run_id}", "evals.runs.retrieve", eval_runs.retrieve,
        present=schemas.eval_run, response="EvalRunResponse", errors=(401, 404),
        source='pareta/monitoring "What an eval run cost"',
    ),
)  # fmt: skip

api = Api(
    name="pareta",
    title="Pareta API",
    version="3.0.4",
    prefixes=("/v1", "/agent/v1"),
    endpoints=ENDPOINTS,
    answers="mockserver.vendors.pareta.answers",
    key_prefix="pareta_sk_",
    bare_keys=True,
    render=errors.render,
    crash=errors.crash,
    parse_json=parse_json,
    error_models=errors.ERROR_MODELS,
    max_body_bytes=MAX_BODY_BYTES,
    replayed=schemas.replayed,
    refused=chat.note_refusal,
)
