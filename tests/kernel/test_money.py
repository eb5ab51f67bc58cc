from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.kernel.money import json_number, micro_usd, plain, usd_text


@pytest.mark.parametrize(
    ("dollars", "micro"),
    [("0", 0), ("1", 1_000_000), ("0.09", 90_000), ("0.000001", 1), ("-2.5", -2_500_000), ("1E+3", 10**9)],
)
def test_dollars_become_micro_dollars(dollars: str, micro: int) -> None:
    assert micro_usd(dollars) == micro


@pytest.mark.parametrize("dollars", ["", "x", "NaN", "Infinity", "1e13", "1,5"])
def test_what_is_no_amount_is_refused(dollars: str) -> None:
    with pytest.raises(ValueError, match="is not a decimal number of dollars"):
        micro_usd(dollars)


def test_an_amount_finer_than_a_micro_dollar_is_refused_not_rounded() -> None:
    with pytest.raises(ValueError, match="finer than one micro-dollar"):
        micro_usd("0.0000001")


@pytest.mark.parametrize(
    ("micro", "text"),
    [(0, "0.00"), (90_000, "0.09"), (1, "0.000001"), (-1_500_000, "-1.50"), (10**12, "1000000.00")],
)
def test_micro_dollars_as_text(micro: int, text: str) -> None:
    assert usd_text(micro) == text


@given(st.integers(-(10**18), 10**18))
def test_text_of_an_amount_reads_back_as_the_amount(micro: int) -> None:
    assert micro_usd(usd_text(micro)) == micro


@pytest.mark.parametrize(
    ("value", "text"),
    [("0", "0"), ("-0", "0"), ("1E+3", "1000"), ("1.500", "1.5"), ("1E-7", "0.0000001"), ("-2.0", "-2")],
)
def test_plain_has_no_exponent_and_no_idle_zeros(value: str, text: str) -> None:
    assert plain(Decimal(value)) == text


def test_json_number_stays_whole_when_it_can() -> None:
    assert json_number(Decimal("2.00")) == 2
    assert isinstance(json_number(Decimal("2.00")), int)
    assert json_number(Decimal("0.1")) == 0.1
    assert isinstance(json_number(Decimal(2**60)), float)
