"""The paths a stock OpenAI client has here, sync and async, over a socket."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Callable, Iterator
from typing import Any, cast

import openai
import pytest
from pydantic import BaseModel

from mockserver.app import Simulator
from tests.vendors.pareta.org import ENDPOINT, FRONTIER, PRICE, SEED, STOPPED, Org
from tests.vendors.pareta.sdk import Plain

pytestmark = pytest.mark.sdk

QUESTION = [{"role": "user", "content": "Explain how a prepaid balance works."}]
CONTRACT = [{"role": "user", "content": "Effective as of January 1, 2026, governed by the laws of Delaware."}]
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather in a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
FORCED = {"type": "function", "function": {"name": "weather"}}


class Place(BaseModel):
    city: str
    population: int
    is_capital: bool


Opened = Callable[..., Any]


@pytest.fixture(params=[False, True], ids=["sync", "async"])
def opened(request: pytest.FixtureRequest, url: str) -> Iterator[Opened]:
    """Make clients, by default for the organisation `acme` at `/v1`."""
    clients: list[Any] = []
    with asyncio.Runner() as runner:

        def make(path: str = "/v1", key: str = "pareta_sk_test_acme") -> Any:
            kind = openai.AsyncOpenAI if request.param else openai.OpenAI
            client = kind(api_key=key, base_url=url + path, max_retries=0)
            clients.append(client)
            return Plain(client, runner) if request.param else client

        yield make
        for client in clients:
            Plain(client, runner).close()


@pytest.fixture
def client(opened: Opened) -> Any:
    return opened()


def spent(org: Org) -> list[int]:
    return [-entry.amount_micro_usd for entry in org.debits]


def test_a_whole_answer_has_its_usage_and_its_receipt(client: Any, org: Org) -> None:
    raw = client.chat.completions.with_raw_response.create(model=ENDPOINT, messages=CONTRACT, temperature=0)

    answer = raw.parse()
    assert json.loads(answer.choices[0].message.content)["governing_law"] == "Delaware"
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens > 0
    assert int(raw.headers["x-pareta-billed"]) == PRICE
    assert int(raw.headers["x-pareta-frontier-would-have-cost"]) == FRONTIER
    assert spent(org) == [PRICE]


def test_a_stream_ends_with_its_usage_where_it_is_asked_for(client: Any, org: Org) -> None:
    whole = client.chat.completions.create(model="auto", messages=QUESTION)
    chunks = list(
        client.chat.completions.create(
            model="auto", messages=QUESTION, stream=True, stream_options={"include_usage": True}
        )
    )

    *pieces, last = chunks
    assert "".join(piece.choices[0].delta.content or "" for piece in pieces) == whole.choices[0].message.content
    assert pieces[-1].choices[0].finish_reason == "stop"
    assert (last.choices, last.usage) == ([], whole.usage)
    assert len(set(spent(org))) == 1
    assert len(spent(org)) == 2


def test_a_forced_tool_is_called_and_its_result_answered(client: Any, org: Org) -> None:
    asked: list[dict[str, Any]] = [{"role": "user", "content": "What is the weather in Oslo?"}]
    called = client.chat.completions.create(model="auto", messages=asked, tools=[WEATHER], tool_choice=FORCED)

    (choice,) = called.choices
    assert (choice.finish_reason, choice.message.content) == ("tool_calls", None)
    (call,) = choice.message.tool_calls
    assert (call.type, call.function.name) == ("function", "weather")
    assert set(json.loads(call.function.arguments)) == {"city"}
    told = [*asked, choice.message.model_dump(), {"role": "tool", "tool_call_id": call.id, "content": "12 degrees"}]
    answered = client.chat.completions.create(model="auto", messages=told, tools=[WEATHER])
    assert answered.choices[0].finish_reason == "stop"
    assert answered.choices[0].message.content
    assert len(spent(org)) == 2


def test_a_streamed_tool_call_comes_in_pieces_that_make_the_whole(client: Any) -> None:
    asked = {"model": "auto", "messages": QUESTION, "tools": [WEATHER], "tool_choice": FORCED}
    whole = client.chat.completions.create(**asked).choices[0].message.tool_calls[0].function

    name, arguments, finish = "", "", None
    for chunk in client.chat.completions.create(stream=True, **asked):
        finish = chunk.choices[0].finish_reason or finish
        for piece in chunk.choices[0].delta.tool_calls or []:
            assert piece.index == 0
            name += piece.function.name or ""
            arguments += piece.function.arguments or ""

    assert (name, arguments, finish) == (whole.name, whole.arguments, "tool_calls")


def test_a_schema_shapes_the_answer(client: Any, org: Org) -> None:
    parsed = client.chat.completions.parse(model="auto", messages=QUESTION, response_format=Place)
    assert type(parsed.choices[0].message.parsed) is Place

    loose = client.chat.completions.create(model="auto", messages=QUESTION, response_format={"type": "json_object"})
    assert type(json.loads(loose.choices[0].message.content)) is dict
    assert len(spent(org)) == 2


def test_models_are_auto_alone(client: Any) -> None:
    assert [(model.id, model.object, model.owned_by) for model in client.models.list()] == [("auto", "model", "pareta")]


def test_embeddings_come_as_the_client_asks_for_them(client: Any, org: Org) -> None:
    packed = client.embeddings.create(model="qwen-embed-1", input=["one text", "another"])
    plain = client.embeddings.create(model="any", input="one text", encoding_format="float")

    assert [row.index for row in packed.data] == [0, 1]
    assert len(packed.data[0].embedding) == 1024
    assert packed.data[0].embedding == pytest.approx(plain.data[0].embedding, abs=1e-6)
    assert sum(x * x for x in plain.data[0].embedding) == pytest.approx(1, abs=1e-4)
    assert spent(org) == [math.ceil(4 * found.usage.prompt_tokens / 1000) for found in (packed, plain)]


def test_refusals_are_the_clients_own_exceptions(client: Any, opened: Opened, org: Org) -> None:
    def chat(**more: Any) -> Callable[[], Any]:
        return lambda: client.chat.completions.create(**{"model": "auto", "messages": QUESTION, **more})

    refusals: list[tuple[type[openai.APIStatusError], int, Callable[[], Any]]] = [
        (openai.BadRequestError, 400, chat(n=9)),
        (openai.AuthenticationError, 401, lambda: opened(key="sk-somebody").models.list()),
        (openai.NotFoundError, 404, chat(model="gpt-4")),
        (openai.ConflictError, 409, chat(model=SEED)),
        (openai.UnprocessableEntityError, 422, chat(messages="none")),
        (openai.InternalServerError, 503, chat(model=STOPPED, stream=True)),
    ]
    for kind, status, work in refusals:
        with pytest.raises(kind) as caught:
            work()
        assert caught.value.status_code == status
        assert str(caught.value.request_id).startswith("req_")
        assert set(cast("dict[str, Any]", caught.value.body)) == {"detail"}
    org.set_balance(0)
    with pytest.raises(openai.APIStatusError) as empty:
        chat()()
    assert empty.value.status_code == 402
    assert spent(org) == []


# The agent surface


def test_agents_see_one_model_and_how_much_it_reads(opened: Opened) -> None:
    (model,) = opened("/agent/v1").models.list()
    assert (model.id, model.owned_by, model.max_model_len, model.context_window) == ("auto", "pareta", 131072, 131072)


def test_an_agents_turn_is_one_debit_whole_or_streamed(opened: Opened, org: Org) -> None:
    client = opened("/agent/v1")
    raw = client.chat.completions.with_raw_response.create(model="auto", messages=QUESTION)
    chunks = list(client.chat.completions.create(model="auto", messages=QUESTION, stream=True))

    whole = raw.parse()
    assert whole.model == "auto"
    assert [int(raw.headers["x-pareta-billed"])] == spent(org)[:1]
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == whole.choices[0].message.content
    assert [chunk.usage for chunk in chunks if chunk.usage] == [whole.usage]
    assert len(spent(org)) == 2


def test_an_agents_tools_pass_through(opened: Opened, org: Org) -> None:
    asked = {"model": "auto", "messages": QUESTION, "tools": [WEATHER], "parallel_tool_calls": False}
    answer = opened("/agent/v1").chat.completions.create(tool_choice="required", **asked)
    assert answer.choices[0].finish_reason == "tool_calls"
    assert [call.function.name for call in answer.choices[0].message.tool_calls] == ["weather"]
    assert len(spent(org)) == 1


def test_an_agents_faulty_turn_is_refused_and_free(opened: Opened, simulator: Simulator, org: Org) -> None:
    client = opened("/agent/v1")
    for more in ({"model": "gpt-5.5"}, {"n": 2}):
        with pytest.raises(openai.BadRequestError):
            client.chat.completions.create(**{"model": "auto", "messages": QUESTION, **more})
    assert client.chat.completions.create(model="auto", messages=QUESTION, extra_body={"reasoning": {"x": 1}}).choices
    org.set_balance(0)
    with pytest.raises(openai.APIStatusError) as empty:
        client.chat.completions.create(model="auto", messages=QUESTION)
    assert empty.value.status_code == 402
    assert len(spent(org)) == 1
