from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.kernel.ids import Draws
from mockserver.vendors.pareta.domain.errors import Refused
from mockserver.vendors.pareta.domain.pictures import (
    LINE_HEIGHT,
    MAX_SCANS,
    SMALLEST_TYPE,
    Colour,
    Lettering,
    Size,
    edited_size,
    lettering,
    scan_count,
    scene,
    size_named,
)

DOCUMENTED = ["1024x1024", "2048x2048", "2304x1728", "1728x2304", "2560x1440", "1440x2560"]


class Widths(dict[str, float]):
    """A typeface in which every character is half as wide as the type is high."""

    def __init__(self, text: str) -> None:
        super().__init__(dict.fromkeys(set(text) | {" "}, 0.5))


@pytest.mark.parametrize("name", DOCUMENTED)
def test_every_documented_size_is_known(name: str) -> None:
    assert str(size_named(name)) == name


@pytest.mark.parametrize("name", ["512x512", "1024X1024", "1024x1024 ", "", "big"])
def test_another_size_is_refused_with_those_there_are(name: str) -> None:
    with pytest.raises(Refused) as refused:
        size_named(name)

    assert str(refused.value) == f"size must be one of {', '.join(DOCUMENTED)}, not '{name}'"


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        (Size(1024, 1024), "2048x2048"),
        (Size(1000, 1000), "2000x2000"),
        (Size(800, 600), "1600x1200"),
        (Size(600, 800), "1200x1600"),
        (Size(4000, 3000), "2365x1774"),
        (Size(6000, 4000), "2508x1672"),
        (Size(100, 50), "512x256"),
        (Size(1, 1), "512x512"),
        (Size(256, 256), "512x512"),
        (Size(300, 1), "600x2"),
        (Size(16_384, 1), "32768x2"),
    ],
)
def test_an_edit_keeps_the_proportions_and_doubles_up_to_four_megapixels(reference: Size, expected: str) -> None:
    assert str(edited_size(reference)) == expected


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        (Size(0, 10), "image has no pixels"),
        (Size(10, 0), "image has no pixels"),
        (Size(16_385, 1), "image is 16385x1; at most 40 megapixels and 16384 pixels a side"),
        (Size(6325, 6325), "image is 6325x6325; at most 40 megapixels and 16384 pixels a side"),
    ],
)
def test_no_reference_is_empty_or_endless(reference: Size, message: str) -> None:
    with pytest.raises(Refused) as refused:
        edited_size(reference)

    assert str(refused.value) == message


@given(width=st.integers(1, 16_384), height=st.integers(1, 16_384))
def test_no_edit_is_larger_than_four_megapixels_or_out_of_shape(width: int, height: int) -> None:
    if width * height > 40_000_000:
        return
    size = edited_size(Size(width, height))

    assert size.width * size.height <= 2048 * 2048 + size.width + size.height
    assert min(size.width, size.height) >= 1
    if min(size.width, size.height) > 100:
        assert math.isclose(size.width / size.height, width / height, rel_tol=0.01)


def segment(marker: int, content: bytes = b"") -> bytes:
    return bytes([0xFF, marker]) + (len(content) + 2).to_bytes(2, "big") + content


SCAN = segment(0xDA, b"head") + b"\x12\xff\x00\xff\xd0\x34"
START, END = b"\xff\xd8", b"\xff\xd9"


@pytest.mark.parametrize(
    ("jpeg", "scans"),
    [
        (START + SCAN + END, 1),
        (START + segment(0xE1, b"Exif" + START + SCAN * 9 + END) + SCAN * 3 + END, 3),
        (START + SCAN * 3 + END + b"\xff\xda" * 500, 3),
        (START + SCAN * 3, 3),
        (START + b"\xff\xff" + SCAN + END, 1),
        (START + SCAN * 500 + END, MAX_SCANS + 1),
        (START + b"\xff\xfe\0\0" * 20_000 + SCAN * 500, 0),
        (START, 0),
        (b"", 0),
    ],
)
def test_scans_are_counted_and_previews_are_not(jpeg: bytes, scans: int) -> None:
    assert scan_count(jpeg) == scans


@pytest.mark.parametrize(
    ("text", "box", "expected"),
    [
        ("hello", Size(1000, 1000), Lettering(120, ("hello",))),
        ("hello world", Size(500, 1000), Lettering(120, ("hello", "world"))),
        ("one two three", Size(200, 26), Lettering(20, ("one two three",))),
        ("one two three", Size(200, 60), Lettering(24, ("one two three",))),
        ("a\nb", Size(1000, 1000), Lettering(120, ("a", "b"))),
        ("a\n\nb", Size(1000, 1000), Lettering(120, ("a", "", "b"))),
        ("a\tb\x07c", Size(1000, 1000), Lettering(120, ("a b c",))),
        # A long word makes the type smaller before it is broken.
        ("see abcdefghij", Size(60, 200), Lettering(12, ("see", "abcdefghij"))),
        ("abcdefghij", Size(25, 100), Lettering(12, ("abcd", "efgh", "ij"))),
        ("abcdefghijkl xyz", Size(24, 50), Lettering(9, ("abcd", "efgh", "ijkl", "xyz"))),
        ("x abcdefghij", Size(24, 50), Lettering(9, ("x", "abcd", "efgh", "ij"))),
        # Even the smallest type is too large.
        ("a b c d e f g h", Size(8, 24), Lettering(9, ("a", "..."))),
        ("abcde fghij klmno", Size(25, 24), Lettering(9, ("abcde", "fg..."))),
        ("abc", Size(1, 1), Lettering(9, ("...",))),
        ("abc", Size(1, 1000), Lettering(9, ("a", "b", "c"))),
        ("\n\na\n\n\n\nb\n", Size(1000, 1000), Lettering(120, ("a", "", "b"))),
        ("   ", Size(1000, 1000), Lettering(120, ())),
        ("", Size(1000, 1000), Lettering(120, ())),
    ],
)
def test_words_are_laid_out_as_large_as_they_fit(text: str, box: Size, expected: Lettering) -> None:
    assert lettering(text, box, Widths(text)) == expected


@given(
    text=st.text(alphabet=st.characters(codec="utf-8"), max_size=300),
    width=st.integers(100, 2000),
    height=st.integers(100, 2000),
)
def test_lines_never_leave_the_box(text: str, width: int, height: int) -> None:
    layout = lettering(text, Size(width, height), Widths(text))

    assert layout.type_size >= SMALLEST_TYPE
    assert all(len(line) * int(layout.type_size / 2 + 0.5) <= width for line in layout.lines)
    assert len(layout.lines) * layout.type_size * LINE_HEIGHT <= height


def luminance(colour: Colour) -> float:
    def linear(level: int) -> float:
        share = level / 255
        return share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4

    red, green, blue = map(linear, colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@given(seed=st.integers(0, 10_000))
def test_words_contrast_with_their_paper_on_any_scene(seed: int) -> None:
    found = scene(Draws(seed).uniform)

    assert (luminance(found.paper) + 0.05) / (luminance(found.ink) + 0.05) > 7  # what readers with weak eyes need
    assert 3 <= len(found.discs) <= 6
    assert all(0 <= level <= 255 for disc in found.discs for level in disc.colour)


def test_seeds_paint_differently() -> None:
    assert scene(Draws(1).uniform) == scene(Draws(1).uniform)
    assert len({scene(Draws(seed).uniform) for seed in range(50)}) == 50
