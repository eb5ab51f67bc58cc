"""Stubs: answers a test gives in place of generated ones. What they say is for the vendors to know."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple

from mockserver.kernel.matching import ANYTHING, Facts, Pattern, is_operation, read
from mockserver.kernel.sqlite import Database, Migrations
from mockserver.kernel.store import Store

migrations = Migrations("kernel.stubs")


@migrations()
def create_stubs(db: Database) -> None:
    """One row per stub, with how many answers it has given."""
    db.execute(
        """
        CREATE TABLE stubs (
            world INTEGER NOT NULL, seq INTEGER NOT NULL, rule TEXT NOT NULL, given INTEGER NOT NULL,
            PRIMARY KEY (world, seq)
        ) WITHOUT ROWID
        """
    )


Then = Literal["last", "cycle", "simulate"]


@dataclass(frozen=True)
class Stub:
    """One stub.

    :param operation: glob of the operations it answers for; the vendor may be left out.
    :param match: pattern of the requests it answers, as JSON; `names` of the facts it may speak of.
    :param answers: one for each request in turn, as the vendor's model of that operation's stubs has them.
    :param then: what comes after the last of several: it again, the first again, or generated answers.
    :param is_optional: it is no fault of a test that it was never asked.
    """

    operation: str
    match: Mapping[str, Any]
    names: tuple[str, ...]
    answers: tuple[Mapping[str, Any], ...]
    then: Then = "last"
    note: str = ""
    is_optional: bool = False

    @cached_property
    def pattern(self) -> Pattern:
        """The requests it answers, beside their operation."""
        return read(self.match, self.names) if self.match else ANYTHING

    def answer(self, n: int) -> Mapping[str, Any] | None:
        """Return the answer to the n-th request, counting from 1; `None` when there is none left."""
        if n <= len(self.answers):
            return self.answers[n - 1]
        if self.then == "simulate":
            return None
        return self.answers[-1] if self.then == "last" else self.answers[(n - 1) % len(self.answers)]

    def dump(self) -> str:
        """Return the stub as JSON text, which `load` reads."""
        return json.dumps(asdict(self))

    @classmethod
    def load(cls, text: str) -> Stub:
        """Undo `dump`."""
        data = json.loads(text)
        return cls(**{**data, "names": tuple(data["names"]), "answers": tuple(data["answers"])})


class Placed(NamedTuple):
    """A stub of a world, with how many answers it has given."""

    seq: int
    stub: Stub
    given: int

    @property
    def id(self) -> str:
        """What it is called."""
        return f"stub-{self.seq}"


class Stubs:
    """The stubs of one world; the newest that matches answers, so that a test may override what its fixtures said."""

    def __init__(self, store: Store, world: int) -> None:
        self._store = store
        self._world = world
        self._stubs: tuple[tuple[int, Stub], ...] | None = None

    @property
    def stubs(self) -> tuple[tuple[int, Stub], ...]:
        """Number and stub, newest first."""
        if self._stubs is None:
            rows = self._store.all("SELECT seq, rule FROM stubs WHERE world = ? ORDER BY seq DESC", (self._world,))
            self._stubs = tuple((seq, Stub.load(rule)) for seq, rule in rows)
        return self._stubs

    def placed(self) -> list[Placed]:
        """Return every stub with what it has done, oldest first."""
        rows: dict[int, int] = dict(self._store.all("SELECT seq, given FROM stubs WHERE world = ?", (self._world,)))
        return [Placed(seq, stub, rows[seq]) for seq, stub in reversed(self.stubs)]

    def add(self, seq: int, stub: Stub) -> Placed:
        """Place a stub under a number nobody had."""
        self._store.execute("INSERT INTO stubs VALUES (?, ?, ?, 0)", (self._world, seq, stub.dump()))
        self._stubs = None
        return Placed(seq, stub, 0)

    def remove(self, seq: int) -> bool:
        """Take a stub away; return whether there was one."""
        gone = self._store.execute("DELETE FROM stubs WHERE world = ? AND seq = ?", (self._world, seq)).rowcount
        self._stubs = None
        return bool(gone)

    def clear(self) -> None:
        """Take every stub away."""
        self._store.execute("DELETE FROM stubs WHERE world = ?", (self._world,))
        self._stubs = None

    def find(self, operation: str, facts: Facts) -> tuple[str, Mapping[str, Any]] | None:
        """Return the stub that answers a request and its answer, and count it; `None` when none does.

        Within what a refusal undoes, so that a refused request uses up no answer.
        """
        for seq, stub in self.stubs:
            if not is_operation(operation, stub.operation) or not stub.pattern.matches(facts):
                continue
            row = self._store.one("SELECT given FROM stubs WHERE world = ? AND seq = ?", (self._world, seq))
            assert row is not None
            answer = stub.answer(row[0] + 1)
            if answer is None:
                continue
            self._store.execute("UPDATE stubs SET given = given + 1 WHERE world = ? AND seq = ?", (self._world, seq))
            return f"stub-{seq}", answer
        return None
