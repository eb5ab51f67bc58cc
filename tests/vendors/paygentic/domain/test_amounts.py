"""Amounts as integers and as sortable bytes."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.vendors.paygentic.domain.amounts import (
    from_sortable,
    joined,
    mark,
    marked,
    sortable,
    split,
    summed,
    yocto_of,
)
from mockserver.vendors.paygentic.domain.json_text import EXACT

numbers = st.decimals(-(10**40), 10**40, allow_nan=False, allow_infinity=False) | st.sampled_from(
    [Decimal(text) for text in ("1e9", "-1e9", "999999999", "1e-24", "1.5e-24", "-1.5e-24", "-1e-40", "1e-200", "0e5")]
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0.0042", (0, 4_200_000_000, 0)),
        ("-0.0042", (-1, 995_800_000_000, 0)),
        ("1e-24", (0, 0, 1)),
        ("999999999.999999999999999999999999", (999_999_999, 999_999_999_999, 999_999_999_999)),
        ("0", (0, 0, 0)),
        ("1E+3", (1000, 0, 0)),
    ],
)
def test_an_amount_is_split_into_three_integers_and_joined_again(text: str, expected: tuple[int, int, int]) -> None:
    yocto = yocto_of(Decimal(text))

    assert yocto is not None
    assert split(yocto) == expected
    assert joined(*expected) == Decimal(text)


@pytest.mark.parametrize("text", ["1e9", "-1e9", "1e-25", "1e100"])
def test_what_three_integers_cannot_hold_is_left_to_text(text: str) -> None:
    assert yocto_of(Decimal(text)) is None


def test_numbers_as_text_are_added_exactly() -> None:
    assert summed("1E+100 0.1 -1E+100 1E-30") == Decimal("0.100000000000000000000000000001")
    assert summed("") == 0


@given(numbers, numbers)
def test_sortable_bytes_compare_as_the_numbers_do(one: Decimal, other: Decimal) -> None:
    assert (sortable(one) < sortable(other)) is (one < other)
    assert (sortable(one) == sortable(other)) is (one == other)


@given(numbers)
def test_sortable_bytes_give_the_number_back(number: Decimal) -> None:
    assert from_sortable(sortable(number)) == number


@given(st.lists(numbers.filter(lambda n: yocto_of(n) is not None)))
def test_split_amounts_add_up_to_the_last_digit(amounts: list[Decimal]) -> None:
    expected = Decimal(0)
    parts = [split(yocto_of(amount) or 0) for amount in amounts]
    for amount in amounts:
        expected = EXACT.add(expected, amount)

    assert joined(*[sum(part[place] for part in parts) for place in range(3)]) == expected


def test_marks_compare_by_instant_then_arrival_and_carry_the_value() -> None:
    marks = [
        mark(at, seq, sortable(Decimal(value)))
        for at, seq, value in [(-5, 9, 7), (-4, 1, 6), (0, 1, 5), (0, 2, -4), (3, 1, -9)]
    ]

    assert marks == sorted(marks)
    assert [marked(each) for each in marks] == [7, 6, 5, -4, -9]
