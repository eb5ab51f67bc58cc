from __future__ import annotations

import pytest

from mockserver.vendors.pareta.domain.audio import ogg, parts
from mockserver.vendors.pareta.domain.errors import Refused
from tests.vendors.pareta.recordings import opus_head, page, vorbis_head

OPUS = page(opus_head(), 0)
VORBIS = page(vorbis_head(), 0)


@pytest.mark.parametrize(
    ("data", "duration_us"),
    [
        (OPUS + page(b"x" * 300, 48_312), 1_000_000),
        (OPUS + page(b"x", 24_312) + page(b"x", -1) + page(b"x", 48_312) + page(b"x", -1), 1_000_000),
        (OPUS + page(b"x", 100), 0),  # nothing but what is skipped
        (OPUS, 0),
        (VORBIS + page(b"x", 44_100), 1_000_000),
        (VORBIS + page(b"x", 44_100) + page(vorbis_head(8000), 0, 2) + page(b"x", 4000, 2), 1_500_000),
        (VORBIS + page(b"\x80theora", 0, 2) + page(b"x", 99_999, 2) + page(b"x", 44_100), 1_000_000),
        (VORBIS + page(b"x", 44_100) + VORBIS, 1_000_000),  # the same head again begins nothing
    ],
)
def test_a_duration_is_the_last_position(data: bytes, duration_us: int) -> None:
    assert ogg.duration_us(data) == duration_us


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ((OPUS + page(b"x" * 300, 9))[:-1], "the Ogg file is cut off: its last page has 328 of 329 bytes"),
        (OPUS + b"OggS\0", "the Ogg file is cut off: its last page head has 5 of 27 bytes"),
        (OPUS + b"Og", "the Ogg file is cut off: its last page head has 2 of 27 bytes"),
        (OPUS + b"garbage", f"the Ogg file has something else at byte {len(OPUS)}, where a page should begin"),
        (page(b"Speex   ", 0), "the Ogg file holds neither Opus nor Vorbis"),
        (page(vorbis_head(0), 0), "the Ogg file holds neither Opus nor Vorbis"),
        (page(b"OpusHead", 0), "the Ogg file holds neither Opus nor Vorbis"),
        (b"", "the Ogg file holds neither Opus nor Vorbis"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(data: bytes, message: str) -> None:
    with pytest.raises(Refused) as refused:
        ogg.duration_us(data)

    assert str(refused.value) == message


def test_a_file_chopped_too_fine_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ogg, "MAX_PARTS", 3)

    with pytest.raises(Refused, match=f"the Ogg file has more than {parts.MAX_PARTS} parts"):
        ogg.duration_us(OPUS * 4)
