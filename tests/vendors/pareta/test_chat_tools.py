"""Tools: when they are called, with which arguments, and what is said once they have answered."""

from __future__ import annotations

import json
from typing import Any

import httpx
import jsonschema
import openai
import pytest

from tests.vendors.pareta.org import Org
from tests.vendors.pareta.test_chat import said, tokens, user


def function(name: str, description: str = "", required: tuple[str, ...] = (), **members: Any) -> dict[str, Any]:
    parameters: dict[str, Any] = {"type": "object", "properties": members, "required": list(required)}
    return {"type": "function", "function": {"name": name, "description": description, "parameters": parameters}}


TEXT = {"type": "string"}
WEATHER = function(
    "get_weather", "Current weather.", ("city",),
    city=TEXT, unit={"type": "string", "enum": ["celsius", "fahrenheit"]},
)  # fmt: skip
CLOCK = function("get_time", "The time in a city.", ("city",), city=TEXT)
ADD = function("add", "Add two numbers.", ("a", "b"), a={"type": "number"}, b={"type": "number"})
FLIGHT = function(
    "book_flight", "Book a flight.", ("origin", "destination", "date", "passengers"),
    origin=TEXT, destination=TEXT, date={"type": "string", "format": "date"},
    passengers={"type": "integer", "minimum": 1},
)  # fmt: skip
MAIL = function("send_email", "Send an email.", ("to", "body"), to={"type": "string", "format": "email"}, body=TEXT)
SEARCH = function("web_search", "Search the web.", ("query",), query=TEXT, limit={"type": "integer"})
ALL = [WEATHER, CLOCK, ADD, FLIGHT, MAIL, SEARCH]


def forced(name: str) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name}}


def ask(org: Org, text: str, *tools: dict[str, Any], **more: Any) -> httpx.Response:
    return org.chat("auto", text, tools=list(tools), **more)


def calls(response: httpx.Response, number: int = 0) -> list[tuple[str, Any]]:
    """Name and arguments of each call of an answer."""
    assert response.status_code == 200, response.text
    choice = response.json()["choices"][number]
    assert (choice["finish_reason"], choice["message"]["content"]) == ("tool_calls", None)
    return [(c["function"]["name"], json.loads(c["function"]["arguments"])) for c in choice["message"]["tool_calls"]]


# Which, and with what


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("What is the weather in Paris?", [("get_weather", {"city": "Paris"})]),
        ("What is the weather in Paris in fahrenheit?", [("get_weather", {"city": "Paris", "unit": "fahrenheit"})]),
        ("What time is it in New York?", [("get_time", {"city": "New York"})]),
        ("What is 12 plus 30? Use the add tool.", [("add", {"a": 12, "b": 30})]),
        (
            "Book a flight from Berlin to New York on March 4, 2026 for 3 passengers.",
            [("book_flight",
              {"origin": "Berlin", "destination": "New York", "date": "2026-03-04", "passengers": 3})],
        ),
        ("Send an email to kim@example.com that says \"lunch at noon\".",
         [("send_email", {"to": "kim@example.com", "body": "lunch at noon"})]),
        ("Search the web for cheap hotels in Rome", [("web_search", {"query": "cheap hotels in Rome"})]),
        (
            "What is the weather in Paris, Oslo and San Francisco, and what time is it in Tokyo?",
            [("get_weather", {"city": "Paris"}), ("get_weather", {"city": "Oslo"}),
             ("get_weather", {"city": "San Francisco"}), ("get_time", {"city": "Tokyo"})],
        ),
    ],
)  # fmt: skip
def test_the_tool_that_is_spoken_of_is_called_with_what_the_text_says(
    org: Org, text: str, expected: list[tuple[str, Any]]
) -> None:
    assert calls(ask(org, text, *ALL)) == expected


def test_without_parallel_calls_there_is_one(org: Org) -> None:
    text = "What is the weather in Paris, Oslo and Rome?"

    assert calls(ask(org, text, WEATHER, parallel_tool_calls=False)) == [("get_weather", {"city": "Paris"})]


@pytest.mark.parametrize("text", ["Hello!", "Explain how copper resists corrosion.", "Thanks, that is all."])
def test_what_no_tool_is_for_is_answered_in_words(org: Org, text: str) -> None:
    response = ask(org, text, *ALL)

    assert response.json()["choices"][0]["finish_reason"] == "stop"
    assert said(response)


def test_no_tool_is_called_against_the_callers_will(org: Org) -> None:
    assert said(ask(org, "What is the weather in Paris?", WEATHER, tool_choice="none"))


@pytest.mark.parametrize("text", ["Hello!", "Explain copper.", "", "?"])
def test_a_required_call_is_made_in_any_case(org: Org, text: str) -> None:
    ((name, arguments),) = calls(ask(org, text, WEATHER, tool_choice="required"))

    assert name == "get_weather"
    assert type(arguments["city"]) is str


def test_a_named_tool_is_the_one_that_is_called(org: Org) -> None:
    ((name, arguments),) = calls(ask(org, "What is the weather in Paris?", *ALL, tool_choice=forced("get_time")))

    assert (name, arguments) == ("get_time", {"city": "Paris"})


@pytest.mark.parametrize("mode", ["auto", "required"])
def test_only_allowed_tools_are_called(org: Org, mode: str) -> None:
    allowed = {"mode": mode, "tools": [{"type": "function", "name": "get_time"}, forced("add")]}
    choice = {"type": "allowed_tools", "allowed_tools": allowed}

    (call,) = calls(ask(org, "What time and weather is it in Paris?", *ALL, tool_choice=choice))

    assert call == ("get_time", {"city": "Paris"})


@pytest.mark.parametrize(
    "choice",
    [
        {"type": "function"}, {"type": "function", "function": {}}, {"type": "function", "function": {"name": 5}},
        {"type": "tool"}, {}, {"type": "allowed_tools"}, {"type": "allowed_tools", "allowed_tools": {"mode": "x"}},
        {"type": "allowed_tools", "allowed_tools": {"tools": 5}}, "any",
        {"type": "allowed_tools", "allowed_tools": {"tools": ["x"]}},
    ],
)  # fmt: skip
def test_a_choice_that_says_nothing_is_400(org: Org, choice: Any) -> None:
    response = ask(org, "hi", WEATHER, tool_choice=choice)

    assert response.status_code == 400
    assert response.json()["detail"].startswith("tool_choice ")


def test_what_earlier_turns_say_fills_arguments_too(org: Org) -> None:
    turns = user("I live in Oslo.", "Good to know.", "What is the weather where I am?")

    assert calls(org.chat("auto", messages=turns, tools=[WEATHER])) == [("get_weather", {"city": "Oslo"})]


def test_a_tool_without_parameters_is_called_with_none(org: Org) -> None:
    forms: list[dict[str, Any]] = [{}, {"parameters": None}, {"parameters": {}}]
    for parameters in forms:
        tool = {"type": "function", "function": {"name": "ping", **parameters}}
        assert calls(ask(org, "Call the ping tool.", tool)) == [("ping", {})]


ORDER = function(
    "place_order", "Place an order.", ("items", "address", "priority"),
    items={
        "type": "array", "minItems": 1, "items": {
            "type": "object", "properties": {"sku": {"type": "string", "pattern": "^[A-Z]{3}-\\d{3}$"},
                                             "quantity": {"type": "integer", "minimum": 1, "maximum": 99}},
            "required": ["sku", "quantity"], "additionalProperties": False,
        },
    },
    address={"$ref": "#/$defs/address"}, priority={"type": "integer", "enum": [1, 2, 3]}, note=TEXT,
)  # fmt: skip
ORDER["function"]["parameters"]["$defs"] = {
    "address": {
        "type": "object", "required": ["city", "zip"],
        "properties": {"city": TEXT, "zip": {"type": "string", "minLength": 5}},
    }
}  # fmt: skip


@pytest.mark.parametrize("text", ["Place an order of 3 ABC-123 to Oslo with priority 2.", "Place an order."])
def test_arguments_satisfy_their_schema_whatever_the_text_says(org: Org, text: str) -> None:
    ((_, arguments),) = calls(ask(org, text, ORDER))

    jsonschema.validate(arguments, ORDER["function"]["parameters"])
    if "Oslo" in text:
        assert arguments["items"][0]["sku"] == "ABC-123"
        assert arguments["address"]["city"] == "Oslo"
        assert arguments["priority"] in (2, 3)
    assert "note" not in arguments, "nothing optional is made up"


@pytest.mark.parametrize(
    ("parameters", "detail"),
    [
        ({"type": "objekt"}, "tools: parameters of 'x' is not a valid JSON Schema: at $.type: "),
        ({"type": "string"}, "tools: parameters of 'x' cannot be satisfied: at $: "),
        ({"type": "object", "required": ["a"], "additionalProperties": False},
         "tools: parameters of 'x' cannot be satisfied: at $: 'a' is required, but not allowed"),
    ],
)  # fmt: skip
def test_parameters_nobody_could_give_are_400_and_free(org: Org, parameters: Any, detail: str) -> None:
    tool = {"type": "function", "function": {"name": "x", "parameters": parameters}}

    response = ask(org, "go", tool, tool_choice="required")

    assert response.status_code == 400
    assert response.json()["detail"].startswith(detail)
    assert org.debits == []


# Afterwards


def test_a_result_is_answered_in_words_that_use_it(org: Org) -> None:
    asked = user("What is the weather in Paris and what time is it in Tokyo?")
    message = org.chat("auto", messages=asked, tools=ALL).json()["choices"][0]["message"]
    results = ('{"temperature_c": 12, "conditions": ["windy", "wet"], "alert": null}', "23:15")
    told = [
        {"role": "tool", "tool_call_id": call["id"], "content": content}
        for call, content in zip(message["tool_calls"], results, strict=True)
    ]

    text = said(org.chat("auto", messages=[*asked, message, *told], tools=ALL))

    assert "temperature c is 12" in text
    assert "windy and wet" in text
    assert "23:15" in text
    assert "get_weather" in text
    assert "get_time" in text


def test_after_a_result_another_call_is_made_only_if_it_is_insisted_on(org: Org) -> None:
    asked = user("What is the weather in Paris?")
    told = [*asked, {"role": "tool", "tool_call_id": "call_x", "name": "get_weather", "content": "12 degrees"}]

    assert "12 degrees" in said(org.chat("auto", messages=told, tools=[WEATHER]))
    assert calls(org.chat("auto", messages=told, tools=[WEATHER], tool_choice="required"))
    again = [*told, {"role": "assistant", "content": "12 degrees."}, *user("And in Oslo? What is the weather there?")]
    assert calls(org.chat("auto", messages=again, tools=[WEATHER])) == [("get_weather", {"city": "Oslo"})]


@pytest.mark.parametrize("content", ["", None, "{broken", "[]", "{}", '"text"', "null", "x" * 50_000])
def test_whatever_a_tool_returns_is_answered(org: Org, content: str | None) -> None:
    messages = [*user("What is the weather?"), {"role": "tool", "tool_call_id": "c", "content": content}]

    response = org.chat("auto", messages=messages, tools=[WEATHER])

    assert response.json()["choices"][0]["finish_reason"] == "stop"
    assert 0 < len(said(response)) < 2_000


# Sizes, chance, several answers


def test_tools_and_calls_count_as_tokens(org: Org) -> None:
    text = "What is the weather in Paris?"
    plain = org.chat("auto", text).json()["usage"]["prompt_tokens"]
    with_tool = ask(org, text, WEATHER).json()

    assert plain == tokens(text)
    assert with_tool["usage"]["prompt_tokens"] > plain + len(json.dumps(WEATHER)) // 5
    assert ask(org, text, WEATHER, tool_choice="none").json()["usage"]["prompt_tokens"] == plain
    function = with_tool["choices"][0]["message"]["tool_calls"][0]["function"]
    written = -(-len(function["name"]) // 4) + -(-len(function["arguments"]) // 4)
    assert with_tool["usage"]["completion_tokens"] == written
    message = with_tool["choices"][0]["message"]
    again = org.chat("auto", messages=[*user(text), message]).json()["usage"]["prompt_tokens"]
    assert again == tokens(text, "") + written


def test_a_call_that_does_not_fit_ends_for_length(org: Org) -> None:
    choice = ask(org, "What is the weather in Paris?", WEATHER, max_tokens=5).json()["choices"][0]

    assert choice["finish_reason"] == "length"
    assert len(choice["message"]["tool_calls"][0]["function"]["arguments"]) == 8


def test_the_same_seed_gives_the_same_calls_to_the_letter(org: Org) -> None:
    def asked() -> Any:
        return ask(org, "Place an order.", ORDER, seed=4, n=3).json()["choices"]

    first = asked()
    ask(org, "What is the weather in Paris?", WEATHER)

    assert asked() == first
    identities = [choice["message"]["tool_calls"][0]["id"] for choice in first]
    assert len(set(identities)) == 3
    assert all(identity.startswith("call_") for identity in identities)
    assert ask(org, "Place an order.", ORDER, seed=5).json()["choices"] != first[:1]


def test_an_endpoint_calls_tools_at_its_own_rate(org: Org) -> None:
    response = org.chat(text="What is the weather in Paris?", tools=[WEATHER])

    assert calls(response) == [("get_weather", {"city": "Paris"})]
    assert response.headers["x-pareta-billed"] == "90"


# Streams and clients


def test_streamed_calls_add_up_to_the_plain_ones(org: Org) -> None:
    request: dict[str, Any] = {"tools": ALL, "seed": 1, "n": 2}
    text = "What is the weather in Paris and London?"
    plain = org.chat("auto", text, **request).json()
    streamed = org.stream("auto", text, **request)

    for choice in plain["choices"]:
        built: dict[int, dict[str, Any]] = {}
        spoken = [c["choices"][0] for c in streamed.chunks if c["choices"][0]["index"] == choice["index"]]
        for piece in spoken:
            assert not piece["delta"].get("content")
            for part in piece["delta"].get("tool_calls", []):
                call = built.setdefault(part["index"], {"function": {"name": "", "arguments": ""}})
                call |= {name: part[name] for name in ("id", "type") if name in part}
                for name, value in part["function"].items():
                    call["function"][name] += value
        assert list(built.values()) == choice["message"]["tool_calls"]
        assert [piece["finish_reason"] for piece in spoken[-2:]] == [None, "tool_calls"]
        assert spoken[0]["delta"]["role"] == "assistant"
    assert streamed.usage == [plain["usage"]]


@pytest.mark.sdk
def test_the_openai_client_runs_a_tool_loop_and_gathers_a_stream_of_calls(url: str, org: Org) -> None:
    with openai.OpenAI(api_key="pareta_sk_test_acme", base_url=f"{url}/v1", max_retries=0) as client:
        asked: Any = user("What is the weather in Paris and London?")
        tools: Any = [WEATHER]
        first = client.chat.completions.create(model="auto", messages=asked, tools=tools)
        message = first.choices[0].message
        assert message.tool_calls is not None
        results = [{"role": "tool", "tool_call_id": call.id, "content": "12 degrees"} for call in message.tool_calls]
        told: Any = [*asked, message.model_dump(exclude_none=True), *results]
        last = client.chat.completions.create(model="auto", messages=told, tools=tools)
        with client.chat.completions.stream(model="auto", messages=asked, tools=tools) as stream:
            gathered = stream.get_final_completion()

    assert str(last.choices[0].message.content).count("12 degrees") == 2
    streamed = gathered.choices[0].message.tool_calls
    assert streamed is not None
    assert [c.function.arguments for c in streamed] == [
        c.function.arguments for c in message.tool_calls if c.type == "function"
    ]
    assert len(org.debits) == 3
