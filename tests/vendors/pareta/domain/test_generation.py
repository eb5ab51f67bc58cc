from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.vendors.pareta.domain.catalog import Task
from mockserver.vendors.pareta.domain.generation import (
    READ_CHARACTERS,
    Answer,
    Prompt,
    ToolCall,
    called,
    count_tokens,
    finished,
    form_of,
    gold_fields,
    labels_of,
    pieces,
    prompt_tokens,
    rendered,
)
from tests.vendors.pareta.domain.samples import DATE, NUMBER, TEXT, classifier, task

CONTRACT = task(
    {"effective_date": DATE, "termination_date": DATE, "party_a": TEXT, "party_b": TEXT, "governing_law": TEXT}
)
INVOICE = task(
    {"invoice_number": TEXT, "issue_date": DATE, "vendor": TEXT, "total": NUMBER, "currency": TEXT},
    name="invoice-extraction",
)
CHAT = task({"response": TEXT}, name="general-chat", strategy="judge", scorer="judge_panel")


@pytest.mark.parametrize(("text", "tokens"), [("", 0), ("a", 1), ("abcd", 1), ("abcde", 2), ("\u00fc" * 8, 2)])
def test_a_token_is_about_four_characters(text: str, tokens: int) -> None:
    assert count_tokens(text) == tokens


def test_every_message_adds_a_little() -> None:
    assert prompt_tokens(["abcd", "", "abcde"]) == 1 + 0 + 2 + 3 * 4
    assert prompt_tokens([]) == 0


@pytest.mark.parametrize(
    ("stop", "max_tokens", "expected"),
    [
        ((), None, Answer("one two three", "stop", 4)),
        ((), 4, Answer("one two three", "stop", 4)),
        ((), 3, Answer("one two thre", "length", 3)),
        ((), 1, Answer("one ", "length", 1)),
        (("two",), None, Answer("one ", "stop", 1)),
        (("three", "two"), None, Answer("one ", "stop", 1)),
        (("two", "three"), None, Answer("one ", "stop", 1)),
        (("four",), None, Answer("one two three", "stop", 4)),
        (("",), None, Answer("one two three", "stop", 4)),
        (("one",), None, Answer("", "stop", 0)),
        (("three",), 1, Answer("one ", "length", 1)),
        (("two",), 1, Answer("one ", "stop", 1)),
    ],
)
def test_an_answer_ends_at_a_stop_sequence_or_at_max_tokens(
    stop: tuple[str, ...], max_tokens: int | None, expected: Answer
) -> None:
    assert finished("one two three", Prompt("", "", 0, max_tokens, stop)) == expected


@given(st.text(), st.lists(st.text(min_size=1, max_size=3), max_size=4))
def test_no_stop_sequence_survives_and_the_first_of_them_decides(text: str, stops: list[str]) -> None:
    answer = finished(text, Prompt("", "", 0, stop=tuple(stops)))

    first = min((at for stop in stops if (at := text.find(stop)) >= 0), default=len(text))
    assert answer.text == text[:first]


@given(st.text(), st.integers(1, 5))
def test_pieces_lose_nothing(text: str, size: int) -> None:
    assert "".join(pieces(text, size)) == text


@given(st.text("a b\n\t\u2028", max_size=40))
def test_pieces_of_blanks_lose_nothing_either(text: str) -> None:
    parts = list(pieces(text))

    assert "".join(parts) == text
    assert all(parts)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("one", ["one"]),
        ("one two three four", ["one two three", " four"]),
        (" one\ntwo  three four ", [" one\ntwo  three", " four "]),
        ("   ", ["   "]),
    ],
)
def test_pieces_are_a_few_words_each(text: str, expected: list[str]) -> None:
    assert list(pieces(text)) == expected


def test_labels_are_the_enumerated_values() -> None:
    assert labels_of(classifier("a", "b")) == ("a", "b")
    assert labels_of(classifier()) == ()
    assert labels_of(CONTRACT) == ()


def test_answers_are_written_as_the_task_wants_them() -> None:
    assert rendered(CONTRACT, {"governing_law": "\u00d6sterreich"}) == '{"governing_law": "\u00d6sterreich"}'
    assert rendered(CHAT, {"response": "Hello."}) == "Hello."
    assert rendered(CHAT, {"a": 1, "b": 2}) == '{"a": 1, "b": 2}'
    assert rendered(classifier("a"), {"label": "a"}) == "a"


# Shapes of tasks


@pytest.mark.parametrize(
    ("subject", "form"),
    [
        (CONTRACT, "fields"),
        (INVOICE, "fields"),
        (task({"label": TEXT}, name="contract-kie", strategy="contract"), "fields"),
        (classifier("a", "b"), "label"),
        (task({"code": TEXT}, name="icd-coding", strategy="classification"), "label"),
        (task({"sql": TEXT}, name="text-to-sql", strategy="execution"), "sql"),
        (task({"sql": TEXT}, name="queries", strategy="execution", scorer="execution_accuracy"), "sql"),
        (task({"code": TEXT}, name="code-generation", strategy="judge"), "code"),
        (task({"completion": TEXT}, name="function-completion", strategy="judge"), "code"),
        (task({"summary": TEXT}, name="summarization", strategy="judge"), "summary"),
        (CHAT, "chat"),
    ],
)
def test_every_task_has_a_shape(subject: Task, form: str) -> None:
    assert form_of(subject) == form


# Calls


CALLS = (ToolCall("call_1", "weather", '{"city": "Oslo"}'), ToolCall("call_2", "time", "{}"))


@pytest.mark.parametrize(
    ("max_tokens", "reason", "tokens", "arguments"),
    [
        (None, "tool_calls", 8, ['{"city": "Oslo"}', "{}"]),
        (8, "tool_calls", 8, ['{"city": "Oslo"}', "{}"]),
        (7, "length", 7, ['{"city": "Oslo"}', ""]),
        (6, "length", 6, ['{"city": "Oslo"}']),
        (4, "length", 4, ['{"city":']),
        (1, "length", 1, []),
    ],
)
def test_calls_are_cut_within_their_arguments(
    max_tokens: int | None, reason: str, tokens: int, arguments: list[str]
) -> None:
    answer = called(CALLS, Prompt("", "", 0, max_tokens))

    assert (answer.text, answer.finish_reason, answer.tokens) == (None, reason, tokens)
    assert [call.arguments for call in answer.calls] == arguments


def test_limits_and_further_tokens_are_added_to_a_prompt() -> None:
    assert Prompt("a", "a", 5).limited(7, ("x",), 3) == Prompt("a", "a", 8, 7, ("x",))


def test_of_an_endless_prompt_the_beginning_and_the_end_are_read() -> None:
    long = "a" * READ_CHARACTERS + "b"
    prompt = Prompt(long, long, 9, earlier=("c", long), results=(("tool", long),))

    read = prompt.within_reach()

    assert (read.text, read.tokens, read.earlier[0]) == (long, 9, "c")
    for text in (read.last, read.earlier[1], read.results[0][1]):
        assert len(text) == READ_CHARACTERS + 1
        assert text.startswith("aaa")
        assert text.endswith("ab")
    assert Prompt("x", "x", 1).within_reach() == Prompt("x", "x", 1)


def test_the_subject_of_a_prompt_is_its_last_message_with_its_documents() -> None:
    assert Prompt("a b", "b", 5).subject == "b"
    assert Prompt("a b", "b", 5, documents=("c", "d")).subject == "b\n\nc\n\nd"


def test_the_fields_of_answers_are_those_of_the_gold_schema_where_there_is_one() -> None:
    assert list(gold_fields(CHAT)) == ["response"]
    detailed = Task("x", "field_f1", "contract", False, {**CHAT.body, "gold_schema": {"properties": {"party_a": TEXT}}})
    assert list(gold_fields(detailed)) == ["party_a"]
