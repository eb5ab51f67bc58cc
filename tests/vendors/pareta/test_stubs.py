"""Stubbed answers of every generator: what is said is the stub's, what it costs is what it would have cost."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from typing import Any

import httpx
import openai
import pytest

from mockserver.app import Simulator
from mockserver.vendors.pareta import tables
from mockserver.vendors.pareta.domain.pricing import auto_price
from tests.control.conftest import ControlClient
from tests.vendors.pareta.org import ENDPOINT, FRONTIER, PRICE, STOPPED, Org, Streamed
from tests.vendors.pareta.recordings import tone
from tests.vendors.pareta.sdk import installed

TOOL = {"type": "function", "function": {"name": "look_up", "parameters": {"type": "object"}}}
SCHEMA = {
    "type": "json_schema",
    "json_schema": {"name": "city", "schema": {"type": "object", "required": ["city"], "properties": {"city": {}}}},
}


@pytest.fixture
def control(simulator: Simulator) -> ControlClient:
    return ControlClient(simulator)


@pytest.fixture
def stub(control: ControlClient) -> Any:
    """Places a stub in the world of the organisation."""

    def place(**body: Any) -> None:
        answer = control.post("worlds/acme/stubs", body)
        assert answer.status_code == 201, answer.text

    return place


def choices(response: httpx.Response) -> list[dict[str, Any]]:
    assert response.status_code == 200, response.text
    found: list[dict[str, Any]] = response.json()["choices"]
    return found


def billed(response: httpx.Response) -> int:
    assert response.status_code == 200, response.text
    return int(response.headers["x-pareta-billed"])


# Chat


@pytest.mark.parametrize("model", ["auto", ENDPOINT, "gpt-5.5"])
def test_a_text_is_said_whoever_serves(org: Org, stub: Any, model: str) -> None:
    org.flip(direct_models=True)
    stub(text="Refunds take five days.")

    answer = org.chat(model)

    assert choices(answer) == [
        {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Refunds take five days."}}
    ]
    assert answer.json()["usage"]["completion_tokens"] == 6
    assert org.journal[-1].stub == "stub-1"


def test_what_a_stubbed_answer_costs_follows_from_its_text(org: Org, stub: Any) -> None:
    stub(answers=[{"text": "abcd"}, {"text": "abcd" * 1000}])
    before = org.balance

    short, long = org.chat("auto"), org.chat("auto")

    sheet = tables.catalog.price_sheet(org.world)
    said = [answer.json()["usage"] for answer in (short, long)]
    assert [usage["completion_tokens"] for usage in said] == [1, 1000]
    assert [billed(answer) for answer in (short, long)] == [
        auto_price(sheet, usage["prompt_tokens"], usage["completion_tokens"]).billed_micro_usd for usage in said
    ]
    assert before - org.balance == billed(short) + billed(long)
    assert [entry.amount_micro_usd for entry in org.debits] == [-billed(short), -billed(long)]
    assert org.journal[-1].cost_micro_usd == billed(long)


def test_an_endpoint_bills_its_flat_price_for_a_stubbed_answer_and_counts_it(org: Org, stub: Any) -> None:
    stub(text="x")

    answer = org.chat()

    assert billed(answer) == PRICE
    assert answer.headers["x-pareta-frontier-would-have-cost"] == str(FRONTIER)
    assert org.metric("activity")["completion_tokens"] == 1
    assert (org.metric("cost")["total_micro_usd"], org.metric("cost")["requests"]) == (PRICE, 1)


def test_a_stream_says_the_stubbed_text_piece_by_piece_and_is_debited_at_its_end(org: Org, stub: Any) -> None:
    stub(text="One two three four five six seven.", model="auto")

    streamed = org.stream("auto")

    assert streamed.content == "One two three four five six seven."
    assert len([chunk for chunk in streamed.chunks if chunk["choices"][0]["delta"].get("content")]) == 3
    assert streamed.chunks[-1]["choices"][0]["finish_reason"] == "stop"
    assert -org.debits[-1].amount_micro_usd == streamed.receipt("pareta-billed-micro-usd ") > 0


def test_stop_sequences_and_max_tokens_cut_a_stubbed_text(org: Org, stub: Any) -> None:
    stub(text="abcdefgh STOP ijkl", finish_reason="stop")

    (stopped,) = choices(org.chat("auto", stop="STOP"))
    (cut,) = choices(org.chat("auto", max_tokens=2))

    assert (stopped["message"]["content"], stopped["finish_reason"]) == ("abcdefgh ", "stop")
    assert (cut["message"]["content"], cut["finish_reason"]) == ("abcdefgh", "length")


@pytest.mark.parametrize("reason", ["stop", "length", "tool_calls", "content_filter"])
def test_an_answer_ends_for_the_reason_given(org: Org, stub: Any, reason: str) -> None:
    stub(text="", finish_reason=reason)

    (choice,) = choices(org.chat("auto"))

    assert (choice["message"]["content"], choice["finish_reason"]) == ("", reason)
    assert org.stream("auto").chunks[-1]["choices"][0]["finish_reason"] == reason


def test_json_is_said_as_text(org: Org, stub: Any) -> None:
    stub(json={"city": "Köln", "n": [1, 2.5, None]})

    (choice,) = choices(org.chat("auto", response_format=SCHEMA))

    assert choice["message"]["content"] == '{"city": "Köln", "n": [1, 2.5, null]}'


def test_null_is_json_too(org: Org, stub: Any) -> None:
    stub(json=None)

    assert choices(org.chat("auto"))[0]["message"]["content"] == "null"


def test_what_a_request_wants_of_its_answer_does_not_bind_a_stub(org: Org, stub: Any) -> None:
    stub(text="no JSON at all")

    assert choices(org.chat("auto", response_format=SCHEMA))[0]["message"]["content"] == "no JSON at all"
    assert choices(org.chat("auto", tools=[TOOL], tool_choice="required"))[0]["message"]["content"] == "no JSON at all"


def test_tools_are_called_with_given_or_made_up_ids(org: Org, stub: Any) -> None:
    stub(
        tool_calls=[
            {"name": "look_up", "arguments": {"id": 7}, "id": "call_mine"},
            {"name": "look_up", "arguments": "{broken"},
        ]
    )

    (choice,) = choices(org.chat("auto", tools=[TOOL]))
    streamed = org.stream("auto", tools=[TOOL])

    first, second = choice["message"]["tool_calls"]
    assert (choice["finish_reason"], choice["message"]["content"]) == ("tool_calls", None)
    assert first == {"id": "call_mine", "type": "function", "function": {"name": "look_up", "arguments": '{"id": 7}'}}
    assert second["function"]["arguments"] == "{broken"
    assert second["id"].startswith("call_")
    assert second["id"] != "call_mine"
    assert streamed.chunks[-1]["choices"][0]["finish_reason"] == "tool_calls"
    parts = [call for chunk in streamed.chunks for call in chunk["choices"][0]["delta"].get("tool_calls", [])]
    assert "".join(part["function"]["arguments"] for part in parts if part["index"] == 1) == "{broken"


def test_each_choice_of_one_request_says_the_same_and_is_billed(org: Org, stub: Any) -> None:
    stub(answers=[{"text": "abcd"}, {"tool_calls": [{"name": "look_up"}]}])

    said = org.chat("auto", n=3)
    called = choices(org.chat("auto", n=2, tools=[TOOL]))

    assert [choice["message"]["content"] for choice in choices(said)] == ["abcd"] * 3
    assert said.json()["usage"]["completion_tokens"] == 3
    assert len({choice["message"]["tool_calls"][0]["id"] for choice in called}) == 2


def test_a_stubbed_answer_on_an_endpoint_is_judged_like_any_other(org: Org, stub: Any) -> None:
    def judged(text: str) -> list[float]:
        with org.house():
            org.world.stubs.clear()
        stub(text=text)
        before = len(_scores(org))
        for _ in range(12):
            org.chat(text="The effective date is 2026-01-01.")
        return _scores(org)[before:]

    wrong = judged('{"effective_date": "1999-12-31", "nonsense": 1}')
    right = judged(_flawless(org))
    no_json = judged("I do not know.")

    assert min(map(len, (wrong, right, no_json))) > 1
    assert set(right) == {1.0}
    assert max(wrong) < 1.0
    assert set(no_json) == {0.0}


def _scores(org: Org) -> list[float]:
    rows = org.world.store.all(
        "SELECT score FROM pareta_calls WHERE world = ? AND endpoint = ? AND score IS NOT NULL ORDER BY n",
        (org.world.id, ENDPOINT),
    )
    return [score for (score,) in rows]


def _flawless(org: Org) -> str:
    from mockserver.vendors.pareta.domain.writing import right_answer, to_json

    task = tables.catalog.find_task(org.world, "contract-key-fields")
    assert task is not None
    return to_json(right_answer(task, "The effective date is 2026-01-01."))


def test_refused_requests_use_up_no_answer(org: Org, stub: Any) -> None:
    stub(answers=[{"text": "first"}, {"text": "second"}])
    balance = org.balance

    statuses = [
        org.chat("no-such-model").status_code,
        org.chat(STOPPED).status_code,
        org.chat("auto", n=99).status_code,
        org.chat("auto", response_format={"type": "json_schema", "json_schema": {"schema": {"type": 5}}}).status_code,
    ]
    org.set_balance(0)
    statuses.append(org.chat("auto").status_code)
    org.set_balance(balance)

    assert statuses == [404, 503, 400, 400, 402]
    assert choices(org.chat("auto"))[0]["message"]["content"] == "first"


def test_a_replay_repeats_the_stubbed_answer_and_uses_up_none(org: Org, stub: Any) -> None:
    stub(answers=[{"text": "first"}, {"text": "second"}])
    key = {"Idempotency-Key": "k"}

    first, again = org.chat("auto", headers=key), org.chat("auto", headers=key)

    assert (again.json(), billed(again)) == (first.json(), 0)
    assert choices(org.chat("auto"))[0]["message"]["content"] == "second"


def test_two_worlds_of_one_seed_say_the_same(org: Org, stub: Any, control: ControlClient) -> None:
    control.post("worlds/acme/fork", {"name": "twin"})
    bodies = []
    for name in ("acme", "twin"):
        control.post(f"worlds/{name}/stubs", {"tool_calls": [{"name": "look_up"}]})
        bodies.append(Org(org.simulator, name).chat("auto", tools=[TOOL]).text)

    assert bodies[0] == bodies[1]


def test_an_agents_turn_is_stubbed_by_its_own_name(org: Org, stub: Any) -> None:
    stub(text="of chat")
    stub(operation="agent.chat.completions.create", tool_calls=[{"name": "look_up", "arguments": {"q": 1}}])
    turn = {"messages": [{"role": "user", "content": "Go on."}], "tools": [TOOL]}

    whole = org.http.post("/agent/v1/chat/completions", json=turn)
    streamed = Streamed(org.http.post("/agent/v1/chat/completions", json={**turn, "stream": True}).text)

    assert choices(whole)[0]["message"]["tool_calls"][0]["function"]["name"] == "look_up"
    assert whole.json()["system_fingerprint"].startswith("fp_")
    assert billed(whole) > 0
    assert streamed.chunks[-2]["choices"][0]["finish_reason"] == "tool_calls"
    assert org.journal[-1].stub == "stub-2"


def test_a_comparison_says_what_is_stubbed_at_the_list_price(org: Org, stub: Any) -> None:
    stub(operation="auto.compare_frontier", text="abcd" * 10)
    asked = {"model": "gpt-5.5", "messages": [{"role": "user", "content": "abcd"}]}

    answer = org.http.post("/v1/playground/frontier", json=asked)

    assert answer.json()["content"] == "abcd" * 10
    assert answer.json()["cost_micro_usd"] == billed(answer) == -org.debits[-1].amount_micro_usd > 0


# Retrieval


def test_vectors_go_to_the_texts_in_turn_and_are_filled_up_with_zeros(org: Org, stub: Any) -> None:
    stub(operation="embeddings", vectors=[[1, 0], [0.6, 0.8]])
    plain = org.http.post("/v1/embeddings", json={"input": ["a", "b", "c"]}).json()
    packed = org.http.post("/v1/embeddings", json={"input": ["a"], "encoding_format": "base64"}).json()

    vectors = [row["embedding"] for row in plain["data"]]
    assert [vector[:2] for vector in vectors] == [[1, 0], [0.6, 0.8], [1, 0]]
    assert {len(vector) for vector in vectors} == {1024}
    assert {number for vector in vectors for number in vector[2:]} == {0}
    assert len(b64decode(packed["data"][0]["embedding"])) == 4096


def test_stubbed_vectors_cost_what_the_texts_cost(org: Org, stub: Any) -> None:
    ask = {"input": ["word " * 4000]}
    usual = org.http.post("/v1/embeddings", json=ask)
    stub(operation="embeddings", vectors=[[1]])

    stubbed = org.http.post("/v1/embeddings", json=ask)

    assert billed(stubbed) == billed(usual) > 0
    assert stubbed.json()["usage"] == usual.json()["usage"]


@pytest.mark.parametrize(
    ("said", "top_n", "order"),
    [
        ({"scores": [0.2, 0.9, 0.5]}, None, [1, 2, 0]),
        ({"scores": [0.5, 0.5, 0.9]}, None, [2, 0, 1]),
        ({"scores": [0.2, 0.9, 0.5]}, 1, [1]),
        ({"order": [2, 0, 1]}, None, [2, 0, 1]),
        ({"order": [1, 1, 9]}, 2, [1, 0]),
    ],
)
def test_documents_are_ranked_as_stubbed(
    org: Org, stub: Any, said: dict[str, Any], top_n: int | None, order: list[int]
) -> None:
    stub(operation="rerank", **said)
    ask = {"query": "copper", "documents": ["copper wire", "a copper", "tea"]}

    answer = org.http.post("/v1/rerank", json={**ask, "top_n": top_n})

    results = answer.json()["results"]
    assert [row["index"] for row in results] == order
    scores = [row["relevance_score"] for row in results]
    assert scores == sorted(scores, reverse=True)
    if "scores" in said:
        assert scores == [said["scores"][index] for index in order]
    assert answer.json()["pairs"] == 3
    assert billed(answer) == 3 * tables.catalog.price_sheet(org.world).rerank_per_document


def test_documents_of_which_nothing_is_said_keep_their_score(org: Org, stub: Any) -> None:
    ask = {"query": "copper", "documents": ["tea", "copper wire", "copper"]}
    usual = {r["index"]: r["relevance_score"] for r in org.http.post("/v1/rerank", json=ask).json()["results"]}
    stub(operation="rerank", scores=[0.999999])

    stubbed = {r["index"]: r["relevance_score"] for r in org.http.post("/v1/rerank", json=ask).json()["results"]}

    assert stubbed == {**usual, 0: 0.999999}


# Media


def test_a_recording_says_what_is_stubbed_and_is_billed_by_its_length(org: Org, stub: Any) -> None:
    ask = {"audio_base64": b64encode(tone(30)).decode()}
    usual = org.http.post("/v1/audio/transcriptions", json=ask)
    stub(
        operation="audio.transcriptions",
        answers=[{"text": "Good morning."}, {"text": "Guten Tag.", "language": "de", "duration_s": 120}],
    )

    plain, longer = (org.http.post("/v1/audio/transcriptions", json=ask) for _ in range(2))

    assert plain.json() == {**usual.json(), "text": "Good morning."}
    assert billed(plain) == billed(usual)
    assert longer.json() == {"text": "Guten Tag.", "language": "de", "duration_s": 120.0}
    assert billed(longer) == 4 * billed(usual)


def test_a_stub_does_not_excuse_a_recording_that_is_none(org: Org, stub: Any) -> None:
    stub(operation="audio.transcriptions", text="x")

    assert org.http.post("/v1/audio/transcriptions", json={"audio_base64": "AAAA"}).status_code == 400


def test_speech_is_the_stubbed_file_and_is_billed_by_its_length(org: Org, stub: Any) -> None:
    wav = tone(30, rate=8000)
    stub(
        operation="audio.speech",
        answers=[
            {"base64": b64encode(wav).decode()},
            {"base64": b64encode(b"not a recording").decode(), "duration_s": 60},
        ],
    )

    real, claimed = (org.http.post("/v1/audio/speech", json={"text": "hi"}) for _ in range(2))

    assert b64decode(real.json()["audio_base64"]) == wav
    assert (real.json()["duration_s"], real.json()["sample_rate"], billed(real)) == (30, 8000, 3_000)
    assert b64decode(claimed.json()["audio_base64"]) == b"not a recording"
    assert (claimed.json()["duration_s"], billed(claimed)) == (60, 6_000)


PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x03\x00\x00\x00\x02 and so on"


@pytest.mark.parametrize(("data", "size"), [(PNG, "3x2"), (b"anything", "1024x1024")])
def test_a_picture_is_the_stubbed_file_at_the_usual_price(org: Org, stub: Any, data: bytes, size: str) -> None:
    encoded = b64encode(data).decode()
    stub(operation="images.*", base64=encoded)

    made = org.http.post("/v1/images/generations", json={"prompt": "a fox", "size": "2048x2048"})
    edited = org.http.post("/v1/images/edits", json={"prompt": "a fox", "image": encoded})

    assert (made.json()["data"], made.json()["size"], billed(made)) == ([{"b64_json": encoded}], "2048x2048", 40_000)
    assert (edited.json()["data"], edited.json()["size"], billed(edited)) == ([{"b64_json": encoded}], size, 80_000)


# Plans


def test_a_proposal_is_the_stubbed_one(org: Org, stub: Any) -> None:
    stub(
        operation="evals.propose_contract",
        proposals=[{"task_id": "intent-classification", "reason": "says so"}, {"task_id": "x", "confidence": "low"}],
        message="Which?",
    )
    rows = b'{"input": {"text": "a"}, "expected_output": {"label": "b"}}\n' * 2

    answer = org.http.post(
        "/v1/eval-sets/propose-contract", data={"prompt": "classify"}, files={"items": ("i.jsonl", rows)}
    ).json()

    assert [(each["task_id"], each["confidence"]) for each in answer["proposals"]] == [
        ("intent-classification", "high"), ("x", "low"),
    ]  # fmt: skip
    assert answer["proposals"][0]["evidence"]["matcher_reason"] == "says so"
    assert (answer["message"], answer["homogeneous"], answer["prompt"]) == ("Which?", True, "classify")


def test_eval_runs_are_scored_on_their_own_predictions_whatever_is_stubbed(org: Org, stub: Any) -> None:
    rows = [{"input": {"contract_text": "Effective as of 2026-01-01."}, "expected_output": {"effective_date": "x"}}] * 4
    twin = Org(org.simulator, "twin")
    stub(text="nonsense")

    scored = [each.finished_run(each.new_run(each.new_set(rows), "auto")) for each in (org, twin)]

    assert [run["run"]["status"] for run in scored] == ["completed", "completed"]
    assert scored[0]["results"] == scored[1]["results"]
    assert org.world.stubs.placed()[0].given == 0


# Through clients


def test_the_vendors_client_gets_stubbed_answers_over_a_socket(url: str, org: Org, stub: Any) -> None:
    stub(text="Stubbed over a socket.", model="auto")
    stub(operation="embeddings", vectors=[[0, 1]])
    stub(operation="rerank", order=[1, 0])
    ask: dict[str, Any] = {"model": "auto", "messages": [{"role": "user", "content": "hi"}]}

    with installed("3.0.4") as module, module.Pareta(api_key="pareta_sk_test_acme", base_url=url) as client:
        answer = client.chat.completions.create(**ask)
        streamed = "".join(
            chunk.choices[0].delta.content or "" for chunk in client.chat.completions.create(stream=True, **ask)
        )

        vectors = client.embeddings(["a"])
        ranking = client.rerank(query="a", documents=["a", "b"])

    assert [each["embedding"][:2] for each in vectors["data"]] == [[0, 1]]
    assert [each["index"] for each in ranking["results"]] == [1, 0]
    assert answer.choices[0].message.content == streamed == "Stubbed over a socket."
    assert answer.billed_micro_usd == -org.debits[0].amount_micro_usd


def test_a_stock_openai_client_parses_stubbed_tool_calls_and_json(url: str, org: Org, stub: Any) -> None:
    stub(answers=[{"tool_calls": [{"name": "look_up", "arguments": {"id": 7}}]}, {"json": {"city": "Bonn"}}])

    with openai.OpenAI(api_key="pareta_sk_test_acme", base_url=f"{url}/v1") as client:
        called, told = (
            client.chat.completions.create(model="auto", messages=[{"role": "user", "content": "hi"}]) for _ in range(2)
        )

    assert called.choices[0].message.tool_calls
    function = getattr(called.choices[0].message.tool_calls[0], "function")  # noqa: B009 - other kinds have none
    assert json.loads(function.arguments) == {"id": 7}
    assert json.loads(told.choices[0].message.content or "") == {"city": "Bonn"}
