"""A world's clock, as a test holds it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from mockserver.testing.values import Instant, Span, moment

if TYPE_CHECKING:
    from mockserver.testing.world import World

__tracebackhide__ = True  # a test that is refused something is shown its own line, not ours


class Clock:
    """A world's clock."""

    def __init__(self, world: World) -> None:
        self._world = world

    def __repr__(self) -> str:
        return f"Clock({self.mode}, {self.now.isoformat()})"

    @property
    def now(self) -> datetime:
        """The world's time."""
        return moment(self._world.call("clock.get")["now"])

    @property
    def mode(self) -> str:
        """`real`, `frozen` or `scaled`."""
        return str(self._world.call("clock.get")["mode"])

    def freeze(self, at: Instant | None = None) -> datetime:
        """Stop time, now or at an instant."""
        return self._set({"mode": "frozen", "now": at})

    def advance(self, by: Span) -> datetime:
        """Move time forward; what falls due on the way has happened when this returns."""
        return moment(self._world.change("clock.advance", body={"by": by})["now"])

    def scale(self, rate: float, *, at: Instant | None = None) -> datetime:
        """Let time run so many times as fast as the machine's."""
        return self._set({"mode": "scaled", "rate": rate, "now": at})

    def run(self, at: Instant | None = None) -> datetime:
        """Let time run as fast as the machine's."""
        return self._set({"mode": "real", "now": at})

    def _set(self, body: dict[str, Any]) -> datetime:
        said = {name: value for name, value in body.items() if value is not None}
        return moment(self._world.change("clock.set", body=said)["now"])
