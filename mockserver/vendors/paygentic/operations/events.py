"""Events: take them in once each; the meters that listen read them in batches, at the latest when somebody asks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice

from mockserver.kernel.call import Call
from mockserver.kernel.garbage import uncollected
from mockserver.kernel.windows import DAY
from mockserver.kernel.world import World
from mockserver.vendors.paygentic import tables
from mockserver.vendors.paygentic.domain.errors import UnknownEventType
from mockserver.vendors.paygentic.domain.json_text import dump, restore
from mockserver.vendors.paygentic.domain.metering import Event, EventDraft, Metered, party_of
from mockserver.vendors.paygentic.domain.test_clocks import time_at
from mockserver.vendors.paygentic.operations import test_clocks
from mockserver.vendors.paygentic.operations.access import (
    Body,
    Parameters,
    may_create_events,
    refuse_other_organization,
)

RECORD_LATE = "paygentic.record_late"
"""The scheduled action that records an event which a fault lets nobody see before."""

IDEMPOTENCY_SCOPE = "paygentic.events"

# Source: paygentic/cost-tracking "Idempotency" (documented).
IDEMPOTENCY_SPAN = DAY

MAX_UNREAD = 256
"""How many events may pile up before the meters read them: a batch costs a fifth of its events one by one."""

_BATCH = 20_000

LENIENT_TYPES = "paygentic.lenient_types"
DEFAULT_SOURCE = "paygentic.default_source"


def generated_key(identifier: str) -> str:
    """Return the idempotency key of an event that came without one."""
    return f"idem_{identifier.removeprefix('evt_')}"


def may_ingest(call: Call, parameters: Parameters, body: Body) -> None:
    """Check permission and organization; where the world says so, an event without a source has an empty one.

    Source: paygentic/cost-tracking "Tracking Multiple Cost Dimensions" (its short events lack a source), assumed.
    """
    may_create_events(call, parameters, body)
    refuse_other_organization(call, body, "namespace")
    if body is not None and call.world.is_on(DEFAULT_SOURCE):
        body.setdefault("source", "")


def ingest(call: Call, draft: EventDraft) -> Event:
    """Accept one event. A key that was used within 24 hours makes it a duplicate: answered, but not recorded.

    The 24 hours run from when the recorded event was received, not from its own timestamp.

    :raises UnknownEventType: nothing listens to its type.

    Source: paygentic/cost-tracking "Idempotency" (documented), what the 24 hours run from (assumed).
    """
    world = call.world
    _refuse_unknown(world, draft.type)
    namespace, has_clocks = tables.organizations.host(world.store, world.id)
    identifier = f"evt_{call.request_id.removeprefix('req_')}"
    subject = _subject(world, draft)
    at = draft.at
    if at is None:
        at = test_clocks.time_of(world, subject, call.now) if has_clocks else call.now
    key = draft.idempotency_key
    is_new = True
    if key is None:
        key = generated_key(identifier)
    else:
        is_new = world.idempotency.claim(IDEMPOTENCY_SCOPE, key, call.now, IDEMPOTENCY_SPAN)
        call.idempotency = "first" if is_new else "duplicate"
    if is_new:
        event = (identifier, draft, namespace, at, call.now, key)
        if call.delay_us:
            world.schedule.add(call.now + call.delay_us, RECORD_LATE, dump([*event[:1], draft._asdict(), *event[2:]]))
        else:
            _record(world, event)
    return Event(identifier, draft, subject, namespace, at, call.now, key)


def record_late(world: World, accepted: str) -> None:
    """Record an event that was accepted earlier."""
    identifier, draft, *facts = restore(accepted)
    _record(world, (identifier, EventDraft(**draft), *facts))


def _record(world: World, event: tables.events.Arrival) -> None:
    seq = tables.events.insert_events(world.store, world.id, [event])
    if seq % MAX_UNREAD == 0:
        tables.meters.catch_up_all(world.store, world.id, batches=1)


def _subject(world: World, draft: EventDraft) -> str | None:
    """Return the subject that was sent, or the customer that the external subject is now."""
    if draft.subject is not None or draft.external_subject is None:
        return draft.subject
    customer = tables.customers.customer_with_external_id(world.store, world.id, draft.external_subject)
    return customer.id if customer else None


def ingest_many(world: World, drafts: Iterable[tuple[int, EventDraft]]) -> int:
    """Accept a history: (when received, event) pairs in order of arrival. Return how many were recorded.

    The rules are those of `ingest`, except that nobody is there to be told of a type that nothing listens to:
    such an event is dropped unless the world is lenient. However it is cut into calls, the outcome is the same.
    """
    tables.meters.catch_up_all(world.store, world.id)
    intake = _Intake(world)
    recorded = 0
    arriving = iter(drafts)
    while True:
        with uncollected():
            batch = list(islice(arriving, _BATCH))
            if not batch:
                return recorded
            recorded += intake.take(batch)


class _Intake:
    """Takes in a history batch by batch, and hands each to the meters while it is still at hand."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._namespace = tables.organizations.organization_id(world.store, world.id)
        self._meters = tables.meters.all_meters(world.store, world.id)
        self._known: dict[str, bool] = {}
        self._ahead = test_clocks.ahead_by_party(world)

    def take(self, batch: Sequence[tuple[int, EventDraft]]) -> int:
        """Record a batch of events; return how many were new."""
        store, world = self._world.store, self._world
        unknown = {kind for kind in {draft.type for _, draft in batch} if not self._is_known(kind)}
        heard = [arrival for arrival in batch if arrival[1].type not in unknown] if unknown else batch
        identifiers = world.new_ids("evt", len(heard))
        repeated = self._repeated(heard)
        accepted: list[tables.events.Arrival] = [
            (
                identifier, draft, self._namespace, self._at(draft, now) if draft.at is None else draft.at, now,
                generated_key(identifier) if draft.idempotency_key is None else draft.idempotency_key,
            )
            for place, (identifier, (now, draft)) in enumerate(zip(identifiers, heard, strict=True))
            if place not in repeated
        ]  # fmt: skip
        if not accepted:
            return 0
        first = tables.events.insert_events(store, world.id, accepted)
        last = first + len(accepted) - 1
        by_type: dict[str, list[Metered]] = {}
        for seq, (_, draft, _, at, _, _) in enumerate(accepted, first):
            metered = (seq, at, party_of(draft.subject, draft.external_subject), draft.data)
            by_type.setdefault(draft.type, []).append(metered)
        for identity, meter in self._meters.items():
            events = by_type.get(meter.event_type)
            if events:
                tables.meters.take_in(store, world.id, identity, meter, events)
            tables.meters.mark_read(store, world.id, identity, last)
        return len(accepted)

    def _at(self, draft: EventDraft, now: int) -> int:
        """Return when an event happened that does not say."""
        if not self._ahead:
            return now
        return time_at(self._ahead.get(party_of(draft.subject, draft.external_subject), 0), now)

    def _repeated(self, batch: Sequence[tuple[int, EventDraft]]) -> set[int]:
        """Return the places of events whose key was used before."""
        uses = [(key, now) for now, draft in batch if (key := draft.idempotency_key) is not None]
        are_new = self._world.idempotency.claim_all(IDEMPOTENCY_SCOPE, uses, IDEMPOTENCY_SPAN)
        if all(are_new):
            return set()
        keyed = [place for place, (_, draft) in enumerate(batch) if draft.idempotency_key is not None]
        return {place for place, is_new in zip(keyed, are_new, strict=True) if not is_new}

    def _is_known(self, event_type: str) -> bool:
        known = self._known.get(event_type)
        if known is None:
            world = self._world
            known = world.is_on(LENIENT_TYPES) or tables.meters.is_listened_to(world.store, world.id, event_type)
            self._known[event_type] = known
        return known


def _refuse_unknown(world: World, event_type: str) -> None:
    """Refuse a type that nothing listens to.

    :raises UnknownEventType: nothing does, and the world is not lenient.

    Source: paygentic/events "type" (documented), that a cost alone makes a type known (assumed).
    """
    if not tables.meters.is_listened_to(world.store, world.id, event_type) and not world.is_on(LENIENT_TYPES):
        raise UnknownEventType(event_type, tables.meters.types_listened_to(world.store, world.id))
