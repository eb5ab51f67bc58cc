from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.kernel.ids import Draws
from mockserver.vendors.pareta.domain.transcripts import transcript, word_count

SECOND = 1_000_000


def text_of(duration_us: int, seed: int = 1) -> str:
    draws = Draws(seed)
    return transcript(duration_us, draws.uniform)


@pytest.mark.parametrize(
    ("duration_us", "words"),
    [(0, 0), (199_999, 0), (200_000, 1), (599_999, 1), (600_000, 2), (SECOND, 3), (4 * SECOND, 10), (60 * SECOND, 150)],
)
def test_two_and_a_half_words_fill_a_second(duration_us: int, words: int) -> None:
    assert word_count(duration_us) == words
    assert len(text_of(duration_us).split()) == words


@given(words=st.integers(0, 200), seed=st.integers(0, 50))
def test_a_transcript_has_exactly_as_many_words_as_fit_in_whole_sentences(words: int, seed: int) -> None:
    text = text_of(words * 400_000, seed)

    assert len(text.split()) == words
    assert re.fullmatch(r"([A-Z][a-z', A-Z]*\.( (?=[A-Z])|$))*", text)


@given(low=st.sampled_from([0.0, 0.5, 1 - 2**-53]), words=st.integers(0, 60))
def test_any_roll_makes_a_sentence(low: float, words: int) -> None:
    assert len(transcript(words * 400_000, lambda _: low).split()) == words


def test_the_same_rolls_say_the_same_and_others_something_else() -> None:
    assert text_of(30 * SECOND) == text_of(30 * SECOND)
    assert len({text_of(30 * SECOND, seed) for seed in range(20)}) == 20
