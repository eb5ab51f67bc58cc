"""A scenario told in short: what it is good for, who calls how often, and what happens when."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from mockserver.control.faults import effect_asked
from mockserver.kernel.drifts import Drift, DriftKind
from mockserver.kernel.faults import Fault
from mockserver.kernel.money import usd_text
from mockserver.kernel.windows import SECOND, format_duration, format_instant
from mockserver.simulation.planning import Plan, expected_calls


class Moment(NamedTuple):
    """Something on the timeline.

    :param at: `None` from the start on.
    :param what: `start`, `drift`, `drift ends`, `fault`, `fault ends`, `top-up`, `step`, `history ends` or `end`.
    """

    at: int | None
    what: str
    told: str


def timeline(plan: Plan, kinds: Mapping[str, DriftKind]) -> list[Moment]:
    """Return everything that is known to happen, in order of time."""
    moments = [Moment(plan.starts_at, "start", "the clock begins")] if plan.starts_at is not None else []
    for drift in plan.drifts:
        moments.append(Moment(drift.onset, "drift", _drift(drift, kinds)))
        if drift.until is not None:
            moments.append(Moment(drift.until, "drift ends", f"{drift.kind} of {drift.subject}"))
    for fault in plan.faults:
        moments.append(Moment(fault.when.start or plan.starts_at, "fault", fault_told(fault)))
        if fault.when.end is not None:
            moments.append(Moment(fault.when.end, "fault ends", _pattern(fault)))
    moments += [Moment(top_up.at, "top-up", f"{usd_text(top_up.amount)} USD") for top_up in plan.top_ups]
    for step in plan.steps:
        again = "" if step.every_us is None else f", again every {format_duration(step.every_us)}"
        moments.append(Moment(step.at, "step", f"{step.request.request}{again}"))
    if plan.history_until is not None and plan.history_until != plan.starts_at and plan.history_until != plan.ends_at:
        moments.append(Moment(plan.history_until, "history ends", "from here on it happens as the clock moves"))
    if plan.ends_at is not None:
        moments.append(Moment(plan.ends_at, "end", "no more traffic"))
    return sorted(moments, key=lambda moment: (-1 if moment.at is None else moment.at, moment.what == "end"))


def as_data(plan: Plan, kinds: Mapping[str, DriftKind]) -> dict[str, Any]:
    """Return a scenario in short, as JSON data."""
    script, traffic = plan.script, plan.script.traffic
    return {
        "name": script.name, "purpose": script.purpose, "expect": script.expect, "seed": script.seed,
        "clock": script.clock.mode, "starts_at": _instant(plan.starts_at), "ends_at": _instant(plan.ends_at),
        "history_until": _instant(plan.history_until), "length": _length(script.length),
        "customers": script.customers.count if traffic is not None else 0,
        "expected_calls": _expected(plan), "calls_per_day": None if traffic is None else traffic.calls_per_day,
        "uses": [] if traffic is None else [
            {"endpoint": use.endpoint, "share": use.share} for use in traffic.uses
        ],
        "events": [event.type for event in script.events],
        "timeline": [
            {"at": _instant(moment.at), "what": moment.what, "told": moment.told} for moment in timeline(plan, kinds)
        ],
    }  # fmt: skip


def as_lines(plan: Plan, kinds: Mapping[str, DriftKind]) -> Iterator[str]:
    """Yield a scenario in short, for people."""
    data = as_data(plan, kinds)
    yield f"{data['name']}: {data['purpose']}"
    if data["expect"]:
        yield ""
        yield f"Expect: {' '.join(data['expect'].split())}"
    yield ""
    yield f"Seed {data['seed']}, clock {data['clock']}{_times(plan)}"
    if data["uses"]:
        yield _traffic(data)
    if data["timeline"]:
        yield ""
        width = max(len(moment["what"]) for moment in data["timeline"])
        after = max(len(_after(plan, moment.at)) for moment in timeline(plan, kinds))
        for moment in timeline(plan, kinds):
            at = "at once" if moment.at is None else format_instant(moment.at)
            yield f"{at:20}  {_after(plan, moment.at):>{after}}  {moment.what:{width}}  {moment.told}".rstrip()


def _traffic(data: Mapping[str, Any]) -> str:
    whole = sum(use["share"] for use in data["uses"])
    uses = ", ".join(f"{use['endpoint']} ({use['share'] / whole:.0%})" for use in data["uses"])
    calls = f"{data['calls_per_day']:g} calls a day"
    if data["expected_calls"] is not None:
        calls += f", about {data['expected_calls']} in all"
    events = f"; events: {', '.join(data['events'])}" if data["events"] else ""
    return f"{data['customers']} customers, {calls}: {uses}{events}"


def _times(plan: Plan) -> str:
    if plan.starts_at is None:
        return ""
    script, history = plan.script, (plan.history_until or plan.starts_at) - plan.starts_at
    lasts = ", without an end" if script.length is None else f" for {format_duration(script.length)}"
    if plan.ends_at is not None and plan.history_until == plan.ends_at:
        there = ", all of it at once" if history else ""
    else:
        there = f", {format_duration(history)} of it at once" if history else ", as the clock moves"
    begins = f", from {format_instant(plan.starts_at)}"
    return f"{begins}{lasts}{there}" if script.traffic is not None else begins


def _after(plan: Plan, at: int | None) -> str:
    """Return how long after the start an instant is: days, and hours, minutes and seconds of the last."""
    if at is None or plan.starts_at is None:
        return ""
    days, rest = divmod((at - plan.starts_at) // SECOND, 86_400)
    hours, minutes = rest // 3600, rest // 60 % 60
    return f"+{days}d" + (f"{hours:02d}:{minutes:02d}" if rest else "")


def _expected(plan: Plan) -> int | None:
    """Return how many calls are to be expected in all, `None` where there is no end to them."""
    if plan.script.traffic is None:
        return 0
    if plan.starts_at is None or plan.ends_at is None:
        return None
    return round(expected_calls(plan.script, plan.starts_at, plan.ends_at))


def _drift(drift: Drift, kinds: Mapping[str, DriftKind]) -> str:
    size = f"{drift.size:+g}" if kinds[drift.kind].low < 0 else f"{drift.size:g}"
    over = f" over {format_duration(drift.span_us)}" if drift.span_us else ""
    options = "".join(f", {name} {_short(value)}" for name, value in drift.options.items())
    cause = f": {drift.cause}" if drift.cause else ""
    return f"{drift.kind} of {drift.subject} {size}, {drift.shape}{over}{options}{cause}"


def _short(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {each}" for name, each in value.items()) + "}"
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def fault_told(fault: Fault) -> str:
    """Return what a fault does, to which requests, in words."""
    asked = effect_asked(fault.effect)
    said = ", ".join(name if value is True else f"{name} {_short(value)}" for name, value in asked.items())
    when = fault.when
    parts = [f"number {', '.join(map(str, when.nth))}"] if when.nth else []
    parts += [f"the first {when.first}"] if when.first is not None else []
    parts += [f"each {when.every}th"] if when.every is not None else []
    parts += [f"{when.rate:.3g} of them"] if when.rate is not None else []
    which = f" ({', '.join(parts)})" if parts else ""
    return f"{_pattern(fault)}{which}: {said}"


def _pattern(fault: Fault) -> str:
    return ", ".join(f"{name} {value}" for name, value in fault.match.items()) or "every request"


def _instant(at: int | None) -> str | None:
    return None if at is None else format_instant(at)


def _length(length: int | None) -> str | None:
    return None if length is None else format_duration(length)
