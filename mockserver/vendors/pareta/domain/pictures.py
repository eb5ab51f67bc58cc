"""Pictures, as far as they are numbers: which sizes there are, where words go, what a seed paints behind them."""

from __future__ import annotations

import colorsys
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from mockserver.vendors.pareta.domain.errors import Refused
from mockserver.vendors.pareta.domain.predictions import Roll

Colour = tuple[int, int, int]
"""Red, green and blue, 0 to 255."""

MODEL = "hidream-1"
"""Source: pareta/images "model" (documented)."""

MAX_PROMPT = 4000
"""Longest prompt, in characters.

Source: pareta/images "4000 chars" (documented).
"""

MAX_REFERENCE_PIXELS = 40_000_000
MAX_REFERENCE_SIDE = 16_384
"""Largest reference that is looked at, however few bytes it takes.

Source: pareta/images "25MB decoded" (that pixels count too: assumed).
"""

MAX_SCANS = 30
"""Most passes of a progressive JPEG; a decoder goes over the whole picture for each, and ordinary files have ten."""

_MAX_SEGMENTS = 10_000
_MARKER = re.compile(rb"\xff+([^\x00\xd0-\xd7\xff])", re.DOTALL)  # none of those is within compressed data
_START_OF_SCAN, _END_OF_IMAGE = b"\xda", b"\xd9"

_EDITED_PIXELS = 2048 * 2048
_EDITED_SCALE = 2
_EDITED_LONGER_SIDE = 512

SMALLEST_TYPE = 9
_LARGEST_TYPE_SHARE = 0.12
LINE_HEIGHT = 1.3
"""Distance of two lines, in type sizes."""

_ELLIPSIS = "..."


@dataclass(frozen=True, slots=True)
class Size:
    """Width and height in pixels."""

    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"


SIZES = {
    str(size): size
    for size in (
        Size(1024, 1024), Size(2048, 2048), Size(2304, 1728), Size(1728, 2304), Size(2560, 1440), Size(1440, 2560),
    )
}  # fmt: skip
"""What can be generated.

Source: pareta/images "size" (documented).
"""

DEFAULT_SIZE = "1024x1024"
"""Source: pareta/images "size" (documented)."""


def size_named(name: str) -> Size:
    """Return the size of a name.

    :raises Refused: no such size; the message lists those there are.
    """
    size = SIZES.get(name)
    if size is None:
        raise Refused(f"size must be one of {', '.join(SIZES)}, not '{name[:40]}'")
    return size


def edited_size(reference: Size) -> Size:
    """Return how large an edited picture is: the reference's proportions, twice its sides, at most four megapixels.

    One that would come out too small to read is brought to 512 pixels on its longer side.

    :raises Refused: the reference has no pixels, or too many.

    Source: pareta/images "~1MP renders at ~4MP" (documented); every other size: assumed.
    """
    pixels = reference.width * reference.height
    longer = max(reference.width, reference.height)
    if not pixels:
        raise Refused("image has no pixels")
    if pixels > MAX_REFERENCE_PIXELS or longer > MAX_REFERENCE_SIDE:
        raise Refused(
            f"image is {reference}; at most {MAX_REFERENCE_PIXELS // 1_000_000} megapixels and"
            f" {MAX_REFERENCE_SIDE} pixels a side"
        )
    scale = max(min(_EDITED_SCALE, math.sqrt(_EDITED_PIXELS / pixels)), _EDITED_LONGER_SIDE / longer)
    return Size(max(1, round(reference.width * scale)), max(1, round(reference.height * scale)))


def png_size(data: bytes) -> Size | None:
    """Return how large a PNG is, `None` for anything else."""
    if not data.startswith(b"\x89PNG\r\n\x1a\n") or data[12:16] != b"IHDR" or len(data) < 24:
        return None
    return Size(int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big"))


def scan_count(jpeg: bytes) -> int:
    """Return how many scans a JPEG has, counted up to just past `MAX_SCANS`.

    A preview inside it, or a film behind it, as telephones write them, does not count.
    """
    at, scans = 2, 0
    for _ in range(_MAX_SEGMENTS):
        marker = _MARKER.search(jpeg, at)
        if marker is None or marker[1] == _END_OF_IMAGE or scans > MAX_SCANS:
            break
        scans += marker[1] == _START_OF_SCAN
        at = marker.end() + int.from_bytes(jpeg[marker.end() : marker.end() + 2], "big")
    return scans


@dataclass(frozen=True, slots=True)
class Lettering:
    """Words laid out in lines, in a type size in pixels."""

    type_size: int
    lines: tuple[str, ...]


def lettering(text: str, box: Size, widths: Mapping[str, float]) -> Lettering:
    """Lay out a text in the largest type that fits a box.

    Words are broken only if no type leaves them whole; what never fits ends in an ellipsis.

    :param widths: of every character of the text and of the space, in type sizes.
    """
    paragraphs: list[list[str]] = []
    for line in text.splitlines():
        words = _printable(line).split()
        if words or (paragraphs and paragraphs[-1]):  # one empty line says as much as many
            paragraphs.append(words)

    def wrapped(type_size: int) -> tuple[list[str], bool]:
        # Small type is drawn in whole pixels, halves rounded up.
        return _wrapped(paragraphs, box.width, {each: int(width * type_size + 0.5) for each, width in widths.items()})

    def fits_whole(type_size: int) -> bool:
        lines, is_broken = wrapped(type_size)
        return not is_broken and len(lines) * type_size * LINE_HEIGHT <= box.height

    def fits_broken(type_size: int) -> bool:
        lines, _ = wrapped(type_size)
        has_room = max(widths.values()) * type_size <= box.width
        return has_room and len(lines) * type_size * LINE_HEIGHT <= box.height

    largest = int(_LARGEST_TYPE_SHARE * max(box.width, box.height))
    type_size = _largest(largest, fits_whole) or _largest(largest, fits_broken) or SMALLEST_TYPE
    lines, _ = wrapped(type_size)
    room = max(1, int(box.height / (type_size * LINE_HEIGHT)))
    if len(lines) > room:
        lines = [*lines[: room - 1], lines[room - 1][: -len(_ELLIPSIS)] + _ELLIPSIS]
    return Lettering(type_size, tuple(lines))


def _largest(limit: int, fits: Callable[[int], bool]) -> int:
    """Return the largest type size that fits, 0 if not even the smallest does."""
    smaller, larger = SMALLEST_TYPE - 1, max(SMALLEST_TYPE, limit)
    while smaller < larger:
        middle = (smaller + larger + 1) // 2
        if fits(middle):
            smaller = middle
        else:
            larger = middle - 1
    return smaller if smaller >= SMALLEST_TYPE else 0


def _printable(line: str) -> str:
    return "".join(character if character.isprintable() else " " for character in line)


def _wrapped(paragraphs: Sequence[Sequence[str]], room: int, pixels: Mapping[str, int]) -> tuple[list[str], bool]:
    """Cut paragraphs into lines of at most so many pixels; also return whether a word had to be broken."""

    def wide(text: str) -> int:
        return sum(pixels.get(character, 0) for character in text)

    space = wide(" ")
    lines: list[str] = []
    is_broken = False
    for words in paragraphs:
        line, used = "", 0
        for word in words:
            length = wide(word)
            if line and used + space + length <= room:
                line, used = f"{line} {word}", used + space + length
                continue
            if line:
                lines.append(line)
            is_broken = is_broken or length > room
            while length > room and len(word) > 1:
                head = _head(word, room, pixels)
                lines.append(head)
                word, length = word[len(head) :], length - wide(head)
            line, used = word, length
        lines.append(line)
    return lines, is_broken


def _head(word: str, room: int, pixels: Mapping[str, int]) -> str:
    """Return as much of a word that is too long for a line as fits it, one character at least."""
    at, used = 0, 0
    while used <= room:
        used += pixels.get(word[at], 0)
        at += 1
    return word[: max(1, at - 1)]


@dataclass(frozen=True, slots=True)
class Disc:
    """A circle; centre and radius are shares of the picture's width, height and shorter side."""

    x: float
    y: float
    radius: float
    colour: Colour


@dataclass(frozen=True, slots=True)
class Scene:
    """What is behind the words: a sky from one colour to another, discs, and the words' own paper and ink."""

    top: Colour
    bottom: Colour
    discs: tuple[Disc, ...]
    paper: Colour
    ink: Colour


def scene(roll: Roll) -> Scene:
    """Return what some rolls paint; the words' paper and ink always contrast."""
    hue = roll("hue")
    other = (hue + 0.15 + 0.5 * roll("turn")) % 1
    discs = tuple(
        Disc(
            roll(f"{n}:x"),
            roll(f"{n}:y"),
            0.06 + 0.22 * roll(f"{n}:radius"),
            _colour(other + 0.1 * roll(f"{n}:hue"), 0.55, 0.65 + 0.3 * roll(f"{n}:light")),
        )
        for n in range(3 + int(4 * roll("discs")))
    )
    return Scene(
        _colour(hue, 0.6, 0.55), _colour(other, 0.45, 0.9), discs, _colour(hue, 0.06, 0.98), _colour(hue, 0.7, 0.18)
    )  # fmt: skip


def _colour(hue: float, saturation: float, value: float) -> Colour:
    red, green, blue = colorsys.hsv_to_rgb(hue % 1, saturation, value)
    return round(255 * red), round(255 * green), round(255 * blue)
