"""What bodies say, whatever way they are written: compression, JSON, forms, multipart and server-sent events (pure)."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, NoReturn
from urllib.parse import parse_qsl

DECODED_LIMIT = 64 * 1024 * 1024
"""Bytes a compressed body may grow to."""

MOST_CODINGS = 4
"""A body that names more codings than this in its `content-encoding` is not taken apart."""

_STEP = 256 * 1024
_MOST_MEMBERS = 100
_GZIP = zlib.MAX_WBITS | 16

Fields = Mapping[bytes, bytes] | Iterable[tuple[bytes, bytes]]
"""Headers, of a request or of an answer."""


def decoded(headers: Fields, body: bytes, limit: int = DECODED_LIMIT) -> bytes:
    """Return a body without the compression its `content-encoding` names.

    A body that is not compressed although the header says so is returned as it is, because VCR.py may have undone
    the compression and left the header; and so is one whose coding needs a decoder that is not installed (`br`,
    `zstd`). Never more than the limit is held.

    :raises ValueError: it is longer than the limit when decoded, or its compressed data is broken.
    """
    if not body:
        return body
    for coding in reversed(codings(headers)):
        decoder = _DECODERS.get(coding)
        if decoder is not None:
            body = decoder(body, limit)
    return body


def codings(headers: Fields) -> list[str]:
    """Return the codings a body went through, in order, without `identity`.

    :raises ValueError: more than `MOST_CODINGS`.
    """
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    names: list[str] = []
    for name, value in pairs:
        if name.lower() == b"content-encoding":
            names += [part.strip().lower() for part in value.decode("latin-1").split(",")]
    names = [name for name in names if name and name != "identity"]
    if len(names) > MOST_CODINGS:
        raise ValueError(f"content-encoding names {len(names)} codings; at most {MOST_CODINGS} are undone")
    return names


def is_coded(coding: str, body: bytes) -> bool:
    """Whether a body can be what a coding makes: told by its first bytes, and for `br` by not being text."""
    if coding in ("gzip", "x-gzip"):
        return body.startswith(b"\x1f\x8b")
    if coding == "deflate":
        return _is_framed(body) or _bare(body, DECODED_LIMIT) is not None
    if coding == "zstd":
        return body.startswith(b"\x28\xb5\x2f\xfd")
    if coding == "br":
        try:
            body.decode("utf-8")
        except UnicodeDecodeError:
            return True
        return False
    return True


def _too_large(limit: int) -> NoReturn:
    raise ValueError(f"the compressed body holds more than {limit} bytes")


def _inflated(body: bytes, limit: int, window_bits: int) -> bytes:
    """Return all members of a gzip body, or what is in a zlib or bare deflate one; what follows is padding."""
    pieces: list[bytes] = []
    total = 0
    rest = body
    for _ in range(_MOST_MEMBERS):
        engine = zlib.decompressobj(window_bits)
        while not engine.eof:
            try:
                piece = engine.decompress(rest, _STEP)
            except zlib.error as error:
                raise ValueError(f"the compressed body is broken: {error}") from None
            rest = engine.unconsumed_tail
            total += len(piece)
            if total > limit:
                _too_large(limit)
            if not piece and not rest and not engine.eof:
                raise ValueError("the compressed body is cut short")
            pieces.append(piece)
        rest = engine.unused_data
        if window_bits != _GZIP or not rest.startswith(b"\x1f\x8b"):
            return b"".join(pieces)
    raise ValueError(f"the compressed body has more than {_MOST_MEMBERS} members")


def _is_framed(body: bytes) -> bool:
    """Whether a body begins as zlib's frame does."""
    return len(body) >= 2 and body[0] & 0x0F == 8 and int.from_bytes(body[:2], "big") % 31 == 0


def _bare(body: bytes, limit: int) -> bytes | None:
    """Return what is in a deflate body without zlib's frame, as some servers send it; `None` where it is none.

    There are no first bytes to tell it by: it is one if it ends where the body does.
    """
    engine = zlib.decompressobj(-zlib.MAX_WBITS)
    pieces: list[bytes] = []
    total = 0
    rest = body
    while not engine.eof:
        try:
            piece = engine.decompress(rest, _STEP)
        except zlib.error:
            return None
        rest = engine.unconsumed_tail
        total += len(piece)
        if total > limit:
            _too_large(limit)
        if not piece and not rest and not engine.eof:
            return None
        pieces.append(piece)
    return None if engine.unused_data else b"".join(pieces)


def _gunzip(body: bytes, limit: int) -> bytes:
    return _inflated(body, limit, _GZIP) if is_coded("gzip", body) else body


def _inflate(body: bytes, limit: int) -> bytes:
    if _is_framed(body):
        return _inflated(body, limit, zlib.MAX_WBITS)
    bare = _bare(body, limit)
    return body if bare is None else bare


def _unbrotli(body: bytes, limit: int) -> bytes:
    try:
        brotli = import_module("brotli")
    except ImportError:
        return body
    if not is_coded("br", body):
        return body
    engine = brotli.Decompressor()
    try:
        # Releases before 1.2 cannot be told to stop, so they are fed so little that no step can grow beyond reason.
        return _fed(engine.process, body, limit, 1024)
    except brotli.error as error:
        raise ValueError(f"the compressed body is broken: {error}") from None


def _unzstd(body: bytes, limit: int) -> bytes:
    if not is_coded("zstd", body):
        return body
    for name in ("compression.zstd", "zstandard"):
        try:
            zstd = import_module(name)
        except ImportError:
            continue
        error = getattr(zstd, "ZstdError", ValueError)
        engine = zstd.ZstdDecompressor()
        engine = engine.decompressobj() if hasattr(engine, "decompressobj") else engine
        try:
            return _fed(engine.decompress, body, limit, 1024)
        except (error, EOFError) as reason:
            raise ValueError(f"the compressed body is broken: {reason}") from None
    return body


def _fed(decompress: Callable[[bytes], bytes], body: bytes, limit: int, step: int) -> bytes:
    pieces: list[bytes] = []
    total = 0
    for start in range(0, len(body), step):
        piece = decompress(body[start : start + step])
        total += len(piece)
        if total > limit:
            _too_large(limit)
        pieces.append(piece)
    return b"".join(pieces)


_DECODERS: Mapping[str, Callable[[bytes, int], bytes]] = {
    "gzip": _gunzip,
    "x-gzip": _gunzip,
    "deflate": _inflate,
    "br": _unbrotli,
    "zstd": _unzstd,
}


def canonical(content_type: bytes | None, body: bytes) -> Hashable:
    """Return a form in which two bodies that say the same are equal.

    JSON is compared by value: whitespace, order of keys, spelling of numbers (`1`, `1.0`, `10e-1`) and of characters do
    not count. Multipart is compared by its parts, whatever the boundary; a form by its fields, whatever their order.
    Anything else, and what is not well-formed, is compared byte by byte. Without a content type, or as
    `text/plain`, a body that is JSON is taken as JSON.
    """
    kind = media_type(content_type)
    if kind == "application/x-www-form-urlencoded":
        return ("form", tuple(sorted(form_fields(body))))
    if kind.startswith("multipart/"):
        parts = multipart(content_type or b"", body)
        if parts is not None:
            ordered = sorted(parts, key=lambda part: part.name)
            return (
                "multipart",
                tuple((p.name, p.filename, p.content_type, canonical(p.content_type, p.body)) for p in ordered),
            )
        return body
    if is_json(kind) or (kind in ("", "text/plain") and body.lstrip(b" \t\r\n")[:1] in (b"{", b"[")):
        text = canonical_json(body)
        return body if text is None else ("json", text)
    return body


def media_type(content_type: bytes | None) -> str:
    """Return a content type in lower case and without parameters; empty where there is none."""
    return (content_type or b"").partition(b";")[0].strip().lower().decode("latin-1")


def is_json(kind: str) -> bool:
    """Whether a media type is JSON: `application/json`, `application/problem+json`."""
    return kind == "application/json" or kind.endswith("+json") or kind == "text/json"


def canonical_json(body: bytes) -> str | None:
    """Return JSON in one spelling; `None` for what is not JSON, such as `NaN`, or is nested too deeply to be read."""
    try:
        text = body.decode("utf-8-sig")
        try:
            value = _plain_json(text)
        except _Unusual:
            value = _marked_json(text)
        return json.dumps(value, sort_keys=True, separators=(",", ":"))
    except (ValueError, RecursionError):
        return None


class _Unusual(Exception):
    """Correct JSON whose value Python's own types do not hold."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Unusual
    return found


def _number(text: str) -> float | int:
    # Up to 15 digits a float keeps every decimal number apart; an exponent may take it out of range.
    if len(text) > 16 or "e" in text or "E" in text:
        raise _Unusual
    value = float(text)
    return int(value) if value.is_integer() else value


def _not_json(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


_plain_json = json.JSONDecoder(object_pairs_hook=_object, parse_float=_number, parse_constant=_not_json).decode

_NUMBER = re.compile(r"(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?", re.ASCII)


def _marked_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    # Which of two values under one key counts is anybody's guess, so that both have to agree, in order.
    return found if len(found) == len(pairs) else {"\0pairs": sorted(pairs, key=lambda pair: pair[0])}


def _marked_number(text: str) -> int | float | dict[str, str]:
    match = _NUMBER.fullmatch(text)
    if match is None:  # pragma: no cover - the decoder hands over nothing else
        raise ValueError(text)
    sign, whole, fraction, exponent = match[1], match[2], match[3] or "", int(match[4] or 0)
    digits = (whole + fraction).lstrip("0")
    exponent -= len(fraction)
    exponent += len(digits) - len(digits.rstrip("0"))
    digits = digits.rstrip("0")
    if not digits:
        return 0
    if exponent >= 0 and len(digits) + exponent <= 4300:
        return int(sign + digits + "0" * exponent)
    if len(digits) <= 15 and -15 <= exponent < 0:
        return _number_in_floats(sign, digits, exponent)
    return {"\0number": f"{sign}{digits}e{exponent}"}


def _number_in_floats(sign: str, digits: str, exponent: int) -> float:
    return float(f"{sign}{digits}e{exponent}")


_marked_json = json.JSONDecoder(
    object_pairs_hook=_marked_object, parse_float=_marked_number, parse_int=_marked_number, parse_constant=_not_json
).decode


def form_fields(body: bytes) -> list[tuple[str, str]]:
    """Return the fields of a form, or of a query, in order; a character for each byte, so that nothing is lost."""
    return parse_qsl(body.decode("latin-1"), keep_blank_values=True, encoding="latin-1")


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a multipart body.

    :param filename: `None` for a plain field.
    :param start: where its content begins in the whole body, in bytes.
    """

    name: bytes
    filename: bytes | None
    content_type: bytes | None
    body: bytes
    start: int = 0


_BOUNDARY = re.compile(rb';\s*boundary=(?:"((?:[^"\\]|\\.)*)"|([^\s;"]+))', re.IGNORECASE)
_PARAMETER = re.compile(rb';\s*([\w*-]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s;"]*))')


def multipart(content_type: bytes, body: bytes) -> list[Part] | None:
    """Return the parts of a multipart body in order; `None` for one that is malformed or cut short."""
    found = _BOUNDARY.search(content_type)
    if found is None:
        return None
    boundary = found[1] if found[1] is not None else found[2]
    if not boundary:
        return None
    delimiter = re.compile(rb"(?:\A|\r\n)--" + re.escape(boundary) + rb"(--)?[ \t]*(?:\r\n|\Z)")
    parts: list[Part] = []
    previous: int | None = None
    at = 0
    while (mark := delimiter.search(body, at)) is not None:
        if previous is not None:
            part = _part(body, previous, mark.start())
            if part is None:
                return None
            parts.append(part)
        if mark[1] is not None:
            return parts
        previous = mark.end()
        # The line break before a delimiter is part of it, and may be the one that ended the delimiter before.
        at = previous - 2 if body[previous - 2 : previous] == b"\r\n" else previous
        if at < mark.start() + 2:
            return None
    return None


def _part(body: bytes, start: int, end: int) -> Part | None:
    head_end = body.find(b"\r\n\r\n", start - 2, end)
    if head_end < 0:
        return None
    name, filename, kind = b"", None, None
    for line in body[start:head_end].split(b"\r\n") if head_end > start else []:
        key, _, value = line.partition(b":")
        if key.strip().lower() == b"content-disposition":
            options = {m[1].lower(): m[2] if m[2] is not None else m[3] for m in _PARAMETER.finditer(value)}
            name, filename = options.get(b"name", b""), options.get(b"filename*", options.get(b"filename"))
        elif key.strip().lower() == b"content-type":
            kind = value.strip()
    return Part(name, filename, kind, body[head_end + 4 : end], head_end + 4)


@dataclass(frozen=True, slots=True)
class Event:
    """One server-sent event, with the blank line that ends it, and where it stands in the body.

    :param kind: its `event:` field; empty where it has none.
    :param data: its `data:` lines, joined by newlines; `None` for a comment, or a body's unfinished end.
    :param is_whole: whether the blank line came.
    """

    start: int
    end: int
    kind: str
    data: str | None
    is_whole: bool = True


_EVENT_END = re.compile(rb"(?:\r\n|\r(?!\n)|\n)(?:\r\n|\r(?!\n)|\n)+")
_LINE_END = re.compile(r"\r\n|\r|\n")


def events(body: bytes) -> Iterator[Event]:
    """Yield a stream's events; one starts where the one before ends, and together they are the whole body."""
    start = 0
    for mark in _EVENT_END.finditer(body):
        yield _event(body, start, mark.end(), is_whole=True)
        start = mark.end()
    if start < len(body):
        yield _event(body, start, len(body), is_whole=False)


def _event(body: bytes, start: int, end: int, *, is_whole: bool) -> Event:
    kind, data = "", None
    text = body[start:end].decode("utf-8", "replace")
    if start == 0:
        text = text.removeprefix("\ufeff")
    for line in _LINE_END.split(text):
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            data = value if data is None else f"{data}\n{value}"
        elif name == "event":
            kind = value
    return Event(start, end, kind, data if is_whole else None, is_whole)
