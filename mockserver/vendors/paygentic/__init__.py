"""Paygentic, simulated; `vendor` is the one name outsiders may use."""

from mockserver.vendors.paygentic import routes, tables
from mockserver.vendors.paygentic.operations import access, costs, events, invariants
from mockserver.vendors.paygentic.seed import seed
from mockserver.vendors.vendor import Vendor

__all__ = ["vendor"]

vendor = Vendor(
    api=routes.api,
    migrations=tables.migrations,
    seed=seed,
    invariants=invariants.check,
    switches={
        **access.SWITCHES,
        events.LENIENT_TYPES: False,
        events.DEFAULT_SOURCE: False,
        costs.READ_DELETED: False,
        costs.ZERO_FILL: False,
    },
)
