"""Values that are looked for in texts, each in all its spellings, and all of them at once (pure).

The time this takes grows with the text, and not with how many are looked for: of each some letters are noted that are
there however it is written, and only where those are is looked closer.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from urllib.parse import quote, quote_plus

from mockserver.cassettes.edits import Edit
from mockserver.cassettes.looks import SHORTEST_WORD

MOST = 100_000
"""Values that can be looked for."""

MOST_WITHOUT_LETTERS = 3_000
"""Values among them that have no three letters or digits together, each of which has to be looked for by itself."""

_LONGEST_SPELLED = 512
_GRAMS = (8, 5, 3)
"""Lengths of what is noted: the longest that a value has room for."""
_LONGEST_CHARACTER = 48
"""Bytes one is written in, unless it was escaped over and over; see `_OVER_AND_OVER`."""
_LONGEST_RUN = 1 << 22
_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/_-"
_SHORT_ESCAPES = {"\b": b"b", "\f": b"f", "\n": b"n", "\r": b"r", "\t": b"t"}
_ENTITIES = {"&": b"&(?:amp|#38|#x26);", "<": b"&(?:lt|#60|#x3[cC]);", ">": b"&(?:gt|#62|#x3[eE]);",
             '"': b"&(?:quot|#34|#x22);", "'": b"&(?:apos|#39|#x27);"}  # fmt: skip

_RUN_AFTER = re.compile(rb"[A-Za-z0-9+/_-]*={0,2}")
_ESCAPE = re.compile(rb"[\\%&+]")
_BASE64_ESCAPE = re.compile(rb"[-_%\\]")
_OVER_AND_OVER = re.compile(rb"\\{9}|(?:25){5}")
_NEVER = re.compile(rb"(?!)")
_LETTERS = {length: re.compile(rb"[A-Za-z0-9]{%d,}" % length) for length in _GRAMS}

# Letters and digits that somebody has escaped although nobody needs to.
_LETTER = rb"(3[0-9]|4[1-9A-Fa-f]|5[0-9Aa]|6[1-9A-Fa-f]|7[0-9Aa])"
_ODD = re.compile(rb"(?:(?<!\\)\\++u00|%(?:25)*)" + _LETTER)
_ODD_RUN = re.compile(rb"(?:[A-Za-z0-9]++|(?:(?<!\\)\\++u00|%(?:25)*)" + _LETTER + rb")+")

# Values of these alone are written as they are, unless somebody has escaped what nobody needs to.
_USUAL = re.compile(rb"[A-Za-z0-9_.~-]+")
_UNUSUAL = re.compile(rb"(?:(?<!\\)\\++u00|%(?:25)*)(?:" + _LETTER + rb"|2[DdEe]|5[Ff]|7[Ee])")


class Values:
    """What is looked for, with what is to stand in the place of each."""

    def __init__(self) -> None:
        self.has_numbers = False
        """Whether one of them could be a number in JSON."""
        self._placeholders: dict[bytes, bytes] = {}
        self._traces: list[_Trace] = []
        self._short: list[_Trace] = []
        self._noted: dict[int, dict[bytes, list[tuple[_Trace, int]]]] = {length: {} for length in _GRAMS}

    def __len__(self) -> int:
        return len(self._placeholders)

    def __contains__(self, value: bytes) -> bool:
        return value in self._placeholders

    def get(self, value: bytes) -> bytes | None:
        """Return what is to stand in a value's place; `None` if it is none of these."""
        return self._placeholders.get(value)

    @property
    def is_full(self) -> bool:
        """Whether no more can be looked for."""
        return len(self._placeholders) >= MOST or len(self._short) >= MOST_WITHOUT_LETTERS

    def add(self, value: bytes, placeholder: bytes) -> None:
        """Look for a value from now on."""
        self._placeholders[value] = placeholder
        self.has_numbers = self.has_numbers or value.isdigit()
        for trace in (_Trace(value, value, placeholder), *_encoded(value, placeholder)):
            self._traces.append(trace)
            self._note(trace)

    def _note(self, trace: _Trace) -> None:
        anchor = trace.anchor
        length = next((length for length in _GRAMS if length <= len(anchor)), None)
        if length is None:
            self._short.append(trace)
            return
        # Many values begin or end alike: it is noted by what is rarest of it.
        noted = self._noted[length]
        places = (len(anchor) - length, 0, (len(anchor) - length) // 2)
        at = min(places, key=lambda place: len(noted.get(anchor[place : place + length], ())))
        noted.setdefault(anchor[at : at + length], []).append((trace, trace.anchor_at + at))

    def are_in(self, data: bytes) -> bool:
        """Tell whether any of them is in a text."""
        return next(self._spans(data, is_base64=True), None) is not None

    def found_in(self, data: bytes, *, is_base64: bool = True) -> list[Edit]:
        """Return where they are, and what is to stand there; at one place first what is longest.

        :param is_base64: whether also what is within base64 counts.
        """
        spans = sorted(self._spans(data, is_base64), key=lambda span: -len(span[2].value))
        found = [(start, end, trace.placeholder) for start, end, trace in spans if not trace.is_base64]
        encoded = [span for span in spans if span[2].is_base64]
        return [*found, *_in_base64(data, encoded)] if encoded else found

    def _spans(self, data: bytes, is_base64: bool) -> Iterator[tuple[int, int, _Trace]]:
        is_odd = (b"%" in data or b"\\u" in data) and _ODD.search(data) is not None
        if len(self._traces) * (600 + len(data)) < 200 * len(data):
            few: Iterable[_Trace] = self._traces  # to look for each is faster then
        else:
            few = self._short
            yield from self._noted_in(data, is_odd, is_base64)
        for trace in few:
            if trace.is_base64:
                if is_base64 and trace.anchor in data:
                    yield from trace.within(data, 0, len(data))
            elif is_odd or trace.anchor in data:
                yield from trace.within(data, 0, len(data))

    def _noted_in(self, data: bytes, is_odd: bool, is_base64: bool) -> Iterator[tuple[int, int, _Trace]]:
        seen: dict[_Trace, int] = {}
        for at, trace, offset in self._hits(data):
            if is_base64 or not trace.is_base64:
                yield from trace.near(data, at, at - offset, seen)
        if is_odd:
            for run in _ODD_RUN.finditer(data):
                letters = _plain_letters(run[0])
                if letters is not None:
                    for trace in dict.fromkeys(trace for _, trace, _ in self._hits(letters)):
                        if not trace.is_base64:
                            yield from trace.around(data, *run.span())

    def _hits(self, data: bytes) -> Iterator[tuple[int, _Trace, int]]:
        """Yield where something is that is noted, of whom, and how far into it."""
        for length, noted in self._noted.items():
            if not noted:
                continue
            for run in _LETTERS[length].finditer(data):
                first, last = run.span()
                for at in [at for at in range(first, last - length + 1) if data[at : at + length] in noted]:
                    for trace, offset in noted[data[at : at + length]]:
                        yield at, trace, offset


class _Trace:
    """What is looked for in place of a value: itself, or what base64 makes of it at one of three places.

    :param form: its usual spelling.
    """

    __slots__ = ("__dict__", "anchor", "anchor_at", "form", "is_base64", "placeholder", "value")

    def __init__(self, value: bytes, form: bytes, placeholder: bytes, *, is_base64: bool = False) -> None:
        self.value = value
        self.form = form
        self.placeholder = placeholder
        self.is_base64 = is_base64
        self.anchor = _anchor(form)
        self.anchor_at = form.find(self.anchor)

    @cached_property
    def _is_number(self) -> bool:
        return not self.is_base64 and len(self.form) < SHORTEST_WORD and self.form.isdigit()

    @cached_property
    def _pattern(self) -> re.Pattern[bytes]:
        """Every spelling of it."""
        if self.is_base64:
            spelled = re.escape(self.form).replace(rb"\+", rb"(?:\+|-|%2[bB])").replace(b"/", rb"(?:\\*/|_|%2[fF])")
            return re.compile(spelled)
        try:
            text = self.value.decode("utf-8")
        except UnicodeDecodeError:
            return re.compile(re.escape(self.value))
        if len(text) > _LONGEST_SPELLED:
            spellings = {
                self.value, quote(text, safe="").encode(), quote_plus(text).encode(),
                json.dumps(text)[1:-1].encode(), json.dumps(text, ensure_ascii=False)[1:-1].encode(),
            }  # fmt: skip
            return re.compile(b"|".join(map(re.escape, sorted(spellings, key=len, reverse=True))))
        if self._is_number:
            return re.compile(rb"(?<![0-9])" + self.value + rb"(?![0-9])")  # a part of a longer number is no secret
        parts = (
            rb"(?:\\|%(?:25)*5[cC]|\\+u005[cC]){" + b"%d,}" % len(part) if part[0] == "\\" else _spelled(part)
            for part in re.findall(r"\\+|[^\\]", text, re.DOTALL)
        )
        return re.compile(b"".join(parts))

    @cached_property
    def _other(self) -> re.Pattern[bytes]:
        """What is in a text that could spell it otherwise."""
        if self.is_base64:
            return _NEVER if self.form.isalnum() else _BASE64_ESCAPE
        return _NEVER if self._is_number else _UNUSUAL if _USUAL.fullmatch(self.form) else _ESCAPE

    def within(self, data: bytes, start: int, end: int) -> Iterator[tuple[int, int, _Trace]]:
        """Yield where it is in a part of a text."""
        # A pattern is dear to make, and most texts have nothing to spell it otherwise with.
        if self._other.search(data, start, end) is not None:
            for match in self._pattern.finditer(data, start, end):
                yield *match.span(), self
            return
        size = len(self.form)
        at = data.find(self.form, start, end)
        while at >= 0:
            if not self._is_number or not _is_in_number(data, at, at + size):
                yield at, at + size, self
            at = data.find(self.form, at + size, end)

    def replaced_in(self, data: bytes) -> bytes:
        """Return a text with the placeholder wherever it is."""
        return self._pattern.sub(lambda _: self.placeholder, data)

    def near(self, data: bytes, hit: int, at: int, seen: dict[_Trace, int]) -> Iterator[tuple[int, int, _Trace]]:
        """Yield where it is around a place that it may be at.

        :param at: where it begins if it is in its usual spelling.
        :param seen: up to where each was looked for already.
        """
        end = at + len(self.form)
        is_exact = at >= 0 and data.startswith(self.form, at) and b"\\" not in self.form
        if is_exact and self._other.search(data, max(0, at - 8), at + 2) is None:  # else it may begin before that
            if not self._is_number or not _is_in_number(data, at, end):
                yield at, end, self
            return
        reach = self._reach
        if hit + reach <= seen.get(self, 0):
            return
        if _OVER_AND_OVER.search(data, max(0, hit - reach), hit + 8 * reach) is not None:
            seen[self] = len(data) + reach
            yield from self.within(data, 0, len(data))
        else:
            seen[self] = hit + 8 * reach
            yield from self.within(data, max(0, hit - reach), hit + 8 * reach)

    def around(self, data: bytes, start: int, end: int) -> Iterator[tuple[int, int, _Trace]]:
        """Yield where it is in a part of a text, and as far before and after it as it can reach."""
        start, end = max(0, start - self._reach), min(len(data), end + self._reach)
        if _OVER_AND_OVER.search(data, start, end) is not None:
            start, end = 0, len(data)
        yield from self.within(data, start, end)

    @property
    def _reach(self) -> int:
        return _LONGEST_CHARACTER * len(self.form) + 64


def _encoded(value: bytes, placeholder: bytes) -> Iterator[_Trace]:
    """Yield what base64 makes of a value wherever it stands in what is encoded, without the letters at its edges."""
    for before in range(3):
        text = base64.b64encode(bytes(before) + value)
        core = text[(0, 2, 3)[before] : len(text) - (0, 3, 2)[(before + len(value)) % 3]]
        yield _Trace(value, core, placeholder, is_base64=True)


def _in_base64(data: bytes, found: Sequence[tuple[int, int, _Trace]]) -> Iterator[Edit]:
    """Yield what is to stand for whole runs of base64 that hold values."""
    runs: dict[tuple[int, int], list[tuple[int, int, _Trace]]] = {}
    first = last = 0
    for start, end, trace in sorted(found, key=lambda span: span[:2]):
        if end > last:
            first, last = _run_around(data, start, end)
        runs.setdefault((first, last), []).append((start, end, trace))
    for (first, last), spans in runs.items():
        run = data[first:last]
        text = run.rstrip(b"=")
        is_url_safe = b"-" in text or b"_" in text
        try:
            plain = base64.b64decode(text + b"=" * (-len(text) % 4), b"-_" if is_url_safe else b"+/", validate=True)
        except binascii.Error:
            plain = b""
        values = {trace.value: trace.placeholder for _, _, trace in spans if trace.value in plain}
        if not values:
            yield from ((start, end, trace.placeholder) for start, end, trace in spans)
            continue
        longest = max((trace for _, _, trace in spans), key=lambda trace: len(trace.value))
        if len(longest.value) > max(map(len, values)):  # nearly all of it is there
            yield first, last, longest.placeholder
            continue
        for value in sorted(values, key=len, reverse=True):  # one may be part of another
            plain = plain.replace(value, values[value])
        encoded = base64.urlsafe_b64encode(plain) if is_url_safe else base64.b64encode(plain)
        encoded = encoded if len(run) % 4 == 0 else encoded.rstrip(b"=")
        for trace in dict.fromkeys(trace for _, _, trace in spans if trace.value not in values):
            encoded = trace.replaced_in(encoded)  # what is encoded may begin later than the run
        yield first, last, encoded


def _run_around(data: bytes, start: int, end: int) -> tuple[int, int]:
    """Return from where to where the letters of base64 around a place go."""
    reach = 256
    while True:
        lowest = max(0, start - reach)
        before = data[lowest:start]
        left = before.rstrip(_BASE64)
        if left or lowest == 0 or reach >= _LONGEST_RUN:
            break
        reach *= 4
    after = _RUN_AFTER.match(data, end, end + _LONGEST_RUN)
    return lowest + len(left), after.end() if after else end


def _is_in_number(data: bytes, start: int, end: int) -> bool:
    return data[max(0, start - 1) : start].isdigit() or data[end : end + 1].isdigit()


def _plain_letters(run: bytes) -> bytes | None:
    """Return a run of letters with those that were escaped as they are; `None` where none was."""
    plain: list[bytes] = []
    raw: list[tuple[int, bytes]] = []
    at = size = 0
    for match in _ODD.finditer(run):
        plain += [run[at : match.start()], bytes([int(match[1], 16)])]
        size += match.start() - at + 1
        raw.append((size, match[0].lstrip(b"\\%")))
        at = match.end()
    if not raw:
        return None
    letters = b"".join([*plain, run[at:]])
    # What was taken for an escape may also be the first letters of a value.
    return b" ".join([letters, *(first + letters[place : place + _GRAMS[0]] for place, first in raw)])


# Spelling


def _anchor(value: bytes) -> bytes:
    """Return the longest run of letters and digits: no encoding that is in use writes them otherwise."""
    return max(re.findall(rb"[A-Za-z0-9]+", value), key=len, default=b"")


def _hex(value: int, width: int) -> bytes:
    digits = b"%0*x" % (width, value)
    return b"".join(b"[%c%c]" % (d, d - 32) if d >= 97 else b"%c" % d for d in digits)


def _spelled(character: str) -> bytes:
    """Return a pattern of every way a character is written in texts, JSON, URLs, forms and HTML, or one in another."""
    # Each begins with a letter of its own, and not with a repetition: only then are they searched for fast.
    raw = character.encode("utf-8")
    ways = [re.escape(raw)]
    if character in "\"'/":
        ways.append(rb"\\\\*" + ways[0])
    ways.append(b"".join(b"%(?:25)*" + _hex(byte, 2) for byte in raw))
    units = character.encode("utf-16-be")
    ways.append(b"".join(rb"\\\\*u" + _hex(units[n] << 8 | units[n + 1], 4) for n in range(0, len(units), 2)))
    if character in _SHORT_ESCAPES:
        ways.append(rb"\\\\*" + _SHORT_ESCAPES[character])
    if character == " ":
        ways.append(rb"\+")
    if character in _ENTITIES:
        ways.append(_ENTITIES[character])
    return b"(?:" + b"|".join(ways) + b")"
