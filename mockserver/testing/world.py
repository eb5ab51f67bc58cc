"""A world as a test holds it: its clock, its money, what goes wrong in it, what it answers, and what it has seen."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, overload

from mockserver.environment import client_variables
from mockserver.kernel.matching import All, Pattern
from mockserver.testing.record import Record
from mockserver.testing.wire import plain

if TYPE_CHECKING:
    from mockserver.http.inprocess import InProcessTransport
    from mockserver.testing.server import Server
    from mockserver.testing.wire import Wire

try:
    from mockserver.testing.assertions import Assertions
except ModuleNotFoundError:  # TEMPORARY until the module is there

    class Assertions:  # type: ignore[no-redef]
        """Nothing yet."""


Instant = str | datetime
"""ISO 8601 text, or a time with its zone."""
Span = str | timedelta
"""Such as `90s`, `15m`, `36h`, `7d`, or a timedelta."""
Usd = str | Decimal | int
"""Exact dollars."""

_PAGE = 1000
_INGEST = "paygentic.events.ingest"


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
    """

    def __init__(self, server: Server, name: str, keeper: Keeper) -> None:
        self.name = name
        self.server = server
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

    def __repr__(self) -> str:
        return f"World({self.name!r})"

    # Reaching it

    @property
    def wire(self) -> Wire:
        """Runs control operations."""
        return self.server.wire

    def call(self, operation: str, *parameters: str, body: Any = None, query: Any = None) -> Any:
        """Run a control operation on this world, such as `credits.get`, and return its answer as JSON data.

        :raises Refused: it said no.
        """
        return self.wire.call(operation, self.name, *parameters, body=body, query=query)

    def change(self, operation: str, *parameters: str, body: Any = None) -> Any:
        """Run a control operation that changes this world.

        :raises Refused: it said no.
        """
        self.is_touched = True
        return self.call(operation, *parameters, body=body)

    def every(self, operation: str, /, **query: Any) -> Iterator[dict[str, Any]]:
        """Yield the items of a list, page by page."""
        after = 0
        while True:
            page = self.call(operation, query={**query, "after": after, "limit": _PAGE})
            yield from page["data"]
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

    # What happens in it

    def play(self, name: str | Path, *, seed: int | None = None) -> Record:
        """Bring the world to a scenario's start state.

        :param name: of a shipped scenario, or the path of a file.
        :raises Unusable: there is no such scenario.
        :raises Refused: its file is faulty.
        """
        return Record(self.change("scenario.play", body=scene(name, seed)))

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
        return str(self.change("snapshots.create", body={"name": label})["id"])

    def restore(self, snapshot: str) -> None:
        """Put the world back to what it was when a snapshot was taken."""
        self.change("worlds.restore", body={"snapshot": snapshot})


def scene(name: str | Path, seed: int | None) -> dict[str, Any]:
    """Return a scenario as the control API takes it: the shipped ones by name, others with their text."""
    from mockserver.resources import scenario, scenario_names

    body: dict[str, Any] = {"name": str(name)}
    if str(name) not in scenario_names():
        body["text"] = scenario(str(name)).read_text(encoding="utf-8")
    return body if seed is None else {**body, "seed": seed}


class Invariants(Record):
    """What must always hold; false when anything does not."""

    def __bool__(self) -> bool:
        return bool(self._data["holds"])

    @property
    def violated(self) -> list[Record]:
        """What does not hold, with the rows that show it."""
        return [Record(each) for each in self._data["invariants"] if not each["holds"]]


# Time


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


def moment(text: str) -> datetime:
    """Return an instant of the wire as a time."""
    return datetime.fromisoformat(text)


# Money


class Credits:
    """A world's prepaid balance."""

    def __init__(self, world: World) -> None:
        self._world = world

    def __repr__(self) -> str:
        return f"Credits({self.balance_usd} USD)"

    @property
    def balance_micro_usd(self) -> int:
        """What is left, in millionths of a dollar."""
        return int(self._world.call("credits.get")["balance_micro_usd"])

    @property
    def balance_usd(self) -> Decimal:
        """What is left, in dollars."""
        return Decimal(self._world.call("credits.get")["balance_usd"])

    def set(self, usd: Usd) -> None:
        """Make the balance so many dollars."""
        self._world.change("credits.set", body={"balance_usd": dollars(usd)})

    def grant(self, usd: Usd, note: str = "") -> None:
        """Add so many dollars."""
        self._world.change("credits.grant", body={"amount_usd": dollars(usd), "note": note})

    @property
    def ledger(self) -> list[Record]:
        """Every movement of credit, oldest first."""
        return [Record(each) for each in self._world.every("ledger.list")]


def dollars(usd: Usd) -> str:
    """Return dollars as exact text.

    :raises TypeError: they are a float, which is not exact, or no amount at all.
    """
    if isinstance(usd, bool) or not isinstance(usd, str | int | Decimal):
        raise TypeError(f"{usd!r} is no exact amount: give dollars as text or Decimal, such as '1.00'")
    return usd if isinstance(usd, str) else format(Decimal(usd), "f")


# What goes wrong


class Fault:
    """A fault that lies in wait in a world; its numbers are those of the moment they are asked for."""

    def __init__(self, world: World, data: Mapping[str, Any]) -> None:
        self._world = world
        self.id: str = data["id"]
        self.spec = {name: value for name, value in data.items() if name not in ("id", "matched", "hits")}

    def __repr__(self) -> str:
        said = ", ".join(f"{name}={value!r}" for name, value in self.spec.items() if value is not None)
        return f"Fault({self.id}: {said})"

    @property
    def matched(self) -> int:
        """How many requests it had to decide about."""
        return int(self._world.call("faults.get", self.id)["matched"])

    @property
    def hits(self) -> int:
        """How many of these it hit."""
        return int(self._world.call("faults.get", self.id)["hits"])

    @property
    def decisions(self) -> list[Record]:
        """What it decided about each request, and why."""
        found: list[Record] = []
        after = 0
        while True:
            page = self._world.call("faults.get", self.id, query={"after": after, "limit": _PAGE})
            found += [Record(each) for each in page["decisions"]]
            if page.get("next") is None:
                return found
            after = page["next"]

    def remove(self) -> None:
        """Disarm it; its decisions go with it."""
        self._world.change("faults.delete", self.id)


class Faults:
    """What goes wrong in a world on purpose."""

    def __init__(self, world: World) -> None:
        self._world = world

    def __iter__(self) -> Iterator[Fault]:
        return (Fault(self._world, each) for each in list(self._world.every("faults.list")))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        return f"Faults({list(self)})"

    def add(self, *patterns: Pattern, **keys: Any) -> Fault:
        """Arm a fault: which requests, when, and what happens to them.

        `world.faults.add(operation="chat.completions.create", first=1, status=503, retry_after=0)`

        :param patterns: of the requests, besides what the keys say.
        :param keys: as the control API's `faults` takes them.
        :raises Refused: a key is unknown, a value cannot be, or no request could ever match.
        """
        return Fault(self._world, self._world.change("faults.add", body=spec(patterns, keys)))

    def clear(self) -> None:
        """Disarm every fault."""
        self._world.change("faults.clear")

    # What happens to events on their way. Each takes the keys of `add` too: which requests, and when.

    def lost_ack(self, *patterns: Pattern, **keys: Any) -> Fault:
        """Take events in, and cut the connection before the sender is told."""
        return self._on_events(patterns, keys, lost_ack=True)

    def false_ack(self, *patterns: Pattern, **keys: Any) -> Fault:
        """Tell the sender that events were taken in, and keep nothing."""
        return self._on_events(patterns, keys, false_ack=True)

    def doubled(
        self,
        *patterns: Pattern,
        payload: Literal["same", "other"] = "same",
        key: Literal["same", "new"] = "same",
        **keys: Any,
    ) -> Fault:
        """Let events arrive twice.

        :param payload: of the second: the same, or another under the same idempotency key.
        :param key: idempotency key of the second: the same, or a new one.
        """
        if payload not in ("same", "other") or key not in ("same", "new"):
            raise ValueError("doubled() takes payload='same' or 'other', and key='same' or 'new'")
        if payload == "other" and key == "new":
            raise ValueError("with another payload and a new key it is no double, but another event")
        double = "other_payload" if payload == "other" else f"{key}_key"
        return self._on_events(patterns, keys, double=double)

    def late(self, by: Span, *patterns: Pattern, **keys: Any) -> Fault:
        """Let events arrive so much later than their sender believes."""
        return self._on_events(patterns, keys, late=by)

    def out_of_order(self, *patterns: Pattern, by: Span = "1m", **keys: Any) -> Fault:
        """Let each second event arrive so much later, so that those sent after it overtake it."""
        return self._on_events(patterns, keys, late=by, **({} if keys.keys() & _WHEN else {"every": 2}))

    def clock_skew(self, by: Span, *patterns: Pattern, **keys: Any) -> Fault:
        """Let the sender's clock be so far off, such as `-5m`."""
        return self._on_events(patterns, keys, clock_skew=by)

    def unit_mistake(self, factor: str | Decimal | int = "1000", *patterns: Pattern, **keys: Any) -> Fault:
        """Multiply every number in the events' data, as somebody does who takes one unit for another."""
        return self._on_events(patterns, keys, scale_values=str(factor))

    def credit_exhausted(
        self,
        *patterns: Pattern,
        nth: int | None = None,
        after_spend_usd: Usd | None = None,
        at: Instant | None = None,
        mid_stream: bool = False,
        topped_up_usd: Usd | None = None,
        topped_up_after: Span | None = None,
        **keys: Any,
    ) -> Fault:
        """Empty the prepaid balance once: before a call, which is then refused with 402, or while its stream is out.

        :param nth: before the so-manyth call.
        :param after_spend_usd: before the first call after so much was spent.
        :param at: before the first call at or after an instant.
        :param topped_up_usd: so much is granted again `topped_up_after` that, or at once.
        """
        said: dict[str, Any] = {"exhaust_credits": "mid_stream" if mid_stream else True}
        said["nth" if nth is not None else "first"] = nth or 1
        if after_spend_usd is not None:
            said["after_spend_usd"] = after_spend_usd
        if at is not None:
            said["between"] = [at, None]
        if topped_up_usd is not None:
            said["top_up_usd"] = topped_up_usd
        if topped_up_after is not None:
            said["top_up_after"] = topped_up_after
        if not patterns and not keys.keys() & _WHICH:
            said |= {"vendor": "pareta", "method": "POST"}
        return self.add(*patterns, **said | keys)

    def _on_events(self, patterns: tuple[Pattern, ...], keys: dict[str, Any], **effect: Any) -> Fault:
        return self.add(*patterns, **{"operation": _INGEST, **effect, **keys})


_WHEN = {"nth", "first", "every", "between", "rate", "after_spend_usd"}
_WHICH = {
    "vendor", "operation", "path", "method", "model", "endpoint", "key", "idempotency_key", "customer", "match",
}  # fmt: skip


def spec(patterns: Sequence[Pattern], keys: Mapping[str, Any]) -> dict[str, Any]:
    """Return keys as the control API takes them: patterns joined, dollars as text.

    :raises TypeError: what stands in the place of a pattern is none, or an amount is not exact.
    """
    body = dict(keys)
    parts = [*patterns, *([body.pop("match")] if isinstance(body.get("match"), Pattern) else [])]
    for part in parts:
        if not isinstance(part, Pattern):
            raise TypeError(f"{part!r} is no pattern; those are in mockserver.matchers, such as model('auto')")
    if parts:
        given = [body["match"]] if "match" in body else []
        body["match"] = (
            {"all": [*given, *(part.spec() for part in parts)]} if given else All(tuple(parts)).spec()
        )  # fmt: skip
    for name in body.keys() & {"after_spend_usd", "top_up_usd"}:
        body[name] = dollars(body[name])
    checked: dict[str, Any] = plain(body)
    return checked


# Answers


class Stub:
    """A stub of a world; its numbers are those of the moment they are asked for."""

    def __init__(self, world: World, data: Mapping[str, Any]) -> None:
        self._world = world
        self.id: str = data["id"]
        self.spec = {name: value for name, value in data.items() if name not in ("id", "given")}

    def __repr__(self) -> str:
        said = ", ".join(f"{name}={value!r}" for name, value in self.spec.items() if value is not None)
        return f"Stub({self.id}: {said})"

    @property
    def given(self) -> int:
        """How many answers it has given."""
        return int(self._world.call("stubs.get", self.id)["given"])

    def remove(self) -> None:
        """Take it away."""
        self._world.change("stubs.delete", self.id)


class Stubs:
    """Answers a test gives in place of generated ones; the newest that matches answers."""

    def __init__(self, world: World) -> None:
        self._world = world

    def __iter__(self) -> Iterator[Stub]:
        return (Stub(self._world, each) for each in list(self._world.every("stubs.list")))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        return f"Stubs({list(self)})"

    def add(self, *given: Pattern | str | Mapping[str, Any], **keys: Any) -> Stub:
        """Place a stub: which requests, and one answer or a sequence of them.

        `world.stubs.add(model("auto"), "First answer.", "Second answer.")`

        :param given: patterns of the requests, and answers in turn: texts, or objects as the operation's stubs take.
        :param keys: as the control API's `stubs` takes them.
        :raises Refused: a key is unknown, a value cannot be, or no request could ever match.
        """
        patterns = [each for each in given if isinstance(each, Pattern)]
        answers = [_answer(each) for each in given if not isinstance(each, Pattern)]
        if "answers" in keys:
            answers += [_answer(each) for each in keys["answers"]]
        body = spec(patterns, keys)
        if answers:
            body["answers"] = answers
        return Stub(self._world, self._world.change("stubs.add", body=body))

    def clear(self) -> None:
        """Take every stub away."""
        self._world.change("stubs.clear")


def _answer(given: Any) -> dict[str, Any]:
    if isinstance(given, str):
        return {"text": given}
    if not isinstance(given, Mapping):
        raise TypeError(f"{given!r} is no answer: give a text, or an object such as {{'json': ...}}")
    answer: dict[str, Any] = plain(given)
    return answer


# Change


class Drifts:
    """What changes in a world, with a labelled cause."""

    def __init__(self, world: World) -> None:
        self._world = world

    def __iter__(self) -> Iterator[Record]:
        return (Record(each) for each in list(self._world.every("drifts.list")))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        return f"Drifts({list(self)})"

    def add(self, kind: str, subject: str | None = None, *, endpoint: str | None = None, **keys: Any) -> Record:
        """Let something change from an instant on.

        :param subject: what it changes for, such as an endpoint's id, which may be named as `endpoint` too.
        :param keys: as the control API's `drifts` takes them.
        :raises Refused: a key is unknown, or a value cannot be.
        """
        if endpoint is not None:
            if subject is not None:
                raise TypeError("a drift has one subject: give subject or endpoint")
            subject = endpoint
        body = {"kind": kind, **({} if subject is None else {"subject": subject}), **keys}
        return Record(self._world.change("drifts.add", body=body))


# What it has seen


class Request(Record):
    """One request to a vendor, and what was decided about it."""

    def __repr__(self) -> str:
        cost = f", {self.cost_micro_usd} micro-USD" if self.cost_micro_usd else ""
        return f"<{self.seq}: {self.operation or f'{self.method} {self.path}'} -> {self.status}{cost}>"

    @property
    def at(self) -> datetime:
        """When it came, by the world's clock."""
        return moment(self._data["at"])

    @property
    def retry_after(self) -> float | str | None:
        """What the answer's `Retry-After` said: seconds, or the text of a date."""
        said: str | None = self._data["retry_after"]
        try:
            return None if said is None else float(said)
        except ValueError:
            return said

    @property
    def headers(self) -> dict[str, str]:
        """What came with it; credentials are redacted."""
        return dict(self._data["request"]["headers"])

    @property
    def body(self) -> str:
        """Its body, as far as it is kept."""
        return str(self._data["request"]["body"])

    @property
    def json(self) -> Any:
        """Its body as JSON data, `None` where it is none."""
        return _json(self.body)

    @property
    def response_body(self) -> str:
        """The answer's body, as far as it is kept."""
        return str(self._data["response"]["body"])

    @property
    def response_json(self) -> Any:
        """The answer's body as JSON data, `None` where it is none."""
        return _json(self.response_body)


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


class Requests(Sequence[Request]):
    """The requests a world has seen, oldest first, as of the moment they are looked at."""

    def __init__(self, world: World) -> None:
        self._world = world

    def __iter__(self) -> Iterator[Request]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())

    @overload
    def __getitem__(self, index: int) -> Request: ...
    @overload
    def __getitem__(self, index: slice) -> list[Request]: ...
    def __getitem__(self, index: int | slice) -> Request | list[Request]:
        return self._all()[index]

    def __repr__(self) -> str:
        return f"Requests({self._all()})"

    def of(self, operation: str) -> list[Request]:
        """Return those of an operation; the vendor may be left out, and `*` stands for any text."""
        return self._all(operation=operation)

    def _all(self, **query: Any) -> list[Request]:
        return [Request(each) for each in self._world.every("requests.list", **query)]


# Behaviour


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
