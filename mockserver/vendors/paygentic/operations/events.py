"""Events: take them in once each; the meters that listen read them in batches, at the latest when somebody asks."""

from __future__ import annotations

from collections.abc import Iterable

from mockserver.kernel.call import Call
from mockserver.kernel.windows import DAY
from mockserver.kernel.world import World
from mockserver.vendors.paygentic import tables
from mockserver.vendors.paygentic.domain.errors import UnknownEventType
from mockserver.vendors.paygentic.domain.metering import Event, EventDraft
from mockserver.vendors.paygentic.operations.access import Body, Parameters, may_create_events, own_organization

IDEMPOTENCY_SCOPE = "paygentic.events"

# Source: paygentic/cost-tracking "Idempotency" (documented).
IDEMPOTENCY_SPAN = DAY

MAX_UNREAD = 256
"""How many events may pile up before the meters read them: a batch costs a fifth of its events one by one."""

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
    _refuse_unknown(call.world, draft.type)
    namespace = own_organization(call, draft.namespace)
    identifier = f"evt_{call.request_id.removeprefix('req_')}"
    event = _accept(call.world, identifier, draft, namespace, call.now)
    if draft.idempotency_key is not None:
        call.idempotency = "duplicate" if event.is_duplicate else "first"
    if not event.is_duplicate:
        last = tables.events.insert_events(call.world.store, call.world.id, [event])
        if last % MAX_UNREAD == 0:
            tables.meters.catch_up_all(call.world.store, call.world.id)
    return event


def ingest_many(world: World, drafts: Iterable[tuple[int, EventDraft]]) -> int:
    """Accept a history: (when received, event) pairs in order of arrival. Return how many were recorded.

    The rules are those of `ingest`, except that nobody is there to be told of a type that nothing listens to:
    such an event is dropped unless the world is lenient.
    """
    store = world.store
    namespace = tables.organizations.organization_id(store, world.id)
    known: dict[str, bool] = {}
    accepted: list[Event] = []
    for received_at, draft in drafts:
        if draft.type not in known:
            known[draft.type] = world.is_on(LENIENT_TYPES) or tables.meters.is_listened_to(store, world.id, draft.type)
        if known[draft.type]:
            event = _accept(world, world.new_id("evt"), draft, namespace, received_at)
            if not event.is_duplicate:
                accepted.append(event)
    tables.events.insert_events(store, world.id, accepted)
    tables.meters.catch_up_all(store, world.id)
    return len(accepted)


def _refuse_unknown(world: World, event_type: str) -> None:
    """Refuse a type that nothing listens to.

    :raises UnknownEventType: nothing does, and the world is not lenient.

    Source: paygentic/events "type" (documented), that a cost alone makes a type known (assumed).
    """
    if not tables.meters.is_listened_to(world.store, world.id, event_type) and not world.is_on(LENIENT_TYPES):
        raise UnknownEventType(event_type)


def _accept(world: World, identifier: str, draft: EventDraft, namespace: str, now: int) -> Event:
    """Return an event with everything it did not bring, and judge its idempotency key."""
    subject = draft.subject
    if subject is None and draft.external_subject is not None:
        customer = tables.customers.customer_with_external_id(world.store, world.id, draft.external_subject)
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
