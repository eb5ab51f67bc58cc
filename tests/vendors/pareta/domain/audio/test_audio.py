from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.vendors.pareta.domain.audio import MAX_DURATION_US, recognised
from mockserver.vendors.pareta.domain.audio.parts import microseconds
from mockserver.vendors.pareta.domain.errors import Refused
from tests.vendors.pareta.recordings import (
    TONES,
    box,
    chunk,
    cluster,
    media,
    movie,
    mp3_frame,
    opus_head,
    page,
    riff,
    simple_block,
    tone,
    wav_format,
    webm,
)


@pytest.mark.parametrize(("name", "expected"), TONES.items())
def test_real_files_are_recognised_and_measured(name: str, expected: tuple[str, int]) -> None:
    found = recognised(media(name))

    assert (found.container, found.duration_us) == expected
    assert (found.wave is not None) is (found.container == "wav")


@pytest.mark.parametrize("name", [*TONES, "a wave"])
@pytest.mark.parametrize("share", [0.4, 0.7, 0.999])
def test_a_real_file_that_is_cut_off_is_found_out(name: str, share: float) -> None:
    data = tone(1.5) if name == "a wave" else media(name)

    with pytest.raises(Refused, match=r"cut off|before its end"):
        recognised(data[: int(len(data) * share)])


@pytest.mark.parametrize(
    ("data", "container"),
    [
        (mp3_frame() * 2, "mp3"),
        (b"ID3\3\0\0\0\0\0\0" + mp3_frame(), "mp3"),
        (webm(cluster(1, simple_block(0))), "webm"),
        (page(opus_head(0), 0) + page(b"x", 48), "ogg"),
        (box(b"ftyp", b"isom") + movie(edited=1) + box(b"mdat"), "m4a"),
        (tone(0.1), "wav"),
    ],
)
def test_the_content_tells_the_container(data: bytes, container: str) -> None:
    assert recognised(data).container == container


@pytest.mark.parametrize(
    "data",
    [b"", b"hello", b"RIFF", b"RIFF\0\0\0\0AVI ", b"fLaC" + bytes(99), b"\xff\xf1\x50\x80" + bytes(99), bytes(999)],
)
def test_anything_else_is_no_recording(data: bytes) -> None:
    with pytest.raises(Refused, match="the audio is in no known container; send wav, mp3, m4a, webm or ogg"):
        recognised(data)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (tone(0), "the wav file has no audio in it"),
        (webm(cluster(0, simple_block(-100))), "the webm file has no audio in it"),
        (page(opus_head(), 0), "the ogg file has no audio in it"),
        (
            riff(wav_format(rate=1), chunk(b"data", bytes(86_401))),
            "the wav file claims to last more than 24 hours",
        ),
    ],
)
def test_no_recording_lasts_no_time_or_more_than_a_day(data: bytes, message: str) -> None:
    with pytest.raises(Refused) as refused:
        recognised(data)

    assert str(refused.value) == message


def test_a_day_is_not_too_long() -> None:
    assert recognised(riff(wav_format(rate=1), chunk(b"data", bytes(86_400)))).duration_us == MAX_DURATION_US


@pytest.mark.parametrize(
    ("count", "rate", "expected"),
    [(0, 8000, 0), (1, 1, 1_000_000), (1, 3, 333_333), (2, 3, 666_667), (1, 2_000_000, 1), (1, 4_000_000, 0)],
)
def test_ticks_become_the_nearest_microsecond(count: int, rate: int, expected: int) -> None:
    assert microseconds(count, rate) == expected


@given(
    name=st.sampled_from(sorted(TONES)),
    edits=st.lists(st.tuples(st.integers(0, 7000), st.integers(0, 255)), max_size=8),
    length=st.integers(0, 7000),
)
def test_no_damage_is_an_accident(name: str, edits: list[tuple[int, int]], length: int) -> None:
    data = bytearray(media(name))
    for at, value in edits:
        data[at % len(data)] = value

    try:
        found = recognised(bytes(data[:length]))
    except Refused:
        return
    assert 0 < found.duration_us <= MAX_DURATION_US
