"""The agent surface: turns of conversations with tools, pinned to their route, one debit each."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from mockserver.kernel.windows import MINUTE
from mockserver.vendors.pareta import tables
from mockserver.vendors.pareta.domain import writing
from mockserver.vendors.pareta.domain.agent import Session
from mockserver.vendors.pareta.operations import chat
from tests.vendors.pareta.clients.samples import png
from tests.vendors.pareta.org import START_MICRO_USD, Org, Streamed
from tests.vendors.pareta.test_chat_attachments import data_uri

PATH = "/agent/v1/chat/completions"
SHELL = {
    "type": "function",
    "function": {
        "name": "run_shell",
        "description": "Run a shell command in the workspace.",
        "parameters": {"type": "object", "properties": {"cmd": {"type": "string"}}, "required": ["cmd"]},
    },
}
SYSTEM = {"role": "system", "content": "You are a helpful agent."}


def turn(org: Org, text: str = "Explain copper.", *, session: str | None = None, **more: Any) -> httpx.Response:
    headers = {"X-Pareta-Session": session} if session else None
    body = {"messages": [SYSTEM, {"role": "user", "content": text}], **more}
    return org.http.post(PATH, json=body, headers=headers)


def mark(response: httpx.Response) -> str:
    assert response.status_code == 200, response.text
    text: str = response.json()["system_fingerprint"]
    return text


def sessions(org: Org) -> list[Session]:
    rows = org.world.store.all(
        "SELECT id, route, pinned_at, turns, last_used_at FROM pareta_agent_sessions WHERE world = ? ORDER BY id",
        (org.world.id,),
    )
    return [Session(*row) for row in rows]


def test_there_is_one_model_and_it_says_how_much_it_reads(org: Org) -> None:
    body = org.get("/agent/v1/models")

    (model,) = body["data"]
    assert body["object"] == "list"
    assert type(model.pop("created")) is int
    assert model == {
        "id": "auto", "object": "model", "owned_by": "pareta", "max_model_len": 131072, "context_window": 131072,
    }  # fmt: skip


@pytest.mark.parametrize("model", [{}, {"model": None}, {"model": "auto"}])
@pytest.mark.parametrize("count", [{}, {"n": None}, {"n": 1}])
def test_a_turn_has_the_openai_shape_and_one_debit(org: Org, model: dict[str, Any], count: dict[str, Any]) -> None:
    response = turn(org, **model, **count)

    answer = response.json()
    assert set(answer) == {"id", "object", "created", "model", "choices", "usage", "system_fingerprint"}
    assert (answer["object"], answer["model"]) == ("chat.completion", "auto")
    usage = answer["usage"]
    frontier = 5 * usage["prompt_tokens"] + 20 * usage["completion_tokens"]
    assert response.headers["x-pareta-billed"] == str(frontier // 18)
    assert [(-e.amount_micro_usd, e.subject) for e in org.debits] == [(frontier // 18, PATH)]
    assert "x-pareta-frontier-would-have-cost" not in response.headers


def test_turns_are_no_part_of_the_rollup_of_auto(org: Org) -> None:
    turn(org)

    assert org.get("/v1/auto/metrics")["requests_30d"] == 0


def test_whatever_else_is_sent_is_ignored(org: Org) -> None:
    more: dict[str, Any] = {
        "reasoning": {"effort": "high"},
        "temperature": "hot",
        "logprobs": 7,
        "n_predict": [],
        "user": {},
        "x": None,
    }

    assert turn(org, **more).status_code == 200


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({"model": "gpt-5.5"}, "model must be 'auto'"),
        ({"model": 5}, "model must be 'auto'"),
        ({"n": 2}, "n must be 1"),
        ({"n": 0}, "n must be 1"),
        ({"n": True}, "n must be 1"),
        ({"messages": []}, "messages: "),
        ({"messages": "hello"}, "messages: "),
        ({"messages": [{"role": "boss"}]}, "messages.0.role: "),
        ({"max_tokens": 0}, "max_tokens: "),
        ({"stream": "yes"}, "stream: "),
        (
            {"tools": [{"type": "function"}], "seed": 0.5},
            "seed: Input should be a valid integer; tools.0.function: field required",
        ),
        ({"tool_choice": "required"}, "tool_choice wants a tool called, but there are no tools"),
    ],
)
def test_every_fault_of_a_body_is_400_in_words(org: Org, body: dict[str, Any], detail: str) -> None:
    response = turn(org, **body)

    assert response.status_code == 400
    assert set(response.json()) == {"detail"}
    assert response.json()["detail"].startswith(detail)
    assert org.debits == []
    assert sessions(org) == []


def test_answers_end_at_8192_tokens_unless_more_is_asked_for(org: Org, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "reply", lambda prompt, roll: "word " * 10_000)

    assert turn(org).json()["usage"]["completion_tokens"] == 8192
    assert turn(org, max_tokens=9000).json()["usage"]["completion_tokens"] == 9000
    assert turn(org, max_completion_tokens=5).json()["choices"][0]["finish_reason"] == "length"


def test_a_conversation_must_fit_into_the_context_and_its_answer_into_the_rest(org: Org) -> None:
    overhead = 2 * 4 + -(-len(str(SYSTEM["content"])) // 4)
    room = 131_072 - overhead

    assert turn(org, "x" * (4 * room)).status_code == 400
    last = turn(org, "x" * (4 * (room - 1)))
    assert last.json()["usage"]["total_tokens"] == 131_072
    assert last.json()["choices"][0]["finish_reason"] == "length"
    detail = turn(org, "x" * (4 * room)).json()["detail"]
    assert detail == "the conversation has 131072 tokens; the context takes 131072, answer included"


# Tools


def test_a_tool_loop_is_called_and_answered(org: Org) -> None:
    asked = [SYSTEM, {"role": "user", "content": "List the files in the repo, then summarize the README."}]
    called = org.http.post(PATH, json={"messages": asked, "tools": [SHELL], "tool_choice": "auto"}).json()

    message = called["choices"][0]["message"]
    assert (called["choices"][0]["finish_reason"], message["content"]) == ("tool_calls", None)
    (call,) = message["tool_calls"]
    assert json.loads(call["function"]["arguments"]) == {"cmd": "ls -la"}
    told = [*asked, message, {"role": "tool", "tool_call_id": call["id"], "content": "README.md\nsetup.py"}]
    answered = org.http.post(PATH, json={"messages": told, "tools": [SHELL]})
    assert "README.md" in answered.json()["choices"][0]["message"]["content"]
    assert mark(answered) == called["system_fingerprint"]
    assert len(org.debits) == 2


# Streams


def test_a_stream_ends_with_a_chunk_of_usage_and_has_no_receipt(org: Org) -> None:
    whole = turn(org, seed=3)
    streamed = Streamed(turn(org, seed=3, stream=True, stream_options={"include_usage": False}).text)

    *spoken, last = streamed.chunks
    assert streamed.comments == []
    assert streamed.order[-2:] == ["chunk", "done"]
    assert (last["choices"], last["usage"]) == ([], whole.json()["usage"])
    assert streamed.content == whole.json()["choices"][0]["message"]["content"]
    assert {chunk["system_fingerprint"] for chunk in streamed.chunks} == {mark(whole)}
    assert {chunk["model"] for chunk in streamed.chunks} == {"auto"}
    assert all("usage" not in chunk for chunk in spoken)
    assert len({entry.amount_micro_usd for entry in org.debits}) == 1


def test_an_abandoned_turn_is_free_and_was_never_taken(org: Org) -> None:
    request = org.http.build_request("POST", PATH, json={"messages": [SYSTEM], "stream": True})
    response = org.http.send(request, stream=True)
    next(response.iter_raw())
    assert sum(org.world.holds.values()) > 0
    response.close()

    assert org.balance == START_MICRO_USD
    assert sessions(org) == []


# Conversations


def test_a_conversation_keeps_its_route_until_it_is_left_for_half_an_hour(org: Org) -> None:
    first = mark(turn(org, session="s1"))
    org.advance(30 * MINUTE - 1)
    again = mark(turn(org, session="s1"))
    org.advance(30 * MINUTE)
    late = mark(turn(org, session="s1"))

    assert first == again != late
    (session,) = sessions(org)
    assert (session.id, session.route, session.turns) == ("s1", "general", 1)


def test_a_turn_in_another_shape_keeps_the_route_but_a_picture_changes_it(org: Org) -> None:
    picture = {"type": "image_url", "image_url": {"url": data_uri(png(2, 2))}}
    look = [SYSTEM, {"role": "user", "content": [{"type": "text", "text": "What is this?"}, picture]}]

    first = mark(turn(org, session="s1"))
    code = mark(turn(org, "Write a Python function that adds two numbers.", session="s1"))
    seen = mark(turn(org, session="s1", messages=look))
    seen_again = mark(turn(org, session="s1", messages=look))
    back = mark(turn(org, session="s1"))

    assert first == code
    assert len({first, seen, back}) == 3 or (first == back != seen)
    assert seen == seen_again
    assert sessions(org)[0].route == "general"


def test_without_a_header_the_conversation_is_told_by_system_prompt_and_tools(org: Org) -> None:
    first = mark(turn(org, "one", tools=[SHELL]))

    assert mark(turn(org, "two", tools=[SHELL])) == first
    assert mark(turn(org, "two", tools=[SHELL, {**SHELL, "function": {"name": "other"}}])) != first
    assert mark(turn(org, "two")) != first
    assert mark(turn(org, "two", tools=[SHELL], messages=[{"role": "user", "content": "x"}])) != first
    assert mark(turn(org, "two", tools=[SHELL], session="named")) != first
    assert sum(session.turns for session in sessions(org)) == 6


def test_organisations_share_no_conversations(org: Org) -> None:
    other = Org(org.simulator, "other")

    assert mark(turn(org)) != mark(turn(other))
    assert len(sessions(other)) == 1


def test_an_empty_session_header_is_none(org: Org) -> None:
    assert mark(turn(org)) == mark(org.http.post(PATH, json={"messages": [SYSTEM]}, headers={"X-Pareta-Session": ""}))


def test_left_conversations_are_forgotten_now_and_then(org: Org) -> None:
    for n in range(10):
        turn(org, session=f"s{n}")
    org.advance(31 * MINUTE)
    for _ in range(64):
        turn(org, session="kept")

    assert [session.id for session in sessions(org)] == ["kept"]


# Idempotency


def test_a_retried_turn_bills_once(org: Org) -> None:
    body = {"messages": [SYSTEM, {"role": "user", "content": "hi"}]}
    first, again = (org.http.post(PATH, json=body, headers={"Idempotency-Key": "k"}) for _ in range(2))

    assert again.content == first.content
    assert again.headers["x-pareta-billed"] == "0"
    assert [session.turns for session in sessions(org)] == [1]


def test_a_retried_stream_is_the_same_bytes_even_if_it_speaks_of_receipts(org: Org) -> None:
    text = "Reply with exactly: : pareta-billed-micro-usd 5"
    body = {"messages": [{"role": "user", "content": text}], "stream": True}
    first, again = (org.http.post(PATH, json=body, headers={"Idempotency-Key": "k"}) for _ in range(2))

    assert "pareta-billed-micro-usd" in Streamed(first.text).content
    assert again.content == first.content
    assert len(org.debits) == 1


# Failures


def test_a_failed_turn_is_502_and_leaves_nothing_behind(org: Org, monkeypatch: pytest.MonkeyPatch) -> None:
    before = org.state()

    def fail(*_: object) -> int:
        raise RuntimeError("out of cheese")

    monkeypatch.setattr(chat, "latency_us", fail)
    response = turn(org)

    assert response.status_code == 502
    assert response.json() == {"detail": "the turn could not be completed"}
    assert org.state() == before


def test_a_turn_whose_debit_fails_leaves_no_conversation(org: Org, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("out of cheese")

    monkeypatch.setattr(tables.ledger, "post", fail)

    assert turn(org).status_code == 502
    assert sessions(org) == []
    monkeypatch.undo()


def test_the_surface_can_be_switched_off(org: Org) -> None:
    org.flip(agent_surface=False)

    for response in (org.http.get("/agent/v1/models"), turn(org), turn(org, model="gpt-5.5"), turn(org, messages=5)):
        assert response.status_code == 404
        assert response.json() == {"detail": "the agent surface is not enabled"}


def test_an_empty_balance_stops_a_turn_before_its_documents_are_read(org: Org) -> None:
    part = {"type": "image_url", "image_url": {"url": data_uri(b"%PDF nonsense", "application/pdf")}}
    org.set_balance(0)

    assert turn(org, messages=[{"role": "user", "content": [part]}]).status_code == 402
    org.set_balance(10**6)
    assert turn(org, messages=[{"role": "user", "content": [part]}]).status_code == 400
