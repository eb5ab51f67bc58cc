from __future__ import annotations

import re
from itertools import islice

from hypothesis import given
from hypothesis import strategies as st

from mockserver.kernel.ids import Draws, fingerprint


def test_one_seed_gives_one_answer_whatever_was_drawn_before() -> None:
    fresh, used = Draws(7), Draws(7)

    for counter in range(50):
        used.bits("something else", "", counter)

    assert used.token("id", "cus", 3) == fresh.token("id", "cus", 3)


@given(st.permutations(range(6)))
def test_order_of_draws_changes_nothing(order: list[int]) -> None:
    drawn = {counter: Draws(7).uniform("latency", "ep_1", counter) for counter in order}

    assert drawn == {counter: Draws(7).uniform("latency", "ep_1", counter) for counter in range(6)}


def test_every_part_of_the_key_matters() -> None:
    draws = Draws(7)
    seen = {
        draws.bits("a", "b", 0),
        draws.bits("a", "b", 1),
        draws.bits("a", "c", 0),
        draws.bits("ab", "", 0),
        Draws(8).bits("a", "b", 0),
    }

    assert len(seen) == 5


def test_ten_thousand_identifiers_differ() -> None:
    draws = Draws(0)

    assert len({draws.token("id", "evt", n) for n in range(10_000)}) == 10_000


def test_tokens_are_letters_and_digits_of_the_asked_length() -> None:
    token = Draws(7).token("id", length=64)

    assert len(token) == 64
    assert token.isascii()
    assert token.isalnum()


def test_uniform_draws_fill_the_unit_interval_evenly() -> None:
    draws = Draws(7)
    values = [draws.uniform("x", "", n) for n in range(4000)]

    assert all(0 <= value < 1 for value in values)
    assert abs(sum(values) / 4000 - 0.5) < 0.02


def test_fingerprint_tells_where_parts_end() -> None:
    assert fingerprint("ab", "c") != fingerprint("a", "bc")
    assert fingerprint("ab", b"c") == fingerprint(b"ab", "c")


@given(st.integers(0, 300), st.integers(0, 300), st.integers(0, 300))
def test_a_series_of_tokens_is_the_same_however_it_is_cut(start: int, first: int, second: int) -> None:
    draws = Draws(7)
    middle, end = start + first, start + first + second

    whole = draws.tokens("ids", "evt", start, end)

    assert draws.tokens("ids", "evt", start, middle) + draws.tokens("ids", "evt", middle, end) == whole
    assert len(set(whole)) == first + second
    assert all(re.fullmatch("[0-9A-Za-z]{16}", token) for token in whole)
    assert not whole or draws.tokens("ids", "cus", start, end) != whole
    assert list(islice(draws.tokens_from("ids", "evt", start), len(whole))) == whole
