"""Drifts: slow or sudden change with a labelled cause, a subject, an onset and a shape."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from typing import Literal, NamedTuple

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


Shape = Literal["step", "ramp", "pulse", "seasonal", "gradual_mix"]


@dataclass(frozen=True, slots=True)
class Drift:
    """One drift.

    :param kind: what moves: a name some vendor declares.
    :param subject: glob of what it moves for, such as an endpoint's id.
    :param onset: instant from which anything is different; `end` from when nothing is any more, if ever.
    :param size: how far it moves at full level, in the kind's own unit; see there.
    :param shape: how it gets there: at once; evenly over `span_us`; up and down again once, or again and again, within
        `span_us`; or for a growing share of requests, which each see all of it.
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
    options: dict[str, str | float | int | bool] | None = None

    def level(self, at: int) -> float:
        """Return how much of the drift there is at an instant: 0 none, 1 all of it."""
        if at < self.onset or (self.end is not None and at >= self.end):
            return 0.0
        elapsed = at - self.onset
        if self.shape == "step" or self.span_us <= 0:
            return 1.0
        if self.shape in ("ramp", "gradual_mix"):
            return min(1.0, elapsed / self.span_us)
        if self.shape == "pulse":
            return math.sin(math.pi * elapsed / self.span_us) if elapsed < self.span_us else 0.0
        return math.sin(2 * math.pi * elapsed / self.span_us)


class Labelled(NamedTuple):
    """A drift of a world, with its number."""

    seq: int
    drift: Drift

    @property
    def id(self) -> str:
        """What it is called."""
        return f"drift-{self.seq}"


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

    def active(self, kind: str, subject: str, at: int) -> list[tuple[Labelled, float]]:
        """Return the drifts of a kind that move something at an instant, each with its level, oldest first."""
        return [
            (each, level)
            for each in self.all
            if each.drift.kind == kind
            and (level := each.drift.level(at))
            and glob(each.drift.subject).fullmatch(subject)
        ]
