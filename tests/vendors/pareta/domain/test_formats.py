"""Texts of JSON Schema's formats, and words of names."""

from __future__ import annotations

import pytest
from jsonschema import Draft202012Validator

from mockserver.vendors.pareta.domain.formats import FORMATS, holds, phrase, words_of
from tests.vendors.pareta.domain.samples import rolls_of

CHECKER = Draft202012Validator.FORMAT_CHECKER


@pytest.mark.parametrize("name", FORMATS)
def test_what_is_made_has_its_format(name: str) -> None:
    texts = {FORMATS[name](rolls_of(seed)) for seed in range(50)}

    assert len(texts) > 5
    for text in texts:
        assert holds(name, text)
        assert CHECKER.conforms(text, name)


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("date", "2026-02-28", True), ("date", "2026-02-30", False), ("date", "20260228", False),
        ("time", "23:59:59Z", True), ("time", "23:59:59", False), ("time", "23:59:59+01:00", True),
        ("date-time", "2026-02-28T00:00:00.5Z", True), ("date-time", "2026-02-28 00:00", False),
        ("duration", "P1D", True), ("duration", "P", False), ("duration", "PT", False), ("duration", "PT1H30M", True),
        ("duration", "P2W", True), ("email", "a@example.com", True), ("email", "a b@example.com", False),
        ("hostname", "a-b.example", True), ("hostname", "-a", False), ("ipv4", "192.0.2.255", True),
        ("ipv4", "192.0.2.256", False), ("ipv4", "192.0.2", False), ("uri", "https://example.com/a?b#c", True),
        ("uri", "/a", False), ("uri-reference", "/a", True), ("uuid", "123e4567-e89b-42d3-a456-426614174000", True),
        ("uuid", "123e4567", False), ("json-pointer", "/a~1b/0", True), ("json-pointer", "a", False),
        ("relative-json-pointer", "0#", True), ("relative-json-pointer", "-1", False), ("unheard-of", "anything", True),
    ],
)  # fmt: skip
def test_formats_are_told_apart(name: str, text: str, expected: bool) -> None:
    assert holds(name, text) is expected


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("due_date", ["due", "date"]), ("dueDate", ["due", "date"]), ("Due date", ["due", "date"]), ("ID", ["id"]),
        ("customerID2", ["customer", "id", "2"]), ("", []), ("\u00fcber_maß", ["\u00fc", "ber", "ma", "ß"]),
    ],
)  # fmt: skip
def test_names_are_made_of_words(name: str, words: list[str]) -> None:
    assert words_of(name) == words


def test_phrases_speak_of_the_name_and_are_numbered_in_the_end() -> None:
    assert phrase("due_date", rolls_of(1)).endswith(" due date")
    assert phrase("", rolls_of(1), 3).endswith(" value 3")
