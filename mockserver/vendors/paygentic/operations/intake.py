"""The door for a scenario's customers and cost events: by the same rules as requests, without requests."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mockserver.kernel.call import Call
from mockserver.kernel.errors import Conflict
from mockserver.kernel.world import World
from mockserver.vendors.intake import Newcomer, Sent
from mockserver.vendors.paygentic import tables
from mockserver.vendors.paygentic.domain.metering import EventDraft
from mockserver.vendors.paygentic.operations import customers, events


class EventIntake:
    """Takes in what a scenario's integrators send."""

    operation = "events.ingest"

    def enrol(self, world: World, newcomers: Sequence[Newcomer]) -> list[str]:
        """Add customers now, and return their ids.

        :raises Conflict: an external id is taken, or a customer has the e-mail address under another one; nobody is
            added then.
        """
        call = Call(world, world.clock.now(), 0, "")
        merchant = tables.organizations.organization_id(world.store, world.id)
        with world.store.atomic():
            return [_enrolled(call, merchant, newcomer) for newcomer in newcomers]

    def take(self, world: World, arrivals: Iterable[tuple[int, Sent]]) -> int:
        """Take events in, as (when it arrives, event) in order of arrival; return how many were new.

        Those of a type that nothing listens to are dropped. However they are cut into calls, the outcome is the same.
        """
        return events.ingest_many(world, ((now, _draft(sent)) for now, sent in arrivals))

    def is_heard(self, world: World, event_type: str) -> bool:
        """Whether anything listens to a type, or the world takes any."""
        return world.is_on(events.LENIENT_TYPES) or tables.meters.is_listened_to(world.store, world.id, event_type)

    def latest(self, world: World) -> int | None:
        """Return when the last event was received, `None` when there is none."""
        return tables.events.last_received(world.store, world.id)


def _enrolled(call: Call, merchant: str, newcomer: Newcomer) -> str:
    name, email, external_id = newcomer
    draft = customers.CustomerDraft(merchant, customers.Consumer(name, email, None), external_id=external_id)
    enrolled = customers.create(call, draft)
    customer = enrolled.customer
    if not enrolled.is_new:
        raise Conflict(
            f"customer {customer.id} is there already, with e-mail address '{email}' and"
            f" externalId {customer.external_id!r}"
        )
    return customer.id


def _draft(sent: Sent) -> EventDraft:
    event_type, source, data, subject, at, key = sent
    return EventDraft(event_type, source, data, subject, None, None, None, at, key)
