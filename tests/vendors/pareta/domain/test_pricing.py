from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.vendors.pareta.domain.catalog import RankedModel
from mockserver.vendors.pareta.domain.pricing import (
    Price,
    audio_price,
    auto_price,
    capability_price,
    embeddings_price,
    frontier_rate,
    list_price,
    mean_half_up,
    open_rate,
)
from tests.vendors.pareta.domain.samples import BOARD, SHEET, model

INVOICES = (
    model("qwen-vl-1", "open", 0.926, 3800, recommended=True),
    model("claude-opus-4-7", "frontier", 0.919, 28800),
    model("internvl-1", "open", 0.87, 2750),
)
UNMEASURED = (model("gpt-5.5", "frontier", None, None), model("gpt-oss-1", "open", None, None, recommended=True))


@pytest.mark.parametrize(
    ("prompt", "completion", "expected"),
    [
        (0, 0, Price(1, 0)),
        (1, 0, Price(1, 5)),
        (3, 0, Price(1, 15)),
        (2, 1, Price(1, 30)),
        (0, 9, Price(10, 180)),
        (100, 50, Price(83, 1500)),
        (1000, 1000, Price(1388, 25000)),
    ],
)
def test_auto_bills_an_eighteenth_of_the_list_price_and_at_least_one(
    prompt: int, completion: int, expected: Price
) -> None:
    assert auto_price(SHEET, prompt, completion) == expected


@pytest.mark.parametrize(("prompt", "completion", "expected"), [(0, 0, 0), (1, 0, 5), (0, 1, 20), (9, 7, 185)])
def test_a_frontier_vendor_charges_for_every_token(prompt: int, completion: int, expected: int) -> None:
    assert list_price(SHEET, prompt, completion) == expected


@pytest.mark.parametrize(
    ("board", "alias", "expected"),
    [
        (BOARD, "qwen-2", 90),
        (BOARD, "llama-1", 63),
        (BOARD, "unheard-of-9", 90),
        (BOARD, "gpt-5.5", 90),
        (INVOICES, "qwen-vl-1", 3800),
        (INVOICES, "internvl-1", 2750),
        (UNMEASURED, "gpt-oss-1", 500),
        ((), "qwen-2", 500),
    ],
)
def test_an_open_alias_costs_its_own_rate_or_else_the_recommended_ones(
    board: tuple[RankedModel, ...], alias: str, expected: int
) -> None:
    assert open_rate(SHEET, board, alias) == expected


@pytest.mark.parametrize(
    ("board", "name", "expected"),
    [
        (BOARD, None, 700),
        (BOARD, "gpt-5.5", 700),
        (BOARD, "gemini-3-1-pro", 700),
        (BOARD, "qwen-2", 700),
        (INVOICES, None, 28800),
        (INVOICES, "gpt-5.5", 28800),
        (UNMEASURED, "gpt-5.5", 6000),
        ((), None, 6000),
    ],
)
def test_a_frontier_model_costs_its_own_rate_or_else_the_baselines(
    board: tuple[RankedModel, ...], name: str | None, expected: int
) -> None:
    assert frontier_rate(SHEET, board, name) == expected


@pytest.mark.parametrize(
    ("total", "count", "expected"), [(0, 0, 0), (5, 2, 3), (1, 3, 0), (2, 3, 1), (74211, 261, 284)]
)
def test_mean_vectors(total: int, count: int, expected: int) -> None:
    assert mean_half_up(total, count) == expected


@given(st.integers(0, 10**15), st.integers(1, 10**6))
def test_means_round_halves_up(total: int, count: int) -> None:
    assert mean_half_up(total, count) == math.floor(Fraction(total, count) + Fraction(1, 2))


def test_lanes_are_priced_by_what_they_meter() -> None:
    assert capability_price(SHEET, 10) == Price(10, 120)
    assert [embeddings_price(SHEET, tokens) for tokens in (0, 1, 250, 251, 1000)] == [0, 1, 1, 2, 4]
    assert [audio_price(SHEET, us) for us in (0, 1, 10_000, 10_001, 60_000_000)] == [0, 1, 1, 2, 6000]
