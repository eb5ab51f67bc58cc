from __future__ import annotations

import struct

import pytest

from mockserver.vendors.pareta.domain.audio import parts, wav
from mockserver.vendors.pareta.domain.errors import Refused
from tests.vendors.pareta.recordings import chunk, riff, tone, wav_format, wav_of

LAST = chunk(b"data", b"\x80" * 4000)


@pytest.mark.parametrize(
    ("data", "duration_us"),
    [
        (tone(0.25), 250_000),
        (tone(0.25, 44_100, channels=2), 250_000),
        (wav_of(bytes(3 * 3000), 8000, width=3), 375_000),
        (wav_of(bytes(1), 44_100, width=1), 23),
        (riff(wav_format(), LAST), 500_000),
        (riff(wav_format(rate=3), chunk(b"data", bytes(2))), 666_667),
        (riff(chunk(b"JUNK", b"odd"), wav_format(), LAST), 500_000),
        (riff(wav_format(kind=6), LAST), 500_000),
        (riff(wav_format(kind=7), LAST), 500_000),
        (riff(wav_format(kind=3, bits=32), LAST), 125_000),
        (riff(wav_format(kind=0x11, byte_rate=2000), LAST), 2_000_000),
        (riff(wav_format(kind=0x11, byte_rate=2000), chunk(b"fact", struct.pack("<I", 9000)), LAST), 1_125_000),
        (riff(wav_format(), chunk(b"data", b"\x80" * 800, 0xFFFFFFFF)), 100_000),
        (riff(wav_format(), LAST, LAST), 500_000),
        (riff(wav_format(), LAST) + b"junk", 500_000),
    ],
)
def test_a_duration_is_frames_by_rate(data: bytes, duration_us: int) -> None:
    assert wav.read(data).duration_us == duration_us


def test_the_extensible_form_names_its_kind_further_behind() -> None:
    content = struct.pack("<HHIIHHHHIH", 0xFFFE, 1, 8000, 16_000, 2, 16, 22, 16, 4, 1) + bytes(14)
    found = wav.read(riff(chunk(b"fmt ", content), chunk(b"data", bytes(1600))))

    assert (found.duration_us, found.is_silent) == (100_000, True)


@pytest.mark.parametrize(
    ("data", "is_silent"),
    [
        (wav_of(bytes(400)), True),
        (wav_of(struct.pack("<h", 7) * 200), True),
        (wav_of(struct.pack("<hh", 7, -7) * 100, channels=2), True),
        (wav_of(b"\x80" * 400, width=1), True),
        (wav_of(bytes(398) + b"\1\0"), False),
        (tone(0.1), False),
        (riff(wav_format(kind=3, bits=32), chunk(b"data", bytes(400))), True),
        (riff(wav_format(kind=6), chunk(b"data", bytes(400))), False),
        (riff(wav_format(kind=0x11), chunk(b"data", bytes(400))), False),
    ],
)
def test_silence_is_uncompressed_and_every_frame_the_same(data: bytes, is_silent: bool) -> None:
    assert wav.read(data).is_silent is is_silent


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (riff(wav_format(), LAST)[:-1], "the WAV file is cut off: its last chunk 'data' has 3999 of 4000 bytes"),
        (riff(wav_format(), LAST)[:20], "the WAV file is cut off: its last chunk 'fmt' has 0 of 16 bytes"),
        (riff(wav_format()), "the WAV file has no format chunk or no data chunk before its end"),
        (riff(LAST), "the WAV file has no format chunk or no data chunk before its end"),
        (riff(chunk(b"fmt ", bytes(14)), LAST), "the WAV file's format chunk is too short"),
        (riff(wav_format(rate=0), LAST), "the WAV file's format chunk gives no rate"),
        (riff(wav_format(byte_rate=0), LAST), "the WAV file's format chunk gives no rate"),
        (riff(wav_format(channels=0, byte_rate=1), LAST), "the WAV file's format chunk gives no rate"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(data: bytes, message: str) -> None:
    with pytest.raises(Refused) as refused:
        wav.read(data)

    assert str(refused.value) == message


def test_a_file_chopped_too_fine_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wav, "MAX_PARTS", 3)

    with pytest.raises(Refused, match=f"the WAV file has more than {parts.MAX_PARTS} parts"):
        wav.read(riff(*[chunk(b"JUNK", b"")] * 4))


def test_what_is_written_can_be_read_and_begins_at_byte_44() -> None:
    samples = struct.pack("<4h", 1, -2, 3, -32768)

    data = wav.written(samples, 24_000, {"ICMT": "söme\0words", "IART": "me"})

    assert data[44:52] == samples
    assert len(data) == 8 + int.from_bytes(data[4:8], "little")
    found = wav.read(data)
    assert (found.samples, found.duration_us, found.is_silent) == (samples, 167, False)
    assert found.info == {"ICMT": "söme\0words", "IART": "me"}


def test_other_lists_are_not_read() -> None:
    data = riff(wav_format(), LAST, chunk(b"LIST", b"adtl" + chunk(b"ICMT", b"no\0")))

    assert wav.read(data).info == {}
