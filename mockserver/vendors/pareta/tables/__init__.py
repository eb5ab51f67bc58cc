"""Tables, one module per resource: rows become domain values and back. Rules live elsewhere."""

from mockserver.vendors.pareta.tables import catalog, endpoints, evals, ledger

__all__ = ["catalog", "endpoints", "evals", "ledger", "migrations"]

migrations = [catalog.migrations, endpoints.migrations, ledger.migrations, evals.migrations]
