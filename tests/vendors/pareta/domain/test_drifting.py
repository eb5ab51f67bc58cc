from __future__ import annotations

from fractions import Fraction
from math import erfc, floor, isfinite, sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.vendors.pareta.domain.drifting import clamped, is_among_slowest, multiplied, noisy, normal_at, normal_of


@pytest.mark.parametrize(
    ("amount", "factors", "product"),
    [
        (90, (), 90),
        (90, (1.05,), 95),
        (90, (1.05, 1.0), 95),
        (10, (1.05, 1.0), 11),
        (10, (1.049999,), 10),
        (3, (0.5, 0.5), 1),
        (1, (0.49,), 0),
        (90, (1.1,), 99),
        (10**15, (1000.0, 1000.0, 1000.0), 10**24),
    ],
)
def test_a_product_is_exact_until_halves_are_rounded_up_in_the_end(
    amount: int, factors: tuple[float, ...], product: int
) -> None:
    assert multiplied(amount, factors) == product


@given(amount=st.integers(0, 10**12), factors=st.lists(st.integers(1, 10**9), max_size=4))
def test_a_product_is_that_of_fractions(amount: int, factors: list[int]) -> None:
    exact = Fraction(amount)
    for factor in factors:
        exact *= Fraction(factor, 10**6)

    assert multiplied(amount, [factor / 10**6 for factor in factors]) == floor(exact + Fraction(1, 2))


@pytest.mark.parametrize(("value", "nearest"), [(-0.1, 0), (0, 0), (0.3, 0.3), (1, 1), (1.7, 1)])
def test_what_leaves_the_range_stays_at_its_end(value: float, nearest: float) -> None:
    assert clamped(value) == nearest


@pytest.mark.parametrize(
    ("score", "deviation", "normal", "said"),
    [
        (0.5, 0.2, 1.0, 0.7),
        (0.5, 0.2, -1.0, 0.3),
        (0.9, 0.2, 1.0, 1.0),
        (0.1, 0.2, -1.0, 0.0),
        (0.5, 0.1, 0.3333333, 0.533333),
    ],
)
def test_a_judge_who_is_off_stays_within_the_scale(score: float, deviation: float, normal: float, said: float) -> None:
    assert noisy(score, deviation, normal) == said


@pytest.mark.parametrize(
    ("normal", "quantile", "is_slow"),
    [(-9.0, 0.0, True), (0.0, 0.5, True), (-0.01, 0.5, False), (2.33, 0.99, True), (2.32, 0.99, False)],
)
def test_the_slowest_are_those_beyond_a_quantile(normal: float, quantile: float, is_slow: bool) -> None:
    assert is_among_slowest(normal, quantile) is is_slow


@given(st.floats(0, 1, exclude_max=True), st.floats(0, 1, exclude_max=True))
def test_any_two_uniform_numbers_make_a_normal_one(one: float, other: float) -> None:
    assert abs(normal_of(one, other)) < 9


@given(st.floats(0, 1, exclude_max=True), st.floats(0, 1, exclude_max=True))
def test_a_normal_number_stands_where_its_quantile_says(one: float, other: float) -> None:
    low, high = sorted((one, other))

    assert isfinite(normal_at(low))
    assert normal_at(low) <= normal_at(high)
    assert 0.5 * erfc(-normal_at(one) / sqrt(2)) == pytest.approx(one, abs=1e-12)
