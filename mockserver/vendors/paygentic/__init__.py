"""Paygentic, simulated; `vendor` is the one name outsiders may use."""

from mockserver.vendors.paygentic import routes, tables
from mockserver.vendors.paygentic.operations import (
    access,
    events,
    exports,
    invariants,
    keys,
    readings,
    summaries,
    test_clocks,
)
from mockserver.vendors.paygentic.operations.intake import EventIntake
from mockserver.vendors.paygentic.operations.invoices import InvoiceBook
from mockserver.vendors.paygentic.operations.receipts import RECEIPTS
from mockserver.vendors.paygentic.seed import seed
from mockserver.vendors.vendor import Vendor

__all__ = ["vendor"]

vendor = Vendor(
    api=routes.api,
    migrations=tables.migrations,
    seed=seed,
    actions={readings.READ_ON: readings.read_on, events.RECORD_LATE: events.record_late},
    invariants=invariants.check,
    billing=InvoiceBook(),
    exports=exports.EXPORTS,
    put_on_clock=test_clocks.put_customer,
    receipts=RECEIPTS,
    intake=EventIntake(),
    switches={
        **access.SWITCHES,
        **keys.SWITCHES,
        events.LENIENT_TYPES: False,
        events.DEFAULT_SOURCE: False,
        summaries.READ_DELETED: False,
        summaries.ZERO_FILL: False,
    },
)
