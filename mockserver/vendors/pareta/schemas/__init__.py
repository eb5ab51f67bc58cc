"""The wire, as documented, one module per resource: what requests must be, and what results become."""

from mockserver.vendors.pareta.schemas import (
    agent,
    audio,
    auto,
    chat,
    documents,
    endpoints,
    eval_runs,
    eval_sets,
    images,
    metrics,
    proposals,
    retrieval,
    tasks,
)

__all__ = [
    "agent",
    "audio",
    "auto",
    "chat",
    "documents",
    "endpoints",
    "eval_runs",
    "eval_sets",
    "images",
    "metrics",
    "proposals",
    "retrieval",
    "tasks",
]
