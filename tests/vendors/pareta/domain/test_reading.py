"""What texts say about named values."""

from __future__ import annotations

import time
from itertools import islice
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.vendors.pareta.domain.reading import Reader, best_label, keywords, likeliest
from mockserver.vendors.pareta.domain.structured import Field

INVOICE = """INVOICE
Vendor: Bradley-Andrade
Invoice no: 97159829
Date: 2015-09-18
Widget  10.00
Gadget  968.12
Subtotal  978.12
Total due: $978.12"""
TRIP = "Book a flight from Berlin to New York on March 4, 2026 for 3 people"
LETTER = "My name is Kim and I am 34 years old, I live in Lisbon"


def said(
    text: str, name: str, *types: str, form: str = "", options: tuple[Any, ...] = (), is_wanted: bool = False
) -> Any:
    """The first thing a text says about a name."""
    return Reader(text).first(Field(name, types or ("string",), form, options, is_wanted=is_wanted))


@pytest.mark.parametrize(
    ("text", "name", "expected"),
    [
        # Labels
        (INVOICE, "vendor", "Bradley-Andrade"),
        (INVOICE, "invoice_no", "97159829"),
        (INVOICE, "invoiceNo", "97159829"),
        ("The due reason is late delivery, as agreed.", "due_reason", "late delivery"),
        ("- shoe size: 42", "shoe_size", "42"),
        ("colour = 'red'", "colour", "red"),
        ("Mood: good and the rest is silence", "mood", "good"),
        ("Note: " + "x" * 600, "note", "x" * 500),
        ("a b c d e f g: 1", "a_b_c_d_e_f_g", None),
        ("colour: ;", "colour", None),
        ("nothing here", "colour", None),
        ("", "colour", None),
        # Places, people, firms
        ("What is the weather in Paris?", "city", "Paris"),
        ("the weather in San Francisco, CA tomorrow", "location", "San Francisco, CA"),
        ("in The Hague", "city", None),
        (TRIP, "origin", "Berlin"),
        (TRIP, "destination", "New York"),
        (LETTER, "name", "Kim"),
        (LETTER, "city", "Lisbon"),
        ("Call Anna Smith", "contact", None),
        ("Please call Anna Smith", "contact", "Anna Smith"),
        ("by The way", "person", None),
        ("from Acme Trading GmbH.", "company", "Acme Trading GmbH"),
        ("Seller: Orchard", "supplier", "Orchard"),
        # Queries
        ("Search the web for cheap hotels in Rome.", "query", "cheap hotels in Rome"),
        ('Look for "red shoes" please', "query", "red shoes"),
        ("translate \u201cgood day\u201d", "text", "good day"),
        ("post 'on my way' there", "message", "on my way"),
        ("please find out", "query", "out"),
        ("Explain copper", "query", None),
        # Kinds of texts
        ("What is 2 + 3 * 4?", "expression", "2 + 3 * 4"),
        ("Read src/app/main.py please", "path", "src/app/main.py"),
        ("Read `a-b.txt` please", "file", "a-b.txt"),
        ("Summarize the README", "file", "README"),
        ("see https://example.com/a.html, ok", "url", "https://example.com/a.html"),
        ("Run `make all`", "command", "make all"),
        ("List all files in the repo", "cmd", "ls -la"),
        ("Which is the working directory?", "cmd", "pwd"),
        ("Run the tests", "cmd", "make test"),
        ("What has changed?", "cmd", "git status"),
        ("Show setup.cfg", "cmd", "cat setup.cfg"),
        ("Run this:\n```py\nprint(1)\n```", "code", "print(1)\n"),
        ("write to kim@example.com", "email", "kim@example.com"),
        ("call +1 555 010 9999 now", "phone", "+1 555 010 9999"),
        ("Translate it to French", "target_language", "French"),
        ("order ORD-1234 is late", "order_id", "ORD-1234"),
        ("ticket #4711", "ticket", "4711"),
        ("Remind me tomorrow at 5pm", "time", "17:00:00"),
        ("at 12am", "time", "00:00:00"),
        ("at 9:05", "time", "09:05:00"),
        ("at 11:30:15 PM", "time", "23:30:15"),
        ("Convert 5 USD to EUR", "from_currency", "USD"),
        ("Convert 5 USD to EUR", "to_currency", "EUR"),
        ("only EUR", "to_currency", "EUR"),
        ("it costs $5", "currency", "USD"),
        # Names of their own
        ("between Acme Inc (the Buyer) and Beta LLC and others", "party_a", "Acme Inc"),
        ("between Acme Inc (the Buyer) and Beta LLC and others", "party_b", "Beta LLC"),
        ("alone", "party_a", None),
        ("under the laws of the State of New York.", "governing_law", "New York"),
        ("lawless", "governing_law", None),
        ("Annual report\nby Kim Lee\nCopper rose.", "title", "Annual report"),
        ("Annual report\nby Kim Lee\nCopper rose.", "author", "Kim Lee"),
        ("one line", "title", None),
        ("I love it", "sentiment", "positive"),
        ("it is a table", "sentiment", "neutral"),
        # Dates
        ("effective as of January 1, 2026", "effective_date", "2026-01-01"),
        ("terminates 3rd Mar. 2027, effective 2026-01-05", "effective_date", "2026-01-05"),
        ("on 2026-02-30", "date", None),
        ("signed 2026-02-28", "issue_date", "2026-02-28"),
        ("signed 2026-02-28", "effective_date", None),
        ("effective " + "x" * 90 + " 2026-01-01", "effective_date", None),
        ("effective soon, effective 2026-01-02, then 2026-01-03", "effective_date", "2026-01-02"),
        ("Remind me next Friday", "date", "next Friday"),
        ("Remind me next Friday", "due_date", "next Friday"),
    ],
)
def test_texts_are_found_by_the_name_of_what_they_are(text: str, name: str, expected: str | None) -> None:
    assert said(text, name) == expected


@pytest.mark.parametrize(
    ("text", "form", "expected"),
    [
        ("due 2026-03-04", "date", "2026-03-04"),
        ("due 2026-03-04 at 5pm", "date-time", "2026-03-04T17:00:00Z"),
        ("due 2026-03-04", "date-time", "2026-03-04T00:00:00Z"),
        ("due soon", "date-time", None),
        ("at 5pm", "time", "17:00:00Z"),
        ("kim@example.com", "email", "kim@example.com"),
        ("https://example.com/x.", "uri", "https://example.com/x"),
        ("id 123e4567-e89b-42d3-a456-426614174000", "uuid", "123e4567-e89b-42d3-a456-426614174000"),
        ("host 192.0.2.1", "ipv4", "192.0.2.1"),
        ("due: P3D", "duration", "P3D"),
        ("due: whenever", "duration", None),
        ("due: whenever", "unheard-of", "whenever"),
    ],
)
def test_texts_are_found_by_their_format(text: str, form: str, expected: str | None) -> None:
    assert said(text, "due", form=form) == expected


@pytest.mark.parametrize(
    ("text", "name", "kind", "expected"),
    [
        (INVOICE, "total", "number", 978.12),
        ("Sum: EUR 1.234,56", "sum", "number", 1234.56),
        (INVOICE, "total", "object", None),
        ("weight: about 5.5 kg", "weight", "number", 5.5),
        ("weight: 5.5", "weight", "integer", None),
        ("weight: heavy", "weight", "number", None),
        ("The price was 1,250 EUR", "price", "integer", 1250),
        ("born in 1984", "birth_year", "integer", 1984),
        (LETTER, "age", "integer", 34),
        ("Kim, aged 7", "age", "integer", 7),
        (TRIP, "people", "integer", 3),
        ("two red apples", "apples", "integer", 2),
        ("2 + 3", "a", "number", 2),
        ("2 + 3", "b", "number", 3),
        ("just 2", "a", "number", None),
        ("9" * 40, "total", "number", None),
        ("no figures", "count", "integer", None),
        ("5 m", "m", "integer", None),
    ],
)
def test_numbers_are_found(text: str, name: str, kind: str, expected: float | None) -> None:
    assert said(text, name, kind) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("is urgent: yes", True),
        ("urgent: No", False),
        ("urgent = true", True),
        ("this is urgent", True),
        ("this is not urgent", False),
        ("without an urgent need", False),
        ("urgency", None),
        ("calm", None),
        ("urgent: perhaps", True),
    ],
)
def test_claims_are_found_and_their_denials(text: str, expected: bool | None) -> None:
    assert said(text, "is_urgent", "boolean") is expected


@pytest.mark.parametrize(
    ("text", "name", "expected"),
    [
        ("between Acme Inc and Beta LLC.", "parties", ["Acme Inc", "Beta LLC"]),
        ("alone", "parties", None),
        (
            INVOICE,
            "line_items",
            [{"description": "Widget", "amount": 10.0}, {"description": "Gadget", "amount": 968.12}],
        ),
        ("Total  5.00", "line_items", None),
        ("Colours: red, green and blue", "colours", ["red", "green", "blue"]),
        ("Colours: red", "colours", None),
        ("- one\n- two", "points", ["one", "two"]),
        ("a@example.com or b@example.com", "recipients", ["a@example.com", "b@example.com"]),
        ("visit Paris, then Rome", "cities", ["Paris", "Rome"]),
        ("5 and 7", "numbers", [5, 7]),
        ("copper conducts electricity", "keywords", ["copper", "conducts", "electricity"]),
        ("2026-01-01 to 2026-02-01", "dates", ["2026-01-01", "2026-02-01"]),
        ("whenever", "dates", None),
    ],
)
def test_lists_are_found(text: str, name: str, expected: list[Any] | None) -> None:
    assert said(text, name, "array") == expected


@pytest.mark.parametrize(
    ("text", "options", "expected"),
    [
        ("in fahrenheit, not celsius", ("celsius", "fahrenheit"), "fahrenheit"),
        ("billing question", ("billing_question", "other"), "billing_question"),
        ("infahrenheit fahrenheits", ("fahrenheit",), None),
        ("level 2 of 5", (1, 2.0, 5, True, None, ""), 2.0),
        ("nothing", (1, "x", None), None),
    ],
)
def test_options_are_found_where_they_are_mentioned(text: str, options: tuple[Any, ...], expected: Any) -> None:
    assert said(text, "it", options=options) == expected


@pytest.mark.parametrize(
    ("text", "field", "expected"),
    [
        ("I was charged twice", Field("it", ("string",), options=("billing", "charge_issue")), "charge_issue"),
        ("hello", Field("it", ("string",), options=("billing", "other")), None),
        ("hello", Field("it", ("integer",), options=(1, 2)), None),
        ("seven of 9", Field("size", ("integer",)), 7),
        ("1 then 2", Field("second", ("integer",)), 2),
        ("Kim was here", Field("person", ("string",)), "Kim"),
        ("Explain copper!", Field("query", ("string",)), "Explain copper"),
        ("?", Field("query", ("string",)), "?"),
        ("since 2026-01-01", Field("start_date", ("string",)), "2026-01-01"),
        ("since 2026-01-01", Field("start", ("string",), "date"), "2026-01-01"),
        ("anything", Field("shape", ("string",)), None),
        ("anything", Field("at", ("string",), "time"), None),
        ("anything", Field("shape", ("boolean",)), None),
        ("The. I. We", Field("person", ("string",)), None),
    ],
)
def test_what_may_be_meant_is_guessed_where_it_is_wanted(text: str, field: Field, expected: Any) -> None:
    assert Reader(text).first(field) == expected


def test_each_guess_is_made_for_one_field_only() -> None:
    reader = Reader("from 3 to 4")

    assert [reader.first(Field(name, ("integer",))) for name in ("low", "high", "more")] == [3, 4, None]


def test_the_first_text_that_says_something_is_believed() -> None:
    reader = Reader("city: Oslo", "", "city: Rome and name: Kim")

    assert reader.first(Field("city", ("string",))) == "Oslo"
    assert reader.first(Field("name", ("string",))) == "Kim"
    assert Reader().first(Field("city", ("string",))) is None


def test_dates_are_no_numbers() -> None:
    assert said("On 2026-01-05 and 5 May 2026 there were 7 of 12.", "size", "integer", is_wanted=True) == 7


# Labels


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("I want a refund now", "refund_request"),
        ("please cancel my subscription", "cancel_subscription"),
        ("hello there", "other"),
        ("", "other"),
    ],
)
def test_the_best_label_is_the_nearest_or_the_catch_all(text: str, label: str) -> None:
    assert best_label(text, ("refund_request", "other", "cancel_subscription")) == label


def test_without_a_catch_all_the_last_label_is_taken() -> None:
    assert best_label("hello", ("a", "b")) == "b"


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("I love this phone, great battery", "positive"),
        ("terrible, it broke", "negative"),
        ("I would not recommend it", "negative"),
        ("It is a phone", None),
    ],
)
def test_feelings_are_told(text: str, label: str | None) -> None:
    assert likeliest(text, ("positive", "negative", "neutral")) == label


def test_keywords_are_the_words_that_mean_something() -> None:
    assert keywords("Please tell me about Copper and the copper mine") == ["copper", "mine"]


# Any text


NAMES = (
    "party_a",
    "governing_law",
    "total",
    "line_items",
    "city",
    "name",
    "query",
    "expression",
    "path",
    "cmd",
    "email",
    "termination_date",
    "is_x",
    "vendor",
    "phone",
    "url",
    "order_id",
    "time",
    "to_currency",
    "age",
    "title",
    "author",
)


@pytest.mark.parametrize(
    "word",
    [
        "Ab and ",
        "Ab ",
        "of ",
        "no ",
        "1,",
        "term 2026-01-01 ",
        " ",
        "a: ",
        '"',
        "name is ",
        "to X ",
        "- ",
        "1 + ",
        "a/",
        "A1-",
        "1.00\n",
        "@a.",
        "(",
        "'a ",
        "A Co, ",
        "the laws of A",
        "January 1, ",
        "1:00 ",
        "x",
        "X",
        "# ",
        "`a ",
        "``` a\n",
        "~/a",
        "https://a",
        "total is 1 ",
        "between A and ",
        "by A ",
    ],
)
def test_a_long_monotonous_text_is_read_in_no_time(word: str) -> None:
    text = f"between {word * 4_000}"
    start = time.perf_counter()
    for name in NAMES:
        for types in (("string",), ("array",)) if name == "line_items" else (("string", "number", "boolean"),):
            list(islice(Reader(text).find(Field(name, types)), 3))

    assert time.perf_counter() - start < 8


@given(st.text(), st.sampled_from(NAMES))
def test_any_text_can_be_read(text: str, name: str) -> None:
    for types in (("string",), ("number",), ("boolean",), ("array",)):
        list(islice(Reader(text).find(Field(name, types)), 5))
