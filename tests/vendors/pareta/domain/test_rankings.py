from __future__ import annotations

import math
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.vendors.pareta.domain.rankings import gain_of, misorder, ndcg_at_10, numbers_of
from tests.vendors.pareta.domain.samples import draws_of

grades = st.lists(st.integers(0, 3) | st.floats(0, 5), max_size=15)


def ndcg_by_definition(scores: list[float], wanted: list[float]) -> float:
    """Every order tried for the best one, positions counted from 1 as in the literature."""

    def dcg(order: list[int]) -> float:
        return sum(wanted[place] / math.log2(rank + 1) for rank, place in enumerate(order[:10], 1))

    best = max((dcg(list(order)) for order in permutations(range(len(wanted)))), default=0.0)
    ranked = sorted(range(len(wanted)), key=lambda place: (-scores[place], place))
    return dcg(ranked) / best if best else 1.0


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3)), max_size=6))
def test_ndcg_is_the_gain_over_the_best_orders_gain(pairs: list[tuple[int, int]]) -> None:
    scores, wanted = [float(s) for s, _ in pairs], [float(w) for _, w in pairs]

    assert ndcg_at_10(scores, wanted) == pytest.approx(ndcg_by_definition(scores, wanted))


@pytest.mark.parametrize(
    ("scores", "wanted", "score"),
    [
        # Worked out with log2: 1, 0.63093, 0.5, 0.43068.
        ([3, 2, 1], [3, 2, 1], 1.0),
        ([1, 2, 3], [3, 2, 1], (1 + 2 * 0.6309298 + 3 * 0.5) / (3 + 2 * 0.6309298 + 0.5)),
        ([0.1, 0.9], [1, 0], 0.6309298),
        ([0.5, 0.5], [0, 1], 0.6309298),
        ([0.5, 0.5], [1, 0], 1.0),
        ([0, 0, 0, 1], [1, 0, 0, 0], 0.6309298),
        ([1, 2], [0, 0], 1.0),
        ([], [1], 0.0),
        ([9], [0, 1], 0.0),
        ([1] * 10 + [0], [0] * 10 + [1], 0.0),
        ([1, 0], [-1, 2], 0.6309298),
    ],
)
def test_ndcg_vectors(scores: list[float], wanted: list[float], score: float) -> None:
    assert ndcg_at_10(scores, wanted) == pytest.approx(score)


@pytest.mark.parametrize(
    "value",
    [
        [2, 0, 1],
        {"relevance": [2, 0, 1]},
        {"relevance": [2, 0, 1], "note": "by hand"},
        {"0": 2, "2": 1},
        {"doc-a": 2, "doc-b": 0, "doc-c": 1},
        [{"index": 0, "relevance_score": 2}, {"index": 2, "relevance_score": 1}],
        {"results": [{"grade": 2}, {"grade": 0}, {"grade": 1}]},
        [True + True, False, True],
    ],
)
def test_numbers_are_read_in_every_likely_form(value: Any) -> None:
    assert numbers_of(value) == [2, 0, 1]


@pytest.mark.parametrize(
    ("value", "numbers"),
    [
        ("text", []),
        (None, []),
        (5, []),
        ({}, []),
        ([None, "x", 1e305, 3], [0, 0, 0, 3]),
        ([{"index": 1}], [0, 0]),
        ({"99999999": 1}, [1]),
        ({"0": 1}, [1]),
    ],
)
def test_what_is_no_number_counts_as_nothing(value: Any, numbers: list[float]) -> None:
    assert numbers_of(value) == numbers


@given(grades, st.integers(0, 10**6))
def test_scores_are_distinct_and_a_flawless_model_orders_best(wanted: list[float], seed: int) -> None:
    scores = misorder(wanted, 1.0, draws_of(seed))

    assert len(set(scores)) == len(wanted)
    assert all(0 < score < 1 for score in scores)
    assert gain_of(scores, wanted) == pytest.approx(1)
    assert 0 <= gain_of(misorder(wanted, 0.3, draws_of(seed)), wanted) <= 1


@pytest.mark.parametrize("quality", [0.83, 0.9, 0.97])
@pytest.mark.parametrize("wanted", [[2, 0, 1], [1, 0, 0, 0, 0, 0, 0, 0], [3, 2, 2, 1, 1, 0, 0, 0, 0, 0, 0, 0]])
def test_the_gain_of_a_models_order_is_its_quality_on_average(wanted: list[float], quality: float) -> None:
    gains = [gain_of(misorder(wanted, quality, draws_of(seed)), wanted) for seed in range(1500)]

    spread = math.sqrt(sum((gain - quality) ** 2 for gain in gains)) / len(gains)
    assert abs(sum(gains) / len(gains) - quality) <= 5 * spread


def test_a_hopeless_model_orders_blindly() -> None:
    wanted = [3.0, 2.0, 1.0, 0.0]
    orders = {tuple(misorder(wanted, 0.0, draws_of(seed))) for seed in range(600)}
    gains = [gain_of(list(order), wanted) for order in permutations([1.0, 2.0, 3.0, 4.0])]
    blind = [gain_of(misorder(wanted, 0.0, draws_of(seed)), wanted) for seed in range(600)]

    assert len(orders) == 24
    assert abs(sum(blind) / 600 - sum(gains) / 24) < 0.02
