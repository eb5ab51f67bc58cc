"""Paygentic's arithmetic once more: plain loops over every event ever accepted, exact fractions, nothing shared.

It is written from the vendor's rules and not from the code under test, and is meant to be believed by reading.
Nothing is kept ready: every answer looks at every event. Numbers in answers are `Fraction`; see `agrees`.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

KEY_LIVES = timedelta(hours=24)
LENGTHS = {
    "MINUTE": timedelta(minutes=1),
    "HOUR": timedelta(hours=1),
    "DAY": timedelta(days=1),
    "WEEK": timedelta(days=7),
}
MOST_BUCKETS = 50_000
MOST_PLACES = 200
MISSING = object()

OTHER = "__other__"

Value = Fraction | None
Amount = tuple[Fraction, Fraction]
"""Cost and quantity."""

NOTHING = (Fraction(0), Fraction(0))


class Refused(Exception):
    """The question is answered 400."""


# Instants


def instant(text: str) -> datetime:
    """Read an instant; without an offset it is UTC."""
    found = datetime.fromisoformat(text)
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def iso(at: datetime) -> str:
    """Write an instant in UTC, with three or six decimals only when there is something to say."""
    places = "seconds" if at.microsecond == 0 else "milliseconds" if at.microsecond % 1000 == 0 else "microseconds"
    return at.isoformat(timespec=places).replace("+00:00", "Z")


def bucket(at: datetime, window: str) -> datetime:
    """Return the start of the UTC clock bucket an instant lies in."""
    start = at.replace(second=0, microsecond=0)
    if window == "MINUTE":
        return start
    start = start.replace(minute=0)
    if window == "HOUR":
        return start
    start = start.replace(hour=0)
    if window == "DAY":
        return start
    if window == "WEEK":
        return start - timedelta(days=start.weekday())
    return start.replace(day=1)


def after(start: datetime, window: str) -> datetime:
    """Return the end of a bucket, which is the start of the next."""
    if window == "MONTH":
        return start.replace(year=start.year + start.month // 12, month=start.month % 12 + 1)
    return start + LENGTHS[window]


def every_bucket(start: datetime, end: datetime, window: str) -> list[datetime]:
    """Return every bucket that touches a window of time."""
    found = [bucket(start, window)]
    while after(found[-1], window) < end:
        found.append(after(found[-1], window))
    return found


def refuse_window(start: datetime, end: datetime, window: str | None) -> None:
    """Refuse a window of time that is empty, or that has too many buckets."""
    if start >= end:
        raise Refused("from must be before to")
    if window is None:
        return
    last = end - timedelta(microseconds=1)
    if window == "MONTH":
        count = 12 * (last.year - start.year) + last.month - start.month + 1
    else:
        count = (bucket(last, window) - bucket(start, window)) // LENGTHS[window] + 1
    if count > MOST_BUCKETS:
        raise Refused("too many buckets")


# What is in an event


def parse(text: str) -> Any:
    """Read JSON without a float."""
    return json.loads(text, parse_float=Decimal, parse_int=Decimal)


def reach(data: Any, path: str) -> Any:
    """Walk `$.a.b` from object to object."""
    for name in path.split(".")[1:]:
        data = data.get(name, MISSING) if isinstance(data, dict) else MISSING
    return data


def number(value: Any) -> Value:
    """Return a JSON number, or the number a string wholly is."""
    if isinstance(value, str):
        trimmed = value.strip()
        if not re.fullmatch(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,9})?", trimmed):
            return None
        value = Decimal(trimmed)
        _, digits, exponent = value.as_tuple()
        if exponent < -MOST_PLACES or len(digits) + exponent > MOST_PLACES:
            return None
    return Fraction(value) if isinstance(value, Decimal) else None


def label(value: Any) -> str:
    """Return a dimension's value as text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    if isinstance(value, Decimal):
        text = f"{value:f}"
        text = text.rstrip("0").rstrip(".") if "." in text else text
        return "0" if text == "-0" else text
    return ""


def identity(value: Any) -> Any:
    """Return something that is equal for equal JSON values of the same type."""
    if isinstance(value, dict):
        return "object", frozenset((name, identity(part)) for name, part in value.items())
    if isinstance(value, list):
        return "array", tuple(identity(part) for part in value)
    return type(value).__name__, value


@dataclass(frozen=True)
class Event:
    """An event that was recorded.

    :param body: the request's body, numbers as `Decimal`.
    :param id: as answered, or `None` when nobody was answered.
    """

    body: Mapping[str, Any]
    at: datetime
    received: datetime
    id: str | None = None

    def label(self, path: str) -> str:
        return label(reach(self.body["data"], path))


def aggregate(aggregation: str, path: str | None, events: Sequence[Event]) -> Value:
    """Return what events, given in order of arrival, come to; `None` where there is nothing to go by."""
    if aggregation == "COUNT":
        return Fraction(len(events))
    if aggregation == "UNIQUE_COUNT":
        if path is None:
            return Fraction(len(events))
        values = [reach(event.body["data"], path) for event in events]
        return Fraction(len({identity(value) for value in values if value is not MISSING and value is not None}))
    assert path is not None
    found = [(event.at, amount) for event in events for amount in [number(reach(event.body["data"], path))]
             if amount is not None]  # fmt: skip
    amounts = [amount for _, amount in found]
    if aggregation == "SUM":
        return exact_sum(amounts)
    if not amounts:
        return None
    if aggregation == "AVG":
        return exact_sum(amounts) / len(amounts)
    if aggregation == "LATEST":
        latest = found[0]
        for each in found:
            if each[0] >= latest[0]:
                latest = each
        return latest[1]
    return min(amounts) if aggregation == "MIN" else max(amounts)


def exact_sum(amounts: Iterable[Value]) -> Fraction:
    """Add up; nothing counts as zero."""
    return sum((amount for amount in amounts if amount is not None), Fraction(0))


def is_usable(aggregation: str, path: str | None, events: Sequence[Event]) -> bool:
    """Whether a bucket is shown: there are events, and some have the value that is asked for."""
    if aggregation == "COUNT" or path is None:
        return bool(events)
    values = [reach(event.body["data"], path) for event in events]
    if aggregation == "UNIQUE_COUNT":
        return any(value is not MISSING and value is not None for value in values)
    return any(number(value) is not None for value in values)


# The merchant


@dataclass
class Customer:
    """Somebody events may be about."""

    id: str
    name: str
    external_id: str | None = None
    is_deleted: bool = False


@dataclass(frozen=True)
class Asked:
    """A question about a measure; `filters` is JSON text."""

    start: datetime
    end: datetime
    subject: str | None = None
    keys: tuple[str, ...] | None = None
    filters: str | None = None
    window: str | None = None


@dataclass(frozen=True)
class Wanted:
    """What else a report is asked for, beside the window, the subject and the filter."""

    group_by: str
    cost_ids: tuple[str, ...] = ()
    top: int = 9
    compares: bool = False
    excludes_empty: bool = False
    sort: str = "totalCost"
    is_ascending: bool = False
    offset: int = 0
    limit: int = 25
    currency: str | None = None


@dataclass(frozen=True)
class Entry:
    """Something that happened to an invoice.

    :param what: `issued`, `refunded`, `written_off`, or the status of a payment.
    :param amount: without tax, but of a payment with it.
    """

    what: str
    at: datetime
    invoice: Mapping[str, Any]
    amount: Fraction
    tax: Fraction = Fraction(0)


@dataclass(frozen=True)
class AskedRevenue:
    """A question about revenue."""

    start: datetime
    end: datetime
    width: str = "day"
    currency: str | None = None
    customer: str | None = None
    subscriptions: tuple[str, ...] = ()
    group_by: str | None = None
    by_period: bool = False


@dataclass
class Books:
    """Everything a merchant told the vendor, and what the vendor must answer.

    :param costs: id -> the cost as it was last answered, `billables` likewise; deleted costs are taken out.
    :param invoices: as they are sent to the control API.
    """

    now: datetime
    events: list[Event] = field(default_factory=list)
    keys: dict[str, datetime] = field(default_factory=dict)
    customers: dict[str, Customer] = field(default_factory=dict)
    costs: dict[str, dict[str, Any]] = field(default_factory=dict)
    billables: dict[str, dict[str, Any]] = field(default_factory=dict)
    invoices: list[dict[str, Any]] = field(default_factory=list)
    fills_zeros: bool = False

    # Taking in

    def is_known(self, event_type: str) -> bool:
        """Whether some cost or billable metric listens to a type."""
        return any(each["eventType"] == event_type for each in [*self.costs.values(), *self.billables.values()])

    def take(self, body: Mapping[str, Any], identifier: str | None = None, received: datetime | None = None) -> bool:
        """Record an event of a known type, unless its key was recorded less than 24 hours ago."""
        received = received or self.now
        key = body.get("idempotencyKey")
        if key is not None:
            first = self.keys.get(key)
            if first is not None and received < first + KEY_LIVES:
                return False
            self.keys[key] = received
        at = instant(body["timestamp"]) if "timestamp" in body else received
        self.events.append(Event(body, at, received, identifier))
        return True

    def subject_of(self, event: Event) -> str | None:
        """Return whom an event is about as things are now; `None` for an external subject nobody has."""
        if "subject" in event.body:
            found: str = event.body["subject"]
            return found
        for customer in self.customers.values():
            if customer.external_id == event.body["externalSubject"] and not customer.is_deleted:
                return customer.id
        return None

    # Reading

    def qualifying(self, measure: Mapping[str, Any], asked: Asked) -> list[Event]:
        """Return the events of a measure's type in the window, of the subject and the filtered dimensions."""
        dimensions = measure["groupBy"] or {}
        wanted = parse(asked.filters or "{}").items()
        found = []
        for event in self.events:
            if event.body["type"] != measure["eventType"] or not asked.start <= event.at < asked.end:
                continue
            if asked.subject is not None and self.subject_of(event) != asked.subject:
                continue
            if all(event.label(dimensions[name]) == label(value) for name, value in wanted):
                found.append(event)
        return found

    def summary(self, cost: Mapping[str, Any], asked: Asked) -> dict[str, Any]:
        """Return the body of a cost's summary."""
        refuse_window(asked.start, asked.end, asked.window)
        aggregation, path, unit_cost = cost["aggregation"], cost["valueProperty"], Fraction(cost["unitCost"])
        body = {name: cost[name] for name in ("object", "id", "name", "type", "currency")}
        body |= {name: cost[name] for name in ("eventType", "unit") if cost[name] is not None}
        if aggregation is None or cost["eventType"] is None:
            empty: dict[str, Any] = {
                **({"groups": []} if asked.keys else {}),
                **({"timeSeries": []} if asked.window else {}),
            }
            return {**body, "totalCost": None, "totalQuantity": None, **empty}

        def amounts(events: Sequence[Event]) -> dict[str, Value]:
            quantity = aggregate(aggregation, path, events)
            return {"quantity": quantity, "cost": None if quantity is None else quantity * unit_cost}

        events = self.qualifying(cost, asked)
        total = amounts(events)
        body |= {"totalCost": total["cost"], "totalQuantity": total["quantity"]}
        if asked.keys:
            paths = [cost["groupBy"][key] for key in asked.keys]
            groups: list[dict[str, Any]] = []
            for labels, members in parted(events, lambda event: tuple(event.label(each) for each in paths)):
                found = amounts(members)
                if found["quantity"] is not None:
                    groups.append({"dimensions": dict(zip(asked.keys, labels, strict=True)), **found})
            groups.sort(key=lambda group: tuple(group["dimensions"].values()))
            groups.sort(key=lambda group: group["cost"], reverse=True)
            body["groups"] = groups
        if asked.window:
            body["timeSeries"] = [
                {"windowStart": iso(start), "windowEnd": iso(after(start, asked.window)), **amounts(members)}
                for start, members in self.bucketed(cost, asked, events)
            ]
        return body

    def bucketed(
        self, measure: Mapping[str, Any], asked: Asked, events: Sequence[Event]
    ) -> list[tuple[datetime, list[Event]]]:
        """Return the buckets of a series in order, with their events; those without a value only if zeros are shown."""
        assert asked.window is not None
        window, aggregation, path = asked.window, measure["aggregation"], measure["valueProperty"]
        found = dict(parted(events, lambda event: bucket(event.at, window)))
        if self.fills_zeros and aggregation in ("SUM", "COUNT"):
            return [(start, found.get(start, [])) for start in every_bucket(asked.start, asked.end, window)]
        return [(start, found[start]) for start in sorted(found) if is_usable(aggregation, path, found[start])]

    def meter(
        self, metric: Mapping[str, Any], asked: Asked, limit: int | None = None, offset: int = 0
    ) -> dict[str, Any]:
        """Return the body of what a billable metric measured; `subject` is a dimension every metric has."""
        refuse_window(asked.start, asked.end, asked.window)
        aggregation, path = metric["aggregation"], metric["valueProperty"]
        events = self.metered(metric, asked)
        total = aggregate(aggregation, path, events)
        body: dict[str, Any] = {"object": "meter", "billableMetricId": metric["id"], "totalValue": total or Fraction(0)}
        if asked.keys is None:
            if asked.window:
                body["windowedValues"] = [
                    {"windowStart": iso(start), "windowEnd": iso(after(start, asked.window)),
                     "value": aggregate(aggregation, path, members)}
                    for start, members in self.bucketed(metric, asked, events)
                ]  # fmt: skip
            return body

        def labels(event: Event) -> tuple[str, ...]:
            subject = self.subject_of(event) or ""
            return tuple(
                subject if key == "subject" else event.label(metric["groupBy"][key]) for key in asked.keys or ()
            )

        groups = []
        for each, members in sorted(parted(events, labels)):
            value = aggregate(aggregation, path, members)
            if value is not None:
                groups.append((each, members, value))
        groups.sort(key=lambda group: group[2], reverse=True)
        if limit is not None:
            body["groupCount"] = len(groups)
            groups = groups[offset : offset + limit]

        def entry(each: tuple[str, ...], members: Sequence[Event]) -> dict[str, Any]:
            return {"groupBy": dict(zip(asked.keys or (), each, strict=True)),
                    "value": aggregate(aggregation, path, members), "eventCount": len(members)}  # fmt: skip

        if asked.window is None:
            body["groupedValues"] = [entry(each, members) for each, members, _ in groups]
            return body
        window = asked.window
        body["windowedValues"], body["groupedValues"] = [], []
        for start in sorted({bucket(event.at, window) for event in events}):
            for each, members, _ in groups:
                inside = [event for event in members if bucket(event.at, window) == start]
                if is_usable(aggregation, path, inside):
                    found = entry(each, inside)
                    body["groupedValues"].append(found)
                    body["windowedValues"].append(
                        {"windowStart": iso(start), "windowEnd": iso(after(start, window)), "value": found["value"]}
                    )
        return body

    def metered(self, metric: Mapping[str, Any], asked: Asked) -> list[Event]:
        """Return the events a billable metric counts: none from before its beginning."""
        begins = metric["eventFrom"]
        return [event for event in self.qualifying(metric, asked) if begins is None or event.at >= instant(begins)]

    def listing(self, metric: Mapping[str, Any], asked: Asked, limit: int, offset: int, **sent: str) -> dict[str, Any]:
        """Return the body of a metric's list of events, newest first.

        :param sent: members the events must have been sent with.
        """
        refuse_window(asked.start, asked.end, None)
        found = [event for event in self.metered(metric, asked) if sent.items() <= event.body.items()]
        found.reverse()
        found.sort(key=lambda event: event.at, reverse=True)
        events = []
        for event in found[offset : offset + limit]:
            shown = {"id": event.id or ..., "object": "meterEvent", "subject": self.subject_of(event) or "",
                     "time": iso(event.at), "idempotencyKey": event.body.get("idempotencyKey", ...)}  # fmt: skip
            for name in ("type", "source", "data", "externalId", "externalSubject"):
                if name in event.body:
                    shown[name] = event.body[name]
            events.append(shown)
        pagination = {"limit": limit, "offset": offset, "total": len(found)}
        return {"object": "list", "billableMetricId": metric["id"], "events": events, "pagination": pagination}

    def report(self, asked: Asked, wanted: Wanted) -> dict[str, Any]:
        """Return the body of a cost report."""
        currency, by = wanted.currency or "USD", wanted.group_by
        costs, warnings = self.chosen(wanted, currency)
        is_single = len(set(wanted.cost_ids)) == 1
        dimensions = sorted({name for cost in costs for name in cost["groupBy"] or {}})
        filtered = parse(asked.filters or "{}").keys()
        if by not in ("cost", "customer") and not (is_single and by in dimensions):
            raise Refused("groupBy")
        if not filtered <= set(dimensions):
            raise Refused("filterGroupBy")
        refuse_window(asked.start, asked.end, asked.window)
        readable = [cost for cost in costs if is_computable(cost) and filtered <= (cost["groupBy"] or {}).keys()]

        found = self.grouped(readable, asked, by)
        if by == "cost":
            found = {cost["id"]: found.get(cost["id"], NOTHING) for cost in costs}
        before = replace(asked, start=asked.start - (asked.end - asked.start), end=asked.start)
        prior = self.grouped(readable, before, by) if wanted.compares else None
        empty = [key for key, amount in found.items() if amount == NOTHING]
        is_complete = all(is_computable(cost) for cost in costs)

        ranked = [key for key in sorted(found) if not (wanted.excludes_empty and is_complete and key in empty)]
        ranked.sort(key=lambda key: found[key][wanted.sort == "totalQuantity"], reverse=not wanted.is_ascending)
        units = {cost["unit"] for cost in costs}
        unit = units.pop() if len(units) == 1 else None
        entries = []
        for key in ranked[: wanted.top]:
            entry = {"key": key, "label": key, "isOther": False, "unit": unit, **shares(found, [key], prior)}
            if by == "cost":
                entry |= {"label": self.costs[key]["name"], "unit": self.costs[key]["unit"]}
            elif by == "customer" and key in self.customers:
                entry |= {"label": self.customers[key].name}
            entries.append(entry)
        rest = ranked[wanted.top :]
        if rest:
            entry = {"key": OTHER, "label": "Other", "isOther": True, "unit": unit, **shares(found, rest, prior)}
            entries.append(entry)
        page = entries[wanted.offset : wanted.offset + wanted.limit]

        body = {
            "object": "cost_report",
            "currency": currency,
            "groupBy": by,
            "period": {"from": iso(asked.start), "to": iso(asked.end)},
            "totalCost": exact_sum(cost for cost, _ in found.values()),
            "totalQuantity": exact_sum(quantity for _, quantity in found.values()),
            "groups": page,
            "timeSeries": self.costs_by_bucket(readable, asked, by, page, ranked[: wanted.top]),
            "availableDimensions": dimensions if is_single else [],
            "warnings": [...] * warnings,
            "groupCount": len(found),
            "emptyGroupCount": len(empty) if is_complete else None,
            "pagination": {"limit": wanted.limit, "offset": wanted.offset, "total": len(ranked)},
        }
        if len(empty) == len(found):
            body["costRange"] = self.extent({cost["eventType"] for cost in costs})
        return body

    def chosen(self, wanted: Wanted, currency: str) -> tuple[list[dict[str, Any]], int]:
        """Return the costs a report is about, and how many warnings there are."""
        costs, warnings = [], 0
        for identifier in dict.fromkeys(wanted.cost_ids or self.costs):
            cost = self.costs.get(identifier)
            if cost is not None and cost["currency"] == currency:
                costs.append(cost)
                warnings += not is_computable(cost)
            elif wanted.cost_ids:
                warnings += 1
        return costs, warnings

    def group_of(self, cost: Mapping[str, Any], event: Event, by: str) -> str:
        """Return the group of a report that an event belongs to."""
        if by == "cost":
            return str(cost["id"])
        if by == "customer":
            return self.subject_of(event) or str(event.body["externalSubject"])
        return event.label(cost["groupBy"][by])

    def grouped(self, costs: Iterable[Mapping[str, Any]], asked: Asked, by: str) -> dict[str, Amount]:
        """Return cost and quantity of every group: sums over the costs, nothing to go by being nothing."""
        found: dict[str, Amount] = {}
        for cost in costs:
            parts: dict[str, list[Event]] = {}
            for event in self.qualifying(cost, asked):
                parts.setdefault(self.group_of(cost, event, by), []).append(event)
            for key, events in parts.items():
                quantity = aggregate(cost["aggregation"], cost["valueProperty"], events) or Fraction(0)
                known = found.get(key, NOTHING)
                found[key] = (known[0] + quantity * Fraction(cost["unitCost"]), known[1] + quantity)
        return found

    def costs_by_bucket(
        self,
        costs: Iterable[Mapping[str, Any]],
        asked: Asked,
        by: str,
        page: Sequence[Mapping[str, Any]],
        top: Sequence[str],
    ) -> list[dict[str, Any]]:
        """Return what every shown group cost, in each bucket in which any group has a value.

        Whatever is not at the top is the rest's, so that a bucket is the sum of its parts. Groups that come to nothing
        may have values that cancel out, and are part of it even where they are left out of the ranking.
        """
        if asked.window is None:
            return []
        series: dict[datetime, dict[str, Fraction]] = {}
        if self.fills_zeros:
            series = {start: {} for start in every_bucket(asked.start, asked.end, asked.window)}
        for cost in costs:
            aggregation, path = cost["aggregation"], cost["valueProperty"]
            parts: dict[tuple[datetime, str], list[Event]] = {}
            for event in self.qualifying(cost, asked):
                place = bucket(event.at, asked.window), self.group_of(cost, event, by)
                parts.setdefault(place, []).append(event)
            for (start, group), events in parts.items():
                amount = aggregate(aggregation, path, events)
                if amount is not None and is_usable(aggregation, path, events):
                    key = group if group in top else OTHER
                    groups = series.setdefault(start, {})
                    groups[key] = groups.get(key, Fraction(0)) + amount * Fraction(cost["unitCost"])
        return [
            {
                "windowStart": iso(start),
                "windowEnd": iso(after(start, asked.window)),
                "groups": {entry["key"]: series[start].get(entry["key"], Fraction(0)) for entry in page},
            }
            for start in sorted(series)
        ]

    def extent(self, types: Collection[str | None]) -> dict[str, str] | None:
        """Return the first and the last instant of events of some types."""
        times = [event.at for event in self.events if event.body["type"] in types]
        return {"from": iso(min(times)), "to": iso(max(times))} if times else None

    # Invoices

    def entries(self, asked: AskedRevenue) -> list[Entry]:
        """Return what happened in a window of time; payments are not narrowed by subscriptions."""
        found = []
        for invoice in self.invoices:
            if asked.currency not in (None, invoice["currency"]) or asked.customer not in (
                None,
                invoice["customer_id"],
            ):
                continue
            for entry in history(invoice):
                at = entry.at
                if asked.by_period:
                    if invoice.get("period_start") is None:
                        continue
                    at = instant(invoice["period_start"])
                is_payment = entry.what in PAYMENTS
                if asked.subscriptions and not is_payment and invoice.get("subscription_id") not in asked.subscriptions:
                    continue
                if asked.start <= at < asked.end:
                    found.append(replace(entry, at=at))
        return found

    def revenue(self, asked: AskedRevenue) -> dict[str, Any]:
        """Return the body of a revenue summary."""
        refuse_window(asked.start, asked.end, asked.width.upper())
        by_currency = asked.group_by == "currency"
        if not by_currency:
            asked = replace(asked, currency=asked.currency or "USD")
        entries = self.entries(asked)
        body: dict[str, Any] = {"object": "revenue_summary"}
        if by_currency:
            codes = {entry.invoice["currency"] for entry in entries}
            body["currencyBreakdown"] = [
                figures(code, [entry for entry in entries if entry.invoice["currency"] == code], asked.width, None)
                for code in sorted(codes, key=lambda code: (code != "USD", code))
            ]
        else:
            groups = self.told_apart(entries, asked.group_by) if asked.group_by else None
            body |= figures(str(asked.currency), entries, asked.width, groups)
            refunds = [entry for entry in entries if entry.what == "refunded"]
            rebates = [
                Fraction(entry.invoice.get("rebate") or 0)
                for entry in entries
                if entry.what == "issued" and Fraction(entry.invoice.get("rebate") or 0)
            ]
            body |= {
                "totalRefunds": money(exact_sum(entry.amount + entry.tax for entry in refunds)),
                "refundCount": len(refunds),
                "totalRebates": money(exact_sum(rebates)),
                "rebateCount": len(rebates),
            }
        if not entries:
            ever = replace(asked, start=instant("0001-01-02T00:00:00Z"), end=instant("9999-12-30T00:00:00Z"))
            times = [entry.at for entry in self.entries(ever) if entry.what == "issued"]
            body["revenueRange"] = {"from": iso(min(times)), "to": iso(max(times))} if times else None
        return body

    def told_apart(self, entries: Sequence[Entry], by: str) -> list[tuple[str, str, list[Entry]]]:
        """Return key, label and entries of each group: those of most revenue, then everything else as `other`."""
        field_, most = ("plan_id", 5) if by == "plan" else ("customer_id", 25)
        billed = [entry for entry in entries if entry.what in ("issued", "refunded")]
        keys = {entry.invoice.get(field_) for entry in billed if entry.what == "issued"} - {None}
        groups = {key: [entry for entry in billed if entry.invoice.get(field_) == key] for key in keys}
        rest = [entry for entry in billed if entry.invoice.get(field_) not in keys]
        ranked = sorted(groups, key=lambda key: (-net(groups[key]), key))
        if len(ranked) + bool(rest) > most:
            for key in ranked[most - 1 :]:
                rest += groups[key]
            ranked = ranked[: most - 1]
        found = []
        for key in ranked:
            name = self.customers[str(key)].name if by == "customer" else groups[key][0].invoice["plan_name"]
            found.append((str(key), str(name), groups[key]))
        return [*found, *([("other", "Other", rest)] if rest else [])]

    def profitability(
        self, start: datetime, end: datetime, most: int, currency: str, width: str | None, *,
        excludes_empty: bool, includes_empty: bool,
    ) -> dict[str, Any]:  # fmt: skip
        """Return the body of a profitability summary; every cost must be computable."""
        days = (end - start) / timedelta(days=1)
        width = width or ("hour" if days <= 2 else "day" if days <= 92 else "week")
        refuse_window(start, end, width.upper())
        asked = AskedRevenue(start, end, width, currency)
        billed: dict[str, list[Entry]] = {}
        for entry in self.entries(asked):
            if entry.what in ("issued", "refunded"):
                billed.setdefault(entry.invoice["customer_id"], []).append(entry)
        costs = [cost for cost in self.costs.values() if cost["currency"] == currency]
        rows: list[Row] = []
        gone: list[Row] = []
        for customer in self.customers.values():
            spent, is_metered = Fraction(0), False
            for cost in costs:
                events = self.qualifying(cost, Asked(start, end, customer.id))
                if is_usable(cost["aggregation"], cost["valueProperty"], events):
                    is_metered = True
                    quantity = aggregate(cost["aggregation"], cost["valueProperty"], events)
                    spent += (quantity or 0) * Fraction(cost["unitCost"])
            mine = billed.get(customer.id, [])
            row = Row(customer.id, customer.name, net(mine), spent, "recorded" if is_metered else "none", bool(mine))
            (gone if customer.is_deleted else rows).append(row)

        empty = sorted((row for row in rows if row.is_empty), key=lambda row: (row.name, row.id))
        kept = [row for row in rows if not (excludes_empty and row.is_empty)]
        kept.sort(key=lambda row: (row.cost - row.revenue, row.id))
        shown = [row.body(trend(billed.get(row.id, []), asked)) for row in kept[:most]]
        for key, name, folded in (
            ("other", "Other", kept[most:]),
            ("deleted", "Deleted customers", [row for row in gone if not row.is_empty]),
        ):
            if folded:
                shown.append(folded_row(key, name, folded).body(None))
        body: dict[str, Any] = {
            "object": "profitability_summary", "currency": currency, "rows": shown, "warnings": [],
            "customerCount": len(rows), "emptyCustomerCount": len(empty), "unloadedCustomerCount": None,
        }  # fmt: skip
        if includes_empty:
            body["emptyCustomers"] = [row.body(None) for row in empty] if excludes_empty else []
        if not billed:
            times = [instant(each["issued_at"]) for each in self.invoices if each["currency"] == currency]
            body["revenueRange"] = {"from": iso(min(times)), "to": iso(max(times))} if times else None
        if not any(row.cost_data == "recorded" for row in [*rows, *gone]):
            body["costRange"] = self.extent({cost["eventType"] for cost in costs})
        return body


PAYMENTS = ("completed", "pending", "expired")


@dataclass(frozen=True)
class Row:
    """What one customer, or several, brought and cost."""

    id: str
    name: str
    revenue: Fraction
    cost: Fraction
    cost_data: str
    is_billed: bool

    @property
    def is_empty(self) -> bool:
        return not self.is_billed and self.cost_data == "none"

    def body(self, trend: dict[str, Any] | None) -> dict[str, Any]:
        profit = self.revenue - self.cost
        has_margin = self.revenue > 0 and self.cost_data == "recorded"
        return {
            "customerId": self.id, "customerName": self.name, "netRevenue": money(self.revenue),
            "totalCost": money(self.cost), "profit": money(profit), "costData": self.cost_data, "trend": trend,
            "marginPct": money(profit / self.revenue * 100) if has_margin else None,
        }  # fmt: skip


def folded_row(key: str, name: str, rows: Sequence[Row]) -> Row:
    """Return one row for several."""
    known = {row.cost_data for row in rows}
    revenue, cost = exact_sum(row.revenue for row in rows), exact_sum(row.cost for row in rows)
    return Row(key, name, revenue, cost, known.pop() if len(known) == 1 else "partial", is_billed=True)


def trend(billed: Sequence[Entry], asked: AskedRevenue) -> dict[str, Any] | None:
    """Return how one customer's revenue went, bucket by bucket; `None` when there is too little to see."""
    window = asked.width.upper()
    starts = every_bucket(asked.start, asked.end, window)
    values = [net([entry for entry in billed if bucket(entry.at, window) == start]) for start in starts]
    if len(values) < 2 or not any(values):
        return None
    half = len(values) // 2
    early, late = exact_sum(values[:half]), exact_sum(values[-half:])
    change = two_places((late - early) / early * 100) if early else None
    return {"values": [money(value) for value in values], "periodChange": change}


def history(invoice: Mapping[str, Any]) -> list[Entry]:
    """Return everything that happened to an invoice."""
    amount, tax = Fraction(invoice["amount"]), Fraction(invoice.get("tax") or 0)
    found = [Entry("issued", instant(invoice["issued_at"]), invoice, amount, tax)]
    if invoice["status"] == "written_off":
        found.append(Entry("written_off", instant(invoice["written_off_at"]), invoice, amount, tax))
    for refund in invoice["refunds"]:
        given, its_tax = Fraction(refund["amount"]), Fraction(refund["tax"])
        found.append(Entry("refunded", instant(refund["at"]), invoice, given, its_tax))
    for payment in invoice["payments"]:
        found.append(Entry(payment["status"], instant(payment["at"]), invoice, Fraction(payment["amount"])))
    return found


def status_of(invoice: Mapping[str, Any]) -> str:
    """Return what became of an invoice: an outstanding one is paid once completed payments cover it."""
    completed = [Fraction(each["amount"]) for each in invoice["payments"] if each["status"] == "completed"]
    total = Fraction(invoice["amount"]) + Fraction(invoice.get("tax") or 0)
    is_covered = bool(completed) and exact_sum(completed) >= total
    return "paid" if invoice["status"] == "outstanding" and is_covered else str(invoice["status"])


def net(entries: Iterable[Entry]) -> Fraction:
    """Return revenue: what was issued less what was refunded, without tax."""
    signs = {"issued": 1, "refunded": -1}
    return exact_sum(entry.amount * signs.get(entry.what, 0) for entry in entries)


def figures(
    currency: str, entries: Sequence[Entry], width: str, groups: Sequence[tuple[str, str, list[Entry]]] | None
) -> dict[str, Any]:
    """Return the figures of one currency."""
    window = width.upper()

    def total(what: str, among: Iterable[Entry], *, taxed: bool) -> str:
        return money(exact_sum(each.amount + taxed * each.tax for each in among if each.what == what))

    def statuses(among: Sequence[Entry]) -> dict[str, Any]:
        found = {}
        for name, status in (("outstanding", "outstanding"), ("paid", "paid"), ("writtenOff", "written_off")):
            of_it = [each for each in among if each.what == "issued" and status_of(each.invoice) == status]
            found[name] = {"count": len(of_it), "amount": total("issued", of_it, taxed=True)}
        return found

    def billed(among: Sequence[Entry]) -> dict[str, str]:
        return {"revenue": money(net(among)), "issuedInvoices": total("issued", among, taxed=False)}

    points = []
    for start in sorted({bucket(entry.at, window) for entry in entries if entry.what not in ("pending", "expired")}):
        inside = [entry for entry in entries if bucket(entry.at, window) == start]
        rebates = (Fraction(each.invoice.get("rebate") or 0) for each in inside if each.what == "issued")
        point: dict[str, Any] = {
            "timestamp": iso(start), **billed(inside),
            "writtenOffInvoices": total("written_off", inside, taxed=True),
            "completedPayments": total("completed", inside, taxed=False), "rebates": money(exact_sum(rebates)),
        }  # fmt: skip
        if groups is not None:
            point["groupBreakdown"] = [
                {"groupKey": key, "groupLabel": name, **billed(part)}
                for key, name, members in groups
                for part in [[entry for entry in members if bucket(entry.at, window) == start]]
                if part
            ]
        points.append(point)
    issued = [entry for entry in entries if entry.what == "issued"]
    payments: dict[str, Any] = {}
    for status in PAYMENTS:
        payments[f"{status}Count"] = sum(entry.what == status for entry in entries)
        payments[f"{status}Amount"] = total(status, entries, taxed=False)
    body: dict[str, Any] = {
        "currency": currency,
        "netRevenue": money(net(entries)),
        "invoices": {
            "issued": {"count": len(issued), "amount": total("issued", issued, taxed=True)},
            **statuses(issued),
        },
        "payments": payments,
        "trend": points,
    }
    if groups is not None:
        body["groupBreakdown"] = [{"groupKey": key, "groupLabel": name, **statuses(of)} for key, name, of in groups]
    return body


def money(value: Fraction) -> str:
    """Write an amount with two decimals, half away from zero."""
    cents = int(two_places(value) * 100)
    return f"{'-' if cents < 0 else ''}{abs(cents) // 100}.{abs(cents) % 100:02d}"


def shares(found: Mapping[str, Amount], keys: Sequence[str], prior: Mapping[str, Amount] | None) -> dict[str, Any]:
    """Return the figures of one entry of a report: a group, or all that are folded into one."""
    total = exact_sum(cost for cost, _ in found.values())
    cost = exact_sum(found[key][0] for key in keys)
    entry: dict[str, Any] = {
        "totalCost": cost,
        "totalQuantity": exact_sum(found[key][1] for key in keys),
        "percentOfTotal": two_places(cost / total * 100) if total else Fraction(0),
    }
    if prior is not None:
        then = exact_sum(prior.get(key, NOTHING)[0] for key in keys)
        entry["priorPeriod"] = {"cost": then, "changePercent": (cost - then) / then * 100 if then else None}
    return entry


def is_computable(cost: Mapping[str, Any]) -> bool:
    """Whether a cost says which events, and what to make of them."""
    return cost["aggregation"] is not None and cost["eventType"] is not None


def two_places(value: Fraction) -> Fraction:
    """Round to two decimals, half away from zero."""
    rounded = Fraction(int(abs(value) * 100 + Fraction(1, 2)), 100)
    return rounded if value >= 0 else -rounded


def parted(events: Iterable[Event], by: Callable[[Event], Any]) -> list[tuple[Any, list[Event]]]:
    """Part events, each part in order of arrival."""
    parts: dict[Any, list[Event]] = {}
    for event in events:
        parts.setdefault(by(event), []).append(event)
    return list(parts.items())


# Comparing


def agrees(found: Any, expected: Any) -> bool:
    """Whether an answer, read with `parse`, is the expected one: same members, same order, the nearest doubles.

    :param expected: `Fraction` where a number was computed, `...` where anything goes.
    """
    if expected is ...:
        return True
    if isinstance(expected, Fraction):
        return isinstance(found, Decimal) and float(found) == nearest(expected)
    if isinstance(expected, dict):
        return (
            isinstance(found, dict)
            and found.keys() == expected.keys()
            and all(agrees(found[name], part) for name, part in expected.items())
        )
    if isinstance(expected, list):
        return (
            isinstance(found, list)
            and len(found) == len(expected)
            and all(agrees(*pair) for pair in zip(found, expected, strict=True))
        )
    return isinstance(found, bool) is isinstance(expected, bool) and bool(found == expected)


def nearest(value: Fraction) -> float:
    """Return the nearest double there is."""
    most = Fraction(sys.float_info.max)
    return float(max(-most, min(value, most)))
