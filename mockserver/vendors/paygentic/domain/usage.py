"""What a billable metric measured over a window of time: total, buckets, groups (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple, TypeVar

from mockserver.vendors.paygentic.domain.aggregation import Tally, is_usable, quantity
from mockserver.vendors.paygentic.domain.billable_metrics import BillableMetric
from mockserver.vendors.paygentic.domain.buckets import Window, bucket_end, buckets, refuse_window
from mockserver.vendors.paygentic.domain.filters import Dimensions
from mockserver.vendors.paygentic.domain.metering import Labels

K = TypeVar("K")

SUBJECT = "subject"
"""The dimension every metric has without naming it."""


@dataclass(frozen=True, slots=True)
class UsageQuestion:
    """What a meter is asked for.

    :param group_by: dimension keys, or `None` when no grouping is wanted.
    :param filters: text of the JSON object that narrows the dimensions, or `None`.
    :param group_limit: how many groups are wanted, those of greatest value first, or `None` for all.
    :param group_offset: how many of those are skipped.
    """

    start: int
    end: int
    subject: str | None = None
    window: Window | None = None
    group_by: tuple[str, ...] | None = None
    filters: str | None = None
    group_limit: int | None = None
    group_offset: int = 0


class Part(NamedTuple):
    """A part of what was measured; a place may come in several parts.

    :param bucket: start of the bucket, 0 when no window is wanted.
    :param group: value of each wanted dimension, in the order asked for.
    """

    bucket: int
    group: Labels
    tally: Tally


@dataclass(frozen=True, slots=True)
class Point:
    """One bucket of time."""

    start: int
    end: int
    value: Decimal


@dataclass(frozen=True, slots=True)
class Group:
    """One combination of dimension values.

    :param events: how many events are in it, whether they have a value or not.
    """

    dimensions: Mapping[str, str]
    value: Decimal
    events: int


@dataclass(frozen=True, slots=True)
class Usage:
    """What a metric measured.

    :param points: `None` when no window was asked for; beside groups, entry i of both is the same bucket and group.
    :param groups: `None` when no grouping was asked for.
    :param group_count: how many groups there are before any is cut off, or `None` when none was to be.
    """

    metric: BillableMetric
    total: Decimal
    points: tuple[Point, ...] | None = None
    groups: tuple[Group, ...] | None = None
    group_count: int | None = None


def dimensions(metric: BillableMetric) -> Dimensions:
    """Return the dimensions of a metric; the subject of an event can be grouped by, but not filtered."""
    return Dimensions(metric.group_by or {}, "this metric", besides=(SUBJECT,))


def filters_for(metric: BillableMetric, question: UsageQuestion) -> dict[str, str]:
    """Check the dimensions and the window a question names, and return the wanted value of each filtered dimension.

    :raises InvalidRequest: a key is not a dimension of the metric, or the filter is not an object of scalars.
    :raises Refused: the window is empty or would have too many buckets.

    Source: paygentic/openapi "getBillableMetricMeter" (documented), what is refused (assumed).
    """
    filters = dimensions(metric).filters(question.group_by or (), question.filters)
    refuse_window(question.start, question.end, question.window)
    return filters


def measured(metric: BillableMetric, question: UsageQuestion, parts: Iterable[Part], *, fill: bool = False) -> Usage:
    """Fold parts into the total, and into the buckets and the groups that are asked for.

    Each is computed from everything in it, never from one another, because most aggregations do not add up.
    With nothing to go by the total is zero, because the vendor's answer knows no null there.

    :param parts: those of the window, the subject and the filter, and no others.
    :param fill: whether empty buckets of SUM and COUNT are shown as zero where they are not split by group.

    Source: paygentic/openapi "getBillableMetricMeter" (documented), order and empty entries (assumed).
    """
    places: dict[tuple[int, Labels], Tally] = {}
    for bucket, group, tally in parts:
        _add(places, (bucket, group), tally)
    by_group: dict[Labels, Tally] = {}
    for (_, group), tally in places.items():
        _add(by_group, group, tally)
    total = Tally()
    for tally in by_group.values():
        total.add(tally)
    value = _value(metric, total) or Decimal(0)
    keys, window = question.group_by, question.window
    if keys is None:
        by_bucket: dict[int, Tally] = {}
        for (bucket, _), tally in places.items():
            _add(by_bucket, bucket, tally)
        points = None if window is None else _points(metric, question, window, by_bucket, fill=fill)
        return Usage(metric, value, points)
    ranked = _ranked(metric, by_group)
    limit = question.group_limit
    kept = ranked if limit is None else ranked[question.group_offset : question.group_offset + limit]
    group_count = None if limit is None else len(ranked)
    if window is None:
        groups = tuple([_group(keys, group, amount, by_group[group]) for group, amount in kept])
        return Usage(metric, value, None, groups, group_count)
    pairs = [
        (Point(bucket, bucket_end(bucket, window), amount), _group(keys, group, amount, here))
        for bucket in sorted({bucket for bucket, _ in places})
        for group, _ in kept
        if (here := places.get((bucket, group))) is not None
        and (amount := _value(metric, here)) is not None
        and _is_usable(metric, here)
    ]
    return Usage(metric, value, tuple([point for point, _ in pairs]), tuple([group for _, group in pairs]), group_count)


def _add(tallies: dict[K, Tally], place: K, tally: Tally) -> None:
    known = tallies.get(place)
    if known is None:
        known = tallies[place] = Tally()
    known.add(tally)


def _value(metric: BillableMetric, tally: Tally) -> Decimal | None:
    return quantity(metric.aggregation, tally, has_path=metric.value_property is not None)


def _is_usable(metric: BillableMetric, tally: Tally) -> bool:
    return is_usable(metric.aggregation, tally, has_path=metric.value_property is not None)


def _ranked(metric: BillableMetric, tallies: Mapping[Labels, Tally]) -> list[tuple[Labels, Decimal]]:
    """Return the groups that have a value, the greatest first, equal ones by name."""
    found = [(group, value) for group, tally in sorted(tallies.items()) if (value := _value(metric, tally)) is not None]
    return sorted(found, key=lambda each: each[1], reverse=True)


def _group(keys: tuple[str, ...], group: Labels, value: Decimal, tally: Tally) -> Group:
    return Group(dict(zip(keys, group, strict=True)), value, tally.events)


def _points(
    metric: BillableMetric, question: UsageQuestion, window: Window, tallies: Mapping[int, Tally], *, fill: bool
) -> tuple[Point, ...]:
    is_filled = fill and metric.aggregation in ("SUM", "COUNT")
    found = []
    for start, end in buckets(question.start, question.end, window):
        tally = tallies.get(start, Tally())
        if is_filled or _is_usable(metric, tally):
            value = _value(metric, tally)
            assert value is not None
            found.append(Point(start, end, value))
    return tuple(found)
