"""WAV: how long it lasts, what it says about itself, whether anything is to be heard."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from mockserver.vendors.pareta.domain.audio.parts import MAX_PARTS, cut_off, microseconds, too_many
from mockserver.vendors.pareta.domain.errors import Refused

_PCM, _FLOAT, _A_LAW, _MU_LAW, _EXTENSIBLE = 1, 3, 6, 7, 0xFFFE
# A recorder that cannot go back to fill in the length writes about the largest there is.
_UNKNOWN_SIZE = 0x7FFF_0000


@dataclass(frozen=True, slots=True)
class Wave:
    """A WAV file.

    :param samples: the bytes of its data chunk.
    :param is_silent: uncompressed, and every sample the same.
    :param info: texts of its INFO list, by their four letters.
    """

    duration_us: int
    samples: bytes
    is_silent: bool
    info: dict[str, str] = field(default_factory=dict)


def read(data: bytes) -> Wave:
    """Read a WAV file.

    A data chunk of unknown length, as streaming recorders write, reaches to the file's end.

    :raises Refused: it is cut off, has no format or no data chunk, or a format without a rate.
    """
    chunks: dict[bytes, bytes] = {}
    info: dict[str, str] = {}
    for name, start, end in _chunks(data, 12, len(data)):
        if name in (b"fmt ", b"fact", b"data"):
            chunks.setdefault(name, data[start:end])
        elif name == b"LIST" and data[start : start + 4] == b"INFO":
            info |= {key.decode("latin-1"): _text(data[at:to]) for key, at, to in _chunks(data, start + 4, end)}
    if b"fmt " not in chunks or b"data" not in chunks:
        raise Refused("the WAV file has no format chunk or no data chunk before its end")
    samples = chunks[b"data"]
    kind, frame_bytes, rate, byte_rate = _layout(chunks[b"fmt "])
    if kind in (_PCM, _FLOAT, _A_LAW, _MU_LAW):
        frames = len(samples) // frame_bytes
        is_silent = kind in (_PCM, _FLOAT) and samples == samples[:frame_bytes] * frames
        return Wave(microseconds(frames, rate), samples, is_silent, info)
    if b"fact" in chunks:  # how many samples a compressed file holds
        return Wave(microseconds(int.from_bytes(chunks[b"fact"][:4], "little"), rate), samples, False, info)
    return Wave(microseconds(len(samples), byte_rate), samples, False, info)


def written(samples: bytes, rate: int, info: dict[str, str]) -> bytes:
    """Return a WAV file of 16-bit mono samples.

    The INFO list comes last, so that the samples begin where simple players expect them: at byte 44.
    """
    notes = b"INFO" + b"".join(_chunk(name.encode("latin-1"), text.encode() + b"\0") for name, text in info.items())
    body = (
        b"WAVE"
        + _chunk(b"fmt ", struct.pack("<HHIIHH", _PCM, 1, rate, 2 * rate, 2, 16))
        + _chunk(b"data", samples)
        + _chunk(b"LIST", notes)
    )
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


def _chunks(data: bytes, at: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield name, start and end of each chunk of a span; fewer bytes than a chunk's head are no chunk."""
    for _ in range(MAX_PARTS):
        if at + 8 > end:
            return
        name, size = struct.unpack_from("<4sI", data, at)
        start = at + 8
        if name == b"data" and size >= _UNKNOWN_SIZE:
            size = end - start
        if start + size > end:
            raise cut_off("WAV", f"chunk '{name.decode('latin-1').strip()}'", size, end - start)
        yield name, start, start + size
        at = start + size + size % 2
    raise too_many("WAV")


def _layout(content: bytes) -> tuple[int, int, int, int]:
    """Return the kind of samples, the bytes of one frame, and how many frames and bytes a second has.

    :raises Refused: any of them is zero or missing.
    """
    if len(content) < 16:
        raise Refused("the WAV file's format chunk is too short")
    kind, _, rate, byte_rate, frame_bytes, _ = struct.unpack_from("<HHIIHH", content)
    if not (rate and byte_rate and frame_bytes):
        raise Refused("the WAV file's format chunk gives no rate")
    if kind == _EXTENSIBLE:  # the kind itself stands further behind
        kind = int.from_bytes(content[24:26], "little")
    return kind, frame_bytes, rate, byte_rate


def _text(content: bytes) -> str:
    return content.removesuffix(b"\0").decode("utf-8", "replace")
