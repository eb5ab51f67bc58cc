"""Events that faults let arrive later than they were sent, or once more; serving them is left to the gateway."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace

from mockserver.http.endpoint import Intake
from mockserver.http.faulting import Struck, repeated
from mockserver.http.messages import Request
from mockserver.kernel.call import Call
from mockserver.kernel.journal import is_secret
from mockserver.kernel.windows import format_duration

ARRIVE = "mockserver.arrive"
"""The scheduled action by which a request arrives that a fault held up on its way."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A request that arrives although nobody waits for its answer.

    :param fault: the id of the one that is behind it.
    :param why: what became of it on its way.
    :param request_id: what it is called since it was sent, `None` for a name of its own.
    """

    request: Request
    fault: str
    why: str
    request_id: str | None = None


def repeats(struck: Struck, intake: Intake | None, request: Request) -> Iterator[Arrival]:
    """Yield an event once more for each fault that doubles it, each a request of its own.

    :param intake: how the vendor takes events, `None` if it takes none.
    """
    if intake is None or struck.final is not None:
        return
    for armed in struck.armed:
        how = armed.fault.effect.double
        if how is not None:
            again = replace(request, body=repeated(request.body, intake, how))
            yield Arrival(again, armed.id, f"arrived again ({how})")


def hold_up(struck: Struck, call: Call, request: Request) -> None:
    """Let an event arrive later; how it is kept until then survives forks, snapshots and restarts."""
    assert struck.late_us is not None
    fault = next(armed.id for armed in struck.armed if armed.fault.effect.late_us is not None)
    told = {name.decode("latin-1"): value.decode("latin-1") for name, value in request.headers.items()}
    held = {
        "fault": fault,
        "why": f"arrived {format_duration(struck.late_us)} late",
        "request_id": call.request_id,
        "method": request.method,
        "path": request.path,
        "query": request.query.decode("latin-1"),
        "headers": {name: value for name, value in told.items() if not is_secret(name.encode("latin-1"))},
        "body": request.body.decode("latin-1"),
    }
    call.world.schedule.add(call.now + struck.late_us, ARRIVE, json.dumps(held))


def held_up(subject: str) -> Arrival:
    """Return the event that `hold_up` kept."""
    held = json.loads(subject)
    headers = {name.encode("latin-1"): value.encode("latin-1") for name, value in held["headers"].items()}
    request = Request(
        held["method"], held["path"], held["query"].encode("latin-1"), headers, held["body"].encode("latin-1")
    )
    return Arrival(request, held["fault"], held["why"], held["request_id"])
