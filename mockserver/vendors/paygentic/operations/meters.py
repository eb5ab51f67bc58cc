"""What a billable metric measured over a window of time, and which events."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from mockserver.kernel.call import Call
from mockserver.kernel.windows import DAY, HOUR
from mockserver.kernel.world import World
from mockserver.vendors.paygentic import tables
from mockserver.vendors.paygentic.domain import usage as arithmetic
from mockserver.vendors.paygentic.domain.billable_metrics import BillableMetric
from mockserver.vendors.paygentic.domain.buckets import refuse_window
from mockserver.vendors.paygentic.domain.event_pages import EventsQuestion, MeterEvent, pieces
from mockserver.vendors.paygentic.domain.metering import parties_of, subject_of
from mockserver.vendors.paygentic.domain.usage import SUBJECT, Part, Usage, UsageQuestion
from mockserver.vendors.paygentic.operations.access import Body, Parameters, may_read_billable_metrics
from mockserver.vendors.paygentic.operations.billable_metrics import must_exist
from mockserver.vendors.paygentic.operations.readings import Cut, cells, linked
from mockserver.vendors.paygentic.operations.summaries import ZERO_FILL
from mockserver.vendors.paygentic.tables.events import Search


def may_measure_usage(call: Call, parameters: Parameters, query: Body) -> None:
    """Check the permission, that the metric exists, and that it has the dimensions that are named.

    :raises InvalidRequest: it has not.
    """
    may_read_billable_metrics(call, parameters, query)
    arithmetic.dimensions(must_exist(call, parameters[0])).check(query or {})


def usage(call: Call, identifier: str, question: UsageQuestion) -> Usage:
    """Return what a billable metric measured.

    :raises InvalidRequest: the question names a dimension the metric does not have.
    :raises Refused: the window is empty, or has too many buckets.

    Source: paygentic/openapi "getBillableMetricMeter" (documented).
    """
    metric = must_exist(call, identifier)
    filters = arithmetic.filters_for(metric, question)
    keys = question.group_by or ()
    cut = Cut(
        _first_instant(metric, question.start), question.end, question.subject, filters, question.window,
        by_labels=any(key != SUBJECT for key in keys), by_party=SUBJECT in keys,
    )  # fmt: skip
    parts = _parts(call.world, metric, cut, keys)
    return arithmetic.measured(metric, question, parts, fill=call.world.is_on(ZERO_FILL))


def _first_instant(metric: BillableMetric, start: int) -> int:
    return start if metric.event_from is None else max(start, metric.event_from)


def _parts(world: World, metric: BillableMetric, cut: Cut, keys: tuple[str, ...]) -> Iterator[Part]:
    names = sorted(metric.group_by or {})
    places = [None if key == SUBJECT else names.index(key) for key in keys]
    customers = linked(world) if cut.by_party else {}
    for cell in cells(world, metric, cut):
        subject = (subject_of(cell.party, customers) or "") if cut.by_party else ""
        group = tuple([subject if place is None else cell.labels[place] for place in places])
        yield Part(cell.bucket, group, cell.tally)


@dataclass(frozen=True, slots=True)
class MeterEvents:
    """Some of a metric's events, newest first.

    :param total: how many match in all.
    """

    metric: BillableMetric
    question: EventsQuestion
    events: list[MeterEvent]
    total: int


def events(call: Call, identifier: str, question: EventsQuestion) -> MeterEvents:
    """Return the events that a metric measured; what lies before its `event_from` is not among them.

    :raises Refused: the window is empty.

    Source: paygentic/openapi "listBillableMetricEvents" (documented), `event_from` (assumed).
    """
    metric = must_exist(call, identifier)
    refuse_window(question.start, question.end)
    if metric.event_type is None:
        return MeterEvents(metric, question, [], 0)
    start = _first_instant(metric, question.start)
    if question.external_id is None and question.external_subject is None:
        found, total = _listed(call.world, metric, question, start)
    else:
        found, total = _searched(call.world, metric, question, start)
    customers = linked(call.world)
    return MeterEvents(metric, question, [_with_subject(event, customers) for event in found], total)


def _with_subject(event: MeterEvent, customers: Mapping[str, str]) -> MeterEvent:
    if event.subject is not None or event.external_subject is None:
        return event
    return replace(event, subject=customers.get(event.external_subject))


def _listed(world: World, metric: BillableMetric, question: EventsQuestion, start: int) -> tuple[list[MeterEvent], int]:
    """Return a page of events and how many there are; what was added up already says where in time the page lies."""
    counting = replace(metric, aggregation="COUNT")
    cut = Cut(start, question.end, question.subject, window="DAY")
    per_day = _counts(world, counting, cut)
    days = pieces(per_day, question.offset, question.limit)
    total = sum(per_day.values())
    if not days:
        return [], total
    cut = replace(cut, start=max(start, days[-1].bucket), end=min(cut.end, days[0].bucket + DAY), window="HOUR")
    hours = pieces(_counts(world, counting, cut), days[0].skipped, question.limit)
    search = _search(world, metric, question, cut.start)
    found: list[MeterEvent] = []
    for hour, skipped, taken in hours:
        within = replace(search, start=max(cut.start, hour), end=min(cut.end, hour + HOUR))
        found += tables.events.found(world.store, world.id, within, taken, skipped)
    return found, total


def _counts(world: World, counting: BillableMetric, cut: Cut) -> Counter[int]:
    counts: Counter[int] = Counter()
    for cell in cells(world, counting, cut):
        counts[cell.bucket] += cell.tally.events
    return counts


def _searched(
    world: World, metric: BillableMetric, question: EventsQuestion, start: int
) -> tuple[list[MeterEvent], int]:
    """Return a page of the events that somebody else's names find, and how many there are."""
    search = _search(world, metric, question, start)
    found = tables.events.found(world.store, world.id, search, question.limit, question.offset)
    return found, tables.events.how_many(world.store, world.id, search)


def _search(world: World, metric: BillableMetric, question: EventsQuestion, start: int) -> Search:
    parties = None
    if question.subject is not None:
        external_id = tables.customers.external_id_of(world.store, world.id, question.subject)
        parties = parties_of(question.subject, external_id)
    assert metric.event_type is not None
    return Search(metric.event_type, start, question.end, parties, question.external_id, question.external_subject)
