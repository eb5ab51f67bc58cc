"""WebM and Matroska: how long their audio lasts, even where a recorder in a browser never wrote it down."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from mockserver.vendors.pareta.domain.audio.parts import MAX_PARTS, cut_off, too_many
from mockserver.vendors.pareta.domain.errors import Refused

_SEGMENT, _INFO, _TRACKS, _TRACK, _CLUSTER, _GROUP = 0x18538067, 0x1549A966, 0x1654AE6B, 0xAE, 0x1F43B675, 0xA0
# These hold others and are walked into, whatever their size: recorders leave it open.
_CONTAINERS = frozenset((_SEGMENT, _INFO, _TRACKS, _TRACK, _CLUSTER, _GROUP))
_SCALE, _DURATION, _TIMESTAMP, _BLOCK_DURATION = 0x2AD7B1, 0x4489, 0xE7, 0x9B
_NUMBER, _TYPE, _DEFAULT_DURATION, _CODEC_DELAY, _DISCARDED = 0xD7, 0x83, 0x23E383, 0x56AA, 0x75A2
_NUMBERS = frozenset((_SCALE, _TIMESTAMP, _BLOCK_DURATION, _NUMBER, _TYPE, _DEFAULT_DURATION, _CODEC_DELAY, _DISCARDED))
_BLOCKS = frozenset((0xA3, 0xA1))
_AUDIO = 2
_LONGEST_TICKS = 1e15


@dataclass(slots=True)
class _Recording:
    """What has been read so far; times are in ticks of `scale_ns` nanoseconds.

    :param duration: as the file gives it, 0 if it does not.
    :param tracks: the numbers of each track's entry, by element.
    :param audio: the entries of the audio tracks by track number, once the first block has come.
    :param last: where the last audio block begins, `None` before the first; `lasting` is how long it lasts, and
        `unheard_ns` what of it and of the track's beginning is not played.
    """

    scale_ns: int = 1_000_000
    duration: float = 0.0
    tracks: list[dict[int, int]] = field(default_factory=list)
    audio: dict[int, dict[int, int]] | None = None
    cluster: int = 0
    last: int | None = None
    lasting: float = 0.0
    unheard_ns: int = 0

    def note(self, name: int, value: int) -> None:
        """Take in an element that is a number."""
        if name == _SCALE:
            self.scale_ns = value
        elif name == _TIMESTAMP:
            self.cluster = value
        elif name == _BLOCK_DURATION:
            self.lasting = value
        elif name == _DISCARDED:
            self.unheard_ns += abs(value)  # below zero: at the block's beginning
        elif self.tracks:
            self.tracks[-1][name] = value

    def block(self, track: int, offset: int) -> None:
        """Take in a block: it lasts what its track's blocks usually do, or as long as the one before."""
        if self.audio is None:
            self.audio = {entry.get(_NUMBER, 0): entry for entry in self.tracks if entry.get(_TYPE) == _AUDIO}
        if track not in self.audio:
            return
        begin = self.cluster + offset
        usual_ns = self.audio[track].get(_DEFAULT_DURATION)
        if usual_ns and self.scale_ns:
            self.lasting = usual_ns / self.scale_ns
        elif self.last is not None:
            self.lasting = max(0, begin - self.last)
        self.last = begin
        self.unheard_ns = self.audio[track].get(_CODEC_DELAY, 0)

    def duration_us(self) -> int:
        """Return how long it plays.

        :raises Refused: there is no audio in it.
        """
        if self.last is None:
            raise Refused("the WebM file has no audio before its end")
        if self.duration:
            return int(self.duration * self.scale_ns / 1000 + 0.5)
        return int(((self.last + self.lasting) * self.scale_ns - self.unheard_ns) / 1000 + 0.5)


def duration_us(data: bytes) -> int:
    """Return how long a WebM file plays: its Duration, or else until the end of its last audio block.

    :raises Refused: it is cut off, broken, or has no audio.
    """
    recording = _Recording()
    at = 0
    for _ in range(MAX_PARTS):
        if at >= len(data):
            return recording.duration_us()
        length = _length(data, at, 4)
        name = int.from_bytes(data[at : at + length], "big")
        at += length
        length = _length(data, at, 8)
        size = int.from_bytes(data[at : at + length], "big") & (1 << 7 * length) - 1
        is_open = size == (1 << 7 * length) - 1
        at += length
        if not is_open and at + size > len(data):
            raise cut_off("WebM", f"element 0x{name:X}", size, len(data) - at)
        if name in _CONTAINERS:
            if name == _TRACK:
                recording.tracks.append({})
            continue
        if is_open:
            raise Refused(f"the WebM file is broken: the element before byte {at} has no size")
        if name in _BLOCKS:
            recording.block(*_block(data, at, size))
        elif name in _NUMBERS:
            if size > 8:
                raise Refused(f"the WebM file is broken: the number at byte {at} has {size} bytes")
            recording.note(name, int.from_bytes(data[at : at + size], "big", signed=name == _DISCARDED))
        elif name == _DURATION:
            recording.duration = _float(data[at : at + size])
        at += size
    raise too_many("WebM")


def _length(data: bytes, at: int, longest: int) -> int:
    """Return how many bytes a number of variable length has; its first byte says so."""
    length = 9 - data[at].bit_length() if at < len(data) else 1
    if length > longest:
        raise Refused(f"the WebM file is broken: no element begins at byte {at}")
    if at + length > len(data):
        raise cut_off("WebM", "element", length, len(data) - at)
    return length


def _block(data: bytes, at: int, size: int) -> tuple[int, int]:
    """Return a block's track, and when it begins within its cluster."""
    length = _length(data, at, 8)
    if size < length + 3:
        raise Refused(f"the WebM file is broken: the block at byte {at} is too short")
    track = int.from_bytes(data[at : at + length], "big") & (1 << 7 * length) - 1
    (offset,) = struct.unpack_from(">h", data, at + length)
    return track, offset


def _float(content: bytes) -> float:
    """Return a number of four or eight bytes; 0 for anything that is no time."""
    if len(content) not in (4, 8):
        return 0.0
    (value,) = struct.unpack(">f" if len(content) == 4 else ">d", content)
    return float(value) if 0 < value < _LONGEST_TICKS else 0.0
