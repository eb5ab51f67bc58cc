"""MP3: how long it lasts, by its frames."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from mockserver.vendors.pareta.domain.audio.parts import MAX_PARTS, cut_off, microseconds, too_many
from mockserver.vendors.pareta.domain.errors import Refused

# Kilobits per second by the header's index; 0 is "free format" and the last one forbidden.
_RATES_1 = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0)
_RATES_2 = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0)
_SAMPLE_RATES = (44100, 48000, 32000)
_MPEG_1, _MPEG_2 = 3, 2
_LAYER_III = 1
_MAX_TAGS = 8


@dataclass(frozen=True, slots=True)
class Frame:
    """One MP3 frame.

    :param size: bytes, header included.
    :param side_info: bytes between the header and the audio.
    """

    size: int
    samples: int
    rate: int
    side_info: int


def frame(header: int) -> Frame | None:
    """Return what a frame's first four bytes say, or `None` if no MP3 frame begins with them."""
    version, layer = header >> 19 & 3, header >> 17 & 3
    bit_rate, sample_rate, padding, is_mono = header >> 12 & 15, header >> 10 & 3, header >> 9 & 1, header >> 6 & 3 == 3
    if header >> 21 != 0x7FF or version == 1 or layer != _LAYER_III or sample_rate == 3:
        return None
    kilobits = (_RATES_1 if version == _MPEG_1 else _RATES_2)[bit_rate]
    if not kilobits:
        return None
    rate = _SAMPLE_RATES[sample_rate]
    if version == _MPEG_1:
        samples, side_info = 1152, 17 if is_mono else 32
    else:  # half the rates and half the samples; MPEG 2.5 halves the rates once more
        rate >>= 1 if version == _MPEG_2 else 2
        samples, side_info = 576, 9 if is_mono else 17
    return Frame(samples // 8 * kilobits * 1000 // rate + padding, samples, rate, side_info)


def duration_us(data: bytes) -> int:
    """Return how long an MP3 file plays, without the silence its encoder put around the recording.

    :raises Refused: something else stands between its frames, or frames are missing at its end.
    """
    at, end = _begin(data), _end(data)
    counts: dict[int, int] = {}
    known: dict[int, Frame | None] = {}
    promised, added = 0, 0
    number = 0
    while at + 4 <= end:
        header = int.from_bytes(data[at : at + 4], "big")
        if header not in known:
            known[header] = frame(header)
        found = known[header]
        if found is None:
            if not data[at:end].strip(b"\0"):
                break
            raise Refused(f"the MP3 file has something else at byte {at}, where a frame should begin")
        if at + found.size > end:
            raise cut_off("MP3", "frame", found.size, end - at)
        notes = _notes(data[at : at + found.size], found) if number == 0 else None
        if notes is None:
            counts[found.rate] = counts.get(found.rate, 0) + found.samples
        else:
            promised, added = notes[0] * found.samples, notes[1]
        at += found.size
        number += 1
        if number > MAX_PARTS:
            raise too_many("MP3")
    present = sum(counts.values())
    if present < promised:
        raise Refused(f"the MP3 file is cut off: it has {present} of {promised} samples")
    if len(counts) == 1 and added < present:
        return microseconds(present - added, next(iter(counts)))
    return sum(microseconds(count, rate) for rate, count in counts.items())


def _begin(data: bytes) -> int:
    """Return where the first frame is: behind the ID3v2 tags and the zeros that may follow them."""
    at = 0
    for _ in range(_MAX_TAGS):
        if data[at : at + 3] != b"ID3" or len(data) < at + 10:
            break
        size = 0
        for byte in data[at + 6 : at + 10]:
            size = size << 7 | byte & 0x7F
        has_footer = data[at + 5] & 0x10
        if at + 10 + size > len(data):
            raise cut_off("MP3", "ID3 tag", size, len(data) - at - 10)
        at += size + (20 if has_footer else 10)
    return at + len(data[at:]) - len(data[at:].lstrip(b"\0"))


def _end(data: bytes) -> int:
    """Return where the last frame ends: before the ID3v1 and APE tags."""
    end = len(data)
    if data[max(0, end - 128) : end].startswith(b"TAG"):
        end -= 128
    if data[max(0, end - 32) : end].startswith(b"APETAGEX"):
        size, _, flags = struct.unpack_from("<III", data, end - 20)
        end = max(0, end - size - (32 if flags >> 31 else 0))
    return end


def _notes(content: bytes, found: Frame) -> tuple[int, int] | None:
    """Return what an encoder's first frame says: how many frames follow and how many samples are not the recording's.

    :returns: `None` if it is a frame of audio like any other.
    """
    at = 4 + found.side_info
    if content[36:40] == b"VBRI" and len(content) >= 54:
        return int.from_bytes(content[50:54], "big"), 0
    if content[at : at + 4] not in (b"Xing", b"Info"):
        return None
    flags = int.from_bytes(content[at + 4 : at + 8], "big")
    at += 8
    frames = int.from_bytes(content[at : at + 4], "big") if flags & 1 else 0
    at += 4 * (flags & 1) + 2 * (flags & 2) + 25 * (flags & 4) + (flags & 8) // 2
    gaps = int.from_bytes(content[at + 21 : at + 24], "big")
    return frames, (gaps >> 12) + (gaps & 0xFFF)
