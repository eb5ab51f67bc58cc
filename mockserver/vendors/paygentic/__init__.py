"""Paygentic, simulated; `vendor` is the one name outsiders may use."""

from mockserver.vendors.paygentic import routes, tables
from mockserver.vendors.paygentic.operations import access, events, invariants, keys, readings, summaries
from mockserver.vendors.paygentic.seed import seed
from mockserver.vendors.vendor import Vendor

__all__ = ["vendor"]

vendor = Vendor(
    api=routes.api,
    migrations=tables.migrations,
    seed=seed,
    actions={readings.READ_ON: readings.read_on},
    invariants=invariants.check,
    switches={
        **access.SWITCHES,
        **keys.SWITCHES,
        events.LENIENT_TYPES: False,
        events.DEFAULT_SOURCE: False,
        summaries.READ_DELETED: False,
        summaries.ZERO_FILL: False,
    },
)
