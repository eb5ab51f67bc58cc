"""Tables, one module per resource: rows become domain values and back. Rules live elsewhere."""

from mockserver.vendors.paygentic.tables import costs, customers, events, meters, organizations, summaries

__all__ = ["costs", "customers", "events", "meters", "migrations", "organizations", "summaries"]

migrations = [
    organizations.migrations,
    customers.migrations,
    costs.migrations,
    events.migrations,
    meters.migrations,
]
