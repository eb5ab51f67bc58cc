"""What the recorded world and the simulated one call the same thing."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Literal
from urllib.parse import quote, quote_plus, unquote, unquote_plus

from mockserver.cassettes import bodies
from mockserver.cassettes.interaction import Answer
from mockserver.cassettes.looks import PLACEHOLDER
from mockserver.http.messages import Headers, Request

_TOKEN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:~=@-]{2,199}", re.ASCII)
_UUID = re.compile(r"[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}", re.ASCII | re.IGNORECASE)
_INSTANT = re.compile(r"\d{4}-\d\d(-\d\d)?([T ]\d\d:\d\d.*)?|(19|20)\d{6}|\d+(\.\d+)?[smhdw]?", re.ASCII)
_SEGMENT = re.compile(r"[A-Za-z0-9]+", re.ASCII)
_CLASSES = re.compile(r"[a-z]+|[A-Z]+|[0-9]+", re.ASCII)
_KEY = re.compile(r"(?:^|_)(?:id|ids|uuid|token)$|[a-z](?:Id|Ids|ID|IDs|Uuid|Token)$", re.ASCII)
_ADDRESS = re.compile(r"/|[a-z][a-z0-9+.-]{1,20}://", re.ASCII)
_LITERAL = re.compile(rb'"(?:[^"\\\x00-\x1f]|\\.)*"')

# What is never an id although it may look drawn: names of things that both worlds know by the same name.
_NAMES = frozenset(("model", "name", "type", "object", "status", "role", "content", "text", "system_fingerprint"))

# Headers of an answer in which ids come; an id that a request has for itself is asked for by nobody again.
_HEADERS = (b"location", b"content-location")

# Longer texts are no ids and no addresses.
_LONGEST = 4096

Path = tuple[str, ...]
Strength = Literal[1, 2]
_WEAK: Strength = 1
_STRONG: Strength = 2


def is_id_key(key: str) -> bool:
    """Tell whether a member of a JSON object is named as one that holds an id: `id`, `customerId`, `eval_set_ids`."""
    return _KEY.search(key) is not None


def is_drawn(text: str) -> bool:
    """Tell whether a text looks like an id that a machine drew: a UUID, or a token with letters and digits mixed."""
    if not _TOKEN.fullmatch(text) or _INSTANT.fullmatch(text):
        return False
    if _UUID.fullmatch(text) or PLACEHOLDER.fullmatch(text):
        return True
    return any(_is_random(segment) for segment in _SEGMENT.findall(text))


def _is_random(segment: str) -> bool:
    if len(segment) < 8 or _INSTANT.fullmatch(segment):
        return len(segment) > 8 and segment.isdigit()
    return len(_CLASSES.findall(segment)) >= (4 if len(segment) < 16 else 3)


class Identities:
    """Pairs of ids, recorded and simulated, learnt from answers to one and the same request.

    Nothing is ever paired with two things: where two answers contradict what is known, what is known stays, unless it
    was concluded from the likeness of two lists and is now said by one thing alone.
    """

    def __init__(self) -> None:
        self._ours: dict[str, str] = {}
        self._theirs: dict[str, str] = {}
        self._weak: set[str] = set()
        self._do_differ = False

    @property
    def pairs(self) -> Mapping[str, str]:
        """Recorded ids, and what the simulation calls the same thing; the same id where both call it so."""
        return MappingProxyType(self._ours)

    @property
    def recorded(self) -> Mapping[str, str]:
        """The same pairs the other way round: what the simulation calls a thing, and its recorded id."""
        return MappingProxyType(self._theirs)

    def is_known(self, recorded: str) -> bool:
        """Whether a recorded id has a mate."""
        return recorded in self._ours

    def learn(self, recorded: Answer, simulated: Answer) -> None:
        """Note which id stands where which does in two answers to one request."""
        found: list[_Pair] = []
        for name in _HEADERS:
            ours, theirs = simulated.header(name), recorded.header(name)
            if ours is not None and theirs is not None:
                found += _in_text("location", theirs.decode("latin-1"), ours.decode("latin-1"), _STRONG)
        mine, other = _content(simulated), _content(recorded)
        if isinstance(mine, _Events) and isinstance(other, _Events):
            found += _in_streams(other.events, mine.events)
        elif not isinstance(mine, _Events) and not isinstance(other, _Events):
            found += self._walk("", other, mine, _STRONG)
        self._keep(found)

    def ours(self, request: Request) -> Request:
        """Return a request with the simulation's ids in place of recorded ones: in path, query and body."""
        if not self._do_differ:
            return request
        name = self._ours.get
        path = _path(request.path, name)
        query = _query(request.query, name)
        content_type = request.headers.get(b"content-type", b"")
        body = _body(content_type, request.body, name)
        if (path, query, body) == (request.path, request.query, request.body):
            return request
        headers = request.headers
        if len(body) != len(request.body) and b"content-length" in headers:
            headers = {**headers, b"content-length": b"%d" % len(body)}
        return replace(request, path=path, query=query, body=body, headers=headers)

    def theirs(self, answer: Answer) -> Answer:
        """Return a simulated answer, which is never compressed, with recorded ids where there are any."""
        return renamed(answer, self._theirs.get) if self._do_differ else answer

    # Learning

    def _keep(self, found: Iterable[_Pair]) -> None:
        by_strength: dict[Strength, set[tuple[str, str]]] = {_STRONG: set(), _WEAK: set()}
        for recorded, mine, strength in found:
            by_strength[strength].add((recorded, mine))
        for strength, pairs in by_strength.items():
            lefts = Counter(recorded for recorded, _ in pairs)
            rights = Counter(mine for _, mine in pairs)
            for recorded, mine in sorted(pairs):
                if lefts[recorded] == rights[mine] == 1 and self._ours.get(recorded) != mine:
                    self._pair(recorded, mine, strength)
                elif strength == _STRONG and self._ours.get(recorded) == mine:
                    self._weak.discard(recorded)

    def _pair(self, recorded: str, mine: str, strength: Strength) -> None:
        holder = self._theirs.get(mine)
        taken = [each for each in (recorded if recorded in self._ours else None, holder) if each is not None]
        if taken and (strength == _WEAK or any(each not in self._weak for each in taken)):
            return
        for each in set(taken):
            self._weak.discard(each)
            del self._theirs[self._ours.pop(each)]
        self._ours[recorded], self._theirs[mine] = mine, recorded
        self._do_differ = self._do_differ or recorded != mine
        if strength == _WEAK:
            self._weak.add(recorded)

    def _walk(self, key: str, recorded: Any, mine: Any, strength: Strength) -> Iterator[_Pair]:
        if isinstance(recorded, str) and isinstance(mine, str):
            yield from _in_text(key, recorded, mine, strength)
        elif isinstance(recorded, dict) and isinstance(mine, dict):
            for name in recorded.keys() & mine.keys():
                yield from self._walk(name, recorded[name], mine[name], strength)
            alone = [name for name in recorded if name not in mine and is_drawn(name)]
            others = [name for name in mine if name not in recorded and is_drawn(name)]
            known = [(name, self._ours[name]) for name in alone if self._ours.get(name) in others]
            if not known and len(alone) == len(others) == 1:
                known = [(alone[0], others[0])]
                yield alone[0], others[0], strength
            for left, right in known:
                yield from self._walk("", recorded[left], mine[right], strength)
        elif isinstance(recorded, list) and isinstance(mine, list):
            for left, right, found in self._mates(key, recorded, mine, strength):
                yield from self._walk(key, left, right, found)

    def _mates(
        self, key: str, recorded: list[Any], mine: list[Any], strength: Strength
    ) -> Iterator[tuple[Any, Any, Strength]]:
        """Pair the items of two lists: by place, by ids that are known, or by all else they say."""
        are_things = any(_own_id(item) is not None for item in (*recorded, *mine))
        if not are_things:
            if len(recorded) == len(mine):
                yield from ((left, right, strength) for left, right in zip(recorded, mine, strict=True))
            return
        lefts, rights = dict(enumerate(recorded)), dict(enumerate(mine))
        for left, right in self._by_known(lefts, rights):
            yield lefts.pop(left), rights.pop(right), strength
        alike: dict[str, list[tuple[int, bool]]] = {}
        for items, is_mine in ((lefts, False), (rights, True)):
            for place, item in items.items():
                alike.setdefault(json.dumps(_rest("", item), sort_keys=True), []).append((place, is_mine))
        for group in alike.values():
            left_places = [place for place, is_mine in group if not is_mine]
            right_places = [place for place, is_mine in group if is_mine]
            if len(left_places) == len(right_places) == 1 or (
                left_places == right_places and len(recorded) == len(mine) and key in _ORDERED
            ):
                for place, other in zip(left_places, right_places, strict=True):
                    yield recorded[place], mine[other], _WEAK

    def _by_known(self, lefts: Mapping[int, Any], rights: Mapping[int, Any]) -> list[tuple[int, int]]:
        ours: dict[str, list[int]] = {}
        for place, item in rights.items():
            name = _own_id(item)
            if name is not None:
                ours.setdefault(name, []).append(place)
        pairs = []
        for place, item in lefts.items():
            name = _own_id(item)
            known = ours.get(self._ours.get(name, "") if name is not None else "", ())
            if len(known) == 1:
                pairs.append((place, known[0]))
        return pairs


_Pair = tuple[str, str, Strength]

# Lists whose items have ids of their own, but whose order is said and not chosen.
_ORDERED = frozenset(("tool_calls",))


def _own_id(item: Any) -> str | None:
    if isinstance(item, dict):
        own = item.get("id")
        return own if isinstance(own, str) else None
    return item if isinstance(item, str) and is_drawn(item) else None


def _rest(key: str, value: Any) -> Any:
    """Return what a thing says without what two worlds say differently of the same: ids, instants, prose, numbers."""
    if isinstance(value, dict):
        return {name: _rest(name, each) for name, each in value.items()}
    if isinstance(value, list):
        return [_rest(key, each) for each in value]
    if isinstance(value, str) and (_INSTANT.fullmatch(value) or any(map(is_drawn, re.split(r"[/?&=]", value)))):
        return "\0"
    return value


def _in_text(key: str, recorded: str, mine: str, strength: Strength) -> Iterator[_Pair]:
    """Yield the ids that stand at one place: the whole text, or parts of an address."""
    if len(recorded) > _LONGEST or len(mine) > _LONGEST:
        return
    if _is_address(recorded) and _is_address(mine):
        yield from _in_addresses(recorded, mine, strength)
    elif _are_ids(key, recorded, mine):
        yield recorded, mine, strength


def _are_ids(key: str, recorded: str, mine: str) -> bool:
    for text in (recorded, mine):
        if not _TOKEN.fullmatch(text) or (_INSTANT.fullmatch(text) and not (text.isdigit() and is_id_key(key))):
            return False
    if recorded == mine:
        return is_id_key(key) or is_drawn(mine)
    if is_id_key(key):
        return is_drawn(recorded) or is_drawn(mine)
    return key not in _NAMES and is_drawn(recorded) and is_drawn(mine)


def _is_address(text: str) -> bool:
    return _ADDRESS.match(text) is not None and not any(each.isspace() for each in text)


def _in_addresses(recorded: str, mine: str, strength: Strength) -> Iterator[_Pair]:
    (path, query), (other, other_query) = _split(recorded), _split(mine)
    lefts, rights = path.split("/"), other.split("/")
    if len(lefts) == len(rights):
        for left, right in zip(map(unquote, lefts), map(unquote, rights), strict=True):
            if is_drawn(left) and is_drawn(right):
                yield left, right, strength
    values = dict(_fields(other_query))
    for name, value in _fields(query):
        if _are_ids(name, value, values.get(name, "")):
            yield value, values[name], strength


def _split(address: str) -> tuple[str, str]:
    """Return an address's path and query; whose it is says nothing."""
    _, mark, rest = address.partition("://")
    path, _, query = ("/" + rest.partition("/")[2] if mark else address).partition("?")
    return path, query


def _fields(query: str) -> Iterator[tuple[str, str]]:
    for field in query.split("&"):
        name, _, value = field.partition("=")
        yield unquote_plus(name), unquote_plus(value)


@dataclass(frozen=True, slots=True)
class _Events:
    events: list[Any]


def _content(answer: Answer) -> Any:
    """Return what an answer says, as JSON or as the JSON of its events; `None` where it says no such thing.

    Its content type is only believed where the body bears it out: it may be what is wrong with the answer.
    """
    try:
        body = bodies.decoded(answer.headers, answer.body)
    except ValueError:
        return None
    if body[:1] in (b"{", b"["):
        return _json(body)
    if bodies.media_type(answer.header(b"content-type")) != "text/event-stream" and body[:5] not in (
        b"data:",
        b"event",
    ):
        return None
    return _Events([read for event in bodies.events(body) if event.data and (read := _json(event.data)) is not None])


def _json(text: bytes | str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _in_streams(recorded: list[Any], mine: list[Any]) -> Iterator[_Pair]:
    """Yield the ids of two streams: of each place in an event, the first against the first, the second..."""
    lefts, rights = _by_place(recorded), _by_place(mine)
    for place in lefts.keys() & rights.keys():
        if len(lefts[place]) == len(rights[place]):
            for left, right in zip(lefts[place], rights[place], strict=True):
                yield from _in_text(place[-1], left, right, _STRONG)


def _by_place(events: list[Any]) -> dict[Path, list[str]]:
    places: dict[Path, dict[str, None]] = {}

    def walk(place: Path, value: Any) -> None:
        if isinstance(value, dict):
            for name, each in value.items():
                walk((*place, name), each)
        elif isinstance(value, list):
            for n, each in enumerate(value):
                index = each.get("index", n) if isinstance(each, dict) else n
                walk((*place[:-1], f"{place[-1] if place else ''}[{index}]", *place[-1:]), each)
        elif isinstance(value, str) and (is_drawn(value) or is_id_key(place[-1] if place else "")):
            places.setdefault(place or ("",), {})[value] = None

    for event in events:
        kind = event.get("type") or event.get("object") if isinstance(event, dict) else None
        walk((str(kind),), event)
    return {place: list(found) for place, found in places.items()}


# Translating

Name = Callable[[str], str | None]


def renamed(answer: Answer, name: Name) -> Answer:
    """Return an answer, which must not be compressed, with other ids.

    :param name: returns what is to stand in an id's place, `None` for what is none.
    """
    body = answer.body
    kind = bodies.media_type(answer.header(b"content-type"))
    if kind == "text/event-stream" or bodies.is_json(kind):
        body = _literals(body, name)
    headers: Headers = []
    for key, value in answer.headers:
        if key.lower() in _HEADERS:
            value = _translated(value.decode("latin-1"), name).encode("latin-1", "replace")
        elif key.lower() == b"content-length":
            value = b"%d" % len(body)
        headers.append((key, value))
    return replace(answer, body=body, headers=headers)


def _path(path: str, name: Name) -> str:
    return "/".join(name(segment) or segment for segment in path.split("/"))


def _query(query: bytes, name: Name) -> bytes:
    if not query:
        return query
    fields = []
    for field in query.decode("latin-1").split("&"):
        key, mark, value = field.partition("=")
        said = unquote_plus(value)
        new = _translated(said, name)
        fields.append(key + mark + (value if new == said else quote_plus(new)))
    return "&".join(fields).encode("latin-1")


def _translated(text: str, name: Name) -> str:
    """Return a text with other ids: all of it, parts of an address, or of a list with commas."""
    whole = name(text)
    if whole is not None:
        return whole
    if _is_address(text):
        start, mark, rest = text.partition("://")
        address, ask, query = (rest if mark else text).partition("?")
        segments = [quote(name(unquote(each)) or "", safe="") or each for each in address.split("/")]
        return start * bool(mark) + mark + "/".join(segments) + ask + _query(query.encode(), name).decode()
    if "," in text:
        return ",".join(name(each) or each for each in text.split(","))
    return text


def _body(content_type: bytes, body: bytes, name: Name) -> bytes:
    kind = bodies.media_type(content_type)
    if kind == "multipart/form-data":
        return _form(content_type, body, name)
    if kind == "application/x-www-form-urlencoded":
        return _query(body, name)
    return _literals(body, name) if bodies.is_json(kind) or body[:1] in (b"{", b"[") else body


def _form(content_type: bytes, body: bytes, name: Name) -> bytes:
    pieces, end = [], 0
    for part in bodies.multipart(content_type, body) or ():
        if part.filename is None and len(part.body) <= _LONGEST:
            said = part.body.decode("latin-1")
            pieces += [body[end : part.start], _translated(said, name).encode("latin-1", "replace")]
            end = part.start + len(part.body)
    return b"".join([*pieces, body[end:]])


def _literals(body: bytes, name: Name) -> bytes:
    """Put other ids into JSON text, and leave every other byte of it as it is."""

    def other(found: re.Match[bytes]) -> bytes:
        literal = found[0]
        if len(literal) > _LONGEST:
            return literal
        try:
            said = json.loads(literal)
        except ValueError:
            return literal
        new = _translated(said, name)
        return literal if new == said else json.dumps(new, ensure_ascii=False).encode()

    return _LITERAL.sub(other, body)
