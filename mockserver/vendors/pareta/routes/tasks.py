"""Tasks, leaderboards and the roster."""

from __future__ import annotations

from mockserver.http.endpoint import Endpoint
from mockserver.vendors.pareta.operations import tasks
from mockserver.vendors.pareta.schemas import tasks as wire

ENDPOINTS = (
    Endpoint(
        "GET", "/v1/tasks", "tasks.list", tasks.list_all,
        present=wire.task_list, response="tasks.TasksResponse", errors=(401,),
        source="pareta/tasks",
    ),
    Endpoint(
        "GET", "/v1/tasks/{task_id}", "tasks.retrieve", tasks.retrieve,
        query=wire.TaskQuery, present=wire.task, response="tasks.TaskResponse", errors=(401, 404, 422),
        source="pareta/tasks",
    ),
    Endpoint(
        "POST", "/v1/tasks/match", "tasks.match", tasks.match,
        body=wire.MatchRequest, present=wire.match, response="tasks.MatchResponse", errors=(400, 401, 422),
        source="pareta/tasks",
    ),
    Endpoint(
        "GET", "/v1/tasks/{task_id}/leaderboard", "tasks.leaderboard", tasks.leaderboard,
        present=wire.leaderboard, response="tasks.LeaderboardResponse", errors=(401, 404),
        source="pareta/tasks",
    ),
    Endpoint(
        "GET", "/v1/eval/frontier-models", "evals.frontier_models", tasks.frontier_models,
        query=wire.FrontierQuery, present=wire.frontier_models, response="tasks.FrontierModelsResponse",
        errors=(401, 404),
        source='pareta/monitoring "What an eval run cost"',
    ),
)  # fmt: skip
