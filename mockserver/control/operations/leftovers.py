"""What nothing came of: requests for no operation there is, faults that never struck, stubs with answers left."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from mockserver.control import proving
from mockserver.control.faults import present_fault
from mockserver.control.proving import Cell, Near, Sent, Verdict
from mockserver.http.endpoint import Api
from mockserver.http.facts import facts_of_entry
from mockserver.http.router import Router
from mockserver.kernel.errors import MethodNotAllowed, MockError, UnknownRoute
from mockserver.kernel.faults import Count
from mockserver.kernel.journal import Entry
from mockserver.kernel.matching import All, Pattern, criterion
from mockserver.kernel.stubs import Placed
from mockserver.kernel.windows import format_instant
from mockserver.kernel.world import World
from mockserver.vendors.vendor import Vendor

SECRET = frozenset({"key", "header.authorization", "header.proxy-authorization", "header.cookie", "header.x-api-key"})
"""Facts that the journal does not have, for it keeps no credentials."""

_PAGE = 1000
_UNMATCHED = ("seq", "at", "request", "status", "nearest", "what differs")
_UNUSED = ("id", "what", "why", "nearest", "what differs")


def entries(world: World, since: int | None) -> Iterator[Entry]:
    """Yield what clients sent, as far as a world's journal still has it, from an instant on, oldest first."""
    after = 0
    while page := world.journal.read(after=after, limit=_PAGE):
        after = page[-1].seq
        yield from (entry for entry in page if not entry.is_echo and (since is None or entry.at >= since))


# Requests


def unmatched(world: World, apis: Sequence[Api], since: int | None) -> Verdict:
    """Judge whether every request was for an operation there is; each that was not is shown with the nearest."""
    router: Router | None = None
    rows: list[list[Cell]] = []
    for entry in entries(world, since):
        if entry.operation is not None:
            continue
        router = router or Router(apis)
        error = router.find(entry.method, entry.path).error
        if error is None:
            continue  # it was refused for another reason, such as its key
        route, differs = _nearest_route(router, entry, error)
        request = f"{entry.method} {entry.path}"
        rows.append([entry.seq, format_instant(entry.at), request, entry.status, route, differs])
    if not rows:
        return Verdict(True, "every request was for an operation there is", _UNMATCHED)
    told = "one request was" if len(rows) == 1 else f"{len(rows)} requests were"
    return proving.table(False, f"{told} for no operation there is", _UNMATCHED, rows)


def _nearest_route(router: Router, entry: Entry, error: MockError) -> tuple[str | None, str]:
    owner = router.owner(entry.path)
    mount = "" if owner is None else owner.mount
    path = entry.path[len(mount) :] if entry.path.startswith(f"{mount}/") else entry.path
    if isinstance(error, MethodNotAllowed):
        allowed = " or ".join(error.allowed)
        return f"{allowed} {path}", f"the method is {entry.method}, the route takes {allowed}"
    assert isinstance(error, UnknownRoute)
    routes = error.nearest if path == entry.path else router.nearest(entry.method, path)
    found = [(route, proving.route_differences(entry.method, path, route)) for route in routes]
    if not found:
        return None, "there is nothing like it"
    route, differences = min(found, key=lambda each: len(each[1]))
    return route, "; ".join(differences)


# Faults and stubs


def unused(world: World, vendors: Sequence[Vendor], requests: Callable[[], Sequence[Sent]]) -> Verdict:
    """Judge whether every fault struck and every stub gave all its answers, but for those that need not.

    Each that did not is shown with the request that comes closest to what it waits for.

    :param requests: returns those of the world's journal.
    """
    faults = [each for each in world.faults.counts() if not each.hits and not each.armed.fault.is_optional]
    stubs = [each for each in world.stubs.placed() if each.given < len(each.stub.answers) and not each.stub.is_optional]
    if not faults and not stubs:
        return Verdict(True, "every fault struck, and every stub gave all its answers", _UNUSED)
    nearest = partial(_nearest, requests(), Router([vendor.api for vendor in vendors]))
    rows = [_unused_fault(world, vendors, count, nearest) for count in faults]
    rows += [_unused_stub(placed, nearest) for placed in stubs]
    counted = [
        f"one {noun}" if len(some) == 1 else f"{len(some)} {noun}s"
        for noun, some in (("fault", faults), ("stub", stubs))
        if some
    ]
    return proving.table(False, f"{' and '.join(counted)} not used up", _UNUSED, rows)


def _nearest(requests: Sequence[Sent], router: Router, pattern: Pattern) -> Near | None:
    def differences(sent: Sent) -> list[str]:
        found = pattern.differences(facts_of_entry(router, sent.entry))
        return [str(difference) for difference in found if difference.name not in SECRET]

    return proving.nearest(requests, differences)


def _unused_fault(
    world: World, vendors: Sequence[Vendor], count: Count, nearest: Callable[[Pattern], Near | None]
) -> list[Cell]:
    armed, fault = count.armed, count.armed.fault
    shown = present_fault(count)
    for name in ("id", "note", "optional", "matched", "hits"):
        del shown[name]
    what = ", ".join([*([fault.note] if fault.note else []), *(f"{name}={value}" for name, value in shown.items())])
    if count.matched:
        ((_, request, _, reason),) = world.faults.decisions(armed.seq, count.matched - 1, 1)
        times = "one request" if count.matched == 1 else f"{count.matched} requests"
        return [armed.id, what, f"matched {times} and struck none", f"#{request}", reason]
    near = nearest(fault.pattern)
    instead = "it cannot suffer this, or came before the fault was armed, or another fault was its fate already"
    if near is not None and not near.differences:
        closed = fault.when.closed(near.sent.entry.at, lambda: _spent(world, vendors))
        instead = closed or _untold(fault.pattern) or instead
    return [armed.id, what, "matched no request", *_shown(near, instead)]


def _spent(world: World, vendors: Sequence[Vendor]) -> int:
    return sum(vendor.account.spent(world) for vendor in vendors if vendor.account is not None)


def _unused_stub(placed: Placed, nearest: Callable[[Pattern], Near | None]) -> list[Cell]:
    stub = placed.stub
    what = f"{stub.operation} {stub.pattern}" if stub.match else stub.operation
    if stub.note:
        what = f"{stub.note}, {what}"
    why = f"gave {placed.given} of {len(stub.answers)} answers"
    near = nearest(All((criterion("operation", stub.operation), stub.pattern)))
    instead = "it came before the stub was placed"
    if near is not None and near.sent.entry.stub is not None:
        instead = "it was given an answer" if near.sent.entry.stub == placed.id else f"{near.sent.entry.stub} answered"
    elif near is not None:
        instead = near.sent.entry.reason or _untold(stub.pattern) or instead
    return [placed.id, what, why, *_shown(near, instead)]


def _untold(pattern: Pattern) -> str | None:
    """Return which facts that a pattern looks at the journal cannot tell."""
    names = sorted({name for name, _ in pattern.criteria() if name in SECRET})
    return f"{' and '.join(names)}, perhaps, of which the journal keeps nothing" if names else None


def _shown(near: Near | None, instead: str) -> list[Cell]:
    """Return the nearest request and what differs; or, where nothing does, what else there is to say."""
    if near is None:
        return [None, "no request came at all"]
    entry = near.sent.entry
    name = entry.operation or f"{entry.method} {entry.path}"
    return [f"#{entry.seq} {name}", "; ".join(near.differences) or instead]
