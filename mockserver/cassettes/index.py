"""Where each interaction of a cassette file stands, found without holding the file.

There are three ways through a file, and every one gives what a real parse would:

- YAML as VCR.py lays it out is cut at its lines that begin with `- `. Each piece has to match one regular expression
  that knows VCR.py's layout to the last quote, or has to be read for real; so that at the end of each piece the YAML
  is known to be where the next one begins, by induction from the file's head.
- Any other YAML is read event by event, and each interaction is then read for real from its place.
- JSON, in any layout, is decoded value by value.

A file whose interactions do not stand alone, because an alias in one names what is in another, is read as a whole
whenever it is asked for, up to a size.
"""

from __future__ import annotations

import json
import os
import re
import zlib
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final, Literal

import yaml

from mockserver.cassettes.format import (
    header_value,
    interaction_of,
    method_and_path_of,
    request_alone,
    request_in_parts,
)
from mockserver.cassettes.interaction import Interaction
from mockserver.cassettes.loading import JSON, Unreadable, from_json, from_yaml, yaml_events
from mockserver.http.messages import Request

LARGEST_INTERACTION: Final = 64 * 1024 * 1024
"""Bytes of a file that one interaction may take, or what stands before the first."""

LARGEST_WHOLE: Final = 16 * 1024 * 1024
"""Bytes of a file that has to be read as a whole."""

Layout = Literal["yaml", "json", "whole"]

_STEP = 1024 * 1024
_FEED_STEP = 64 * 1024
_LARGEST_HEAD = 1024 * 1024
_LARGEST_MATCHED = 256 * 1024
_MOST_PATHS_KEPT = 8192

_PRINTABLE = bytes([10, *range(32, 127)])

# --- VCR.py's layout, as PyYAML writes it: keys in alphabetical order, two spaces a level, lists not indented ---------

_RESOLVED = (
    rb"(?:[-+]?[0-9][0-9_]*(?::[0-9]{1,2})*(?:\.[0-9_]*)?(?:[eE][-+]?[0-9]*)?|[-+]?\.[0-9a-zA-Z_+-]*"
    rb"|[-+]?0[xb][0-9a-fA-F_]+|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}[-0-9Tt :.+Z]*+"
    rb"|[yYnN]|[yY]es|YES|[nN]o|NO|[tT]rue|TRUE|[fF]alse|FALSE|[oO]n|ON|[oO]ff|OFF|~|[nN]ull|NULL)"
)
"""A plain text that YAML takes for something else: a number, a truth, a date, nothing."""
_PLAIN = rb"[^\n#:]*+(?:(?::(?=[^ \n])|(?<! )#)[^\n#:]*+)*+"
_FOLDED = rb"\n(?=[ \n])"
_HEXADECIMAL = rb"[0-9a-fA-F]"
_ESCAPE = (
    rb"\\(?:[0abtnvfre \"\\N_LP]|x%(h)b{2}|u(?![dD][89a-fA-F])%(h)b{4}"
    rb"|U(?!0000[dD][89a-fA-F])(?:000%(h)b|0010)%(h)b{4}|\n(?=[ \n]))" % {b"h": _HEXADECIMAL}
)
_SINGLE = rb"'[^'\n]*+(?:(?:''|" + _FOLDED + rb")[^'\n]*+)*+'"
_DOUBLE = rb'"[^"\\\n]*+(?:(?:' + _ESCAPE + rb"|" + _FOLDED + rb')[^"\\\n]*+)*+"'
# No line break can be in it, because a header may have none.
_SINGLE_LINE = rb"'[^'\n]*+(?:(?:''|\n(?= +[^ \n]))[^'\n]*+)*+'"


def _plain(indent: int) -> bytes:
    """Return what matches plain text under a key at a column, with the deeper lines it goes on in."""
    return rb"(?!%b *\n)[A-Za-z0-9/_.+$^(\\;]%b(?:\n {%d,}(?=[^ #\n])%b)*+" % (_RESOLVED, _PLAIN, indent + 1, _PLAIN)


def _binary(indent: int) -> bytes:
    digit = rb"[A-Za-z0-9+/]"
    return rb"!!binary \|\n(?= {%d}%b)(?: {%d}(?:%b{4})++\n)*+(?: {%d}(?:%b{4})*+(?:%b{2}==|%b{3}=)\n)?" % (
        *(indent + 2, digit),
        *(indent + 2, digit),
        *(indent + 2, digit, digit, digit),
    )


def _body(indent: int) -> bytes:
    return rb"(?:(?:%b|%b|null|%b)\n|%b)" % (_SINGLE, _DOUBLE, _plain(indent), _binary(indent))


_LINE = rb"(?:%b|%b)\n" % (_SINGLE_LINE, _plain(6))
_HEADER_NAME = rb"(?!%b:)[A-Za-z][A-Za-z0-9_-]*+" % _RESOLVED
_HEADERS = rb"    headers:(?: \{\}\n|\n(?:      %b:(?:\n(?:      - %b)++| %b))++)" % (_HEADER_NAME, _LINE, _LINE)
_MILLISECONDS = rb"[0-9]{1,8}(?:\.[0-9]{1,4})?"
_REQUEST = (
    rb"- (?:recorded_at: '[0-9]{4}-[0-9][0-9]-[0-9][0-9]T[0-9:.]{5,15}Z'\n  )?request:\n"
    rb"    body: (?P<body>%b)(?P<headers>%b)    method: (?P<method>GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS)\n"
    rb"    uri: (?P<uri>https?://[^ \n]++)(?<!:)\n"
    rb"  response:\n" % (_body(4), _HEADERS)
)
_ITEM = re.compile(
    rb"%b    body:(?: \{\}\n|\n      string: %b)%b"
    rb"    status:\n      code: [2-5][0-9][0-9]\n      message: (?:null\n|%b)"
    rb"(?:  timing:\n(?=    )(?:    first_byte_ms: %b\n)?(?:    pieces:\n(?:    - - %b\n      - [0-9]{1,9}\n)++)?)?"
    % (_REQUEST, _body(6), _HEADERS, _LINE, _MILLISECONDS, _MILLISECONDS)
)
_REQUEST_PART = re.compile(_REQUEST)
_HEADER = re.compile(rb"      (%b):((?:\n(?:      - %b)++| %b))" % (_HEADER_NAME, _LINE, _LINE))
_FOLD = re.compile(rb" *\n[ \n]*")
_ESCAPED = re.compile(r"\\(?:x..|u.{4}|U.{8}|\n[ \n]*|.)| *\n[ \n]*")
_ESCAPED_LETTERS = {
    f"\\{letter}": text
    for letter, text in zip('0abtnvfre "\\N_LP', '\0\a\b\t\n\v\f\r\x1b "\\\x85\xa0\u2028\u2029', strict=True)
}
_HEAD_END = re.compile(rb"(?m)^interactions:\n(?=- )")
_TAIL = re.compile(rb"(?m)^(?:[^ \n#-]|---|\.\.\.)")
_DOCUMENT = re.compile(rb"(?m)^(?:---|\.\.\.)")
_FIRST_DASH = re.compile(rb" *-(?=[ \n])")


@dataclass(slots=True)
class Index:
    """Where interactions stand, of any number of files; a few bytes for each, and few paths twice.

    :param starts: in bytes from the file's beginning; in a file that is read whole, the place in its list.
    :param sums: checksums of their bytes.
    :param routes: a number for method and path, which stand in `_texts` up to `_ends`. What was asked for again after
        many other things has a number again.
    """

    starts: array[int] = field(default_factory=lambda: array("Q"))
    sizes: array[int] = field(default_factory=lambda: array("I"))
    sums: array[int] = field(default_factory=lambda: array("I"))
    routes: array[int] = field(default_factory=lambda: array("I"))
    _texts: bytearray = field(default_factory=bytearray)
    _ends: array[int] = field(default_factory=lambda: array("Q"))
    _hashes: array[int] = field(default_factory=lambda: array("q"))
    _numbers: dict[tuple[str, str], int] = field(default_factory=dict)
    _known: dict[tuple[bytes, bytes], int] = field(default_factory=dict)
    _ordered: array[int] | None = None

    def add(self, start: int, text: bytes, request: tuple[str, str]) -> None:
        """Note an interaction."""
        self._add(start, text, self._number(request))

    def add_raw(self, start: int, text: bytes, method: bytes, uri: bytes) -> None:
        """Note an interaction by its two fields as they stand in the file, in ASCII.

        :raises ValueError: they are no request.
        """
        short = (method, uri.partition(b"?")[0])
        number = self._known.get(short)
        if number is None:
            number = self._number(method_and_path_of(method.decode("ascii"), uri.decode("ascii")))
            if len(self._known) >= _MOST_PATHS_KEPT:
                self._known.clear()
            self._known[short] = number
        self._add(start, text, number)

    def _number(self, request: tuple[str, str]) -> int:
        number = self._numbers.get(request)
        if number is None:
            number = len(self._ends)
            self._texts += " ".join(request).encode("utf-8", "surrogatepass")
            self._ends.append(len(self._texts))
            self._hashes.append(hash(request))
            if len(self._numbers) >= _MOST_PATHS_KEPT:
                self._numbers.clear()
            self._numbers[request] = number
        return number

    def request(self, number: int) -> tuple[str, str]:
        """Return method and path of an interaction."""
        route = self.routes[number]
        start = self._ends[route - 1] if route else 0
        method, _, path = self._texts[start : self._ends[route]].decode("utf-8", "surrogatepass").partition(" ")
        return method, path

    def find(self, request: tuple[str, str]) -> list[int]:
        """Return the interactions with a method and path, in order."""
        ordered = self._ordered
        if ordered is None:
            ordered = self._ordered = array("I", sorted(range(len(self.routes)), key=self._hash_of))
        first = bisect_left(ordered, hash(request), key=self._hash_of)
        last = bisect_right(ordered, hash(request), lo=first, key=self._hash_of)
        alike: dict[int, bool] = {}
        found = []
        for number in ordered[first:last]:
            route = self.routes[number]
            if route not in alike:
                alike[route] = self.request(number) == request
            if alike[route]:
                found.append(number)
        return found

    def _hash_of(self, number: int) -> int:
        return self._hashes[self.routes[number]]

    def _add(self, start: int, text: bytes, route: int) -> None:
        self.starts.append(start)
        self.sizes.append(len(text))
        self.sums.append(zlib.crc32(text))
        self.routes.append(route)

    def forget_after(self, count: int) -> None:
        """Forget all but the first interactions."""
        for column in (self.starts, self.sizes, self.sums, self.routes):
            del column[count:]


@dataclass(frozen=True, slots=True)
class Scanned:
    """What is in a file beside its interactions."""

    layout: Layout
    head: Mapping[str, Any]


class Misplaced(ValueError):
    """Something is wrong at a place of a file.

    :param line: from 0, if it is known; else `offset` in bytes.
    :param ordinal: of the interaction, from 1, if it is in one.
    """

    def __init__(
        self, reason: str, *, line: int | None = None, offset: int | None = None, ordinal: int | None = None
    ) -> None:
        self.reason = reason
        self.line = line
        self.offset = offset
        self.ordinal = ordinal
        super().__init__(reason)


class _Dependent(Exception):
    """An interaction cannot be read without the rest of its file."""


class _Unfamiliar(Exception):
    """A file is not laid out as VCR.py does it, from here on."""

    def __init__(self, offset: int, head: dict[str, Any] | None) -> None:
        self.offset = offset
        self.head = head
        super().__init__()


def scan(descriptor: int, index: Index) -> Scanned:
    """Add the interactions of an open file to an index.

    :raises Misplaced: it is no cassette.
    """
    beginning = os.pread(descriptor, 4096, 0)
    size = os.fstat(descriptor).st_size
    if beginning.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise Misplaced("it is UTF-16; save it as UTF-8")
    bom = 3 if beginning.startswith(b"\xef\xbb\xbf") else 0
    if not size or (size <= len(beginning) and not beginning[bom:].strip()):
        raise Misplaced("it is empty; record it anew, or remove it")
    first = beginning[bom:].lstrip()[:1]
    before = len(index.starts)
    if first in (b"{", b"["):
        try:
            return Scanned("json", _scan_json(descriptor, bom, index))
        except _Unfamiliar:
            index.forget_after(before)
    try:
        try:
            return Scanned("yaml", _scan_canonical(descriptor, bom, index))
        except _Unfamiliar as here:
            return Scanned("yaml", _scan_events(descriptor, here, index, len(index.starts) - before))
    except _Dependent:
        index.forget_after(before)
    if size > LARGEST_WHOLE:
        raise Misplaced(
            f"its interactions use YAML anchors of one another, and so only {LARGEST_WHOLE >> 20} MB can be read: "
            "write the values out"
        )
    data = whole(os.pread(descriptor, size, 0))
    for place, item in enumerate(data["interactions"]):
        request = _understood(item, place + 1, None).request
        index.add(place, b"", (request.method, request.path))
    return Scanned("whole", data)


def whole(text: bytes) -> dict[str, Any]:
    """Return what a whole file says.

    :raises Misplaced: it is no cassette.
    """
    try:
        data = from_yaml(text)
    except Unreadable as error:
        raise Misplaced(error.reason, line=error.line) from None
    checked = _checked_head(data)
    if not isinstance(checked.setdefault("interactions", []), list):
        raise Misplaced("its interactions are no list")
    return checked


def item_of(layout: Layout, text: bytes) -> Any:
    """Return what the text of one interaction says.

    :raises Unreadable: it is neither YAML nor JSON, or holds what is refused.
    """
    if layout == "json":
        return from_json(text)
    dash = _FIRST_DASH.match(text)
    return from_yaml(text if dash is None else b" " * dash.end() + text[dash.end() :])


def request_of(layout: Layout, text: bytes) -> Request | None:
    """Return the request that the text of one interaction says, much sooner than all of it is read.

    Of its headers only those may be there that its body is read by. `None` where all has to be read.

    :raises ValueError: the text is no interaction.
    """
    if layout == "json":
        return request_alone(from_json(text))
    match = _REQUEST_PART.match(text)
    if match is None or match[0].translate(None, _PRINTABLE):
        return None
    kind: bytes | None = None
    for header in _HEADER.finditer(match["headers"]):
        name = header[1].lower()
        if name == b"content-encoding":
            return None
        if name == b"content-type":
            kind = header[2]
    return request_in_parts(
        match["method"].decode("ascii"), match["uri"].decode("ascii"), _kind_of(kind), _body_of(match["body"])
    )


def _body_of(raw: bytes) -> object:
    """Return the value of a body as VCR.py lays it out."""
    if raw[:1] == b"'":
        text = raw[1:-2].replace(b"''", b"'")
        return _FOLD.sub(_unfolded, text) if b"\n" in text else text
    if raw[:1] == b'"':
        return _ESCAPED.sub(_unescaped, raw[1:-2].decode("ascii"))
    return from_yaml(b"    body: " + raw)["body"]


def _unfolded(fold: re.Match[bytes]) -> bytes:
    breaks = fold[0].count(b"\n")
    return b" " if breaks == 1 else b"\n" * (breaks - 1)


def _unescaped(match: re.Match[str]) -> str:
    text = match[0]
    found = _ESCAPED_LETTERS.get(text)
    if found is not None:
        return found
    if text[0] == "\\" and text[1] in "xuU":
        return chr(int(text[2:], 16))
    breaks = text.count("\n") - 1
    return "\n" * breaks if breaks or text[0] == "\\" else " "


@lru_cache(maxsize=64)
def _kind_of(raw: bytes | None) -> bytes | None:
    """Return the content type that a header's lines say."""
    if raw is None:
        return None
    values = from_yaml(b"      kind:" + raw)["kind"]
    return header_value(values[-1] if isinstance(values, list) else values)


def _understood(item: object, ordinal: int, offset: int | None) -> Interaction:
    try:
        return interaction_of(item)
    except ValueError as error:
        raise Misplaced(str(error), offset=offset, ordinal=ordinal) from None


def _checked_head(data: object) -> dict[str, Any]:
    """Return a file's mapping, if a file can have it."""
    if isinstance(data, list):
        if data and isinstance(data[0], Mapping) and "request" in data[0]:
            raise Misplaced("it is older than VCR.py 1.0; migrate it with `python -m vcr.migration`, or record it anew")
        raise Misplaced("it is a list; a cassette is a mapping with version and interactions")
    if not isinstance(data, dict):
        raise Misplaced("it is no mapping with version and interactions, as VCR.py writes")
    if "interactions" not in data:
        if "http_interactions" in data:
            raise Misplaced("it is a cassette of Ruby's VCR; only those of VCR.py can be read")
        raise Misplaced("it has no interactions, so it is no cassette of VCR.py")
    return data


# --- YAML as VCR.py lays it out ---------------------------------------------------------------------------------------


def _scan_canonical(descriptor: int, start: int, index: Index) -> dict[str, Any]:
    """Add the interactions of a file that is laid out as VCR.py does it.

    :raises _Unfamiliar: it is not, from some interaction on; those before are added.
    """
    buffer = os.pread(descriptor, _LARGEST_HEAD, start)
    found = _HEAD_END.search(buffer)
    if found is None:
        raise _Unfamiliar(start, None)
    try:
        head = from_yaml(buffer[: found.end()])
    except Unreadable:
        head = None
    if not isinstance(head, dict) or "interactions" not in head or buffer.startswith(b"%"):
        raise _Unfamiliar(start, None)
    at, base, searched = found.end(), start, found.end()
    ordinal = 0
    while True:
        following = buffer.find(b"\n- ", searched)
        if following >= 0:
            ordinal += 1
            _add_item(index, buffer[at : following + 1], base + at, ordinal, head)
            at = searched = following + 1
            continue
        more = os.pread(descriptor, _STEP, base + len(buffer))
        if not more:
            break
        # The marker may be cut in two by the end of what was read.
        searched = max(at, len(buffer) - 2) - at
        buffer, base, at = buffer[at:] + more, base + at, 0
        if len(buffer) > LARGEST_INTERACTION + _STEP:
            raise Misplaced(_too_large(), offset=base, ordinal=ordinal + 1)
    ordinal += 1
    end = _TAIL.search(buffer, at)
    tail_at = len(buffer) if end is None else end.start()
    try:
        tail = from_yaml(buffer[tail_at:])
    except Unreadable:
        tail = ()
    if tail is None:
        tail = {}
    if not isinstance(tail, dict) or _DOCUMENT.search(buffer, tail_at):
        raise _Unfamiliar(base + at, head)
    _add_item(index, buffer[at:tail_at], base + at, ordinal, head)
    return _joined(head, tail, base + tail_at)


def _joined(head: dict[str, Any], tail: dict[str, Any], offset: int) -> dict[str, Any]:
    twice = next((key for key in tail if key in head), None)
    if twice is not None:
        raise Misplaced(f"the key {twice!r:.60} comes twice", offset=offset)
    return {**head, **tail}


def _too_large() -> str:
    return f"an interaction takes more than {LARGEST_INTERACTION >> 20} MB; remove it, or record it with a smaller body"


def _add_item(index: Index, text: bytes, offset: int, ordinal: int, head: dict[str, Any]) -> None:
    if len(text) <= _LARGEST_MATCHED and not text.translate(None, _PRINTABLE):
        match = _ITEM.fullmatch(text if text.endswith(b"\n") else text + b"\n")
        if match is not None:
            try:
                index.add_raw(offset, text, match["method"], match["uri"])
            except ValueError as error:
                raise Misplaced(str(error), offset=offset, ordinal=ordinal) from None
            return
    if len(text) > LARGEST_INTERACTION:
        raise Misplaced(_too_large(), offset=offset, ordinal=ordinal)
    try:
        items = from_yaml(text)
    except Unreadable as error:
        if error.is_syntax:
            raise _Unfamiliar(offset, head) from None
        raise Misplaced(error.reason, line=error.line, offset=offset, ordinal=ordinal) from None
    # A piece that ends its document says nothing about what follows.
    if not isinstance(items, list) or len(items) != 1 or _DOCUMENT.search(text):
        raise _Unfamiliar(offset, head)
    request = _understood(items[0], ordinal, offset).request
    index.add(offset, text, (request.method, request.path))


# --- any other YAML ---------------------------------------------------------------------------------------------------


class _Feed:
    """A file as PyYAML reads it, which remembers where in it each of the characters it counts is."""

    def __init__(self, descriptor: int, offset: int, prefix: bytes) -> None:
        self._descriptor = descriptor
        self._prefix = prefix
        self._next = offset
        self._counts = [0]
        self._offsets = [offset - len(prefix)]
        self._sizes = [len(prefix)]
        self._are_ascii = [True]
        self._count = len(prefix)
        self.wanted_from = offset

    def read(self, _size: int) -> bytes:
        """Return some more of it."""
        if self._prefix:
            data, self._prefix = self._prefix, b""
            return data
        if self._next - self.wanted_from > LARGEST_INTERACTION:
            raise Misplaced(_too_large(), offset=self.wanted_from)
        data = os.pread(self._descriptor, _FEED_STEP, self._next)
        if not data:
            return b""
        is_ascii = data.isascii()
        count = len(data)
        if not is_ascii:
            data, count = _whole_characters(data, self._next)
        self._counts.append(self._count)
        self._offsets.append(self._next)
        self._sizes.append(len(data))
        self._are_ascii.append(is_ascii)
        self._count += count
        self._next += len(data)
        return data

    def offset(self, count: int) -> int:
        """Return where a character is, in bytes of the file."""
        place = max(0, bisect_right(self._counts, count) - 1)
        inside = count - self._counts[place]
        if not self._are_ascii[place]:
            text = os.pread(self._descriptor, self._sizes[place], self._offsets[place]).decode("utf-8", "replace")
            inside = len(text[:inside].encode())
        return self._offsets[place] + inside

    def forget_before(self, offset: int) -> None:
        """Let go of what was before an offset, and count the bound on what is read from there."""
        self.wanted_from = offset
        passed = bisect_right(self._offsets, offset) - 1
        if passed > 64:
            for column in (self._counts, self._offsets, self._sizes, self._are_ascii):
                del column[:passed]


def _whole_characters(data: bytes, offset: int) -> tuple[bytes, int]:
    """Return bytes up to a character that their end cuts in two, and how many characters they are."""
    try:
        return data, len(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        is_cut = error.reason == "unexpected end of data" and error.start >= len(data) - 3 and error.start > 0
        if not is_cut:
            raise Misplaced("it is not UTF-8", offset=offset + error.start) from None
        return data[: error.start], len(data[: error.start].decode("utf-8"))


def _mark(event: Any) -> Any:
    return event.start_mark


_RESUMED = b"interactions:\n"


def _scan_events(descriptor: int, here: _Unfamiliar, index: Index, ordinal: int) -> dict[str, Any]:
    """Add the interactions of a YAML file, or of its rest, whatever its layout.

    :param here: where to begin: at the file's beginning, or at an interaction after such as were added.
    """
    prefix = b"" if here.head is None else _RESUMED
    feed = _Feed(descriptor, here.offset, prefix)
    walk = _Walk(descriptor, feed, index, ordinal, here.offset)
    try:
        found = walk.walk()
    except Unreadable as error:
        line = None if error.line is None else error.line - (1 if prefix else 0)
        raise Misplaced(error.reason, line=line, offset=here.offset, ordinal=walk.inside) from None
    if here.head is None:
        return found
    del found["interactions"]
    return _joined(here.head, found, here.offset)


class _Walk:
    """One way through the events of a YAML file."""

    def __init__(self, descriptor: int, feed: _Feed, index: Index, ordinal: int, offset: int) -> None:
        self._descriptor = descriptor
        self._feed = feed
        self._index = index
        self._ordinal = ordinal
        self._offset = offset
        self._events: Iterator[Any] = yaml_events(feed)
        self.inside: int | None = None

    def walk(self) -> dict[str, Any]:
        """Return what is beside the interactions."""
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                break
        else:
            raise Misplaced("it says nothing; record it anew, or remove it")
        top = next(self._events)
        if not isinstance(top, yaml.MappingStartEvent):
            return self._other_than_mapping(top)
        head: dict[str, Any] = {}
        while not isinstance(key := next(self._events), yaml.MappingEndEvent):
            if not isinstance(key, yaml.ScalarEvent):
                raise Misplaced("a key of the cassette is no text", line=self._line(key))
            if key.value in head:
                raise Misplaced(f"the key {key.value!r:.60} comes twice", line=self._line(key))
            value = next(self._events)
            if key.value == "interactions" and isinstance(value, yaml.SequenceStartEvent):
                self._interactions(is_flow=bool(value.flow_style))
                head["interactions"] = None
                continue
            end = self._end_of(value)
            if key.value in ("version", "metadata", "interactions"):
                is_bare = bool(top.flow_style)
                start = self._feed.offset(_mark(value if is_bare else key).index)
                head[key.value] = self._value(start, self._feed.offset(end), key.value, is_bare=is_bare)
            else:
                head[key.value] = None
            self._feed.forget_before(self._feed.offset(end))
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                raise Misplaced("it holds a second YAML document", line=self._line(event))
        if head.get("interactions") is not None:
            raise Misplaced("its interactions are no list")
        return _checked_head(head)

    def _line(self, event: Any) -> int | None:
        # Lines are the feed's; one that goes on from an interaction has another count.
        return event.start_mark.line if self._offset <= 3 else None

    def _other_than_mapping(self, top: Any) -> dict[str, Any]:
        if isinstance(top, yaml.SequenceStartEvent):
            first = next(self._events)
            key = next(self._events) if isinstance(first, yaml.MappingStartEvent) else None
            is_old = isinstance(key, yaml.ScalarEvent) and key.value in ("request", "response")
            return _checked_head([{"request": {}}] if is_old else [])
        return _checked_head(None)

    def _end_of(self, event: Any) -> int:
        """Skip what an event begins, and return where it ends, in characters."""
        depth = 0
        while True:
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
            if depth == 0:
                end: int = event.end_mark.index
                return end
            event = next(self._events)

    def _value(self, start: int, end: int, key: str, *, is_bare: bool) -> Any:
        """Return the value of a key of the cassette, read for real."""
        if end - start > _LARGEST_HEAD:
            raise Misplaced(f"its {key} takes more than {_LARGEST_HEAD >> 20} MB", offset=start)
        text = os.pread(self._descriptor, end - start, start)
        try:
            return from_yaml(b"[" + text + b"\n]")[0] if is_bare else from_yaml(text)[key]
        except Unreadable as error:
            if error.is_syntax:
                raise _Dependent from None
            raise Misplaced(error.reason, line=error.line, offset=start) from None
        except (LookupError, TypeError):
            raise _Dependent from None

    def _interactions(self, *, is_flow: bool) -> None:
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            self._ordinal += 1
            self.inside = self._ordinal
            start = self._feed.offset(_mark(event).index)
            if not isinstance(event, yaml.MappingStartEvent):
                if isinstance(event, yaml.AliasEvent):
                    raise _Dependent
                raise Misplaced("the interaction is not a mapping", offset=start, ordinal=self._ordinal)
            if not is_flow:
                start -= _mark(event).column
            self._feed.forget_before(start)
            end = self._feed.offset(self._end_of(event))
            self._add(start, os.pread(self._descriptor, end - start, start))
        self.inside = None

    def _add(self, start: int, text: bytes) -> None:
        try:
            item = item_of("yaml", text)
        except Unreadable as error:
            if error.is_syntax:
                raise _Dependent from None
            raise Misplaced(error.reason, line=error.line, offset=start, ordinal=self._ordinal) from None
        request = _understood(item, self._ordinal, start).request
        self._index.add(start, text, (request.method, request.path))


# --- JSON -------------------------------------------------------------------------------------------------------------


class _Window:
    """The part of a JSON file that is being decoded.

    Its bytes are characters of the same number here, so that a place in the text is one in the file; only texts that
    are needed are decoded.
    """

    def __init__(self, descriptor: int, offset: int) -> None:
        self._descriptor = descriptor
        self.base = offset
        self.text = ""
        self.at = 0
        self.is_whole = False

    def more(self) -> bool:
        """Read on, as much again as is held; return whether there was any more."""
        held = self.text[self.at :]
        if len(held) > LARGEST_INTERACTION:
            raise Misplaced(_too_large(), offset=self.offset)
        data = os.pread(self._descriptor, max(_STEP, len(held)), self.base + len(self.text))
        self.base += self.at
        self.text, self.at = held + data.decode("latin-1"), 0
        self.is_whole = not data
        return bool(data)

    @property
    def offset(self) -> int:
        """Where it stands, in bytes of the file."""
        return self.base + self.at

    def token(self) -> str:
        """Return the next character that is no space, and stay there; empty at the end."""
        while True:
            match = _NOT_SPACE.search(self.text, self.at)
            if match is not None:
                self.at = match.start()
                return match[0]
            self.at = len(self.text)
            if not self.more():
                return ""

    def expect(self, *characters: str) -> str:
        """Step over one of some characters.

        :raises Misplaced: another one stands there.
        """
        found = self.token()
        if found not in characters or not found:
            here = f"{found!a} stands" if found else "it ends"
            raise _JsonBroken(f"{here} where {' or '.join(characters)} has to", self.offset)
        self.at += 1
        return found

    def value(self) -> tuple[Any, str]:
        """Decode the next value and step over it; return it, and its text.

        Texts in the value are as the file's bytes: see `_texts`.
        """
        self.token()
        while True:
            try:
                value, end = JSON.raw_decode(self.text, self.at)
            except json.JSONDecodeError as error:
                # A text may end in the part that was not read; everything else that is broken is near that part.
                is_open = error.msg.startswith("Unterminated string") or error.pos >= len(self.text) - 16
                if not is_open or not self.more():
                    raise _JsonBroken(error.msg, self.base + error.pos) from None
                continue
            except RecursionError:
                raise Misplaced("it is nested too deeply", offset=self.offset) from None
            except Unreadable as error:
                raise Misplaced(error.reason, offset=self.offset) from None
            except ValueError:  # a number of thousands of digits
                raise Misplaced("it holds a number that cannot be read", offset=self.offset) from None
            if end == len(self.text) and self.more():
                continue
            if end - self.at > LARGEST_INTERACTION:
                raise Misplaced(_too_large(), offset=self.offset)
            text = self.text[self.at : end]
            self.at = end
            return value, text


class _JsonBroken(Exception):
    """A text is no JSON; it may be YAML."""

    def __init__(self, reason: str, offset: int) -> None:
        self.reason = reason
        self.offset = offset
        super().__init__(reason)


_NOT_SPACE = re.compile(r"[^ \t\r\n]")
_FLOW_YAML = re.compile(rb"\s*\{\s*['#A-Za-z]")
"""What begins like JSON, with a key that JSON does not have."""


def _scan_json(descriptor: int, offset: int, index: Index) -> dict[str, Any]:
    """Add the interactions of a JSON file.

    :raises _Unfamiliar: it is no JSON, but YAML that begins like it.
    """
    window = _Window(descriptor, offset)
    ordinals = [0]
    try:
        if window.token() == "[":
            return _checked_head(_old_list(window))
        return _json_top(window, index, ordinals)
    except _JsonBroken as error:
        if _FLOW_YAML.match(os.pread(descriptor, 4096, offset)):
            raise _Unfamiliar(offset, None) from None
        ordinal = ordinals[0] or None
        raise Misplaced(f"it is no JSON: {error.reason}", offset=error.offset, ordinal=ordinal) from None


def _old_list(window: _Window) -> list[Any]:
    window.expect("[")
    return [window.value()[0]] if window.token() == "{" else []


def _json_top(window: _Window, index: Index, ordinals: list[int]) -> dict[str, Any]:
    head: dict[str, Any] = {}
    window.expect("{")
    if window.token() == "}":
        window.expect("}")
    else:
        while True:
            if window.token() != '"':
                raise _JsonBroken("a key has to be a text in double quotes", window.offset)
            key_at = window.offset
            key = window.value()[0]
            window.expect(":")
            if key in head:
                raise Misplaced(f"the key {key!r:.60} comes twice", offset=key_at)
            if key == "interactions" and window.token() == "[":
                _json_items(window, index, ordinals)
                head[key] = None
            else:
                _, text = window.value()
                head[key] = _from_latin(text, window)
            if window.expect(",", "}") == "}":
                break
    if window.token():
        raise _JsonBroken("something follows the cassette", window.offset)
    if head.get("interactions") is not None:
        raise Misplaced("its interactions are no list")
    return _checked_head(head)


def _from_latin(text: str, window: _Window) -> Any:
    try:
        return from_json(text.encode("latin-1"))
    except Unreadable as error:
        raise Misplaced(error.reason, line=error.line, offset=window.offset - len(text)) from None


def _json_items(window: _Window, index: Index, ordinals: list[int]) -> None:
    window.expect("[")
    if window.token() == "]":
        window.expect("]")
        return
    while True:
        ordinals[0] += 1
        window.token()
        item, text = window.value()
        start = window.offset - len(text)
        raw = text.encode("latin-1")
        if not raw.isascii() and not _asks_in_ascii(item, raw):
            item = _from_latin(text, window)
        request = _json_request(item, ordinals[0], start)
        index.add(start, raw, request)
        if window.expect(",", "]") == "]":
            ordinals[0] = 0
            return


def _asks_in_ascii(item: Any, raw: bytes) -> bool:
    """Whether what an interaction asks for is read already, because only the rest of it is more than ASCII."""
    try:
        raw.decode("utf-8")
        return "response" in item and (item["request"]["method"] + item["request"]["uri"]).isascii()
    except (ValueError, LookupError, TypeError, AttributeError):
        return False


def _json_request(item: Any, ordinal: int, start: int) -> tuple[str, str]:
    try:
        if "response" in item:
            return method_and_path_of(item["request"]["method"], item["request"]["uri"])
    except (ValueError, LookupError, TypeError):
        pass
    request = _understood(item, ordinal, start).request
    return request.method, request.path
