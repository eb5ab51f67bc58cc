"""Who calls what, and when: customers, conversations, tokens. Pure: all of it follows from a script and a seed.

Conversations begin by an inhomogeneous Poisson process. Time is cut into hours, and an hour into stretches in which
nothing jumps: nobody joins or leaves, no drift begins, no clock strikes. Within a stretch the intensity is constant, or
moves with a drift that is on its way; then instants are drawn at the highest intensity there can be, and those that are
too many are thinned out.
"""

from __future__ import annotations

from bisect import bisect, bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from functools import cached_property
from itertools import accumulate, pairwise
from math import exp, log, pi, sin, sqrt
from typing import NamedTuple

from mockserver.kernel.drifts import Drift
from mockserver.kernel.ids import Draws
from mockserver.kernel.matching import glob
from mockserver.kernel.windows import DAY, HOUR, LATEST, MINUTE, SECOND, WEEK, floor_to
from mockserver.simulation.laws import LogNormal, exponential, geometric, pareto, poisson
from mockserver.simulation.parts import MAX_LAW_US, CustomersPart, SeasonPart, TrafficPart
from mockserver.simulation.people import companies, external_id
from mockserver.simulation.script import Script
from mockserver.vendors.serving import Chances

MONTH = 30 * DAY
YEAR = 365 * DAY

MAX_TOKENS = 1_000_000
"""No prompt is longer, with what is carried along, and no completion: what is too long is cut."""

MAX_PER_HOUR = 4_000_000.0
"""Conversations that are expected to begin in an hour at most, whatever growth and drifts would make of it."""

_KEYS_PER_HOUR = 1 << 24
_CELLS = 4
_LEAST_FACTOR = 0.001
_STEEP = 1.5
_SHORTEST = 30 * SECOND
_EPOCH_WEEKDAY = 3  # 1970 began on a Thursday; weeks begin on Monday


class Customer(NamedTuple):
    """Somebody who uses the product.

    :param external_id: `customer-001` is the largest.
    :param weight: how large, relative to the others.
    :param joins_at: microseconds since 1970; `leaves_at` likewise, `None` for not while there is traffic.
    """

    external_id: str
    name: str
    email: str
    weight: float
    utc_offset_us: int
    joins_at: int
    leaves_at: int | None


class Ask(NamedTuple):
    """One call that somebody wants to make.

    :param key: number of its conversation, the same in every run; a later conversation has a larger one.
    :param turn: number of the call in its conversation, from 0; `turns` it will have.
    :param customer: place among the customers; `use` among the uses.
    :param carried_tokens: of the prompt, what was said in earlier turns.
    :param delay: a number in [0, 1) that says how long its report takes; `slip` what goes wrong with it, if anything.
    """

    at: int
    key: int
    turn: int
    turns: int
    customer: int
    use: int
    prompt_tokens: int
    completion_tokens: int
    carried_tokens: int
    chances: Chances
    delay: float
    slip: float


class _Member(NamedTuple):
    """A customer as traffic sees it; `zone` is the place of its offset."""

    weight: float
    zone: int
    joins_at: int
    leaves_at: int | None


class _Pull(NamedTuple):
    """A drift of who begins how many conversations.

    :param spans: by customer, from when until when it matters; `None` where it never does.
    """

    drift: Drift
    is_mix: bool
    spans: tuple[tuple[int, int | None] | None, ...]

    def is_moving(self, at: int) -> bool:
        """Whether its level changes from one instant to the next; while a mix grows, it does so for nobody."""
        drift = self.drift
        return drift.shape in ("pulse", "seasonal") or (drift.shape == "ramp" and at < drift.onset + drift.span_us)

    def factor(self, at: int) -> float:
        """Return what it makes of a customer it matters to."""
        return _factor(self.drift, 1.0 if self.drift.shape == "gradual_mix" else self.drift.level(at))

    def bounds(self, start: int, end: int) -> tuple[float, float]:
        """Return the least and the most it can make of one within a stretch."""
        factors = [_factor(self.drift, level) for level in _extremes(self.drift, start, end)]
        return min(factors), max(factors)


class _Era:
    """A time in which nobody joins or leaves and no drift begins, arrives or ends.

    :ivar weights: of those who are there, with every factor that is constant.
    :ivar moving: what is not; `signs` says by a customer's bits which of them it feels.
    :ivar plain: weights by (zone, sign) as if there were no drift of the mix; `mixed` with it.
    """

    def __init__(self, members: Sequence[_Member], pulls: Sequence[_Pull], at: int) -> None:
        self.moving = tuple(pull for pull in pulls if pull.is_moving(at) and _is_on(pull.drift, at))
        still = [pull for pull in pulls if not pull.is_moving(at) and _is_on(pull.drift, at)]
        self.is_mixed = any(pull.is_mix for pull in (*still, *self.moving))
        self.customers: list[int] = []
        self.weights: list[float] = []
        self.zones: list[int] = []
        self.signs: list[int] = []
        self.plain: dict[tuple[int, int], float] = {}
        self.mixed: dict[tuple[int, int], float] = {}
        factors = [(pull, pull.factor(at)) for pull in still]
        for place, member in enumerate(members):
            if at < member.joins_at or (member.leaves_at is not None and at >= member.leaves_at):
                continue
            plain, mix = member.weight, 1.0
            for pull, factor in factors:
                if _holds(pull.spans[place], at):
                    if pull.is_mix:
                        mix *= factor
                    else:
                        plain *= factor
            sign = sum(1 << n for n, pull in enumerate(self.moving) if _holds(pull.spans[place], at))
            self.customers.append(place)
            self.weights.append(plain * mix)
            self.zones.append(member.zone)
            self.signs.append(sign)
            group = (member.zone, sign)
            self.plain[group] = self.plain.get(group, 0.0) + plain
            self.mixed[group] = self.mixed.get(group, 0.0) + plain * mix

    def pulled(self, factors: Sequence[float]) -> dict[int, tuple[float, float]]:
        """Return what moving drifts of given factors make of customers by their sign: of how much, and of the mix."""
        found = {}
        for _, sign in self.plain:
            much = mix = 1.0
            for n, pull in enumerate(self.moving):
                if sign >> n & 1:
                    if pull.is_mix:
                        mix *= factors[n]
                    else:
                        much *= factors[n]
            found[sign] = (much, mix)
        return found


class _Stretch(NamedTuple):
    """Part of an hour.

    :param expected: how many instants are to be drawn.
    :param cumulative: weights of `customers`, added up.
    :param keeps: returns the probability that one is kept, by instant and its customer's sign; `None` where all are.
    """

    start: int
    end: int
    expected: float
    customers: Sequence[int]
    cumulative: Sequence[float]
    signs: Sequence[int]
    keeps: Callable[[int, int], float] | None


class _Tilt(NamedTuple):
    """A drift of calls' tokens: what it is about, by use, and who is to see it while a mix grows."""

    drift: Drift
    uses: tuple[bool, ...]
    of_prompt: bool
    of_completion: bool
    place: int

    def factor(self, at: int, number: float) -> float:
        """Return what it makes of a call with a number in [0, 1)."""
        level = self.drift.level(at)
        if self.drift.shape == "gradual_mix":
            level = float(number < level)
        return _factor(self.drift, level)


class Usage:
    """The traffic of one script. Dear to make, for many customers: keep it while script, seed and drifts are the same.

    :param drifts: those of kinds `traffic`, `token_mix` and `customer_mix` are heeded.
    """

    def __init__(self, script: Script, draws: Draws, drifts: Sequence[Drift]) -> None:
        if script.traffic is None:
            raise ValueError(f"scenario {script.name} has no traffic")
        self._script = script
        self._traffic = traffic = script.traffic
        self._draws = draws
        self._start = script.started_at
        self._end = script.ends_at
        self._zones = tuple(sorted(_offset(text) for text in script.customers.utc_offsets))
        self._members = _members(script.customers, draws, self._zones, self._start, self._end)
        first = sum(member.weight for member in self._members if member.joins_at == self._start)
        self._per_hour = traffic.calls_per_day / traffic.conversation.turns / 24 / first
        self._hours = _to_mean_one(traffic.hours)
        self._weekdays = _to_mean_one(traffic.weekdays)
        self._holidays = _holidays(traffic, self._zones)
        self._log_growth = log(1.0 + traffic.growth_per_week)
        self._seasons = [_swing(season, script) for season in traffic.seasons]
        self._pulls = tuple(_pulls(drifts, draws, len(self._members)))
        self._tilts = tuple(_tilts(drifts, [use.endpoint for use in traffic.uses]))
        # Where shapes jump within an hour: where the clocks of a zone strike.
        self._strikes = sorted({-zone % HOUR for zone in self._zones} - {0})
        self._jumps = sorted(_jumps(self._members, self._pulls))
        self._prompts = [LogNormal.fitted(use.prompt_tokens.median, use.prompt_tokens.p99) for use in traffic.uses]
        self._completions = [
            LogNormal.fitted(use.completion_tokens.median, use.completion_tokens.p99) for use in traffic.uses
        ]
        self._shares = list(accumulate(use.share for use in traffic.uses))
        think = traffic.conversation.think_time
        self._think = LogNormal.fitted(think.median, think.p99)
        self._era: tuple[int, _Era] | None = None
        self._cells: dict[int, list[Ask]] = {}

    @cached_property
    def customers(self) -> tuple[Customer, ...]:
        """Everybody who is ever there, the largest first."""
        named = companies(self._draws.bits("usage names"), len(self._members))
        return tuple(
            Customer(
                external_id(place + 1), company.name, company.email, member.weight, self._zones[member.zone],
                member.joins_at, member.leaves_at,
            )
            for place, (member, company) in enumerate(zip(self._members, named, strict=True))
        )  # fmt: skip

    def intensity(self, at: int) -> float:
        """Return how many conversations are expected to begin in the hour of an instant, if it were all like that."""
        if not self._is_on(at):
            return 0.0
        era = self._era_of(at)
        pulled = era.pulled([pull.factor(at) for pull in era.moving])
        shapes = self._shapes(at)
        total = sum(weight * shapes[zone] * pulled[sign][0] for (zone, sign), weight in era.plain.items())
        return min(MAX_PER_HOUR, self._base(floor_to(at, HOUR)) * total)

    def openings(self, hour: int) -> list[Ask]:
        """Return the first calls of the conversations that begin in an hour (its start is given), in order of time.

        How often and in which order hours are asked for changes nothing.
        """
        assert hour % HOUR == 0
        found = self._cells.get(hour)
        if found is None:
            found = self._cells[hour] = self._opened(hour)
            if len(self._cells) > _CELLS:
                del self._cells[next(iter(self._cells))]
        return found.copy()

    def next_turn(self, ask: Ask, answered_at: int) -> Ask | None:
        """Return the call that follows in a conversation once the one before was answered, if one does.

        None does once the traffic is over or its customer has left, whatever was planned.
        """
        turn = ask.turn + 1
        if turn >= ask.turns:
            return None
        name = str(ask.key)
        thinking = self._think.quantile(self._draws.uniform("usage think", name, turn))
        at = answered_at + max(1, int(min(thinking, MAX_LAW_US)))
        leaves_at = self._members[ask.customer].leaves_at
        if not self._is_on(at) or (leaves_at is not None and at >= leaves_at):
            return None
        said, saying, latency, fate, judge, answer, delay, slip = self._draws.uniforms(8, "usage turn", name, turn)
        prompt = self._prompts[ask.use].quantile(said)
        completion = self._completions[ask.use].quantile(saying)
        for tilt in self._tilts:
            if tilt.uses[ask.use] and _is_on(tilt.drift, at):
                is_mix = tilt.drift.shape == "gradual_mix"
                number = self._draws.uniform(f"usage token_mix {tilt.place}", name, turn) if is_mix else 0.0
                factor = tilt.factor(at, number)
                prompt = prompt * factor if tilt.of_prompt else prompt
                completion = completion * factor if tilt.of_completion else completion
        own = _tokens(prompt)
        before = ask.prompt_tokens - ask.carried_tokens + ask.completion_tokens
        carried = ask.carried_tokens + int(self._traffic.conversation.carry * before + 0.5)
        carried = min(carried, MAX_TOKENS - own)
        return Ask(
            at, ask.key, turn, ask.turns, ask.customer, ask.use, own + carried, _tokens(completion), carried,
            Chances(latency, fate, judge, answer), delay, slip,
        )  # fmt: skip

    # Intensity

    def _is_on(self, at: int) -> bool:
        return self._start <= at and (self._end is None or at < self._end)

    def _base(self, hour: int) -> float:
        """Return the conversations of an hour for a weight of one: growth and seasons go by hours."""
        middle = hour + HOUR // 2 - self._start
        factor = exp(min(700.0, self._log_growth * middle / WEEK))
        for period, amplitude, phase in self._seasons:
            factor *= 1.0 + amplitude * sin(2.0 * pi * ((middle + phase) % period) / period)
        return self._per_hour * factor

    def _shapes(self, at: int) -> list[float]:
        """Return what an instant's hour, weekday and date make of the customers of each zone."""
        found = []
        for place, zone in enumerate(self._zones):
            day, within = divmod(at + zone, DAY)
            shape = self._hours[within // HOUR] * self._weekdays[(day + _EPOCH_WEEKDAY) % 7]
            found.append(shape * self._holidays.get((day, place), 1.0))
        return found

    def _era_of(self, at: int) -> _Era:
        number = bisect(self._jumps, at)
        if self._era is None or self._era[0] != number:
            self._era = (number, _Era(self._members, self._pulls, at))
        return self._era[1]

    def _stretches(self, hour: int) -> Iterator[_Stretch]:
        """Yield an hour's parts in order of time; those in which nothing can happen are left out."""
        start = max(hour, self._start)
        end = hour + HOUR if self._end is None else min(hour + HOUR, self._end)
        if start >= end:
            return
        jumps = self._jumps[bisect(self._jumps, start) : bisect_left(self._jumps, end)]
        strikes = [hour + strike for strike in self._strikes if start < hour + strike < end]
        edges = [start, *sorted({*jumps, *strikes}), end]
        for first, last in pairwise(edges):
            for piece_start, piece_end in _pieces(self._era_of(first).moving, first, last):
                stretch = self._stretch(hour, piece_start, piece_end)
                if stretch is not None:
                    yield stretch

    def _stretch(self, hour: int, start: int, end: int) -> _Stretch | None:
        era = self._era_of(start)
        shapes = self._shapes(start)
        rate = self._base(hour) * (end - start) / HOUR
        if not era.moving:
            cumulative = list(accumulate([w * shapes[z] for w, z in zip(era.weights, era.zones, strict=True)]))
            if not cumulative or not cumulative[-1]:
                return None
            expected = cumulative[-1]
            if era.is_mixed:
                expected = sum(weight * shapes[zone] for (zone, _), weight in era.plain.items())
            expected = min(rate * expected, MAX_PER_HOUR * (end - start) / HOUR)
            return _Stretch(start, end, expected, era.customers, cumulative, era.signs, None)
        bounds = [pull.bounds(start, end) for pull in era.moving]
        least = era.pulled([low for low, _ in bounds])
        most = era.pulled([high for _, high in bounds])
        caps = {sign: much * mix for sign, (much, mix) in most.items()}
        weights = zip(era.weights, era.zones, era.signs, strict=True)
        cumulative = list(accumulate([w * shapes[z] * caps[s] for w, z, s in weights]))
        if not cumulative or not cumulative[-1]:
            return None
        plain = {group: weight * shapes[group[0]] for group, weight in era.plain.items() if weight * shapes[group[0]]}
        mixed = {group: era.mixed[group] * shapes[group[0]] for group in plain}

        def total(pulled: Mapping[int, tuple[float, float]]) -> float:
            return sum(weight * pulled[sign][0] for (_, sign), weight in plain.items())

        def scale(pulled: Mapping[int, tuple[float, float]]) -> float:
            """Return what brings the traffic back to what it would be without any drift of the mix."""
            if not era.is_mixed:
                return 1.0
            weighted = sum(weight * pulled[group[1]][0] * pulled[group[1]][1] for group, weight in mixed.items())
            return total(pulled) / weighted if weighted else 0.0

        # The scale is a mean of what the mix makes of customers, upside down: it is no more than the largest of these.
        top = max(weight / (mixed[group] * least[group[1]][1]) for group, weight in plain.items())
        lowest = sum(weight * least[group[1]][0] * least[group[1]][1] for group, weight in mixed.items())
        top = 1.0 if not era.is_mixed else min(top, total(most) / lowest) if lowest else top
        at_most = rate * cumulative[-1] * top
        limit = MAX_PER_HOUR * (end - start) / HOUR

        def keeps(at: int, sign: int) -> float:
            pulled = era.pulled([pull.factor(at) for pull in era.moving])
            much, mix = pulled[sign]
            return much * mix * scale(pulled) / (caps[sign] * top)

        return _Stretch(start, end, min(at_most, limit), era.customers, cumulative, era.signs, keeps)

    # Conversations

    def _opened(self, hour: int) -> list[Ask]:
        found: list[Ask] = []
        chance = self._draws.stream("usage openings", str(hour))
        uses = self._shares
        whole, last_use = uses[-1], len(uses) - 1
        laws = [(*prompt, *completion) for prompt, completion in zip(self._prompts, self._completions, strict=True)]
        mean_turns = self._traffic.conversation.turns
        tilts = self._tilted(hour)
        key = hour // HOUR * _KEYS_PER_HOUR
        for start, end, expected, customers, cumulative, signs, keeps in self._stretches(hour):
            total, last, width = cumulative[-1], len(cumulative) - 1, end - start
            instants = [start + int(chance() * width) for _ in range(poisson(chance, expected))]
            instants.sort()
            for at in instants:
                place = bisect(cumulative, chance() * total, 0, last)
                if keeps is not None and chance() >= keeps(at, signs[place]):
                    continue
                use = bisect(uses, chance() * whole, 0, last_use) if last_use else 0
                # Marsaglia's polar method: two normal numbers, for less than two quantiles; a call would cost as much.
                square = 0.0
                while not 0.0 < square < 1.0:
                    x = 2.0 * chance() - 1.0
                    y = 2.0 * chance() - 1.0
                    square = x * x + y * y
                scale = sqrt(-2.0 * log(square) / square)
                prompt_median, prompt_sigma, completion_median, completion_sigma = laws[use]
                prompt = prompt_median * exp(prompt_sigma * x * scale)
                completion = completion_median * exp(completion_sigma * y * scale)
                for tilt, number in tilts:
                    factor = tilt.factor(at, number())
                    if tilt.uses[use]:
                        prompt = prompt * factor if tilt.of_prompt else prompt
                        completion = completion * factor if tilt.of_completion else completion
                turns = geometric(chance(), mean_turns) if mean_turns > 1.0 else 1
                prompt_tokens = int(prompt + 0.5) if 0.5 < prompt < MAX_TOKENS else _tokens(prompt)
                completion_tokens = int(completion + 0.5) if 0.5 < completion < MAX_TOKENS else _tokens(completion)
                chances = Chances._make((chance(), chance(), chance(), chance()))
                found.append(
                    Ask._make(
                        (
                            at, key, 0, turns, customers[place], use, prompt_tokens, completion_tokens, 0, chances,
                            chance(), chance(),
                        )
                    )
                )  # fmt: skip
                key += 1
        return found

    def _tilted(self, hour: int) -> list[tuple[_Tilt, Callable[[], float]]]:
        """Return an hour's drifts of tokens, each with a source of one number per conversation."""
        return [
            (tilt, self._draws.stream(f"usage token_mix {tilt.place}", str(hour)))
            for tilt in self._tilts
            if tilt.drift.onset < hour + HOUR and (tilt.drift.until is None or tilt.drift.until > hour)
        ]


# Customers


def _offset(text: str) -> int:
    sign = -1 if text[0] == "-" else 1
    return sign * (int(text[1:3]) * HOUR + int(text[4:6]) * MINUTE)


def _members(
    part: CustomersPart, draws: Draws, zones: Sequence[int], start: int, end: int | None
) -> tuple[_Member, ...]:
    """Return everybody, the largest first.

    Who joins later is a fixed number of all but the largest; when is uniform. Lives have no memory.
    """
    numbers = range(1, part.count + 1)
    sizes = sorted(
        (pareto(draws.uniform("usage size", "", n), part.sizes.alpha, part.sizes.largest) for n in numbers),
        reverse=True,
    )
    drawn = [draws.uniforms(4, "usage customer", external_id(n)) for n in numbers]
    joiners = set(
        sorted(range(1, part.count), key=lambda place: drawn[place][1])[: int(part.joining * part.count + 0.5)]
    )
    shares = list(accumulate(part.utc_offsets[text] for text in sorted(part.utc_offsets, key=_offset)))
    span = YEAR if end is None else end - start
    hazard = -log(1.0 - part.churn_per_month) / MONTH
    found = []
    for place, size in enumerate(sizes):
        zone, _, joining, leaving = drawn[place]
        joins_at = start + 1 + int(joining * (span - 1)) if place in joiners else start
        leaves_at = None
        if hazard:
            leaves_at = joins_at + 1 + int(min(exponential(leaving, 1.0 / hazard), float(LATEST)))
            if leaves_at >= (LATEST if end is None else end):
                leaves_at = None
        place_of_zone = bisect(shares, zone * shares[-1], 0, len(shares) - 1)
        found.append(_Member(size, place_of_zone, joins_at, leaves_at))
    return tuple(found)


# Shapes


def _to_mean_one(weights: Sequence[float]) -> tuple[float, ...]:
    mean = sum(weights) / len(weights)
    return tuple(weight / mean for weight in weights)


def _holidays(traffic: TrafficPart, zones: Sequence[int]) -> dict[tuple[int, int], float]:
    """Return the factors of holidays by (day since 1970, place of the zone); several of one day multiply."""
    first = date(1970, 1, 1).toordinal()
    found: dict[tuple[int, int], float] = {}
    for holiday in traffic.holidays:
        day = date.fromisoformat(holiday.date).toordinal() - first
        kept = None if holiday.utc_offsets is None else {_offset(text) for text in holiday.utc_offsets}
        for place, zone in enumerate(zones):
            if kept is None or zone in kept:
                found[day, place] = found.get((day, place), 1.0) * holiday.factor
    return found


def _swing(season: SeasonPart, script: Script) -> tuple[int, float, int]:
    """Return a season as period, amplitude, and how far into it the start is."""
    peak = 0 if season.peak is None else season.period // 4 - (script.instant(season.peak) - script.started_at)
    return season.period, season.amplitude, peak % season.period


# Drifts


def _factor(drift: Drift, level: float) -> float:
    """Return what is multiplied with: a drift to nothing cannot go the other way without end."""
    return drift.factor(level) if level >= 0.0 else 1.0 / max(_LEAST_FACTOR, 1.0 + (drift.size - 1.0) * -level)


def _is_on(drift: Drift, at: int) -> bool:
    return drift.onset <= at and (drift.until is None or at < drift.until)


def _holds(span: tuple[int, int | None] | None, at: int) -> bool:
    return span is not None and span[0] <= at and (span[1] is None or at < span[1])


def _extremes(drift: Drift, start: int, end: int) -> tuple[float, ...]:
    """Return levels that hold between them every level a drift has within a stretch in which it moves."""
    levels = (drift.level(start), drift.level(end - 1))
    first, last = start - drift.onset, end - 1 - drift.onset
    if drift.shape == "pulse" and 2 * first <= drift.span_us <= 2 * last:
        return (*levels, 1.0)
    if drift.shape == "seasonal":
        # Peaks come a quarter of a period after each beginning, and troughs three.
        return (
            *levels,
            *(top for n, top in ((1, 1.0), (3, -1.0)) if _comes_within(n * drift.span_us, drift.span_us, first, last)),
        )
    return levels


def _pieces(moving: Sequence[_Pull], start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield the parts of a stretch in which no drift moves so far that most of what is drawn would be thinned out."""
    if end - start >= 2 * _SHORTEST and any(
        high > _STEEP * low for low, high in (p.bounds(start, end) for p in moving)
    ):
        middle = (start + end) // 2
        yield from _pieces(moving, start, middle)
        yield from _pieces(moving, middle, end)
    else:
        yield start, end


def _comes_within(quarters: int, period: int, first: int, last: int) -> bool:
    """Whether an instant that lies so many quarters of microseconds into a period is within a stretch."""
    return (4 * last - quarters) // (4 * period) > (4 * first - 1 - quarters) // (4 * period)


def _pulls(drifts: Sequence[Drift], draws: Draws, count: int) -> Iterator[_Pull]:
    names = [external_id(number) for number in range(1, count + 1)]
    for kind in ("traffic", "customer_mix"):
        for place, drift in enumerate(drift for drift in drifts if drift.kind == kind):
            pattern = glob(drift.subject)
            spans: list[tuple[int, int | None] | None] = []
            for name in names:
                onset: int | None = None
                if pattern.fullmatch(name):
                    onset = drift.onset
                    if drift.shape == "gradual_mix":
                        onset = _switch(drift, draws.uniform(f"usage {kind} {place}", name))
                spans.append(None if onset is None else (onset, drift.until))
            yield _Pull(drift, kind == "customer_mix", tuple(spans))


def _switch(drift: Drift, number: float) -> int:
    """Return from when on a mix has come to somebody with a number in [0, 1)."""
    return drift.onset + min(drift.span_us, int(number * drift.span_us) + 1)


def _tilts(drifts: Sequence[Drift], endpoints: Sequence[str]) -> Iterator[_Tilt]:
    for place, drift in enumerate(drift for drift in drifts if drift.kind == "token_mix"):
        pattern = glob(drift.subject)
        uses = tuple(pattern.fullmatch(endpoint) is not None for endpoint in endpoints)
        of = drift.options.get("of", "both")
        if any(uses):
            yield _Tilt(drift, uses, of != "completion", of != "prompt", place)


def _jumps(members: Sequence[_Member], pulls: Sequence[_Pull]) -> set[int]:
    """Return every instant at which one era ends and the next begins."""
    found: set[int | None] = {at for member in members for at in (member.joins_at, member.leaves_at)}
    for drift, _, spans in pulls:
        found |= {drift.onset, drift.until}
        found |= {at for span in spans if span is not None for at in span}
        if drift.shape == "ramp":
            found.add(drift.onset + drift.span_us)
    return {at for at in found if at is not None}


def _tokens(number: float) -> int:
    return max(1, min(MAX_TOKENS, int(number + 0.5)))
