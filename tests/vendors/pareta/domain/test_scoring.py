from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from mockserver.vendors.pareta.domain.scoring import SCORERS, exact_match, field_f1, likeness, statement_match
from tests.vendors.pareta.domain.samples import json_values


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


@given(json_values, json_values)
def test_a_score_lies_in_the_unit_interval_and_is_the_same_both_ways(one: Any, other: Any) -> None:
    for score in (field_f1, exact_match):
        assert 0 <= score(one, other) <= 1
        assert score(one, other) == pytest.approx(score(other, one))
        assert score(one, one) == 1


@pytest.mark.parametrize("name", sorted(SCORERS))
@given(prediction=json_values, expected=json_values)
def test_scores_lie_in_the_unit_interval_and_the_right_answer_gets_a_full_one(
    name: str, prediction: Any, expected: Any
) -> None:
    score = SCORERS[name]

    assert 0 <= score(prediction, expected) <= 1
    assert score(expected, expected) == 1


def test_single_answers_are_scored_plainly() -> None:
    assert statement_match({"sql": "select 1"}, "SELECT 1;") == 1
    assert statement_match("SELECT 2", "SELECT 1") == 0
    assert likeness("a b", "a b") == 1
    assert 0.4 < likeness("a c", "a b") < 0.7
