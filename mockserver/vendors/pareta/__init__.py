"""Pareta, simulated; `vendor` is the one name outsiders may use."""

from mockserver.vendors.pareta import errors, routes, tables
from mockserver.vendors.pareta.operations import (
    agent,
    auto,
    calls,
    chat,
    credits,
    debits,
    drifting,
    endpoints,
    eval_runs,
    eval_sets,
    metering,
)
from mockserver.vendors.pareta.operations.serving import Counter
from mockserver.vendors.pareta.seed import seed
from mockserver.vendors.vendor import Vendor

__all__ = ["vendor"]

vendor = Vendor(
    api=routes.api,
    migrations=tables.migrations,
    seed=seed,
    invariants=credits.invariants,
    actions={
        endpoints.GO_LIVE: endpoints.go_live,
        eval_runs.FINISH: eval_runs.finish,
        metering.POST_LATE: metering.post_late,
    },
    switches={
        eval_sets.STRICT: False,
        eval_runs.TIMED: False,
        endpoints.DEPLOYS_FAIL: False,
        endpoints.TIMED: False,
        auto.FRONTIER_FAILS: False,
        chat.DIRECT_MODELS: False,
        agent.SURFACE: True,
    },
    account=credits.CreditAccount(),
    exports={"calls": calls.CALLS, "ledger": credits.LEDGER},
    debits=debits.DEBITS,
    drifts=drifting.KINDS,
    serving=Counter(lambda error: errors.render(error).status),
)
