"""What faults and stubs have in common: a test puts them into a world, and takes them out again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from mockserver.testing.world import World

__tracebackhide__ = True  # a test that is refused something is shown its own line, not ours


class Planted:
    """Something that waits for requests in a world; its numbers are those of the moment they are asked for.

    :cvar route: what its control operations begin with.
    :cvar numbers: members that change; all others are as it was asked for.
    """

    route: ClassVar[str]
    numbers: ClassVar[tuple[str, ...]]

    def __init__(self, world: World, data: Mapping[str, Any]) -> None:
        self._world = world
        self.id: str = data["id"]
        self.spec = {name: value for name, value in data.items() if name not in ("id", *self.numbers)}

    def __repr__(self) -> str:
        said = ", ".join(f"{name}={value!r}" for name, value in self.spec.items() if value is not None)
        return f"{type(self).__name__}({self.id}: {said})"

    def remove(self) -> None:
        """Take it away, with all it has noted."""
        self._world.change(f"{self.route}.delete", self.id)

    def _now(self, number: str) -> int:
        return int(self._world.call(f"{self.route}.get", self.id)[number])
