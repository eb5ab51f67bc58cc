"""Texts made to match, and how long a text may be so that looking for a match ends."""

from __future__ import annotations

import re
import time

import pytest

from mockserver.vendors.pareta.domain.patterns import (
    MAX_TEXT_CHARACTERS,
    Unreadable,
    longest_safe,
    matches,
    parsed,
    texts_matching,
)
from tests.vendors.pareta.domain.samples import rolls_of

PATTERNS = [
    r"^[A-Z]{3}-\d{4}$", "foo", "", "^$", "^(?:a|bc)+$", r"^\+?[1-9]\d{1,14}$", r"^([a-z]+-)*[a-z]+$", "^[^a-z]{5}$",
    "(?i)^abc$", r"^(\d{1,3}\.){3}\d{1,3}$", r"^(?P<x>[ab])\1$", r"^\S+@\S+\.\S+$", "^.{20,}$", "^[\u4e00-\u9fff]+$",
    "^(?!foo)[a-z]{4}$", "^(x)?(?(1)y|z)$", "^(x)?(?(1)y)$", "^(?>ab)c$", r"^[^\x00-\xff]$", r"^\D\W\s\w$", r"^[\D\S]$",
    "^a*?b+?$", "^[^b]$", "^(?i:a)b$", "^(?=a)a$", "^a++b$", "^(?:)*x$", r"^[\d_]{3}\Z", "^(?:a|(?:b|c))d$",
    r"^(?:\w)\B\w$",
]  # fmt: skip


@pytest.mark.parametrize("pattern", PATTERNS)
def test_what_is_made_matches(pattern: str) -> None:
    texts = [text for seed in range(5) for text in texts_matching(pattern, rolls_of(seed))]

    assert texts
    assert sum(re.search(pattern, text) is not None for text in texts) > 0.8 * len(texts)
    assert all(len(text) <= longest_safe(pattern) for text in texts)


def test_repetitions_grow_until_the_text_is_as_long_as_is_safe() -> None:
    lengths = [len(text) for text in texts_matching("^a{2,}$", rolls_of(1))]

    assert lengths == sorted(lengths)
    assert lengths[0] == 2
    assert lengths[-1] > 900
    assert max(len(text) for text in texts_matching("^(?:ab)*$", rolls_of(1))) <= longest_safe("^(?:ab)*$")


def test_a_group_that_was_not_taken_is_empty() -> None:
    assert "" in list(texts_matching(r"^(?:(a))?\1$", rolls_of(1))) or list(
        texts_matching(r"^(?:(a))?\1$", rolls_of(1))
    )


def test_a_class_nothing_ordinary_is_in_gives_a_replacement() -> None:
    assert next(texts_matching(r"[^\x00-\U0010FFFF]", rolls_of(1))) == "\ufffd"


@pytest.mark.parametrize("pattern", ["(", "a{2,1}", "(?<=a+)b", "[z-a]", "*", "a" * 1001])
def test_what_is_no_pattern_is_said_so(pattern: str) -> None:
    for use in (parsed, longest_safe):
        with pytest.raises(Unreadable):
            use(pattern)


@pytest.mark.parametrize(
    ("pattern", "longest"),
    [
        ("abc", MAX_TEXT_CHARACTERS), ("a{3}", MAX_TEXT_CHARACTERS), ("(a+)+$", 24), ("(ab|b)*", 24),
        ("(?:a{2,3}){4}", 24), ("((a+)+|b)", 24), ("(?=(a+)+)", 24), ("(x)?(?(1)(a+)+|b)", 24), ("(?>(a*)*)", 24),
        ("((?:a+)+)?", 24),
    ],
)  # fmt: skip
def test_repetitions_within_repetitions_are_searched_in_short_texts_only(pattern: str, longest: int) -> None:
    assert longest_safe(pattern) == longest


def test_repetitions_in_a_row_shorten_what_is_searched() -> None:
    lengths = [longest_safe("a*" * count + "$") for count in range(1, 9)]

    assert lengths == sorted(lengths, reverse=True)
    assert lengths[0] > 1000
    assert lengths[-1] > 8


@pytest.mark.parametrize(
    "pattern", ["(a+)+$", "(ab?|a)*$", "(a*)*$", "a*a*a*a*a*a*$", "(a?){20}$", "(.*)(.*)(.*)(.*)(.*)x"]
)
@pytest.mark.parametrize("length", [10, 24, 60, 400, 4000])
def test_no_search_goes_on_for_long(pattern: str, length: int) -> None:
    start = time.perf_counter()

    matches(pattern, "a" * length + "!")

    assert time.perf_counter() - start < 5


def test_a_match_may_be_anywhere() -> None:
    assert matches("b", "abc")
    assert not matches("^b", "abc")


def test_what_a_later_python_may_read_otherwise_is_taken_as_it_is() -> None:
    assert matches("[[a]", "[")
