"""Pictures and documents within a message: what a URL in an `image_url` part stands for."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from mockserver.vendors.pareta.domain.encoded import MAX_FILE_BYTES, decoded
from mockserver.vendors.pareta.domain.errors import Refused

IMAGE_TOKENS = 765
"""What a picture, or one page of a document, counts for in a prompt.

Source: pareta/chat "usage" (that pictures count: documented; how much is not published: assumed).
"""
MAX_PAGES = 8
"""How many pages of a document are looked at. Source: pareta/chat "PDFs" (documented)."""

_HEAD = re.compile(r"data:([^;,]*)((?:;[^;,]*)*),", re.I)
_BLANKS = re.compile(r"[ \t\r\n]+")


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture whose bytes came along, or a reference to one.

    :param kind: `PNG`, `JPEG`, `GIF` or `WebP`; empty for a reference, which nobody follows.
    :param size: width and height in pixels, if its head tells.
    :param digest: tells it from other pictures.
    """

    kind: str
    size: tuple[int, int] | None
    digest: str


@dataclass(frozen=True, slots=True)
class Pdf:
    """A document, yet to be read."""

    data: bytes
    digest: str


Attachment = Picture | Pdf


def attachment(url: str, where: str) -> Attachment:
    """Return what a URL stands for.

    Web addresses and data URIs without base64 are references that pass unseen. Base64 must hold a picture or a PDF;
    which of them, its first bytes say, whatever type the URI declares.

    :param where: the part's place in the request, for the message.
    :raises Refused: it is no such thing.

    Source: pareta/chat "PDFs" (what passes and that the first bytes decide: documented; other refusals: assumed).
    """
    digest = hashlib.blake2b(url.encode("utf-8", "replace"), digest_size=8).hexdigest()
    head = _HEAD.match(url[:1_000])
    if head is None:
        if url[:8].lower().startswith(("http://", "https://")):
            return Picture("", None, digest)
        raise Refused(f"{where} must be an http(s) URL or a data URI")
    if not head[2].lower().endswith(";base64"):
        return Picture("", None, digest)
    data = _decoded(url[head.end() :], where)
    if data.startswith(b"%PDF") or head[1].strip().lower() == "application/pdf":
        return Pdf(data, digest)
    for kind, is_one, size in _KINDS:
        if is_one(data):
            return Picture(kind, size(data), digest)
    raise Refused(f"{where} holds neither a PNG, JPEG, GIF or WebP picture nor a PDF")


def _decoded(text: str, where: str) -> bytes:
    """Return the bytes of a data URI; blanks within it do not count, and characters may be escaped."""
    if len(text) > 2 * MAX_FILE_BYTES:
        raise Refused(f"{where} holds more than {MAX_FILE_BYTES} bytes")
    if "%" in text:
        text = unquote_to_bytes(text).decode("latin-1")
    return decoded(_BLANKS.sub("", text), where)


def described(pictures: Sequence[Picture]) -> str:
    """Return a sentence about the pictures of a message: what their heads tell of them."""
    count = len(pictures)
    seen = [f"a {p.kind} of {p.size[0]} by {p.size[1]} pixels" if p.size else f"a {p.kind}" for p in pictures if p.kind]
    if not seen:
        return "The picture is at another address." if count == 1 else f"The {count} pictures are at other addresses."
    text = seen[0] if len(seen) == 1 else f"{', '.join(seen[:-1])} and {seen[-1]}"
    return f"The picture is {text}." if count == 1 else f"There are {count} pictures, among them {text}."


# Heads of picture files


def _big(data: bytes, at: int, count: int = 4) -> int:
    return int.from_bytes(data[at : at + count], "big")


def _little(data: bytes, at: int, count: int = 2) -> int:
    return int.from_bytes(data[at : at + count], "little")


def _png_size(data: bytes) -> tuple[int, int] | None:
    return (_big(data, 16), _big(data, 20)) if data[12:16] == b"IHDR" and len(data) >= 24 else None


def _gif_size(data: bytes) -> tuple[int, int] | None:
    return (_little(data, 6), _little(data, 8)) if len(data) >= 10 else None


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    """Return the size in a JPEG's frame header, going from segment to segment."""
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return _big(data, at + 7, 2), _big(data, at + 5, 2)
        at += 2 + max(2, _big(data, at + 2, 2))
    return None


def _webp_size(data: bytes) -> tuple[int, int] | None:
    """Return the size of a lossy, a lossless or an extended WebP."""
    if len(data) < 30:
        return None
    if data[12:16] == b"VP8 ":
        return _little(data, 26) & 0x3FFF, _little(data, 28) & 0x3FFF
    if data[12:16] == b"VP8L":
        bits = _little(data, 21, 4)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    return (_little(data, 24, 3) + 1, _little(data, 27, 3) + 1) if data[12:16] == b"VP8X" else None


_KINDS: tuple[tuple[str, Callable[[bytes], bool], Callable[[bytes], tuple[int, int] | None]], ...] = (
    ("PNG", lambda data: data.startswith(b"\x89PNG\r\n\x1a\n"), _png_size),
    ("JPEG", lambda data: data.startswith(b"\xff\xd8\xff"), _jpeg_size),
    ("GIF", lambda data: data.startswith((b"GIF87a", b"GIF89a")), _gif_size),
    ("WebP", lambda data: data.startswith(b"RIFF") and data[8:12] == b"WEBP", _webp_size),
)
