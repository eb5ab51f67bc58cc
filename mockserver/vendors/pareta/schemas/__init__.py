"""The wire, as documented, one module per resource: what requests must be, and what results become."""

from mockserver.vendors.pareta.schemas import (
    auto,
    chat,
    documents,
    endpoints,
    eval_runs,
    eval_sets,
    metrics,
    proposals,
    retrieval,
    tasks,
)

__all__ = [
    "auto",
    "chat",
    "documents",
    "endpoints",
    "eval_runs",
    "eval_sets",
    "metrics",
    "proposals",
    "retrieval",
    "tasks",
]
