"""MP4 and M4A: how long their first audio track lasts, whether written in one piece or in fragments."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from mockserver.vendors.pareta.domain.audio.parts import MAX_PARTS, cut_off, microseconds, too_many
from mockserver.vendors.pareta.domain.errors import Refused

_HAS_DURATION = 0x8  # of a fragment's header: that its samples share one
_HAS_DURATIONS, _HAS_SIZES, _HAS_FLAGS, _HAS_OFFSETS = 0x100, 0x200, 0x400, 0x800  # of a run: per sample


@dataclass(slots=True)
class _Track:
    """An audio track.

    :param ticks: what it lasts by its own media header, at `rate` ticks a second.
    :param edited_ticks: what of it is played, at the movie's rate.
    """

    number: int
    edited_ticks: int
    rate: int
    ticks: int


class _Boxes:
    """The boxes of one file, counted."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.count = 0

    def within(self, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
        """Yield name, start and end of the content of each box in a span."""
        at = start
        while at + 8 <= end:
            self.count += 1
            if self.count > MAX_PARTS:
                raise too_many("MP4")
            size = int.from_bytes(self.data[at : at + 4], "big")
            name = self.data[at + 4 : at + 8]
            content = at + 8
            if size == 1:
                size = int.from_bytes(self.data[at + 8 : at + 16], "big")
                content = at + 16
            elif size == 0:  # to the end
                size = end - at
            if size < content - at:
                raise Refused(f"the MP4 file is broken: its box at byte {at} is shorter than its own head")
            if at + size > end:
                raise cut_off("MP4", f"box '{name.decode('latin-1')}'", size, end - at)
            yield name, content, at + size
            at += size

    def children(self, start: int, end: int) -> dict[bytes, tuple[int, int]]:
        """Return the boxes of a span by name; of several of one name the first."""
        found: dict[bytes, tuple[int, int]] = {}
        for name, at, to in self.within(start, end):
            found.setdefault(name, (at, to))
        return found

    def unsigned(self, at: int, size: int = 4) -> int:
        return int.from_bytes(self.data[at : at + size], "big")


def duration_us(data: bytes) -> int:
    """Return how long the first audio track of an MP4 file plays.

    :raises Refused: it is cut off, or has no audio.
    """
    boxes = _Boxes(data)
    movie_rate, track, defaults, has_media = 0, None, 0, False
    ticks = 0
    for name, start, end in boxes.within(0, len(data)):
        if name == b"moov":
            parts = boxes.children(start, end)
            if b"mvhd" in parts:
                movie_rate, _ = _clock(boxes, parts[b"mvhd"][0])
            track = _audio_track(boxes, start, end)
            defaults = _default_ticks(boxes, parts, track)
        elif name == b"moof" and track is not None:
            ticks += _fragment_ticks(boxes, start, end, track.number, defaults)
        has_media = has_media or name == b"mdat"
    if track is None:
        raise Refused("the MP4 file has no audio track before its end")
    if not has_media:
        raise Refused("the MP4 file is cut off: it has no media data")
    if track.edited_ticks and movie_rate:
        return microseconds(track.edited_ticks, movie_rate)
    if not track.rate:
        raise Refused("the MP4 file's audio track gives no rate")
    return microseconds(track.ticks or ticks, track.rate)


def _clock(boxes: _Boxes, at: int) -> tuple[int, int]:
    """Return the rate and the length in ticks that a movie's or a track's header gives; 0 for an unknown length."""
    wide = boxes.data[at : at + 1] == b"\1"
    rate_at, size = (at + 20, 8) if wide else (at + 12, 4)
    return boxes.unsigned(rate_at), _known(boxes.unsigned(rate_at + 4, size), size)


def _known(ticks: int, size: int) -> int:
    return 0 if ticks == (1 << 8 * size) - 1 else ticks


def _audio_track(boxes: _Boxes, start: int, end: int) -> _Track | None:
    for name, at, to in boxes.within(start, end):
        if name != b"trak":
            continue
        track = boxes.children(at, to)
        media = boxes.children(*track.get(b"mdia", (0, 0)))
        if not {b"hdlr", b"mdhd"} <= media.keys() or b"tkhd" not in track:
            continue
        handler = media[b"hdlr"][0]
        if boxes.data[handler + 8 : handler + 12] != b"soun":
            continue
        head = track[b"tkhd"][0]
        wide = boxes.data[head : head + 1] == b"\1"
        number_at, length_at, size = (head + 20, head + 28, 8) if wide else (head + 12, head + 20, 4)
        rate, ticks = _clock(boxes, media[b"mdhd"][0])
        return _Track(boxes.unsigned(number_at), _known(boxes.unsigned(length_at, size), size), rate, ticks)
    return None


def _default_ticks(boxes: _Boxes, movie: dict[bytes, tuple[int, int]], track: _Track | None) -> int:
    """Return what a sample of a track lasts where its fragments do not say."""
    for name, at, _ in boxes.within(*movie.get(b"mvex", (0, 0))):
        if name == b"trex" and track is not None and boxes.unsigned(at + 4) == track.number:
            return boxes.unsigned(at + 12)
    return 0


def _fragment_ticks(boxes: _Boxes, start: int, end: int, number: int, default: int) -> int:
    ticks = 0
    for name, at, to in boxes.within(start, end):
        if name != b"traf":
            continue
        head = boxes.children(at, to).get(b"tfhd")
        if head is None or boxes.unsigned(head[0] + 4) != number:
            continue
        flags = boxes.unsigned(head[0] + 1, 3)
        each = default
        if flags & _HAS_DURATION:
            each = boxes.unsigned(head[0] + 8 + (8 if flags & 1 else 0) + (4 if flags & 2 else 0))
        ticks += sum(
            _run_ticks(boxes, run, run_to, each) for kind, run, run_to in boxes.within(at, to) if kind == b"trun"
        )
    return ticks


def _run_ticks(boxes: _Boxes, at: int, to: int, each: int) -> int:
    """Return what the samples of one run last together."""
    flags, count = boxes.unsigned(at + 1, 3), boxes.unsigned(at + 4)
    if not flags & _HAS_DURATIONS:
        return count * each
    first = at + 8 + (4 if flags & 1 else 0) + (4 if flags & 4 else 0)
    columns = 1 + sum(1 for flag in (_HAS_SIZES, _HAS_FLAGS, _HAS_OFFSETS) if flags & flag)
    if first + 4 * columns * count > to:
        raise cut_off("MP4", "run of samples", 4 * columns * count, to - first)
    return sum(struct.unpack_from(f">{columns * count}I", boxes.data, first)[::columns])
