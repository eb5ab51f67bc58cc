"""Plays a scenario in one world, as it is: the world goes to the scenario's start state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mockserver import resources
from mockserver.kernel.errors import InvalidRequest, Problem, Unusable
from mockserver.kernel.money import MicroUsd, micro_usd
from mockserver.kernel.sqlite import Database, Migrations
from mockserver.kernel.windows import format_instant
from mockserver.kernel.world import World, Worlds
from mockserver.vendors.vendor import Vendor

migrations = Migrations("simulation.stage")


@migrations()
def create_plays(db: Database) -> None:
    """One row per scenario that was played in a world."""
    db.execute(
        """
        CREATE TABLE plays (
            world INTEGER NOT NULL, seq INTEGER NOT NULL, at INTEGER NOT NULL, name TEXT NOT NULL,
            purpose TEXT NOT NULL,
            PRIMARY KEY (world, seq)
        ) WITHOUT ROWID
        """
    )


class Stage:
    """Where scenarios are played; every method must stand inside one unit of work."""

    def __init__(self, worlds: Worlds, vendors: Sequence[Vendor]) -> None:
        self._worlds = worlds
        self._vendors = vendors

    def play(self, world: World, name: str, text: str | None, seed: int | None) -> dict[str, Any]:
        """Bring a world to a scenario's start state: seed, clock, balance. What has happened in it stays.

        :param name: of a shipped scenario, or what to call the one in `text`.
        :param text: a scenario's file.
        :param seed: in place of the scenario's.
        :raises InvalidRequest: there is no such scenario, or the text is none.
        """
        from mockserver.simulation.script import FaultyScript, parse  # YAML is slow to import

        try:
            script = parse(_shipped(name) if text is None else text, name)
        except FaultyScript as faulty:
            raise InvalidRequest(Problem(("body", "text"), str(faulty), "invalid_format")) from None
        beginning = script.beginning
        self._worlds.reseed(world, beginning.seed if seed is None else seed)
        self._worlds.set_clock(world, beginning.clock_mode, beginning.clock_at, beginning.clock_rate)
        if script.start.balance_usd is not None:
            self._set_balance(world, micro_usd(script.start.balance_usd), script.name)
        world.store.execute(
            "INSERT INTO plays VALUES (?, ?, ?, ?, ?)",
            (world.id, world.count("plays"), world.clock.now(), script.name, script.purpose),
        )
        return self.playing(world)

    def playing(self, world: World) -> dict[str, Any]:
        """Return which scenario was played in a world last, if any."""
        row = world.store.one(
            "SELECT name, purpose, at FROM plays WHERE world = ? ORDER BY seq DESC LIMIT 1", (world.id,)
        )
        name, purpose, at = row or (None, None, None)
        return {
            "name": name, "purpose": purpose, "seed": world.draws.seed,
            "played_at": None if at is None else format_instant(at),
        }  # fmt: skip

    def _set_balance(self, world: World, wanted: int, name: str) -> None:
        for vendor in self._vendors:
            if vendor.account is None:
                continue
            missing = wanted - vendor.account.balance(world)
            if missing:
                vendor.account.grant(world, MicroUsd(missing), f"scenario {name}")


def _shipped(name: str) -> str:
    """Return the text of a shipped scenario; nobody else's files are read in somebody's name.

    :raises InvalidRequest: there is none of that name.
    """
    names = resources.scenario_names()
    if name not in names:
        raise InvalidRequest(
            Problem(("body", "name"), f"no scenario '{name}'; there are: {', '.join(names)}", "invalid_enum")
        )
    try:
        return resources.scenario(name).read_text(encoding="utf-8")
    except OSError as error:
        raise Unusable(f"cannot read scenario {name}: {error}") from None
