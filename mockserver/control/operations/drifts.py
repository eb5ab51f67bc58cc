"""A world's drifts: add and list them, tell the truth about them, take alerts and score them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from json import JSONEncoder
from typing import Any

from mockserver.control.control import Control
from mockserver.control.drifts import (
    CONTRACT,
    GRACE_US,
    OF_TRAFFIC,
    AlertRequest,
    AlertsRequest,
    DriftRequest,
    ScoreQuery,
    present_alert,
    present_drift,
    present_score,
    present_truth,
)
from mockserver.control.operations.pages import page
from mockserver.control.schemas import PageQuery
from mockserver.kernel.drifts import Alert, Alerts, Drift, DriftKind, Labelled
from mockserver.kernel.errors import Conflict, InvalidRequest, Problem
from mockserver.kernel.matching import is_operation
from mockserver.kernel.scoring import score
from mockserver.kernel.windows import format_instant
from mockserver.kernel.world import World
from mockserver.vendors.vendor import Export, Json, Value, Vendor

MAX_DRIFTS = 1_000
MAX_ALERTS = 100_000


def kinds(vendors: Sequence[Vendor]) -> dict[str, DriftKind]:
    """Return every kind of drift that can be added to a world, by name."""

    def is_known(wanted: str) -> bool:
        return any(is_operation(f"{v.name}.{row.operation}", wanted) for v in vendors for row in v.api.endpoints)

    own = {name: kind for vendor in vendors for name, kind in vendor.drifts.items()}
    return {"contract": replace(CONTRACT, is_subject=is_known), **own}


def all_kinds(vendors: Sequence[Vendor]) -> dict[str, DriftKind]:
    """Return every kind of drift that can be in a world, by name: those of a scenario's traffic too."""
    return {**kinds(vendors), **OF_TRAFFIC}


def add_drift(control: Control, name: str, body: DriftRequest) -> dict[str, Any]:
    """Let something drift from an instant on."""
    known = kinds(control.vendors)
    with control.changing(name) as world:
        drift = drift_of(body, known, world.clock.now())
        if len(world.drifts.all) >= MAX_DRIFTS:
            raise Conflict(f"a world has at most {MAX_DRIFTS} drifts")
        added = world.drifts.add(world.count("drifts"), drift)
        return present_drift(added, known, world.clock.now())


def list_drifts(control: Control, name: str, query: PageQuery) -> dict[str, Any]:
    """Return a world's drifts, in the order they were added."""
    known = all_kinds(control.vendors)
    with control.reading(name) as world:
        now = world.clock.now()
        return _page(world, query, lambda each: present_drift(each, known, now))


def list_truth(control: Control, name: str, query: PageQuery) -> dict[str, Any]:
    """Return what really changes in a world, in the order it was said."""
    known = all_kinds(control.vendors)
    with control.reading(name) as world:
        return _page(world, query, lambda each: present_truth(each, known))


def add_alerts(control: Control, name: str, body: AlertsRequest) -> dict[str, Any]:
    """Take alerts."""
    known = [*sorted(kinds(control.vendors)), *OF_TRAFFIC]
    with control.changing(name) as world:
        now = world.clock.now()
        problems = [problem for n, alert in enumerate(body.root) for problem in _problems(n, alert, now, known)]
        if problems:
            raise InvalidRequest(*problems)
        alerts = Alerts(world.store, world.id)
        added = []
        for asked in body.root:
            alert = Alert(
                world.count("alerts"), now if asked.at is None else asked.at, asked.kind, asked.subject, asked.note
            )
            if alert.seq > MAX_ALERTS:
                raise Conflict(f"a world takes at most {MAX_ALERTS} alerts")
            alerts.add(alert)
            added.append(present_alert(alert))
        return {"data": added}


def score_alerts(control: Control, name: str, query: ScoreQuery) -> dict[str, Any]:
    """Return how well a world's alerts tell its drifts."""
    with control.reading(name) as world:
        alerts = Alerts(world.store, world.id).all()
        grace_us = GRACE_US if query.grace is None else query.grace
        return present_score(score(world.drifts.all, alerts, world.clock.now(), grace_us))


def _page(world: World, query: PageQuery, shape: Any) -> dict[str, Any]:
    later = [each for each in world.drifts.all if each.seq > query.after]
    return page(later, query.limit, cursor=lambda each: each.seq, shape=shape)


def drift_of(body: DriftRequest, known: Mapping[str, DriftKind], now: int) -> Drift:
    """Return the drift that was asked for.

    :param known: every kind it may be of, by name.
    :raises InvalidRequest: it cannot be; every faulty field is named.
    """
    kind = known.get(body.kind)
    if kind is None:
        raise InvalidRequest(_unknown(("body", "kind"), body.kind, sorted(known)))
    onset = now if body.at is None else body.at
    problems: list[Problem] = []

    def refuse(field: str, message: str, code: str = "out_of_range") -> None:
        problems.append(Problem(("body", field), message, code))

    if onset < now:
        refuse("at", f"the world's time is {format_instant(now)}: what was answered before stays as it was")
    if body.end is not None and body.end <= onset:
        refuse("end", f"must be after the onset, {format_instant(onset)}")
    if body.shape == "step":
        if body.over is not None:
            refuse("over", "a step takes no time; other shapes do: ramp, pulse, seasonal, gradual_mix")
    elif not body.over:
        refuse("over", f"a {body.shape} takes time: say how long, such as 3d", "required")
    if not kind.is_subject(body.subject):
        refuse("subject", f"'{body.subject}' is a glob of {kind.subject}; there is none such", "invalid_enum")
    size = kind.default_size if body.size is None else body.size
    if size is None:
        refuse("size", f"wanted: {kind.unit}", "required")
    elif size == kind.neutral or not kind.low <= size <= kind.high:
        bounds = f"{kind.low:g} to {kind.high:g}, and not {kind.neutral:g}, which changes nothing"
        refuse("size", f"{kind.unit}: {bounds}")
    options: dict[str, Any] = {}
    for name, value in body.options().items():
        option = kind.options.get(name)
        if option is None:
            others = ", ".join(sorted(kind.options)) or "none"
            refuse(name, f"no such option of '{body.kind}'; there are: {others}", "unknown_key")
            continue
        try:
            options[name] = option.read(value)
        except ValueError as error:
            refuse(name, f"{option.summary}: {error}", "invalid_format")
    if body.kind == "contract" and not body.options():
        refuse("kind", f"a contract drift says what changes: {', '.join(sorted(kind.options))}", "required")
    if problems:
        raise InvalidRequest(*problems)
    assert size is not None
    return Drift(
        body.kind, body.subject, onset, size, body.shape, body.end, body.over or 0, body.cause, options
    )  # fmt: skip


def _problems(n: int, alert: AlertRequest, now: int, known: Sequence[str]) -> Iterator[Problem]:
    if alert.kind is not None and alert.kind not in known:
        yield _unknown(("body", n, "kind"), alert.kind, known)
    if alert.at is not None and alert.at > now:
        message = f"the world's time is {format_instant(now)}: nobody has noticed anything later"
        yield Problem(("body", n, "at"), message, "out_of_range")


def _unknown(where: tuple[str | int, ...], kind: str, known: Sequence[str]) -> Problem:
    why = "is about who asks what, which only a scenario's traffic can show" if kind in OF_TRAFFIC else "is no kind"
    return Problem(where, f"'{kind}' {why}; there are: {', '.join(known)}", "invalid_enum")


# Exporting

_encode = JSONEncoder(ensure_ascii=False, sort_keys=True).encode


def _truth(world: World) -> Iterator[Sequence[tuple[Value, ...]]]:
    rows = [_row(each) for each in world.drifts.all]
    if rows:
        yield rows


def _row(labelled: Labelled) -> tuple[Value, ...]:
    drift = labelled.drift
    return (
        labelled.id, drift.kind, drift.subject, format_instant(drift.onset),
        None if drift.until is None else format_instant(drift.until), Decimal(repr(drift.size)), drift.shape,
        Decimal(drift.span_us).scaleb(-6) if drift.span_us else None, drift.cause,
        Json(_encode(drift.options)),
    )  # fmt: skip


TRUTH = Export(("id", "kind", "subject", "onset", "end", "size", "shape", "over_s", "cause", "options"), _truth)
"""What really changes in a world, oldest first."""
