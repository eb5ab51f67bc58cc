"""What a scenario comes to: its timeline with every instant resolved, and all that cannot be, named by its line.

What only a world can tell, such as whether an endpoint is there, is left to `unmet`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, NamedTuple

from pydantic import ValidationError

from mockserver.control.drifts import OF_TRAFFIC, DriftRequest
from mockserver.control.faults import FaultRequest
from mockserver.control.operations.drifts import MAX_DRIFTS, all_kinds, drift_of
from mockserver.kernel.drifts import Drift, DriftKind
from mockserver.kernel.errors import InvalidRequest
from mockserver.kernel.faults import Fault
from mockserver.kernel.matching import glob
from mockserver.kernel.money import MicroUsd, micro_usd
from mockserver.kernel.windows import DAY, HOUR, LATEST, MINUTE, WEEK, format_duration, format_instant
from mockserver.kernel.world import World
from mockserver.simulation.integrator import names_known, unknown_names
from mockserver.simulation.mishaps import objection
from mockserver.simulation.parts import (
    MAX_HISTORY_CALLS,
    MAX_STEPS,
    DriftPart,
    FaultPart,
    RequestPart,
    as_json,
)
from mockserver.simulation.people import external_id
from mockserver.simulation.script import FaultyScript, Script, Where, parse, told, unknown_key
from mockserver.vendors.vendor import Vendor

SENT = "sent:"
"""What a contract drift's subject begins with that is about events as they are sent, and not about answers."""

ONE_AT_A_TIME = ("price",)
"""Kinds of which nobody would say two steps at once: the later takes the earlier one's place."""


class TopUp(NamedTuple):
    """Credit that is bought at an instant."""

    at: int
    amount: MicroUsd


class Step(NamedTuple):
    """A request that is sent at an instant, and perhaps again every so often until the traffic ends.

    :param number: its place in the file, from 0.
    """

    at: int
    number: int
    every_us: int | None
    request: RequestPart


@dataclass(frozen=True, slots=True)
class Plan:
    """A scenario in which nothing is relative any more; instants are microseconds since 1970.

    :param starts_at: when its clock begins; `None` where it has no timeline and so begins whenever it is played.
    :param history_until: up to when everything is there at once; never before `starts_at`.
    :param ends_at: when the traffic ends, `None` for never.
    :param drifts: in the order of the file; `faults` likewise.
    :param top_ups: in order of time; `steps` likewise. What is at one instant keeps the order of the file.
    """

    script: Script
    starts_at: int | None
    history_until: int | None
    ends_at: int | None
    drifts: tuple[Drift, ...]
    faults: tuple[Fault, ...]
    top_ups: tuple[TopUp, ...]
    steps: tuple[Step, ...]


class Finding(NamedTuple):
    """Something in a scenario that cannot be.

    :param where: path to the field, from the outermost part.
    """

    where: Where
    message: str


def plan(script: Script, vendors: Sequence[Vendor], history_us: int | None = None) -> Plan:
    """Return what a scenario comes to.

    :param history_us: how much of it is there at once, in place of what the scenario says.
    :raises FaultyScript: it says something that cannot be; every fault is named with its line.
    """
    planner = _Planner(script, vendors)
    planned = planner.plan(history_us)
    refuse(script, planner.findings)
    return planned


def read(text: str, path: str, vendors: Sequence[Vendor], history_us: int | None = None) -> Plan:
    """Return what the text of a scenario comes to.

    :param path: what to call the file in messages.
    :raises FaultyScript: it says something that cannot be; every fault is named with its line, of its form and of what
        it comes to.
    """
    try:
        script = parse(text, path)
    except FaultyScript as faulty:
        lines = [*faulty.lines, *_faults_of(faulty.rest, vendors, history_us)]
        raise FaultyScript(sorted(lines, key=lambda line: int(line[len(path) + 1 :].partition(":")[0]))) from None
    return plan(script, vendors, history_us)


def _faults_of(script: Script | None, vendors: Sequence[Vendor], history_us: int | None) -> list[str]:
    try:
        if script is not None:
            plan(script, vendors, history_us)
    except FaultyScript as faulty:
        return faulty.lines
    return []


def refuse(script: Script, findings: Sequence[Finding]) -> None:
    """Do nothing when there are no findings.

    :raises FaultyScript: there are; they are told in order of their lines.
    """
    if findings:
        ordered = sorted(dict.fromkeys(findings), key=lambda finding: script.source.line(finding.where))
        raise FaultyScript([script.source.fault(*finding) for finding in ordered])


def unmet(planned: Plan, world: World, vendors: Sequence[Vendor]) -> list[Finding]:
    """Return what a scenario counts on and a world that has come to its start state does not have."""
    script = planned.script
    findings: list[Finding] = []
    servings = [vendor.serving for vendor in vendors if vendor.serving is not None]
    intakes = [vendor.intake for vendor in vendors if vendor.intake is not None]
    names = list(dict.fromkeys(name for serving in servings for name in serving.callable(world)))
    for n, use in enumerate(() if script.traffic is None else script.traffic.uses):
        if use.endpoint not in names:
            message = f"there is no {use.endpoint} to call: deploy it in start.requests; there are: {_few(names)}"
            findings.append(Finding(("traffic", "uses", n, "endpoint"), message))
    for n, event in enumerate(script.events):
        if not any(intake.is_heard(world, event.type) for intake in intakes):
            message = f"nothing listens to {event.type}: make a cost metric for it in start.requests"
            findings.append(Finding(("events", n, "type"), message))
    # What is deployed or compared later is named in the request that does so.
    named = [*names, *(text for step in planned.steps for text in _texts(step.request.model_dump()))]
    for n, drift in enumerate(planned.drifts):
        of_vendor = any(drift.kind in vendor.drifts for vendor in vendors)
        if of_vendor and not any(map(glob(drift.subject).fullmatch, named)):
            message = (
                f"{drift.subject} is nothing that is called, and no step names it:"
                f" deploy it in start.requests; there are: {_few(names)}"
            )
            findings.append(Finding(("drifts", n, "subject"), message))
    return findings


def _texts(value: Any) -> Iterator[str]:
    """Yield every text in JSON data."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _texts(each)


def expected_calls(script: Script, since: int, until: int) -> float:
    """Return how many calls are to be expected between two instants.

    Growth counts; holidays, drifts, faults and customers who come and go do not.
    """
    if script.traffic is None or until <= since:
        return 0.0
    rate = math.log1p(script.traffic.growth_per_week) / WEEK
    per_us = script.traffic.calls_per_day / DAY
    begin, end = since - script.started_at, until - script.started_at
    if abs(rate) * (end - begin) < 1e-9:
        return per_us * (end - begin) * math.exp(rate * begin)
    try:
        return per_us * (math.exp(rate * end) - math.exp(rate * begin)) / rate
    except OverflowError:
        return math.inf


def _few(names: Sequence[str], most: int = 12) -> str:
    shown = ", ".join(names[:most]) or "none"
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


@dataclass(slots=True)
class _Planner:
    """Reads one script, and keeps what cannot be."""

    script: Script
    vendors: Sequence[Vendor]
    findings: list[Finding] = field(default_factory=list)

    def blame(self, message: str, *where: Any) -> None:
        self.findings.append(Finding(where, message))

    def plan(self, history_us: int | None) -> Plan:
        script = self.script
        self._check_what_needs_traffic()
        self._check_start()
        if not self._has_clock():
            return Plan(script, None, None, None, (), self._faults(None), (), ())
        start = script.started_at
        history_us = self._history_us(history_us)
        if script.traffic is not None:
            self._check_traffic(start + history_us)
        drifts, faults = self._drifts(start), self._faults(start)
        self._check_names(drifts, faults)
        return Plan(
            script, start, start + history_us, script.ends_at, drifts, faults, self._top_ups(), self._steps()
        )  # fmt: skip

    # Time

    def _has_clock(self) -> bool:
        """Tell whether the timeline begins at an instant; if it has to and does not, that is a finding."""
        script = self.script
        if script.clock.at is not None:
            return self._fits_the_calendar()
        timed: list[Where] = [
            (name,) for name in ("traffic", "length", "history", "drifts", "steps") if getattr(script, name)
        ]
        timed += [("wallet", "top_ups")] if script.wallet.top_ups else []
        timed += [("faults", n, "between") for n, fault in enumerate(script.faults) if fault.between is not None]
        if timed:
            why = "a timeline begins at an instant: say clock.at, such as 2026-05-01T00:00:00Z"
            self.blame(why, *timed[0])
        return False

    def _fits_the_calendar(self) -> bool:
        length = max(self.script.length or 0, self.script.history or 0)
        if self.script.started_at + length > LATEST:
            self.blame("there are no years past 9999", "length" if self.script.length else "history")
            return False
        return True

    def _history_us(self, asked: int | None) -> int:
        script = self.script
        history = asked if asked is not None else script.history
        if script.length is not None and script.traffic is not None and not script.length:
            self.blame("must be above 0, or be left out for traffic without an end", "length")
        if history is None:
            return script.length or 0
        if script.length is not None and history > script.length:
            message = (
                f"{format_duration(history)} are more than the whole, which lasts {format_duration(script.length)}"
            )
            self.blame(message, "history")
            return script.length
        return history

    def _moment(self, text: str, *where: Any, may_end: bool = False) -> int | None:
        """Return an instant of the timeline; one outside of it is a finding.

        :param may_end: whether it may be the very end.
        """
        script = self.script
        at, end = script.instant(text), script.ends_at
        if at < script.started_at:
            self.blame(f"{text} is before the start, {format_instant(script.started_at)}", *where)
        elif at > LATEST:
            self.blame("there are no years past 9999", *where)
        elif end is not None and (at > end or (at == end and not may_end)):
            assert script.length is not None
            length = f"the scenario lasts {format_duration(script.length)}, until {format_instant(end)}"
            hint = ": leave it out for what lasts until then" if may_end else ""
            self.blame(f"{text} is not within it: {length}{hint}", *where)
        else:
            return at
        return None

    # Parts

    def _check_what_needs_traffic(self) -> None:
        script = self.script
        if script.traffic is None:
            for name, what in (("events", "report"), ("revenue", "invoice")):
                if getattr(script, name):
                    self.blame(f"there are no calls to {what} without traffic", name)

    def _check_start(self) -> None:
        for n, request in enumerate(self.script.start.requests):
            for name in ("at", "every"):
                if getattr(request, name) is not None:
                    message = "what is in start comes before all else: put it into steps"
                    self.blame(message, "start", "requests", n, name)
            self._check_then(request, "start", "requests", n)

    def _check_then(self, request: RequestPart, *where: Any) -> None:
        for n, following in enumerate(request.then):
            for name in ("at", "every"):
                if getattr(following, name) is not None:
                    self.blame("it is sent right after the answer before it", *where, "then", n, name)
            self._check_then(following, *where, "then", n)

    def _check_traffic(self, history_until: int) -> None:
        script = self.script
        assert script.traffic is not None
        calls = expected_calls(script, script.started_at, history_until)
        if calls > MAX_HISTORY_CALLS:
            message = (
                f"come to {calls:.3g} calls of history, and {MAX_HISTORY_CALLS} are the most:"
                " take fewer a day, less growth or a shorter history"
            )
            self.blame(message, "traffic", "calls_per_day")
        uses = [use.endpoint for use in script.traffic.uses]
        for n, event in enumerate(script.events):
            for m, pattern in enumerate(event.of):
                if not any(map(glob(pattern).fullmatch, uses)):
                    self.blame(f"{pattern} is none of traffic.uses; there are: {_few(uses)}", "events", n, "of", m)
        if script.revenue is not None:
            for pattern in script.revenue.fees_usd:
                if not self._is_customer(pattern):
                    self.blame(self._no_customer(pattern), "revenue", "fees_usd", pattern)
        self._check_holidays()

    def _check_names(self, drifts: Sequence[Drift], faults: Sequence[Fault]) -> None:
        """Check what events name of calls and their answers, to which a change of the contract may add."""
        coming: set[str] = set()
        for drift in drifts:
            coming |= _made(drift.options.get("add", {}), drift.options.get("rename", {}))
        for fault in faults:
            coming |= _made(fault.effect.add, fault.effect.rename)
        for n, event in enumerate(self.script.events):
            for name in unknown_names(_texts(event.data), coming):
                message = f"{{{name}}} names nothing of a call or its answer; there are: {', '.join(names_known())}"
                self.blame(message, "events", n, "data")

    def _check_holidays(self) -> None:
        script = self.script
        assert script.traffic is not None
        known = script.customers.utc_offsets
        kept: dict[tuple[str, str], int] = {}
        for n, holiday in enumerate(script.traffic.holidays):
            where = ("traffic", "holidays", n)
            for offset in holiday.utc_offsets or ():
                if offset not in known:
                    message = f"no customer lives at {offset}; customers.utc_offsets has: {', '.join(known)}"
                    self.blame(message, *where, "utc_offsets")
            offsets = holiday.utc_offsets or tuple(known)
            midnight = (date.fromisoformat(holiday.date) - date(1970, 1, 1)).days * DAY
            starts = [midnight - _offset_us(offset) for offset in offsets]
            end = script.ends_at
            if all(at + DAY <= script.started_at or (end is not None and at >= end) for at in starts):
                last = "" if end is None else f" to {format_instant(end)}"
                message = f"{holiday.date} is outside of the scenario, {format_instant(script.started_at)}{last}"
                self.blame(message, *where, "date")
            for offset in offsets:
                first = kept.setdefault((holiday.date, offset), n)
                if first != n:
                    message = f"{holiday.date} is a holiday already for those at {offset}: in holidays.{first}"
                    self.blame(message, *where, "date")
                    break

    def _is_customer(self, pattern: str) -> bool:
        wanted = glob(pattern)
        return any(wanted.fullmatch(name) for name in customer_ids(self.script.customers.count))

    def _no_customer(self, pattern: str) -> str:
        ids = customer_ids(self.script.customers.count)
        return f"{pattern} is no customer; there are: {ids[0]} to {ids[-1]}"

    def _top_ups(self) -> tuple[TopUp, ...]:
        found = []
        for n, part in enumerate(self.script.wallet.top_ups):
            at = self._moment(part.at, "wallet", "top_ups", n, "at")
            if at is not None:
                found.append(TopUp(at, micro_usd(part.usd)))
        return tuple(sorted(found, key=lambda top_up: top_up.at))

    def _steps(self) -> tuple[Step, ...]:
        found = []
        for n, part in enumerate(self.script.steps):
            self._check_then(part, "steps", n)
            if part.at is None:
                self.blame("say when it is sent, such as at: +1d", "steps", n)
                continue
            at = self._moment(part.at, "steps", n, "at")
            if at is None:
                continue
            end = self.script.ends_at
            if part.every is not None and end is not None and (end - at) // part.every > MAX_STEPS:
                message = f"would be sent {(end - at) // part.every} times, and {MAX_STEPS} are the most"
                self.blame(message, "steps", n, "every")
            found.append(Step(at, n, part.every, part))
        return tuple(sorted(found, key=lambda step: (step.at, step.number)))

    # Drifts

    def _drifts(self, start: int) -> tuple[Drift, ...]:
        if len(self.script.drifts) > MAX_DRIFTS:
            self.blame(f"a world has at most {MAX_DRIFTS} drifts", "drifts")
            return ()
        kinds = all_kinds(self.vendors)
        found: dict[int, Drift] = {}
        for n, part in enumerate(self.script.drifts):
            drift = self._drift(n, part, kinds, start)
            if drift is not None:
                found[n] = drift
                self._check_subject(n, drift)
        for n, drift in found.items():
            for m, earlier in found.items():
                if m < n and (reason := contradiction(earlier, drift, kinds[drift.kind])):
                    self.blame(f"{reason} ({self._place('drifts', m)})", "drifts", n)
        return tuple(found.values())

    def _place(self, *where: Any) -> str:
        source = self.script.source
        return f"{'.'.join(map(str, source.place(where)))}, line {source.line(where)}"

    def _drift(self, n: int, part: DriftPart, kinds: Mapping[str, DriftKind], start: int) -> Drift | None:
        before = len(self.findings)
        at = self._moment(part.at, "drifts", n, "at")
        end = None if part.end is None else self._moment(part.end, "drifts", n, "end", may_end=True)
        said = {name: value for name, value in (part.model_extra or {}).items() if value is not None}
        body: dict[str, Any] = {**said, "kind": part.kind, "shape": part.shape}
        body |= {"subject": part.subject, "size": part.size, "over": part.over, "cause": part.cause}
        body |= {"at": None if at is None else format_instant(at), "end": None if end is None else format_instant(end)}
        known = dict(kinds)
        if part.subject.startswith(SENT):
            # What is sent is no operation: whether there is any such event is checked below.
            known["contract"] = replace(known["contract"], is_subject=lambda subject: True)
        try:
            body = as_json(body)
            drift = drift_of(DriftRequest.model_validate(body), known, start)
        except ValidationError as error:
            for item in error.errors():
                self.blame(told(item), "drifts", n, *item["loc"])
        except InvalidRequest as error:
            for problem in error.problems:
                self._blame_option(n, part, known, problem.where[1:], problem.message, problem.code)
        except ValueError as error:
            self.blame(str(error), "drifts", n)
        else:
            return drift if len(self.findings) == before else None
        return None

    def _blame_option(
        self, n: int, part: DriftPart, kinds: Mapping[str, DriftKind], where: Where, message: str, code: str
    ) -> None:
        if code == "unknown_key":
            message = unknown_key(str(where[-1]), [*DriftPart.model_fields, *kinds[part.kind].options])
        self.blame(message, "drifts", n, *where)

    def _check_subject(self, n: int, drift: Drift) -> None:
        script, subject = self.script, drift.subject
        where = ("drifts", n, "subject")
        if subject.startswith(SENT):
            types = [event.type for event in script.events]
            if not any(map(glob(subject.removeprefix(SENT)).fullmatch, types)):
                self.blame(f"no event of type {subject.removeprefix(SENT)} is sent; there are: {_few(types)}", *where)
        if drift.kind not in OF_TRAFFIC:
            return
        if script.traffic is None:
            self.blame("there is no traffic that could change", "drifts", n, "kind")
        elif "customer" in OF_TRAFFIC[drift.kind].subject:
            if not self._is_customer(subject):
                self.blame(self._no_customer(subject), *where)
        else:
            uses = [use.endpoint for use in script.traffic.uses]
            if not any(map(glob(subject).fullmatch, uses)):
                self.blame(f"{subject} is none of traffic.uses; there are: {_few(uses)}", *where)

    # Faults

    def _faults(self, start: int | None) -> tuple[Fault, ...]:
        found: dict[int, Fault] = {}
        for n, part in enumerate(self.script.faults):
            if start is None and part.between is not None:
                continue  # said already: there is no clock.at
            fault = self._fault(n, part)
            if fault is not None:
                found[n] = fault
        for n, fault in found.items():
            for m, earlier in found.items():
                if m < n and (reason := shadow(earlier, fault)):
                    self.blame(f"{reason} ({self._place('faults', m)})", "faults", n)
        return tuple(found.values())

    def _fault(self, n: int, part: FaultPart) -> Fault | None:
        before = len(self.findings)
        try:
            body = {
                name: value if name in AS_TEXT and isinstance(value, str) else as_json(value)
                for name, value in (part.model_extra or {}).items()
            }
        except ValueError as error:
            self.blame(str(error), "faults", n)
            return None
        for name in AS_TEXT & body.keys():
            body[name] = str(body[name])
        if part.between is not None:
            moments = [
                None if text is None else self._moment(text, "faults", n, "between", may_end=bool(place))
                for place, text in enumerate(part.between)
            ]
            if len(self.findings) > before:
                return None
            body["between"] = [None if at is None else format_instant(at) for at in moments]
        try:
            fault = FaultRequest.model_validate(body).to_fault([vendor.api for vendor in self.vendors])
        except ValidationError as error:
            for item in error.errors():
                message = told(item)
                if item["type"] == "extra_forbidden":
                    message = unknown_key(str(item["loc"][-1]), list(FaultRequest.model_fields))
                self.blame(message, "faults", n, *item["loc"])
            return None
        except InvalidRequest as error:
            for problem in error.problems:
                self.blame(problem.message, "faults", n, *problem.where[1:])
            return None
        reason = objection(fault.effect)
        if reason is not None:
            name, why = reason
            self.blame(why, "faults", n, name)
            return None
        return fault


AS_TEXT = {"after_spend_usd", "top_up_usd", "scale_values"}
"""Fields of a fault that are exact, and so texts on the wire."""


def customer_ids(count: int) -> list[str]:
    """Return what the customers of a scenario are called, the largest first."""
    return [external_id(number) for number in range(1, count + 1)]


def contradiction(one: Drift, other: Drift, kind: DriftKind) -> str | None:
    """Return why of two drifts of a scenario there cannot be the later as well, `None` when there can.

    Drifts of one kind and subject may overlap: what they do adds up, or multiplies.
    """
    if (one.kind, one.subject) != (other.kind, other.subject) or not _overlap(one, other):
        return None
    if one.kind == "contract":
        both = _edited(one) & _edited(other)
        return f"another drift edits {', '.join(sorted(both))} at the same time" if both else None
    if one.options != other.options:
        return None
    if one.onset == other.onset and one.shape == other.shape and one.span_us == other.span_us:
        return "another drift of this kind and subject begins at the same instant: say one, with the size of both"
    if one.shape == other.shape == "step" and one.kind in ONE_AT_A_TIME:
        return f"two of this {one.kind} cannot hold at once: end the earlier at {format_instant(other.onset)}"
    if kind.neutral == 0:
        total = max((one.shift(one.level(at)) + other.shift(other.level(at)) for at in _peaks(one, other)), key=abs)
        if not kind.low <= total <= kind.high:
            return f"together with another drift it comes to {total:g}, and {kind.low:g} to {kind.high:g} is possible"
    return None


def _overlap(one: Drift, other: Drift) -> bool:
    return (one.until is None or other.onset < one.until) and (other.until is None or one.onset < other.until)


def _peaks(*drifts: Drift) -> Iterator[int]:
    """Yield instants among which one is at which there is most of two drifts together."""
    for drift in drifts:
        yield from (drift.onset, drift.onset + drift.span_us // 2, drift.onset + drift.span_us)
        if drift.until is not None:
            yield drift.until - 1


def _made(added: Mapping[str, Any], renamed: Mapping[str, str]) -> set[str]:
    """Return the dotted paths at which edits put something."""
    return {*added, *(".".join([*path.split(".")[:-1], name]) for path, name in renamed.items())}


def _edited(drift: Drift) -> set[str]:
    paths: set[str] = set()
    for fields in drift.options.values():
        paths |= {fields} if isinstance(fields, str) else set(fields)
    return paths


def shadow(earlier: Fault, later: Fault) -> str | None:
    """Return why a fault never strikes beside one that stands before it, `None` when it can."""
    if earlier.match != later.match:
        return None
    if (earlier.effect, earlier.when) == (later.effect, later.when):
        return "it says the same as another fault"
    when = earlier.when
    is_always = not when.nth and when.first is when.every is when.rate is when.after_spend_micro_usd is None
    starts_before = when.start is None or (later.when.start is not None and when.start <= later.when.start)
    ends_after = when.end is None or (later.when.end is not None and when.end >= later.when.end)
    if earlier.effect.is_final and is_always and starts_before and ends_after:
        return "it never strikes: another fault takes every such request before it"
    return None


def _offset_us(offset: str) -> int:
    hours, minutes = offset[1:].split(":")
    us = int(hours) * HOUR + int(minutes) * MINUTE
    return -us if offset[0] == "-" else us
