from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.vendors.pareta.domain.panel import LEVELS, PANEL, grade, share_won, verdicts, words_in
from tests.vendors.pareta.domain.samples import always, draws_of

bags = st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 4), max_size=6).map(Counter)
ALL, NONE = (1.0,) * len(PANEL), (0.0,) * len(PANEL)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("The cat, the CAT!", ["the", "the", "cat", "cat"]),
        ({"b": "one two", "a": {"c": ["three", 4]}}, ["one", "two", "three", "4"]),
        (None, ["null"]),
        (True, ["true"]),
        ([], []),
        ("", []),
    ],
)
def test_words_are_those_of_texts_wherever_they_stand(value: Any, words: list[str]) -> None:
    assert words_in(value) == Counter(words)


def test_each_judge_weighs_the_same_rubric_its_own_way() -> None:
    assert all(judge.correct + judge.complete + judge.concise == pytest.approx(1) for judge in PANEL)
    assert len(set(PANEL)) == len(PANEL) >= 3


@pytest.mark.parametrize(
    ("answer", "reference", "correct", "complete", "concise"),
    [
        ("a b c d", "a b", 0.5, 1.0, 0.5),
        ("a", "a b c d", 1.0, 0.25, 0.25),
        ("a b", "a c", 0.5, 0.5, 1.0),
        ("a a a", "a", 1 / 3, 1.0, 1 / 3),
    ],
)
def test_the_rubric_asks_what_is_right_what_is_there_and_at_what_length(
    answer: str, reference: str, correct: float, complete: float, concise: float
) -> None:
    seen = verdicts(words_in(answer), words_in(reference))

    assert seen == pytest.approx(
        [judge.correct * correct + judge.complete * complete + judge.concise * concise for judge in PANEL]
    )


@given(bags, bags)
def test_verdicts_are_full_for_the_same_words_and_none_for_no_shared_ones(
    answer: Counter[str], reference: Counter[str]
) -> None:
    seen = verdicts(answer, reference)

    assert all(0 <= verdict <= 1 for verdict in seen)
    assert verdicts(reference, reference) == ALL
    if not answer & reference and answer != reference:
        assert seen == NONE


@given(bags, bags, st.integers(0, 10**6))
def test_a_grade_is_the_mean_of_levels_near_the_verdicts(
    answer: Counter[str], reference: Counter[str], seed: int
) -> None:
    seen = verdicts(answer, reference)

    given = grade(seen, draws_of(seed))

    assert 0 <= given <= 1
    assert abs(given - sum(seen) / len(seen)) <= 0.15 + 0.5 / LEVELS
    if min(seen) > 0 and max(seen) < 1:
        assert given * LEVELS * len(PANEL) == pytest.approx(round(given * LEVELS * len(PANEL)))


def test_nobody_doubts_the_reference_or_what_has_nothing_of_it() -> None:
    for number in (0.0, 0.5, 0.999):
        assert grade(ALL, always(number)) == 1
        assert grade(NONE, always(number)) == 0


def test_judges_doubt_each_for_himself_and_not_on_average() -> None:
    seen = (0.55, 0.55, 0.55)
    grades = [grade(seen, draws_of(seed)) for seed in range(800)]

    assert len(set(grades)) > 5
    assert abs(sum(grades) / len(grades) - 0.55) < 0.01


# Duels


@given(bags, bags, bags, st.integers(0, 10**6))
def test_what_one_wins_the_other_loses(
    one: Counter[str], other: Counter[str], reference: Counter[str], seed: int
) -> None:
    draw = draws_of(seed)
    a, b = verdicts(one, reference), verdicts(other, reference)

    won = share_won(a, b, draw)

    assert 0 <= won <= 1
    assert won + share_won(b, a, lambda n: 1 - draw(n)) == pytest.approx(1)


@given(bags, bags, st.integers(0, 10**6))
def test_answers_that_look_alike_are_a_tie(answer: Counter[str], reference: Counter[str], seed: int) -> None:
    seen = verdicts(answer, reference)

    assert share_won(seen, seen, draws_of(seed)) == 0.5


@pytest.mark.parametrize(
    ("one", "other", "number", "won"),
    [
        (ALL, NONE, 0.0, 1.0),
        (NONE, ALL, 0.999, 0.0),
        ((0.6,) * 3, (0.5,) * 3, 0.0, 0.0),
        ((0.6,) * 3, (0.5,) * 3, 0.999, 1.0),
        ((0.51,) * 3, (0.5,) * 3, 0.5, 0.5),
        ((0.9, 0.5, 0.1), (0.1, 0.5, 0.9), 0.5, 0.5),
        ((0.9, 0.5, 0.9), (0.1, 0.5, 0.1), 0.5, (1 + 0.5 + 1) / 3),
    ],
)
def test_each_judge_prefers_one_or_calls_a_tie(
    one: tuple[float, ...], other: tuple[float, ...], number: float, won: float
) -> None:
    assert share_won(one, other, always(number)) == pytest.approx(won)
