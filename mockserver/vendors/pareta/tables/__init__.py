"""Tables, one module per resource: rows become domain values and back. Rules live elsewhere."""

from mockserver.vendors.pareta.tables import (
    agent,
    capabilities,
    catalog,
    documents,
    endpoints,
    eval_runs,
    eval_sets,
    ledger,
)

__all__ = [
    "agent",
    "capabilities",
    "catalog",
    "documents",
    "endpoints",
    "eval_runs",
    "eval_sets",
    "ledger",
    "migrations",
]

migrations = [
    catalog.migrations,
    endpoints.migrations,
    ledger.migrations,
    eval_sets.migrations,
    eval_runs.migrations,
    documents.migrations,
    agent.migrations,
]
