from __future__ import annotations

import struct

import pytest

from mockserver.vendors.pareta.domain.audio import mp3, parts
from mockserver.vendors.pareta.domain.errors import Refused
from tests.vendors.pareta.recordings import mp3_frame, words

FRAME = mp3_frame()
ONE_US = 1152 * 1_000_000 / 44_100
ID3 = b"ID3\3\0\0\0\0"


def info(*fields: int, name: bytes = b"Info", tail: bytes = b"", mono: bool = True) -> bytes:
    """An encoder's frame: flags, then what they announce."""
    return mp3_frame(bitrate_index=4, mono=mono, content=name + words(*fields) + tail)


def lame(delay: int, padding: int) -> bytes:
    return b"LAME3.100" + bytes(12) + (delay << 12 | padding).to_bytes(3, "big")


def ape(size: int, flags: int = 0) -> bytes:
    return b"APETAGEX" + struct.pack("<IIIIQ", 2000, size, 0, flags, 0)


def vbri(frames: int) -> bytes:
    return mp3_frame(bitrate_index=4, content=bytes(15) + b"VBRI" + bytes(10) + words(frames))


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (0xFFFB10C4, mp3.Frame(104, 1152, 44_100, 17)),
        (0xFFFB1004, mp3.Frame(104, 1152, 44_100, 32)),
        (0xFFFB12C4, mp3.Frame(105, 1152, 44_100, 17)),
        (0xFFFB14C4, mp3.Frame(96, 1152, 48_000, 17)),
        (0xFFFB18C4, mp3.Frame(144, 1152, 32_000, 17)),
        (0xFFFBE0C4, mp3.Frame(1044, 1152, 44_100, 17)),
        (0xFFF310C4, mp3.Frame(26, 576, 22_050, 9)),
        (0xFFF31004, mp3.Frame(26, 576, 22_050, 17)),
        (0xFFE310C4, mp3.Frame(52, 576, 11_025, 9)),
        (0xFFEB10C4, None),  # a version that is reserved
        (0xFFFD10C4, None),  # layer II
        (0xFFFB1CC4, None),  # a rate that is reserved
        (0xFFFB00C4, None),  # free format
        (0xFFFBF0C4, None),  # a forbidden bit rate
        (0xFFDB10C4, None),  # no sync
        (0, None),
    ],
)
def test_a_frame_is_known_by_its_header(header: int, expected: mp3.Frame | None) -> None:
    assert mp3.frame(header) == expected


@pytest.mark.parametrize(
    ("data", "frames"),
    [
        (FRAME * 10, 10),
        (ID3 + b"\1\0" + bytes(128) + FRAME * 3, 3),
        (b"ID3\4\0\x10\0\0\0\0" + b"3DI\4\0\x10\0\0\0\0" + FRAME * 3, 3),
        ((ID3 + b"\0\0") * 2 + FRAME * 3, 3),
        (ID3 + b"\0\0" + bytes(500) + FRAME * 3, 3),
        (ID3 + b"\0\0", 0),
        (b"ID3", 0),
        (FRAME * 3 + b"TAG" + bytes(125), 3),
        (FRAME * 3 + bytes(64), 3),
        (FRAME * 3 + b"x", 3),
        (FRAME * 3 + b"12345678" + ape(40), 3),
        (FRAME * 3 + bytes(32) + b"12345678" + ape(40, 1 << 31), 3),
        (FRAME * 3 + ape(10**6), 0),
        (info(0) + FRAME * 4, 4),
        (info(1, 4) + FRAME * 4, 4),
        (info(1, 4, mono=False) + FRAME * 4, 4),
        (info(1, 0, name=b"Xing") + FRAME * 4, 4),
        (info(1, 3) + FRAME * 4, 4),
        (FRAME + info(1, 99) + FRAME, 3),  # only the first frame is the encoder's
        (vbri(4) + FRAME * 4, 4),
        (info(1, 0), 0),
    ],
)
def test_a_duration_is_the_frames_of_audio(data: bytes, frames: int) -> None:
    assert mp3.duration_us(data) == int(frames * ONE_US + 0.5)


@pytest.mark.parametrize(
    ("fields", "table"), [((1, 4), b""), ((3, 4, 9), b""), ((7, 4, 9), bytes(100)), ((15, 4, 9), bytes(104))]
)
def test_what_the_encoder_added_is_not_played(fields: tuple[int, ...], table: bytes) -> None:
    data = info(*fields, tail=table + lame(1152, 576)) + FRAME * 4

    assert mp3.duration_us(data) == int(2.5 * ONE_US + 0.5)


def test_more_padding_than_there_is_sound_is_not_believed() -> None:
    assert mp3.duration_us(info(1, 2, tail=lame(4000, 4000)) + FRAME * 2) == int(2 * ONE_US + 0.5)


def test_frames_of_several_rates_add_up() -> None:
    data = FRAME * 2 + mp3_frame(rate_index=1) * 3 + mp3_frame(version=2) + mp3_frame(version=0, mono=False)

    assert mp3.duration_us(data) == 52_245 + 72_000 + 26_122 + 52_245


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ((FRAME * 3)[:-1], "the MP3 file is cut off: its last frame has 103 of 104 bytes"),
        (FRAME * 2 + b"garbage" * 9, "the MP3 file has something else at byte 208, where a frame should begin"),
        (info(1, 5) + FRAME * 3, "the MP3 file is cut off: it has 3456 of 5760 samples"),
        (vbri(9) + FRAME * 3, "the MP3 file is cut off: it has 3456 of 10368 samples"),
        (ID3 + b"\1\0" + bytes(99), "the MP3 file is cut off: its last ID3 tag has 99 of 128 bytes"),
        ((ID3 + b"\0\0") * 9, "the MP3 file has something else at byte 80, where a frame should begin"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(data: bytes, message: str) -> None:
    with pytest.raises(Refused) as refused:
        mp3.duration_us(data)

    assert str(refused.value) == message


def test_a_file_chopped_too_fine_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mp3, "MAX_PARTS", 3)

    with pytest.raises(Refused, match=f"the MP3 file has more than {parts.MAX_PARTS} parts"):
        mp3.duration_us(FRAME * 4)
