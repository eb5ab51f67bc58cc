"""Comparing JSON values: one that was recorded with the ones that stand for it in the simulation.

A recorded value has either counterparts, which say the same thing of the same thing (one, or one for each world that
was asked), or peers, which only show what such a value looks like: items of a list of another length, other events of a
stream. Forms are compared with both, what is said only with counterparts, and only where these agree.
"""

from __future__ import annotations

import json
import re
from collections import Counter, deque
from collections.abc import Hashable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from mockserver.cassettes.described import Place
from mockserver.cassettes.finding import Findings, cut, sketched, type_of
from mockserver.cassettes.forms import (
    Form,
    are_near,
    decimal_of,
    epoch_of,
    form_of,
    instant_of,
    is_name,
    since_epoch,
)
from mockserver.cassettes.looks import PLACEHOLDER
from mockserver.kernel.windows import Instant

MAX_DEPTH = 80
"""Levels of a body that are compared; what is deeper is not."""

MAX_PEERS = 50
"""Peers of different shape that a value is compared with."""

_TOLERANCE = 1e-9
"""Part by which two numbers with a point may differ and be the same, written down by two programs."""

_TELLING = ("id", "name", "key", "code", "slug", "label", "index")
"""Members by which an item of a list is known again, best first."""

_CODES = frozenset({"code", "type", "error", "reason"})
"""Members of a refusal's body that programs look at, even where nobody documents what they may be."""

_CODE = re.compile(r"[A-Za-z][A-Za-z0-9]*([_.-][A-Za-z0-9]+)*", re.ASCII)


class Values:
    """Compares values of one answer.

    :param asked_at: when the request was recorded; instants are not compared where it is not known.
    :param ids: recorded ids, and what the simulation calls the same thing.
    :param is_refusal: whether the answer is one.
    """

    def __init__(
        self, findings: Findings, asked_at: Instant | None, ids: Mapping[str, str], *, is_refusal: bool = False
    ) -> None:
        self._findings = findings
        self._asked_at = asked_at
        self._ids = ids
        self._is_refusal = is_refusal

    def compare(
        self, recorded: Any, others: Sequence[Any], place: Place, where: str, *, exact: bool, depth: int = 0
    ) -> None:
        """Take note of what a recorded value has that others have not, and the other way round.

        :param others: counterparts or peers of the simulation; none where only the description can tell.
        :param exact: whether they are counterparts.
        """
        if depth > MAX_DEPTH or (isinstance(recorded, str) and PLACEHOLDER.fullmatch(recorded)):
            return
        if exact and not place.is_known and type(recorded) is float and all(type(each) is float for each in others):
            # Vectors are long.
            self._compare_numbers(recorded, others, place, where, exact=all(each == others[0] for each in others))
            return
        kind = type_of(recorded)
        alike = [each for each in others if type_of(each) == kind]
        if others and not alike:
            self._differs_in_type(recorded, others[0], place, where)
        elif place.is_known and not others and kind not in place.types:
            self._findings.add("type", "breaking", where, sketched(recorded), " or ".join(sorted(place.types)))
        elif kind == "object":
            exact = exact and len(alike) == len(others)
            if place.is_map:
                self._compare_maps(recorded, alike, place, where, exact, depth)
            else:
                self._compare_objects(recorded, alike, place, where, exact, depth)
        elif kind == "list":
            self._compare_lists(recorded, alike, place, where, exact and len(alike) == len(others), depth)
        elif kind != "null":
            self._compare_plain(recorded, alike, place, where, exact=exact and len(alike) == len(others))

    def _differs_in_type(self, recorded: Any, simulated: Any, place: Place, where: str) -> None:
        add, sketches = self._findings.add, (sketched(recorded), sketched(simulated))
        if recorded is None and place.is_known and "null" in place.types:
            add("null", "value", where, *sketches, "documented as nullable")
        elif simulated is None and type_of(recorded) in place.types:
            add("null", "value", where, *sketches)
        else:
            add("type", "breaking", where, *sketches)

    def _compare_objects(
        self,
        recorded: dict[str, Any],
        others: Sequence[dict[str, Any]],
        place: Place,
        where: str,
        exact: bool,
        depth: int,
    ) -> None:
        if others:
            always = [name for name in others[0] if all(name in each for each in others)]
            ever = {name for each in others for name in each}
        else:
            always, ever = sorted(place.required), set(place.known)
        for name in always:
            if name not in recorded:
                note = "" if name in place.required or name not in place.known else "documented as optional"
                had = sketched(others[0][name]) if others else "required"
                self._findings.add("missing_field", "breaking", f"{where}.{cut(name)}", "", had, note)
        for name, value in recorded.items():
            path = f"{where}.{cut(name)}"
            if name in ever:
                theirs = [each[name] for each in others if name in each]
                self.compare(
                    value, theirs, place.member(name), path, exact=exact and len(theirs) == len(others), depth=depth + 1
                )
            elif others or not place.is_open:
                note = "documented, and not sent here" if name in place.known else ""
                self._findings.add("new_field", "additive", path, sketched(value), "", note)

    def _compare_maps(
        self,
        recorded: dict[str, Any],
        others: Sequence[dict[str, Any]],
        place: Place,
        where: str,
        exact: bool,
        depth: int,
    ) -> None:
        renamed = {self._ids.get(name, name): value for name, value in recorded.items()}
        if exact and all(each.keys() == others[0].keys() for each in others):
            more = [
                name for name in renamed.keys() - others[0].keys() if type_of(renamed[name]) in place.member(name).types
            ]
            fewer = others[0].keys() - renamed.keys()
            if more or fewer:
                sizes = (f"{len(each)} that the other has not" for each in (more, fewer))
                self._findings.add("keys", "value", where, *sizes)
        peers: list[Any] | None = None
        for name, value in renamed.items():
            theirs, values = [each[name] for each in others if name in each], place.member(name)
            path = f"{where}.*" if values.is_known else f"{where}.{cut(name)}"
            if theirs:
                self.compare(value, theirs, values, path, exact=exact and len(theirs) == len(others), depth=depth + 1)
            elif values.is_known:
                if peers is None:
                    peers = distinct(value for each in others for value in each.values())
                self.compare(value, peers, values, path, exact=False, depth=depth + 1)

    def _compare_lists(
        self, recorded: list[Any], others: Sequence[list[Any]], place: Place, where: str, exact: bool, depth: int
    ) -> None:
        item, path = place.item(), f"{where}[]"
        sizes = {len(each) for each in others}
        if exact and sizes == {len(recorded)}:
            places: Sequence[int] | None = range(len(recorded))
            if any(_places_in(others[0], each) is not None for each in others[1:]):
                places = None  # chance orders them
            else:
                moved = _places_in(others[0], [self._renamed(each) for each in recorded])
                if moved is not None:
                    self._findings.add("order", "value", where, note="the same items, in another order")
                    places = moved
            if places is not None:
                for n, place_of_it in enumerate(places):
                    theirs = [each[n] for each in others]
                    self.compare(recorded[place_of_it], theirs, item, path, exact=True, depth=depth + 1)
                return
        elif exact and len(sizes) == 1:
            self._findings.add("length", "value", where, f"{len(recorded)}", f"{len(others[0])}")
        peers = distinct(value for each in others for value in each)
        for value in recorded:
            self.compare(value, peers, item, path, exact=False, depth=depth + 1)

    def _compare_plain(self, recorded: Any, others: Sequence[Any], place: Place, where: str, *, exact: bool) -> None:
        add = self._findings.add
        first = others[0] if others else None
        exact = exact and bool(others) and all(each == first for each in others)
        values = place.values
        if values is not None and not isinstance(recorded, bool) and all(each in values for each in others):
            if recorded not in values:
                add("enum", "breaking", where, shown(recorded), shown(first), "not among the documented values")
            elif exact and recorded != first:
                add("enum", "value", where, shown(recorded), shown(first))
        elif isinstance(recorded, bool):
            if exact and recorded != first:
                add("boolean", "value", where, sketched(recorded), sketched(first))
        elif isinstance(recorded, str):
            self._compare_texts(recorded, others, where, exact=exact)
        else:
            self._compare_numbers(recorded, others, place, where, exact=exact)

    def _compare_numbers(
        self, recorded: float, others: Sequence[float], place: Place, where: str, *, exact: bool
    ) -> None:
        add, name = self._findings.add, _last(where)
        if place.is_whole and recorded != recorded // 1 and all(each == each // 1 for each in others):
            add("type", "breaking", where, sketched(recorded), sketched(others[0]) if others else "", "a whole number")
            return
        units = {epoch_of(name, each) for each in others}
        unit = units.pop() if len(units) == 1 else None
        if unit is not None:
            theirs = epoch_of(name, recorded)
            if theirs is not None and theirs != unit:
                add("format", "breaking", where, f"{theirs} since 1970", f"{unit} since 1970")
                return
            if theirs == unit:
                self._compare_instants(since_epoch(recorded, unit), since_epoch(others[0], unit), None, where, exact)
                return
        if exact and not _are_same(recorded, others[0]):
            add("number", "value", where, sketched(recorded), sketched(others[0]))

    def _compare_texts(self, recorded: str, others: Sequence[str], where: str, *, exact: bool) -> None:
        add, name = self._findings.add, _last(where)
        ours = self._ids.get(recorded)
        if ours is not None:
            # Ids are chance; what they stand for is not, but only the first world's are known.
            if exact and ours != others[0]:
                add("id", "value", where, "the id of one thing", "that of another")
            return
        forms = {form_of(each) for each in others}
        form = forms.pop() if len(forms) == 1 else "text"
        theirs = form_of(recorded)
        if is_name(name):
            return
        if form == "decimal":
            self._compare_decimals(recorded, others, theirs, where, exact=exact)
        elif form != "text":
            if theirs != form:
                add("format", "breaking", where, theirs if recorded else "empty", form)
                return
            said, other = instant_of(recorded), instant_of(others[0])
            if said is not None and other is not None:
                self._compare_instants(said, other, form, where, exact)
        elif self._is_refusal and exact and name in _CODES and _CODE.fullmatch(others[0]) and recorded != others[0]:
            add("enum", "breaking", where, shown(recorded), shown(others[0]))

    def _compare_decimals(self, recorded: str, others: Sequence[str], form: Form, where: str, *, exact: bool) -> None:
        if form != "decimal":
            # Digits alone may be the name of something.
            if all("." in each for each in others):
                self._findings.add("format", "breaking", where, form if recorded else "empty", "decimal")
        elif exact and not _are_same(decimal_of(recorded), decimal_of(others[0])):
            self._findings.add("number", "value", where, cut(recorded), cut(others[0]))

    def _compare_instants(
        self, recorded: Instant, simulated: Instant, form: Form | None, where: str, exact: bool
    ) -> None:
        if exact and self._asked_at is not None and not are_near(recorded, simulated, self._asked_at, form):
            self._findings.add(
                "instant", "value", where, _off(recorded, self._asked_at), _off(simulated, self._asked_at)
            )

    def _renamed(self, value: Any) -> Any:
        """Return a recorded value with the simulation's ids in it."""
        if not self._ids:
            return value
        if isinstance(value, str):
            return self._ids.get(value, value)
        if isinstance(value, dict):
            return {name: self._renamed(each) for name, each in value.items()}
        return [self._renamed(each) for each in value] if isinstance(value, list) else value


def shown(value: Any) -> str:
    """Return a value of which there are only a few, as it is; anything else by what it is."""
    return cut(value, 40) if isinstance(value, str) and _CODE.fullmatch(value) else sketched(value)


def distinct(values: Iterable[Any]) -> list[Any]:
    """Return one value of each shape, the first ones."""
    found: dict[str, Any] = {}
    for value in values:
        if len(found) == MAX_PEERS:
            break
        found.setdefault(_shape(value), value)
    return list(found.values())


def _shape(value: Any, depth: int = 0) -> str:
    if depth > MAX_DEPTH:
        return ""
    kind = type_of(value)
    if kind == "object":
        return f"{{{','.join(f'{name!r}:{_shape(value[name], depth + 1)}' for name in sorted(value))}}}"
    if kind == "list":
        return f"[{','.join(sorted({_shape(each, depth + 1) for each in value}))}]"
    return form_of(value) if kind == "text" else kind


def _last(where: str) -> str:
    """Return the name of the member that a path leads to."""
    return where.rpartition(".")[2].removesuffix("[]")


def _are_same(one: float | Decimal, other: float | Decimal) -> bool:
    if one == other or isinstance(one, Decimal) or isinstance(other, Decimal):
        return one == other
    if isinstance(one, int) and isinstance(other, int):
        return False
    try:
        return abs(one - other) <= _TOLERANCE * max(abs(one), abs(other))
    except OverflowError:
        return False


def _off(at: Instant, asked_at: Instant) -> str:
    """Return about how far an instant is from another."""
    seconds = (at - asked_at) / 1_000_000
    for unit, size in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if abs(seconds) >= 2 * size:
            return f"{abs(seconds) / size:.0f} {unit} {'after' if seconds > 0 else 'before'} the request"
    return f"{abs(seconds):.0f} seconds {'after' if seconds >= 0 else 'before'} the request"


def _places_in(first: Sequence[Any], second: Sequence[Any]) -> list[int] | None:
    """Return where in a second list the items of a first are, `None` unless it has the same ones in another order."""
    if len(first) < 2:
        return None
    if all(isinstance(each, dict) for items in (first, second) for each in items):
        for name in _TELLING:
            ours, theirs = ([each.get(name) for each in items] for items in (first, second))
            if all(isinstance(each, str | int) for each in ours) and len(set(ours)) == len(ours):
                if ours == theirs:
                    return None
                known = {each: n for n, each in enumerate(theirs) if isinstance(each, str | int)}
                if known.keys() == set(ours):
                    return [known[each] for each in ours]
    if not any(isinstance(each, dict | list) for items in (first, second) for each in items):
        return _moves([(type_of(each), each) for each in first], [(type_of(each), each) for each in second])
    for write in (_written, _outlined):
        ours, theirs = [write(each) for each in first], [write(each) for each in second]
        moves = _moves(ours, theirs)
        if moves is not None or ours == theirs:
            return moves
    return None


def _moves(ours: Sequence[Hashable], theirs: Sequence[Hashable]) -> list[int] | None:
    """Return where in a second list each item of a first is, `None` unless they are other orders of one list."""
    if ours == theirs or Counter(ours) != Counter(theirs):
        return None
    places: dict[Hashable, deque[int]] = {}
    for n, each in enumerate(theirs):
        places.setdefault(each, deque()).append(n)
    return [places[each].popleft() for each in ours]


def _written(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _outlined(value: Any) -> str:
    """Return a value as text, but for what two worlds cannot agree on: texts."""

    def outline(value: Any) -> Any:
        if isinstance(value, str):
            return "text"
        if isinstance(value, dict):
            return {name: outline(each) for name, each in value.items()}
        return [outline(each) for each in value] if isinstance(value, list) else value

    return json.dumps(outline(value), sort_keys=True)
