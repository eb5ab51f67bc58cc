"""What falls due later in a world: named actions at an instant, run in order when the clock gets there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from mockserver.kernel.sqlite import Database, Migrations
from mockserver.kernel.store import Store

if TYPE_CHECKING:
    from mockserver.kernel.world import World

migrations = Migrations("kernel.schedule")

Action = Callable[["World", str], bool | None]
"""Runs what fell due for a subject; the world's clock shows the due instant meanwhile.

Returns true when that was much work, so that a request that waits for it need not wait for more.
"""

Actions = Mapping[str, Action]

_LAST = 1 << 40
"""Numbers above this are of what runs last at its instant."""


@migrations()
def create_due(db: Database) -> None:
    """One row per thing still to happen."""
    db.execute(
        """
        CREATE TABLE due (
            world INTEGER NOT NULL, at INTEGER NOT NULL, seq INTEGER NOT NULL, action TEXT NOT NULL,
            subject TEXT NOT NULL,
            PRIMARY KEY (world, at, seq)
        ) WITHOUT ROWID
        """
    )


class Schedule:
    """The things still to happen in one world."""

    def __init__(self, store: Store, world: int) -> None:
        self._store = store
        self._world = world
        self.horizon = 0
        """While something runs: the last instant before anything else falls due, or the end of what is run now.

        What goes on and on may do all of it up to there in one go.
        """
        self.is_awaited = False
        """While something runs: whether a request waits for that. Much work is less then."""

    def add(self, at: int, action: str, subject: str, *, is_last: bool = False) -> None:
        """Let `action` run for `subject` at an instant; things due at one instant run in the order added.

        :param is_last: it runs after all others that are due then, whenever they were added.
        """
        first = _LAST if is_last else 0
        self._store.execute(
            "INSERT INTO due SELECT ?1, ?2, coalesce(max(seq), ?5) + 1, ?3, ?4 FROM due"
            " WHERE world = ?1 AND at = ?2 AND seq > ?5 AND seq <= ?5 + ?6",
            (self._world, at, action, subject, first, _LAST),
        )

    def cancel(self, action: str, subject: str) -> None:
        """Forget what was to happen to a subject."""
        self._store.execute(
            "DELETE FROM due WHERE world = ? AND action = ? AND subject = ?", (self._world, action, subject)
        )

    def is_due(self, now: int) -> bool:
        """Whether anything is to happen by `now`."""
        return self._store.one("SELECT 1 FROM due WHERE world = ? AND at <= ? LIMIT 1", (self._world, now)) is not None

    def run(
        self, world: World, until: int, actions: Actions, *, is_in_pieces: bool = False, is_awaited: bool = False
    ) -> None:
        """Run everything due up to and including `until`, in order, each at its own instant.

        :param is_in_pieces: after much work the rest is left to the next run.
        :param is_awaited: so it is, and a request waits meanwhile.
        """
        while row := self._store.one(
            "SELECT at, seq, action, subject FROM due WHERE world = ? AND at <= ? ORDER BY at, seq LIMIT 1",
            (self._world, until),
        ):
            at, seq, action, subject = row
            self._store.execute("DELETE FROM due WHERE world = ? AND at = ? AND seq = ?", (self._world, at, seq))
            following = self.next_at()
            around = self.horizon, self.is_awaited
            self.horizon = until if following is None else max(at, min(until, following - 1))
            self.is_awaited = is_awaited
            try:
                with world.clock.pinned(at):
                    was_much = actions[action](world, subject)
            finally:
                self.horizon, self.is_awaited = around
            if was_much and (is_in_pieces or is_awaited):
                return

    def next_at(self) -> int | None:
        """Return when anything falls due next, `None` when nothing does."""
        row = self._store.one("SELECT min(at) FROM due WHERE world = ?", (self._world,))
        return None if row is None else row[0]
