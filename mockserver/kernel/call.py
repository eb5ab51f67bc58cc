"""One request as the rules see it: in which world, when, by whom, and what it came to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mockserver.kernel.windows import Instant
from mockserver.kernel.world import World


@dataclass(slots=True)
class Call:
    """The request an operation is serving.

    :param now: the world's time when the request arrived.
    :param seq: the request's arrival number in its world.
    :param client: the `User-Agent` text.
    :param origin: `scheme://host` the client used, for answers that carry a URL.
    :param cost_micro_usd: set by the operation: what the request debited.
    :param duration_us: set by the operation: the simulated time it took.
    :param subject: set by the operation: the thing a refusal is to be counted against.
    :param idempotency: set on the way: how its key was judged, `None` without one.
    :param delay_us: set by a fault: how much later than now what the request leaves behind is to show.
    :param fault: the faults that hit it, by id; `stub` the one that answered it.
    :param answer: set by a stub: what is to be answered in place of something generated, in the form that the
        operation's model of stubs gives it.
    """

    world: World
    now: Instant
    seq: int
    request_id: str
    client: str = ""
    origin: str = ""
    idempotency_key: str | None = None
    cost_micro_usd: int = 0
    duration_us: int = 0
    idempotency: str | None = None
    subject: str | None = None
    delay_us: int = 0
    fault: str | None = None
    stub: str | None = None
    answer: Any = None
