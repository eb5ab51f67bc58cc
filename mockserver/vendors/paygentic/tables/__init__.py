"""Tables, one module per resource: rows become domain values and back. Rules live elsewhere."""

from mockserver.vendors.paygentic.tables import (
    billable_metrics,
    costs,
    customers,
    events,
    exports,
    invoices,
    meters,
    organizations,
    rate_limits,
    receipts,
    reports,
    summaries,
    test_clocks,
)

__all__ = [
    "billable_metrics",
    "costs",
    "customers",
    "events",
    "exports",
    "invoices",
    "meters",
    "migrations",
    "organizations",
    "rate_limits",
    "receipts",
    "reports",
    "summaries",
    "test_clocks",
]

migrations = [
    organizations.migrations,
    customers.migrations,
    costs.migrations,
    billable_metrics.migrations,
    events.migrations,
    meters.migrations,
    rate_limits.migrations,
    test_clocks.migrations,
    invoices.migrations,
]
