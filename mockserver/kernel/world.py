"""Worlds: isolated tenants with a clock, a seed and rows of their own, made from a template."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mockserver.kernel import drifts, faults, idempotency, journal, schedule, stubs
from mockserver.kernel.clock import Clock, ClockState, Mode, machine_now
from mockserver.kernel.drifts import Drifts
from mockserver.kernel.errors import Conflict, InvalidRequest, NotFound, Problem, Unauthenticated, UnknownWorld
from mockserver.kernel.faults import Faults
from mockserver.kernel.idempotency import Idempotency
from mockserver.kernel.ids import Draws
from mockserver.kernel.journal import Journal
from mockserver.kernel.schedule import Actions, Schedule
from mockserver.kernel.sqlite import Database, Migrations
from mockserver.kernel.store import Store
from mockserver.kernel.stubs import Stubs
from mockserver.kernel.tenancy import WORLD_NAME

NOBODY = "~"
"""The world no key can name: it is the template of all others, and keeps requests whose key names none."""

# A new world starts without the requests and the idempotency keys of its template.
_NOT_INHERITED = ("journal", "idempotency", "claimed_keys")

migrations = Migrations("kernel.world")


@migrations()
def create_worlds(db: Database) -> None:
    """The list of worlds, and the counters behind their identifiers."""
    db.execute(
        """
        CREATE TABLE worlds (
            id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, seed INTEGER NOT NULL, switches TEXT NOT NULL,
            clock_mode TEXT NOT NULL, clock_virtual INTEGER NOT NULL, clock_machine INTEGER NOT NULL,
            clock_rate REAL NOT NULL
        )
        """
    )
    db.execute(
        """
        CREATE TABLE counters (
            world INTEGER NOT NULL, name TEXT NOT NULL, value INTEGER NOT NULL,
            PRIMARY KEY (world, name)
        ) WITHOUT ROWID
        """
    )


MIGRATIONS = (migrations, *(room.migrations for room in (journal, idempotency, schedule, faults, stubs, drifts)))
"""The tables of everything a world is made of, in the order they are created."""


@dataclass(frozen=True, slots=True)
class Beginning:
    """How new worlds start.

    :param clock_at: virtual microseconds the clock shows at first, or `None` for the machine's time.
    """

    seed: int = 0
    clock_mode: Mode = "real"
    clock_rate: float = 1.0
    clock_at: int | None = None


class World:
    """One isolated tenant: everything stored in its name, its clock, its seed and its switches."""

    __slots__ = (
        "born", "clock", "draws", "drifts", "faults", "holds", "id", "idempotency", "in_flight", "is_gone", "journal",
        "name", "schedule", "store", "stubs", "switches",
    )  # fmt: skip

    def __init__(
        self, store: Store, identity: int, name: str, seed: int, clock: Clock, switches: Mapping[str, bool]
    ) -> None:
        self.store = store
        self.id = identity
        self.name = name
        self.clock = clock
        self.draws = Draws(seed)
        self.switches = dict(switches)
        self.journal = Journal(store, identity)
        self.idempotency = Idempotency(store, identity)
        self.schedule = Schedule(store, identity)
        self.faults = Faults(store, identity)
        self.stubs = Stubs(store, identity)
        self.drifts = Drifts(store, identity)
        self.holds: dict[str, int] = {}
        """Micro-USD held back for streams in flight, by request id; gone when the process is."""
        self.in_flight: dict[tuple[str, str], str] = {}
        """Idempotency scope and key of streams in flight, with the digest of their request."""
        self.is_gone = False
        """Whether the world was deleted, reset or restored while somebody still held this object."""
        self.born = machine_now()
        """Machine's time, which tells this object from those before and after it, in this process and others."""

    def count(self, name: str) -> int:
        """Advance a named counter and return it; the first value is 1."""
        row = self.store.one(
            "INSERT INTO counters VALUES (?, ?, 1) ON CONFLICT DO UPDATE SET value = value + 1 RETURNING value",
            (self.id, name),
        )
        assert row is not None
        value: int = row[0]
        return value

    def new_id(self, prefix: str, length: int = 16) -> str:
        """Return the next seeded identifier `<prefix>_<letters and digits>`."""
        return f"{prefix}_{self.draws.token('id', prefix, self.count(prefix), length)}"

    def new_ids(self, prefix: str, count: int) -> list[str]:
        """Return the next seeded identifiers of a long series; how many are taken at once changes none of them."""
        end = self.skip_ids(prefix, count)
        return [f"{prefix}_{token}" for token in self.draws.tokens("ids", prefix, end - count, end)]

    def coming_ids(self, prefix: str) -> Iterator[str]:
        """Yield the identifiers of that series that come next; none is taken until `skip_ids` says how many."""
        row = self.store.one("SELECT value FROM counters WHERE world = ? AND name = ?", (self.id, f"{prefix}.series"))
        for token in self.draws.tokens_from("ids", prefix, row[0] if row else 0):
            yield f"{prefix}_{token}"

    def skip_ids(self, prefix: str, count: int) -> int:
        """Take identifiers of that series without making them; return how many were ever taken."""
        row = self.store.one(
            "INSERT INTO counters VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET value = value + excluded.value"
            " RETURNING value",
            (self.id, f"{prefix}.series", count),
        )
        assert row is not None
        taken: int = row[0]
        return taken

    def is_on(self, switch: str) -> bool:
        """Return the state of one of the vendors' switches in this world."""
        return self.switches[switch]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A copy of a world as it was.

    :param label: the user's own word for it.
    :param at: what the world's clock showed.
    :param requests: how many its journal held.
    :param copy: the number under which its rows lie.
    """

    seq: int
    label: str
    at: int
    requests: int
    copy: int

    @property
    def id(self) -> str:
        """What it is called."""
        return f"snapshot-{self.seq}"


class Worlds:
    """All worlds of a store.

    :param seeders: fill the template, in order, once per database.
    :param actions: what scheduled things do, by name.
    :param switches: every switch a vendor declares, with its default.
    """

    def __init__(
        self,
        store: Store,
        *,
        seeders: Iterable[Callable[[World], None]] = (),
        actions: Actions | None = None,
        switches: Mapping[str, bool] | None = None,
        beginning: Beginning | None = None,
        known_only: bool = False,
    ) -> None:
        self.store = store
        self.actions: Actions = actions or {}
        self.known_only = known_only
        self._defaults = dict(switches or {})
        self._beginning = beginning or Beginning()
        self._open: dict[str, World] = {}
        self.born = machine_now()
        with store.committed():
            if store.one("SELECT 1 FROM worlds") is None:
                template = self._insert(NOBODY)
                for seed in seeders:
                    seed(template)
            self.nobody = self.get(NOBODY)

    # Finding

    def get(self, name: str) -> World:
        """Return a world that exists.

        :raises UnknownWorld: it does not.
        """
        world = self._open.get(name)
        if world is None:
            world = self._open[name] = self._load(name)
        return world

    def admit(self, name: str) -> World:
        """Return the world a key names, making it from the template at first use.

        :raises Unauthenticated: it is unknown, and only known worlds are let in.
        """
        world = self._open.get(name)
        if world is not None:
            return world
        try:
            return self.get(name)
        except UnknownWorld:
            if self.known_only:
                raise Unauthenticated(f"there is no world '{name}'") from None
            return self.create(name)

    def names(self) -> list[str]:
        """Return every world's name, in order of creation."""
        rows = self.store.all("SELECT name FROM worlds WHERE substr(name, 1, 1) <> ? ORDER BY id", (NOBODY,))
        return [row[0] for row in rows]

    # Making and unmaking; each of these must stand inside one unit of work.

    def create(self, name: str, *, seed: int | None = None, switches: Mapping[str, bool] | None = None) -> World:
        """Make a world from the template.

        :raises InvalidRequest: the name is not one a key can carry, or there is no such switch.
        :raises Conflict: it exists.
        """
        self._refuse(name)
        self._refuse_switches(switches or {})
        world = self._insert(name, seed, switches=switches)
        self.store.copy_world(self.nobody.id, world.id, leave_out=_NOT_INHERITED)
        self._open[name] = world
        return world

    def fork(self, source: World, name: str) -> World:
        """Make a world that is an exact copy of another: rows, clock, identifiers, random position, journal."""
        self._refuse(name)
        state = source.clock.state
        world = self._insert(name, source.draws.seed, state, source.switches)
        self.store.copy_world(source.id, world.id)
        world = self._open[name] = self._load(name)
        return world

    def reset(self, world: World) -> World:
        """Put a world back to its template: rows, identifiers, clock and switches; the seed stays, snapshots go."""
        self.delete(world)
        return self.create(world.name, seed=world.draws.seed)

    def delete(self, world: World) -> None:
        """Remove a world, every row of it, and its snapshots."""
        for snapshot in self.snapshots(world):
            self._remove(snapshot)
        self.store.clear_world(world.id)
        self.store.execute("DELETE FROM worlds WHERE id = ?", (world.id,))
        self._open.pop(world.name, None)
        world.is_gone = True

    # Going back; all but the list must stand inside one unit of work. A snapshot is a world of its own, under a name no
    # key can carry and no path can spell: `~<world>/<number>/<label>`.

    def snapshots(self, world: World) -> list[Snapshot]:
        """Return the snapshots of a world, oldest first."""
        rows = self.store.all(
            "SELECT name, clock_virtual, (SELECT count(*) FROM journal WHERE world = worlds.id), id FROM worlds"
            " WHERE name GLOB ?",
            (f"{NOBODY}{world.name}/*",),
        )
        return sorted((_snapshot(*row) for row in rows), key=lambda snapshot: snapshot.seq)

    def snapshot(self, world: World, label: str = "") -> Snapshot:
        """Keep a world as it is: rows, clock, identifiers, random position, journal, faults, stubs and switches."""
        taken = self.snapshots(world)
        seq = taken[-1].seq + 1 if taken else 1  # no counter of the world's, which taking a snapshot must not change
        clock = Clock(world.clock.state)
        clock.set(clock.state.mode, world.clock.now(), clock.state.rate)
        copy = self._insert(f"{NOBODY}{world.name}/{seq}/{label}", world.draws.seed, clock.state, world.switches)
        self.store.copy_world(world.id, copy.id)
        return self._kept(world, f"snapshot-{seq}")

    def forget(self, world: World, identifier: str) -> None:
        """Remove a snapshot.

        :raises NotFound: there is none of that name.
        """
        self._remove(self._kept(world, identifier))

    def restore(self, world: World, identifier: str) -> World:
        """Put a world back to what it was when a snapshot was taken, as often as wanted; return it anew.

        A frozen clock shows that instant again, a scaled one goes on from it; a real one is as far from the machine's
        time as it was.

        :raises NotFound: there is no such snapshot.
        """
        snapshot = self._kept(world, identifier)
        self.store.clear_world(world.id)
        self.store.copy_world(snapshot.copy, world.id)
        self.store.execute(
            "UPDATE worlds SET (seed, switches, clock_mode, clock_virtual, clock_machine, clock_rate) ="
            " (SELECT seed, switches, clock_mode, clock_virtual, clock_machine, clock_rate FROM worlds WHERE id = ?)"
            " WHERE id = ?",
            (snapshot.copy, world.id),
        )
        restored = self._load(world.name)
        if restored.clock.state.mode == "scaled":
            restored.clock.set("scaled", snapshot.at, restored.clock.state.rate)
            self._keep_clock(restored)
        self._open[world.name] = restored
        world.is_gone = True
        return restored

    def _kept(self, world: World, identifier: str) -> Snapshot:
        for snapshot in self.snapshots(world):
            if snapshot.id == identifier:
                return snapshot
        raise NotFound("Snapshot", identifier)

    def _remove(self, snapshot: Snapshot) -> None:
        self.store.clear_world(snapshot.copy)
        self.store.execute("DELETE FROM worlds WHERE id = ?", (snapshot.copy,))

    # Time

    def advance(self, world: World, by: int) -> None:
        """Move a world's clock forward, running whatever falls due on the way, in order."""
        self.move_to(world, world.clock.now() + by)

    def move_to(self, world: World, at: int) -> None:
        """Move a world's clock to a later instant, running whatever falls due on the way, in order."""
        world.schedule.run(world, at, self.actions)
        world.clock.jump(at)
        self._keep_clock(world)

    def move_towards(self, world: World, at: int) -> bool:
        """Move a world's clock to a later instant, or as far as it comes with one piece of much work.

        :return: whether it has arrived.
        """
        world.schedule.run(world, at, self.actions, is_in_pieces=True)
        following = world.schedule.next_at()
        reached = at if following is None else min(at, following - 1)
        world.clock.jump(max(world.clock.now(), reached))
        self._keep_clock(world)
        return reached >= at

    def set_clock(self, world: World, mode: Mode, at: int | None, rate: float) -> None:
        """Change a world's clock; going forward runs what falls due, going back does not undo it."""
        now = world.clock.now()
        if at is not None and at > now:
            world.schedule.run(world, at, self.actions)
        world.clock.set(mode, at, rate)
        self._keep_clock(world)

    def settle(self, world: World, now: int) -> None:
        """Run whatever has fallen due by `now`; it stays done, whatever becomes of the request that noticed.

        What would keep that request waiting for long is left to the next ones.
        """
        if world.schedule.is_due(now):
            with self.store.atomic():
                world.schedule.run(world, now, self.actions, is_awaited=True)

    def recall(self, world: World) -> None:
        """Let an open world be what its rows say, after what was done to it was undone."""
        kept = self._load(world.name)
        world.draws, world.clock, world.switches = kept.draws, kept.clock, kept.switches
        world.faults, world.stubs, world.drifts = kept.faults, kept.stubs, kept.drifts
        world.journal.forget()

    def reseed(self, world: World, seed: int) -> None:
        """Change a world's seed; what was drawn already stays."""
        world.draws = Draws(seed)
        self.store.execute("UPDATE worlds SET seed = ? WHERE id = ?", (seed, world.id))

    def flip(self, world: World, switches: Mapping[str, bool]) -> None:
        """Set some of a world's switches.

        :raises InvalidRequest: there is no such switch.
        """
        self._refuse_switches(switches)
        world.switches.update(switches)
        self.store.execute("UPDATE worlds SET switches = ? WHERE id = ?", (json.dumps(world.switches), world.id))

    # Rows

    def _refuse(self, name: str) -> None:
        if not WORLD_NAME.fullmatch(name):
            raise InvalidRequest(
                Problem(("body", "name"), "must be 1 to 64 characters of [A-Za-z0-9._-]", "invalid_format")
            )
        if self.store.one("SELECT 1 FROM worlds WHERE name = ?", (name,)):
            raise Conflict(f"world '{name}' already exists")

    def _refuse_switches(self, switches: Mapping[str, bool]) -> None:
        unknown = sorted(switches.keys() - self._defaults.keys())
        if unknown:
            known = ", ".join(sorted(self._defaults)) or "none"
            raise InvalidRequest(
                *(
                    Problem(("body", "switches", n), f"no such switch; there are: {known}", "unknown_key")
                    for n in unknown
                )
            )

    def _insert(
        self,
        name: str,
        seed: int | None = None,
        state: ClockState | None = None,
        switches: Mapping[str, bool] | None = None,
    ) -> World:
        start = self._beginning
        clock = Clock(state)
        if state is None:
            clock.set(start.clock_mode, start.clock_at, start.clock_rate)
        state = clock.state
        seed = start.seed if seed is None else seed
        cursor = self.store.execute(
            "INSERT INTO worlds (name, seed, switches, clock_mode, clock_virtual, clock_machine, clock_rate)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (name, seed, json.dumps(switches or {}), state.mode, state.virtual, state.machine, state.rate),
        )
        assert cursor.lastrowid is not None
        return World(self.store, cursor.lastrowid, name, seed, clock, {**self._defaults, **(switches or {})})

    def _load(self, name: str) -> World:
        row = self.store.one(
            "SELECT id, seed, switches, clock_mode, clock_virtual, clock_machine, clock_rate FROM worlds"
            " WHERE name = ?",
            (name,),
        )
        if row is None:
            raise UnknownWorld(name)
        identity, seed, switches, *clock = row
        chosen: dict[str, Any] = json.loads(switches)
        return World(self.store, identity, name, seed, Clock(ClockState(*clock)), {**self._defaults, **chosen})

    def _keep_clock(self, world: World) -> None:
        state = world.clock.state
        self.store.execute(
            "UPDATE worlds SET clock_mode = ?, clock_virtual = ?, clock_machine = ?, clock_rate = ? WHERE id = ?",
            (state.mode, state.virtual, state.machine, state.rate, world.id),
        )


def _snapshot(name: str, at: int, requests: int, copy: int) -> Snapshot:
    _, seq, label = name.split("/", 2)
    return Snapshot(int(seq), label, at, requests, copy)
