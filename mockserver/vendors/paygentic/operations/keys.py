"""What a request is refused for on account of its key alone: revoked, or used too often."""

from __future__ import annotations

from dataclasses import dataclass

from mockserver.kernel.call import Call
from mockserver.kernel.errors import RateLimited, Unauthenticated
from mockserver.kernel.tenancy import bearer
from mockserver.kernel.windows import MINUTE, SECOND, floor_to
from mockserver.vendors.paygentic import tables

LIVE_KEYS = "paygentic.live_keys"
TEST_KEYS = "paygentic.test_keys"
RATE_LIMITS = "paygentic.rate_limits"

SWITCHES = {LIVE_KEYS: True, TEST_KEYS: True, RATE_LIMITS: False}
"""An environment is a world that lets in keys of one mode; a revoked key is one of a mode that is off."""

_LIVE = "sk_live_"


@dataclass(frozen=True, slots=True)
class Limit:
    """How often a key may call an operation.

    :param span: length of a window in microseconds; windows begin at whole multiples of it.
    :param message: the vendor's own text.
    """

    calls: int
    span: int
    message: str


# Source: paygentic/openapi "x-rate-limit" (numbers and texts documented, the shape of the window assumed).
LIMITS = {
    "costs.get_cost_report": Limit(
        600, MINUTE, "Too many cost report requests. Please wait before trying again."
    ),
    "customers.list": Limit(10, SECOND, "Too many customer list requests. Please wait before trying again."),
}  # fmt: skip


def admit(call: Call, operation: str, authorization: bytes | None) -> None:
    """Let a request's key in, and count what is limited.

    :raises Unauthenticated: keys of its mode are switched off in this world.
    :raises RateLimited: the window of the world's time has had its calls.
    """
    switches = call.world.switches
    if switches[LIVE_KEYS] and switches[TEST_KEYS] and not switches[RATE_LIMITS]:
        return
    mode = "live" if bearer(authorization).startswith(_LIVE) else "test"
    if not switches[LIVE_KEYS if mode == "live" else TEST_KEYS]:
        raise Unauthenticated(f"{mode} keys are not valid here")
    limit = LIMITS.get(operation)
    if switches[RATE_LIMITS] and limit is not None:
        began_at = floor_to(call.now, limit.span)
        if tables.rate_limits.count_call(call.world.store, call.world.id, mode, operation, began_at) > limit.calls:
            wait = began_at + limit.span - call.now
            raise RateLimited(limit.message, retry_after_s=-(-wait // SECOND))
