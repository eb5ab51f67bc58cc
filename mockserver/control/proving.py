"""What a journal proves about a client: which requests were attempts of one call, and what they kept to (pure).

Two requests say the same when vendor, method, path, query and body are the same; a JSON body may be written otherwise,
and neither its idempotency key nor a multipart boundary counts. Of a body longer than the journal keeps, what is kept
is compared, and how long it was. Two calls that say the same and run at once can only be told apart by their keys.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, NamedTuple

from mockserver.kernel.journal import MAX_BODY_BYTES, MAX_BYTES, Entry
from mockserver.kernel.money import usd_text
from mockserver.kernel.windows import SECOND, format_instant

MAX_ROWS = 50
"""Of more rows than this, the first are shown."""

MAX_NEAREST = 5
"""Requests that come close to one that is missing."""

# Statuses after which a client may well try again; 402 has a rule of its own.
_RETRYABLE = frozenset({408, 409, 429})
_PAYMENT_REQUIRED = 402

# A journal with fewer entries cannot have dropped any: none takes more room than two full bodies and its headers.
_MAY_HAVE_DROPPED = MAX_BYTES // (4 * MAX_BODY_BYTES)

# Of a body that is cut and has a key in it.
_COMPARED_BYTES = MAX_BODY_BYTES - 1024

# Timers may fire that much early.
_SLACK_US = 1_000

Cell = str | int | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether something holds, in one line, and the rows that show why not.

    :param count: of offences; of a claim about a number of calls, of those calls.
    :param more: how many rows are left out.
    """

    holds: bool
    message: str
    columns: tuple[str, ...]
    rows: Sequence[Sequence[Cell]] = ()
    count: int = 0
    more: int = 0


CALLS = ("seq", "at", "operation", "status", "cost_usd", "key", "why")
"""The columns of a table of calls; where there is no operation, there are method and path."""


def table(
    holds: bool, message: str, columns: tuple[str, ...], rows: Iterable[Sequence[Cell]], count: int | None = None
) -> Verdict:
    """Return a verdict with the first of some rows.

    :param count: of offences, where it is not that of the rows.
    """
    every = list(rows)
    shown = every[:MAX_ROWS]
    return Verdict(holds, message, columns, shown, len(every) if count is None else count, len(every) - len(shown))


# Requests


@dataclass(frozen=True, slots=True)
class Customs:
    """What about vendors and faults decides how requests are read.

    :param header_keyed: operations that heed the header `Idempotency-Key`.
    :param body_keyed: those that heed a member of their body instead, and its name.
    :param spoiling: ids of faults after which a client has no answer it could use, although there was one.
    :param unheard: numbers of requests whose client left before their answer came.
    """

    header_keyed: Collection[str] = ()
    body_keyed: Mapping[str, str] = field(default_factory=dict)
    spoiling: Collection[str] = ()
    unheard: Collection[int] = ()


Content = tuple[bytes | str, int]


class Sent(NamedTuple):
    """One request of the journal.

    :param identity: equal for requests that say the same.
    :param key: its idempotency key, where its operation heeds one.
    :param heeds_key: whether it does, and the request asks for work at all.
    :param is_failed: whether a client may well try it again: no answer it could use, 408, 409, 429 or 5xx.
    """

    entry: Entry
    identity: tuple[str, str, str, str, Content]
    key: str | None
    heeds_key: bool
    is_failed: bool

    @property
    def is_success(self) -> bool:
        """Whether the client got what it asked for."""
        return self.entry.status is not None and self.entry.status < 400 and not self.is_failed


def read(entries: Iterable[Entry], customs: Customs) -> list[Sent]:
    """Return the requests of some journal entries, in their order."""
    return [_sent(entry, customs) for entry in entries]


def _sent(entry: Entry, customs: Customs) -> Sent:
    member = customs.body_keyed.get(entry.operation or "")
    content, key = _content(entry, member)
    if member is None:
        header = entry.headers.get(b"idempotency-key")
        key = None if header is None else header.decode("latin-1")
    heeds_key = member is not None or entry.operation in customs.header_keyed
    path = entry.path.removeprefix(f"/{entry.vendor}")
    status = entry.status
    is_failed = (
        status is None
        or status in _RETRYABLE
        or status >= 500
        or entry.seq in customs.unheard
        or any(fault in customs.spoiling for fault in (entry.fault or "").split())
    )
    identity = (entry.vendor, entry.method, path, entry.query, content)
    return Sent(entry, identity, key, heeds_key and entry.method not in ("GET", "HEAD", "OPTIONS"), is_failed)


def is_cut(entry: Entry) -> bool:
    """Whether a request's body was longer than the journal keeps."""
    return _length(entry) > MAX_BODY_BYTES


def _length(entry: Entry) -> int:
    told = entry.headers.get(b"content-length", b"")
    if told.isdigit():
        return int(told)
    # Sent in chunks: what is kept may lack half a character.
    kept = len(entry.request_body)
    return kept if kept < MAX_BODY_BYTES - 3 else MAX_BODY_BYTES + 1


def _content(entry: Entry, member: str | None) -> tuple[Content, str | None]:
    """Return what of a body makes two requests the same, and the idempotency key in it."""
    body = entry.request_body
    _, found, boundary = entry.headers.get(b"content-type", b"").partition(b"boundary=")
    if found:
        return (body.replace(boundary.strip(b'"'), b""), _length(entry)), None
    if not is_cut(entry):
        try:
            data = json.loads(body, parse_float=_exact)
            key = data.pop(member, None) if member is not None and isinstance(data, dict) else None
            return (json.dumps(data, sort_keys=True), 0), key if isinstance(key, str) else None
        except (ValueError, RecursionError):
            pass
    if member is None:
        return (body, _length(entry)), None
    said = re.search(rb'"%s"\s*:\s*("(?:[^"\\]|\\.)*")\s*,?\s*' % re.escape(member.encode()), body)
    if said is None:
        return (body, _length(entry)), None
    try:
        key = json.loads(said[1])
    except ValueError:
        key = said[1][1:-1].decode("latin-1")
    rest = body.replace(said[0], b"", 1)
    # Two keys may differ in length, and what is kept then ends at different places.
    return (rest[:_COMPARED_BYTES] if is_cut(entry) else rest, _length(entry) - len(said[0])), key


def _exact(text: str) -> str:
    """Keep a number's own digits, apart from any text that may look the same."""
    return f"\0{text}"


def forgotten(entries: Sequence[Entry]) -> int:
    """Return how many requests came before the oldest a full journal still has."""
    if not entries or entries[-1].seq < _MAY_HAVE_DROPPED:
        return 0
    return entries[0].seq - 1


def attempts(requests: Sequence[Sent]) -> list[list[Sent]]:
    """Return the calls of a client: each the attempts at one thing, in order, all but the last of them failed.

    A request that failed is followed by the next one that says the same and has the same key. Only where none comes,
    it is followed by the next with another key, or with none, that follows nothing else.
    """
    calls: list[list[Sent]] = []
    to_come: Counter[tuple[object, str | None]] = Counter((sent.identity, sent.key) for sent in requests)
    waiting: defaultdict[object, dict[str | None, list[Sent]]] = defaultdict(dict)  # for an attempt with that key
    lonely: defaultdict[object, dict[str | None, None]] = defaultdict(dict)  # of these, keys that do not come again
    for sent in requests:
        open_calls, without = waiting[sent.identity], lonely[sent.identity]
        to_come[sent.identity, sent.key] -= 1
        call = open_calls.pop(sent.key, None)
        if call is None and without:
            key = next(iter(without))
            del without[key]
            call = open_calls.pop(key)
        if call is None:
            call = []
            calls.append(call)
        call.append(sent)
        if sent.is_failed:
            open_calls[sent.key] = call
            if not to_come[sent.identity, sent.key]:
                without[sent.key] = None
    return calls


# Tables of calls


class Shown(NamedTuple):
    """A request in a table, and why it is there."""

    sent: Sent
    why: str


def _row(shown: Shown) -> list[Cell]:
    entry = shown.sent.entry
    return [
        entry.seq, format_instant(entry.at), entry.operation or f"{entry.method} {entry.path}", entry.status,
        usd_text(entry.cost_micro_usd), shown.sent.key, shown.why,
    ]  # fmt: skip


def _calls(holds: bool, message: str, shown: Iterable[Shown], count: int) -> Verdict:
    """Return a verdict about calls; each is shown once, with the last that is said of it."""
    rows = {each.sent.entry.seq: each for each in shown}
    return table(holds, message, CALLS, (_row(rows[seq]) for seq in sorted(rows)), count)


def _times(count: int) -> str:
    return {0: "never", 1: "once"}.get(count, f"{count} times")


def _plural(count: int, one: str, many: str) -> str:
    return one if count == 1 else f"{count} {many}"


# How often


class Bounds(NamedTuple):
    """How often something may have been called."""

    at_least: int
    at_most: int | None

    def __str__(self) -> str:
        if self.at_most is None:
            return f"at least {_times(self.at_least)}"
        if self.at_least == self.at_most:
            return _times(self.at_most)
        return f"at most {_times(self.at_most)}" if not self.at_least else f"{self.at_least} to {self.at_most} times"


class Near(NamedTuple):
    """A request that is not one of those meant, and what differs."""

    sent: Sent
    differences: Sequence[str]


def called(
    what: str, bounds: Bounds, matching: Sequence[Sent], others: Sequence[Near], unread: int, dropped: int
) -> Verdict:
    """Judge how often something was called.

    :param others: requests that were not meant; where too few were, the nearest of them are shown.
    :param unread: how many requests may have been meant, but their bodies were longer than the journal keeps.
    :param dropped: how many the journal does not have any more.
    """
    count, most = len(matching), len(matching) + unread + dropped
    told = f"{what} was called {_times(count)}" if count else f"{what} was never called"
    enough = count >= bounds.at_least
    if enough and (bounds.at_most is None or most <= bounds.at_most):
        return _calls(True, told, (), count)
    shown = [Shown(sent, "counted") for sent in matching]
    if not enough:
        near = sorted(others, key=lambda near: (len(near.differences), -near.sent.entry.seq))[:MAX_NEAREST]
        shown += [Shown(sent, "; ".join(differences)) for sent, differences in near]
    if most < bounds.at_least or (bounds.at_most is not None and count > bounds.at_most):
        nothing = "" if matching or others else "; no request came at all"
        return _calls(False, f"{told}, wanted {bounds}{nothing}", shown, count)
    doubts = []
    if unread:
        doubts.append(f"{_plural(unread, 'one body was', 'bodies were')} longer than the journal keeps")
    if dropped:
        doubts.append(f"the journal no longer has {_plural(dropped, 'the oldest request', 'of the oldest requests')}")
    return _calls(False, f"cannot be judged: {told}, wanted {bounds}, but {' and '.join(doubts)}", shown, count)


# Money


class Limits(NamedTuple):
    """What may have been spent, in micro-USD."""

    min: int | None = None
    max: int | None = None
    exactly: int | None = None


class Spending(NamedTuple):
    """A debit.

    :param row: what is shown of it, but for why.
    """

    amount_micro_usd: int
    row: Sequence[Cell]


def spend(what: str, limits: Limits, debits: Iterable[Spending]) -> Verdict:
    """Judge what debits come to. Those are shown that take the sum over what was allowed; or all, where it is less.

    :param what: which debits, in words, such as `spent`.
    """
    most = min((limit for limit in (limits.max, limits.exactly) if limit is not None), default=None)
    count = spent = over = 0
    first: list[list[Cell]] = []
    beyond: list[list[Cell]] = []
    for debit in debits:
        count += 1
        spent += debit.amount_micro_usd
        is_over = most is not None and spent > most
        over += is_over
        rows = beyond if is_over else first
        if len(rows) < MAX_ROWS:
            rows.append([*debit.row, f"takes the sum to {usd_text(spent)} USD"])
    told = f"{what} {usd_text(spent)} USD in {_plural(count, 'one call', 'calls')}"
    wanted = []
    if limits.exactly is not None and spent != limits.exactly:
        wanted.append(f"exactly {usd_text(limits.exactly)}")
    if limits.max is not None and spent > limits.max:
        wanted.append(f"at most {usd_text(limits.max)}")
    if limits.min is not None and spent < limits.min:
        wanted.append(f"at least {usd_text(limits.min)}")
    if not wanted:
        return Verdict(True, told, CALLS, (), count)
    rows, of = (beyond, over) if over else (first, count)
    return Verdict(False, f"{told}, wanted {' and '.join(wanted)} USD", CALLS, rows, of, of - len(rows))


# Credit


def no_retry_after_402(requests: Sequence[Sent], *, any_request: bool = False) -> Verdict:
    """Judge whether the client left off once it was told to pay.

    An offence is each request that says the same as one that was answered 402 before, unless it succeeds: then credit
    had come. One that fails in another way is forgiven if the next that says the same succeeds.

    :param any_request: also each other request of the vendor that is answered 402 while no paid one has succeeded since
        the last 402. Paid are operations that cost something or were ever answered 402.
    """
    offences: dict[int, tuple[Sent, Sent, str]] = {}
    refused: dict[object, Sent] = {}
    unclear: defaultdict[object, list[Sent]] = defaultdict(list)

    def note(before: Sent, sent: Sent, why: str) -> None:
        offences[sent.entry.seq] = (before, sent, why)

    def note_unclear(identity: object) -> None:
        for sent in unclear.pop(identity, ()):
            note(refused[identity], sent, f"the same again, after #{refused[identity].entry.seq} was answered 402")

    if any_request:
        for before, sent in _refused_in_a_row(requests):
            note(before, sent, f"answered 402 again, and nothing paid succeeded since #{before.entry.seq}")
    for sent in requests:
        identity, is_refused = sent.identity, sent.entry.status == _PAYMENT_REQUIRED
        if identity in refused:
            if sent.is_success:
                del refused[identity]
                unclear.pop(identity, None)
                continue
            unclear[identity].append(sent)
            if is_refused:
                note_unclear(identity)
        if is_refused:
            refused[identity] = sent
    for left in list(unclear):
        note_unclear(left)
    if not offences:
        return _calls(True, "no request was repeated after 402", (), 0)
    count = len(offences)
    shown = [Shown(before, "answered 402") for before, _, _ in offences.values()]
    shown += [Shown(sent, why) for _, sent, why in offences.values()]
    message = f"{_plural(count, 'one request', 'requests')} came after 402, without credit"
    return _calls(False, message, shown, count)


def _refused_in_a_row(requests: Sequence[Sent]) -> Iterator[tuple[Sent, Sent]]:
    paid = {sent.entry.operation for sent in requests if sent.entry.status == _PAYMENT_REQUIRED}
    last: dict[str, Sent] = {}
    for sent in requests:
        entry = sent.entry
        if entry.status == _PAYMENT_REQUIRED:
            if entry.vendor in last:
                yield last[entry.vendor], sent
            last[entry.vendor] = sent
        elif sent.is_success and entry.idempotency != "replayed" and (entry.cost_micro_usd or entry.operation in paid):
            last.pop(entry.vendor, None)


# Idempotency keys


def same_idempotency_key(requests: Sequence[Sent]) -> Verdict:
    """Judge whether every attempt at a call had one and the same key, and no other call had it.

    Only operations that heed a key are looked at. An offence is each call that was tried again, where an attempt had
    no key or another one, and each key that requests of one method and path say different things with.
    """
    shown: list[Shown] = []
    count = 0
    for call in attempts(requests):
        keys = {sent.key for sent in call}
        if not call[0].heeds_key or len(call) == 1 or (len(keys) == 1 and None not in keys):
            continue
        count += 1
        first = call[0]
        shown.append(Shown(first, "tried again" if first.key is not None else "tried again, has no key"))
        for number, sent in enumerate(call[1:], 2):
            fault = "has no key" if sent.key is None else "has another key" if sent.key != first.key else "same key"
            shown.append(Shown(sent, f"attempt {number} at #{first.entry.seq}, {fault}"))
    for sents in _by_key(requests):
        count += 1
        first = sents[0]
        shown.append(Shown(first, "its key is used again"))
        shown += [Shown(sent, f"says another thing than #{first.entry.seq}, with its key") for sent in sents[1:]]
    if not count:
        return _calls(True, "every call kept to one idempotency key", (), 0)
    message = f"{_plural(count, 'one call', 'calls')} did not keep to one idempotency key"
    return _calls(False, message, shown, count)


def _by_key(requests: Sequence[Sent]) -> Iterator[list[Sent]]:
    """Yield for each key that is used for several things the first request that says each."""
    used: defaultdict[tuple[str, ...], dict[object, Sent]] = defaultdict(dict)
    for sent in requests:
        if sent.heeds_key and sent.key is not None:
            vendor, method, path, *_ = sent.identity
            used[vendor, method, path, sent.key].setdefault(sent.identity, sent)
    for things in used.values():
        if len(things) > 1:
            yield list(things.values())


# Retry-After


class Times(NamedTuple):
    """When requests came and were answered by the machine's clock, in seconds by number, as far as that is known."""

    came_s: Mapping[int, float]
    answered_s: Mapping[int, float]


def retry_after_respected(requests: Sequence[Sent], times: Times) -> Verdict:
    """Judge whether no attempt came sooner than the answer before it asked for.

    The world's clock tells, and the machine's: it is enough that one of them saw the time pass. Where the world's
    stood still and the machine's is not known, it cannot be judged, and does not hold.
    """
    shown: list[Shown] = []
    count = unknown = 0
    for call in attempts(requests):
        for before, sent in pairwise(call):
            wait = _wait_us(before.entry)
            if wait is None or wait <= _SLACK_US:
                continue
            waited, is_known = _waited_us(before.entry, sent.entry, times)
            if waited >= wait - _SLACK_US:
                continue
            asked = f"#{before.entry.seq}, which asked for {_seconds(wait)}"
            count, unknown = count + is_known, unknown + (not is_known)
            why = f"came {_seconds(waited)} after {asked}" if is_known else f"came an unknown time after {asked}"
            shown += [Shown(before, f"Retry-After: {before.entry.retry_after}"), Shown(sent, why)]
    shown.sort(key=lambda each: each.why.startswith("came"))  # what a request did says more than what it was told
    if not shown:
        return _calls(True, "every attempt waited as long as Retry-After asked", (), 0)
    doubt = (
        f"cannot be judged: the world's clock stood still before {_plural(unknown, 'one attempt', 'attempts')},"
        " and the machine's time is only known while the server that took them runs"
    )
    if not count:
        return _calls(False, doubt, shown, unknown)
    told = f"{_plural(count, 'one attempt', 'attempts')} came sooner than Retry-After asked"
    return _calls(False, f"{told}; others: {doubt}" if unknown else told, shown, count + unknown)


def _wait_us(entry: Entry) -> int | None:
    """Return how long after a request its answer asked to wait; `None` when it did not say so."""
    if entry.retry_after is None:
        return None
    try:
        seconds = float(entry.retry_after)
    except ValueError:
        due = _http_date(entry.retry_after)
        return None if due is None else due - entry.at
    return int(seconds * SECOND) if 0 <= seconds < 1e9 else None


def _http_date(text: str) -> int | None:
    from email.utils import parsedate_to_datetime  # few answers have one

    try:
        return int(parsedate_to_datetime(text).timestamp()) * SECOND
    except ValueError:
        return None


def _waited_us(before: Entry, entry: Entry, times: Times) -> tuple[int, bool]:
    """Return how long passed between an answer and a request, and whether that is known."""
    passed = max(0, entry.at - before.at)
    answered, came = times.answered_s.get(before.seq), times.came_s.get(entry.seq)
    if answered is None or came is None:
        return passed, passed > 0
    return max(passed, int((came - answered) * SECOND)), True


def _seconds(us: int) -> str:
    return f"{us / SECOND:.3f}".rstrip("0").rstrip(".") + " s"


# Routes


def route_differences(method: str, path: str, route: str) -> list[str]:
    """Return how a request differs from a route, such as `POST /v1/models/{id}`."""
    wanted_method, _, template = route.partition(" ")
    differences = [] if method == wanted_method else [f"the method is {method}, the route takes {wanted_method}"]
    got, wanted = path.strip("/").split("/"), template.strip("/").split("/")
    if len(got) == len(wanted):
        return differences + [
            f"segment {number} is '{one}', the route has '{other}'"
            for number, (one, other) in enumerate(zip(got, wanted, strict=True), 1)
            if not _is_segment(one, other)
        ] + _slash(path, template)  # fmt: skip
    start = _same(got, wanted)
    end = _same(got[start:][::-1], wanted[start:][::-1])
    too_much, missing = "/".join(got[start : len(got) - end]), "/".join(wanted[start : len(wanted) - end])
    where = f"after '/{'/'.join(got[:start])}'" if start else "at the start"
    if not missing:
        return [*differences, f"'{too_much}' {where} is too much"]
    if not too_much:
        return [*differences, f"'{missing}' is missing {where}"]
    return [*differences, f"{where} it has '{too_much}', the route '{missing}'"]


def _is_segment(got: str, wanted: str) -> bool:
    return got == wanted or (wanted.startswith("{") and got != "")


def _same(got: Sequence[str], wanted: Sequence[str]) -> int:
    """Return how many segments agree from the start."""
    count = 0
    for one, other in zip(got, wanted, strict=False):
        if not _is_segment(one, other):
            break
        count += 1
    return count


def _slash(path: str, template: str) -> list[str]:
    if path.endswith("/") == template.endswith("/"):
        return []
    return ["the '/' at its end is too much"]


# The nearest


def nearest(requests: Iterable[Sent], differences: Callable[[Sent], Sequence[str]]) -> Near | None:
    """Return the request in whose way the least stands, the last of several; `None` without requests."""
    best: Near | None = None
    for sent in requests:
        found = differences(sent)
        if best is None or len(found) <= len(best.differences):
            best = Near(sent, found)
    return best


# Detection

DETECTIONS = ("id", "kind", "subject", "onset", "detected_at", "delay_s", "why")


def detected(
    score: Mapping[str, Any], within_us: int | None, kind: str | None, max_false_alarms: int | None
) -> Verdict:
    """Judge whether drifts were noticed. Those that are yet to come play no part.

    :param score: as `alerts.score` answers.
    :param within_us: how long after its onset a drift may be noticed; `None` for any time.
    :param kind: the one kind of drift to look at.
    """
    drifts = [each for each in score["data"] if kind in (None, each["kind"]) and each["state"] != "pending"]
    alarms = [each for each in score["false_alarms"] if kind in (None, each["kind"])]
    what = "drift" if kind is None else f"{kind} drift"
    limit = None if within_us is None else within_us / SECOND
    rows: list[list[Cell]] = []
    for each in drifts:
        delay = each["delay_s"]
        if delay is None:
            why = "not noticed"
        elif limit is not None and delay > limit:
            why = f"noticed later than {limit:g} s after its onset"
        else:
            continue
        told = None if delay is None else f"{delay:g}"
        rows.append([each["drift"], each["kind"], each["subject"], each["onset"], each["detected_at"], told, why])
    missed = len(rows)
    too_many = max_false_alarms is not None and len(alarms) > max_false_alarms
    if too_many:
        rows += [
            [each["id"], each["kind"], each["subject"], None, each["at"], None, "fits no drift"] for each in alarms
        ]
    false_alarms = f"{_plural(len(alarms), 'one false alarm', 'false alarms')}"
    if not drifts:
        return table(False, f"there is no {what} that could have been noticed, {false_alarms}", DETECTIONS, rows)
    told = f"{len(drifts) - missed} of {len(drifts)} {what}{'s' * (len(drifts) > 1)} noticed"
    told += "" if limit is None else f" within {limit:g} s"
    wanted = f", at most {max_false_alarms} wanted" if too_many else ""
    return table(not rows, f"{told}, {false_alarms}{wanted}", DETECTIONS, rows)
