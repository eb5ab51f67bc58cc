"""Checks scenario files against a simulator in memory that is thrown away."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from mockserver import resources
from mockserver.app import Simulator
from mockserver.config import Settings
from mockserver.simulation.script import text_of


class Validator:
    """Holds a simulator for as long as scenarios are checked.

    :param fixtures: folder of the user's own starting data, or `None`.
    :raises Unusable: the fixtures cannot be used.
    """

    def __init__(self, fixtures: Path | None = None) -> None:
        self._simulator = Simulator(Settings(fixtures=fixtures))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._simulator.close()

    def check(self, name: str) -> None:
        """Do nothing when a scenario, by shipped name or by path, can be played.

        :raises FaultyScript: it cannot; every fault is named with its line.
        :raises Unusable: it cannot be read.
        """
        path = resources.scenario(name)
        text = text_of(path)
        worlds = self._simulator.worlds
        with worlds.store.committed():
            world = worlds.create("rehearsal")
            try:
                self._simulator.stage.start(world, str(path), text)
            finally:
                worlds.delete(world)
