"""Serving many chats in a row: the rules of `chat` and `metering`, with what they read kept at hand meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from heapq import heappop, heappush
from math import inf
from typing import Any

from mockserver.kernel.drifts import Seen, seen_of
from mockserver.kernel.errors import MockError
from mockserver.kernel.ids import Draws
from mockserver.kernel.money import MicroUsd
from mockserver.kernel.world import World
from mockserver.vendors.pareta import tables
from mockserver.vendors.pareta.domain.catalog import AUTO, PriceSheet, Task
from mockserver.vendors.pareta.domain.drifting import noisy, normal_at
from mockserver.vendors.pareta.domain.errors import InsufficientCredits
from mockserver.vendors.pareta.domain.ledger import authorise, completion_id
from mockserver.vendors.pareta.domain.predictions import pick, rest_of
from mockserver.vendors.pareta.domain.specimens import Specimen, specimens_of
from mockserver.vendors.pareta.operations import chat, drifting, metering
from mockserver.vendors.pareta.operations.chat import JUDGED_SHARE, MEDIAN_US, OPERATION, PER_TOKEN_US, Server
from mockserver.vendors.pareta.operations.credits import held
from mockserver.vendors.pareta.tables.endpoints import CallRow
from mockserver.vendors.pareta.tables.ledger import DebitRow
from mockserver.vendors.serving import Order, Served

_Facts = tuple[int, int, int, int, int, int, int, float | None]
"""The fields of a `ServedCall`."""

_FULL = 10_000
"""Rows that are kept in memory before they are written, so that memory does not grow with the traffic."""

_DRIFTS = ("error_rate", "price", "latency", "quality", "judge_noise")
"""The kinds of drift a call can see, in the order in which one number decides whether it does."""

_NEVER: Mapping[str, Sequence[Seen]] = {}


class Desk:
    """What one server's calls have in common.

    :param refusal: the status all of them are refused with, if they are.
    :param is_counted: whether refused calls count against it.
    :param price: what each costs, where that is flat.
    :param next: the ordinal of its next call.
    """

    __slots__ = (
        "about", "drifts_from", "drifts_until", "injected", "is_counted", "next", "price", "quality", "refusal",
        "server", "specimens", "who",
    )  # fmt: skip

    def __init__(self, world: World, who: str, server: Server, *, refusal: int | None, is_counted: bool) -> None:
        self.who = server.who
        self.server = server
        self.refusal = refusal
        self.is_counted = is_counted
        self.next = tables.endpoints.next_call(world, self.who)
        self.injected = chat.injected_tokens(server.endpoint)
        self.price = chat.price_of(server, None, 0, 0) if server.is_flat else None
        self.quality = 0.0 if server.endpoint is None else server.endpoint.quality
        self.specimens = () if server.task is None or server.endpoint is None else _specimens(server.task)
        self.about = [(kind, about) for kind in _DRIFTS if (about := world.drifts.about(kind, (self.who,)))]
        drifts = [drift for _, about in self.about for drift in about]
        self.drifts_from: float = min([drift.onset for drift in drifts], default=inf)
        self.drifts_until: float = max([inf if drift.until is None else drift.until for drift in drifts], default=-inf)


class Fate:
    """One number in [0, 1) that decides several things one after the other, each independent of the others."""

    __slots__ = ("number",)

    def __init__(self, number: float) -> None:
        self.number = number

    def is_among(self, place: int, share: float) -> bool:
        """Whether it is among a share of all."""
        is_among = self.number < share
        self.number = self.number / share if is_among else rest_of(self.number, share)
        return is_among


class Till:
    """Serves chats in order of time and keeps their rows to write them together.

    :param status_of: returns the HTTP status that an error is answered with.
    """

    def __init__(self, world: World, status_of: Callable[[MockError], int]) -> None:
        self._world = world
        self._status_of = status_of
        self._broke = status_of(InsufficientCredits(0))
        self._ids = world.coming_ids("req")
        self._given = 0
        last = tables.ledger.last_entry(world)
        self._seq = last.seq
        self._balance = last.balance_micro_usd
        self._held = held(world)
        self._desks: dict[str, Desk] = {}
        self._prices: PriceSheet | None = None
        self._calls: list[CallRow] = []
        self._debits: list[DebitRow] = []
        self._late: list[tuple[int, int, Desk, str, str | None, _Facts]] = []

    @property
    def balance_micro_usd(self) -> int:
        """What is left of the prepaid balance."""
        return self._balance

    def serve(self, order: Order, *, is_kept: bool = True, delay_us: int = 0) -> Served:
        """Serve a call, and take its price.

        :param is_kept: whether anything of it stays; else it is answered as usual and nothing was ever done.
        :param delay_us: how much later its call and its debit show.
        """
        at, who, prompt_tokens, completion_tokens, chances, key, pace = order
        if self._late and self._late[0][0] <= at:
            self._post_late(at)
        request_id = next(self._ids)
        self._given += 1
        desk = self._desks.get(who) or self._desk(who)
        if desk.refusal is not None:
            return self._refused(desk, at, desk.refusal, request_id, is_counted=is_kept and desk.is_counted)
        try:
            authorise(self._balance, self._held)
        except InsufficientCredits:
            return self._refused(desk, at, self._broke, request_id, is_counted=is_kept and desk.is_counted)
        seen = _NEVER
        if desk.drifts_from <= at < desk.drifts_until:
            status, seen = self._drifted(desk, at, chances.fate)
            if status is not None:
                return self._refused(desk, at, status, request_id, is_counted=is_kept)
        prompt_tokens += desk.injected
        price = desk.price
        if price is None:
            price = chat.price_of(desk.server, self._sheet, prompt_tokens, completion_tokens)
        cost = price.billed_micro_usd
        normal = normal_at(chances.latency)
        if pace is None:
            latency_us = metering.lasting(MEDIAN_US, metering.SPREAD, normal) + completion_tokens * PER_TOKEN_US
        else:
            latency_us = metering.lasting(pace.median_us, pace.sigma, normal)
        quality = desk.quality
        if seen:
            if "price" in seen:
                cost = drifting.billed(cost, seen["price"])
            if "latency" in seen:
                latency_us = drifting.slowed(latency_us, normal, seen["latency"])
            if "quality" in seen:
                quality = drifting.moved(quality, seen["quality"])
        score = None
        if chances.judge < JUDGED_SHARE and desk.specimens:
            specimen, number = pick(desk.specimens, chances.answer)
            score = specimen.worth(quality, number, further)
            if "judge_noise" in seen and (deviation := drifting.moved(0.0, seen["judge_noise"])):
                score = noisy(score, deviation, normal_at(chances.judge / JUDGED_SHARE))
        if is_kept:
            facts = at, 200, latency_us, prompt_tokens, completion_tokens, cost, price.frontier_micro_usd, score
            if delay_us:
                heappush(self._late, (at + delay_us, self._given, desk, request_id, key, facts))
            else:
                self._post(desk, at, request_id, key, facts)
        return Served(200, request_id, completion_id(request_id), who, latency_us, cost, prompt_tokens)

    def close(self) -> None:
        """Write all that was served."""
        self._write()
        if self._given:
            self._world.skip_ids("req", self._given)
            self._given = 0
        for due, _, desk, request_id, key, facts in sorted(self._late):
            metering.leave_late(self._world, due, (OPERATION, desk.who, desk.server.model, request_id, key, *facts))
        self._late.clear()

    # Behind the counter

    @property
    def _sheet(self) -> PriceSheet:
        if self._prices is None:
            self._prices = tables.catalog.price_sheet(self._world)
        return self._prices

    def _desk(self, who: str) -> Desk:
        desk = self._desks[who] = self._set_up(who)
        return desk

    def _set_up(self, who: str) -> Desk:
        """Return where a model's calls are served, or refused."""
        if who == AUTO:
            return Desk(self._world, who, chat.AUTOMATIC, refusal=None, is_counted=False)
        endpoint, task = tables.endpoints.find_served(self._world, who)
        refusal = None
        try:
            server = chat.direct(self._world, who) if endpoint is None else chat.deployed(endpoint, task)
        except MockError as error:
            refusal, server = self._status_of(error), Server(who)
        return Desk(self._world, who, server, refusal=refusal, is_counted=endpoint is not None)

    def _drifted(self, desk: Desk, at: int, number: float) -> tuple[int | None, Mapping[str, Sequence[Seen]]]:
        """Return the status a call fails with because of a drift, and the drifts it sees, by kind."""
        fate = Fate(number)
        found = {}
        for kind, about in desk.about:
            seen = seen_of(about, at, fate.is_among)
            if not seen:
                continue
            if kind == "error_rate":
                status, fate.number = drifting.failure(seen, fate.number)
                if status is not None:
                    return status, _NEVER
            else:
                found[kind] = seen
        return None, found

    def _refused(self, desk: Desk, at: int, status: int, request_id: str, *, is_counted: bool) -> Served:
        """Turn a call away, which costs nothing.

        :param is_counted: whether that counts against its server.
        """
        if is_counted:
            self._note(desk, (at, status, 0, 0, 0, 0, 0, None), request_id)
        return Served(status, request_id, None, desk.who, 0, 0, 0)

    def _post(self, desk: Desk, at: int, request_id: str, key: str | None, facts: _Facts) -> None:
        """Record a call that succeeded, and debit its price at an instant."""
        cost = facts[5]
        self._seq += 1
        self._balance = MicroUsd(self._balance - cost)
        self._debits.append(
            (self._seq, at, -cost, self._balance, OPERATION, desk.who, request_id, desk.server.model, key)
        )
        self._note(desk, facts, request_id)

    def _note(self, desk: Desk, facts: _Facts, request_id: str) -> None:
        """Record a call."""
        self._calls.append((desk.who, desk.next, *facts, request_id))
        desk.next += 1
        if len(self._calls) >= _FULL:
            self._write()

    def _post_late(self, until: int) -> None:
        late = self._late
        while late and late[0][0] <= until:
            due, _, desk, request_id, key, facts = heappop(late)
            self._post(desk, due, request_id, key, facts)

    def _write(self) -> None:
        tables.endpoints.insert_calls(self._world, self._calls)
        tables.ledger.post_debits(self._world, self._debits)
        self._calls.clear()
        self._debits.clear()


@lru_cache(maxsize=64)
def _specimens(task: Task) -> tuple[Specimen, ...]:
    """Return a task's right answers; a pure function of it."""
    return specimens_of(task, _read)


def _read(task: Task, text: str) -> Mapping[str, Any]:
    from mockserver.vendors.pareta.domain.writing import right_answer  # what reads and writes takes long to load

    return right_answer(task, text)


def further(number: float, n: int) -> float:
    """Return the n-th further number in [0, 1) that follows from one."""
    return Draws(int(number * 2**53)).uniform("further", "", n)
