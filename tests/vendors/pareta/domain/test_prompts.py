from __future__ import annotations

import pytest

from mockserver.vendors.pareta.domain.errors import Refused
from mockserver.vendors.pareta.domain.prompts import rules_of, stated_prompt


@pytest.mark.parametrize(
    ("major", "prompt", "is_strict", "rules"),
    [
        (0, None, False, 0),
        (1, None, False, 1),
        (2, None, False, 2),
        (3, None, False, 3),
        (7, None, False, 3),
        (None, None, False, 3),
        (0, "dates", False, 3),
        (2, "", False, 3),
        (0, None, True, 3),
        (2, None, True, 3),
    ],
)
def test_the_form_comes_before_the_client_and_the_switch_before_both(
    major: int | None, prompt: str | None, is_strict: bool, rules: int
) -> None:
    assert rules_of(major, prompt, is_strict=is_strict) == rules


@pytest.mark.parametrize(
    ("prompt", "intent", "rules", "said"),
    [
        (None, None, 0, None),
        (None, None, 1, None),
        (None, "  dates ", 2, "dates"),
        ("dates\n", None, 3, "dates"),
        ("dates", "names", 3, "dates"),
        (" " * 9 + "x" * 500 + " " * 9, None, 3, "x" * 500),
    ],
)
def test_what_a_set_is_for_is_trimmed(prompt: str | None, intent: str | None, rules: int, said: str | None) -> None:
    assert stated_prompt(prompt, intent, rules) == said


@pytest.mark.parametrize(
    ("prompt", "intent", "rules", "message"),
    [
        (None, None, 2, "intent is required: "),
        (None, " ", 2, "intent is required: "),
        (None, None, 3, "prompt is required: "),
        ("", None, 3, "prompt is required: "),
        ("", "dates", 3, "prompt is required: "),
        (None, "dates", 3, "`intent` was renamed: send `prompt` instead"),
        (None, "dates", 0, "`intent` was renamed: send `prompt` instead"),
        (None, "x" * 501, 2, "prompt must be at most 500 characters"),
        ("x" * 501, None, 3, "prompt must be at most 500 characters"),
    ],
)
def test_what_a_set_is_for_must_be_said_in_the_right_word(
    prompt: str | None, intent: str | None, rules: int, message: str
) -> None:
    with pytest.raises(Refused) as refused:
        stated_prompt(prompt, intent, rules)

    assert str(refused.value).startswith(message)
