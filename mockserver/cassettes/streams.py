"""Comparing streams of server-sent events: which kinds there are, in which order, and what is in each."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from mockserver.cassettes import bodies
from mockserver.cassettes.described import Place
from mockserver.cassettes.finding import Findings, cut, sketched
from mockserver.cassettes.values import Values, distinct

MAX_LANDMARKS = 60
"""Places in events whose order in a stream is looked at."""

_END = "[DONE]"
"""What stands in the last event of some streams."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event.

    :param kind: its name, or what its data says it is; `DONE` of the end; of a comment, a colon and its first word.
    :param data: JSON data, or a text.
    """

    kind: str
    data: Any


def events_of(body: bytes) -> list[Event]:
    """Return what a stream says, event by event; what is cut off at its end is not there."""
    found = []
    for event in bodies.events(body):
        if event.data is not None:
            found.append(_event(event.kind, event.data))
        elif event.is_whole:
            found += _comments(body[event.start : event.end])
    return found


def _event(kind: str, text: str) -> Event:
    if text.strip() == _END:
        return Event("DONE", None)
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return Event(kind or "text", text)
    if not kind and isinstance(data, dict):
        said = data.get("type") or data.get("object") or ("error" if "error" in data else None)
        kind = said if isinstance(said, str) else ""
    return Event(cut(kind, 40) or "message", data)


def _comments(text: bytes) -> Iterator[Event]:
    for line in text.decode("utf-8", "replace").splitlines():
        if line.startswith(":"):
            name, _, value = line[1:].strip().partition(" ")
            yield Event(
                f": {cut(name, 40)}", int(value) if value.isascii() and value.isdigit() and len(value) < 20 else value
            )


def compare_streams(
    recorded: Sequence[Event], others: Sequence[Sequence[Event]], place: Place, values: Values, findings: Findings
) -> None:
    """Take note of how a recorded stream differs from the simulated ones of several worlds.

    How many events of a kind there are is no difference, nor what each of many says: a text is cut in any pieces.
    """
    mine, theirs = _by_kind(recorded), [_by_kind(each) for each in others]
    common = [kind for kind in theirs[0] if kind in mine and all(kind in each for each in theirs)]
    for kind in theirs[0]:
        if kind not in mine and all(kind in each for each in theirs):
            findings.add("missing_event", "breaking", f"events[{kind}]", "", "sent")
    for kind in mine:
        if not any(kind in each for each in theirs):
            findings.add("new_event", "additive", f"events[{kind}]", "sent", "")
    wrong = _out_of_order(recorded, others, common)
    if wrong is not None:
        first, second = wrong
        findings.add("order", "breaking", "events", f"{second} first", f"{first} first")
    for kind in common:
        where, counterparts = f"events[{kind}]", [each[kind] for each in theirs]
        if len(mine[kind]) == 1 and all(len(each) == 1 for each in counterparts):
            values.compare(mine[kind][0], [each[0] for each in counterparts], place, where, exact=True)
        else:
            _compare_many(mine[kind], counterparts, place, where, values, findings)


def _by_kind(events: Iterable[Event]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for event in events:
        found.setdefault(event.kind, []).append(event.data)
    return found


def _compare_many(
    recorded: Sequence[Any],
    others: Sequence[Sequence[Any]],
    place: Place,
    where: str,
    values: Values,
    findings: Findings,
) -> None:
    peers = distinct(each for events in others for each in events)
    for event in recorded:
        values.compare(event, peers, place, where, exact=False)
    # Some events have what others have not; what one of ours has, one of theirs should.
    seen = _places(recorded, place, where)
    ours = [_places(events, place, where) for events in others]
    for path, (sample, _) in ours[0].items():
        parent = path.rpartition(".")[0]
        is_member = not path.endswith("[]") and parent in seen
        if is_member and path not in seen and all(path in each for each in ours):
            findings.add_once("missing_field", "breaking", path, "", sketched(sample))
    for path, (sample, about) in seen.items():
        if _is_telling(sample, about) and all(path in each and _is_telling(*each[path]) for each in ours):
            values.compare(sample, [each[path][0] for each in ours], about, path, exact=True)


def _is_telling(sample: Any, place: Place) -> bool:
    """Return whether what the last of many events says is what the stream says: sums and outcomes, not pieces."""
    return type(sample) in (int, float) or (isinstance(sample, str) and place.values is not None)


def _places(events: Iterable[Any], place: Place, where: str) -> dict[str, tuple[Any, Place]]:
    """Return every place there is in some events, with what the last one that has it says there."""
    found: dict[str, tuple[Any, Place]] = {}
    waiting = [(where, event, place) for event in events]
    waiting.reverse()
    while waiting:
        path, value, about = waiting.pop()
        found[path] = value, about
        if isinstance(value, dict):
            waiting += [(f"{path}.{cut(name)}", each, about.member(name)) for name, each in value.items()]
        elif isinstance(value, list):
            waiting += [(f"{path}[]", each, about.item()) for each in reversed(value)]
    return found


@dataclass(slots=True)
class _Span:
    first: int
    last: int
    count: int = 1


def _out_of_order(
    recorded: Sequence[Event], others: Sequence[Sequence[Event]], common: Sequence[str]
) -> tuple[str, str] | None:
    """Return two things of which the first comes first in the simulation and not in the recording, if there are any."""
    streams = [[event for event in events if event.kind in common] for events in (recorded, *others)]
    kinds = [_spans((event.kind,) for event in events) for events in streams]
    wrong = _swapped(kinds[0], kinds[1:])
    if wrong is None:
        firsts = [list(spans) for spans in kinds]
        if all(each == firsts[1] for each in firsts[2:]) and firsts[0] != firsts[1]:
            wrong = next((ours, theirs) for theirs, ours in zip(firsts[0], firsts[1], strict=True) if ours != theirs)
    if wrong is None:
        marks = [_spans(_said(event) for event in events) for events in streams]
        # One token more or less makes one piece of two; such things are not looked at.
        steady = {
            path
            for path in list(marks[0])[:MAX_LANDMARKS]
            if len({path in each and each[path].count > 1 for each in marks}) == 1
            and all(path in each for each in marks)
        }
        kept = [{path: span for path, span in each.items() if path in steady} for each in marks]
        wrong = _swapped(kept[0], kept[1:])
    return wrong


def _spans(events: Iterable[Iterable[str]]) -> dict[str, _Span]:
    """Return where in a stream what is said in its events is said first and last."""
    found: dict[str, _Span] = {}
    for n, said in enumerate(events):
        for path in said:
            span = found.get(path)
            if span is None:
                found[path] = _Span(n, n)
            else:
                span.last, span.count = n, span.count + 1
    return found


def _said(event: Event) -> set[str]:
    """Return the places in an event where anything is said."""
    found = set()
    waiting = [(event.kind, event.data)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, dict):
            waiting += [(f"{path}.{cut(name)}", each) for name, each in value.items()]
        elif isinstance(value, list):
            waiting += [(f"{path}[]", each) for each in value]
        elif value is not None and value != "":
            found.add(path)
    return found


def _swapped(recorded: dict[str, _Span], others: Sequence[dict[str, _Span]]) -> tuple[str, str] | None:
    """Return two things of which all of the one come before the other everywhere but in the recording."""
    paths = [path for path in others[0] if path in recorded][:MAX_LANDMARKS]
    for first in paths:
        for second in paths:
            if recorded[first].last > recorded[second].first and all(
                first in each and second in each and each[first].last < each[second].first for each in others
            ):
                return first, second
    return None
