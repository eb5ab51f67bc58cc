"""Behaviours of a world that can be turned on and off."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mockserver.testing.world import World

__tracebackhide__ = True  # a test that is refused something is shown its own line, not ours


class Switches(MutableMapping[str, bool]):
    """Behaviours that can be turned on and off, by name."""

    def __init__(self, world: World) -> None:
        self._world = world

    def __getitem__(self, name: str) -> bool:
        return self._all()[name]

    def __setitem__(self, name: str, value: bool) -> None:
        self.set(**{name: value})

    def __delitem__(self, name: str) -> None:
        raise TypeError("a switch is on or off; it cannot be taken away")

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())

    def __repr__(self) -> str:
        return f"Switches({self._all()})"

    def set(self, **switches: bool) -> None:
        """Turn several on or off at once; names have a dot, so `set(**{"pareta.strict": True})`.

        :raises Refused: there is no such switch.
        """
        self._world.change("switches.set", body=switches)

    def _all(self) -> dict[str, bool]:
        found: dict[str, bool] = self._world.call("switches.get")
        return found
