"""Answers in JSON: whatever schema a request brings along, the answer satisfies it, and says what the text says."""

from __future__ import annotations

import json
from typing import Any

import httpx
import openai
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from tests.vendors.pareta.org import Org
from tests.vendors.pareta.schemas import node, schemas, validator
from tests.vendors.pareta.test_chat import said, user
from tests.vendors.pareta.test_endpoints import deployed

INVOICE = "Invoice no. A-2291 from Acme GmbH, issued 2026-05-03, due 2026-06-02. Total due: $1,234.50. Status: paid."


def form(schema: Any, **more: Any) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema, "strict": True, **more}}


def answered(org: Org, schema: Any, text: str = INVOICE, model: str = "auto", **more: Any) -> Any:
    value = json.loads(said(org.chat(model, text, response_format=form(schema), **more)))
    assert validator(schema).is_valid(value)
    return value


def members(**properties: Any) -> dict[str, Any]:
    return {
        "type": "object", "properties": properties, "required": list(properties), "additionalProperties": False,
    }  # fmt: skip


TEXT, DATE, NUMBER = {"type": "string"}, {"type": "string", "format": "date"}, {"type": "number"}
OR_NULL = {"anyOf": [TEXT, {"type": "null"}]}


def test_values_are_taken_from_the_text(org: Org) -> None:
    schema = members(
        invoice_number=TEXT, vendor=TEXT, issued_date=DATE, due_date=DATE, total=NUMBER,
        currency={"enum": ["EUR", "USD"]}, status={"type": "string", "enum": ["open", "paid", "overdue"]},
        buyer=OR_NULL, is_paid={"type": "boolean"},
    )  # fmt: skip

    found = answered(org, schema)

    assert found | {"currency": ""} == {
        "invoice_number": "A-2291", "vendor": "Acme GmbH", "issued_date": "2026-05-03", "due_date": "2026-06-02",
        "total": 1234.5, "currency": "", "status": "paid", "buyer": None, "is_paid": True,
    }  # fmt: skip


def test_the_conversation_is_read_too(org: Org) -> None:
    turns = user("My name is Kim and I live in Oslo.", "Hello Kim.", "Fill in the form.")
    schema = members(name=TEXT, city=TEXT)

    response = org.chat("auto", messages=turns, response_format=form(schema))

    assert json.loads(said(response)) == {"name": "Kim", "city": "Oslo"}


def test_answers_and_summaries_are_written(org: Org) -> None:
    found = answered(org, members(answer=TEXT, reasoning=TEXT), "Explain how copper resists corrosion.")

    assert "copper" in found["answer"]
    assert found["answer"] != found["reasoning"]


def test_recursion_ends(org: Org) -> None:
    deep = {"$ref": "#/$defs/node", "$defs": {"node": node}}

    for seed in range(20):
        answered(org, deep, seed=seed)


def nested(levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "integer"}
    for _ in range(levels):
        schema = members(a=schema)
    return schema


def test_deep_schemas_are_answered_up_to_a_bound_and_then_refused(org: Org) -> None:
    assert org.chat("auto", response_format=form(nested(31))).status_code == 200

    for levels in (32, 60, 85):
        response = org.chat("auto", response_format=form(nested(levels)))
        assert response.status_code == 400
        assert "deep" in response.json()["detail"]


@pytest.mark.parametrize(
    ("schema", "detail"),
    [
        (members(a={"type": "integer", "minimum": 5, "maximum": 3}), "at $.a: no number is at least 5 and at most 3"),
        (members(a={"type": "string", "minLength": 5, "maxLength": 3}), "at $.a: minLength 5 is above maxLength 3"),
        ({"type": "array", "items": {"enum": [1]}, "uniqueItems": True, "minItems": 2}, "at $[1]: uniqueItems: "),
        (members(a={"allOf": [{"type": "string"}, {"type": "integer"}]}), "at $.a: its types exclude one another"),
        (members(a={"enum": ["x"], "type": "integer"}), "at $.a: none of the listed values has a type that is allowed"),
        ({**members(a=TEXT), "required": ["b"]}, "at $: 'b' is required, but not allowed"),
        (False, "at $: nothing is allowed here"),
        ({"not": {}}, "at $: no value was found"),
        ({"$ref": "#/$defs/nowhere"}, "at $: $ref '#/$defs/nowhere' leads nowhere"),
        ({"$ref": "https://example.com/schema.json"}, "at $: $ref 'https://example.com/schema.json' leads nowhere"),
        ({"$ref": "#/title", "title": "x"}, "at $: $ref '#/title' leads to no schema"),
        ({"$ref": "#"}, "at $: it refers to itself without end"),
        ({"$ref": "#/$defs/a", "$defs": {"a": members(a={"$ref": "#/$defs/a"})}}, "it nests deeper than 32 levels"),
        ({"type": "array", "minItems": 10**6, "items": TEXT}, "more than 3000 values would have to be made"),
        ({"type": "string", "minLength": 10**9}, "texts longer than 4000 characters are not made"),
        ({"type": "string", "pattern": "(a+)+$", "minLength": 1000}, "no value was found"),
    ],
)  # fmt: skip
def test_a_schema_nothing_satisfies_is_400_and_says_why_and_free(org: Org, schema: Any, detail: str) -> None:
    response = org.chat("auto", response_format=form(schema))

    assert response.status_code == 400, response.text
    assert detail in response.json()["detail"]
    assert response.json()["detail"].startswith("response_format: schema cannot be satisfied: ")
    assert org.debits == []


@pytest.mark.parametrize(
    ("schema", "detail"),
    [
        ({"type": "text"}, "at $.type: 'text' is not valid"),
        (members(a={"minimum": "low"}), "at $.properties.a.minimum: 'low' is not of type 'number'"),
        ({"required": "a"}, "at $.required: 'a' is not of type 'array'"),
        ({"pattern": "("}, "at $.pattern: '(' is not a 'regex'"),
        ({"$schema": 5}, "at $.$schema: it is not a text"),
        ({"anyOf": []}, "at $.anyOf: [] should be non-empty"),
        ({"patternProperties": {"(a+)+$": True}, "required": ["a" * 40]}, "is too intricate for names longer than"),
        ({"patternProperties": {"a" * 2000: True}}, "a pattern has at most 1000 characters"),
    ],
)  # fmt: skip
def test_what_is_no_schema_is_400_and_says_where(org: Org, schema: Any, detail: str) -> None:
    response = org.chat("auto", response_format=form(schema))

    assert response.status_code == 400, response.text
    assert response.json()["detail"].startswith("response_format: schema is not a valid JSON Schema: ")
    assert detail in response.json()["detail"]


def test_a_huge_schema_is_400(org: Org) -> None:
    schema = members(**{f"member_{n}": {"type": "string", "description": "x" * 100} for n in range(3_000)})

    assert "has more than 262144 bytes" in org.chat("auto", response_format=form(schema)).json()["detail"]


def test_unknown_keywords_and_formats_are_annotations(org: Org) -> None:
    schema = {
        **members(a={"type": "string", "format": "tomorrow", "x-order": 1}),
        "examples": [],
        "unheard-of": {"a": 1},
    }

    assert type(answered(org, schema)["a"]) is str


def test_older_drafts_are_read_by_their_own_rules(org: Org) -> None:
    schema = {
        "$schema": "http://json-schema.org/draft-07/schema#", "type": "object",
        "properties": {"pair": {"type": "array", "items": [TEXT, {"type": "integer"}], "additionalItems": False}},
        "required": ["pair"], "definitions": {}, "dependencies": {"pair": ["other"]},
    }  # fmt: skip

    value = json.loads(said(org.chat("auto", response_format=form(schema))))

    assert [type(item) for item in value["pair"]] == [str, int]
    assert "other" in value


# Other forms


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Vendor: Acme\nTotal due: $4,210.00\nItems: 3", {"vendor": "Acme", "total_due": 4210.0, "items": 3}),
        ('Return {"name", "city"} as JSON: Kim lives in Oslo.', {"name": "Kim", "city": "Oslo"}),
        ("What is 2 + 3?", {"answer": "2 + 3 = 5."}),
    ],
)
def test_any_json_object_is_one_with_what_the_text_says(org: Org, text: str, expected: dict[str, Any]) -> None:
    assert json.loads(said(org.chat("auto", text, response_format={"type": "json_object"}))) == expected


def test_a_list_is_wrapped_where_an_object_is_wanted(org: Org) -> None:
    text = 'ICD-10 codes, as a JSON array of {"code", "description"} objects:\n\nasthma and migraine'

    assert json.loads(said(org.chat("auto", text, response_format={"type": "json_object"}))) == {
        "items": [{"code": "J45.909", "description": "asthma"}, {"code": "G43.909", "description": "migraine"}]
    }
    assert len(json.loads(said(org.chat("auto", text)))) == 2


def test_an_extraction_endpoint_asked_for_json_gives_its_fields(org: Org) -> None:
    assert said(org.chat(seed=1, response_format={"type": "json_object"})) == said(org.chat(seed=1))


def test_an_endpoint_satisfies_the_callers_schema_even_where_it_is_wrong(org: Org) -> None:
    endpoint = deployed(org, "contract-key-fields", name="poor", quality=0.5)["id"]
    schema = members(effective_date=DATE, party={"type": "string", "enum": ["Acme GmbH", "Orchard LLC"]}, count=NUMBER)

    answers = {json.dumps(answered(org, schema, "effective as of 2026-01-05", endpoint)) for _ in range(30)}

    assert len(answers) > 3
    assert org.metric("quality", endpoint)["quality_mean"] < 0.95


def test_an_endpoint_answers_schemas_of_other_things_than_objects(org: Org) -> None:
    assert type(answered(org, {"type": "integer"}, model="ep-contract-key-fields")) is int


def test_structured_answers_are_cut_like_any(org: Org) -> None:
    choice = org.chat("auto", response_format=form(members(a=TEXT)), max_tokens=1).json()["choices"][0]

    assert (choice["finish_reason"], choice["message"]["content"]) == ("length", '{"a"')


def test_streams_and_several_answers_satisfy_the_schema_too(org: Org) -> None:
    schema = members(size={"type": "integer", "minimum": 1, "maximum": 1000})
    plain = org.chat("auto", "Guess.", n=8, seed=1, response_format=form(schema)).json()
    streamed = org.stream("auto", "Guess.", seed=1, response_format=form(schema))

    contents = [choice["message"]["content"] for choice in plain["choices"]]
    assert all(validator(schema).is_valid(json.loads(content)) for content in contents)
    assert len(set(contents)) == 8
    assert streamed.content == contents[0]


def test_a_tool_is_called_before_a_schema_is_filled_in(org: Org) -> None:
    tool = {
        "type": "function",
        "function": {"name": "get_weather", "parameters": members(city=TEXT)},
    }
    asked = user("What is the weather in Oslo?")
    shape = form(members(temperature=NUMBER))
    first = org.chat("auto", messages=asked, tools=[tool], response_format=shape).json()["choices"][0]["message"]
    told = {"role": "tool", "tool_call_id": first["tool_calls"][0]["id"], "content": '{"temperature": 12.5}'}

    last = org.chat("auto", messages=[*asked, first, told], tools=[tool], response_format=shape)

    assert json.loads(said(last)) == {"temperature": 12.5}


# Any schema at all


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(schema=schemas(), text=st.sampled_from([INVOICE, "Explain copper.", ""]), seed=st.integers(0, 3))
def test_whatever_the_schema_the_answer_satisfies_it_and_is_the_same_again(
    org: Org, schema: dict[str, Any], text: str, seed: int
) -> None:
    request = {"model": "auto", "messages": user(text), "seed": seed, "response_format": form(schema)}

    response: httpx.Response = org.http.post("/v1/chat/completions", json=request)

    if response.status_code == 400:
        assert response.json()["detail"].startswith("response_format: schema cannot be satisfied: at $")
        return
    assert validator(schema).is_valid(json.loads(said(response)))
    again = org.http.post("/v1/chat/completions", json=request)
    assert again.json()["choices"] == response.json()["choices"]
    assert again.json()["usage"] == response.json()["usage"]


class Person(BaseModel):
    """What a client wants filled in."""

    name: str
    age: int
    languages: list[str]
    manager: Person | None


@pytest.mark.sdk
def test_the_openai_client_parses_answers_into_models(url: str, org: Org) -> None:
    with openai.OpenAI(api_key="pareta_sk_test_acme", base_url=f"{url}/v1", max_retries=0) as client:
        parsed = client.chat.completions.parse(
            model="auto", n=2, response_format=Person,
            messages=[{"role": "user", "content": "My name is Kim and I am 34 years old."}],
        )  # fmt: skip
        with client.chat.completions.stream(
            model="auto", response_format=Person, messages=[{"role": "user", "content": "My name is Kim."}]
        ) as stream:
            last = stream.get_final_completion().choices[0].message.parsed

    people = [choice.message.parsed for choice in parsed.choices]
    assert [(person.name, person.age) for person in people if person] == [("Kim", 34)] * 2
    assert isinstance(last, Person)
    assert len(org.debits) == 2
