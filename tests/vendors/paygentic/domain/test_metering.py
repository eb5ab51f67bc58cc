"""How a meter reads an event."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import pytest

from mockserver.vendors.paygentic.domain.metering import (
    PATH,
    Meter,
    control_character_in,
    distinction,
    label,
    number,
    parties_of,
    party_of,
    read,
)


@pytest.mark.parametrize(
    ("path", "is_path"),
    [
        ("$.amount", True),
        ("$.a.b_c.9", True),
        ("$", False),
        ("$.", False),
        ("amount", False),
        ("$.a-b", False),
        ("$.a[0]", False),
        ("$..a", False),
        ("$.a.", False),
        ("$.*", False),
    ],
)
def test_only_chains_of_object_keys_are_paths(path: str, is_path: bool) -> None:
    assert (re.search(PATH, path) is not None) is is_path


@pytest.mark.parametrize(
    ("data", "path", "expected"),
    [
        ({"amount": 5}, "$.amount", Decimal(5)),
        ({"a": {"b": Decimal("0.5")}}, "$.a.b", Decimal("0.5")),
        ({"a": {"0": 1}}, "$.a.0", Decimal(1)),
        ({"a": [1]}, "$.a.0", None),
        ({"a": 1}, "$.a.b", None),
        ({}, "$.a", None),
        ({"a": None}, "$.a", None),
    ],
)
def test_a_path_walks_objects_only(data: dict[str, Any], path: str, expected: Decimal | None) -> None:
    assert read(Meter("t", path).lens, data)[1] == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1, Decimal(1)),
        (Decimal("-0.5"), Decimal("-0.5")),
        (" 2.50 ", Decimal("2.50")),
        ("two", None),
        (True, None),
        (None, None),
        ({}, None),
        ([1], None),
    ],
)
def test_numbers_and_numeric_strings_are_values_and_nothing_else_is(value: Any, expected: Decimal | None) -> None:
    assert number(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("eu", "eu"),
        ("", ""),
        (1, "1"),
        (Decimal("1.50"), "1.5"),
        (Decimal("1E+2"), "100"),
        (Decimal("-0.0"), "0"),
        (True, "true"),
        (False, "false"),
        (None, ""),
        ({"a": 1}, ""),
        ([], ""),
    ],
)
def test_dimension_values_are_text(value: Any, expected: str) -> None:
    assert label(value) == expected


def test_a_reading_has_its_labels_in_the_order_of_the_dimension_names() -> None:
    meter = Meter("t", "$.v", {"zone": "$.z", "app": "$.a"}, keeps_distinct=True)

    reading = read(meter.lens, {"v": "1.0", "z": 7, "a": "x"})

    assert meter.dimension_names == ("app", "zone")
    assert reading == (("x", "7"), Decimal("1.0"), '"1.0"')


def test_a_meter_that_counts_no_distinct_values_makes_no_keys() -> None:
    assert read(Meter("t", "$.v").lens, {"v": 1})[2] is None
    assert read(Meter("t", None).lens, {"v": 1}) == ((), None, None)


def test_long_values_are_told_apart_by_a_digest() -> None:
    one, other = distinction("x" * 1000), distinction("x" * 999 + "y")

    assert one is not None
    assert one != other
    assert len(one) < 64
    assert distinction(None) is None


def test_an_external_subject_belongs_to_whoever_turns_out_to_have_it() -> None:
    assert party_of(None, "north") in parties_of("cus_1", "north")
    assert party_of("cus_1", "north") in parties_of("cus_1", None)
    assert party_of("north", None) not in parties_of("cus_1", "north")


@pytest.mark.parametrize(
    ("text", "has_one"), [("cost.ai", False), ("a\nb", True), ("\x7f", True), ("caf\u00e9", False)]
)
def test_control_characters_are_found(text: str, has_one: bool) -> None:
    assert control_character_in(text) is has_one
