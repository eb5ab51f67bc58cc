"""Ogg with Opus or Vorbis: how long it lasts, by the positions its pages give."""

from __future__ import annotations

import struct

from mockserver.vendors.pareta.domain.audio.parts import MAX_PARTS, cut_off, microseconds, too_many
from mockserver.vendors.pareta.domain.errors import Refused

_HEAD_BYTES = 27
_NOWHERE = -1  # the position of a page on which no packet ends
_OPUS_RATE = 48_000


def duration_us(data: bytes) -> int:
    """Return how long the audio of an Ogg file plays; streams one behind the other add up.

    :raises Refused: it is cut off, something else stands between its pages, or no stream is Opus or Vorbis.
    """
    streams: dict[int, tuple[int, int]] = {}
    positions: dict[int, int] = {}
    at = 0
    for _ in range(MAX_PARTS):
        if at == len(data):
            break
        if not b"OggS".startswith(data[at : at + 4]):
            raise Refused(f"the Ogg file has something else at byte {at}, where a page should begin")
        if at + _HEAD_BYTES > len(data):
            raise cut_off("Ogg", "page head", _HEAD_BYTES, len(data) - at)
        position, serial = struct.unpack_from("<qI", data, at + 6)
        content = at + _HEAD_BYTES + data[at + 26]
        end = content + sum(data[at + _HEAD_BYTES : content])
        if end > len(data):
            raise cut_off("Ogg", "page", end - at, len(data) - at)
        codec = _codec(data[content:end])
        if codec is not None:
            streams.setdefault(serial, codec)
        elif serial in streams and position != _NOWHERE:
            positions[serial] = max(position, positions.get(serial, 0))
        at = end
    else:
        raise too_many("Ogg")
    if not streams:
        raise Refused("the Ogg file holds neither Opus nor Vorbis")
    return sum(
        microseconds(max(0, positions.get(serial, 0) - skipped), rate) for serial, (rate, skipped) in streams.items()
    )


def _codec(packet: bytes) -> tuple[int, int] | None:
    """Return ticks a second, and how many of them are skipped at the start, if a stream begins with this packet."""
    if packet.startswith(b"OpusHead") and len(packet) >= 12:
        return _OPUS_RATE, int.from_bytes(packet[10:12], "little")
    if packet.startswith(b"\x01vorbis") and len(packet) >= 16:
        rate = int.from_bytes(packet[12:16], "little")
        return (rate, 0) if rate else None
    return None
