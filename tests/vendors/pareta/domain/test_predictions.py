from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.vendors.pareta.domain.predictions import mistake, predict
from mockserver.vendors.pareta.domain.scoring import field_f1, normalised
from tests.vendors.pareta.domain.samples import json_values, rolls_of

chances = st.floats(0, 1, exclude_max=True)
TRIALS = 4000


def constant(number: float) -> Any:
    return lambda _: number


@given(json_values, st.integers(0, 10**6))
def test_a_mistake_is_never_right(value: Any, seed: int) -> None:
    assert normalised(mistake(value, rolls_of(seed))) != normalised(value)


@given(st.text(max_size=4), st.lists(st.text(max_size=4), max_size=4), st.integers(0, 10**6))
def test_a_confused_label_is_never_the_right_one(value: str, labels: list[str], seed: int) -> None:
    assert normalised(mistake(value, rolls_of(seed), labels)) != normalised(value)


@given(json_values, st.integers(0, 10**6))
def test_a_flawless_model_is_always_right(value: Any, seed: int) -> None:
    assert predict(value, 1.0, rolls_of(seed)) == value


@given(st.dictionaries(st.text("abc", max_size=3), json_values, min_size=1, max_size=4), st.integers(0, 10**6))
def test_a_hopeless_model_gets_no_field_right(value: dict[str, Any], seed: int) -> None:
    answer = predict(value, 0.0, rolls_of(seed))

    assert answer.keys() <= value.keys()
    assert all(normalised(answer[name]) != normalised(value[name]) for name in answer)
    assert all(value[name] is not None for name in value.keys() - answer.keys()), "leaving out a null is no mistake"


@given(json_values.filter(lambda value: not isinstance(value, Mapping)), st.integers(0, 10**6))
def test_a_hopeless_model_gets_no_bare_value_right(value: Any, seed: int) -> None:
    assert normalised(predict(value, 0.0, rolls_of(seed))) != normalised(value)


@given(json_values, st.floats(0, 1), st.integers(0, 10**6))
def test_the_same_rolls_give_the_same_answer(value: Any, quality: float, seed: int) -> None:
    assert normalised(predict(value, quality, rolls_of(seed))) == normalised(predict(value, quality, rolls_of(seed)))


@pytest.mark.parametrize("quality", [0.05, 0.5, 0.93, 0.985])
@pytest.mark.parametrize("value", ["2026-01-31", "Acme GmbH", 17.5, True, None, [1, 2], {"deep": "x"}])
def test_each_field_is_right_as_often_as_quality_says(quality: float, value: Any) -> None:
    expected = {"first": value, "second": "other"}
    right = {"first": 0, "second": 0}
    both = 0
    for seed in range(TRIALS):
        answer = predict(expected, quality, rolls_of(seed))
        hits = {name for name in expected if normalised(answer.get(name)) == normalised(expected[name])}
        for name in hits:
            right[name] += 1
        both += len(hits) == 2

    for share, probability in ((right["first"], quality), (right["second"], quality), (both, quality**2)):
        # Five standard deviations of the binomial: one false alarm in two million.
        assert abs(share - TRIALS * probability) <= 5 * math.sqrt(TRIALS * probability * (1 - probability))


def test_the_expected_score_is_the_quality_where_nothing_is_left_out() -> None:
    scores = [
        field_f1(predict({"label": "x"}, 0.8, rolls_of(seed), ("x", "y")), {"label": "x"}) for seed in range(TRIALS)
    ]

    assert abs(sum(scores) / TRIALS - 0.8) <= 5 * math.sqrt(0.8 * 0.2 / TRIALS)


@pytest.mark.parametrize(
    ("value", "roll", "expected"),
    [
        (True, 0.0, False),
        (None, 0.0, "2025-06-30"),
        (0, 0.5, 1),
        (7, 0.0, 8),
        (7, 0.4, 70),
        (7, 0.9, -7),
        (2 * 10**9, 0.0, 4 * 10**9),
        (1e300, 0.0, -1e300),
        ("Acme Labs GmbH", 0.0, "Acme Labs"),
        ("Acme Labs GmbH", 0.8, "Labs GmbH"),
        ("Delaware", 0.0, "Delawar"),
        ("Delaware", 0.6, "Delawares"),
        ("X", 0.0, "Xs"),
        ("", 0.0, "s"),
        ("2026-02-03", 0.0, "2026-03-02"),
        ("2026-02-03", 0.5, "2026-03-05"),
        ("2026-01-31", 0.0, "2026-02-01"),
        ("2026-01-31", 0.3, "2026-01-30"),
        ("2026-03-03", 0.0, "2026-03-04"),
        ("1850-05-20", 0.0, "1850"),
        ("9999-12-31", 0.9, "9999"),
        ([1, 2], 0.0, [1]),
        ([], 0.0, ["2025-06-30"]),
        ({"b": 1, "a": 2}, 0.0, {"b": 1, "a": 3}),
        ({}, 0.0, {"value": "2025-06-30"}),
    ],
)
def test_mistakes_are_the_kind_a_model_makes(value: Any, roll: float, expected: Any) -> None:
    assert mistake(value, constant(roll)) == expected


def test_a_classifier_confuses_labels_with_one_another() -> None:
    labels = ("refund", "other", "billing")

    assert mistake("other", constant(0.0), labels) == "refund"
    assert mistake("other", constant(0.99), labels) == "billing"
    assert predict({"label": "other"}, 0.0, constant(0.0), labels) == {"label": "refund"}
    assert mistake("other", constant(0.0), ("Other",)) == "othe"


def test_some_mistakes_leave_the_field_out_unless_it_is_the_only_one() -> None:
    def roll(name: str) -> float:
        return {"a:right": 0.9, "a:omits": 0.1, "b:right": 0.9, "b:omits": 0.3, "b:which": 0.9, "c:right": 0.1}[name]

    assert predict({"a": "x", "b": "y", "c": "z"}, 0.5, roll) == {"b": "ys", "c": "z"}
    assert predict({"a": None}, 0.5, lambda name: 0.9 if name != "a:omits" else 0.0) == {"a": "2024-11-01"}
