from __future__ import annotations

import math
from collections.abc import Mapping
from time import process_time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.vendors.pareta.domain.comparing import normalised
from mockserver.vendors.pareta.domain.predictions import (
    errors,
    misread,
    mistake,
    pick,
    predict,
    rest_of,
    reword,
)
from mockserver.vendors.pareta.domain.scoring import field_f1
from tests.vendors.pareta.domain.samples import always, draws_of, json_values

chances = st.floats(0, 1, exclude_max=True)
TRIALS = 4000


@given(json_values, chances)
def test_a_mistake_is_never_right(value: Any, number: float) -> None:
    assert normalised(mistake(value, number)) != normalised(value)


@given(st.text(max_size=4), st.lists(st.text(max_size=4), max_size=4), chances)
def test_a_confused_label_is_never_the_right_one(value: str, labels: list[str], number: float) -> None:
    assert normalised(mistake(value, number, labels)) != normalised(value)


@given(json_values, st.integers(0, 10**6))
def test_a_flawless_model_is_always_right(value: Any, seed: int) -> None:
    assert predict(value, 1.0, draws_of(seed)) is value


@given(st.dictionaries(st.text("abc", max_size=3), json_values, min_size=1, max_size=4), st.integers(0, 10**6))
def test_a_hopeless_model_gets_no_field_right(value: dict[str, Any], seed: int) -> None:
    answer = predict(value, 0.0, draws_of(seed))

    assert answer.keys() <= value.keys()
    assert all(normalised(answer[name]) != normalised(value[name]) for name in answer)
    assert all(value[name] is not None for name in value.keys() - answer.keys()), "leaving out a null is no mistake"


@given(json_values.filter(lambda value: not isinstance(value, Mapping)), st.integers(0, 10**6))
def test_a_hopeless_model_gets_no_bare_value_right(value: Any, seed: int) -> None:
    assert normalised(predict(value, 0.0, draws_of(seed))) != normalised(value)


@given(json_values, st.floats(0, 1), st.integers(0, 10**6))
def test_the_same_rolls_give_the_same_answer(value: Any, quality: float, seed: int) -> None:
    assert normalised(predict(value, quality, draws_of(seed))) == normalised(predict(value, quality, draws_of(seed)))


@pytest.mark.parametrize("quality", [0.05, 0.5, 0.93, 0.985])
@pytest.mark.parametrize("value", ["2026-01-31", "Acme GmbH", 17.5, True, None, [1, 2], {"deep": "x"}])
def test_each_field_is_right_as_often_as_quality_says(quality: float, value: Any) -> None:
    expected = {"first": value, "second": "other"}
    right = {"first": 0, "second": 0}
    both = 0
    for seed in range(TRIALS):
        answer = predict(expected, quality, draws_of(seed))
        hits = {name for name in expected if normalised(answer.get(name)) == normalised(expected[name])}
        for name in hits:
            right[name] += 1
        both += len(hits) == 2

    for share, probability in ((right["first"], quality), (right["second"], quality), (both, quality**2)):
        # Five standard deviations of the binomial: one false alarm in two million.
        assert abs(share - TRIALS * probability) <= 5 * math.sqrt(TRIALS * probability * (1 - probability))


def test_the_expected_score_is_the_quality_where_nothing_is_left_out() -> None:
    scores = [
        field_f1(predict({"label": "x"}, 0.8, draws_of(seed), ("x", "y")), {"label": "x"}) for seed in range(TRIALS)
    ]

    assert abs(sum(scores) / TRIALS - 0.8) <= 5 * math.sqrt(0.8 * 0.2 / TRIALS)


@pytest.mark.parametrize(
    ("value", "number", "expected"),
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
        ("J20.9", 0.0, "J30.9"),
        ("INV-2291", 0.99, "INV-2290"),
        ("2026-02-03", 0.0, "2026-03-02"),
        ("2026-02-03", 0.75, "2026-03-05"),
        ("2026-01-31", 0.0, "2026-02-01"),
        ("2026-01-31", 0.3, "2026-01-30"),
        ("2026-03-03", 0.0, "2026-03-04"),
        ("1850-05-20", 0.0, "1850"),
        ("9999-12-31", 0.9, "9999"),
        ([1, 2], 0.0, [2]),
        ([1, 2], 0.49, [-1, 2]),
        ([1, 2], 0.6, [1]),
        ([], 0.0, ["2025-06-30"]),
        ({"b": 1, "a": 2}, 0.0, {"b": 1, "a": 3}),
        ({}, 0.0, {"value": "2025-06-30"}),
    ],
)
def test_mistakes_are_the_kind_a_model_makes(value: Any, number: float, expected: Any) -> None:
    assert mistake(value, number) == expected


def test_a_classifier_confuses_labels_with_one_another() -> None:
    labels = ("refund", "other", "billing")

    assert mistake("other", 0.0, labels) == "refund"
    assert mistake("other", 0.99, labels) == "billing"
    assert predict({"label": "other"}, 0.0, always(0.0), labels) == {"label": "refund"}
    assert mistake("other", 0.0, ("Other",)) == "othe"


def test_some_mistakes_leave_the_field_out_unless_it_is_the_only_one() -> None:
    numbers = [0.5 + 0.1 * 0.5, 0.5 + 0.99 * 0.5, 0.1]

    assert predict({"a": "x", "b": "y", "c": "z"}, 0.5, numbers.__getitem__) == {"b": "ys", "c": "z"}
    assert predict({"a": None}, 0.5, always(0.5)) == {"a": "2025-06-30"}
    assert predict({"a": None, "b": "x"}, 0.5, [0.6, 0.1].__getitem__) == {"a": "2025-06-30", "b": "x"}


# What numbers are made of


@given(chances, st.floats(0, 1, exclude_max=True))
def test_what_is_left_of_a_number_is_a_number_again(number: float, bound: float) -> None:
    if number >= bound:
        assert 0 <= rest_of(number, bound) < 1
    chosen, rest = pick(range(7), number)
    assert chosen == int(number * 7)
    assert 0 <= rest < 1


def test_the_last_of_all_numbers_picks_the_last_option() -> None:
    for count in range(1, 2000):
        assert pick(range(count), 1 - 2**-53)[0] == count - 1
    assert rest_of(1 - 2**-53, 0.3) < 1


@pytest.mark.parametrize("quality", [0.0, 0.2, 0.9, 0.99])
def test_each_place_goes_wrong_as_often_as_quality_says_and_says_how(quality: float) -> None:
    count, seeds = 20, 2000
    hits = [0] * count
    hows = []
    for seed in range(seeds):
        found = list(errors(count, quality, draws_of(seed)))
        assert [place for place, _ in found] == sorted({place for place, _ in found})
        for place, how in found:
            hits[place] += 1
            hows.append(how)

    for hit in hits:
        assert abs(hit - seeds * (1 - quality)) <= 5 * math.sqrt(seeds * (1 - quality) * quality) + 1e-9
    assert all(0 <= how < 1 for how in hows)
    assert abs(sum(hows) / len(hows) - 0.5) <= 5 * math.sqrt(1 / 12 / len(hows))


def test_nothing_goes_wrong_where_there_is_nothing_or_no_fault() -> None:
    assert list(errors(0, 0.0, always(0.0))) == []
    assert list(errors(100, 1.0, always(0.999))) == []


@given(st.text(max_size=20), chances)
def test_a_misread_text_has_one_other_digit(text: str, number: float) -> None:
    changed = [n for n, (a, b) in enumerate(zip(text, misread(text, number), strict=True)) if a != b]

    assert len(changed) == any(letter.isdecimal() for letter in text)


# Free texts

PROSE = "The board met on Monday. It approved a budget of 40 million, with two votes against; the move was put off."
CODE = "def total(items):\n    if not items:\n        return 0\n    return sum(n * 2 for n in items)\n"


@given(st.text(max_size=60) | st.sampled_from([PROSE, CODE, "I am not sure.", "pass", "pass\n"]), st.integers(0, 10**6))
def test_a_reworded_text_is_itself_or_another_and_never_nothing(text: str, seed: int) -> None:
    assert reword(text, 1.0, draws_of(seed)) is text
    worst = reword(text, 0.0, draws_of(seed))
    if text:
        assert worst.strip()
        assert normalised(worst) != normalised(text)
    some = reword(text, 0.7, draws_of(seed))
    assert some is text or normalised(some) != normalised(text)


def test_prose_goes_wrong_by_its_parts() -> None:
    told = {reword(PROSE, 0.7, draws_of(seed)) for seed in range(300)}

    assert PROSE in told
    assert any("Monday" not in text and "40 million" in text for text in told), "a sentence is left out"
    assert any("40 million" not in text and " million" in text for text in told), "a figure is wrong"
    assert any("not sure" in text for text in told), "something vague is said instead"


def test_code_goes_wrong_by_its_lines() -> None:
    told = {reword(CODE, 0.7, draws_of(seed)) for seed in range(300)}

    assert any("n + 2" in text for text in told), "an operator is wrong"
    assert any("return 0" not in text and "if not items" in text for text in told), "a line is left out"
    assert any("        pass\n" in text for text in told), "a line does nothing"
    assert all(text.endswith("\n") for text in told)


@pytest.mark.parametrize("part", ["x", " ", "\n", ". ", ", ", "{", "; ", "def ", "1", "=", "\t\n", "a.", "pass\n"])
def test_hostile_texts_are_reworded_in_no_time(part: str) -> None:
    text = part * (200_000 // len(part))
    begun = process_time()

    reword(text, 0.5, draws_of(1))
    mistake(text, 0.5)

    assert process_time() - begun < 5, "a text read again from each of its letters would take minutes"
