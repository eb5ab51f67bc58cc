"""What faults and drifts of the contract do to a scenario's calls and events; whom they hit is the kernel's to say."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any, NamedTuple

from mockserver.http import faulting
from mockserver.http.contract import KIND, edits
from mockserver.http.endpoint import Api, Endpoint
from mockserver.http.faulting import Struck
from mockserver.kernel.drifts import Drift, seen_of
from mockserver.kernel.faults import Armed, Double, Effect
from mockserver.kernel.ids import Draws
from mockserver.kernel.matching import All, Facts, Is, Pattern, glob
from mockserver.kernel.world import World
from mockserver.vendors.intake import Sent
from mockserver.vendors.vendor import Vendor

INTEGRATOR = "integrator"
"""What faults may ask for as `client` of an event; of a call that is its customer's external id."""


class Mishap(NamedTuple):
    """What happens to one call, or to one attempt to send an event.

    Nothing is done when `status` or `is_severed` is set. Else the work is done, unless `is_undone`.

    :param fault: the ids of the faults that hit it.
    :param wait_us: how much later than usual its client knows what became of it.
    :param status: what it is refused with.
    :param is_severed: no answer comes, and nothing was done.
    :param is_lost: everything is kept, and no answer comes.
    :param is_undone: it is answered as usual, and nothing of it is kept.
    :param delay_us: how much later what was done shows.
    :param late_us: how much later an event arrives, though its sender is told at once that it has.
    :param skew_us: how far off an event's timestamp is.
    :param scale: what every number in an event's data is multiplied by.
    :param doubles: how an event arrives once more, at once; for each time.
    :param edits: what happens to the fields of a call's answer.
    """

    fault: str
    wait_us: int = 0
    status: int | None = None
    is_severed: bool = False
    is_lost: bool = False
    is_undone: bool = False
    delay_us: int = 0
    late_us: int | None = None
    skew_us: int = 0
    scale: Decimal | None = None
    doubles: tuple[Double, ...] = ()
    edits: tuple[Effect, ...] = ()

    @property
    def is_answered(self) -> bool:
        """Whether its client sees a success."""
        return self.status is None and not self.is_severed and not self.is_lost


# What effects mean

MEANT_FOR_TRAFFIC: Mapping[str, str] = {
    "status": "a call or an event is refused with it, and nothing done",
    "message": "what the refusal says; no client of a scenario reads it",
    "retry_after_s": "how long to wait; no client of a scenario heeds it",
    "latency": "the answer to a call or an event comes so much later",
    "timeout_s": "no answer for so long, then the connection is lost, and nothing is done",
    "reset": "the connection is lost, and nothing is done",
    "lost_ack": "a call is debited, or an event recorded, and its sender sees no answer",
    "false_ack": "a call is answered, or an event accepted, and nothing of it is kept",
    "delay_us": "a call and its debit, or an event, show so much later",
    "drop": "fields of a call's answer that its integrator does not see",
    "add": "fields of a call's answer that were never promised",
    "rename": "fields of a call's answer under another name",
    "retype": "fields of a call's answer with another type",
    "double": "an event arrives twice",
    "late_us": "an event arrives so much later than its sender is told",
    "skew_us": "an event's timestamp is so far off",
    "scale": "every number in an event's data is multiplied",
}
"""What the fields of a fault's effect mean for a scenario's traffic; those that are not here mean nothing."""

_STREAMS = "traffic does not stream; say lost_ack for a call that is debited and not answered"
_READS = "traffic reads no bytes; say lost_ack for an answer that is of no use"
_CREDIT = "credit is for start.balance_usd and wallet to say"
_MEANINGLESS: Mapping[str, tuple[str, str]] = {
    "truncate_after": ("truncate_stream_after", _STREAMS),
    "malformed_chunk": ("malformed_chunk", _READS),
    "empty_body": ("empty_body", _READS),
    "exhaust": ("exhaust_credits", _CREDIT),
    "top_up_micro_usd": ("top_up_usd", _CREDIT),
    "top_up_after_us": ("top_up_after", _CREDIT),
}
"""What is said of the other fields: as `POST faults` calls them, and why they are no part of a scenario."""

_NO_CREDIT = 402


def objection(effect: Effect) -> tuple[str, str] | None:
    """Return why an effect can be no part of a scenario, as (the fault's key that says it, why); `None` when it can."""
    if effect.status == _NO_CREDIT:
        return "status", "a 402 comes when the balance is used up; let start.balance_usd and wallet see to that"
    said = effect.said()
    return next((why for name, why in _MEANINGLESS.items() if name in said), None)


# Who is hit


class Target:
    """The calls, or the events, of a scenario's traffic as faults see them.

    :param operation: by its vendor's name for it, as `Serving.operation` and `Intake.operation` have it.
    """

    def __init__(self, vendor: Vendor, operation: str) -> None:
        self._api: Api = vendor.api
        self._endpoint: Endpoint = next(each for each in vendor.api.endpoints if each.operation == operation)
        self._known: dict[str, Any] = {
            "vendor": vendor.name,
            "operation": self.operation,
            "method": self._endpoint.method,
            "path": self._endpoint.path,
            "key": None,
        }
        self._told: dict[str, Mapping[str, Any]] = {}
        self._armed: tuple[Armed, ...] = ()
        self._windows: list[tuple[int | None, int | None]] = []

    @property
    def operation(self) -> str:
        """Its name, with the vendor."""
        return f"{self._api.name}.{self._endpoint.operation}"

    def call(self, who: str, customer: str, idempotency_key: str) -> Facts:
        """Return the facts of a call.

        :param who: what is called; `customer` by external id.
        """
        known = {**self._known, "client": customer, "idempotency_key": idempotency_key}
        return Facts(known, lambda: self._about(who))

    def event(self, sent: Sent, customer: str | None = None) -> Facts:
        """Return the facts of an attempt to send an event.

        :param customer: by external id; faults may name the event's customer by that and by its id.
        """
        known = {**self._known, "client": INTEGRATOR, "idempotency_key": sent.key}
        return Facts(known, lambda: self._inside(sent, customer))

    def _about(self, who: str) -> Mapping[str, Any]:
        told = self._told.get(who)
        if told is None:
            body = {"model": who, "messages": []}
            told = self._told[who] = {"header": {}, "json": body, **self._api.describe(self._endpoint, (), body)}
        return told

    def _inside(self, sent: Sent, customer: str | None) -> Mapping[str, Any]:
        body = {"type": sent.type, "source": sent.source, "subject": sent.subject, "data": sent.data}
        return {
            "header": {}, "json": body, **self._api.describe(self._endpoint, (), body),
            "customer": [sent.subject, *([] if customer is None else [customer])],
        }  # fmt: skip

    def struck(self, world: World, facts: Facts, at: int, spent: Callable[[], int]) -> Mishap | None:
        """Let a world's faults decide; `None` when none hits. To be asked in order of time; decisions are rows.

        :param spent: returns what was debited so far, in micro-USD.
        """
        if not world.faults.armed or not self._is_in_danger(world.faults.armed, at):
            return None
        hits = world.faults.strike(facts, at, 0, world.draws, spent, lambda effect: self._can_suffer(effect, facts))
        return mishap(Struck(hits, world.draws)) if hits else None

    def _can_suffer(self, effect: Effect, facts: Facts) -> bool:
        """Whether an effect means anything here; a fault whose effect does not leaves traffic alone, uncounted."""
        if objection(effect) is not None:
            return False
        return faulting.can_suffer(effect, self._api, self._endpoint, facts, is_prepaid=False)

    def _is_in_danger(self, armed: tuple[Armed, ...], at: int) -> bool:
        """Whether any fault could hit anything at an instant: most of the time none can, and that is cheap to say."""
        if armed is not self._armed:
            self._armed = armed
            self._windows = [
                (each.fault.when.start, each.fault.when.end)
                for each in armed
                if objection(each.fault.effect) is None and self._is_meant(each.fault.pattern)
            ]
        return any((start is None or start <= at) and (end is None or at < end) for start, end in self._windows)

    def _is_meant(self, pattern: Pattern) -> bool:
        """Whether a pattern could match here, by what is the same for all."""
        if isinstance(pattern, All):
            return all(map(self._is_meant, pattern.parts))
        if isinstance(pattern, Is) and pattern.name in self._known:
            return pattern.way.accepts(pattern.name, self._known[pattern.name])
        return True


def mishap(struck: Struck) -> Mishap:
    """Return what the faults that hit a call or an event do to it, taken together."""
    final, effects = struck.final, struck.effects
    scale = Decimal(1)
    for effect in effects:
        if effect.scale is not None:
            scale = faulting.scaled_by(scale, Decimal(effect.scale))
    return Mishap(
        struck.ids,
        struck.wait_us,
        None if final is None else final.status,
        final is not None and final.status is None,
        struck.is_lost,
        struck.is_undone,
        struck.delay_us,
        struck.late_us,
        sum(effect.skew_us or 0 for effect in effects),
        None if scale == 1 else scale,
        () if final is not None else tuple([effect.double for effect in effects if effect.double is not None]),
        tuple([effect for effect in effects if effect.drop or effect.add or effect.rename or effect.retype]),
    )


# Drifts of the contract


class Contracts:
    """The drifts of kind `contract` that a scenario's traffic meets.

    :param drifts: all drifts of the world, oldest first.
    """

    def __init__(self, drifts: Sequence[Drift], draws: Draws) -> None:
        self._drifts = [drift for drift in drifts if drift.kind == KIND]
        self._draws = draws
        self._about: dict[tuple[str, ...], list[Drift]] = {}

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._drifts)

    def of_answer(self, operation: str, at: int, key: int, turn: int) -> list[Effect]:
        """Return what happens to the fields of an answer.

        :param operation: its name, with the vendor.
        """
        about = self._of((operation, operation.partition(".")[2]))
        if not about:
            return []
        draws, subject = self._draws, f"{operation} of {key}"
        seen = seen_of(
            about, at, lambda place, share: draws.uniform(f"drift contract mix {place}", subject, turn) < share
        )
        return edits(seen, lambda place: draws.uniform(f"drift contract {place}", subject, turn))

    def of_sent(self, event_type: str, at: int, customer: str, key: int, turn: int) -> list[Effect]:
        """Return what happens to the fields of an event's data before it is sent, as subject `sent:<event type>` says.

        With shape `gradual_mix` some customers have moved and others have not; who has moved stays moved.
        """
        name = f"sent:{event_type}"
        about = self._of((name,))
        if not about:
            return []
        draws = self._draws
        seen = seen_of(
            about,
            at,
            lambda place, share: draws.uniform(f"drift contract mix {place}", f"{name} by {customer}") < share,
        )
        return edits(seen, lambda place: draws.uniform(f"drift contract {place}", f"{name} of {key}", turn))

    def _of(self, names: tuple[str, ...]) -> list[Drift]:
        about = self._about.get(names)
        if about is None:
            about = [drift for drift in self._drifts if any(map(glob(drift.subject).fullmatch, names))]
            self._about[names] = about
        return about


def edited(data: Any, effects: Iterable[Effect]) -> Any:
    """Return JSON data with its fields edited, in order; the data itself is changed."""
    for effect in effects:
        data = faulting.edited(data, replace(effect, add=_exact(effect.add)) if effect.add else effect)
    return data


def _exact(value: Any) -> Any:
    """Return JSON data whose numbers are exact: rules are kept as JSON, and read with floats."""
    if isinstance(value, float):
        return Decimal(repr(value))
    if isinstance(value, Mapping):
        return {name: _exact(each) for name, each in value.items()}
    return [_exact(each) for each in value] if isinstance(value, list) else value
