"""What is kept of scenarios that are played: which, how far they are, and what is still to happen in them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from typing import Any

from mockserver.kernel.clock import Mode
from mockserver.kernel.sqlite import Database, Migrations
from mockserver.kernel.store import Row, Store
from mockserver.kernel.world import NOBODY, World

GO_ON = "scenario.go_on"
"""The action that is due in a world for as long as a scenario plays in it."""

migrations = Migrations("simulation.stage")


@migrations()
def create_plays(db: Database) -> None:
    """One row per scenario that was played in a world, and one per thing that is still to happen in one.

    What follows from a script alone, such as when conversations begin, has no row.
    """
    db.execute(
        """
        CREATE TABLE plays (
            world INTEGER NOT NULL, seq INTEGER NOT NULL, at INTEGER NOT NULL, name TEXT NOT NULL,
            purpose TEXT NOT NULL, expect TEXT NOT NULL, seed INTEGER NOT NULL, text TEXT NOT NULL,
            started_at INTEGER, ends_at INTEGER, history_until INTEGER, position INTEGER, customers TEXT,
            state TEXT,
            PRIMARY KEY (world, seq)
        ) WITHOUT ROWID
        """
    )
    db.execute(
        """
        CREATE TABLE cues (
            world INTEGER NOT NULL, at INTEGER NOT NULL, key INTEGER NOT NULL, turn INTEGER NOT NULL,
            kind INTEGER NOT NULL, n INTEGER NOT NULL, body TEXT NOT NULL,
            PRIMARY KEY (world, at, key, turn, kind, n)
        ) WITHOUT ROWID
        """
    )


@dataclass(slots=True)
class State:
    """What a play remembers from one instant to the next.

    :param tallies: how often what happened; `planted` how many differences of which kind were made on purpose.
    :param stopped: until when customers do not call, by their place.
    :param is_topping_up: whether credit was ordered that has not come yet.
    :param answered: calls since the last invoice, by the customer's place.
    :param paused: mode and rate of the clock before it was stopped.
    """

    tallies: dict[str, int] = field(default_factory=dict)
    planted: dict[str, int] = field(default_factory=dict)
    stopped: dict[str, int] = field(default_factory=dict)
    is_topping_up: bool = False
    answered: dict[str, int] = field(default_factory=dict)
    is_filled: bool = False
    is_over: bool = False
    paused: tuple[Mode, float] | None = None

    def dump(self) -> str:
        """Return it as JSON text."""
        return json.dumps(asdict(self))


@dataclass(slots=True)
class Play:
    """A scenario that was played in a world.

    :param at: what the world's clock showed then.
    :param text: of its file.
    """

    seq: int
    at: int
    name: str
    purpose: str
    expect: str
    seed: int
    text: str


@dataclass(slots=True)
class Traffic:
    """How far a play is that has traffic.

    :param history_until: the end of what is there at once.
    :param position: everything up to and including this instant was played.
    :param customers: their ids, in order of size.
    """

    started_at: int
    ends_at: int | None
    history_until: int
    position: int
    customers: tuple[str, ...]
    state: State = field(default_factory=State)


def add_play(world: World, name: str, purpose: str, expect: str, text: str, traffic: Traffic | None) -> None:
    """Note that a scenario is played now."""
    rest: tuple[Any, ...] = (None,) * 6
    if traffic is not None:
        rest = (
            traffic.started_at, traffic.ends_at, traffic.history_until, traffic.position,
            json.dumps(traffic.customers), traffic.state.dump(),
        )  # fmt: skip
    world.store.execute(
        "INSERT INTO plays VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (world.id, world.count("plays"), world.clock.now(), name, purpose, expect, world.draws.seed, text, *rest),
    )


def going_on(store: Store) -> list[str]:
    """Return the names of the worlds in which something plays and time passes."""
    rows = store.all(
        "SELECT DISTINCT name FROM due JOIN worlds ON worlds.id = due.world"
        " WHERE action = ? AND clock_rate > 0 AND substr(name, 1, 1) <> ?",
        (GO_ON, NOBODY),
    )
    return [row[0] for row in rows]


_PLAY = (
    "SELECT seq, at, name, purpose, expect, seed, text, started_at, ends_at, history_until, position, customers, state"
    " FROM plays WHERE world = ?"
)


def last_play(world: World) -> tuple[Play, Traffic | None] | None:
    """Return the scenario that was played last in a world, if any."""
    return _read(world.store.one(f"{_PLAY} ORDER BY seq DESC LIMIT 1", (world.id,)))


def goes_on(world: World) -> bool:
    """Whether a scenario was ever played in a world that goes on after its start."""
    return (
        world.store.one("SELECT 1 FROM plays WHERE world = ? AND started_at IS NOT NULL LIMIT 1", (world.id,))
        is not None
    )


def play_numbered(world: World, seq: int) -> tuple[Play, Traffic]:
    """Return a play that has traffic."""
    found = _read(world.store.one(f"{_PLAY} AND seq = ?", (world.id, seq)))
    assert found is not None
    play, traffic = found
    assert traffic is not None
    return play, traffic


def _read(row: Row | None) -> tuple[Play, Traffic | None] | None:
    return None if row is None else (Play(*row[:7]), _traffic(row[7:]))


def _traffic(row: Sequence[Any]) -> Traffic | None:
    started_at, ends_at, history_until, position, customers, state = row
    if started_at is None:
        return None
    return Traffic(started_at, ends_at, history_until, position, _ids(customers), State(**json.loads(state)))


@lru_cache(maxsize=64)
def _ids(customers: str) -> tuple[str, ...]:
    return tuple(json.loads(customers))


def keep(world: World, seq: int, traffic: Traffic) -> None:
    """Write down how far a play is."""
    world.store.execute(
        "UPDATE plays SET position = ?, history_until = ?, state = ? WHERE world = ? AND seq = ?",
        (traffic.position, traffic.history_until, traffic.state.dump(), world.id, seq),
    )


Cue = tuple[int, int, int, int, int, Any]
"""Something that is to happen: instant, key of what it belongs to, turn, kind, number, and JSON data.

No two are equal in the first five, and in their order they happen.
"""


def add_cues(world: World, cues: Iterable[Cue]) -> None:
    """Write down what is to happen."""
    world.store.conn.executemany(
        "INSERT INTO cues VALUES (?, ?, ?, ?, ?, ?, ?)",
        [(world.id, *rank, json.dumps(body)) for *rank, body in cues],
    )


def take_cues(world: World, until: int) -> list[Cue]:
    """Return what is to happen up to and including an instant, in order, and forget it."""
    rows = world.store.all(
        "SELECT at, key, turn, kind, n, body FROM cues WHERE world = ? AND at <= ? ORDER BY at, key, turn, kind, n",
        (world.id, until),
    )
    if rows:
        world.store.execute("DELETE FROM cues WHERE world = ? AND at <= ?", (world.id, until))
    return [(at, key, turn, kind, n, json.loads(body)) for at, key, turn, kind, n, body in rows]


def next_cue(world: World) -> int | None:
    """Return when anything is to happen next."""
    row = world.store.one("SELECT min(at) FROM cues WHERE world = ?", (world.id,))
    return None if row is None else row[0]
