"""Test clocks: what they show, moving them forward, and whose events they date."""

from __future__ import annotations

from dataclasses import dataclass, replace

from mockserver.kernel.call import Call
from mockserver.kernel.errors import Conflict, NotFound
from mockserver.kernel.windows import Instant
from mockserver.kernel.world import World
from mockserver.vendors.paygentic import tables
from mockserver.vendors.paygentic.domain.metering import parties_of
from mockserver.vendors.paygentic.domain.test_clocks import TestClock, moved_by, moved_to, time_at, whole_seconds
from mockserver.vendors.paygentic.operations.access import Body, Parameters, may_write_test_clocks, own_organization
from mockserver.vendors.paygentic.operations.paging import Page, PageOf


@dataclass(frozen=True, slots=True)
class ClockDraft:
    """A test clock as it was asked for.

    :param current_time: what it is to show, or `None` for the world's time.
    """

    current_time: int | None = None
    name: str | None = None
    description: str | None = None
    merchant_id: str | None = None


Move = int | str
"""How a test clock moves: to an instant, or by a step."""


@dataclass(frozen=True, slots=True)
class ShownClock:
    """A test clock, and what it shows."""

    clock: TestClock
    current_time: Instant


def may_change(call: Call, parameters: Parameters, body: Body) -> None:
    """Check the permission, then that the test clock exists."""
    may_write_test_clocks(call, parameters, body)
    _must_exist(call.world, parameters[0])


def create(call: Call, draft: ClockDraft) -> ShownClock:
    """Add a test clock; it may start in the past.

    :raises NotMember: it names another organization.

    Source: paygentic/sdk-0.6.3 "test_clocks.create" (sdk).
    """
    merchant = own_organization(call, draft.merchant_id)
    at = call.now if draft.current_time is None else draft.current_time
    created_at = whole_seconds(call.now)
    clock = TestClock(
        call.world.new_id("tc"), merchant, draft.name, draft.description, whole_seconds(at) - created_at,
        created_at=created_at, updated_at=created_at,
    )  # fmt: skip
    return _saved(call, clock)


def page(call: Call, wanted: Page) -> PageOf[ShownClock]:
    """Return some test clocks, newest first; deleted ones are left out."""
    own_organization(call, wanted.merchant_id)
    found, total = tables.test_clocks.clocks(call.world.store, call.world.id, wanted.limit, wanted.offset)
    return PageOf([_shown(call, clock) for clock in found], wanted, total)


def get(call: Call, identifier: str) -> ShownClock:
    """Return a test clock.

    :raises NotFound: there is none, or it was deleted.
    """
    return _shown(call, _must_exist(call.world, identifier))


def advance(call: Call, identifier: str, move: Move) -> ShownClock:
    """Move a test clock forward; the world's own clock stays where it is.

    :raises InvalidRequest: it would not move forward, or too far.
    """
    clock = _must_exist(call.world, identifier)
    shown = _shown(call, clock).current_time
    at = moved_by(shown, move) if isinstance(move, str) else moved_to(shown, move)
    now = whole_seconds(call.now)
    return _saved(call, replace(clock, offset=at - now, updated_at=now))


def delete(call: Call, identifier: str) -> ShownClock:
    """Delete a test clock that no customer is on.

    :raises Conflict: some are. A deleted customer is on none, or its clock could never be deleted.

    Source: paygentic/openapi "deleteTestClock" (409 while subscriptions use it:
    documented), that customers do (assumed).
    """
    clock = _must_exist(call.world, identifier)
    customers = tables.test_clocks.customers_on(call.world.store, call.world.id, identifier)
    if customers:
        raise Conflict(f"Test clock {identifier} is in use by {', '.join(customers)}")
    now = whole_seconds(call.now)
    return _saved(call, replace(clock, updated_at=now, deleted_at=now))


def put_customer(world: World, customer_id: str, clock_id: str | None) -> None:
    """Put a customer on a test clock, or on none.

    :raises NotFound: there is no such customer, or no such clock.
    """
    if tables.customers.customer(world.store, world.id, customer_id) is None:
        raise NotFound("Customer", customer_id)
    if clock_id is not None:
        _must_exist(world, clock_id)
    tables.test_clocks.put_customer(world.store, world.id, customer_id, clock_id)


def time_of(world: World, customer_id: str | None, now: int) -> Instant:
    """Return what the clock that a customer lives by shows: its test clock, or the world's.

    :param customer_id: whoever an event is about, which may be nobody, or no customer.
    :param now: the world's time.
    """
    if customer_id is None:
        return Instant(now)
    offset = tables.test_clocks.offset_of(world.store, world.id, customer_id)
    return time_at(offset, now) if offset else Instant(now)


def ahead_by_party(world: World) -> dict[str, int]:
    """Return how far ahead of the world's clock the customers on test clocks are, by every party each is."""
    found = tables.test_clocks.offsets(world.store, world.id)
    return {party: offset for customer, external, offset in found for party in parties_of(customer, external)}


def _must_exist(world: World, identifier: str) -> TestClock:
    found = tables.test_clocks.clock(world.store, world.id, identifier)
    if found is None:
        raise NotFound("Test clock", identifier)
    return found


def _shown(call: Call, clock: TestClock) -> ShownClock:
    return ShownClock(clock, whole_seconds(time_at(clock.offset, call.now)))


def _saved(call: Call, clock: TestClock) -> ShownClock:
    tables.test_clocks.save_clock(call.world.store, call.world.id, clock)
    return _shown(call, clock)
