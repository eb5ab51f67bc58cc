"""Plays a scenario's traffic: everything that happens up to an instant, in order, however time is cut into pieces.

What happens is a call, an attempt to send a report, its arrival, a top-up, an invoice run, or a step. Conversations
begin when the script and the seed say so; whatever else is to happen follows from what happened before, and lies in
rows (`plays.Cue`) between two runs.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from functools import lru_cache
from heapq import heappop, heappush
from itertools import count
from typing import Any, NamedTuple

from mockserver.http.faulting import dump_exactly, read_exactly
from mockserver.kernel.drifts import Labelled
from mockserver.kernel.garbage import uncollected
from mockserver.kernel.ids import Draws
from mockserver.kernel.money import micro_usd
from mockserver.kernel.windows import HOUR, floor_to
from mockserver.kernel.world import World
from mockserver.simulation import plays
from mockserver.simulation.clients import idempotency_key, retry_at, stops_until
from mockserver.simulation.integrator import Answered, Integrator, Report, answer
from mockserver.simulation.mishaps import Contracts, Mishap, Target, edited
from mockserver.simulation.parts import LawPart, RequestPart
from mockserver.simulation.planning import Plan, plan
from mockserver.simulation.plays import Cue, Play, Traffic
from mockserver.simulation.revenue import invoices
from mockserver.simulation.script import parse
from mockserver.simulation.usage import Ask, Usage
from mockserver.vendors.intake import Intake, Sent
from mockserver.vendors.serving import Chances, Order, Pace, Served, Serving, Till
from mockserver.vendors.vendor import Vendor

PIECE_CALLS = 10_000
"""After so many calls a run comes to its end, and the rest is left to the next."""

AWAITED_CALLS = 500
"""After so many, when a request waits for it."""

MAX_ARRIVALS = 20_000
"""So many events are handed over at once, at most."""

# In this order things happen at one instant; those of conversations have the conversation's number as their key.
TOP_UP_KEY, REVENUE_KEY, STEP_KEY = -3, -2, -1
CALL, REPORT, ARRIVAL, TOP_UP, REVENUE, STEP = range(6)

_PLANNED, _ORDERED = 0, 1
"""Turns of top-ups."""

_PER_REPORT = 1 << 12
"""Numbers that the arrivals of one report may have."""

_Z_OF_P99 = 2.3263478740408408

Send = Callable[[World, RequestPart, str], bool]
"""Sends a request in a world's own name, and those that follow it; returns whether all succeeded."""


class Cast:
    """What follows from a script and a seed alone: a cache, and nothing else."""

    def __init__(self, text: str, name: str, seed: int, vendors: Sequence[Vendor]) -> None:
        self.plan: Plan = plan(parse(text, name), vendors, 0)  # how much of it is history was said when it was played
        script = self.script = self.plan.script
        self.draws = Draws(seed)
        self.usage = None if script.traffic is None else Usage(script, self.draws, self.plan.drifts)
        self.uses = () if script.traffic is None else script.traffic.uses
        self.paces = [_pace(use.latency_ms) for use in self.uses]
        self.names = [] if self.usage is None else [customer.external_id for customer in self.usage.customers]
        self._cell: tuple[int, list[Ask]] = (-1, [])
        self._integrator: tuple[tuple[Labelled, ...], Contracts, Integrator] | None = None

    def openings(self, hour: int) -> list[Ask]:
        """Return the first calls of the conversations that begin in an hour."""
        if self._cell[0] != hour:
            self._cell = (hour, [] if self.usage is None else self.usage.openings(hour))
        return self._cell[1]

    def reporting(self, drifts: tuple[Labelled, ...]) -> tuple[Contracts, Integrator]:
        """Return what drifts about answers and reports, and who reports."""
        known = self._integrator
        if known is None or known[0] != drifts:
            contracts = Contracts([each.drift for each in drifts], self.draws)
            known = self._integrator = (drifts, contracts, Integrator(self.script, contracts))
        return known[1:]


def _pace(law: LawPart | None) -> Pace | None:
    if law is None:
        return None
    return Pace(round(law.median * 1000), math.log(law.p99 / law.median) / _Z_OF_P99)


class Player:
    """Plays the traffic of worlds.

    :param send: sends a scenario's steps.
    """

    def __init__(self, vendors: Sequence[Vendor], send: Send) -> None:
        self._vendors = tuple(vendors)
        self._send = send
        self.cast = lru_cache(maxsize=8)(self._cast)

    def _cast(self, text: str, name: str, seed: int) -> Cast:
        return Cast(text, name, seed, self._vendors)

    def go_on(self, world: World, subject: str) -> bool:
        """Play what happens up to the schedule's horizon, and be due again when anything happens next.

        :param subject: the play's number.
        """
        play, traffic = plays.play_numbered(world, int(subject))
        cast = self.cast(play.text, play.name, play.seed)
        run = Run(world, play, traffic, cast, self._vendors, self._send)
        with uncollected():
            following = run.go(world.schedule.horizon)
        if following is None:
            traffic.state.is_over = True
        else:
            world.schedule.add(following, plays.GO_ON, subject, is_last=True)
        plays.keep(world, play.seq, traffic)
        return run.was_much


def first_cues(plan: Plan) -> list[Cue]:
    """Return what is to happen although nothing happened before."""
    cues: list[Cue] = []
    for n, top_up in enumerate(plan.top_ups):
        cues.append((top_up.at, TOP_UP_KEY, _PLANNED, TOP_UP, n, top_up.amount))
    for step in plan.steps:
        cues.append((step.at, STEP_KEY, step.number, STEP, 0, None))
    revenue = plan.script.revenue
    if revenue is not None and plan.starts_at is not None:
        end = plan.starts_at + revenue.every
        if plan.ends_at is not None:
            end = min(end, plan.ends_at)
        cues.append((end, REVENUE_KEY, 0, REVENUE, 0, plan.starts_at))
    return cues


class Given(NamedTuple):
    """An answer, and when it was asked for."""

    served: Served
    asked_at: int


class _Counter:
    """Where calls go."""

    def __init__(self, serving: Serving, vendor: Vendor) -> None:
        self.serving = serving
        self.target = Target(vendor, serving.operation)


class _Door:
    """Where reports go."""

    def __init__(self, intake: Intake, vendor: Vendor) -> None:
        self.intake = intake
        self.target = Target(vendor, intake.operation)


class Run:
    """One go at a play: from where it is to a horizon, or to where it is enough for once."""

    def __init__(
        self, world: World, play: Play, traffic: Traffic, cast: Cast, vendors: Sequence[Vendor], send: Send
    ) -> None:
        self._world = world
        self._play = play
        self._traffic = traffic
        self._state = traffic.state
        self._cast = cast
        self._script = cast.script
        self._send = send
        self._counter = next((_Counter(v.serving, v) for v in vendors if v.serving is not None), None)
        self._door = next((_Door(v.intake, v) for v in vendors if v.intake is not None), None)
        self._account = next((vendor.account for vendor in vendors if vendor.account is not None), None)
        self._billing = next((v.billing for v in vendors if v.billing is not None), None)
        self._contracts, self._integrator = cast.reporting(world.drifts.all)
        auto = self._script.wallet.auto
        self._auto = None if auto is None else (micro_usd(auto.below_usd), micro_usd(auto.usd), auto.after)
        self._wants_counts = self._script.revenue is not None
        self._is_heard: dict[str, bool] = {}
        self._heap: list[Cue] = []
        self._till: Till | None = None
        self._arrivals: list[tuple[int, Sent]] = []
        self._spent: int | None = None
        self._unwritten = 0
        self._tallies: Counter[str] = Counter()
        self._limit = 0
        self._done = 0
        self._enough = min(AWAITED_CALLS, PIECE_CALLS) if world.schedule.is_awaited else PIECE_CALLS
        self.was_much = False

    # Going on

    def go(self, limit: int) -> int | None:
        """Play what happens up to an instant; return when anything happens next, `None` when nothing ever does.

        When it was enough, that is left to be played next.
        """
        self._limit = limit
        traffic, world = self._traffic, self._world
        heap = self._heap = [_revived(cue) for cue in plays.take_cues(world, limit)]  # in order, so a heap
        happen = (self._call_again, self._report, self._arrive, self._top_up, self._invoice, self._step)
        hour = floor_to(max(traffic.position + 1, traffic.started_at), HOUR)
        cell, place = self._cell(hour), 0
        while place < len(cell) and cell[place].at <= traffic.position:
            place += 1
        at = traffic.position
        while True:
            while place == len(cell) and self._goes_on_after(hour) and hour + HOUR <= self._limit:
                hour += HOUR
                cell, place = self._cell(hour), 0
            ask = cell[place] if place < len(cell) else None
            cue = heap[0] if heap else None
            if ask is not None and (
                cue is None or ask[0] < cue[0] or (ask[0] == cue[0] and ask[1] < cue[1])  # at, key
            ):
                following, cue = ask[0], None
            elif cue is not None:
                following = cue[0]
            else:
                break
            if following > self._limit:
                break
            if self._done >= self._enough and following > at:  # all that happens at one instant is played in one piece
                self.was_much = True
                break
            at = following
            if cue is None:
                assert ask is not None
                place += 1
                self._call(ask, 0)
            else:
                heappop(heap)
                happen[cue[3]](cue)
        self._flush()
        tallies = self._state.tallies
        for what, times in self._tallies.items():
            tallies[what] = tallies.get(what, 0) + times
        traffic.position = at if self.was_much else max(traffic.position, self._limit)
        plays.add_cues(world, map(_laid_down, heap))
        nexts = (plays.next_cue(world), self._next_opening(cell, place, hour))
        return min((each for each in nexts if each is not None), default=None)

    def _cell(self, hour: int) -> list[Ask]:
        ends_at = self._traffic.ends_at
        return [] if ends_at is not None and hour >= ends_at else self._cast.openings(hour)

    def _goes_on_after(self, hour: int) -> bool:
        ends_at = self._traffic.ends_at
        return self._cast.usage is not None and (ends_at is None or hour + HOUR < ends_at)

    def _next_opening(self, cell: Sequence[Ask], place: int, hour: int) -> int | None:
        if place < len(cell):
            return cell[place].at
        return hour + HOUR if self._goes_on_after(hour) else None

    def _plant(self, kinds: Sequence[str]) -> None:
        for kind in kinds:
            self._state.planted[kind] = self._state.planted.get(kind, 0) + 1

    def _flush(self) -> None:
        """Write all that was served, and hand over all that arrived."""
        if self._till is not None:
            self._till.close()
            self._till = None
            self._spent = None
            self._unwritten = 0
        if self._arrivals:
            assert self._door is not None
            self._tallies["recorded"] += self._door.intake.take(self._world, self._arrivals)
            self._arrivals = []

    def _sum_spent(self) -> int:
        """Return what was debited so far."""
        if self._spent is None:
            assert self._account is not None
            self._spent = self._account.spent(self._world)
        return self._spent + self._unwritten

    # Calls

    def _call_again(self, cue: Cue) -> None:
        ask, unheard = cue[5]
        self._call(ask, cue[4], unheard)

    def _call(self, ask: Ask, attempt: int, unheard: Given | None = None) -> None:
        """Make a call that somebody wants to make.

        :param unheard: what an earlier attempt under the same key was answered, although nobody heard it.
        """
        customer = ask.customer
        stopped = self._state.stopped
        if stopped:
            until = stopped.get(str(customer))
            if until is not None:
                if ask.at < until:
                    self._tallies["held_back"] += 1
                    self._give_up(unheard)
                    return
                del stopped[str(customer)]
        self._done += 1
        self._tallies["calls"] += 1
        if attempt:
            self._tallies["retried"] += 1
        world, use, counter = self._world, self._cast.uses[ask.use], self._counter
        assert counter is not None
        key = idempotency_key(self._script.client, ask.key, ask.turn, attempt)
        mishap: Mishap | None = None
        if world.faults.armed:
            facts = counter.target.call(use.endpoint, self._cast.names[customer], key)
            mishap = counter.target.struck(world, facts, ask.at, self._sum_spent)
        if mishap is not None and (mishap.status is not None or mishap.is_severed):
            self._failed(ask, attempt, ask.at + mishap.wait_us, mishap.status, unheard)
            return
        is_kept, delay_us, wait_us = True, 0, 0
        if mishap is not None:
            is_kept, delay_us, wait_us = not mishap.is_undone, mishap.delay_us, mishap.wait_us
        if unheard is not None:
            # The answer is given again, at once and for nothing, whatever else may be undone.
            self._tallies["replayed"] += 1
            at = ask.at + wait_us
            if mishap is not None and mishap.is_lost:
                self._failed(ask, attempt, at, None, unheard)
            else:
                self._answered(ask, unheard, at, mishap, is_kept=True)
            return
        till = self._till
        if till is None:
            till = self._till = counter.serving.open(world)
        served = till.serve(
            Order(
                ask.at, use.endpoint, ask.prompt_tokens, ask.completion_tokens, ask.chances, key,
                self._cast.paces[ask.use],
            ),
            is_kept=is_kept, delay_us=delay_us,
        )  # fmt: skip
        if delay_us:
            # It shows before other things happen.
            self._limit = min(self._limit, max(ask.at, ask.at + delay_us - 1))
        if self._auto is not None:
            self._top_up_soon(till, ask.at)
        at = ask.at + served.latency_us + wait_us
        is_lost = mishap is not None and mishap.is_lost
        if served.status != 200:
            self._failed(ask, attempt, at, None if is_lost else served.status)
            return
        cost = served.cost_micro_usd
        if is_kept:
            self._tallies["debited_micro_usd"] += cost
            if not delay_us:
                self._unwritten += cost
        given = Given(served, ask.at)
        if is_lost:
            self._failed(ask, attempt, at, None, given if is_kept else None)
        else:
            self._answered(ask, given, at, mishap, is_kept=is_kept)

    def _answered(self, ask: Ask, given: Given, at: int, mishap: Mishap | None, *, is_kept: bool) -> None:
        """Let a client do what it does with an answer: report it, and go on with the conversation.

        :param at: when it came.
        """
        served, asked_at = given
        customer, use, counter = ask.customer, self._cast.uses[ask.use], self._counter
        assert counter is not None
        self._tallies["answered"] += 1
        if self._wants_counts:
            counts = self._state.answered
            counts[str(customer)] = counts.get(str(customer), 0) + 1
        assert served.id is not None
        told = ask
        if served.prompt_tokens != ask.prompt_tokens:
            told = ask._replace(prompt_tokens=served.prompt_tokens)
        seen = answer(served.id, served.model, told.prompt_tokens, told.completion_tokens, asked_at)
        if self._contracts or (mishap is not None and mishap.edits):
            edits = list(mishap.edits) if mishap is not None else []
            edits = self._contracts.of_answer(counter.target.operation, ask.at, ask.key, ask.turn) + edits
            seen = edited(seen, edits) if edits else seen
        call = Answered(
            told, at, served.id, seen, use.endpoint, self._cast.names[customer], self._traffic.customers[customer],
            served.latency_us, served.cost_micro_usd, is_kept,
        )  # fmt: skip
        for place, report in enumerate(self._integrator.reports(call)):
            self._follow(report, ask.key, ask.turn, place)
        if ask.turn + 1 < ask.turns:
            assert self._cast.usage is not None
            following = self._cast.usage.next_turn(ask, at)
            if following is not None and (self._traffic.ends_at is None or following.at < self._traffic.ends_at):
                heappush(self._heap, (following.at, following.key, following.turn, CALL, 0, (following, None)))

    def _failed(self, ask: Ask, attempt: int, at: int, status: int | None, unheard: Given | None = None) -> None:
        """Let a client do what it does when it knows that a call failed.

        :param unheard: what it, or an earlier attempt, was answered, although nobody heard it.
        """
        client = self._script.client
        self._tallies["refused" if status is not None and 400 <= status < 500 else "failed"] += 1
        until = stops_until(client, status, at)
        if until is not None:
            self._state.stopped[str(ask.customer)] = until
        again = retry_at(client, attempt, at, status)
        if again is not None:
            # Another attempt is another chance.
            chances = self._cast.draws.uniforms(4, "attempt", f"{ask.key}.{ask.turn}", attempt + 1)
            ask = ask._replace(at=again, chances=Chances._make(chances))
            if unheard is not None and not self._is_given_again(unheard, again):
                self._give_up(unheard)
                unheard = None
            heappush(self._heap, (again, ask.key, ask.turn, CALL, attempt + 1, (ask, unheard)))
        else:
            self._give_up(unheard)

    def _is_given_again(self, unheard: Given, at: int) -> bool:
        """Whether a client that asks once more at an instant is given the answer it did not hear."""
        assert self._counter is not None
        return self._script.client.reuses_key and at < unheard.asked_at + self._counter.serving.replay_span_us

    def _give_up(self, unheard: Given | None) -> None:
        """Leave an answer unheard for good, which was paid and which nobody will report."""
        if unheard is not None:
            self._plant(self._integrator.unseen(unheard.served.cost_micro_usd))

    # Reports

    def _follow(self, report: Report, key: int, turn: int, place: int) -> None:
        """Let a report go its way, or be over."""
        if report.at is None:
            self._plant(report.planted)
        else:
            heappush(self._heap, (report.at, key, turn, REPORT, place, report))

    def _report(self, cue: Cue) -> None:
        """Make an attempt to send a report."""
        at, key, turn, _, place, report = cue
        world, door = self._world, self._door
        assert door is not None
        self._tallies["sent"] += 1
        event = self._integrator.event(report)
        mishap: Mishap | None = None
        if world.faults.armed:
            mishap = door.target.struck(world, door.target.event(event, report.customer), at, self._sum_spent)
        is_heard = self._is_heard.get(event.type)
        if is_heard is None:
            is_heard = self._is_heard[event.type] = door.intake.is_heard(world, event.type)
        if mishap is None and is_heard and not report.attempt and _is_right(report):
            self._take(at, event)
            return
        arrivals, following = self._integrator.send(report, event, mishap, is_heard=is_heard)
        numbers = count(place * _PER_REPORT + report.attempt * 16)
        for arrives_at, sent in arrivals:
            if arrives_at == at:
                self._take(at, sent)
            else:
                heappush(self._heap, (arrives_at, key, turn, ARRIVAL, next(numbers), sent))
        self._follow(following, key, turn, place)

    def _arrive(self, cue: Cue) -> None:
        self._take(cue[0], cue[5])

    def _take(self, at: int, sent: Sent) -> None:
        arrivals = self._arrivals
        arrivals.append((at, sent))
        if len(arrivals) >= MAX_ARRIVALS:
            self._flush()

    # Money

    def _top_up_soon(self, till: Till, at: int) -> None:
        assert self._auto is not None
        below, amount, after = self._auto
        if not self._state.is_topping_up and till.balance_micro_usd < below:
            self._state.is_topping_up = True
            heappush(self._heap, (at + after, TOP_UP_KEY, _ORDERED, TOP_UP, 0, amount))

    def _top_up(self, cue: Cue) -> None:
        assert self._account is not None
        self._flush()
        with self._world.clock.pinned(cue[0]):
            self._account.grant(self._world, cue[5], f"scenario {self._play.name}: top-up")
        if cue[2] == _ORDERED:
            self._state.is_topping_up = False
        self._tallies["top_ups"] += 1

    def _invoice(self, cue: Cue) -> None:
        at, _, _, _, n, start = cue
        part = self._script.revenue
        assert part is not None
        assert self._cast.usage is not None
        if self._billing is not None:
            self._flush()
            names = self._cast.names
            ids = dict(zip(names, self._traffic.customers, strict=True))
            calls = {names[int(place)]: calls for place, calls in self._state.answered.items()}
            with self._world.clock.pinned(at):
                made = invoices(part, self._cast.usage.customers, ids, calls, start, at)
                if made:
                    self._billing.record(self._world, made)
            self._tallies["invoices"] += len(made)
        self._state.answered = {}
        ends_at = self._traffic.ends_at
        if ends_at is None or at < ends_at:
            end = at + part.every if ends_at is None else min(at + part.every, ends_at)
            heappush(self._heap, (end, REVENUE_KEY, 0, REVENUE, n + 1, at))

    # Steps

    def _step(self, cue: Cue) -> None:
        at, _, number, _, n, _ = cue
        step = next(each for each in self._cast.plan.steps if each.number == number)
        self._flush()
        with self._world.clock.pinned(at):
            is_fine = self._send(self._world, step.request, f"scenario {self._play.name}")
        self._tallies["steps"] += 1
        if not is_fine:
            self._tallies["refused_steps"] += 1
        self._done += 1
        due = self._world.schedule.next_at()
        if due is not None:
            self._limit = min(self._limit, max(at, due - 1))
        # What faults and drifts there are may have changed with it.
        self._contracts, self._integrator = self._cast.reporting(self._world.drifts.all)
        self._is_heard = {}
        if step.every_us:
            again, ends_at = at + step.every_us, self._traffic.ends_at
            if ends_at is None or again < ends_at:
                heappush(self._heap, (again, STEP_KEY, number, STEP, n + 1, None))


def _is_right(report: Report) -> bool:
    """Whether a report that is recorded once, as nearly all are, differs in nothing from its call."""
    return not report.resends and (
        not report.counts or (report.is_owed and report.is_named and not report.is_wrong and not report.is_free)
    )


# Cues as JSON data


def _laid_down(cue: Cue) -> Cue:
    *rank, body = cue
    return (*rank, _WRITE[cue[3]](body))


def _revived(cue: Cue) -> Cue:
    *rank, body = cue
    return (*rank, _READ[cue[3]](body))


def _as_it_is(body: Any) -> Any:
    return body


def _read_call(body: Sequence[Any]) -> tuple[Ask, Given | None]:
    ask, unheard = Ask(*body[0]), body[1]
    ask = ask._replace(chances=Chances(*ask.chances))
    return ask, None if unheard is None else Given(Served(*unheard[0]), unheard[1])


def _write_sent(sent: Sent) -> str:
    return dump_exactly(sent).decode("utf-8", "surrogatepass")


def _read_sent(body: str) -> Sent:
    return Sent(*read_exactly(body.encode("utf-8", "surrogatepass")))


_WRITE: tuple[Callable[[Any], Any], ...] = (
    _as_it_is, Report.dump, _write_sent, _as_it_is, _as_it_is, _as_it_is,
)  # fmt: skip
_READ: tuple[Callable[[Any], Any], ...] = (
    _read_call, Report.load, _read_sent, _as_it_is, _as_it_is, _as_it_is,
)  # fmt: skip
