"""When a request is one that was recorded, and what tells two apart (pure)."""

from __future__ import annotations

import json
import re
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from mockserver.cassettes import bodies
from mockserver.cassettes.looks import PLACEHOLDER, concealed, is_secret_name
from mockserver.http.messages import Request

PARTS = ("method", "path", "query", "body", "host")
"""What of a request can be made to count."""

USUAL = frozenset(PARTS) - {"host"}
"""What counts if nothing else is said."""

MOST_DIFFERENCES = 6
"""As many differences of one pair are told."""

_SECRET_NAME = re.compile(r"secret|passw|token$|api_?-?key|credential|authorization|cookie", re.IGNORECASE)
_HIDDEN = "(not shown)"

_ANY = "redacted-value-0"
_MOST_SHOWN = 60
_BEFORE_DIFFERENCE = 20
_LEFT_OUT = "..."
_MOST_COMPARED = 200
_MOST_DEPTH = 60


@dataclass(frozen=True, slots=True)
class Form:
    """What counts of a request besides its method and path, in one spelling.

    :param query: its parameters in the order of their names and values; as form fields are.
    :param body: as `bodies.canonical` has it.
    :param host: scheme and host.
    """

    query: tuple[tuple[str, str], ...]
    body: Hashable
    host: str


def form_of(request: Request, parts: frozenset[str] = USUAL) -> Form:
    """Return the form of a request; what does not count is empty in it."""
    query = tuple(sorted(bodies.form_fields(request.query))) if request.query and "query" in parts else ()
    body: Hashable = b""
    if request.body and "body" in parts:
        body = bodies.canonical(request.headers.get(b"content-type"), plain_body(request))
    return Form(query, body, request.origin.lower() if "host" in parts else "")


def plain_body(request: Request) -> bytes:
    """Return a body without its compression; one that cannot be undone as it is."""
    if b"content-encoding" not in request.headers:
        return request.body
    try:
        return bodies.decoded(request.headers, request.body)
    except ValueError:
        return request.body


def digest(form: Form) -> bytes:
    """Return 16 bytes that two forms have in common only if they are equal."""
    state = blake2b(digest_size=16)
    kind = form.body
    if type(kind) is tuple and kind[0] == "json":
        state.update(kind[1].encode("utf-8", "surrogatepass"))
        state.update(b"\0json")
    elif type(kind) is bytes:
        state.update(kind)
    else:
        state.update(repr(kind).encode())
        state.update(b"\0parts")
    if form.query or form.host:
        state.update(repr((form.query, form.host)).encode())
    return state.digest()


# Redacted values


def has_placeholder(form: Form) -> bool:
    """Whether something in a recorded form stands for what was redacted."""
    return any(_holds(text) for pair in form.query for text in pair) or _holds(form.body)


def _holds(value: Any) -> bool:
    if isinstance(value, str):
        return "redacted" in value and PLACEHOLDER.search(value) is not None
    if isinstance(value, bytes):
        return b"redacted" in value and PLACEHOLDER.search(value.decode("latin-1")) is not None
    return isinstance(value, tuple) and any(_holds(each) for each in value)


def unnumbered(form: Form) -> Form:
    """Return a recorded form whose placeholders are all one: each may stand for anything."""
    return Form(_unnumbered(form.query), _unnumbered(form.body), form.host)


def _unnumbered(value: Any) -> Any:
    if isinstance(value, str):
        return PLACEHOLDER.sub(_ANY, value) if "redacted" in value else value
    if isinstance(value, bytes):
        return _unnumbered(value.decode("latin-1")).encode("latin-1") if b"redacted" in value else value
    return tuple(map(_unnumbered, value)) if isinstance(value, tuple) else value


Place = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Mask:
    """Where the placeholders of a recorded form are.

    :param query: names of parameters.
    :param places: in a body that is JSON.
    :param parts: names of fields, or of parts, of a form.
    :param is_everywhere: the body has no places.
    """

    query: frozenset[str]
    places: tuple[Place, ...] = ()
    parts: frozenset[Any] = frozenset()
    is_everywhere: bool = False


def mask_of(form: Form) -> Mask:
    """Return where the placeholders of a recorded form are."""
    query = frozenset(name for name, value in form.query if _holds(value))
    body = form.body
    if not isinstance(body, tuple):
        return Mask(query, is_everywhere=_holds(body))
    if body[0] != "json":
        return Mask(query, parts=frozenset(part[0] for part in body[1] if _holds(part[1:])))
    try:
        return Mask(query, tuple(_places(json.loads(body[1]))) if _holds(body[1]) else ())
    except RecursionError:
        return Mask(query, is_everywhere=True)


def _places(value: Any, at: Place = ()) -> Iterator[Place]:
    if isinstance(value, dict):
        for key, each in value.items():
            yield from _places(each, (*at, key))
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from _places(each, (*at, number))
    elif _holds(value):
        yield at


def masked_digest(form: Form, mask: Mask) -> bytes | None:
    """Return 16 bytes that forms have in common if they are equal but for a mask's places.

    `None` for a form that has no such places.
    """
    query = tuple(sorted((name, "" if name in mask.query else value) for name, value in form.query))
    body: Any = form.body
    if mask.is_everywhere:
        body = b""
    elif mask.places or mask.parts:
        if not isinstance(body, tuple) or (body[0] == "json") != bool(mask.places):
            return None
        if body[0] == "json":
            holder = [json.loads(body[1])]
            if not all(_is_blanked(holder, (0, *place)) for place in mask.places):
                return None
            body = ("json", json.dumps(holder, sort_keys=True))
        else:
            blank = [(part[0], *[b""] * (len(part) - 1)) if part[0] in mask.parts else part for part in body[1]]
            body = (body[0], tuple(sorted(blank, key=repr)))
    return digest(Form(query, body, form.host))


def _is_blanked(value: Any, place: Place) -> bool:
    """Take out what is at a place; tell whether there was something."""
    *way, last = place
    try:
        for key in way:
            value = value[key]
        is_there = last in value if isinstance(value, dict) else 0 <= int(last) < len(value)
        value[last] = None
    except (LookupError, TypeError, ValueError):
        return False
    return is_there


def fits(recorded: Form, sent: Form) -> bool:
    """Whether a request is the recorded one, if whatever stands for something redacted may be anything."""
    try:
        return (
            recorded.host == sent.host
            and _fields_fit(recorded.query, sent.query)
            and _body_fits(recorded.body, sent.body)
        )
    except RecursionError:
        return recorded == sent


def _body_fits(recorded: Hashable, sent: Hashable) -> bool:
    if recorded == sent:
        return True
    if isinstance(recorded, bytes):
        return isinstance(sent, bytes) and text_fits(recorded.decode("latin-1"), sent.decode("latin-1"))
    if not isinstance(recorded, tuple) or not isinstance(sent, tuple) or recorded[0] != sent[0]:
        return False
    if recorded[0] == "json":
        return _value_fits(json.loads(recorded[1]), json.loads(sent[1]))
    if recorded[0] == "form":
        return _fields_fit(recorded[1], sent[1])
    return len(recorded[1]) == len(sent[1]) and all(
        one[:1] == other[:1] and _plain_fits(one[1], other[1]) and one[2] == other[2] and _body_fits(one[3], other[3])
        for one, other in zip(recorded[1], sent[1], strict=True)
    )


def _plain_fits(recorded: bytes | None, sent: bytes | None) -> bool:
    if recorded is None or sent is None:
        return recorded is sent
    return text_fits(recorded.decode("latin-1"), sent.decode("latin-1"))


def _fields_fit(recorded: Sequence[tuple[str, str]], sent: Sequence[tuple[str, str]]) -> bool:
    """Whether fields are the recorded ones, in any order; those without placeholders take what is theirs first."""
    if len(recorded) != len(sent):
        return False
    left = [*sent]
    for name, value in sorted(recorded, key=lambda pair: _holds(pair[1])):
        found = next((pair for pair in left if pair[0] == name and text_fits(value, pair[1])), None)
        if found is None:
            return False
        left.remove(found)
    return True


def _value_fits(recorded: Any, sent: Any) -> bool:
    if isinstance(recorded, str):
        if isinstance(sent, str):
            return text_fits(recorded, sent)
        return PLACEHOLDER.fullmatch(recorded) is not None  # a field that is redacted whatever it holds
    if isinstance(recorded, dict):
        return (
            isinstance(sent, dict)
            and recorded.keys() == sent.keys()
            and all(_value_fits(value, sent[name]) for name, value in recorded.items())
        )
    if isinstance(recorded, list):
        return (
            isinstance(sent, list)
            and len(recorded) == len(sent)
            and all(_value_fits(one, other) for one, other in zip(recorded, sent, strict=True))
        )
    return type(recorded) is type(sent) and bool(recorded == sent)


def text_fits(recorded: str, sent: str) -> bool:
    """Whether a text is the recorded one, if each placeholder in that may be any text that is not empty."""
    if recorded == sent:
        return True
    pieces = _between_placeholders(recorded)
    if len(pieces) == 1 or not sent.startswith(pieces[0]):
        return False
    at = len(pieces[0])
    for piece in pieces[1:-1]:
        found = sent.find(piece, at + 1)  # the first place will do: what follows can only have more room
        if found < 0:
            return False
        at = found + len(piece)
    return sent.endswith(pieces[-1]) and len(sent) - len(pieces[-1]) > at


def _between_placeholders(text: str) -> list[str]:
    if "redacted" not in text:
        return [text]
    pieces, at = [], 0
    for mark in PLACEHOLDER.finditer(text):
        pieces.append(text[at : mark.start()])
        at = mark.end()
    return [*pieces, text[at:]]


# What tells two apart


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing in which a request is not the recorded one.

    :param where: such as `method`, `query page` or `body $.messages[0].content`.
    :param recorded: as it is to be shown, cut to length; `None` where there was nothing.
    :param sent: likewise.
    """

    where: str
    recorded: str | None
    sent: str | None

    def __str__(self) -> str:
        if self.sent is None:
            return f"{self.where} is missing (recorded: {self.recorded})"
        if self.recorded is None:
            return f"{self.where} is {self.sent}, which was not recorded"
        return f"{self.where} is {self.sent}, recorded {self.recorded}"


def differences(recorded: Request, sent: Request, parts: frozenset[str] = USUAL) -> list[Difference]:
    """Return in what a request differs from a recorded one, the first of each kind first; at most
    `MOST_DIFFERENCES`.
    """
    found: list[Difference] = []
    try:
        for difference in _differences(recorded, sent, parts):
            found.append(difference)
            if len(found) == MOST_DIFFERENCES:
                break
    except RecursionError:
        found.append(Difference("body", "nested otherwise", "nested too deeply to compare"))
    return found


def _differences(recorded: Request, sent: Request, parts: frozenset[str]) -> Iterator[Difference]:
    if "method" in parts and recorded.method != sent.method:
        yield Difference("method", recorded.method, sent.method)
    if "path" in parts and recorded.path != sent.path:
        yield Difference("path", concealed(recorded.path), concealed(sent.path))
    one, other = form_of(recorded, parts), form_of(sent, parts)
    if one.host != other.host:
        yield Difference("host", one.host, other.host)
    if not _fields_fit(one.query, other.query):
        yield from _field_differences("query ", one.query, other.query)
    if not _body_fits(one.body, other.body):
        yield from _body_differences("body", one.body, other.body)


def _field_differences(
    where: str, recorded: Sequence[tuple[str, str]], sent: Sequence[tuple[str, str]]
) -> Iterator[Difference]:
    for name in dict.fromkeys(name for name, _ in (*recorded, *sent)):
        one = [(name, value) for key, value in recorded if key == name]
        other = [(name, value) for key, value in sent if key == name]
        if not _fields_fit(one, other):
            yield Difference(
                f"{where}{cut(concealed(name))}",
                ", ".join(shown(name, value) for _, value in one) or None,
                ", ".join(shown(name, value) for _, value in other) or None,
            )


def _body_differences(where: str, recorded: Hashable, sent: Hashable) -> Iterator[Difference]:
    kinds = _kind(recorded), _kind(sent)
    if kinds[0] != kinds[1]:
        yield Difference(where, *kinds)
    elif isinstance(recorded, tuple) and isinstance(sent, tuple):
        if recorded[0] == "json":
            yield from _value_differences(f"{where} $", "", json.loads(recorded[1]), json.loads(sent[1]))
        elif recorded[0] == "form":
            yield from _field_differences(f"{where} ", recorded[1], sent[1])
        else:
            yield from _part_differences(recorded[1], sent[1])
    elif isinstance(recorded, bytes) and isinstance(sent, bytes):
        yield Difference(where, _size(recorded), _size(sent) + _first_difference(recorded, sent))


def _kind(body: Hashable) -> str:
    if not body:
        return "empty"
    if isinstance(body, tuple):
        return {"json": "JSON", "form": "a form", "multipart": "a multipart form"}[body[0]]
    return "bytes that are neither JSON nor a form"


def _size(body: bytes) -> str:
    return f"{len(body)} bytes"


def _first_difference(one: bytes, other: bytes) -> str:
    at = next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    return f" (the first that differs is {at})"


def _part_differences(recorded: Sequence[Any], sent: Sequence[Any]) -> Iterator[Difference]:
    for name in dict.fromkeys(part[0] for part in (*recorded, *sent)):
        one = [part for part in recorded if part[0] == name]
        other = [part for part in sent if part[0] == name]
        where = f"body part {name.decode('utf-8', 'replace')}"
        if len(one) != len(other):
            yield Difference(where, f"{len(one)} times", f"{len(other)} times")
            continue
        for (_, file, kind, body), (_, other_file, other_kind, other_body) in zip(one, other, strict=True):
            if not _plain_fits(file, other_file):
                yield Difference(f"{where} file name", _text(file), _text(other_file))
            if kind != other_kind:
                yield Difference(f"{where} content type", _text(kind), _text(other_kind))
            if not _body_fits(body, other_body):
                yield from _body_differences(where, body, other_body)


def _text(value: bytes | None) -> str | None:
    return None if value is None else shown("", value.decode("utf-8", "replace"))


def _value_differences(where: str, name: str, recorded: Any, sent: Any, depth: int = 0) -> Iterator[Difference]:
    if _value_fits(recorded, sent):
        return
    if depth < _MOST_DEPTH and isinstance(recorded, dict) and isinstance(sent, dict):
        for key in [*recorded, *(key for key in sent if key not in recorded)]:
            inner = f"{where}.{cut(concealed(key))}"
            if key not in sent:
                yield Difference(inner, shown(key, recorded[key]), None)
            elif key not in recorded:
                yield Difference(inner, None, shown(key, sent[key]))
            else:
                yield from _value_differences(inner, key, recorded[key], sent[key], depth + 1)
    elif depth < _MOST_DEPTH and isinstance(recorded, list) and isinstance(sent, list):
        for n, (one, other) in enumerate(zip(recorded[:_MOST_COMPARED], sent, strict=False)):
            yield from _value_differences(f"{where}[{n}]", name, one, other, depth + 1)
        if len(recorded) != len(sent):
            yield Difference(f"{where} length", str(len(recorded)), str(len(sent)))
    else:
        yield Difference(where, *_shown_apart(_whole(name, recorded), _whole(name, sent)))


def _shown_apart(one: str, other: str) -> tuple[str, str]:
    """Return two texts short, and where one is long, from shortly before they part."""
    if max(len(one), len(other)) > _MOST_SHOWN:
        same = next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
        start = same - _BEFORE_DIFFERENCE
        if start > len(_LEFT_OUT):
            one, other = _LEFT_OUT + one[start:], _LEFT_OUT + other[start:]
    return cut(one), cut(other)


def shown(name: str, value: Any) -> str:
    """Return a value as a message may show it: short, and without what may be secret.

    :param name: of the field it is in.
    """
    return cut(_whole(name, value))


def _whole(name: str, value: Any) -> str:
    masked = _masked(name, value)
    return _HIDDEN if masked is _HIDDEN else concealed(json.dumps(masked, ensure_ascii=False))


def _masked(name: str, value: Any, depth: int = 0) -> Any:
    if is_secret_name(name) or _SECRET_NAME.search(name):
        return _HIDDEN
    if depth < _MOST_DEPTH and isinstance(value, dict):
        return {key: _masked(key, each, depth + 1) for key, each in value.items()}
    if depth < _MOST_DEPTH and isinstance(value, list):
        return [_masked("", each, depth + 1) for each in value[:_MOST_COMPARED]]
    return value


def cut(text: str) -> str:
    """Return a text short enough for a message."""
    return text if len(text) <= _MOST_SHOWN else f"{text[: _MOST_SHOWN - 20]}... ({len(text)} characters)"


# Which recordings come close


def path_distance(one: str, other: str) -> float:
    """Return how far apart two paths are: by segment, and within segments by letters; 0 for equal ones."""
    rows, columns = one.split("/"), other.split("/")
    before: list[float] = [*range(len(columns) + 1)]
    for n, row in enumerate(rows, 1):
        now: list[float] = [n]
        for m, column in enumerate(columns, 1):
            now.append(min(before[m] + 1, now[-1] + 1, before[m - 1] + _apart(row, column)))
        before = now
    return before[-1]


def _apart(one: str, other: str) -> float:
    """Return how far apart two segments are, from 0 to 1."""
    if one == other:
        return 0.0
    one, other = one[:64], other[:64]
    before: list[int] = [*range(len(other) + 1)]
    for n, letter in enumerate(one, 1):
        now = [n]
        for m, against in enumerate(other, 1):
            now.append(min(before[m] + 1, now[-1] + 1, before[m - 1] + (letter != against)))
        before = now
    return float(before[-1]) / max(len(one), len(other))


def rough_distance(one: Sequence[str], other: Sequence[str]) -> float:
    """Return about how far apart the segments of two paths are; quick, to choose what is worth a closer look."""
    apart = sum(_roughly_apart(a, b) for a, b in zip(one, other, strict=False) if a != b)
    return apart + abs(len(one) - len(other))


def _roughly_apart(one: str, other: str) -> float:
    """Return which share of two segments is beyond what they begin and end with in common."""
    start = _in_common(one, other)
    end = _in_common(one[start:][::-1], other[start:][::-1])
    return 1 - (start + end) / max(len(one), len(other))


def _in_common(one: str, other: str) -> int:
    """Return how many characters two texts begin with in common."""
    least = min(len(one), len(other))
    return next((n for n in range(least) if one[n] != other[n]), least)
