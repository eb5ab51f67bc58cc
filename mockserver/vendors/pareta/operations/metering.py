"""Taking the money for a finished piece of work: the call and the debit that pays for it, always together."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import astuple
from typing import Any

from mockserver.kernel.call import Call
from mockserver.kernel.world import World
from mockserver.vendors.pareta import tables
from mockserver.vendors.pareta.domain.drifting import normal_of
from mockserver.vendors.pareta.domain.ledger import authorise
from mockserver.vendors.pareta.domain.metrics import ServedCall
from mockserver.vendors.pareta.operations.credits import held, in_streams
from mockserver.vendors.pareta.operations.drifting import Drifting
from mockserver.vendors.pareta.tables.ledger import LastEntry

POST_LATE = "pareta.post_late"
"""The scheduled action that records a call whose debit a fault delays."""

SPREAD = 0.35
"""Standard deviation of the logarithm of how long work takes."""


def authorised(world: World) -> None:
    """Let another call start.

    :raises InsufficientCredits: nothing is left that no other work has claimed.
    """
    authorise(tables.ledger.balance(world), held(world))


def begun(world: World, who: str) -> tuple[LastEntry, int]:
    """Return where the ledger stands and the ordinal of a server's next call, if that may start.

    :raises InsufficientCredits: nothing is left that no other work has claimed.
    """
    last, set_aside, ordinal = tables.ledger.standing(world, who)
    authorise(last.balance_micro_usd, in_streams(world) + set_aside)
    return last, ordinal


def latency_us(call: Call, who: str, n: int, median_us: int, further_us: int = 0, drift: Drifting | None = None) -> int:
    """Draw how long a piece of work takes: log-normal, half of all take longer than the median.

    :param further_us: what is not left to chance, on top of that.
    """
    normal = normal_of(*call.world.draws.uniforms(2, "latency", who, n))
    duration_us = lasting(median_us, SPREAD, normal) + further_us
    return duration_us if drift is None else drift.slowed(duration_us, normal)


def lasting(median_us: int, spread: float, normal: float) -> int:
    """Return how long a piece of work takes that a standard normal number decides about."""
    return int(median_us * math.exp(spread * normal))


def settle(
    call: Call, operation: str, who: str, model: str | None, n: int, served: ServedCall, after: LastEntry | None = None
) -> None:
    """Record a successful call and debit its price; later, if the call says so.

    :param who: the endpoint that served it, `auto`, or the path of a lane that has no endpoints.
    :param model: what answered it, where that has a name.
    :param n: the call's ordinal at `who`.
    :param after: the ledger's last entry, if it was read within this unit of work.
    """
    call.cost_micro_usd = served.cost_micro_usd
    call.duration_us = served.latency_us
    if call.delay_us:
        late = (operation, who, model, call.request_id, call.idempotency_key, *astuple(served))
        leave_late(call.world, call.now + call.delay_us, late)
        return
    tables.endpoints.insert_call(call.world, who, n, served, call.request_id)
    tables.ledger.post(
        call.world, "debit", -served.cost_micro_usd,
        at=call.now, operation=operation, subject=who, request_id=call.request_id, model=model,
        idempotency_key=call.idempotency_key, after=after,
    )  # fmt: skip


def leave_late(world: World, due: int, late: Sequence[Any]) -> None:
    """Let a call that was served be recorded and paid at a later instant.

    :param late: its operation, what served it, what answered it, its request's id and idempotency key, and the fields
        of a `ServedCall`.
    """
    world.schedule.add(due, POST_LATE, json.dumps(late))


def post_late(world: World, late: str) -> None:
    """Record a call that was served earlier, and debit its price now."""
    operation, who, model, request_id, idempotency_key, *facts = json.loads(late)
    served = ServedCall(*facts)
    # Others may have been served and paid meanwhile.
    tables.endpoints.insert_call(world, who, tables.endpoints.next_call(world, who), served, request_id)
    tables.ledger.post(
        world, "debit", -served.cost_micro_usd,
        at=world.clock.now(), operation=operation, subject=who, request_id=request_id, model=model,
        idempotency_key=idempotency_key,
    )  # fmt: skip


def charge(
    call: Call, operation: str, lane: str, model: str | None, price_micro_usd: int, median_us: int, *, tokens: int = 0
) -> None:
    """Settle one finished call of a lane that has no endpoints: rerank, embeddings, audio, images, comparisons.

    :param lane: the path it is called under, which no endpoint can be named after.
    """
    n = tables.endpoints.next_call(call.world, lane)
    served = ServedCall(call.now, 200, latency_us(call, lane, n, median_us), tokens, 0, price_micro_usd, 0, None)
    settle(call, operation, lane, model, n, served)
