"""What an integrator reports of the calls its clients saw answered, and what becomes of each report (pure)."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from decimal import Context, Decimal
from functools import lru_cache
from typing import Any, Final, Literal, NamedTuple

from mockserver.http.faulting import again, dump_exactly, other_payload, read_exactly, scaled
from mockserver.kernel.matching import glob, member
from mockserver.kernel.money import plain
from mockserver.kernel.windows import DAY, EARLIEST, LATEST, SECOND
from mockserver.simulation.laws import LogNormal
from mockserver.simulation.mishaps import Contracts, Mishap, edited
from mockserver.simulation.parts import EventPart
from mockserver.simulation.script import Script
from mockserver.simulation.usage import Ask
from mockserver.vendors.intake import Sent

Kind = Literal["missing", "doubled", "wrong_amount", "unknown"]
"""The differences that a reconciliation finds, as `mockserver.control.reconciling` calls them."""

_MISSING: Kind = "missing"
_UNKNOWN: Kind = "unknown"

KEY_COUNTS_US = DAY
"""How long a key that was used makes a further event a repetition: what the integrator relies on."""

_EXACT = Context(prec=1000)


class Answered(NamedTuple):
    """A call whose client saw an answer.

    :param at: when it had the answer, in microseconds.
    :param id: of the answer, as it really is.
    :param seen: the answer as its client saw it: `answer()`, with whatever was edited since. It is not changed.
    :param customer: external id; `subject` is the customer's id with who takes the events in.
    :param is_kept: whether anything was debited; not of a false acknowledgement.
    """

    ask: Ask
    at: int
    id: str
    seen: Mapping[str, Any]
    endpoint: str
    customer: str
    subject: str
    latency_us: int
    cost_micro_usd: int
    is_kept: bool = True


class Arrived(NamedTuple):
    """A copy of an event that was or will be taken in, unless its key was used before.

    :param is_wrong: whether it says a wrong cost.
    :param is_held: whether it was sent earlier; what is sent at an instant comes before what was held up until then.
    """

    at: int
    key: str | None
    is_wrong: bool
    is_held: bool


class Report(NamedTuple):
    """One event on its way, and what became of the attempts to send it so far.

    :param at: when it is sent next; `None` when that is over.
    :param name: unique among all reports of a scenario, and the same in every run.
    :param customer: external id.
    :param sent: what is sent, but for its key.
    :param attempt: how many attempts were made.
    :param failures: how many of them failed since one was last acknowledged.
    :param resends: how often it is still to be sent although it was acknowledged.
    :param arrived: what was or will be taken in.
    :param counts: whether a reconciliation looks for it: it is the event that tells the call's cost.
    :param is_named: whether it says which call it is about.
    :param is_owed: whether something was debited for the call; `is_free` that its price was nothing.
    :param due: the numbers it has to tell; `is_wrong` that it says others from the beginning.
    """

    at: int | None
    name: str
    customer: str
    sent: Sent
    attempt: int = 0
    failures: int = 0
    resends: int = 0
    arrived: tuple[Arrived, ...] = ()
    counts: bool = True
    is_named: bool = True
    is_owed: bool = True
    is_free: bool = False
    due: tuple[Decimal | int, ...] = ()
    is_wrong: bool = False

    def dump(self) -> str:
        """Return the report as JSON text, which `load` reads."""
        return dump_exactly(self).decode("utf-8", "surrogatepass")

    @classmethod
    def load(cls, text: str) -> Report:
        """Undo `dump`."""
        report = cls(*read_exactly(text.encode("utf-8", "surrogatepass")))
        return report._replace(
            sent=Sent(*report.sent), arrived=tuple([Arrived(*each) for each in report.arrived]), due=tuple(report.due)
        )

    @property
    def kept(self) -> int:
        """How many copies were recorded: those under a key that had not been used within 24 hours."""
        return len(self._kept)

    @property
    def _kept(self) -> Sequence[Arrived]:
        if len(self.arrived) < 2:
            return self.arrived
        kept: list[Arrived] = []
        used: dict[str, int] = {}
        for copy in sorted(self.arrived, key=lambda copy: (copy.at, copy.is_held)):
            if copy.key is not None:
                if copy.key in used and copy.at < used[copy.key] + KEY_COUNTS_US:
                    continue
                used[copy.key] = copy.at
            kept.append(copy)
        return kept

    @property
    def planted(self) -> tuple[Kind, ...]:
        """The differences a reconciliation is to find for the call, once the report is over; none when all is right."""
        if not self.counts:
            return ()
        kept = self._kept
        if not (self.is_owed and self.is_named):
            missing = self.is_owed and not self.is_free
            return (_MISSING,) * missing + (_UNKNOWN,) * len(kept)
        if not kept:
            return () if self.is_free else (_MISSING,)
        if len(kept) > 1:
            return ("doubled",)
        return ("wrong_amount",) if kept[0].is_wrong else ()


class Attempt(NamedTuple):
    """What came of one attempt to send a report.

    :param arrivals: what is to be taken in, as (when, event) in this order; often later than the attempt.
    :param report: as it is from now on.
    """

    arrivals: Sequence[tuple[int, Sent]]
    report: Report


class Integrator:
    """Who reports the calls of one script.

    Of the events about one call, a reconciliation looks for the one that says `{cost_usd}`, or else for the first.

    :param contracts: what is drifting about what is sent.
    """

    def __init__(self, script: Script, contracts: Contracts) -> None:
        part = self._part = script.integrator
        self._contracts = contracts
        types = [event.type for event in script.events]
        self._templates = [
            _Template(event, event.type if event.type not in types[:n] else f"{event.type}-{n + 1}")
            for n, event in enumerate(script.events)
        ]
        self._by_label = {template.label: template for template in self._templates}
        self._delay = LogNormal.fitted(part.delay.median, part.delay.p99)
        self._forgets = part.forgets
        self._doubles = part.forgets + part.doubles
        self._overstates = part.forgets + part.doubles + part.overstates
        self._of = lru_cache(maxsize=None)(self._templates_of)

    def reports(self, call: Answered) -> list[Report]:
        """Return the events that are to be sent about a call, one for each of the script's that apply to it.

        A forgotten one is over at once (`at` is `None`): it is only there to tell what it plants. So is that of a call
        that no event applies to, where others are reported.
        """
        templates = self._of(call.endpoint)
        if templates or not self._templates:
            return [self._report(call, template, counts) for template, counts in templates]
        return [_unsent(call, "", "", call.ask.at)]

    def unseen(self, cost_micro_usd: int) -> tuple[Kind, ...]:
        """Return the differences that a call plants which was debited but whose client saw no answer."""
        return (_MISSING,) if cost_micro_usd and self._templates else ()

    def _templates_of(self, endpoint: str) -> list[tuple[_Template, bool]]:
        """Return what is sent about the calls of an endpoint, and of each whether a reconciliation looks for it."""
        found = [template for template in self._templates if template.is_of(endpoint)]
        counting = next((template for template in found if template.says_cost), found[0] if found else None)
        return [(template, template is counting) for template in found]

    def _report(self, call: Answered, template: _Template, counts: bool) -> Report:
        ask, part = call.ask, self._part
        slip, label = ask.slip, template.label
        stamp = ask.at if part.is_stamped else None
        if slip < self._forgets:
            return _unsent(call, label, template.type, stamp)._replace(counts=counts)
        at = call.at + round(self._delay.quantile(ask.delay))
        cost = Decimal(call.cost_micro_usd).scaleb(-6)
        data = template.filled(call.seen, call, cost)
        is_altered = not template.says_cost
        if self._doubles <= slip < self._overstates:
            data, is_altered = template.overstated(data, call, cost, part.factor), True
        if self._contracts:
            edits = self._contracts.of_sent(template.type, at, call.customer, ask.key, ask.turn)
            if edits:
                data, is_altered = edited(deepcopy(data), edits), True
        due = template.due(call, cost)
        name = f"{label}:{ask.key}-{ask.turn}"
        is_known = call.seen.get("id") == call.id
        key = f"{label}:{call.id}" if is_known else name
        return Report(
            at, name, call.customer, Sent(template.type, template.source, data, call.subject, stamp, key),
            0, 0, 1 if self._forgets <= slip < self._doubles else 0, (), counts,
            (is_known and part.key != "none") or _says(data, call.id), call.is_kept, not call.cost_micro_usd,
            due, is_altered and template.told(data) != due,
        )  # fmt: skip

    def event(self, report: Report) -> Sent:
        """Return what the next attempt sends."""
        sent = report.sent
        if self._part.key == "call":
            return sent
        return sent._replace(key=None if self._part.key == "none" else f"{sent.key}:{report.attempt + 1}")

    def send(self, report: Report, event: Sent, mishap: Mishap | None, *, is_heard: bool = True) -> Attempt:
        """Return what comes of an attempt to send a report, at its `at`.

        :param event: what `event` returned for this attempt.
        :param is_heard: whether anything listens to its type; else it is refused, and never sent again.
        """
        at = report.at
        assert at is not None
        if mishap is None and is_heard:
            copy = Arrived(at, event.key, report.is_wrong, is_held=False)
            return Attempt([(at, event)], self._acknowledged(report, at, (copy,)))
        if mishap is None or not (is_heard or mishap.status or mishap.is_severed or mishap.is_lost):
            return Attempt((), report._replace(at=None, attempt=report.attempt + 1))
        knows_at = at + mishap.wait_us
        arrivals: list[tuple[int, Sent]] = []
        if is_heard and mishap.status is None and not mishap.is_severed:
            arrivals = list(_arrivals(event, mishap, at))
        copies = tuple([Arrived(when, sent.key, self._is_wrong(report, sent), when != at) for when, sent in arrivals])
        if mishap.is_answered:
            return Attempt(arrivals, self._acknowledged(report, knows_at, copies))
        return Attempt(arrivals, self._unacknowledged(report, knows_at, copies, mishap.status))

    def _is_wrong(self, report: Report, sent: Sent) -> bool:
        """Whether an event says anything else than it has to."""
        if sent.data is report.sent.data:
            return report.is_wrong
        label, _, _ = report.name.rpartition(":")
        return self._by_label[label].told(sent.data) != report.due

    def _acknowledged(self, report: Report, knows_at: int, copies: tuple[Arrived, ...]) -> Report:
        _, name, customer, sent, attempt, _, resends, arrived, counts, is_named, is_owed, is_free, due, is_wrong = (
            report
        )
        return Report(
            knows_at + self._part.backoff if resends else None, name, customer, sent, attempt + 1, 0,
            max(0, resends - 1), arrived + copies, counts, is_named, is_owed, is_free, due, is_wrong,
        )  # fmt: skip

    def _unacknowledged(self, report: Report, knows_at: int, copies: tuple[Arrived, ...], status: int | None) -> Report:
        may_retry = (status is None or status >= 500) and report.failures < self._part.retries
        return report._replace(
            at=knows_at + (self._part.backoff << report.failures) if may_retry else None,
            attempt=report.attempt + 1, failures=report.failures + 1, arrived=report.arrived + copies,
        )  # fmt: skip


def answer(identifier: str, model: str, prompt_tokens: int, completion_tokens: int, at: int) -> dict[str, Any]:
    """Return an answer as its client sees it, without what was said.

    :param at: when it was made, in microseconds.
    """
    return {
        "id": identifier,
        "object": "chat.completion",
        "created": at // SECOND,
        "model": model,
        "usage": {
            "prompt_tokens": prompt_tokens,
            "completion_tokens": completion_tokens,
            "total_tokens": prompt_tokens + completion_tokens,
        },
    }


def unknown_names(texts: Iterable[str], more: Collection[str] = ()) -> list[str]:
    """Return what the texts of an event name that neither a call nor its answer has, each once.

    :param more: dotted paths of fields that answers may get.
    """
    there = answer("", "", 0, 0, 0)
    names = dict.fromkeys(name for text in texts for name in _NAMED.findall(text))

    def is_coming(name: str) -> bool:
        return any(f"{name}.".startswith(f"{path}.") or path.startswith(f"{name}.") for path in more)

    return [name for name in names if name not in _OF_CALL and member(there, name) is None and not is_coming(name)]


def names_known() -> list[str]:
    """Return what an event's data may name, of a call and of its answer."""
    return [*_OF_CALL, *(".".join(place) for place, _ in _leaves(answer("", "", 0, 0, 0)))]


def _unsent(call: Answered, label: str, event_type: str, stamp: int | None) -> Report:
    """Return a report that is over before it began."""
    return Report(
        None, f"{label}:{call.ask.key}-{call.ask.turn}", call.customer,
        Sent(event_type, "", {}, call.subject, stamp, None),
        is_owed=call.is_kept, is_free=not call.cost_micro_usd,
    )  # fmt: skip


def _arrivals(event: Sent, mishap: Mishap, at: int) -> Iterator[tuple[int, Sent]]:
    """Yield the copies of an event that arrive, as (when, event), after what happened to it on its way."""
    if mishap.skew_us:
        stamp = (at if event.at is None else event.at) + mishap.skew_us
        event = event._replace(at=min(max(stamp, EARLIEST), LATEST))
    if mishap.scale is not None:
        event = event._replace(data=scaled(event.data, mishap.scale))
    if not mishap.is_undone:
        if mishap.late_us is not None:
            yield at + mishap.late_us, event
        elif mishap.delay_us:
            # It was accepted now, and only shows later.
            yield at + mishap.delay_us, event if event.at is not None else event._replace(at=at)
        else:
            yield at, event
    for how in mishap.doubles:
        if how == "new_key" and event.key is not None:
            yield at, event._replace(key=again(event.key))
        else:
            yield at, event._replace(data=other_payload(event.data)) if how == "other_payload" else event


# What is sent

_ABSENT: Final = object()
_NAMED = re.compile(r"\{([^{}]+)\}")
_NUMERIC = re.compile(r"\s*[+-]?\d+(\.\d+)?([eE][+-]?\d+)?\s*", re.ASCII)
_COST = "{cost_usd}"

Fill = Callable[[Mapping[str, Any], Answered, Decimal], Any]
"""Returns a value for an answer, its call and the call's cost; `_ABSENT` when what it names is not there."""


class _Template:
    """One of a script's events, ready to be filled in very often.

    :param label: what tells its keys from those of other events about the same call.
    """

    def __init__(self, part: EventPart, label: str) -> None:
        self.type = part.type
        self.source = part.source
        self.label = label
        self._of = [glob(pattern) for pattern in part.of]
        compiled = [(name, *_compiled(value)) for name, value in part.data.items()]
        self._shape = {name: value for name, _, value in compiled}
        self._fills = [(name, fill) for name, fill, _ in compiled if fill is not None]
        places = list(_leaves(part.data))
        cost = next((place for place, value in places if value == _COST), None)
        self.says_cost = cost is not None
        self._told = [place for place, _ in places] if cost is None else [cost]

    def is_of(self, endpoint: str) -> bool:
        """Whether calls of an endpoint are reported so."""
        return any(pattern.fullmatch(endpoint) for pattern in self._of)

    def filled(self, seen: Mapping[str, Any], call: Answered, cost: Decimal) -> dict[str, Any]:
        """Return the data of an event about a call; what its answer lacks is left out."""
        data = self._shape.copy()
        for name, fill in self._fills:
            data[name] = value = fill(seen, call, cost)
            if value is _ABSENT:
                del data[name]
        return data

    def overstated(self, data: dict[str, Any], call: Answered, cost: Decimal, factor: Decimal) -> dict[str, Any]:
        """Return the same data with so many times the cost; with so much more of everything if it says no cost."""
        if self.says_cost:
            return self.filled(call.seen, call, _EXACT.multiply(cost, factor))
        more: dict[str, Any] = scaled(data, factor)
        return more

    def due(self, call: Answered, cost: Decimal) -> tuple[Decimal, ...]:
        """Return what an event about a call has to tell, whatever happened to the fields of the answer."""
        if self.says_cost:
            return (cost,)
        ask = call.ask
        true = answer(call.id, "", ask.prompt_tokens, ask.completion_tokens, ask.at)
        return self.told(self.filled(true, call, cost))

    def told(self, data: Mapping[str, Any]) -> tuple[Decimal, ...]:
        """Return the numbers that make an event's worth: the cost it says, or else all it says; nothing is nought."""
        return tuple([_number_at(data, place) for place in self._told])


def _number_at(data: Any, place: Sequence[str]) -> Decimal:
    """Return a number as whoever reads events does: text that wholly is one counts."""
    for name in place:
        data = data.get(name) if isinstance(data, dict) else None
    if isinstance(data, str):
        return Decimal(data.strip()) if _NUMERIC.fullmatch(data) else Decimal(0)
    return Decimal(data) if isinstance(data, int | Decimal) and not isinstance(data, bool) else Decimal(0)


def _leaves(data: Mapping[str, Any], before: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield the place and value of everything in objects within objects."""
    for name, value in data.items():
        if isinstance(value, dict):
            yield from _leaves(value, (*before, name))
        else:
            yield (*before, name), value


def _compiled(value: Any) -> tuple[Fill | None, Any]:
    """Return what makes a value, or `None` and the value when it is always the same."""
    if isinstance(value, dict):
        members = [(name, *_compiled(each)) for name, each in value.items()]
        if all(fill is None for _, fill, _ in members):
            return None, value
        return lambda seen, call, cost: {
            name: made
            for name, fill, each in members
            if (made := each if fill is None else fill(seen, call, cost)) is not _ABSENT
        }, None
    if isinstance(value, list):
        items = [_compiled(each) for each in value]
        if all(fill is None for fill, _ in items):
            return None, value
        return lambda seen, call, cost: [
            made for fill, each in items if (made := each if fill is None else fill(seen, call, cost)) is not _ABSENT
        ], None
    if not isinstance(value, str) or not (names := _NAMED.findall(value)):
        return None, value
    if _NAMED.fullmatch(value):
        return _named(names[0]), None
    parts = _NAMED.split(value)
    fills = [_named(name) for name in names]

    def text(seen: Mapping[str, Any], call: Answered, cost: Decimal) -> Any:
        made = [fill(seen, call, cost) for fill in fills]
        if any(each is _ABSENT for each in made):
            return _ABSENT
        return "".join([*(f"{before}{_text(each)}" for before, each in zip(parts[::2], made, strict=False)), parts[-1]])

    return text, None


def _named(name: str) -> Fill:
    """Return what finds a value by its name: of the call, or else a path into the answer."""
    if name in _OF_CALL:
        return _OF_CALL[name]
    first, *rest = name.split(".")
    if not rest:
        return lambda seen, call, cost: seen.get(first, _ABSENT)
    if len(rest) == 1 and not rest[0].isdecimal():
        last = rest[0]

        def of_member(seen: Mapping[str, Any], call: Answered, cost: Decimal) -> Any:
            holder = seen.get(first)
            return holder.get(last, _ABSENT) if isinstance(holder, dict) else _ABSENT

        return of_member

    def of_path(seen: Mapping[str, Any], call: Answered, cost: Decimal) -> Any:
        here: Any = seen
        for part in (first, *rest):
            if isinstance(here, dict):
                here = here.get(part, _ABSENT)
            elif isinstance(here, list) and part.isdecimal() and int(part) < len(here):
                here = here[int(part)]
            else:
                return _ABSENT
        return here

    return of_path


def _milliseconds(us: int) -> int | Decimal:
    return Decimal(us).scaleb(-3) if us % 1000 else us // 1000


_OF_CALL: Mapping[str, Fill] = {
    "cost_usd": lambda seen, call, cost: cost,
    "endpoint": lambda seen, call, cost: call.endpoint,
    "latency_ms": lambda seen, call, cost: _milliseconds(call.latency_us),
    "customer": lambda seen, call, cost: call.customer,
}


def _text(value: Any) -> str:
    """Return a value as it stands in a text."""
    if isinstance(value, str):
        return value
    return plain(value) if isinstance(value, Decimal) else dump_exactly(value).decode("utf-8", "surrogatepass")


def _says(data: Any, text: str) -> bool:
    """Whether a text is one of those in JSON data, names of members aside."""
    if isinstance(data, dict):
        return any(_says(each, text) for each in data.values())
    if isinstance(data, list):
        return any(_says(each, text) for each in data)
    return isinstance(data, str) and data == text
