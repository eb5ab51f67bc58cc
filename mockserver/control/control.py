"""What every control operation works on, and the one way it gets hold of a world."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from mockserver.kernel.errors import Conflict, UnknownWorld
from mockserver.kernel.store import Store
from mockserver.kernel.tenancy import WORLD_NAME
from mockserver.kernel.world import NOBODY, World, Worlds
from mockserver.vendors.vendor import Vendor

Document = Callable[[], dict[str, Any]]


class Stage(Protocol):
    """Where scenarios are played; all but `backfill` within one unit of work."""

    def play(
        self, world: World, name: str, text: str | None, seed: int | None, history_us: int | None = None
    ) -> dict[str, Any]:
        """Bring a world to a scenario's start state and return what `playing` does; its history is left to `backfill`.

        The same scenario again changes nothing, and what is still to come of its history is gone on with.

        :param history_us: how much of it is there at once, in place of what the scenario says.
        :raises InvalidRequest: there is no such scenario, or it cannot be played; nothing is written.
        :raises Conflict: the world has seen too much already.
        """

    def backfill(self, world: World, slice_s: float | None = None) -> Iterator[dict[str, Any]]:
        """Play the history that is still to come, and yield what `playing` returns after each piece.

        Each piece is a committed unit of work of its own: others are served meanwhile.

        :param slice_s: about how long a piece may keep others waiting; as long as it likes, if absent.
        :raises Conflict: the world was deleted, reset or restored meanwhile.
        """

    def playing(self, world: World) -> dict[str, Any]:
        """Return which scenario was played in a world last, if any, and how far it is."""

    def pause(self, world: World) -> dict[str, Any]:
        """Stop the clock of a world that plays; return what `playing` does.

        :raises Conflict: nothing is played in it, or it has stopped already.
        """

    def resume(self, world: World) -> dict[str, Any]:
        """Let the clock go on as it did before `pause`.

        :raises Conflict: it has not been stopped.
        """

    def step(self, world: World, by_us: int | None) -> dict[str, Any]:
        """Move the clock of a world that is paused: by so much, or to the next instant at which anything happens.

        :raises Conflict: it is not paused, or nothing is to happen any more.
        """


@dataclass(frozen=True, slots=True)
class Control:
    """The simulator as the control API sees it.

    :param documents: makes an OpenAPI document, by the name of the API it describes.
    :param stage: plays scenarios, where that can be done.
    """

    worlds: Worlds
    vendors: Sequence[Vendor]
    documents: Mapping[str, Document]
    stage: Stage | None = None

    @property
    def store(self) -> Store:
        """Where everything is kept."""
        return self.worlds.store

    @contextmanager
    def existing(self, name: str) -> Iterator[World]:
        """Hold a world for one committed unit of work.

        :raises UnknownWorld: it does not exist.
        """
        with self.store.committed():
            yield self.worlds.get(name)

    @contextmanager
    def admitted(self, name: str) -> Iterator[World]:
        """Hold a world for one committed unit of work.

        A world that does not exist yet is made, as a vendor's first request would: its state can be set, and
        looked at, before that request.

        :raises UnknownWorld: no key can name it, or only known worlds are let in.
        """
        with self.store.work():  # so that no other thread removes the world between the two
            with self.store.committed():
                # In its own right: what is refused further down must not take the new world with it.
                world = self._admit(name)
            with self.store.committed():
                yield world

    @contextmanager
    def reading(self, name: str) -> Iterator[World]:
        """Hold a world as `admitted` does, with everything done that has fallen due.

        :raises UnknownWorld: no key can name it, or only known worlds are let in.
        """
        with self.admitted(name) as world:
            self.worlds.settle(world, world.clock.now())
            yield world

    @contextmanager
    def changing(self, name: str) -> Iterator[World]:
        """Hold a world as `reading` does, to change it.

        :raises UnknownWorld: no key can name it, or only known worlds are let in.
        :raises Conflict: it is the template.
        """
        refuse_template(name)
        with self.reading(name) as world:
            yield world

    def _admit(self, name: str) -> World:
        try:
            return self.worlds.get(name)
        except UnknownWorld:
            if self.worlds.known_only or not WORLD_NAME.fullmatch(name):
                raise
            return self.worlds.create(name)


def refuse_template(name: str) -> None:
    """Guard the template of all worlds.

    :raises Conflict: `name` is the template's.
    """
    if name == NOBODY:
        raise Conflict(f"world '{NOBODY}' is the template of all others and cannot be changed")
