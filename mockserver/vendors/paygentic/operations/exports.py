"""What other programs get to read: events, what they came to by customer and day, and invoices."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from mockserver.kernel.money import plain
from mockserver.kernel.windows import LATEST, format_instant
from mockserver.kernel.world import World
from mockserver.vendors.billing import Invoice
from mockserver.vendors.paygentic import tables
from mockserver.vendors.paygentic.domain.aggregation import Tally, is_usable, quantity
from mockserver.vendors.paygentic.domain.buckets import bucket_end, bucket_start
from mockserver.vendors.paygentic.domain.costing import Cost
from mockserver.vendors.paygentic.domain.invoicing import total_of
from mockserver.vendors.paygentic.domain.json_text import EXACT, dump
from mockserver.vendors.paygentic.domain.metering import subject_of
from mockserver.vendors.paygentic.operations.readings import Cut, cells, linked
from mockserver.vendors.vendor import Export, Json, Value

_Row = tuple[Value, ...]
_Rows = Sequence[_Row]

_BATCH = 500
"""Rows a batch: others wait for some ten milliseconds at most."""


def _instant(at: int | None) -> str | None:
    return None if at is None else format_instant(at)


# Events


def _events(world: World) -> Iterator[_Rows]:
    """Yield the events that are there at the start, whatever arrives meanwhile."""
    last = tables.events.newest(world.store, world.id)
    after = 0
    while rows := tables.exports.events_after(world.store, world.id, after, last, _BATCH):
        after = rows[-1][0]
        yield [
            (*names, format_instant(at), format_instant(received_at), key, Json(data))
            for *names, at, received_at, key, data in rows
        ]


EVENTS = Export(
    (
        "seq", "id", "type", "source", "subject", "external_subject", "external_id", "namespace", "timestamp",
        "received_at", "idempotency_key", "data",
    ),
    _events,
)  # fmt: skip
"""Accepted events, in order of arrival."""


# Costs


def _costs(world: World) -> Iterator[_Rows]:
    """Yield a month of a cost at a time, as the cost is when that is read."""
    costs = sorted(tables.costs.live_costs(world.store, world.id), key=lambda cost: (cost.created_at, cost.id))
    for identifier in [cost.id for cost in costs]:
        start: int | None = -LATEST
        while start is not None:
            cost = tables.costs.cost(world.store, world.id, identifier)
            if cost is None or cost.deleted_at is not None or cost.event_type is None or cost.aggregation is None:
                break
            start = tables.exports.next_event(world.store, world.id, cost.event_type, start)
            if start is not None:
                month = bucket_start(start, "MONTH")
                start = bucket_end(month, "MONTH")
                yield list(_days(world, cost, month, start))


def _days(world: World, cost: Cost, start: int, end: int) -> Iterator[_Row]:
    """Yield what a cost came to on each day and for each subject; what nobody owns yet keeps its external subject."""
    assert cost.aggregation is not None
    assert cost.aggregation is not None
    customers = linked(world)
    tallies: defaultdict[tuple[int, str, str], Tally] = defaultdict(Tally)
    for cell in cells(world, cost, Cut(start, end, window="DAY", by_party=True)):
        subject = subject_of(cell.party, customers)
        owner = ("", cell.party[2:]) if subject is None else (subject, "")
        tallies[cell.bucket, *owner].add(cell.tally)
    has_path = cost.value_property is not None
    for (day, subject, external_subject), tally in sorted(tallies.items(), key=lambda found: found[0]):
        if is_usable(cost.aggregation, tally, has_path=has_path):
            amount = quantity(cost.aggregation, tally, has_path=has_path)
            assert amount is not None
            yield (
                format_instant(day)[:10], cost.id, cost.name, cost.event_type, cost.aggregation, cost.unit,
                subject or None, external_subject or None, amount, cost.unit_cost,
                EXACT.multiply(amount, cost.unit_cost), cost.currency,
            )  # fmt: skip


COSTS = Export(
    (
        "day", "cost_id", "cost_name", "event_type", "aggregation", "unit", "subject", "external_subject", "quantity",
        "unit_cost", "cost", "currency",
    ),
    _costs,
)  # fmt: skip
"""What each live cost came to, by UTC day and subject: a row is a bucket of its DAY summary of that subject."""


# Invoices


def _invoices(world: World) -> Iterator[_Rows]:
    after = 0
    while found := tables.invoices.invoices(world.store, world.id, after, _BATCH):
        after = found[-1].seq
        yield [_invoice(invoice) for invoice in found]


def _invoice(invoice: Invoice) -> _Row:
    payments = [
        {"id": each.id, "at": format_instant(each.at), "amount": plain(each.amount), "status": each.status}
        for each in invoice.payments
    ]
    refunds = [
        {"id": each.id, "at": format_instant(each.at), "amount": plain(each.amount), "tax": plain(each.tax)}
        for each in invoice.refunds
    ]
    return (
        invoice.seq, invoice.id, invoice.customer_id, invoice.status, _instant(invoice.issued_at),
        _instant(invoice.period_start), _instant(invoice.period_end), invoice.currency, invoice.amount, invoice.tax,
        invoice.rebate, total_of(each.amount for each in invoice.payments if each.status == "completed"),
        total_of(each.amount for each in invoice.refunds), _instant(invoice.written_off_at), invoice.subscription_id,
        invoice.plan_id, invoice.plan_name, Json(dump(payments)), Json(dump(refunds)),
    )  # fmt: skip


INVOICES = Export(
    (
        "seq", "id", "customer_id", "status", "issued_at", "period_start", "period_end", "currency", "amount", "tax",
        "rebate", "paid", "refunded", "written_off_at", "subscription_id", "plan_id", "plan_name", "payments",
        "refunds",
    ),
    _invoices,
)  # fmt: skip
"""Invoices in the order they were recorded; revenue is their amounts, less refunds, each when it was made."""

EXPORTS = {"events": EVENTS, "costs": COSTS, "invoices": INVOICES}
