"""JSON in and out without floats."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from mockserver.kernel.errors import MalformedBody
from mockserver.vendors.paygentic.domain.json_text import MAX_DEPTH, canonical, dump, number_in, parse, restore


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"0.1", Decimal("0.1")),
        (b"1.50", Decimal("1.50")),
        (b"3e-6", Decimal("0.000003")),
        (b"12", 12),
        (b"0.30000000000000004", Decimal("0.30000000000000004")),
        (b"0." + b"1" * 200, Decimal("0." + "1" * 200)),
        (b'"\\ud83d\\ude00"', "\N{GRINNING FACE}"),
        (b"[" * MAX_DEPTH + b"]" * MAX_DEPTH, None),
    ],
)
def test_values_come_back_with_every_digit(text: bytes, expected: Any) -> None:
    value = parse(text)

    assert expected is None or (value == expected and type(value) is type(expected))


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"\xff",
        b"\xef\xbb\xbf{}",
        b"NaN",
        b"[Infinity]",
        b"-Infinity",
        b"1e999999",
        b"1e201",
        b"1e-201",
        b"1E" + b"9" * 700,
        b"1" * 201,
        b"1" * 5000,
        b"1" * 201 + b".0",
        b"0." + b"1" * 201,
        b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1),
        b"[" * 100_000,
        b'"\\ud800"',
        b'{"\\uDC00": 1}',
    ],
)
def test_what_cannot_be_kept_exactly_is_refused(text: bytes) -> None:
    with pytest.raises(MalformedBody):
        parse(text)


def test_many_brackets_side_by_side_are_not_deep() -> None:
    assert parse(b"[" + b",".join([b"[]"] * 500) + b"]") == [[]] * 500


@pytest.mark.parametrize(
    "value",
    [
        {"a": [1, Decimal("0.10"), "x\n\u00e9", True, None, {"b": []}]},
        {"big": Decimal("1E+100"), "fine": Decimal("1E-100")},
        {"\u0000": "\ud7ff"},
    ],
)
def test_what_is_written_reads_back_the_same(value: Any) -> None:
    text = dump(value)

    assert text.isascii()
    assert repr(restore(text)) == repr(value)


@pytest.mark.parametrize(
    ("one", "other", "are_equal"),
    [
        (1, Decimal("1.0"), True),
        (Decimal("1E+1"), 10, True),
        (0, Decimal("-0.0"), True),
        (1, "1", False),
        (True, 1, False),
        ("true", True, False),
        ({"a": 1, "b": [Decimal("2.0")]}, {"b": [2], "a": 1}, True),
        ([1, 2], [2, 1], False),
    ],
)
def test_canonical_text_tells_values_apart_by_type_and_value(one: Any, other: Any, are_equal: bool) -> None:
    assert (canonical(one) == canonical(other)) is are_equal


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1.5", Decimal("1.5")),
        (" 42\t", Decimal(42)),
        ("-3", Decimal(-3)),
        ("+3", Decimal(3)),
        ("1e3", Decimal(1000)),
        ("", None),
        ("1,5", None),
        ("0x10", None),
        ("1 2", None),
        (".5", None),
        ("5.", None),
        ("\u0663", None),
        ("NaN", None),
        ("1e999999999999", None),
        ("1e-999", None),
        ("9" * 201, None),
        ("1e" + "0" * 700, None),
    ],
)
def test_a_string_is_a_number_only_as_a_whole(text: str, expected: Decimal | None) -> None:
    assert number_in(text) == expected
