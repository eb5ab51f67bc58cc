"""Drifts: slow or sudden change with a labelled cause, a subject, an onset and a shape; and alerts raised about them.

What a kind of drift does is left to those who declare it. Here is what all kinds have in common: how much of a drift
there is at an instant, and who sees it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, NamedTuple

from mockserver.kernel.matching import glob
from mockserver.kernel.sqlite import Database, Migrations
from mockserver.kernel.store import Store

migrations = Migrations("kernel.drifts")


@migrations()
def create_drifts(db: Database) -> None:
    """One row per drift, and one per alert somebody raised about one."""
    db.execute(
        """
        CREATE TABLE drifts (
            world INTEGER NOT NULL, seq INTEGER NOT NULL, rule TEXT NOT NULL,
            PRIMARY KEY (world, seq)
        ) WITHOUT ROWID
        """
    )
    db.execute(
        """
        CREATE TABLE alerts (
            world INTEGER NOT NULL, seq INTEGER NOT NULL, at INTEGER NOT NULL, kind TEXT, subject TEXT,
            note TEXT NOT NULL,
            PRIMARY KEY (world, seq)
        ) WITHOUT ROWID
        """
    )


# What a drift may be


@dataclass(frozen=True, slots=True)
class Option:
    """What a kind of drift can be told beside its size.

    :param summary: what it is, and what it takes.
    :param read: returns the value as it is kept; raises `ValueError` with what it takes.
    """

    summary: str
    read: Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class DriftKind:
    """What one kind of drift moves.

    :param summary: one line.
    :param unit: what a size is a number of.
    :param low: the smallest size, `high` the largest; `neutral` is the size that would change nothing.
    :param subject: what a subject is a glob of.
    :param default_size: `None` where a size must be said.
    :param options: what else it can be told, by name.
    :param is_subject: whether a glob can ever mean something; always, where subjects come and go.
    """

    summary: str
    unit: str
    low: float
    high: float
    neutral: float = 0.0
    subject: str = "an endpoint's id"
    default_size: float | None = None
    options: Mapping[str, Option] = field(default_factory=dict)
    is_subject: Callable[[str], bool] = lambda subject: True


Shape = Literal["step", "ramp", "pulse", "seasonal", "gradual_mix"]


@dataclass(frozen=True, slots=True)
class Drift:
    """One drift.

    :param kind: what moves: a name some vendor declares.
    :param subject: glob of what it moves for, such as an endpoint's id.
    :param onset: instant from which anything is different; `end` from when nothing is any more, if ever.
    :param size: how far it moves at full level, in the kind's own unit; see there.
    :param shape: how it gets there: at once; evenly over `span_us`; up and down again once, or up, down and the other
        way again and again, within `span_us`; or for a growing share of requests, which each see all of it.
    :param cause: in words, for whoever is to find it.
    :param options: what only some kinds know, by name.
    """

    kind: str
    subject: str
    onset: int
    size: float
    shape: Shape = "step"
    end: int | None = None
    span_us: int = 0
    cause: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def until(self) -> int | None:
        """The instant from which nothing is different any more; `None` when that never comes."""
        if self.shape != "pulse":
            return self.end
        over = self.onset + self.span_us
        return over if self.end is None else min(self.end, over)

    def level(self, at: int) -> float:
        """Return how much of the drift there is at an instant: 0 none, 1 all of it; -1 all of it the other way."""
        until = self.until
        if at < self.onset or (until is not None and at >= until):
            return 0.0
        elapsed = at - self.onset
        if self.shape == "step":
            return 1.0
        if self.shape in ("ramp", "gradual_mix"):
            return min(1.0, elapsed / self.span_us)
        if self.shape == "pulse":
            return math.sin(math.pi * elapsed / self.span_us)
        return math.sin(2 * math.pi * (elapsed % self.span_us) / self.span_us)

    def shift(self, level: float) -> float:
        """Return what is added at a level, by kinds whose sizes add up."""
        return self.size * level

    def factor(self, level: float) -> float:
        """Return what is multiplied with at a level, by kinds whose sizes are factors; the other way divides."""
        return 1 + (self.size - 1) * level if level >= 0 else 1 / (1 + (self.size - 1) * -level)


class Labelled(NamedTuple):
    """A drift of a world, with its number."""

    seq: int
    drift: Drift

    @property
    def id(self) -> str:
        """What it is called."""
        return f"drift-{self.seq}"


class Seen(NamedTuple):
    """A drift as one request sees it.

    :param level: how much of it.
    :param place: its number among the drifts of its kind that are about the request; later drifts change none.
    """

    drift: Drift
    level: float
    place: int


class Drifts:
    """The drifts of one world."""

    def __init__(self, store: Store, world: int) -> None:
        self._store = store
        self._world = world
        self._all: tuple[Labelled, ...] | None = None

    @property
    def all(self) -> tuple[Labelled, ...]:
        """Every drift, oldest first."""
        if self._all is None:
            rows = self._store.all("SELECT seq, rule FROM drifts WHERE world = ? ORDER BY seq", (self._world,))
            self._all = tuple(Labelled(seq, Drift(**json.loads(rule))) for seq, rule in rows)
        return self._all

    def add(self, seq: int, drift: Drift) -> Labelled:
        """Add a drift under a number nobody had."""
        self._store.execute("INSERT INTO drifts VALUES (?, ?, ?)", (self._world, seq, json.dumps(asdict(drift))))
        self._all = None
        return Labelled(seq, drift)

    def seen(self, kind: str, subjects: Sequence[str], at: int, draw: Callable[[int], float]) -> list[Seen]:
        """Return the drifts of a kind that one request sees at an instant, oldest first.

        :param subjects: what the request is about, by each of its names.
        :param draw: returns the request's number in [0, 1) for the n-th drift of the kind and subject, on which it
            hangs whether it is among those that see a drift which comes to some earlier than to others.
        """
        return seen_of(self.about(kind, subjects), at, lambda place, share: draw(place) < share)

    def about(self, kind: str, subjects: Sequence[str]) -> list[Drift]:
        """Return all drifts of a kind that are ever about something, by each of its names, oldest first."""
        return [each.drift for each in self.all if each.drift.kind == kind and _is_about(each.drift, subjects)]


def seen_of(about: Sequence[Drift], at: int, sees: Callable[[int, float], bool]) -> list[Seen]:
    """Return which of the drifts that are about a request it sees at an instant.

    :param sees: whether it is among the share of requests that see the n-th of them, which comes to some earlier than
        to others.
    """
    found: list[Seen] = []
    for place, drift in enumerate(about):
        level = drift.level(at)
        if level and drift.shape == "gradual_mix":
            level = float(sees(place, level))
        if level:
            found.append(Seen(drift, level, place))
    return found


def _is_about(drift: Drift, subjects: Sequence[str]) -> bool:
    pattern = glob(drift.subject)
    return any(pattern.fullmatch(subject) for subject in subjects)


# Alerts


@dataclass(frozen=True, slots=True)
class Alert:
    """What somebody said about a drift they think there is.

    :param kind: what moves, `subject` for whom; `None` where that is not said.
    """

    seq: int
    at: int
    kind: str | None = None
    subject: str | None = None
    note: str = ""

    @property
    def id(self) -> str:
        """What it is called."""
        return f"alert-{self.seq}"


class Alerts:
    """The alerts of one world."""

    def __init__(self, store: Store, world: int) -> None:
        self._store = store
        self._world = world

    def add(self, alert: Alert) -> None:
        """Add an alert under a number nobody had."""
        self._store.execute(
            "INSERT INTO alerts VALUES (?, ?, ?, ?, ?, ?)",
            (self._world, alert.seq, alert.at, alert.kind, alert.subject, alert.note),
        )

    def all(self) -> list[Alert]:
        """Return every alert, in the order they were raised."""
        rows = self._store.all(
            "SELECT seq, at, kind, subject, note FROM alerts WHERE world = ? ORDER BY at, seq", (self._world,)
        )
        return [Alert(*row) for row in rows]
