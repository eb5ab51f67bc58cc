"""Holds claims about what a client did against a world: its journal, its ledger, its faults and stubs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from typing import Any, cast

from mockserver.control import proving
from mockserver.control.control import Control
from mockserver.control.drifts import ScoreQuery
from mockserver.control.faults import fact_names
from mockserver.control.operations import credits
from mockserver.control.operations.drifts import all_kinds, score_alerts
from mockserver.control.operations.leftovers import SECRET, entries, unmatched, unused
from mockserver.control.operations.reconciliation import ALWAYS, Reader, reconciliation, usd
from mockserver.control.proof import Check, VerifyRequest
from mockserver.control.proving import Bounds, Cell, Customs, Limits, Near, Sent, Spending, Times, Verdict
from mockserver.control.reach import operations, reach
from mockserver.control.reconciling import FaultKind, Question
from mockserver.http.endpoint import Api
from mockserver.http.facts import facts_of_entry
from mockserver.http.router import Router
from mockserver.kernel.errors import InvalidRequest, NotFound, Problem
from mockserver.kernel.faults import Effect
from mockserver.kernel.matching import COMMON, All, Facts, Pattern
from mockserver.kernel.money import usd_text
from mockserver.kernel.windows import format_instant
from mockserver.kernel.world import World

# Facts that every entry has, whatever became of its body.
_HEAD = frozenset(COMMON) - {"idempotency_key", "json"}


def verify(control: Control, name: str, body: VerifyRequest) -> dict[str, Any]:
    """Judge a claim about what a client did.

    :raises InvalidRequest: it says what does not belong together, or speaks of what there is not.
    """
    body.refuse_misfits()
    verdict = _CHECKS[body.check](control, name, body)
    return {
        "holds": verdict.holds, "message": verdict.message, "columns": list(verdict.columns),
        "rows": [list(row) for row in verdict.rows], "count": verdict.count, "more": verdict.more,
    }  # fmt: skip


# Requests


def _requests(control: Control, world: World, since: int | None) -> list[Sent]:
    return proving.read(entries(world, since), _customs(control, world))


def _customs(control: Control, world: World) -> Customs:
    apis = _apis(control)
    return Customs(
        {f"{api.name}.{row.operation}" for api in apis for row in api.endpoints if row.replayable},
        {f"{api.name}.{api.intake.operation}": api.intake.key for api in apis if api.intake is not None},
        {armed.id for armed in world.faults.armed if _is_spoiling(armed.fault.effect)},
        frozenset(world.journal.unheard),
    )


def _is_spoiling(effect: Effect) -> bool:
    """Whether a client is left without an answer it could use, although the journal has one with a status."""
    return effect.empty_body or effect.malformed_chunk is not None


def _apis(control: Control) -> list[Api]:
    return [vendor.api for vendor in control.vendors]


# Checks


def _called(control: Control, name: str, body: VerifyRequest) -> Verdict:
    apis = _apis(control)
    conjuncts = body.conjuncts(fact_names(apis))
    _refuse_secrets(conjuncts)
    reach(conjuncts, apis)
    pattern = All(tuple(part for _, part in conjuncts))
    router = Router(apis)
    matching: list[Sent] = []
    others: list[Near] = []
    unread = 0
    with control.reading(name) as world:
        requests = _requests(control, world, body.since)
    for sent in requests:
        differences = _differences(pattern, sent, router)
        status = sent.entry.status
        wrong_status = body.status is not None and status != body.status
        if differences is None:
            unread += not wrong_status
            continue
        if wrong_status:
            differences.append(f"status is {'missing' if status is None else status}, wanted {body.status}")
        if differences:
            others.append(Near(sent, differences))
        else:
            matching.append(sent)
    dropped = proving.forgotten([sent.entry for sent in requests]) if body.since is None else 0
    return proving.called(_what(body, conjuncts), _bounds(body), matching, others, unread, dropped)


def _refuse_secrets(conjuncts: Sequence[tuple[str, Pattern]]) -> None:
    for field, pattern in conjuncts:
        for name, _ in pattern.criteria():
            if name in SECRET:
                message = f"the journal keeps no credentials, so no request can be told by its {name}"
                raise InvalidRequest(Problem(("body", field), message, "invalid_format"))


def _differences(pattern: Pattern, sent: Sent, router: Router) -> list[str] | None:
    """Return what stands in the way of a match; `None` when a body that was cut leaves that open."""
    facts = facts_of_entry(router, sent.entry)
    found = list(pattern.differences(facts))
    if proving.is_cut(sent.entry):
        unknown = {name for name, _ in pattern.criteria() if _is_open(name, facts)}
        if unknown and all(difference.name in unknown for difference in found):
            return None
    return [str(difference) for difference in found]


def _is_open(name: str, facts: Facts) -> bool:
    return name.partition(".")[0] not in _HEAD and facts.get(name) is None


def _bounds(body: VerifyRequest) -> Bounds:
    if body.times is not None:
        return Bounds(body.times, body.times)
    if body.at_least is None and body.at_most is None:
        return Bounds(1, None)
    return Bounds(body.at_least or 0, body.at_most)


def _what(body: VerifyRequest, conjuncts: Sequence[tuple[str, Pattern]]) -> str:
    """Return what a claim is about, in words."""
    is_named = isinstance(body.operation, str)
    rest = tuple(part for field, part in conjuncts if field != "operation" or not is_named)
    said = f"{body.operation if is_named else 'anything'}{f' with {All(rest)}' if rest else ''}"
    return said if body.status is None else f"{said}, answered {body.status},"


def _spend(control: Control, name: str, body: VerifyRequest) -> Verdict:
    apis = _apis(control)
    conjuncts = body.conjuncts(fact_names(apis))
    sites = reach(conjuncts, apis)
    if not any(site.endpoint is not None and 402 in site.endpoint.errors for site in sites):
        message = f"none of {', '.join(operations(sites))} costs anything"
        raise InvalidRequest(Problem(("body", "operation"), message, "invalid_enum"))
    wanted = All(tuple(part for _, part in conjuncts))
    ledgers = [vendor for vendor in control.vendors if vendor.debits is not None]
    if not ledgers:
        raise NotFound("ledger", name)
    with control.reading(name) as world:
        # What a debit paid for is in the journal, as far as that goes back.
        known = {sent.entry.request_id: sent for sent in _requests(control, world, body.since)}
        reader = Reader(control, world)
        books = [(vendor.name, reader.all(vendor.debits.batches)) for vendor in ledgers if vendor.debits is not None]

    def debits() -> Iterator[Spending]:
        for vendor, batches in books:
            for batch in batches:
                for debit in batch:
                    operation = f"{vendor}.{debit.operation}"
                    if body.since is not None and debit.at < body.since:
                        continue
                    if not wanted.matches(Facts({"vendor": vendor, "operation": operation})):
                        continue
                    sent = known.get(debit.request_id or "")
                    row: list[Cell] = [
                        sent and sent.entry.seq, format_instant(debit.at), operation, sent and sent.entry.status,
                        usd_text(debit.amount_micro_usd), debit.idempotency_key,
                    ]  # fmt: skip
                    yield Spending(debit.amount_micro_usd, row)

    what = f"{body.operation} spent" if isinstance(body.operation, str) else "spent"
    return proving.spend(what, Limits(body.min_usd, body.max_usd, body.exactly_usd), debits())


def _no_retry_after_402(control: Control, name: str, body: VerifyRequest) -> Verdict:
    with control.reading(name) as world:
        requests = _requests(control, world, body.since)
    return proving.no_retry_after_402(requests, any_request=bool(body.any_request))


def _same_idempotency_key(control: Control, name: str, body: VerifyRequest) -> Verdict:
    with control.reading(name) as world:
        requests = _requests(control, world, body.since)
    return proving.same_idempotency_key(requests)


def _retry_after_respected(control: Control, name: str, body: VerifyRequest) -> Verdict:
    with control.reading(name) as world:
        requests = _requests(control, world, body.since)
        times = Times(dict(world.journal.came_s), dict(world.journal.answered_s))
    return proving.retry_after_respected(requests, times)


_FAULTS = ("kind", "at", "customer", "debited_usd", "billed_usd", "debits", "events")


def _reconciles(control: Control, name: str, body: VerifyRequest) -> Verdict:
    start = ALWAYS[0] if body.from_ is None else body.from_
    end = ALWAYS[1] if body.to is None else body.to
    if start >= end:
        raise InvalidRequest(Problem(("body", "to"), "must be later than from", "out_of_range"))
    tolerance = Decimal(0) if body.tolerance_usd is None else body.tolerance_usd
    question = Question(start, end, tolerance, cast(FaultKind | None, body.kind), proving.MAX_ROWS, limit=0)
    found = reconciliation(control, name, question, body.type or "*")
    wanted = {kind: sums for kind, sums in found.kinds.items() if kind != "matched" and body.kind in (None, kind)}
    count = sum(sums.count for sums in wanted.values())
    calls = f"{found.calls} {'debit' if found.calls == 1 else 'debits'}"
    if not count:
        return Verdict(True, f"{calls} of {usd(found.total.debited)} USD reconcile", _FAULTS)
    said = ", ".join(f"{sums.count} {kind}" for kind, sums in wanted.items() if sums.count)
    message = (
        f"{calls} and {found.events} {'event' if found.events == 1 else 'events'} do not reconcile: {said};"
        f" debited {usd(found.total.debited)} USD, billed {usd(found.total.billed)} USD"
    )
    rows: list[list[Cell]] = []
    for fault in found.faults:
        rows.append(
            [
                fault.kind, format_instant(fault.at), fault.customer, usd(fault.sums.debited), usd(fault.sums.billed),
                ", ".join(str(debit.id or debit.request_id) for debit in fault.debits),
                ", ".join(event.id for event in fault.events),
            ]
        )  # fmt: skip
    return Verdict(False, message, _FAULTS, rows, count, count - len(rows))


_INVARIANTS = ("invariant", "row")


def _invariants(control: Control, name: str, body: VerifyRequest) -> Verdict:
    checked = credits.check_invariants(control, name)["invariants"]
    broken = [invariant for invariant in checked if not invariant["holds"]]
    if not broken:
        return Verdict(True, f"{len(checked)} invariants hold", _INVARIANTS)
    rows = [
        [invariant["name"], ", ".join(f"{column}={value}" for column, value in row.items())]
        for invariant in broken
        for row in invariant["rows"]
    ]
    does = "does" if len(broken) == 1 else "do"
    named = "; ".join(invariant["name"] for invariant in broken)
    return proving.table(
        False, f"{len(broken)} of {len(checked)} invariants {does} not hold: {named}", _INVARIANTS, rows, len(broken)
    )


# Detection


def _detected(control: Control, name: str, body: VerifyRequest) -> Verdict:
    known = sorted(all_kinds(control.vendors))
    if body.kind is not None and body.kind not in known:
        message = f"no such kind of drift; there are: {', '.join(known)}"
        raise InvalidRequest(Problem(("body", "kind"), message, "invalid_enum"))
    return proving.detected(score_alerts(control, name, ScoreQuery()), body.within, body.kind, body.max_false_alarms)


def _unmatched(control: Control, name: str, body: VerifyRequest) -> Verdict:
    with control.reading(name) as world:
        return unmatched(world, _apis(control), body.since)


def _unused(control: Control, name: str, body: VerifyRequest) -> Verdict:
    with control.reading(name) as world:
        return unused(world, control.vendors, lambda: _requests(control, world, None))


_CHECKS: dict[Check, Callable[[Control, str, VerifyRequest], Verdict]] = {
    "called": _called,
    "spend": _spend,
    "no_retry_after_402": _no_retry_after_402,
    "same_idempotency_key": _same_idempotency_key,
    "retry_after_respected": _retry_after_respected,
    "reconciles": _reconciles,
    "invariants": _invariants,
    "unmatched": _unmatched,
    "unused": _unused,
    "detected": _detected,
}
