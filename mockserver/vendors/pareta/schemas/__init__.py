"""The wire, as documented, one module per resource: what requests must be, and what results become."""

from mockserver.vendors.pareta.schemas import auto, chat, endpoints, eval_runs, eval_sets, metrics, retrieval, tasks

__all__ = ["auto", "chat", "endpoints", "eval_runs", "eval_sets", "metrics", "retrieval", "tasks"]
