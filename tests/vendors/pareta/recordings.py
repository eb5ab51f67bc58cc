"""Recordings: the files beside this module, and writers for files whose every byte a test decides."""

from __future__ import annotations

import io
import math
import struct
import wave
from pathlib import Path

MEDIA = Path(__file__).with_name("media")

TONES = {
    "tone.mp3": ("mp3", 1_500_000),
    "headerless.mp3": ("mp3", 59 * 1152 * 1_000_000 // 44_100),
    "tone.m4a": ("m4a", 1_500_000),
    "fragments.mp4": ("m4a", 1_523_220),
    "tone.webm": ("webm", 1_508_000),
    "recorder.webm": ("webm", 1_501_000),
    "opus.ogg": ("ogg", 1_500_000),
    "vorbis.ogg": ("ogg", 1_500_000),
    "adpcm.wav": ("wav", 1_530_750),
}
"""Every file: its container, and how long it lasts in microseconds.

The fragments have no edit list, so the encoder's padding counts; WebM counts in milliseconds and its Duration has the
codec's delay in it; ADPCM comes in whole blocks.
"""


def media(name: str) -> bytes:
    return (MEDIA / name).read_bytes()


def tone(seconds: float, rate: int = 16_000, hertz: int = 440, *, channels: int = 1) -> bytes:
    """A WAV file as the standard library writes it."""
    values = [round(9000 * math.sin(2 * math.pi * hertz * at / rate)) for at in range(round(seconds * rate))]
    return wav_of(b"".join(struct.pack("<h", value) * channels for value in values), rate, channels=channels)


def wav_of(samples: bytes, rate: int = 16_000, *, channels: int = 1, width: int = 2) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(channels)
        writer.setsampwidth(width)
        writer.setframerate(rate)
        writer.writeframes(samples)
    return file.getvalue()


# RIFF


def chunk(name: bytes, content: bytes, size: int | None = None) -> bytes:
    length = len(content) if size is None else size
    return name + struct.pack("<I", length) + content + b"\0" * (len(content) % 2)


def riff(*chunks: bytes) -> bytes:
    body = b"WAVE" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def wav_format(
    kind: int = 1, channels: int = 1, rate: int = 8000, bits: int = 8, *, byte_rate: int | None = None
) -> bytes:
    block = channels * bits // 8
    per_second = rate * block if byte_rate is None else byte_rate
    return chunk(b"fmt ", struct.pack("<HHIIHH", kind, channels, rate, per_second, block, bits))


# MP3


def mp3_frame(
    *, bitrate_index: int = 1, rate_index: int = 0, version: int = 3, mono: bool = True, content: bytes = b""
) -> bytes:
    """A frame of layer III; its content is put behind the side information."""
    header = 0x7FF << 21 | version << 19 | 1 << 17 | 1 << 16 | bitrate_index << 12 | rate_index << 10
    header |= (3 if mono else 0) << 6
    kilobits = ((0, 32, 40, 48, 56) if version == 3 else (0, 8, 16, 24, 32))[bitrate_index]
    rate = (44100, 48000, 32000)[rate_index] // {3: 1, 2: 2, 0: 4}[version]
    size = (144_000 if version == 3 else 72_000) * kilobits // rate
    side = {(3, True): 17, (3, False): 32}.get((version, mono), 9 if mono else 17)
    return (header.to_bytes(4, "big") + bytes(side) + content).ljust(size, b"\0")


# MP4


def box(name: bytes, *content: bytes) -> bytes:
    body = b"".join(content)
    return struct.pack(">I", 8 + len(body)) + name + body


def words(*values: int) -> bytes:
    return struct.pack(f">{len(values)}I", *values)


def movie(
    *,
    movie_rate: int = 1000,
    edited: int = 0,
    rate: int = 8000,
    ticks: int = 0,
    handler: bytes = b"soun",
    default: int = 0,
) -> bytes:
    """A movie box with one track, number 1."""
    track = box(
        b"trak",
        box(b"tkhd", words(0, 0, 0, 1, 0, edited)),
        box(b"mdia", box(b"mdhd", words(0, 0, 0, rate, ticks)), box(b"hdlr", words(0, 0), handler)),
    )
    extends = box(b"mvex", box(b"trex", words(0, 7, 1, 99)), box(b"trex", words(0, 1, 1, default))) if default else b""
    return box(b"moov", box(b"mvhd", words(0, 0, 0, movie_rate, 0)), track, extends)


# Ogg


def page(content: bytes, position: int, serial: int = 1) -> bytes:
    lacing = [255] * (len(content) // 255) + [len(content) % 255]
    return b"OggS\0\0" + struct.pack("<qIIIB", position, serial, 0, 0, len(lacing)) + bytes(lacing) + content


def opus_head(skipped: int = 312) -> bytes:
    return b"OpusHead\1\1" + struct.pack("<HIHB", skipped, 48_000, 0, 0)


def vorbis_head(rate: int = 44_100) -> bytes:
    return b"\x01vorbis" + struct.pack("<IBI", 0, 1, rate) + bytes(14)


# EBML


def element(name: int, content: bytes = b"", *, is_open: bool = False) -> bytes:
    """An element whose size is written in four bytes, or left open."""
    size = b"\x01" + b"\xff" * 7 if is_open else (1 << 28 | len(content)).to_bytes(4, "big")
    return name.to_bytes((name.bit_length() + 7) // 8, "big") + size + content


def number(name: int, value: int) -> bytes:
    return element(name, value.to_bytes(max(1, (value.bit_length() + 7) // 8), "big"))


EBML = element(0x1A45DFA3, element(0x4282, b"webm"))


def track(identity: int = 1, kind: int = 2, *more: bytes) -> bytes:
    return element(0xAE, number(0xD7, identity) + number(0x83, kind) + b"".join(more))


def simple_block(offset: int, identity: int = 1) -> bytes:
    return element(0xA3, bytes([0x80 | identity]) + struct.pack(">hB", offset, 0) + b"sound")


def webm(*content: bytes, tracks: bytes | None = None, is_open: bool = False) -> bytes:
    listed = element(0x1654AE6B, track() if tracks is None else tracks)
    return EBML + element(0x18538067, listed + b"".join(content), is_open=is_open)


def cluster(time: int, *blocks: bytes, is_open: bool = False) -> bytes:
    return element(0x1F43B675, number(0xE7, time) + b"".join(blocks), is_open=is_open)
