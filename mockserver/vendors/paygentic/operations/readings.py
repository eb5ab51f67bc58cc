"""What a cost or a billable metric measured: the tallies that a question needs, and no others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from mockserver.kernel.world import World
from mockserver.vendors.paygentic import tables
from mockserver.vendors.paygentic.domain.aggregation import Aggregation, Tally
from mockserver.vendors.paygentic.domain.buckets import Stretch, Window, bucket_start, cover
from mockserver.vendors.paygentic.domain.folding import (
    DISTINCT_WINDOWS,
    EVERYBODY_WINDOWS,
    PARTY_LABELS_WINDOWS,
    PARTY_WINDOWS,
    Sum,
)
from mockserver.vendors.paygentic.domain.metering import EVERYBODY, Labels, Meter, parties_of, read
from mockserver.vendors.paygentic.tables.summaries import Found, Wanted

READ_ON = "paygentic.read_on"
"""The scheduled action that lets meters go on reading."""

_BATCHES_AT_ONCE = 1
"""How much of a long history is read while somebody waits who did not ask for it: about a seventh of a second."""


class Measure(Protocol):
    """A cost or a billable metric: a way of making one number of events."""

    @property
    def aggregation(self) -> Aggregation | None:
        """How amounts become one number."""

    @property
    def value_property(self) -> str | None:
        """Path of the amount."""

    @property
    def group_by(self) -> Mapping[str, str] | None:
        """Paths of the dimensions, by name."""

    @property
    def meter(self) -> Meter | None:
        """How events are read, or `None` when no event type is named."""


@dataclass(frozen=True, slots=True)
class Cut:
    """Which readings are wanted, and what tells them apart.

    :param start: first instant of the window, in microseconds; `end` is the first one after it.
    :param subject: whose, or `None` for everybody's.
    :param parties: whose, as cells name them, in place of the subject; or `None`.
    :param filters: wanted value of some dimensions, by name.
    :param window: buckets of time to tell apart, or `None`.
    """

    start: int
    end: int
    subject: str | None = None
    filters: Mapping[str, str] = field(default_factory=dict)
    window: Window | None = None
    by_labels: bool = False
    by_party: bool = False
    parties: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Cell:
    """The tally of readings that are not to be told apart.

    :param bucket: start of the bucket, or 0 when no buckets are wanted.
    :param party: whose, as `subject_of` reads it, or `""` when parties are not told apart.
    :param labels: dimension values in the order of their names, or `()` when they play no part.
    """

    bucket: int
    party: str
    labels: Labels
    tally: Tally


def cells(world: World, measure: Measure, cut: Cut) -> list[Cell]:
    """Return the tallies of a window of time; they are of disjoint sets, and several may be of one place."""
    meter = measure.meter
    if meter is None or measure.aggregation is None:
        return []
    identity = tables.meters.existing(world.store, world.id, meter)
    tables.meters.catch_up(world.store, world.id, identity)
    reader = _Reader(world, identity, meter, measure, cut)
    return list(reader.cells())


def linked(world: World) -> Mapping[str, str]:
    """Return the ids of the customers that have an external id, by that."""
    return tables.customers.ids_by_external_id(world.store, world.id)


class _Reader:
    def __init__(self, world: World, identity: int, meter: Meter, measure: Measure, cut: Cut) -> None:
        self._world = world
        self._identity = identity
        self._meter = meter
        self._aggregation = measure.aggregation
        self._counts_distinct = measure.aggregation == "UNIQUE_COUNT" and meter.keeps_distinct
        self._cut = cut
        self._by_combo = bool(meter.group_by) and (cut.by_labels or bool(cut.filters))
        self._parties = cut.parties
        if cut.parties is None and cut.subject is not None:
            external_id = tables.customers.external_id_of(world.store, world.id, cut.subject)
            self._parties = parties_of(cut.subject, external_id)
        names = sorted(meter.group_by)
        self._wanted = [(names.index(name), value) for name, value in cut.filters.items()]

    def cells(self) -> Iterator[Cell]:
        knows_parties = self._cut.by_party or self._parties is not None
        windows = EVERYBODY_WINDOWS
        if knows_parties:
            windows = PARTY_LABELS_WINDOWS if self._by_combo else PARTY_WINDOWS
        yield from self._read(windows, distinct=False)
        if self._counts_distinct:
            yield from self._read(DISTINCT_WINDOWS, distinct=True)

    def _read(self, windows: tuple[Window, ...], *, distinct: bool) -> Iterator[Cell]:
        cut = self._cut
        usable = windows
        if cut.window is not None:
            narrow = EVERYBODY_WINDOWS[EVERYBODY_WINDOWS.index(cut.window) :]
            usable = tuple([window for window in windows if window in narrow])
        labels = self._labels()
        for stretch in cover(cut.start, cut.end, usable):
            if stretch.window is None:
                yield from self._from_events(stretch, distinct=distinct)
            else:
                for bucket, party, combo, tally in self._from_rollups(stretch, distinct=distinct):
                    if combo in labels:
                        yield Cell(bucket, party, labels[combo], tally)

    def _from_rollups(self, stretch: Stretch, *, distinct: bool) -> Iterator[Found]:
        store, world, cut = self._world.store, self._world.id, self._cut
        wanted = Wanted(self._parties, cut.window, cut.by_party, self._by_combo)
        if distinct:
            return tables.summaries.distinct(store, world, self._identity, stretch, wanted)
        return tables.summaries.tallies(store, world, self._identity, stretch, wanted, self._aggregation)

    def _from_events(self, stretch: Stretch, *, distinct: bool) -> Iterator[Cell]:
        """Yield the tallies of a stretch that no rollup covers: an edge of the window, finer than any bucket."""
        cut, lens = self._cut, self._meter.lens
        sums: dict[tuple[int, str, Labels], Sum] = {}
        keys: dict[tuple[int, str, Labels], set[str]] = {}
        for seq, at, party, data in tables.events.between(
            self._world.store, self._world.id, self._meter.event_type, stretch.start, stretch.end, self._parties
        ):
            labels, amount, key = read(lens, data)
            if not self._passes(labels):
                continue
            bucket = 0 if cut.window is None else bucket_start(at, cut.window)
            place = (bucket, party if cut.by_party else EVERYBODY, labels if self._by_combo else ())
            if not distinct:
                sums.setdefault(place, Sum()).take_any(at, seq, amount)
            elif key is not None:
                keys.setdefault(place, set()).add(key)
        for place, total in sums.items():
            yield Cell(*place, total.tally())
        for place, met in keys.items():
            yield Cell(*place, Tally(keys=met))

    def _labels(self) -> Mapping[int, Labels]:
        """Return the combinations of dimension values that pass the filter."""
        if not self._by_combo:
            return {tables.meters.ANY: ()}
        known = tables.meters.labels_of_meter(self._world.store, self._world.id, self._identity)
        return {combo: labels for combo, labels in known.items() if self._passes(labels)}

    def _passes(self, labels: Labels) -> bool:
        return all(labels[place] == value for place, value in self._wanted)


# Long histories


def follow(world: World, meter: Meter) -> int:
    """Return the meter that reads events so, made if need be, with at least the beginning of the history read.

    The rest is read by the requests that come next, a piece each, or all at once by the first that asks for a sum.
    """
    identity = tables.meters.meter_for(world.store, world.id, meter)
    _read_on(world, identity)
    return identity


def read_on(world: World, identity: str) -> bool:
    """Let a meter read the next piece of a long history; return whether that was much work."""
    return _read_on(world, int(identity))


def _read_on(world: World, identity: int) -> bool:
    if not tables.meters.is_there(world.store, world.id, identity):
        return False  # nothing used it any more
    if tables.meters.catch_up(world.store, world.id, identity, _BATCHES_AT_ONCE):
        return False
    world.schedule.add(world.clock.now(), READ_ON, str(identity))
    return True
