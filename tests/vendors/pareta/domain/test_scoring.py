from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.vendors.pareta.domain.predictions import predict
from mockserver.vendors.pareta.domain.scoring import (
    SCORERS,
    Estimate,
    exact_match,
    field_f1,
    headline,
    macro_f1,
    normalised,
    token_f1,
    wilson,
    word_accuracy,
)
from tests.vendors.pareta.domain.samples import json_values, rolls_of

# Intervals


@pytest.mark.parametrize(
    ("mean", "count", "low", "high"),
    [
        # The Wilson interval as tabulated in textbooks, to four places.
        (0.5, 10, 0.2366, 0.7634),
        (0.0, 10, 0.0, 0.2775),
        (1.0, 10, 0.7225, 1.0),
        (0.9, 100, 0.8256, 0.9448),
    ],
)
def test_wilson_vectors(mean: float, count: int, low: float, high: float) -> None:
    estimate = wilson(mean, count)

    assert estimate.mean == mean
    assert estimate.low == pytest.approx(low, abs=5e-5)
    assert estimate.high == pytest.approx(high, abs=5e-5)


@given(st.floats(0.001, 0.999), st.integers(1, 10**5))
def test_the_bounds_are_where_the_mean_is_just_plausible(mean: float, count: int) -> None:
    """By Wilson's definition: a true share lies 1.96 of its own standard errors away from the mean."""
    estimate = wilson(mean, count)

    for share in (estimate.low, estimate.high):
        assert abs(mean - share) == pytest.approx(1.95996398454 * math.sqrt(share * (1 - share) / count), abs=1e-9)


def test_without_scores_nothing_is_known() -> None:
    assert wilson(0.7, 0) == Estimate(0.0, 0.0, 1.0)
    assert headline("field_f1", [], [], []) == Estimate(0.0, 0.0, 1.0)


@given(st.floats(0, 1), st.integers(1, 10**6))
def test_an_interval_holds_its_mean_and_stays_in_the_unit_interval(mean: float, count: int) -> None:
    estimate = wilson(mean, count)

    assert 0 <= estimate.low <= estimate.mean <= estimate.high <= 1
    assert estimate.low < estimate.high


@given(st.floats(0, 1), st.integers(1, 10**5))
def test_more_scores_make_the_interval_narrower(mean: float, count: int) -> None:
    few, many = wilson(mean, count), wilson(mean, 4 * count)

    assert many.high - many.low < few.high - few.low


@pytest.mark.parametrize("quality", [0.5, 0.88, 0.93])
@pytest.mark.parametrize("count", [20, 87, 200])
def test_the_interval_covers_the_true_quality_of_right_or_wrong_answers(quality: float, count: int) -> None:
    rng = random.Random(f"{quality}/{count}")
    runs = 4000
    covered = 0
    for _ in range(runs):
        estimate = wilson(sum(rng.random() < quality for _ in range(count)) / count, count)
        covered += estimate.low <= quality <= estimate.high

    # The binomial is discrete, so that the coverage swings around its nominal 95%; these are the known bounds
    # for these counts, and 4000 runs blur them by at most one point.
    assert 0.92 <= covered / runs <= 0.98


@pytest.mark.parametrize("quality", [0.7, 0.9])
@pytest.mark.parametrize("count", [20, 87])
def test_the_interval_covers_the_true_quality_of_partly_right_answers(quality: float, count: int) -> None:
    expected = {
        "effective_date": "2026-01-31",
        "party_a": "Acme GmbH",
        "party_b": "Orchard LLC",
        "governing_law": "Ohio",
    }
    pool = [field_f1(predict(expected, quality, rolls_of(seed)), expected) for seed in range(20_000)]
    truth = sum(pool) / len(pool)
    rng = random.Random(f"{quality}/{count}")
    runs = 2000
    covered = 0
    for _ in range(runs):
        estimate = wilson(sum(rng.choices(pool, k=count)) / count, count)
        covered += estimate.low <= truth <= estimate.high

    assert covered / runs >= 0.95


# Normalising


@pytest.mark.parametrize(
    ("value", "other"),
    [
        ("  Acme   GmbH\n", "acme gmbh"),
        ("STRASSE", "stra\u00dfe"),
        (1, 1.0),
        (0.1 + 0.2, 0.3),
        ({"b": 1, "a": " X"}, {"a": "x", "b": 1.0}),
        ([1, "A"], [1.0, "a"]),
        ((1,), [1]),
    ],
)
def test_form_does_not_matter(value: Any, other: Any) -> None:
    assert normalised(value) == normalised(other)


@pytest.mark.parametrize(
    ("value", "other"),
    [
        ("acme", "acme gmbh"),
        (1, 2),
        (True, 1),
        (None, ""),
        (False, 0),
        ([1, 2], [2, 1]),
        ({"a": 1}, {"b": 1}),
        ([], {}),
    ],
)
def test_content_matters(value: Any, other: Any) -> None:
    assert normalised(value) != normalised(other)


# Scorers


@pytest.mark.parametrize(
    ("prediction", "expected", "score"),
    [
        ({"a": "x", "b": "y"}, {"a": "x", "b": "y"}, 1.0),
        ({"a": "X ", "b": "z"}, {"a": "x", "b": "y"}, 0.5),
        ({"a": "x"}, {"a": "x", "b": "y"}, 2 / 3),
        ({"a": "x", "b": "y", "c": "z"}, {"a": "x"}, 0.5),
        ({"a": "x", "b": None}, {"a": "x"}, 1.0),
        ({"a": None}, {"a": "x"}, 0.0),
        ({}, {}, 1.0),
        (None, {}, 1.0),
        ({}, {"a": None}, 1.0),
        ({"a": "made up"}, {"a": None}, 0.0),
        ({}, {"a": "x"}, 0.0),
        ("x", "X", 1.0),
        ("x", "y", 0.0),
        ("x", {"a": "x"}, 0.0),
        (None, "x", 0.0),
    ],
)
def test_field_f1(prediction: Any, expected: Any, score: float) -> None:
    assert field_f1(prediction, expected) == pytest.approx(score)


@pytest.mark.parametrize(
    ("prediction", "expected", "score"),
    [
        ("J20.9", "j20.9", 1.0),
        ({"code": "J20.9"}, "J20.9", 1.0),
        ({"code": "J20.9"}, {"icd": "J20.9"}, 1.0),
        ("J20.8", "J20.9", 0.0),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, 1.0),
        (None, "null", 1.0),
    ],
)
def test_exact_match(prediction: Any, expected: Any, score: float) -> None:
    assert exact_match(prediction, expected) == score


@pytest.mark.parametrize(
    ("prediction", "expected", "score"),
    [
        ("the cat sat", "The cat, sat!", 1.0),
        ("the cat", "the dog", 0.5),
        ("the the", "the", 2 / 3),
        ("", "", 1.0),
        ("", "x", 0.0),
        ({"response": "a b c d"}, {"response": "a b"}, 2 / 3),
    ],
)
def test_token_f1(prediction: Any, expected: Any, score: float) -> None:
    assert token_f1(prediction, expected) == pytest.approx(score)


words = st.lists(st.sampled_from(["a", "b", "c"]), max_size=7)


def edits(given: Sequence[str], wanted: Sequence[str]) -> int:
    """Edit distance by its definition, without a table."""
    if not given or not wanted:
        return len(given) + len(wanted)
    return min(
        edits(given[1:], wanted) + 1,
        edits(given, wanted[1:]) + 1,
        edits(given[1:], wanted[1:]) + (given[0] != wanted[0]),
    )


@given(words.filter(lambda w: len(w) < 6), words.filter(lambda w: len(w) < 6))
def test_word_accuracy_is_one_minus_the_word_error_rate(given: list[str], wanted: list[str]) -> None:
    rate = edits(given, wanted) / max(1, len(wanted))

    assert word_accuracy(" ".join(given), {"text": "  ".join(wanted).upper()}) == pytest.approx(max(0.0, 1 - rate))


def test_long_transcripts_that_differ_little_are_compared_in_no_time() -> None:
    transcript = [f"word{n}" for n in range(100_000)]

    assert word_accuracy(" ".join(transcript[1:]), " ".join(transcript)) == pytest.approx(1 - 1e-5)
    assert word_accuracy(" ".join(transcript), " ".join(transcript[:-1])) == pytest.approx(1 - 1 / 99_999)


def macro_f1_by_hand(given: Sequence[str], wanted: Sequence[str]) -> float:
    """Precision and recall per label, counted one answer at a time."""
    scores = []
    for label in set(given) | set(wanted):
        right = wrong = missed = 0
        for g, w in zip(given, wanted, strict=True):
            right += g == label and w == label
            wrong += g == label and w != label
            missed += g != label and w == label
        precision = right / (right + wrong) if right + wrong else 0.0
        recall = right / (right + missed) if right + missed else 0.0
        scores.append(2 * precision * recall / (precision + recall) if precision + recall else 0.0)
    return sum(scores) / len(scores) if scores else 0.0


pairs = st.lists(st.tuples(*[st.sampled_from(["a", "b", "c", "d"])] * 2), max_size=30)


@given(pairs)
def test_macro_f1_is_the_mean_of_the_labels_f1(answers: list[tuple[str, str]]) -> None:
    given, wanted = [g for g, _ in answers], [w for _, w in answers]
    spelled: list[Any] = [{"label": w.upper()} if n % 2 else w for n, w in enumerate(wanted)]

    assert macro_f1(given, spelled) == pytest.approx(macro_f1_by_hand(given, wanted))


def test_macro_f1_weighs_rare_labels_like_common_ones() -> None:
    assert macro_f1(["a"] * 10, ["a"] * 9 + ["b"]) == pytest.approx((18 / 19 + 0) / 2)


@pytest.mark.parametrize("name", sorted(SCORERS))
@given(prediction=json_values, expected=json_values)
def test_scores_lie_in_the_unit_interval_and_the_right_answer_gets_a_full_one(
    name: str, prediction: Any, expected: Any
) -> None:
    score = SCORERS[name]

    assert 0 <= score(prediction, expected) <= 1
    assert score(expected, expected) == 1


@pytest.mark.parametrize(
    ("scorer", "mean"), [("field_f1", 0.75), ("exact_match", 0.75), ("macro_f1", (2 / 3 + 0.8) / 2)]
)
def test_the_headline_is_the_mean_score_or_the_sets_macro_f1(scorer: str, mean: float) -> None:
    given, wanted = ["a", "b", "b", "b"], ["a", "a", "b", "b"]

    estimate = headline(scorer, given, wanted, [1.0, 0.0, 1.0, 1.0])

    assert estimate.mean == pytest.approx(mean)
    assert (estimate.low, estimate.high) == pytest.approx((wilson(mean, 4).low, wilson(mean, 4).high))
    assert math.isclose(macro_f1_by_hand(given, wanted), (2 / 3 + 0.8) / 2)
