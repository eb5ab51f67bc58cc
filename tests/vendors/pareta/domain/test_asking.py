"""What prompts ask for."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.vendors.pareta.domain.asking import asked, diagnoses, found, label_for, passage_of
from mockserver.vendors.pareta.domain.structured import Field

LABELS = "card_arrival, card_not_working, other"
MODERATION = """You are a content-moderation classifier. Label the text with exactly one of:
hate \u2014 demeans or attacks a group of people
offensive \u2014 insulting toward an individual
neither \u2014 none of the above
Reply with the label only \u2014 one lowercase word, no punctuation."""


@pytest.mark.parametrize(
    ("last", "instructions", "form"),
    [
        ("Explain JSON to me", "", "chat"),
        ("What is SQL?", "", "chat"),
        ("Is one of them right?", "", "chat"),
        ("hello", "", "chat"),
        ("", "", "chat"),
        ("Which label is best", "", "chat"),
        ("What is a function?", "", "chat"),
        ("Summarize this.", "", "chat"),
        ("What do you think of class?", "", "chat"),
        ("Return the total as JSON", "", "fields"),
        ("Invoice 5", "Respond in JSON.", "fields"),
        ("My card never came", f"Classify into one label: {LABELS}.", "label"),
        ("Write a SQL query that counts users", "", "sql"),
        ("CREATE TABLE a (b INT); how many?", "", "sql"),
        ("how many users?", "Translate questions to SQL.", "sql"),
        ("write me a query for it", "", "sql"),
        ("select the best", "You write SQL", "chat"),
        ("Write a Python function that adds", "", "code"),
        ("def f(x):", "", "code"),
        ("Implement a class for it", "", "code"),
        ("Summarize: A. B. C. D.", "", "summary"),
        ("One. Two. Three. Four.", "Give a summary.", "summary"),
    ],
)
def test_plain_requests_are_told_from_questions(last: str, instructions: str, form: str) -> None:
    assert asked(last, instructions).form == form


def test_long_prompts_are_understood_too() -> None:
    assert asked("x " * 5000 + "Return JSON: total").form == "fields"


# Fields


@pytest.mark.parametrize(
    ("text", "names", "is_list"),
    [
        ('Extract {"vendor", "total"} as JSON.', ["vendor", "total"], False),
        ("Return {vendor, total} as JSON.", ["vendor", "total"], False),
        ("Return JSON like {'a', 'b'}", ["a", "b"], False),
        ('Return JSON: {"a": "", "b": 0}', ["a", "b"], False),
        ('Return JSON: {"type": "object", "properties": {"x": {"type": "integer"}}}', ["x"], False),
        ('Return JSON: {"properties": 5}', ["properties"], False),
        ("Return JSON with fields name, age and city: Kim, 5, Oslo", ["name", "age", "city"], False),
        ("Return valid JSON with keys `a`; `b`.", ["a", "b"], False),
        ('Return a JSON array of {"code", "name"} objects', ["code", "name"], True),
        ("Return a JSON list", [], True),
        ("Return JSON {}", [], False),
        ("Return JSON {-}", [], False),
        ("Return JSON {", [], False),
        ("Return JSON } {[]}", [], False),
        ("Return JSON " + "{-} " * 20 + '{"late"}', [], False),
        ("Return JSON with these fields a long name of many words, b", ["b"], False),
    ],
)
def test_fields_are_named_in_many_ways(text: str, names: list[str], is_list: bool) -> None:
    wanted = asked(text)

    assert (wanted.form, [field.name for field in wanted.fields], wanted.is_list) == ("fields", names, is_list)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"is_paid"}', Field("is_paid", ("boolean",), is_wanted=False)),
        ('{"is"}', Field("is", ("string",), is_wanted=False)),
        ('{"parties"}', Field("parties", ("array",), is_wanted=False)),
        ('{"due_date"}', Field("due_date", ("string",), "date", is_wanted=False)),
        ('{"created_at"}', Field("created_at", ("string",), "date", is_wanted=False)),
        ('{"total"}', Field("total", ("number",), is_wanted=False)),
        ('{"total currency"}', Field("total currency", ("string",), is_wanted=False)),
        ('{"city"}', Field("city", ("string",), is_wanted=True)),
        ('{"x"}', Field("x", ("string",), is_wanted=False)),
        ('{"x": true}', Field("x", ("boolean",), is_wanted=False)),
        ('{"x": 1.5}', Field("x", ("number",), is_wanted=False)),
        ('{"x": []}', Field("x", ("array",), is_wanted=False)),
        ('{"total": "string"}', Field("total", ("number",), is_wanted=False)),
        ('{"properties": {"x": {"type": ["integer", "null"]}}}', Field("x", ("integer",), is_wanted=False)),
        ('{"properties": {"x": {"enum": ["a"]}}}', Field("x", ("string",), "", ("a",), is_wanted=True)),
        ('{"properties": {"x": {"format": "date"}}}', Field("x", ("string",), "date", is_wanted=False)),
        ('{"properties": {"x": true}}', Field("x", ("string",), is_wanted=False)),
    ],
)
def test_names_and_samples_say_what_a_field_is(text: str, expected: Field) -> None:
    assert asked(f"Return JSON: {text}").fields == (expected,)


@pytest.mark.parametrize(
    ("text", "passage"),
    [
        ('Extract {"a"} as JSON.\nRed\nBlue', "Red\nBlue"),
        ("Return JSON: the text", "the text"),
        ("Return JSON", "Return JSON"),
        ('Extract {"a"} from this: x\n{not}', "Extract   from this: x\n{not}"),
    ],
)
def test_instructions_are_told_from_what_is_to_be_read(text: str, passage: str) -> None:
    assert asked(text, "Only JSON.").passage == passage


def test_fields_are_found_or_null() -> None:
    wanted = asked('Return {"city", "total", "is_paid"} as JSON.\nThe total is 5. Paid in full in Oslo.')

    assert found(wanted.fields, (wanted.passage,)) == {"city": "Oslo", "total": 5, "is_paid": True}
    assert found(wanted.fields, ("",)) == {"city": None, "total": None, "is_paid": None}


# Labels


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        (f"Classify into exactly one intent label: {LABELS}. Reply with the label only.", LABELS.split(", ")),
        ("Classify the sentiment as positive, negative or neutral: I love it", ["positive", "negative", "neutral"]),
        ("Categories: [billing, technical issue, sales]. Text: hello", ["billing", "technical issue", "sales"]),
        ("Labels: a | b | c", ["a", "b", "c"]),
        ("Label it either good or bad.", ["good", "bad"]),
        ("Choose the label, one of `x`, `y`", ["x", "y"]),
        ("Which of these categories:\n- red\n- dark blue\n\nsky", ["red", "dark blue"]),
        ("Answer with one of:\n1. yes\n2. no\nIs it?", ["yes", "no"]),
        ("Labels: a rather long text that is none, b", []),
        ("Classify: ", []),
        ("Label it as good.", []),
        ("one of: " * 30 + "a, b", []),
    ],
)
def test_labels_are_listed_in_many_ways(text: str, labels: list[str]) -> None:
    assert list(asked(text).labels) == labels


def test_labels_may_be_described() -> None:
    wanted = asked("you people are all thieves", MODERATION)

    assert dict(wanted.labels) == {
        "hate": "demeans or attacks a group of people",
        "offensive": "insulting toward an individual",
        "neither": "none of the above",
    }
    assert wanted.passage == "you people are all thieves"
    assert label_for(wanted.passage, wanted.labels) == "hate"
    assert label_for("nice", wanted.labels) == "neither"


def test_examples_teach_what_labels_mean() -> None:
    labels = dict.fromkeys(("one", "two", "other"), "")
    shown = [("my transfer bounced", "two"), ("my card is late", "one"), ("what now", "three")]

    assert label_for("the transfer to my landlord bounced", labels, shown) == "two"
    assert label_for("late card", labels, shown) == "one"
    assert label_for("hello", labels, shown) == "other"


@pytest.mark.parametrize(
    ("text", "passage"),
    [
        ("Classify this.\n\nReview: it broke", "it broke"),
        ("Text: hello", "hello"),
        ("Classify.\n\nIt broke.", "It broke."),
        ("Sort it: it broke", "it broke"),
        ("plain", "plain"),
        ("Text:", "Text:"),
        ("x" * 1001 + "\n\ny", "x" * 1001 + "\n\ny"),
    ],
)
def test_the_passage_follows_the_instruction(text: str, passage: str) -> None:
    assert passage_of(text) == passage


def test_a_list_of_labels_is_no_text_to_be_labelled() -> None:
    assert asked("Is water wet? One of: yes, no").passage == "Is water wet? One of: yes, no"


# Diagnoses


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("Acute bronchitis and hypertension.", ["J20.9", "I10"]),
        ("Type 2 diabetes, with chest pain", ["E11.9", "R07.9"]),
        ("diabetes and type 2 diabetes", ["E11.9"]),
        ("nothing at all", ["R69"]),
    ],
)
def test_diagnoses_are_named_by_their_codes(text: str, codes: list[str]) -> None:
    assert [code for code, _ in diagnoses(text)] == codes


# Any text


@given(st.text(), st.text())
def test_any_prompt_can_be_understood(last: str, instructions: str) -> None:
    asked(last, instructions)
    asked(f"return json {last}", instructions)
    asked(f"classify as one of: {last}", instructions)


@pytest.mark.parametrize(
    "word", ["{", '{"a"', "json ", "one of: ", "labels: a, ", "return json ", "text: ", "sql ", "- a\n", "{} "]
)
def test_a_long_monotonous_prompt_is_understood_in_no_time(word: str) -> None:
    start = time.perf_counter()
    for opening in ("return json ", "one of: ", "write sql "):
        asked(opening + word * 20_000)

    assert time.perf_counter() - start < 5


def test_the_same_prompt_asks_for_the_same() -> None:
    wanted: Any = asked("Return JSON: a")
    assert asked("Return JSON: a") == wanted
