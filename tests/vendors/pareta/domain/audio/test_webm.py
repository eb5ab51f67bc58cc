from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.vendors.pareta.domain.audio import parts, webm
from mockserver.vendors.pareta.domain.errors import Refused
from tests.vendors.pareta.recordings import EBML, cluster, element, media, number, simple_block, track
from tests.vendors.pareta.recordings import webm as file_of

START = len(EBML)
OPEN_VOID = element(0xEC, is_open=True)
OPEN = cluster(0, simple_block(0), is_open=True)
BLOCKS = cluster(0, simple_block(0), simple_block(60), simple_block(120))


def given_duration(ticks: float, width: str = ">d", scale_ns: int | None = None) -> bytes:
    scale = b"" if scale_ns is None else number(0x2AD7B1, scale_ns)
    return element(0x1549A966, scale + element(0x4489, struct.pack(width, ticks)))


def group(*more: bytes, at: int = 120) -> bytes:
    return element(0xA0, element(0xA1, b"\x81" + struct.pack(">hB", at, 0) + b"sound") + b"".join(more))


@pytest.mark.parametrize(
    ("data", "duration_us"),
    [
        (file_of(given_duration(1508.0), BLOCKS), 1_508_000),
        (file_of(given_duration(1508.25, ">f"), BLOCKS), 1_508_250),
        (file_of(given_duration(3.0, scale_ns=500_000_000), BLOCKS), 1_500_000),
        # No usable Duration: where the last block ends, each lasting as long as the one before.
        (file_of(BLOCKS), 180_000),
        (file_of(given_duration(0.0), BLOCKS), 180_000),
        (file_of(given_duration(-1.0), BLOCKS), 180_000),
        (file_of(given_duration(float("nan")), BLOCKS), 180_000),
        (file_of(given_duration(float("inf")), BLOCKS), 180_000),
        (file_of(element(0x1549A966, element(0x4489, b"123")), BLOCKS), 180_000),
        (file_of(cluster(0, simple_block(0)), cluster(1000, simple_block(0), simple_block(20))), 1_040_000),
        (file_of(cluster(100, simple_block(-50), simple_block(0))), 150_000),
        (file_of(cluster(100, simple_block(50), simple_block(0))), 100_000),
        (file_of(element(0x1549A966, number(0x2AD7B1, 100_000)), BLOCKS), 18_000),
        # As the track or the block itself says
        (file_of(cluster(0, simple_block(500)), tracks=track(1, 2, number(0x23E383, 20_000_000))), 520_000),
        (file_of(cluster(0, group(number(0x9B, 40)))), 160_000),
        (file_of(cluster(0, simple_block(0), group(element(0x75A2, struct.pack(">q", 100_000_000))))), 140_000),
        (file_of(cluster(0, simple_block(0), group(element(0x75A2, struct.pack(">q", -100_000_000))))), 140_000),
        (file_of(BLOCKS, tracks=track(1, 2, number(0x56AA, 6_500_000))), 173_500),
        # Open sizes, as recorders in browsers write them
        (file_of(BLOCKS, is_open=True), 180_000),
        (file_of(OPEN, cluster(60, simple_block(0), is_open=True), is_open=True), 120_000),
        # Other tracks and other elements
        (file_of(cluster(0, simple_block(100), simple_block(9000, 2)), tracks=track() + track(2, 1)), 100_000),
        (file_of(element(0xEC, b"void"), BLOCKS, number(0xD7, 9)), 180_000),
        (number(0xD7, 1) + file_of(BLOCKS), 180_000),
        (file_of(element(0x1549A966, number(0x2AD7B1, 0)), BLOCKS, tracks=track(1, 2, number(0x23E383, 20))), 0),
    ],
)  # fmt: skip
def test_a_duration_is_given_or_where_the_last_audio_block_ends(data: bytes, duration_us: int) -> None:
    assert webm.duration_us(data) == duration_us


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (file_of(BLOCKS)[:-1], "the WebM file is cut off: its last element 0x18538067 has 80 of 81 bytes"),
        (
            file_of(BLOCKS, is_open=True)[:-1],
            "the WebM file is cut off: its last element 0x1F43B675 has 47 of 48 bytes",
        ),
        (
            file_of(OPEN, is_open=True)[:-1],
            "the WebM file is cut off: its last element 0xA3 has 8 of 9 bytes",
        ),
        (EBML, "the WebM file has no audio before its end"),
        (file_of(), "the WebM file has no audio before its end"),
        (file_of(BLOCKS, tracks=track(1, 1)), "the WebM file has no audio before its end"),
        (EBML + b"\xec", "the WebM file is cut off: its last element has 0 of 1 bytes"),
        (EBML + b"\x42", "the WebM file is cut off: its last element has 1 of 2 bytes"),
        (EBML + b"\0\0", f"the WebM file is broken: no element begins at byte {START}"),
        (EBML + b"\x08\0\0\0\0\x80", f"the WebM file is broken: no element begins at byte {START}"),
        (EBML + b"\xec\0", f"the WebM file is broken: no element begins at byte {START + 1}"),
        (EBML + OPEN_VOID, f"the WebM file is broken: the element before byte {START + 9} has no size"),
        (EBML + element(0xD7, bytes(9)), f"the WebM file is broken: the number at byte {START + 5} has 9 bytes"),
        (EBML + element(0xA3, b"\x81\0\0"), f"the WebM file is broken: the block at byte {START + 5} is too short"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_file_is_said(data: bytes, message: str) -> None:
    with pytest.raises(Refused) as refused:
        webm.duration_us(data)

    assert str(refused.value) == message


def test_a_file_chopped_too_fine_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webm, "MAX_PARTS", 3)

    with pytest.raises(Refused, match=f"the WebM file has more than {parts.MAX_PARTS} parts"):
        webm.duration_us(EBML * 4)


@given(
    clusters=st.lists(
        st.tuples(
            st.integers(0, 100_000), st.lists(st.tuples(st.integers(-500, 30_000), st.integers(1, 2)), max_size=6)
        ),
        max_size=6,
    ),
    is_open=st.booleans(),
    usual_ms=st.integers(1, 120),
)
def test_the_last_blocks_end_is_found_however_blocks_are_laid_out(
    clusters: list[tuple[int, list[tuple[int, int]]]], is_open: bool, usual_ms: int
) -> None:
    data = file_of(
        *[cluster(time, *[simple_block(*block) for block in blocks], is_open=is_open) for time, blocks in clusters],
        tracks=track(1, 2, number(0x23E383, usual_ms * 1_000_000)) + track(2, 1),
        is_open=is_open,
    )
    heard = [time + offset for time, blocks in clusters for offset, identity in blocks if identity == 1]

    if heard:
        assert webm.duration_us(data) == int((heard[-1] + usual_ms) * 1000 + 0.5)
    else:
        with pytest.raises(Refused, match="no audio"):
            webm.duration_us(data)


@given(data=st.binary(max_size=400), has_head=st.booleans())
def test_garbage_is_refused_or_read_but_never_an_accident(data: bytes, has_head: bool) -> None:
    try:
        duration_us = webm.duration_us(EBML + data if has_head else data)
    except Refused:
        return
    assert isinstance(duration_us, int)


@given(edits=st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 255)), min_size=1, max_size=8))
def test_a_damaged_recording_is_refused_or_read_but_never_an_accident(edits: list[tuple[int, int]]) -> None:
    data = bytearray(media("recorder.webm"))
    for at, value in edits:
        data[at % len(data)] = value

    try:
        duration_us = webm.duration_us(bytes(data))
    except Refused:
        return
    assert isinstance(duration_us, int)
