from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.vendors.pareta.domain.word_errors import MAX_WORDS, edits, mishear, word_accuracy, words_of
from tests.vendors.pareta.domain.samples import always, draws_of

words = st.lists(st.sampled_from(["a", "b", "c"]), max_size=5)


def edits_by_definition(given: Sequence[str], wanted: Sequence[str]) -> int:
    """Edit distance by its definition, without a table."""
    if not given or not wanted:
        return len(given) + len(wanted)
    return min(
        edits_by_definition(given[1:], wanted) + 1,
        edits_by_definition(given, wanted[1:]) + 1,
        edits_by_definition(given[1:], wanted[1:]) + (given[0] != wanted[0]),
    )


def edits_by_table(given: Sequence[str], wanted: Sequence[str]) -> int:
    """Edit distance by the textbook's table, row by row."""
    row = list(range(len(wanted) + 1))
    for i, word in enumerate(given, 1):
        before, row[0] = row[0], i
        for j, other in enumerate(wanted, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (word != other))
    return row[-1]


@given(words, words)
def test_the_edits_between_texts_are_the_fewest_there_are(given: list[str], wanted: list[str]) -> None:
    assert edits(given, wanted) == edits_by_definition(given, wanted) == edits(wanted, given)


@given(st.integers(0, 10**6), st.integers(0, 90), st.integers(0, 90))
def test_longer_texts_than_a_machine_word_too(seed: int, one: int, other: int) -> None:
    rng = random.Random(seed)
    given, wanted = ([rng.choice("abcdefgh") for _ in range(count)] for count in (one, other))

    assert edits(given, wanted) == edits_by_table(given, wanted)


@pytest.mark.parametrize(
    ("prediction", "expected", "score"),
    [
        ("please call back", "Please call back.", 1.0),
        ("please call", "please call back", 2 / 3),
        ("please do call back", "please call back", 2 / 3),
        ("please tall back", "please call back", 2 / 3),
        ("", "please", 0.0),
        ("a b c d e", "x", 0.0),
        ("", "", 1.0),
        ("...", "", 1.0),
        ("it's four o'clock", "It\u2019s four o'clock", 2 / 3),
        ({"text": "a  b"}, "A b", 1.0),
        ({"text": "a b"}, {"transcript": "a c"}, 0.5),
    ],
)
def test_accuracy_is_one_minus_edits_per_expected_word(prediction: object, expected: object, score: float) -> None:
    assert word_accuracy(prediction, expected) == pytest.approx(score)


def test_very_long_transcripts_are_compared_up_to_a_bound() -> None:
    transcript = [f"word{n}" for n in range(2 * MAX_WORDS)]

    assert len(words_of(" ".join(transcript))) == MAX_WORDS
    assert word_accuracy(" ".join(transcript[:-1]), " ".join(transcript)) == 1
    assert word_accuracy(" ".join(transcript[1:]), " ".join(transcript)) == pytest.approx(1 - 2 / MAX_WORDS)


SAID = "please call me back about their delivery of two boxes on friday " * 20


@pytest.mark.parametrize("quality", [0.6, 0.9, 0.97])
def test_words_are_misheard_as_often_as_quality_says(quality: float) -> None:
    scores = [word_accuracy(mishear(SAID, quality, draws_of(seed)), SAID) for seed in range(150)]

    assert abs(sum(scores) / len(scores) - quality) < 0.015


@given(st.text(max_size=30), st.integers(0, 10**6))
def test_a_flawless_listener_hears_what_was_said(text: str, seed: int) -> None:
    assert mishear(text, 1.0, draws_of(seed)) is text


def test_what_is_heard_instead_sounds_alike_is_missed_or_was_not_said() -> None:
    assert mishear("Their two boxes", 0.0, always(0.9)) == "there twu buxis"
    heard = {mishear("over to them", 0.5, draws_of(seed)) for seed in range(200)}
    assert {"over two them", "over them", "over to them", "uvir to them"} <= heard
    assert any(filler in text for text in heard for filler in ("uh", "um", "well"))
    assert mishear("mmm 12", 0.0, always(0.9)) == "mmms 12s"
