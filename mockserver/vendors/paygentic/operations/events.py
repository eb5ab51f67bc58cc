"""Events: take them in once each, and let every meter that listens read them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mockserver.kernel.call import Call
from mockserver.kernel.windows import DAY
from mockserver.kernel.world import World
from mockserver.vendors.paygentic import tables
from mockserver.vendors.paygentic.domain.errors import UnknownEventType
from mockserver.vendors.paygentic.domain.metering import Event, EventDraft, Meter
from mockserver.vendors.paygentic.operations.access import Body, Parameters, may_create_events, own_organization

IDEMPOTENCY_SCOPE = "paygentic.events"

# Source: paygentic/cost-tracking "Idempotency" (documented).
IDEMPOTENCY_SPAN = DAY

LENIENT_TYPES = "paygentic.lenient_types"
DEFAULT_SOURCE = "paygentic.default_source"


def may_ingest(call: Call, parameters: Parameters, body: Body) -> None:
    """Check the permission; where the world says so, an event without a source has an empty one.

    Source: paygentic/cost-tracking "Tracking Multiple Cost Dimensions" (its short events lack a source), assumed.
    """
    may_create_events(call, parameters, body)
    if body is not None and call.world.is_on(DEFAULT_SOURCE):
        body.setdefault("source", "")


def ingest(call: Call, draft: EventDraft) -> Event:
    """Accept one event. A key that was used within 24 hours makes it a duplicate: answered, but not recorded.

    The 24 hours run from when the recorded event was received, not from its own timestamp.

    :raises NotMember: it names another organization.
    :raises UnknownEventType: nothing listens to its type.

    Source: paygentic/cost-tracking "Idempotency" (documented), what the 24 hours run from (assumed).
    """
    meters = _listening(call.world, draft.type)
    event = _accept(call.world, draft, own_organization(call, draft.namespace), call.now)
    if draft.idempotency_key is not None:
        call.idempotency = "duplicate" if event.is_duplicate else "first"
    if not event.is_duplicate:
        _record(call.world, meters, [event])
    return event


def ingest_many(world: World, drafts: Iterable[tuple[int, EventDraft]]) -> int:
    """Accept a history: (when received, event) pairs in order of arrival. Return how many were recorded.

    The rules are those of `ingest`, except that nobody is there to be told of a type that nothing listens to:
    such an event is dropped unless the world is lenient.
    """
    namespace = tables.organization_id(world.store, world.id)
    listening: dict[str, dict[int, Meter] | None] = {}
    accepted: dict[str, list[Event]] = {}
    for received_at, draft in drafts:
        if draft.type not in listening:
            try:
                listening[draft.type] = _listening(world, draft.type)
            except UnknownEventType:
                listening[draft.type] = None
        if listening[draft.type] is None:
            continue
        event = _accept(world, draft, namespace, received_at)
        if not event.is_duplicate:
            accepted.setdefault(draft.type, []).append(event)
    for event_type, events in accepted.items():
        _record(world, listening[event_type] or {}, events)
    return sum(len(events) for events in accepted.values())


def _listening(world: World, event_type: str) -> dict[int, Meter]:
    """Return the meters that read a type of event.

    Source: paygentic/events "type" (documented), that a cost alone makes a type known (assumed).
    """
    meters, is_live = tables.meters_of_type(world.store, world.id, event_type)
    if not is_live and not world.is_on(LENIENT_TYPES):
        raise UnknownEventType(event_type)
    return meters


def _accept(world: World, draft: EventDraft, namespace: str, now: int) -> Event:
    """Return an event with everything it did not bring, and judge its idempotency key."""
    identifier = world.new_id("evt")
    subject = draft.subject
    if subject is None and draft.external_subject is not None:
        customer = tables.customer_with_external_id(world.store, world.id, draft.external_subject)
        subject = customer.id if customer else None
    key = draft.idempotency_key
    is_duplicate = False
    if key is None:
        key = f"idem_{identifier.removeprefix('evt_')}"
    elif world.idempotency.find(IDEMPOTENCY_SCOPE, key, now):
        is_duplicate = True
    else:
        world.idempotency.remember(IDEMPOTENCY_SCOPE, key, now, IDEMPOTENCY_SPAN)
    at = now if draft.at is None else draft.at
    return Event(identifier, draft, subject, namespace, at, now, key, is_duplicate)


def _record(world: World, meters: dict[int, Meter], events: list[Event]) -> None:
    numbered = tables.insert_events(world.store, world.id, events)
    batch: list[Any] = [tables.metered(seq, event) for seq, event in numbered]
    for identity, meter in meters.items():
        tables.record(world.store, world.id, identity, meter, batch)
