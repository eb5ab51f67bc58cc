from __future__ import annotations

import struct

import pytest

from mockserver.vendors.pareta.domain.audio import mp4, parts
from mockserver.vendors.pareta.domain.errors import Refused
from tests.vendors.pareta.recordings import box, movie, words

TYPE = box(b"ftyp", b"M4A ")
MEDIA = box(b"mdat", b"sound")
UNKNOWN = 0xFFFFFFFF


def fragment(*runs: bytes, head: bytes = words(0, 1)) -> bytes:
    return box(b"moof", box(b"mfhd", words(0, 1)), box(b"traf", box(b"tfhd", head), *runs))


def run(flags: int, *values: int) -> bytes:
    return box(b"trun", words(flags, *values))


def trak_of(moov: bytes) -> bytes:
    """The track of a movie box, without the movie's own header."""
    return moov[moov.index(b"trak") - 4 :]


def wide_movie() -> bytes:
    """The same headers with 64 bits for times."""
    track = box(
        b"trak",
        box(b"tkhd", b"\1\0\0\0" + struct.pack(">QQIIQ", 0, 0, 1, 0, 2500)),
        box(
            b"mdia",
            box(b"mdhd", b"\1\0\0\0" + struct.pack(">QQIQ", 0, 0, 8000, 77)),
            box(b"hdlr", words(0, 0), b"soun"),
        ),
    )
    return box(b"moov", box(b"mvhd", b"\1\0\0\0" + struct.pack(">QQIQ", 0, 0, 1000, 0)), track)


@pytest.mark.parametrize(
    ("data", "duration_us"),
    [
        (TYPE + movie(edited=1500, ticks=99) + MEDIA, 1_500_000),
        (TYPE + MEDIA + movie(edited=1500), 1_500_000),
        (TYPE + wide_movie() + MEDIA, 2_500_000),
        (TYPE + movie(ticks=12_000) + MEDIA, 1_500_000),
        (TYPE + movie(edited=UNKNOWN, ticks=12_000) + MEDIA, 1_500_000),
        (TYPE + movie(movie_rate=0, edited=5, ticks=12_000) + MEDIA, 1_500_000),
        (TYPE + movie(ticks=UNKNOWN) + fragment(run(0, 8), head=words(8, 1, 1000)) + MEDIA, 1_000_000),
        (TYPE + movie(edited=1500) + struct.pack(">I4sQ", 1, b"mdat", 21) + b"sound", 1_500_000),
        (TYPE + movie(edited=1500) + struct.pack(">I4s", 0, b"mdat") + b"sound", 1_500_000),
        (TYPE + movie(edited=1500) + MEDIA + b"tail", 1_500_000),
        (TYPE + MEDIA + movie(ticks=8000).replace(b"mvhd", b"free"), 1_000_000),
        # A track that is no sound, or lacks its headers, comes first.
        (TYPE + box(b"moov", trak_of(movie(handler=b"vide", ticks=5)), trak_of(movie(ticks=8000))) + MEDIA, 1_000_000),
        (TYPE + box(b"moov", box(b"trak"), box(b"trak", box(b"mdia")), trak_of(movie(ticks=8000))) + MEDIA, 1_000_000),
    ],
)  # fmt: skip
def test_a_duration_is_what_is_played_of_the_first_audio_track(data: bytes, duration_us: int) -> None:
    assert mp4.duration_us(data) == duration_us


@pytest.mark.parametrize(
    ("fragments", "ticks"),
    [
        (fragment(run(0, 3)), 1500),  # as long as the movie says
        (fragment(run(0, 3), head=words(8, 1, 700)), 2100),  # as the fragment says
        (fragment(run(0, 3), head=words(0xB, 1, 0, 0, 9, 700)), 2100),  # behind an offset and a description
        (fragment(run(0x100, 2, 300, 400)), 700),  # as each sample says
        (fragment(run(0x105, 2, 0, 0, 300, 400)), 700),  # behind an offset and flags
        (fragment(run(0xF00, 2, 300, 0, 0, 0, 400, 0, 0, 0)), 700),  # among sizes, flags and offsets
        (fragment(run(0, 1), run(0x100, 1, 50)) + MEDIA + fragment(run(0, 2)), 500 + 50 + 1000),
        (fragment(run(0, 3), head=words(0, 2)), 0),  # of another track
        (box(b"moof", box(b"traf", run(0, 3))), 0),  # of no track
    ],
)
def test_fragments_add_up(fragments: bytes, ticks: int) -> None:
    data = TYPE + movie(default=500) + fragments + MEDIA

    assert mp4.duration_us(data) == ticks * 125


def test_fragments_before_the_movie_belong_to_nothing() -> None:
    assert mp4.duration_us(TYPE + fragment(run(0, 3)) + movie(default=500) + MEDIA) == 0


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ((TYPE + movie(edited=1) + MEDIA)[:-1], "the MP4 file is cut off: its last box 'mdat' has 12 of 13 bytes"),
        (TYPE + movie(edited=1), "the MP4 file is cut off: it has no media data"),
        (TYPE + MEDIA, "the MP4 file has no audio track before its end"),
        (TYPE + movie(handler=b"vide") + MEDIA, "the MP4 file has no audio track before its end"),
        (TYPE + movie(rate=0, ticks=5) + MEDIA, "the MP4 file's audio track gives no rate"),
        (TYPE + words(7) + b"free", "the MP4 file is broken: its box at byte 12 is shorter than its own head"),
        (
            TYPE + movie(default=5) + fragment(run(0x100, 9, 1)) + MEDIA,
            "the MP4 file is cut off: its last run of samples has 4 of 36 bytes",
        ),
    ],
)
def test_what_is_wrong_with_a_file_is_said(data: bytes, message: str) -> None:
    with pytest.raises(Refused) as refused:
        mp4.duration_us(data)

    assert str(refused.value) == message


def test_a_file_chopped_too_fine_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mp4, "MAX_PARTS", 3)

    with pytest.raises(Refused, match=f"the MP4 file has more than {parts.MAX_PARTS} parts"):
        mp4.duration_us(TYPE + MEDIA * 3)
