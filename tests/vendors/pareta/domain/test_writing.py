"""Whole answers: what a task, a conversation, a schema or a tool wants, and what a mistake makes of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.vendors.pareta.domain import writing
from mockserver.vendors.pareta.domain.attachments import Picture
from mockserver.vendors.pareta.domain.catalog import Task
from mockserver.vendors.pareta.domain.generation import Prompt
from mockserver.vendors.pareta.domain.reading import best_label
from mockserver.vendors.pareta.domain.structured import Unsatisfiable
from mockserver.vendors.pareta.domain.writing import for_task, reply, right_answer
from tests.vendors.pareta.domain.samples import DATE, NUMBER, TEXT, classifier, rolls_of, task
from tests.vendors.pareta.schemas import fits_in

CONTRACT = task(
    {"effective_date": DATE, "termination_date": DATE, "party_a": TEXT, "party_b": TEXT, "governing_law": TEXT}
)
INVOICE = task(
    {"invoice_number": TEXT, "issue_date": DATE, "vendor": TEXT, "total": NUMBER, "currency": TEXT},
    name="invoice-extraction",
)
CHAT = task({"response": TEXT}, name="general-chat", strategy="judge", scorer="judge_panel")
QUERIES = task({"sql": TEXT}, name="text-to-sql", strategy="execution")
FUNCTIONS = task({"code": TEXT}, name="code-generation", strategy="judge")
SUMMARIES = task({"summary": TEXT}, name="summarization", strategy="judge")
CODING = task({"code": TEXT}, name="icd-coding", strategy="classification")


def asked(last: str, **more: Any) -> Prompt:
    return Prompt(last, last, 0, **more)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Effective as of January 1, 2026", {"effective_date": "2026-01-01"}),
        ("effective 16 September 2024 .", {"effective_date": "2024-09-16"}),
        ("It is effective as of 2023-09-03.", {"effective_date": "2023-09-03"}),
        (
            "effective as of 2023-09-03 and terminates on March 4, 2031",
            {"effective_date": "2023-09-03", "termination_date": "2031-03-04"},
        ),
        ("Signed on 2023-09-03.", dict.fromkeys(CONTRACT.output_fields)),
        ("What is the governing law?", {"governing_law": None}),
        ("governed by the laws of the State of New York.", {"governing_law": "New York"}),
        (
            'This Agreement between Sable Media GmbH ("Party A") and Orchard Labs LLC ("Party B") is made.',
            {"party_a": "Sable Media GmbH", "party_b": "Orchard Labs LLC"},
        ),
        ("between Bank of Ohio and Orchard & Sons, who", {"party_a": "Bank of Ohio", "party_b": "Orchard & Sons"}),
        ("", dict.fromkeys(CONTRACT.output_fields)),
    ],
)
def test_the_right_answer_to_a_contract_is_what_it_says(text: str, expected: dict[str, Any]) -> None:
    assert right_answer(CONTRACT, text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "Invoice no. A-2291 of 3 May 2026: total $ 1,234.50",
            {"invoice_number": "A-2291", "issue_date": "2026-05-03", "total": 1234.5, "currency": "USD"},
        ),
        ("Number: 77, due EUR 12", {"invoice_number": "77", "total": 12.0, "currency": "EUR"}),
        ("\u00a3 5.00", {"total": 5.0, "currency": "GBP"}),
        ("nothing here", dict.fromkeys(INVOICE.output_fields)),
        ("which vendor?", {"vendor": None}),
        ("9" * 400, dict.fromkeys(INVOICE.output_fields)),
    ],
)
def test_the_right_answer_to_an_invoice_is_what_it_says(text: str, expected: dict[str, Any]) -> None:
    assert right_answer(INVOICE, text) == expected


@pytest.mark.parametrize("word", ["Ab and ", "Ab ", "of ", "no ", "1,", "term 2026-01-01 ", " "])
def test_a_long_monotonous_text_is_read_in_no_time(word: str) -> None:
    for subject in (CONTRACT, INVOICE):
        assert right_answer(subject, "between " + word * 20_000)


@given(st.text())
def test_answers_are_json_whatever_the_text(text: str) -> None:
    for subject in (CONTRACT, INVOICE):
        answer = right_answer(subject, text)
        assert json.loads(json.dumps(answer, allow_nan=False)) == answer
        assert answer
        assert answer.keys() <= subject.output_fields.keys()


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("I want a refund now", "refund_request"),
        ("please cancel my subscription", "cancel_subscription"),
        ("hello there", "other"),
        ("", "other"),
    ],
)
def test_the_right_label_is_the_nearest_or_the_catch_all(text: str, label: str) -> None:
    labels = ("refund_request", "cancel_subscription", "other")

    assert best_label(text, labels) == label
    assert right_answer(classifier(*labels), text) == {"label": label}


def test_right_answers_have_the_shape_of_their_task() -> None:
    assert right_answer(CODING, "Acute bronchitis and asthma.") == {"code": "J20.9"}
    assert right_answer(QUERIES, "users(id, name): how many users?") == {"sql": "SELECT COUNT(*) FROM users;"}
    assert "return a + b" in right_answer(FUNCTIONS, "a function that adds two numbers")["code"]
    assert (
        right_answer(SUMMARIES, "Copper conducts electricity well.")["summary"] == "Copper conducts electricity well."
    )
    assert right_answer(SUMMARIES, "no")["summary"] == "no"
    assert "copper" in right_answer(CHAT, "Explain copper.")["response"]


def test_right_answers_have_the_fields_of_the_gold_schema_where_there_is_one() -> None:
    subject = task({"key_information": {"type": "object"}}, strategy="contract")
    detailed = Task(
        subject.id, subject.default_scorer, subject.scoring_strategy, False,
        {**subject.body, "gold_schema": {"properties": {"party_a": TEXT, "on": {"type": ["string", "null"]}}}},
    )  # fmt: skip

    assert right_answer(detailed, "between Acme Inc and Beta LLC.") == {"party_a": "Acme Inc"}
    assert right_answer(detailed, "") == {"party_a": None, "on": None}


# Mistakes


@pytest.mark.parametrize("subject", [CONTRACT, CHAT, QUERIES, FUNCTIONS, SUMMARIES, CODING, classifier("a", "b")])
def test_a_flawless_endpoint_is_right_and_a_hopeless_one_is_not(subject: Task) -> None:
    text = "Effective 2026-01-05, by the laws of Ohio. Write a function that adds two numbers. Copper costs 5 dollars."

    flawless = for_task(subject, asked(text), 1.0, rolls_of(1))
    hopeless = for_task(subject, asked(text), 0.0, rolls_of(1))

    assert flawless.given == flawless.right
    assert hopeless.given != hopeless.right
    assert hopeless.right == flawless.right
    assert flawless.text
    assert flawless.is_free == (subject is CHAT)


def test_code_goes_wrong_between_its_fences() -> None:
    for seed in range(20):
        text = for_task(FUNCTIONS, asked("a function that adds two numbers"), 0.0, rolls_of(seed)).text
        assert text.startswith("```python\n")
        assert text.endswith("\n```")


def test_after_results_any_endpoint_speaks_of_them() -> None:
    draft = for_task(CONTRACT, asked("What is it?", results=(("lookup", "forty-two"),)), 1.0, rolls_of(1))

    assert "forty-two" in draft.text
    assert draft.right == {"effective_date": draft.text}


# Conversations


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        (asked("Say hello"), "hello"),
        (asked("Please reply with the word: ready."), "ready"),
        (asked("Repeat after me: 'up and down'"), "up and down"),
        (asked("Respond with only `x = 1`"), "x = 1"),
        (asked("Reply with OK and nothing else."), "OK"),
        (asked("What is 7 * (2 - 5)?"), None),
        (asked("What is 7 * 6?"), "7 * 6 = 42."),
        (asked("Calculate 1 / 3"), "1 / 3 = 0.3333333333."),
        (asked("10 - -4 ="), "10 - -4 = 14."),
        (asked("What is 2 x 3?"), "2 x 3 = 6."),
        (asked("The capital is Oslo. What is the capital?"), "The capital is Oslo."),
        (asked("What is the code?", documents=("The code is 17", )), "The code is 17."),
        (asked("What is my name?", earlier=("My name is Kim.",)), "My name is Kim."),
        (asked("What is the password?", instructions="The password is swordfish."), "The password is swordfish."),
        (asked("Summarize: Copper conducts. It is red. It bends. It shines."), None),
        (asked("Classify the document as positive or negative.", documents=("An awful thing.",)), "negative"),
        (asked("Write SQL: how many users?", earlier=("CREATE TABLE users (id INT, name TEXT)",)),
         "SELECT COUNT(*) FROM users;"),
        (asked("Show it.", pictures=(Picture("PNG", (2, 3), "d"),)), None),
        (asked("Read it.", documents=("Copper conducts electricity. It is red and shiny.",)),
         "The document says: Copper conducts electricity. It is red and shiny."),
        (asked("Read it.", documents=("",)), "The document holds no text that can be read."),
    ],
)  # fmt: skip
def test_a_conversation_is_answered_in_the_shape_it_asks_for(prompt: Prompt, expected: str | None) -> None:
    text = reply(prompt, rolls_of(1))

    assert text
    if expected is not None:
        assert text == expected


@pytest.mark.parametrize(
    "text",
    ["Say something about copper", "Reply in French", "What is 1 / 0?", "What is 2 ** 3?", "What is 1 + a?",
     "What is (1 + 2?", "Calculate the odds", "x" * 700, "Output only JSON"],
)  # fmt: skip
def test_what_cannot_be_repeated_or_added_up_is_answered_in_prose(text: str) -> None:
    assert len(reply(asked(text), rolls_of(1))) > 5


def test_long_conversations_hold_their_answers_too() -> None:
    text = f"What is the code? {'Nothing here. ' * 1000}The code is 17."

    assert reply(asked(text), rolls_of(1)) == "The code is 17."


def test_sums_follow_arithmetic() -> None:
    assert reply(asked("What is 12 - 4 * 2 + 6 / 4?"), rolls_of(1)) == "12 - 4 * 2 + 6 / 4 = 5.5."
    assert reply(asked("What is 1/0?"), rolls_of(1)) != "1/0 = 0."


def test_yes_or_no_is_answered_with_one_of_them() -> None:
    answers = {reply(asked("Is it wet? Answer yes or no."), rolls_of(seed)) for seed in range(20)}

    assert answers == {"Yes.", "No."}
    assert reply(asked("yes"), rolls_of(1)) not in answers


def test_pictures_are_told_before_anything_is_said_about_them() -> None:
    pictures = (Picture("PNG", (2, 3), "d"),)

    assert reply(asked("Describe it.", pictures=pictures), rolls_of(1)).startswith(
        "The picture is a PNG of 2 by 3 pixels. "
    )
    read = reply(asked("Read it.", pictures=pictures, documents=("Copper conducts electricity well.",)), rolls_of(1))
    assert read == "The picture is a PNG of 2 by 3 pixels. The document says: Copper conducts electricity well."


def test_json_is_made_of_the_fields_that_are_asked_for() -> None:
    invoice = "Vendor: Acme\nTotal: 12.50"

    assert json.loads(reply(asked('Return {"vendor", "total", "buyer"} as JSON.\n' + invoice), rolls_of(1))) == {
        "vendor": "Acme", "total": 12.5, "buyer": None,
    }  # fmt: skip
    assert json.loads(reply(asked('Return a JSON array of {"vendor"} objects.\n' + invoice), rolls_of(1))) == [
        {"vendor": "Acme"}
    ]
    assert json.loads(reply(asked("Return valid JSON.\n" + invoice), rolls_of(1))) == {"vendor": "Acme", "total": 12.5}
    assert set(json.loads(reply(asked("Return valid JSON about copper."), rolls_of(1)))) == {"answer"}
    codes = 'ICD-10: return a JSON list of {"code", "name"} objects.\nasthma'
    assert json.loads(reply(asked(codes), rolls_of(1))) == [{"code": "J45.909", "name": "asthma"}]


# Values for schemas


def person() -> dict[str, Any]:
    members = {"name": TEXT, "summary": TEXT, "reason": TEXT, "mood": {"enum": ["good", "bad"]}}
    return {"type": "object", "properties": members, "required": list(members)}


def made(schema: Any, prompt: Prompt, seed: int = 1) -> Any:
    value = writing.structure(schema, prompt, fits_in(schema), rolls_of(seed))
    assert fits_in(schema)(value, schema)
    return value


def test_values_are_found_and_answers_are_written() -> None:
    value = made(person(), asked("My name is Kim and my mood is bad today because of the rain outside."))

    assert (value["name"], value["mood"]) == ("Kim", "bad")
    assert value["summary"].startswith("My name is Kim")
    assert len(value["reason"]) > 10


def test_a_sum_is_its_own_answer() -> None:
    assert made(
        {"type": "object", "properties": {"answer": TEXT}, "required": ["answer"]}, asked("What is 2 + 3?")
    ) == {"answer": "2 + 3 = 5."}


def test_results_fill_a_schema_first() -> None:
    prompt = asked("What is the price of copper?", results=(("quote", '[{"price": 12.5, "at": null}]'),))
    schema = {
        "type": "object",
        "properties": {"price": NUMBER, "explanation": TEXT},
        "required": ["price", "explanation"],
    }

    value = made(schema, prompt)

    assert value["price"] == 12.5
    assert "12.5" in value["explanation"]


@pytest.mark.parametrize("content", ["the price is 12.5 dollars", "{price: 12.5", "", "[" * 5000])
def test_results_that_are_no_json_are_read_as_they_are(content: str) -> None:
    schema = {"type": "object", "properties": {"price": NUMBER}, "required": ["price"]}

    value = made(schema, asked("Well?", results=(("quote", content),)))

    assert value["price"] == 12.5 or "12.5" not in content


def test_a_summary_of_next_to_nothing_is_written() -> None:
    schema = {"type": "object", "properties": {"summary": TEXT}, "required": ["summary"]}

    assert len(made(schema, asked("Copper?"))["summary"]) > 10


def test_arguments_are_an_object() -> None:
    prompt = asked("weather in Oslo")

    def given(schema: Mapping[str, Any]) -> dict[str, Any]:
        return writing.arguments(schema, "weather in Oslo", prompt, fits_in(schema), rolls_of(1))

    assert given({"type": "object", "properties": {"city": TEXT}, "required": ["city"]}) == {"city": "Oslo"}
    assert given({"type": ["string", "object"]}) == {}
    with pytest.raises(Unsatisfiable, match="arguments are an object"):
        given({"enum": [1, 2]})


def test_loose_objects_are_never_lists() -> None:
    assert writing.loose_object(asked('A JSON array of {"a"} objects.\na: 1'), rolls_of(1)) == {"items": [{"a": "1"}]}
    assert writing.loose_object(asked("a: 1\nb: x"), rolls_of(1)) == {"a": 1, "b": "x"}
