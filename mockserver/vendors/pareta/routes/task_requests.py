"""Wishes for new tasks, which API keys cannot make."""

from __future__ import annotations

from mockserver.http.endpoint import Endpoint
from mockserver.vendors.pareta.operations import task_requests

ENDPOINTS = (
    Endpoint(
        "POST", "/v1/task-requests", "task_requests.create", task_requests.create,
        status=201, errors=(401, 403),
        source="pareta/tasks",
    ),
)  # fmt: skip
