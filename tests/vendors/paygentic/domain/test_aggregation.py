"""The seven aggregations, and windows cut into buckets."""

from __future__ import annotations

from decimal import Decimal

import pytest

from mockserver.vendors.paygentic.domain.aggregation import (
    Aggregation,
    Tally,
    is_usable,
    quantity,
)
from mockserver.vendors.paygentic.domain.amounts import mark, sortable


def tally(*amounts: str, without: int = 0) -> Tally:
    """Tally amounts that came in this order, and some events without one."""
    total = Tally(events=without)
    for seq, text in enumerate(amounts):
        amount = Decimal(text)
        key = sortable(amount)
        total.add(Tally(1, 1, amount, key, key, mark(0, seq, key), {text}))
    return total


@pytest.mark.parametrize(
    ("aggregation", "expected"),
    [
        ("SUM", "6.0002"),
        ("COUNT", "5"),
        ("AVG", "1.50005"),
        ("MIN", "-1"),
        ("MAX", "5"),
        ("UNIQUE_COUNT", "3"),
        ("LATEST", "1.0001"),
    ],
)
def test_each_aggregation(aggregation: Aggregation, expected: str) -> None:
    found = quantity(aggregation, tally("5", "1.0001", "-1", "1.0001", without=1), has_path=True)

    assert found == Decimal(expected)


@pytest.mark.parametrize(
    ("aggregation", "expected"),
    [("SUM", 0), ("COUNT", 2), ("UNIQUE_COUNT", 0), ("AVG", None), ("MIN", None), ("MAX", None), ("LATEST", None)],
)
def test_events_without_a_value(aggregation: Aggregation, expected: int | None) -> None:
    empty = tally(without=2)

    assert quantity(aggregation, empty, has_path=True) == expected
    assert is_usable(aggregation, empty, has_path=True) is (aggregation == "COUNT")
    assert is_usable(aggregation, tally("1"), has_path=True)


def test_unique_count_without_a_path_counts_events() -> None:
    assert quantity("UNIQUE_COUNT", tally(without=3), has_path=False) == 3
    assert is_usable("UNIQUE_COUNT", tally(without=3), has_path=False)
    assert not is_usable("UNIQUE_COUNT", Tally(), has_path=False)


def test_an_average_keeps_more_digits_than_a_double() -> None:
    average = quantity("AVG", tally("1", "0", "0"), has_path=True)

    assert str(average).startswith("0." + "3" * 28)


def test_the_largest_of_equal_halves_is_kept_whichever_comes_first() -> None:
    one, other = tally("1", "9"), tally("5")
    one.add(other)
    other.add(tally("1", "9"))

    for aggregation in ("MIN", "MAX", "SUM", "COUNT", "AVG"):
        assert quantity(aggregation, one, has_path=True) == quantity(aggregation, other, has_path=True)


def test_an_empty_tally_changes_nothing() -> None:
    total = tally("1", "2")
    total.add(Tally())

    assert total == tally("1", "2")
