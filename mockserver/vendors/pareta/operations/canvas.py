"""Drawing, with Pillow: the only module that needs it, so it is loaded with the first picture.

Pictures are of indexed colours: a third of the work and a fraction of the bytes of true ones.
"""

from __future__ import annotations

import math
from functools import lru_cache
from io import BytesIO

from PIL import Image, ImageDraw, ImageFont, ImageOps, JpegImagePlugin, PngImagePlugin

from mockserver.vendors.pareta.domain.errors import Refused
from mockserver.vendors.pareta.domain.pictures import (
    LINE_HEIGHT,
    MAX_SCANS,
    Colour,
    Disc,
    Scene,
    Size,
    edited_size,
    lettering,
    scan_count,
)

_PNG, _JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"
_ORIENTATION = 0x0112  # among a camera's notes
_LYING = (5, 6, 7, 8)
_WORKING_PIXELS = 1024 * 1024
_COMPRESSION = 1

# The palette: first the sky or the reference, then the discs, then the paper, ever darker until it is ink.
_SHADES, _DISCS, _INKS = 128, 8, 16
_FIRST_INK = _SHADES + _DISCS
_TO_INK = [_FIRST_INK + level * (_INKS - 1) // 255 for level in range(256)]
_TO_SHADE = [level * (_SHADES - 1) // 255 for level in range(256)]
_MEASURED_AT = 100

Notes = dict[str, str]
"""Texts a PNG carries about itself."""


def generated(prompt: str, size: Size, scene: Scene, notes: Notes) -> bytes:
    """Return a PNG that shows a prompt in front of a scene."""
    sky = Image.linear_gradient("L").resize((size.width, size.height), Image.Resampling.NEAREST)
    picture = _indexed(sky.point(_TO_SHADE), _blend(scene.top, scene.bottom, _SHADES), scene)
    draw = ImageDraw.Draw(picture)
    shorter = min(size.width, size.height)
    for number, disc in enumerate(scene.discs):
        draw.ellipse(_outline(disc, size, shorter), fill=_SHADES + number)
    margin = shorter // 12
    _write(picture, prompt, (margin, margin, size.width - margin, size.height - margin))
    return _png(picture, notes)


def edited(reference: bytes, prompt: str, scene: Scene, notes: Notes) -> tuple[bytes, Size]:
    """Return a PNG of a reference with a prompt written below its middle, and how large it came out.

    :raises Refused: the reference is neither PNG nor JPEG, too large to be looked at, or damaged.
    """
    try:
        picture = _opened(reference)
        size = edited_size(Size(*picture.size))
        if picture.getexif().get(_ORIENTATION, 1) in _LYING:
            size = Size(size.height, size.width)
        colours = _small(picture).quantize(_SHADES, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    except Refused:
        raise
    except Exception as error:  # decoders raise whatever a damaged file leads them to
        raise Refused(f"image is damaged: {error}") from None
    palette = (colours.getpalette() or [])[: 3 * _SHADES]
    large = colours.resize((size.width, size.height), Image.Resampling.NEAREST)
    result = _indexed(large, palette + [0] * (3 * _SHADES - len(palette)), scene)
    margin = min(size.width, size.height) // 24
    _write(result, prompt, (margin, size.height * 2 // 3, size.width - margin, size.height - margin))
    return _png(result, notes), size


def _opened(data: bytes) -> Image.Image:
    """Return a picture of which only the head has been read.

    The two readers are called by name: asking for any would let other formats in, and that door warns, to whoever runs
    this process, about sizes that are refused anyway.
    """
    if data.startswith(_PNG):
        return PngImagePlugin.PngImageFile(BytesIO(data))
    if not data.startswith(_JPEG):
        raise Refused("image is neither PNG nor JPEG")
    if scan_count(data) > MAX_SCANS:
        raise Refused(f"image has more than {MAX_SCANS} scans")
    return JpegImagePlugin.JpegImageFile(BytesIO(data))


def _small(picture: Image.Image) -> Image.Image:
    """Return a picture in true colours, upright, on white where it was clear, of no more pixels than are needed."""
    share = _share(picture)
    picture.draft("RGB", (picture.width // share, picture.height // share))  # a JPEG can be read coarsely
    if picture.mode.startswith("I"):  # sixteen bits of grey
        picture = picture.convert("I").point(lambda level: level * (1 / 256)).convert("L")
    is_clear = picture.has_transparency_data
    picture = picture.convert("RGBA" if is_clear else "RGB")
    share = _share(picture)
    picture = ImageOps.exif_transpose(picture.reduce(share) if share > 1 else picture)
    if is_clear:
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
    return picture.convert("RGB")


def _share(picture: Image.Image) -> int:
    """Return by what to divide a picture's sides to come near the pixels worked with."""
    return max(1, math.isqrt(picture.width * picture.height // _WORKING_PIXELS))


def _indexed(indices: Image.Image, shades: list[int], scene: Scene) -> Image.Image:
    """Return a picture of given indices, and a palette of the shades, the discs' colours and the inks."""
    discs = [level for disc in scene.discs for level in disc.colour]
    discs += [0] * (3 * _DISCS - len(discs))
    picture = Image.frombytes("P", indices.size, indices.tobytes())
    picture.putpalette(shades + discs + _blend(scene.paper, scene.ink, _INKS))
    return picture


def _blend(first: Colour, last: Colour, steps: int) -> list[int]:
    """Return colours from one to another, as a palette takes them."""
    return [a + (b - a) * step // (steps - 1) for step in range(steps) for a, b in zip(first, last, strict=True)]


def _outline(disc: Disc, size: Size, shorter: int) -> tuple[float, float, float, float]:
    x, y, radius = disc.x * size.width, disc.y * size.height, disc.radius * shorter
    return x - radius, y - radius, x + radius, y + radius


def _write(picture: Image.Image, text: str, area: tuple[int, int, int, int]) -> None:
    """Write a text on a sheet of paper that covers an area as far down as the text needs."""
    left, top, right, bottom = area
    padding = max(2, (right - left) // 40)
    box = Size(max(1, right - left - 2 * padding), max(1, bottom - top - 2 * padding))
    measure = _font(_MEASURED_AT).getlength
    widths = {character: measure(character) / _MEASURED_AT for character in set(text) | set(" .")}
    layout = lettering(text, box, widths)
    leading = round(layout.type_size * LINE_HEIGHT)
    ink = Image.new("L", (box.width + 2 * padding, leading * len(layout.lines) + 2 * padding))
    draw = ImageDraw.Draw(ink)
    for number, line in enumerate(layout.lines):
        draw.text((padding, padding + number * leading), line, fill=255, font=_font(layout.type_size))
    written = ink.point(_TO_INK)
    picture.paste(Image.frombytes("P", written.size, written.tobytes()), (left, (top + bottom - ink.height) // 2))


@lru_cache(maxsize=64)
def _font(size: int) -> ImageFont.FreeTypeFont:
    """Return the typeface Pillow brings along, so that every machine writes alike."""
    font = ImageFont.load_default(size)
    assert isinstance(font, ImageFont.FreeTypeFont)
    return font


def _png(picture: Image.Image, notes: Notes) -> bytes:
    info = PngImagePlugin.PngInfo()
    for name, text in notes.items():
        info.add_itxt(name, text)
    out = BytesIO()
    picture.save(out, "PNG", compress_level=_COMPRESSION, pnginfo=info)
    return out.getvalue()
