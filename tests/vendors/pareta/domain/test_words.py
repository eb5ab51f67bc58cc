from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.vendors.pareta.domain.words import MAX_TOKENS, cut, stem_of, word, words
from tests.vendors.pareta.domain.samples import valid


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        (" \n\t", []),
        ("Hello, World!", ["hello", ",", "world", "!"]),
        ("state's", ["state", "'", "s"]),
        ("max_tokens=5", ["max", "_", "tokens", "=", "5"]),
        ("EUR 12.50", ["eur", "12", ".", "50"]),
        ("Straße ﬁne ①", ["strasse", "fine", "1"]),
        ("法律 law", ["法", "律", "law"]),
        ("ok🙂", ["ok", "🙂"]),
        ("a" * 70, ["a" * 32, "a" * 32, "a" * 6]),
    ],
)
def test_words_are_runs_of_letters_and_figures_and_every_sign_is_one(text: str, expected: list[str]) -> None:
    assert words(text) == expected


@given(st.text(valid, max_size=3_000))
def test_what_is_beyond_512_tokens_does_not_count(text: str) -> None:
    assert cut(text) == text[: 4 * MAX_TOKENS]
    assert words(text) == words(text[: 4 * MAX_TOKENS])
    assert len(words(text)) <= MAX_TOKENS
    assert all(0 < len(each) <= 32 and not each.isspace() for each in words(text))


def test_a_word_is_a_token_at_least() -> None:
    assert words("a " * 600) == ["a"] * MAX_TOKENS


@pytest.mark.parametrize(
    "forms",
    [
        "govern governs governed governing government governments",
        "terminate terminates terminated terminating termination",
        "refund refunds refunded refundable",
        "agree agreed agreement agreements",
        "policy policies",
        "company companies",
        "retry retries retried",
        "cancel cancels cancelled cancelling cancellation",
        "box boxes",
        "church churches",
        "dish dishes",
        "class classes",
        "invoice invoices invoiced invoicing",
        "relate relates related relating relation relations",
        "authorize authorization",
        "happy happily happiness",
        "limit limits limited",
    ],
)
def test_forms_of_a_word_have_one_stem(forms: str) -> None:
    assert len({stem_of(form) for form in forms.split()}) == 1


@pytest.mark.parametrize(
    "text", ["string", "ring", "bed", "us", "gas", "this", "status", "2026", "née", "法", "q4", ""]
)
def test_what_has_no_ending_to_lose_stays(text: str) -> None:
    assert stem_of(text) == text


@given(st.text("abeginrstuyzls", max_size=14))
def test_a_stem_is_never_longer_and_never_nothing(text: str) -> None:
    stem = stem_of(text)
    assert len(stem) <= len(text)
    assert bool(stem) == bool(text)


@pytest.mark.parametrize(
    ("one", "other", "are_kin"),
    [
        ("contract", "agreement", True),
        ("refunds", "reimbursement", True),
        ("yearly", "annual", True),
        ("thirty", "30", True),
        ("contract", "contrast", False),
        ("law", "lawn", False),
    ],
)
def test_words_that_mean_nearly_the_same_are_kin(one: str, other: str, are_kin: bool) -> None:
    assert (word(one).family == word(other).family) is are_kin


def test_words_weigh_what_they_say() -> None:
    texts = ("the", "?", "make", "law", "contract", "confidentiality", "2026")
    assert [round(word(text).weight, 2) for text in texts] == [0, 0, 0.3, 0.68, 0.98, 1, 1]


def test_the_ends_of_a_word_are_in_its_groups_of_letters() -> None:
    assert word("law").grams == {"<la", "law", "aw>"}
    assert word("a").grams == {"<a>"}
    assert word(",").grams == frozenset()
