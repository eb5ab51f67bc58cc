"""A world as a test holds it: its clock, its money, what goes wrong in it, what it answers, and what it has seen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from mockserver.environment import client_variables
from mockserver.testing.assertions import Assertions
from mockserver.testing.clock import Clock
from mockserver.testing.credits import Credits
from mockserver.testing.drifts import Drifts
from mockserver.testing.faults import Faults
from mockserver.testing.marker import WrongOption
from mockserver.testing.record import Record
from mockserver.testing.requests import Requests
from mockserver.testing.stubs import Stubs
from mockserver.testing.switches import Switches
from mockserver.testing.values import Instant, Span

if TYPE_CHECKING:
    from mockserver.http.inprocess import InProcessTransport
    from mockserver.testing.cassette import Cassette
    from mockserver.testing.server import Server
    from mockserver.testing.wire import Wire

__tracebackhide__ = True  # a test that is refused something is shown its own line, not ours

_PAGE = 1000
_ABOUT_SIMULATION = {"spend", "reconciles", "invariants", "detected"}


class Keeper(Protocol):
    """Keeps the worlds of a test."""

    def fork(self, world: World, name: str) -> World:
        """Return a copy of a world as it is now."""

    def renew(self, world: World) -> None:
        """Put a world back to where it began."""


class Environment(Protocol):
    """What sets an environment variable and puts it back later: pytest's `monkeypatch`."""

    def setenv(self, name: str, value: str) -> None:
        """Set one variable."""


class World(Assertions):
    """One isolated world.

    :param name: what its keys end in.
    :param keeper: keeps the worlds of its test.
    :param cassette: what answers in its place.
    """

    def __init__(self, server: Server, name: str, keeper: Keeper, cassette: Cassette | None = None) -> None:
        self.name = self._name = name
        self.server = server
        self._wire = server.wire
        self.is_touched = False
        """Whether anything was changed through this object."""
        self.clock = Clock(self)
        self.credits = Credits(self)
        self.faults = Faults(self)
        self.stubs = Stubs(self)
        self.drifts = Drifts(self)
        self.requests = Requests(self)
        self.switches = Switches(self)
        self._keeper = keeper
        self._cassette = cassette

    def __repr__(self) -> str:
        return f"World({self.name!r})"

    # Reaching it

    @property
    def wire(self) -> Wire:
        """Runs control operations."""
        return self._wire

    def call(self, operation: str, *parameters: str, body: Any = None, query: Any = None) -> Any:
        """Run a control operation on this world, such as `credits.get`, and return its answer as JSON data.

        :raises Refused: it said no.
        """
        return self._wire.call(operation, self.name, *parameters, body=body, query=query)

    def change(self, operation: str, *parameters: str, body: Any = None) -> Any:
        """Run a control operation that changes this world.

        :raises Refused: it said no.
        """
        self.is_touched = True
        return self.call(operation, *parameters, body=body)

    def every(
        self, operation: str, /, *parameters: str, member: str = "data", **query: Any
    ) -> Iterator[dict[str, Any]]:
        """Yield the items of a list, page by page.

        :param member: of the answer, in which they stand.
        """
        after = 0
        while True:
            page = self.call(operation, *parameters, query={**query, "after": after, "limit": _PAGE})
            yield from page[member]
            if page.get("next") is None:
                return
            after = page["next"]

    @property
    def url(self) -> str:
        """Base URL of both vendors."""
        return self.server.url

    @property
    def pareta_key(self) -> str:
        """A Pareta key of this world."""
        return f"pareta_sk_test_{self.name}"

    @property
    def paygentic_key(self) -> str:
        """A Paygentic key of this world."""
        return f"sk_test_{self.name}"

    @property
    def env(self) -> dict[str, str]:
        """The variables that point the vendors' clients at this world."""
        return client_variables(self.url, self.name)

    def setenv(self, monkeypatch: Environment) -> None:
        """Set these variables until the monkeypatch is undone."""
        for name, value in self.env.items():
            monkeypatch.setenv(name, value)

    @cached_property
    def transport(self) -> InProcessTransport:
        """A transport for `httpx.Client` that needs no socket; any base URL will do with it.

        :raises NoServer: the server is not in this process, or httpx is not installed.
        """
        return self.server.transport()

    @property
    def async_transport(self) -> InProcessTransport:
        """The same for `httpx.AsyncClient`."""
        return self.transport

    # What answers in its place

    @property
    def has_cassette(self) -> bool:
        """Whether recorded answers are played in it."""
        return self._cassette is not None

    @property
    def cassette(self) -> Cassette:
        """The recording that answers in its place.

        :raises WrongOption: the world has none.
        """
        if self._cassette is None:
            raise WrongOption("this world has no cassette: @pytest.mark.mockserver(cassette=...) gives it one")
        return self._cassette

    def refuse_with_cassette(self, done: str) -> None:
        """Refuse what a recording cannot follow.

        :raises WrongOption: the world has a cassette.
        """
        if self._cassette is not None:
            raise WrongOption(
                f"a world with a cassette cannot be {done}: what was recorded goes one way only; .reset() begins anew"
            )

    def _verify(self, check: str, **options: Any) -> None:
        if self._cassette is not None and not self._cassette.is_simulated and check in _ABOUT_SIMULATION:
            raise WrongOption(
                f"assert_{check} is about what the simulation did, and in this world recorded answers stand in its"
                ' place: nothing was spent and nothing billed. With on_miss="simulate" every request is simulated too'
            )
        super()._verify(check, **options)

    # What happens in it

    def play(self, name: str | Path, *, seed: int | None = None, history: Span | None = None) -> Play:
        """Bring the world to a scenario's start state, and play its history; the rest comes as the clock moves.

        :param name: of a shipped scenario, or the path of a file.
        :param history: how much has happened when this returns, such as `"7d"`, in place of what the scenario says.
        :raises Unusable: there is no such scenario.
        :raises Refused: its file is faulty, or the world has seen too much already.
        """
        return Play(self.change("scenario.play", body=scene(name, seed, history)), self)

    @property
    def scenario(self) -> Play:
        """The scenario that was played last, and how far it is; its `name` is `None` where none was."""
        return Play(self.call("scenario.get"), self)

    @property
    def truth(self) -> list[Record]:
        """What really changed: every drift, with its cause."""
        return [Record(each) for each in self.every("truth.list")]

    def alert(
        self, kind: str | None = None, subject: str | None = None, *, at: Instant | None = None, note: str = ""
    ) -> None:
        """Raise an alert, as a monitor under test would."""
        said = {"kind": kind, "subject": subject, "at": at, "note": note or None}
        self.change("alerts.add", body={name: value for name, value in said.items() if value is not None})

    def invariants(self) -> Invariants:
        """Check what must always hold; false when anything does not."""
        return Invariants(self.call("invariants.check"))

    # Going back

    def reset(self) -> None:
        """Put the world back to where the test began, as the options it was made with say."""
        self._keeper.renew(self)
        self.is_touched = True

    def fork(self, name: str) -> World:
        """Return a copy of the world as it is now.

        :param name: a word of your own, unique within the test; the copy's `name` is made of it.
        """
        return self._keeper.fork(self, name)

    def snapshot(self, label: str = "") -> str:
        """Keep the world as it is, and return the id to come back with."""
        self.refuse_with_cassette("snapshotted")
        return str(self.change("snapshots.create", body={"name": label})["id"])

    def restore(self, snapshot: str) -> None:
        """Put the world back to what it was when a snapshot was taken."""
        self.change("worlds.restore", body={"snapshot": snapshot})


def scene(name: str | Path, seed: int | None, history: Span | None = None) -> dict[str, Any]:
    """Return a scenario as the control API takes it: the shipped ones by name, others with their text."""
    from mockserver.resources import scenario, scenario_names

    body: dict[str, Any] = {"name": str(name)}
    if str(name) not in scenario_names():
        body["text"] = scenario(str(name)).read_text(encoding="utf-8")
    said = {"seed": seed, "history": history}
    return {**body, **{option: value for option, value in said.items() if value is not None}}


class Play(Record):
    """A scenario that is played in a world, as far as it was when this was asked for.

    :param world: in which it is played.
    """

    def __init__(self, data: Mapping[str, Any], world: World) -> None:
        super().__init__(data)
        self._world = world

    @property
    def truth(self) -> list[Record]:
        """What really changes in it: every drift, with its cause."""
        return self._world.truth

    def pause(self) -> Play:
        """Stop the world's clock."""
        return self._changed("pause")

    def resume(self) -> Play:
        """Let the clock go on as before it was stopped."""
        return self._changed("resume")

    def step(self, by: Span | None = None) -> Play:
        """Move the stopped clock: by so much, or to the next instant at which anything happens."""
        return self._changed("step", {} if by is None else {"by": by})

    def _changed(self, how: str, body: dict[str, Any] | None = None) -> Play:
        return Play(self._world.change(f"scenario.{how}", body=body), self._world)


class Invariants(Record):
    """What must always hold; false when anything does not."""

    def __bool__(self) -> bool:
        return bool(self._data["holds"])

    @property
    def violated(self) -> list[Record]:
        """What does not hold, with the rows that show it."""
        return [Record(each) for each in self._data["invariants"] if not each["holds"]]
