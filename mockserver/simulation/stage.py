"""Plays scenarios in worlds as they are: the start state, then history at full speed, then what the clock brings."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from mockserver import resources
from mockserver.http.gateway import Gateway
from mockserver.http.messages import Reply, Request
from mockserver.kernel.clock import monotonic_s
from mockserver.kernel.errors import Conflict, InvalidRequest, Problem, Unusable
from mockserver.kernel.matching import member
from mockserver.kernel.money import MicroUsd, micro_usd
from mockserver.kernel.windows import LATEST, MINUTE, format_instant
from mockserver.kernel.world import World, Worlds
from mockserver.simulation import plays
from mockserver.simulation.plays import GO_ON, State, Traffic, migrations
from mockserver.vendors.intake import Newcomer
from mockserver.vendors.vendor import Vendor

if TYPE_CHECKING:
    from mockserver.simulation.parts import RequestPart
    from mockserver.simulation.planning import Plan
    from mockserver.simulation.player import Player
    from mockserver.simulation.script import Script

__all__ = ["Stage", "migrations"]

_PLANTED = ("missing", "doubled", "wrong_amount", "unknown")


class Stage:
    """Where scenarios are played; all but `backfill` must stand inside one unit of work.

    :param gateway: takes the requests that scenarios send in a world's own name.
    """

    def __init__(self, worlds: Worlds, vendors: Sequence[Vendor], gateway: Gateway | None = None) -> None:
        self._worlds = worlds
        self._vendors = tuple(vendors)
        purses = {vendor.name: vendor.account for vendor in vendors if vendor.account is not None}
        self._gateway = gateway or Gateway(worlds, [vendor.api for vendor in vendors], purses)
        self._made: Player | None = None
        worlds.actions = {**worlds.actions, GO_ON: self._go_on}

    @property
    def _player(self) -> Player:
        if self._made is None:
            from mockserver.simulation.player import Player  # YAML and models are slow to import

            self._made = Player(self._vendors, self._send)
        return self._made

    def _go_on(self, world: World, subject: str) -> bool:
        return self._player.go_on(world, subject)

    def take_up(self) -> None:
        """Let the clocks of worlds that play go on from where they stopped: no time passed while nobody served."""
        with self._worlds.store.committed():
            for name in plays.going_on(self._worlds.store):
                world = self._worlds.get(name)
                last = plays.last_play(world)
                if last is None or last[1] is None:
                    continue
                stopped_at = max(last[1].position, world.journal.latest or 0)
                clock = world.clock.state
                if world.clock.now() > stopped_at:
                    self._worlds.set_clock(world, clock.mode, stopped_at, clock.rate)

    # Playing

    def play(
        self, world: World, name: str, text: str | None, seed: int | None, history_us: int | None = None
    ) -> dict[str, Any]:
        """Bring a world to a scenario's start state: seed, clock, balance, requests. What has happened in it stays.

        One with traffic also brings its customers, drifts and faults; its history is left to `backfill`. The same one
        again changes nothing: what is still to come of its history is gone on with.

        :param name: of a shipped scenario, or what to call the one in `text`.
        :param text: a scenario's file.
        :param seed: in place of the scenario's.
        :param history_us: how much of it is there at once, in place of what the scenario says.
        :raises InvalidRequest: there is no such scenario, or it cannot be played; nothing is written.
        :raises Conflict: the world has seen too much already.
        """
        from mockserver.simulation.script import FaultyScript

        try:
            self.start(world, name, _shipped(name) if text is None else text, seed, history_us)
        except FaultyScript as faulty:
            problems = [Problem(("body", "text"), line, "invalid_format") for line in faulty.lines]
            raise InvalidRequest(*problems) from None
        return self.playing(world)

    def start(self, world: World, name: str, text: str, seed: int | None = None, history_us: int | None = None) -> None:
        """Do what `play` does, with a scenario's text.

        :raises FaultyScript: it cannot be played; every fault is named with its line, and nothing is written.
        :raises Conflict: the world has seen too much already.
        """
        from mockserver.simulation.planning import read

        planned = read(text, name, self._vendors, history_us)
        script = planned.script
        seed = script.seed if seed is None else seed
        if self._is_played(world, text, seed):
            return
        if _goes_on(planned):
            self._refuse(world, planned)
        try:
            with world.store.atomic():
                self._begin(world, planned, text, seed)
        except BaseException:
            self._worlds.recall(world)
            raise

    def _is_played(self, world: World, text: str, seed: int) -> bool:
        """Whether this very scenario is being played already, and goes on after its start."""
        last = plays.last_play(world)
        if last is None:
            return False
        play, traffic = last
        return traffic is not None and (play.text, play.seed) == (text, seed)

    def _refuse(self, world: World, planned: Plan) -> None:
        """Guard the order of time.

        :raises Conflict: something has happened in the world later than the scenario begins, or one is played in it.
        """
        if plays.goes_on(world):
            raise Conflict(f"a scenario that goes on was played in world '{world.name}' already: reset it first")
        assert planned.starts_at is not None
        seen = [world.journal.latest]
        seen += [vendor.serving.latest(world) for vendor in self._vendors if vendor.serving is not None]
        seen += [vendor.intake.latest(world) for vendor in self._vendors if vendor.intake is not None]
        latest = max((at for at in seen if at is not None), default=planned.starts_at)
        if latest > planned.starts_at:
            raise Conflict(
                f"world '{world.name}' has seen {format_instant(latest)}, and the scenario begins at"
                f" {format_instant(planned.starts_at)}: reset it first, or play it in a new world"
            )

    def _begin(self, world: World, planned: Plan, text: str, seed: int) -> None:
        script = planned.script
        beginning = script.beginning
        self._worlds.reseed(world, seed)
        if _goes_on(planned):
            self._worlds.set_clock(world, "frozen", planned.starts_at, 1.0)
        else:
            self._worlds.set_clock(world, beginning.clock_mode, beginning.clock_at, beginning.clock_rate)
        if script.start.balance_usd is not None:
            set_balance(world, self._vendors, micro_usd(script.start.balance_usd), script.name)
        for number, part in enumerate(script.start.requests):
            self._request(world, part, script, number)
        if script.traffic is not None or planned.drifts:
            from mockserver.simulation.planning import refuse, unmet

            refuse(script, unmet(planned, world, self._vendors))
        for drift in planned.drifts:
            world.drifts.add(world.count("drifts"), drift)
        spent = sum(vendor.account.spent(world) for vendor in self._vendors if vendor.account is not None)
        for fault in planned.faults:
            # That none of a test's own requests met it is no finding.
            world.faults.add(world.count("faults"), replace(fault, is_optional=True), spent)
        traffic = self._enrolled(world, planned, text, seed) if _goes_on(planned) else None
        plays.add_play(world, script.name, script.purpose, script.expect, text, traffic)
        last = plays.last_play(world)
        assert last is not None
        if traffic is not None:
            from mockserver.simulation.player import first_cues

            plays.add_cues(world, first_cues(planned))
            world.schedule.add(traffic.started_at, GO_ON, str(last[0].seq), is_last=True)
            if traffic.state.is_filled:
                self._worlds.set_clock(world, beginning.clock_mode, traffic.started_at, beginning.clock_rate)

    def _enrolled(self, world: World, planned: Plan, text: str, seed: int) -> Traffic:
        script = planned.script
        customers: tuple[str, ...] = ()
        usage = self._player.cast(text, script.name, seed).usage
        if usage is not None:
            customers = tuple(customer.external_id for customer in usage.customers)
            for vendor in self._vendors:
                if vendor.intake is not None:
                    newcomers = [Newcomer(each.name, each.email, each.external_id) for each in usage.customers]
                    customers = tuple(vendor.intake.enrol(world, newcomers))
                    break
        start, until = planned.starts_at, planned.history_until
        assert start is not None
        assert until is not None
        return Traffic(start, planned.ends_at, until, start - 1, customers, State(is_filled=until <= start))

    def begin(self, path: Path) -> None:
        """Let worlds made from now on start as a scenario says; existing ones stay as they are.

        Beginning twice on one database changes nothing. Of a scenario that goes on only the balance is for all worlds:
        the rest is for those in which it is played.

        :raises Unusable: it cannot be played.
        """
        from mockserver.simulation.planning import read
        from mockserver.simulation.script import text_of

        text = text_of(path)
        planned = read(text, str(path), self._vendors)
        script, template = planned.script, self._worlds.nobody
        last = plays.last_play(template)
        at = script.beginning.clock_at
        # The template's clock may be running, and fast: no scenario would begin before its own balance came.
        with self._worlds.store.committed(), nullcontext() if at is None else template.clock.pinned(at):
            if script.start.balance_usd is not None:
                set_balance(template, self._vendors, micro_usd(script.start.balance_usd), script.name)
            if _goes_on(planned) or not script.start.requests or (last is not None and last[0].name == script.name):
                return
            for number, part in enumerate(script.start.requests):
                self._request(template, part, script, number)
            plays.add_play(template, script.name, script.purpose, script.expect, text, None)

    # Going on

    def backfill(self, world: World, slice_s: float | None = None) -> Iterator[dict[str, Any]]:
        """Play the history that is still to come, and yield what `playing` returns after each piece.

        Each piece is a committed unit of work of its own: others are served meanwhile. What comes of it follows from no
        length of pieces.

        :param slice_s: about how long a piece may keep others waiting; as long as it likes, if absent.
        :raises Conflict: the world was deleted, reset or restored meanwhile.
        """
        step = None if slice_s is None else MINUTE
        while True:
            began = monotonic_s()
            with self._worlds.store.committed():
                if world.is_gone:
                    raise Conflict(f"world '{world.name}' was deleted, reset or restored while its history was played")
                last = plays.last_play(world)
                traffic = None if last is None else last[1]
                if last is None or traffic is None or traffic.state.is_filled:
                    return
                try:
                    with world.store.atomic():
                        self._play_piece(world, last[0].seq, traffic, step)
                except BaseException:
                    self._worlds.recall(world)
                    raise
                told = self.playing(world)
            if slice_s is not None and step is not None:
                took = monotonic_s() - began
                step = max(1, step // 2) if took > slice_s else step * 2 if took < slice_s / 3 else step
            yield told

    def _play_piece(self, world: World, seq: int, traffic: Traffic, step: int | None) -> None:
        """Play a piece of history.

        :param step: no more of the world's time than that, from the next instant on at which anything happens.
        """
        until, following = traffic.history_until, world.schedule.next_at()
        if step is not None and following is not None:
            until = min(until, following + step)
        if not self._worlds.move_towards(world, until) or until < traffic.history_until:
            return
        play, traffic = plays.play_numbered(world, seq)
        if traffic.ends_at is not None and traffic.history_until >= traffic.ends_at and not traffic.state.is_over:
            # The last reports are still on their way: they belong to it.
            following = plays.next_cue(world)
            assert following is not None
            traffic.history_until = following - following % MINUTE + MINUTE
            plays.keep(world, seq, traffic)
            return
        traffic.state.is_filled = True
        plays.keep(world, seq, traffic)
        script = self._player.cast(play.text, play.name, play.seed).script
        beginning = script.beginning
        self._worlds.set_clock(world, beginning.clock_mode, None, beginning.clock_rate)

    def playing(self, world: World) -> dict[str, Any]:
        """Return which scenario was played in a world last, if any, and how far it is."""
        play, traffic = plays.last_play(world) or (None, None)
        told: dict[str, Any] = {
            "name": None, "purpose": None, "expect": None, "seed": world.draws.seed, "played_at": None,
            "starts_at": None, "ends_at": None, "history_ends_at": None, "position": None,
        }  # fmt: skip
        if play is not None:
            told |= {"name": play.name, "purpose": play.purpose, "expect": play.expect}
            told["played_at"] = format_instant(play.at)
        state = State(is_filled=True, is_over=True)
        if traffic is not None:
            state = traffic.state
            told["starts_at"] = format_instant(traffic.started_at)
            told["ends_at"] = None if traffic.ends_at is None else format_instant(traffic.ends_at)
            told["history_ends_at"] = format_instant(traffic.history_until)
            told["position"] = format_instant(max(traffic.position, traffic.started_at))
        return {
            **told, "is_filled": state.is_filled, "is_paused": state.paused is not None, "is_over": state.is_over,
            "tallies": dict(sorted(state.tallies.items())),
            "planted": {kind: state.planted.get(kind, 0) for kind in _PLANTED},
        }  # fmt: skip

    # By hand

    def pause(self, world: World) -> dict[str, Any]:
        """Stop the clock of a world that plays; return what `playing` does.

        :raises Conflict: nothing is played in it, or it has stopped already.
        """
        seq, traffic = self._traffic(world)
        if traffic.state.paused is not None:
            raise Conflict(f"world '{world.name}' is paused already")
        clock = world.clock.state
        traffic.state.paused = (clock.mode, clock.rate)
        self._worlds.set_clock(world, "frozen", None, 1.0)
        plays.keep(world, seq, traffic)
        return self.playing(world)

    def resume(self, world: World) -> dict[str, Any]:
        """Let the clock go on as it did before `pause`.

        :raises Conflict: it has not been stopped.
        """
        seq, traffic = self._traffic(world)
        if traffic.state.paused is None:
            raise Conflict(f"world '{world.name}' is not paused")
        mode, rate = traffic.state.paused
        traffic.state.paused = None
        self._worlds.set_clock(world, mode, None, rate)
        plays.keep(world, seq, traffic)
        return self.playing(world)

    def step(self, world: World, by_us: int | None) -> dict[str, Any]:
        """Move the clock of a world that is paused: by so much, or to the next instant at which anything happens.

        :raises Conflict: it is not paused, or nothing is to happen any more.
        :raises InvalidRequest: there are no years that far off.
        """
        _, traffic = self._traffic(world)
        if traffic.state.paused is None:
            raise Conflict(f"world '{world.name}' is not paused")
        if by_us is not None:
            if world.clock.now() + by_us > LATEST:
                raise InvalidRequest(Problem(("body", "by"), "leads past the year 9999", "out_of_range"))
            self._worlds.advance(world, by_us)
            return self.playing(world)
        before = traffic.state.tallies
        while before == self._traffic(world)[1].state.tallies:
            following = world.schedule.next_at()
            if following is None or self._traffic(world)[1].state.is_over:
                raise Conflict(f"nothing is to happen in world '{world.name}' any more")
            self._worlds.move_to(world, following)
        return self.playing(world)

    def _traffic(self, world: World) -> tuple[int, Traffic]:
        last = plays.last_play(world)
        if last is None or last[1] is None:
            raise Conflict(f"no scenario that goes on is played in world '{world.name}'")
        if not last[1].state.is_filled:
            raise Conflict(f"the history of the scenario in world '{world.name}' is still being played")
        return last[0].seq, last[1]

    # Requests

    def _request(self, world: World, part: RequestPart, script: Script, number: int) -> None:
        """Send a request that must succeed, and those that follow it.

        :raises FaultyScript: one of them does not.
        """
        from mockserver.simulation.planning import Finding, refuse

        for sent, reply in self._sent(world, part, f"scenario {script.name}", None):
            if reply.status >= 400 or reply.fate != "sent":
                said = " ".join(reply.body.decode("utf-8", "replace")[:500].split())
                message = f"{sent} must succeed, and was answered with {reply.status}: {said}"
                refuse(script, [Finding(("start", "requests", number), message)])

    def _send(self, world: World, part: RequestPart, client: str) -> bool:
        """Send a request, and those that follow it; return whether all succeeded."""
        return all(reply.status < 400 and reply.fate == "sent" for _, reply in self._sent(world, part, client, None))

    def _sent(self, world: World, part: RequestPart, client: str, before: Any) -> Iterator[tuple[str, Reply]]:
        """Send a request, and yield it with its answer; then those that follow it, unless it failed."""
        method, target = part.request.split(" ", 1)
        path, _, query = _filled_path(target, before).partition("?")
        headers = {b"user-agent": client.encode(), b"authorization": self._key(world, path)}
        body = b""
        if part.body is not None:
            headers[b"content-type"] = b"application/json"
            body = json.dumps(_filled(part.body, before), ensure_ascii=False).encode()
        reply = self._gateway.handle(Request(method, path, query.encode(), headers, body), world)
        if reply.pieces is not None:
            reply.body = b"".join(reply.pieces)
        yield f"{method} {path}", reply
        if reply.status >= 400 or reply.fate != "sent":
            return
        try:
            answered = json.loads(reply.body) if part.then else None
        except ValueError:
            answered = None
        for following in part.then:
            yield from self._sent(world, following, client, answered)

    def _key(self, world: World, path: str) -> bytes:
        """Return what a client of this world shows a vendor."""
        api = self._gateway.router.owner(path)
        if api is None:
            return b""
        name = "default" if world is self._worlds.nobody else world.name
        return f"Bearer {api.key_prefix}{'' if api.bare_keys else 'test_'}{name}".encode()


def _goes_on(planned: Plan) -> bool:
    """Whether anything of a scenario happens after its start."""
    return planned.script.traffic is not None or bool(planned.steps or planned.top_ups)


def set_balance(world: World, vendors: Sequence[Vendor], wanted: int, name: str) -> None:
    """Bring a prepaid balance to an amount, by an entry in its ledger."""
    for vendor in vendors:
        if vendor.account is None:
            continue
        missing = wanted - vendor.account.balance(world)
        if missing:
            vendor.account.grant(world, MicroUsd(missing), f"scenario {name}")


def _filled(value: Any, answered: Any) -> Any:
    """Return JSON data in which a text that is all `{...}` is what it names of an answer."""
    if answered is None:
        return value
    if isinstance(value, dict):
        return {name: _filled(each, answered) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_filled(each, answered) for each in value]
    if isinstance(value, str) and value.startswith("{") and value.endswith("}"):
        return member(answered, value[1:-1])
    return value


def _filled_path(path: str, answered: Any) -> str:
    """Return a path in which each `{...}` is what it names of an answer."""
    if answered is None or "{" not in path:
        return path
    pieces = []
    for piece in path.split("{"):
        name, end, rest = piece.partition("}")
        pieces.append(quote(str(member(answered, name)), safe="") + rest if end else piece)
    return "".join(pieces)


def _shipped(name: str) -> str:
    """Return the text of a shipped scenario; nobody else's files are read in somebody's name.

    :raises InvalidRequest: there is none of that name.
    """
    names = resources.scenario_names()
    if name not in names:
        raise InvalidRequest(
            Problem(("body", "name"), f"no scenario '{name}'; there are: {', '.join(names)}", "invalid_enum")
        )
    try:
        return resources.scenario(name).read_text(encoding="utf-8")
    except OSError as error:
        raise Unusable(f"cannot read scenario {name}: {error}") from None
