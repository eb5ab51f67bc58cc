"""Folding readings: a batch of events into what it adds to every bucket of time (pure).

An event counts once for its party's hour, once for its party's day and dimension values, and once for everybody's
minute and dimension values; all other buckets are sums of these.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal

from mockserver.kernel.windows import DAY, HOUR, MINUTE
from mockserver.vendors.paygentic.domain.aggregation import Tally
from mockserver.vendors.paygentic.domain.amounts import (
    joined,
    mark,
    sortable,
    sortable_yocto,
    split,
    summed,
    yocto_of,
)
from mockserver.vendors.paygentic.domain.buckets import Window, bucket_start
from mockserver.vendors.paygentic.domain.json_text import EXACT
from mockserver.vendors.paygentic.domain.metering import EVERYBODY, Labels, Meter, Metered, read

PARTY_WINDOWS: tuple[Window, ...] = ("MONTH", "DAY", "HOUR")
"""Buckets in which single parties are added up, widest first."""

PARTY_LABELS_WINDOWS: tuple[Window, ...] = ("MONTH", "DAY")
"""Those that tell dimension values apart too; narrower ones would be about as many as events."""

EVERYBODY_WINDOWS: tuple[Window, ...] = ("MONTH", "DAY", "HOUR", "MINUTE")

DISTINCT_WINDOWS: tuple[Window, ...] = ("DAY", "HOUR")
"""Buckets in which distinct values are kept."""

Place = tuple[Window, str, int, Labels | None]
"""Which bucket: its width, whose, its start, and of which dimension values (`None`: of any)."""

DistinctPlace = tuple[Window, str, int, Labels, str]
"""Which bucket a distinct value was met in, and the value's key."""


class Sum:
    """What a batch adds to one bucket.

    Amounts are whole numbers of 10**-24; those that cannot be so, odd ones, are kept one by one.
    """

    __slots__ = ("amounts", "at", "events", "greatest", "latest", "least", "odd", "seq", "yocto")

    def __init__(self) -> None:
        self.events = self.amounts = self.yocto = 0
        self.least = self.greatest = self.latest = 0
        self.at = self.seq = 0
        self.odd: list[tuple[int, int, Decimal]] | None = None

    def take(self, at: int, seq: int, yocto: int) -> None:
        """Count an amount; events are counted by whoever calls."""
        if not self.amounts:
            self.least = self.greatest = self.latest = yocto
            self.at, self.seq = at, seq
        else:
            if yocto < self.least:
                self.least = yocto
            elif yocto > self.greatest:
                self.greatest = yocto
            if at > self.at or (at == self.at and seq > self.seq):
                self.at, self.seq, self.latest = at, seq, yocto
        self.amounts += 1
        self.yocto += yocto

    def take_odd(self, at: int, seq: int, amount: Decimal) -> None:
        """Count an amount that is too large or too fine for the others' unit."""
        if self.odd is None:
            self.odd = []
        self.odd.append((at, seq, amount))

    def take_any(self, at: int, seq: int, amount: Decimal | None) -> None:
        """Count an event, and its amount if it has one."""
        self.events += 1
        yocto = None if amount is None else yocto_of(amount)
        if yocto is not None:
            self.take(at, seq, yocto)
        elif amount is not None:
            self.take_odd(at, seq, amount)

    def merge(self, other: Sum) -> None:
        """Take in another sum."""
        self.events += other.events
        if other.amounts:
            self.take(other.at, other.seq, other.latest)
            self.least, self.greatest = min(self.least, other.least), max(self.greatest, other.greatest)
            self.amounts += other.amounts - 1
            self.yocto += other.yocto - other.latest
        if other.odd is not None:
            self.odd = [*(self.odd or ()), *other.odd]

    def tally(self) -> Tally:
        """Return the same as a tally."""
        events, amounts, units, pico, yocto, extra, least, greatest, latest = self.row()
        total = EXACT.add(joined(units, pico, yocto), summed(extra or ""))
        return Tally(events, amounts, total, least, greatest, latest)

    def row(self) -> tuple[int, int, int, int, int, str | None, bytes | None, bytes | None, bytes | None]:
        """Return events, amounts, units, pico, yocto, sum of odd ones; the least, the greatest and the latest key."""
        counts = (self.events, self.amounts, *split(self.yocto))
        if self.odd is None:
            if not self.amounts:
                return (*counts, None, None, None, None)
            return (
                *counts, None, sortable_yocto(self.least), sortable_yocto(self.greatest),
                mark(self.at, self.seq, sortable_yocto(self.latest)),
            )  # fmt: skip
        extra = Decimal(0)
        keys: list[bytes] = []
        marks: list[bytes] = []
        for at, seq, amount in self.odd:
            extra = EXACT.add(extra, amount)
            keys.append(sortable(amount))
            marks.append(mark(at, seq, keys[-1]))
        if self.amounts:
            keys += [sortable_yocto(self.least), sortable_yocto(self.greatest)]
            marks.append(mark(self.at, self.seq, sortable_yocto(self.latest)))
        return (self.events, self.amounts + len(self.odd), *counts[2:], str(extra), min(keys), max(keys), max(marks))


class Folded:
    """What a batch of events adds to a meter's buckets.

    :ivar distinct: distinct values met, when the meter keeps them.
    """

    def __init__(self, meter: Meter, events: Iterable[Metered]) -> None:
        self.distinct: set[DistinctPlace] = set()
        self._hours: defaultdict[tuple[str, int], Sum] = defaultdict(Sum)
        self._days: defaultdict[tuple[str, int, Labels], Sum] = defaultdict(Sum)
        self._minutes: defaultdict[tuple[int, Labels], Sum] = defaultdict(Sum)
        self._has_dimensions = bool(meter.group_by)
        self._take_in(meter, events)

    def _take_in(self, meter: Meter, events: Iterable[Metered]) -> None:
        hours, days, minutes, has_dimensions = self._hours, self._days, self._minutes, self._has_dimensions
        lens = meter.lens
        for seq, at, party, data in events:
            labels, amount, key = read(lens, data)
            hour = hours[party, at - at % HOUR]
            minute = minutes[at - at % MINUTE, labels]
            day = days[party, at - at % DAY, labels] if has_dimensions else None
            hour.events += 1
            minute.events += 1
            if day is not None:
                day.events += 1
            if amount is not None:
                yocto = yocto_of(amount)
                if yocto is None:
                    for total in (hour, minute, day):
                        if total is not None:
                            total.take_odd(at, seq, amount)
                else:
                    hour.take(at, seq, yocto)
                    minute.take(at, seq, yocto)
                    if day is not None:
                        day.take(at, seq, yocto)
            if key is not None:
                for window in DISTINCT_WINDOWS:
                    start = bucket_start(at, window)
                    self.distinct.add((window, party, start, labels, key))
                    self.distinct.add((window, EVERYBODY, start, labels, key))

    def sums(self) -> dict[Place, Sum]:
        """Return what the batch adds to each bucket of every width."""
        sums: dict[Place, Sum] = {}
        hours: dict[Place, Sum] = {("HOUR", *place, None): added for place, added in self._hours.items()}
        _widen(sums, hours, PARTY_WINDOWS)
        minutes: defaultdict[Place, Sum] = defaultdict(Sum)
        for (start, _), added in self._minutes.items():
            minutes["MINUTE", EVERYBODY, start, None].merge(added)
        _widen(sums, minutes, EVERYBODY_WINDOWS)
        if self._has_dimensions:
            days: dict[Place, Sum] = {("DAY", *place): added for place, added in self._days.items()}
            _widen(sums, days, PARTY_LABELS_WINDOWS)
            told_apart: dict[Place, Sum] = {
                ("MINUTE", EVERYBODY, *place): added for place, added in self._minutes.items()
            }
            _widen(sums, told_apart, EVERYBODY_WINDOWS)
        return sums


def _widen(sums: dict[Place, Sum], finest: dict[Place, Sum], windows: tuple[Window, ...]) -> None:
    """Add buckets of the finest width, and all that are sums of them.

    :param windows: from the widest to the finest.
    """
    sums.update(finest)
    finer = finest
    for window in reversed(windows[:-1]):
        wider: defaultdict[Place, Sum] = defaultdict(Sum)
        for (_, party, start, labels), added in finer.items():
            wider[window, party, bucket_start(start, window), labels].merge(added)
        sums.update(wider)
        finer = wider
