"""The wire, as documented, one module per resource: what requests must be, and what results become."""

from mockserver.vendors.pareta.schemas import chat, endpoints, evals, metrics, tasks

__all__ = ["chat", "endpoints", "evals", "metrics", "tasks"]
