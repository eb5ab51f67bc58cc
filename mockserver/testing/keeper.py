"""Keeps the worlds of one test: makes them, holds them at the end to what must be, and removes them."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from mockserver.kernel.world import NOBODY
from mockserver.testing.assertions import dollars, told
from mockserver.testing.marker import Options, WrongOption, read
from mockserver.testing.wire import Refused
from mockserver.testing.world import World, scene

if TYPE_CHECKING:
    from mockserver.testing.cassette import Cassette, Stand
    from mockserver.testing.server import Server

__tracebackhide__ = True  # a test that is refused something is shown its own line, not ours

_MAX_NAME = 64
_MAX_LABEL = 20
_MAX_WORLDS = 100_000
_MAX_TWINS = 100
_CONFLICT = 409
_NOT_FOUND = 404
# What is asked of `requests.verify` to see whether a rule holds; what was not used up is one question.
_CHECKS = {"invariants": "invariants", "unmatched_requests": "unmatched"}
_FOREIGN = re.compile(r"[^A-Za-z0-9._]+")

Verdict = Mapping[str, Any]
"""What `requests.verify` answers."""

_NONE: Verdict = {"rows": ()}


def name_of(node: str, label: str = "", run: str = "") -> str:
    """Return the name of a test's world: what of the node id can be read, and a digest of all of it.

    :param label: tells the worlds of one test apart.
    :param run: tells runs apart that share a server.
    """
    digest = hashlib.sha256(f"{node}\0{label}\0{run}".encode()).hexdigest()[:8]
    tail = _readable(node.rpartition("::")[2]) or "test"
    end = "".join(f"-{part}" for part in (_readable(label)[:_MAX_LABEL], run, digest) if part)
    return tail[: _MAX_NAME - len(end)].rstrip("-.") + end


def _readable(text: str) -> str:
    return _FOREIGN.sub("-", text).strip("-.")


class Fork(NamedTuple):
    """A world that was copied from another.

    :param inherited: numbers of requests, and ids of faults and stubs, that it came with.
    """

    world: World
    source: World
    inherited: set[str | int]


class Keeper:
    """Keeps the worlds of one test.

    :param node: the test's node id.
    :param options: what its markers say.
    :param stand: tells where the test stands; asked for when one of its worlds has a cassette.
    """

    def __init__(self, server: Server, node: str, options: Options, stand: Callable[[], Stand] | None = None) -> None:
        self.options = options
        self._stand = stand
        self._server = server
        self._node = node
        self._worlds: dict[World, Options] = {}
        self._forks: list[Fork] = []
        self._labels: set[str] = set()
        self._lock = threading.Lock()

    @property
    def worlds(self) -> list[World]:
        """Every world there is, oldest first."""
        return list(self._worlds)

    # Making

    def main(self) -> World:
        """Return a world as the test's markers describe it.

        :raises WrongOption: it cannot be made so.
        """
        return self._make("", self.options)

    def make(self, name: str | None = None, **options: Any) -> World:
        """Return one more world.

        :param name: a word that tells it from the test's others; the world's own name is made of it.
        :param options: as the marker takes them; those that are not given are the marker's.
        :raises WrongOption: an option or its value cannot be, or the test has a world of that name.
        """
        for option in options.keys() & {"env", "block_network"}:
            raise WrongOption(f"{option} is about the whole test: say so in @pytest.mark.mockserver({option}=True)")
        return self._make(self._label(name), read([((), options)], self.options))

    def fork(self, world: World, name: str) -> World:
        """Return a copy of a world as it is now.

        :raises WrongOption: the test has a world of that name, or the world has a cassette.
        """
        world.refuse_with_cassette("forked")
        found = self._named(self._label(name), lambda free: world.call("worlds.fork", body={"name": free}))
        fork = self._keep(World(self._server, found, self), self._worlds[world])
        inherited = {each["id"] for kind in ("faults", "stubs") for each in fork.every(f"{kind}.list")}
        inherited |= {each["seq"] for each in fork.every("requests.list")}
        self._forks.append(Fork(fork, world, inherited))
        return fork

    def renew(self, world: World) -> None:
        """Put a world back to where it began."""
        self._server.wire.call("worlds.delete", world.name)
        _begin(self._server, world.name, self._worlds[world])
        if world.has_cassette:
            world.cassette.renew()
        _arm(world, self._worlds[world])

    def _label(self, name: str | None) -> str:
        with self._lock:
            if name is None:
                name = str(next(number for number in range(2, _MAX_WORLDS) if str(number) not in self._labels))
            if name in self._labels:
                raise WrongOption(f"this test has a world named '{name}' already")
            self._labels.add(name)
        return name

    def _make(self, label: str, options: Options) -> World:
        cassette = self._opened(label, options) if options.cassette else None
        name = self._named(label, lambda free: _begin(self._server, free, options))
        world = self._keep(World(self._server, name, self, cassette), options)
        if cassette is not None:
            cassette.insert(world)
        _arm(world, options)
        return world

    def _opened(self, label: str, options: Options) -> Cassette:
        from mockserver.testing.cassette import Stand, opened

        others = [world.cassette for world in self._worlds if world.has_cassette]
        stand = self._stand() if self._stand is not None else Stand(self._node)
        return opened(options, stand, self._server, label, others)

    def _keep(self, world: World, options: Options) -> World:
        with self._lock:
            self._worlds[world] = options
        return world

    def _named(self, label: str, make: Callable[[str], object]) -> str:
        """Make a world under the test's name for it, or the next that is free: a test may run beside itself."""
        for twin in range(_MAX_TWINS):
            name = name_of(self._node, label, self._server.run + (f".{twin}" if twin else ""))
            try:
                make(name)
            except Refused as refused:
                if refused.status == _CONFLICT:
                    continue
                raise WrongOption(str(refused)) from None
            return name
        raise WrongOption(f"{_MAX_TWINS} worlds of this test are in use already")

    # The end

    def write_cassettes(self) -> None:
        """Write what was recorded; where that cannot be, it is one of the violations."""
        for world in self._worlds:
            if world.has_cassette:
                world.cassette.write()

    def violations(self) -> str:
        """Return what the worlds do not keep to, as text; empty when all is well."""
        verdicts = {
            world: {verdict["check"]: verdict for verdict in self._broken(world, options)}
            for world, options in self._worlds.items()
        }
        for fork in reversed(self._forks):
            _share(verdicts[fork.world], verdicts[fork.source], fork.inherited)
        several = len(self._worlds) > 1
        found = [
            f"world {world.name}: {told(verdict)}" if several else told(verdict)
            for world, broken in verdicts.items()
            for verdict in broken.values()
        ]
        found += [
            f"world {world.name}: {broken}" if several else broken
            for world, options in self._worlds.items()
            if world.has_cassette
            for broken in world.cassette.violations(options.rules)
        ]
        found += [f"with a key that names no world, {told(verdict)}" for verdict in self._strays()]
        return "\n\n".join(found)

    def _broken(self, world: World, options: Options) -> Iterator[Verdict]:
        rules = options.rules
        if not rules or not (world.is_touched or world.call("requests.list", query={"limit": 1})["data"]):
            return  # nobody was here: whatever the template holds to, it does too
        checks = [check for rule, check in _CHECKS.items() if rule in rules]
        kinds = [kind for kind in ("fault", "stub") if f"unused_{kind}s" in rules]
        for check in [*checks, *(["unused"] if kinds else [])]:
            verdict: Verdict = world.call("requests.verify", body={"check": check})
            if check == "unused" and len(kinds) == 1:
                verdict = _only(kinds[0], verdict)
            if not verdict["holds"]:
                yield {**verdict, "check": check}

    def _strays(self) -> Iterator[Verdict]:
        since = self._server.strays_since()
        if since is not None and "unmatched_requests" in self.options.rules:
            body = {"check": "unmatched", "since": since}
            verdict: Verdict = self._server.wire.call("requests.verify", NOBODY, body=body)
            if not verdict["holds"]:
                yield verdict

    def remove(self) -> None:
        """Remove every world."""
        for world in self.worlds:
            if world.has_cassette:
                world.cassette.eject()
            try:
                world.wire.call("worlds.delete", world.name)
            except Refused as refused:
                if refused.status != _NOT_FOUND:
                    raise
            del self._worlds[world]


def _only(kind: str, verdict: Verdict) -> Verdict:
    """Return what a verdict about unused faults and stubs says of one of the two."""
    return _with_rows(verdict, [row for row in verdict["rows"] if str(row[0]).startswith(f"{kind}-")])


def _share(fork: dict[str, Verdict], source: dict[str, Verdict], inherited: set[str | int]) -> None:
    """Leave out of the verdicts about a fork and its source what is told of the other, or was put right there.

    What a fork came with is told of its source. A fault or stub that was used up in one of the two is no loss.
    """
    unused = {row[0] for row in fork.get("unused", _NONE)["rows"]}
    _keep_rows(source, "unused", lambda name: name not in inherited or name in unused)
    for check in ("unused", "unmatched"):
        _keep_rows(fork, check, lambda name: name not in inherited)


def _keep_rows(verdicts: dict[str, Verdict], check: str, is_kept: Callable[[Any], bool]) -> None:
    if check in verdicts:
        verdict = _with_rows(verdicts[check], [row for row in verdicts[check]["rows"] if is_kept(row[0])])
        verdicts[check] = verdict
        if verdict["holds"]:
            del verdicts[check]


def _with_rows(verdict: Verdict, rows: list[Any]) -> Verdict:
    """Return a verdict about what is left over with some of its rows."""
    if len(rows) == len(verdict["rows"]):
        return verdict
    counts = {kind: sum(str(row[0]).startswith(f"{kind}-") for row in rows) for kind in ("fault", "stub")}
    said = [f"one {kind}" if count == 1 else f"{count} {kind}s" for kind, count in counts.items() if count]
    message = f"{' and '.join(said)} not used up" if said else "requests were for no operation there is"
    return {**verdict, "holds": not rows, "rows": rows, "message": message}


# How a world begins

_PLAIN = Options().start


def _begin(server: Server, name: str, options: Options) -> None:
    """Make a world that starts as options say, but for its faults."""
    if options.start == _PLAIN:
        server.wire.call("worlds.create", body={"name": name})
    elif not _stands_still(options):
        _set_up(server, name, options)
    else:
        server.wire.call("worlds.fork", _prepared(server, options), body={"name": name})


def _stands_still(options: Options) -> bool:
    """Whether worlds that start so are alike whenever they are made, so that one of them can be kept to copy."""
    return options.at is not None and options.clock in (None, "frozen")


def _prepared(server: Server, options: Options) -> str:
    """Return the name of the session's world that starts so."""
    with server.lock:
        name = server.prepared.get(options.start)
        if name is None:
            name = name_of("prepared", repr(options.start), server.run)
            _set_up(server, name, options)
            server.prepared[options.start] = name
        return name


def _set_up(server: Server, name: str, options: Options) -> None:
    wire = server.wire
    body: dict[str, Any] = {"name": name}
    if options.seed is not None:
        body["seed"] = options.seed
    if options.switches is not None:
        body["switches"] = dict(options.switches)
    wire.call("worlds.create", body=body)
    try:
        if options.scenario is not None:
            wire.call("scenario.play", name, body=scene(options.scenario, options.seed))
        clock = _clock(options)
        if clock is not None:
            wire.call("clock.set", name, body=clock)
        if options.balance_usd is not None:
            wire.call("credits.set", name, body={"balance_usd": dollars("balance_usd", options.balance_usd)})
    except Refused:
        wire.call("worlds.delete", name)
        raise


def _clock(options: Options) -> dict[str, Any] | None:
    if options.at is None and options.clock is None:
        return None
    body: dict[str, Any] = {"mode": "frozen"}
    if options.clock not in (None, "frozen"):
        from mockserver.config import parse_clock

        mode, rate = parse_clock(str(options.clock))
        body = {"mode": mode} if mode == "real" else {"mode": mode, "rate": rate}
    return body if options.at is None else {**body, "now": options.at}


def _arm(world: World, options: Options) -> None:
    faults = [options.faults] if isinstance(options.faults, Mapping) else options.faults
    for fault in faults:
        try:
            world.faults.add(**fault)
        except (Refused, TypeError) as error:
            raise WrongOption(f"faults={[dict(fault)]!r}: {error}") from None
