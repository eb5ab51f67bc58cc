"""Prose: about what was asked, as long as was wished, the same for the same rolls."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.vendors.pareta.domain.prose import (
    Topic,
    found_answer,
    pick,
    sentences_of,
    summary,
    told,
    topic_of,
    write,
)
from tests.vendors.pareta.domain.samples import rolls_of


@pytest.mark.parametrize(
    ("request_", "subject", "key", "is_clause"),
    [
        ("Tell me about copper.", "copper", "copper", False),
        ("Explain how copper wiring resists corrosion", "how copper wiring resists corrosion", "corrosion", True),
        ("And granite?", "granite", "granite", False),
        ("How do magnets work?", "how magnets work", "work", True),
        ("How does copper resist rust?", "how copper resists rust", "rust", True),
        ("How does the mill wash wool?", "how the mill washes wool", "wool", True),
        ("Why is the sky blue?", "why the sky is blue", "blue", True),
        ("How can I bake bread step by step?", "how I can bake bread", "bread", True),
        ("Where is Oslo?", "where Oslo is", "Oslo", True),
        ("What is the capital of France?", "the capital of France", "France", False),
        ("Explain TCP in one sentence", "TCP", "TCP", False),
        ("Explain AWS, briefly", "AWS", "AWS", False),
        ("Write a short poem about rivers", "rivers", "rivers", False),
        ("Kim sells shoes.", "Kim sells shoes", "shoes", False),
        ("Hello there", "Hello there", "Hello", False),
        ("iPhone prices", "iPhone prices", "prices", False),
        ("one " * 40, "one one one one one one one one one one one one one one", "the question", False),
        ("?", "the question", "the question", False),
        ("", "the question", "the question", False),
        ("in on at", "in on at", "the question", False),
        ("Copper is red. Explain ledgers. It ends.", "ledgers", "ledgers", False),
    ],
)
def test_requests_have_a_topic(request_: str, subject: str, key: str, is_clause: bool) -> None:
    assert topic_of(request_) == Topic(subject, key, is_clause)


def test_long_requests_have_a_topic_too() -> None:
    assert topic_of("Nothing. " * 1000 + "Tell me about copper?").subject == "copper"


def test_prose_is_about_what_was_asked() -> None:
    text = write("Explain how copper wiring resists corrosion", rolls_of(1))

    assert "copper wiring resists corrosion" in text
    assert text == write("Explain how copper wiring resists corrosion", rolls_of(1))
    assert text[0].isupper()
    assert text.endswith(".")


def test_prose_varies_and_repeats_no_sentence() -> None:
    texts = [write("Explain copper", rolls_of(seed)) for seed in range(300)]

    assert len(set(texts)) == 300
    for text in texts:
        sentences = sentences_of(text)
        assert 3 <= len(sentences) <= 5
        assert len(set(sentences)) == len(sentences)
        assert "{" not in text


@pytest.mark.parametrize(
    ("wish", "count"),
    [
        ("Explain copper in one sentence.", 1),
        ("Explain copper in two sentences.", 2),
        ("Explain copper briefly.", 2),
        ("Explain copper in 7 sentences.", 7),
        ("Explain copper in a single sentence.", 1),
        ("Explain copper in 99 sentences.", 20),
    ],
)
def test_prose_is_as_long_as_was_wished(wish: str, count: int) -> None:
    for seed in range(10):
        assert len(sentences_of(write(wish, rolls_of(seed)))) == count


def test_instructions_count_as_wishes() -> None:
    assert len(sentences_of(write("Explain copper.", rolls_of(1), instructions="Answer in one sentence."))) == 1
    assert len(sentences_of(write("x " * 3000, rolls_of(1), instructions="Answer in one sentence."))) == 1


@pytest.mark.parametrize(
    ("wish", "marks"),
    [
        ("Give me three tips for saving money", ["- "] * 3),
        ("List 2 reasons for it", ["- "] * 2),
        ("Explain it in bullet points", None),
        ("How can I bake bread?", None),
        ("Explain it step by step in 4 steps", ["1. ", "2. ", "3. ", "4. "]),
    ],
)
def test_lists_have_as_many_points_as_were_wished(wish: str, marks: list[str] | None) -> None:
    for seed in range(10):
        lead, *points = write(wish, rolls_of(seed)).split("\n")
        assert lead.endswith(".")
        assert 3 <= len(points) <= 5 if marks is None else len(points) == len(marks)
        assert len(set(points)) == len(points)
        for point, mark in zip(points, marks or [], strict=False):
            assert point.startswith(mark)


def test_endless_lists_start_again() -> None:
    points = write("Give me 20 tips", rolls_of(1)).split("\n")[1:]

    assert len(points) == 20


def test_other_forms_are_followed() -> None:
    assert write("hi", rolls_of(1))[0].isupper()
    assert len({write("hello!", rolls_of(seed)) for seed in range(60)}) > 5
    assert write("Name it in one word: copper", rolls_of(1)) == "Copper."
    assert write("Write a haiku about ledgers", rolls_of(1)).count("\n") == 2
    assert "ledgers" in write("Write a haiku about ledgers", rolls_of(1)).lower()


def test_earlier_requests_are_referred_to() -> None:
    for seed in range(20):
        text = write("And granite?", rolls_of(seed), earlier="Tell me about copper.")
        assert "copper" in text.partition(":")[0]
        assert "granite" in text
    assert "hello" not in write("hi", rolls_of(1), earlier="Tell me about copper.").lower().partition(":")[0]


def test_a_number_picks_an_option() -> None:
    assert [pick("abc", number) for number in (0.0, 0.4, 0.99)] == ["a", "b", "c"]


# Answers in texts


@pytest.mark.parametrize(
    ("question", "context", "expected"),
    [
        ("What is the invoice total?", "INVOICE\nTotal due: $4,210.00", "Total due: $4,210.00"),
        ("What is my name?", "My name is Kim. I live in Oslo.", "My name is Kim."),
        ("What is the name?", "The name is Kim.", None),
        ("Where do I live?", "My name is Kim. I live in Oslo.", "I live in Oslo."),
        ("How many apples are there?", "There are 5 apples. There are 3 pears.", "There are 5 apples."),
        (
            "Extract the effective date: x",
            "It is effective on the date 2026-01-05.",
            "It is effective on the date 2026-01-05.",
        ),
        ("What is the total?", "What is the total?", None),
        ("What is the total?", "Is the total right? The total.", None),
        ("What is the colour of the red car and the blue bike?", "The car moves.", None),
        ("Tell me about copper.", "Copper conducts.", None),
        ("What is it?", "It is here.", None),
        ("What is the total?", "", None),
    ],
)
def test_sentences_that_answer_are_found(question: str, context: str, expected: str | None) -> None:
    assert found_answer(question, [context]) == expected


def test_the_first_text_that_answers_is_believed() -> None:
    assert found_answer("What is the code?", ["Nothing.", "The code is 1.", "The code is 2."]) == "The code is 1."


def test_a_summary_has_the_sentences_that_say_most_in_their_order() -> None:
    text = (
        "The team met on Monday. They discussed the budget for the new project. The budget is too small. "
        "Lunch was good. The project needs more budget and more people"
    )

    assert summary(text, 2) == (
        "They discussed the budget for the new project. The project needs more budget and more people."
    )
    assert summary("short.") == ""
    assert summary("") == ""


def test_texts_fall_into_sentences_by_lines_and_signs() -> None:
    assert sentences_of('One. Two! "Three?" four 5.5 and\nsix\n\n seven') == [
        "One.",
        "Two!",
        '"Three?',
        "four 5.5 and",
        "six",
        "seven",
    ]


# What tools said


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("12 degrees.", "12 degrees"),
        (
            '{"temp_c": 12, "ok": true, "no": false, "none": null}',
            "temp c is 12, ok is true, no is false and none is nothing",
        ),
        ('{"a": {"b": 1, "c": 2}}', "a is (b is 1 and c is 2)"),
        ('{"a": {"b": 1}}', "a is b is 1"),
        ('["x", "y", "z"]', "x, y and z"),
        ('{"a": []}', "a is nothing"),
        ('{"a": {}}', "a is nothing"),
        ('"text"', "text"),
        ("{broken", "{broken"),
        ("[" * 3000, "[[["),
        ("word " * 400, "word and so on"),
    ],
)
def test_results_are_put_into_words(content: str, words: str) -> None:
    text = told([("get_it", content)], "What is it in Oslo?", rolls_of(1))

    assert words in text
    assert "get_it" in text
    assert len(text) < 900


def test_every_result_is_told_and_the_request_remembered() -> None:
    text = told([("a", "one"), ("", "two"), ("c", "")], "What is the weather in Oslo?", rolls_of(1))

    assert "one" in text
    assert "the tool" in text.lower()
    assert "`c` returned nothing." in text
    assert text.rstrip(".").endswith("Oslo")
    assert told([("a", "one")], " ", rolls_of(1)).count(".") == 1
    assert told([("a", "one")], "?", rolls_of(1)).count(".") == 1
    assert json.dumps(text)


# Any text


@given(st.text(), st.text(), st.text())
def test_any_request_is_answered(request_: str, instructions: str, earlier: str) -> None:
    assert write(request_, rolls_of(1), instructions=instructions, earlier=earlier)
    found_answer(f"what is {request_}?", [instructions, earlier])
    summary(request_)
    told([(request_, instructions)], earlier, rolls_of(1))


@pytest.mark.parametrize("word", ["a ", "A. ", "what", "? ", "how many a", "three tips ", "x", "\n", "is the "])
def test_a_long_monotonous_request_is_answered_in_no_time(word: str) -> None:
    text = word * 20_000
    start = time.perf_counter()
    write(text, rolls_of(1), instructions=text, earlier=text)
    found_answer(f"What is it? {text}", [text])
    summary(text)

    assert time.perf_counter() - start < 5
