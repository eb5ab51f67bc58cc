"""Chat completions: what they answer, what they cost, and what a stream may and may not do with the balance."""

from __future__ import annotations

import gc
import json
import sqlite3
from contextlib import closing, suppress
from itertools import pairwise
from typing import Any

import httpx
import pytest

from mockserver.app import Simulator
from mockserver.kernel.windows import DAY, HOUR
from mockserver.vendors.pareta import tables
from tests.vendors.pareta.org import (
    CURL,
    ENDPOINT,
    FRONTIER,
    G0,
    G1,
    G3,
    PRICE,
    SEED,
    START_MICRO_USD,
    STOPPED,
    TEXT,
    Org,
    Streamed,
    body,
)
from tests.vendors.pareta.test_endpoints import deployed

RECOMMENDED = "Return the key fields of the contract as one JSON object."
BILLED = "pareta-billed-micro-usd "
COUNTERFACTUAL = "pareta-frontier-would-have-cost-micro-usd "


def tokens(*messages: str) -> int:
    """One for every four characters, and four a message."""
    return sum(-(-len(text) // 4) + 4 for text in messages)


def said(response: httpx.Response) -> str:
    """The text of the first answer."""
    assert response.status_code == 200, response.text
    text: str = response.json()["choices"][0]["message"]["content"]
    return text


def user(*texts: str) -> list[dict[str, Any]]:
    """A conversation: what the user said, with answers between."""
    turns = [{"role": "assistant" if n % 2 else "user", "content": text} for n, text in enumerate(texts)]
    return list(turns)


# Plain answers


def test_a_completion_has_the_openai_shape_and_no_price_in_it(org: Org) -> None:
    response = org.chat()

    answer = response.json()
    assert response.status_code == 200
    assert set(answer) == {"id", "object", "created", "model", "choices", "usage"}
    assert answer["object"] == "chat.completion"
    assert answer["created"] == 1_770_724_800
    assert answer["model"] == ENDPOINT
    (choice,) = answer["choices"]
    assert (choice["index"], choice["finish_reason"], choice["message"]["role"]) == (0, "stop", "assistant")
    usage = answer["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    assert usage["prompt_tokens"] == tokens(TEXT) + tokens(RECOMMENDED)


def test_an_extraction_endpoint_answers_with_the_fields_of_the_text(org: Org) -> None:
    right = {"effective_date": "2026-01-01", "party_a": "Acme GmbH", "party_b": "Orchard LLC"}

    answers = [json.loads(org.chat().json()["choices"][0]["message"]["content"]) for _ in range(60)]

    assert sum(answer == right for answer in answers) > 40
    assert any(answer != right for answer in answers), "a quality of 0.985 means three fields in sixty-odd are wrong"
    assert all(answer.keys() <= right.keys() for answer in answers)


def test_content_parts_read_like_one_text(org: Org) -> None:
    parts = [{"type": "text", "text": line} for line in TEXT.split("\n")]

    whole = org.chat(seed=5).json()
    split = org.chat(messages=[{"role": "user", "content": parts}], seed=5).json()

    assert split["choices"] == whole["choices"]
    assert split["usage"] == whole["usage"]


def test_the_last_user_message_is_what_is_answered(org: Org) -> None:
    messages: list[dict[str, Any]] = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Tell me about copper."},
        {"role": "assistant", "content": "It conducts."},
        {"role": "user", "content": "And granite?"},
        {"role": "assistant", "content": None},
    ]

    answer = org.http.post("/v1/chat/completions", json={"model": "auto", "messages": messages}).json()

    assert "granite" in answer["choices"][0]["message"]["content"].lower()
    assert answer["usage"]["prompt_tokens"] == sum(-(-len(m["content"] or "") // 4) + 4 for m in messages)


def test_further_openai_fields_pass(org: Org) -> None:
    response = org.chat(
        temperature=0.2, top_p=1, user="me", n=1, tools=[], tool_choice="auto", response_format={"type": "text"}, x=[{}]
    )

    assert response.status_code == 200


@pytest.mark.parametrize("field", ["max_tokens", "max_completion_tokens"])
@pytest.mark.parametrize("model", [ENDPOINT, "auto"])
def test_max_tokens_cuts_the_answer(org: Org, field: str, model: str) -> None:
    whole = org.chat(model, seed=3).json()
    limit: dict[str, Any] = {field: 4}
    cut = org.chat(model, seed=3, **limit).json()

    assert cut["choices"][0]["finish_reason"] == "length"
    assert cut["usage"]["completion_tokens"] == 4
    assert cut["choices"][0]["message"]["content"] == whole["choices"][0]["message"]["content"][:16]


@pytest.mark.parametrize("stop", ["party_a", ["party_b", "party_a"]])
def test_stop_ends_the_answer_before_the_sequence(org: Org, stop: str | list[str]) -> None:
    whole = org.chat(seed=3).json()["choices"][0]["message"]["content"]
    choice = org.chat(seed=3, stop=stop).json()["choices"][0]

    assert "party_a" in whole
    assert choice["message"]["content"] == whole[: whole.index("party_a")]
    assert choice["finish_reason"] == "stop"


# Chance


def test_the_same_seed_and_prompt_give_the_same_answer_whatever_happened_between(org: Org) -> None:
    answers = []
    for n in range(30):
        answers.append(org.chat(seed=11).json()["choices"])
        org.chat(text=f"something else {n}")

    assert all(one == other for one, other in pairwise(answers))


def test_other_seeds_give_other_answers_sooner_or_later(org: Org) -> None:
    assert len({org.chat(seed=seed).json()["choices"][0]["message"]["content"] for seed in range(60)}) > 1


def test_a_streamed_answer_is_the_plain_one(org: Org) -> None:
    for model in (ENDPOINT, "auto"):
        plain = org.chat(model, seed=4).json()
        streamed = org.stream(model, seed=4)

        assert streamed.content == plain["choices"][0]["message"]["content"]
        assert streamed.usage == [plain["usage"]]
        assert streamed.chunks[-1]["choices"][0]["finish_reason"] == plain["choices"][0]["finish_reason"]


# Receipts and the ledger


def test_the_receipt_is_what_the_ledger_took(org: Org) -> None:
    plain = org.chat()
    streamed = org.stream()

    debits = org.debits
    assert plain.headers["x-pareta-billed"] == str(PRICE)
    assert plain.headers["x-pareta-frontier-would-have-cost"] == str(FRONTIER)
    assert (streamed.receipt(BILLED), streamed.receipt(COUNTERFACTUAL)) == (PRICE, FRONTIER)
    assert [entry.amount_micro_usd for entry in debits] == [-PRICE, -PRICE]
    assert [entry.subject for entry in debits] == [ENDPOINT, ENDPOINT]
    assert debits[0].request_id == plain.headers["x-request-id"]
    assert org.balance == START_MICRO_USD - 2 * PRICE
    assert [entry.cost_micro_usd for entry in org.journal] == [PRICE, PRICE]


@pytest.mark.parametrize("is_streamed", [False, True])
def test_auto_bills_by_its_tokens_once(org: Org, is_streamed: bool) -> None:
    if is_streamed:
        streamed = org.stream("auto")
        billed, frontier, usage = streamed.receipt(BILLED), streamed.receipt(COUNTERFACTUAL), streamed.usage[0]
    else:
        response = org.chat("auto")
        usage = response.json()["usage"]
        billed = int(response.headers["x-pareta-billed"])
        frontier = int(response.headers["x-pareta-frontier-would-have-cost"])

    assert frontier == 5 * usage["prompt_tokens"] + 20 * usage["completion_tokens"]
    assert billed == frontier // 18
    assert [(entry.amount_micro_usd, entry.subject) for entry in org.debits] == [(-billed, "auto")]


def test_the_last_call_may_take_the_balance_slightly_below_zero_and_none_after_it(org: Org) -> None:
    org.set_balance(PRICE + 1)

    statuses = [org.chat().status_code for _ in range(4)]

    assert statuses == [200, 200, 402, 402]
    assert org.balance == 1 - PRICE


def test_an_empty_balance_is_402_before_any_work(org: Org) -> None:
    org.set_balance(0)
    before = org.state()

    for response in (org.chat(), org.chat("auto"), org.chat(stream=True)):
        assert response.status_code == 402
        assert response.json() == {"detail": "organization is out of credit. Top up in the dashboard."}
        assert response.headers["content-type"] == "application/json"
        assert "x-pareta-billed" not in response.headers

    assert org.state() == before


# Streams


@pytest.mark.parametrize("model", [ENDPOINT, "auto"])
@pytest.mark.parametrize("options", [None, {"include_usage": False}, {"include_usage": True}])
def test_stream_framing(org: Org, model: str, options: dict[str, bool] | None) -> None:
    response = org.chat(model, stream=True, stream_options=options)
    streamed = Streamed(response.text)

    assert response.headers["content-type"].startswith("text/event-stream")
    assert response.headers["x-request-id"].startswith("req_")
    assert response.text.endswith("\n\ndata: [DONE]\n\n")
    assert all(event.count("\n") == 0 or event.startswith(": ") for event in response.text.strip().split("\n\n"))
    assert {chunk["object"] for chunk in streamed.chunks} == {"chat.completion.chunk"}
    assert len({(chunk["id"], chunk["created"], chunk["model"]) for chunk in streamed.chunks}) == 1
    assert streamed.chunks[0]["model"] == model

    spoken = [chunk["choices"][0] for chunk in streamed.chunks if chunk["choices"]]
    assert spoken[0]["delta"]["role"] == "assistant"
    assert all("role" not in choice["delta"] for choice in spoken[1:])
    assert [choice["finish_reason"] for choice in spoken] == [None] * (len(spoken) - 1) + ["stop"]
    assert spoken[-1]["delta"] == {}
    assert len(spoken) > 3

    if options == {"include_usage": True}:
        assert [chunk["choices"] == [] for chunk in streamed.chunks] == [False] * len(spoken) + [True]
        assert "usage" not in streamed.chunks[-2]
    else:
        assert len(spoken) == len(streamed.chunks), "every chunk carries a choice"
    assert len(streamed.usage) == 1
    assert "usage" in streamed.chunks[-1]


def test_receipts_come_after_the_last_chunk_and_before_done(org: Org) -> None:
    order = org.stream().order

    assert order[-3:] == ["pareta-billed-micro-usd", "pareta-frontier-would-have-cost-micro-usd", "done"]
    assert set(order[:-3]) == {"chunk"}


def test_auto_tells_its_progress_before_it_speaks(org: Org) -> None:
    streamed = org.stream("auto")

    assert streamed.comments[:3] == [f"pareta-progress {stage}" for stage in ("planning", "executing", "answering")]
    assert streamed.order[:4] == ["pareta-progress"] * 3 + ["chunk"]
    assert not any("progress" in comment for comment in org.stream().comments)


def test_a_cut_stream_ends_for_length(org: Org) -> None:
    streamed = org.stream(max_tokens=2)

    assert streamed.chunks[-1]["choices"][0]["finish_reason"] == "length"
    assert len(streamed.content) == 8


def test_an_empty_answer_still_has_its_role_and_its_end(org: Org) -> None:
    streamed = org.stream(stop="{")

    (chunk,) = streamed.chunks
    assert chunk["choices"][0]["delta"]["role"] == "assistant"
    assert chunk["choices"][0]["finish_reason"] == "stop"
    assert streamed.content == ""


def test_a_stream_debits_before_its_last_piece_and_not_sooner(org: Org) -> None:
    with closing(org.open_stream()) as response:
        pieces = response.iter_raw()
        seen = b""
        while b'"finish_reason":"stop"' not in seen:
            seen += next(pieces)
            assert org.balance == START_MICRO_USD
        rest = next(pieces)

        assert rest.endswith(b"data: [DONE]\n\n")
        assert org.balance == START_MICRO_USD - PRICE


@pytest.mark.parametrize("pieces", [0, 1, 3])
def test_an_abandoned_stream_costs_nothing_and_frees_what_it_held(org: Org, pieces: int) -> None:
    org.set_balance(PRICE)
    with closing(org.open_stream()) as response:
        stream = response.iter_raw()
        for _ in range(pieces):
            next(stream)
        assert sum(org.world.holds.values()) == PRICE
        assert org.chat().status_code == 402, "the stream holds what is left"

    assert org.balance == PRICE
    assert org.world.holds == {}
    assert org.debits == []
    assert org.metric("activity")["succeeded"] == 0
    left = org.journal[0]
    assert (left.status, left.cost_micro_usd) == (None, 0)
    assert left.reason == "the client left before the stream ended"
    assert org.chat().status_code == 200


def test_streams_hold_credit_so_that_they_cannot_overspend_together(org: Org) -> None:
    org.set_balance(2 * PRICE + 1)

    streams = [org.open_stream() for _ in range(5)]
    statuses = [response.status_code for response in streams]
    for response in streams:
        response.read()

    assert statuses == [200, 200, 200, 402, 402]
    assert org.balance == 1 - PRICE
    assert len(org.debits) == 3


def test_interleaved_streams_on_one_endpoint_are_all_recorded(org: Org) -> None:
    streams = [org.open_stream() for _ in range(3)]
    org.chat()
    for response in reversed(streams):
        assert response.read().endswith(b"[DONE]\n\n")

    assert org.metric("cost")["total_micro_usd"] == 4 * PRICE
    assert org.metric("activity")["requests"] == 4


def test_a_stream_whose_debit_fails_is_cut_and_leaves_nothing_behind(org: Org, monkeypatch: pytest.MonkeyPatch) -> None:
    before = org.state()
    stream = org.open_stream()

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("out of cheese")

    monkeypatch.setattr(tables.ledger, "post", fail)
    with pytest.raises(RuntimeError, match="cheese"):
        stream.read()
    monkeypatch.undo()

    assert org.state() == before
    cut = org.journal[0]
    assert (cut.status, cut.cost_micro_usd, cut.reason) == (None, 0, "internal error, see the server's log")
    assert b"billed" not in cut.response_body
    assert org.metric("activity")["requests"] == 0


def test_a_forgotten_stream_found_in_the_middle_of_another_unit_of_work_does_not_end_it(org: Org) -> None:
    streams = [org.open_stream()]
    gc.disable()
    try:
        streams.append(streams)  # type: ignore[arg-type]  # a cycle, so that only the collector finds it
        del streams
        assert len(org.world.holds) == 1
        before = org.balance
        with suppress(KeyError), org.house():
            tables.ledger.post(org.world, "grant", 5, at=0, operation="grant", subject="test")
            gc.collect()
            assert org.world.holds == {}
            raise KeyError
    finally:
        gc.enable()

    assert org.balance == before, "what was to be undone was not committed on the way"
    assert org.chat().status_code == 200


def test_a_world_that_is_reset_under_a_stream_is_not_billed_for_it(org: Org, simulator: Simulator) -> None:
    with closing(org.open_stream()) as response:
        pieces = response.iter_raw()
        next(pieces)
        with simulator.store.committed():
            fresh = simulator.worlds.reset(org.world)
        rest = b"".join(pieces)

    org.world = fresh
    assert b"[DONE]" not in rest
    assert org.debits == []
    assert org.journal == []
    assert org.balance == START_MICRO_USD


# Who answers


def test_unknown_models_are_404(org: Org) -> None:
    response = org.chat("ep-unheard-of", headers=G0)

    assert response.status_code == 404
    assert response.json() == {"detail": "endpoint 'ep-unheard-of' not found"}


def test_an_alias_is_callable_for_the_first_generation_only(org: Org) -> None:
    response = org.chat("qwen-2", headers=G0)
    assert response.status_code == 200
    assert response.json()["model"] == "qwen-2"
    assert response.headers["x-pareta-billed"] == str(PRICE)
    assert org.metric("cost")["requests"] == 1

    for headers in (G1, G3, CURL):
        assert org.chat("qwen-2", headers=headers).status_code == 404
    assert org.chat("unheard-of-7", headers=G0).status_code == 404
    assert len(org.debits) == 1


@pytest.mark.parametrize(
    ("alias", "task", "rate"), [("llama-1", "contract-key-fields", 63), ("qwen-vl-1", "invoice-extraction", 3800)]
)
def test_an_alias_that_nobody_deployed_serves_its_task_at_its_rate(org: Org, alias: str, task: str, rate: int) -> None:
    response = org.chat(alias, headers=G0)

    assert (response.status_code, response.json()["model"]) == (200, alias)
    assert json.loads(response.json()["choices"][0]["message"]["content"])
    assert response.headers["x-pareta-billed"] == str(rate)
    assert [(entry.subject, -entry.amount_micro_usd) for entry in org.debits] == [(alias, rate)]
    assert org.http.get(f"/v1/endpoints/{alias}").status_code == 404
    assert {m["name"] for m in org.get(f"/v1/tasks/{task}/leaderboard")["models"]} >= {alias}


@pytest.mark.parametrize("headers", [G0, G1, G3, CURL])
def test_endpoints_and_auto_are_callable_for_everyone(org: Org, headers: dict[str, str]) -> None:
    assert org.chat(ENDPOINT, headers=headers).status_code == 200
    assert org.chat("auto", headers=headers).status_code == 200


def test_a_seed_endpoint_is_409_at_once_retryable(org: Org) -> None:
    response = org.chat(SEED)

    assert response.status_code == 409
    assert response.json() == {"detail": f"endpoint '{SEED}' is a seed endpoint and is not deployed"}
    assert response.headers["retry-after"] == "0"


def test_a_stopped_endpoint_is_503_until_it_is_live_again(org: Org) -> None:
    stopped = org.chat(STOPPED)
    org.http.post(f"/v1/endpoints/{STOPPED}/start")
    starting = org.chat(STOPPED)
    org.advance(HOUR)
    live = org.chat(STOPPED)

    assert stopped.status_code == starting.status_code == 503
    assert stopped.json() == {"detail": f"endpoint '{STOPPED}' is stopped."}
    assert starting.json() == {"detail": f"endpoint '{STOPPED}' is starting."}
    assert stopped.headers["retry-after"] == starting.headers["retry-after"] == "1"
    assert live.status_code == 200
    assert live.headers["x-pareta-billed"] == "3800"
    assert live.headers["x-pareta-frontier-would-have-cost"] == "28800"


# Idempotency


def test_a_replay_repeats_the_answer_and_bills_nothing(org: Org) -> None:
    headers = {"Idempotency-Key": "k1"}

    first = org.chat(headers=headers)
    again = org.chat(headers=headers)

    assert again.content == first.content
    assert again.status_code == 200
    assert (first.headers["x-pareta-billed"], again.headers["x-pareta-billed"]) == (str(PRICE), "0")
    assert again.headers["x-pareta-frontier-would-have-cost"] == str(FRONTIER)
    assert again.headers["x-request-id"] != first.headers["x-request-id"]
    assert len(org.debits) == 1
    assert org.metric("activity")["requests"] == 1
    assert [entry.idempotency for entry in org.journal][:2] == ["first", "replayed"]
    assert [entry.cost_micro_usd for entry in org.journal][:2] == [PRICE, 0]


def test_a_replayed_stream_repeats_the_body_but_for_the_receipt(org: Org) -> None:
    headers = {"Idempotency-Key": "k1"}

    first = org.chat(stream=True, headers=headers)
    again = org.chat(stream=True, headers=headers)

    assert Streamed(again.text).receipt(BILLED) == 0
    assert again.text == first.text.replace(f": {BILLED}{PRICE}\n", f": {BILLED}0\n")
    assert again.headers["content-type"] == first.headers["content-type"]
    assert len(org.debits) == 1


def test_the_same_key_with_another_body_is_422(org: Org) -> None:
    headers = {"Idempotency-Key": "k1"}
    org.chat(headers=headers)

    response = org.chat(text="something else", headers=headers)

    assert response.status_code == 422
    assert "k1" in response.json()["detail"]
    assert len(org.debits) == 1


def test_a_key_counts_for_a_day_of_the_worlds_time(org: Org) -> None:
    headers = {"Idempotency-Key": "k1"}
    org.chat(headers=headers)
    org.advance(DAY - 1)
    assert org.chat(headers=headers).headers["x-pareta-billed"] == "0"

    org.advance(1)

    assert org.chat(headers=headers).headers["x-pareta-billed"] == str(PRICE)
    assert len(org.debits) == 2


def test_a_refusal_is_not_remembered(org: Org) -> None:
    headers = {"Idempotency-Key": "k1"}
    org.set_balance(0)
    assert org.chat(headers=headers).status_code == 402
    org.set_balance(1000)

    response = org.chat(headers=headers)

    assert response.status_code == 200
    assert response.headers["x-pareta-billed"] == str(PRICE)


def test_a_key_in_use_by_a_stream_is_409_until_it_ends(org: Org) -> None:
    request = org.http.build_request(
        "POST", "/v1/chat/completions", json=body(stream=True), headers={"Idempotency-Key": "k1"}
    )
    first = org.http.send(request, stream=True)

    early = org.chat(stream=True, headers={"Idempotency-Key": "k1"})
    first.read()
    late = org.chat(stream=True, headers={"Idempotency-Key": "k1"})

    assert early.status_code == 409
    assert early.headers["retry-after"] == "1"
    assert Streamed(late.text).receipt(BILLED) == 0
    assert len(org.debits) == 1


def test_an_abandoned_stream_leaves_its_key_free(org: Org) -> None:
    headers = {"Idempotency-Key": "k1"}
    request = org.http.build_request("POST", "/v1/chat/completions", json=body(stream=True), headers=headers)
    org.http.send(request, stream=True).close()

    assert Streamed(org.chat(stream=True, headers=headers).text).receipt(BILLED) == PRICE
    assert len(org.debits) == 1


def test_keys_are_each_organisations_own(org: Org, simulator: Simulator) -> None:
    other = Org(simulator, "other")
    headers = {"Idempotency-Key": "k1"}
    org.chat(headers=headers)

    response = other.chat(text="something else", headers=headers)

    assert response.headers["x-pareta-billed"] == str(PRICE)
    other.check()


@pytest.mark.parametrize("key", ["", "x" * 255])
def test_any_short_key_will_do(org: Org, key: str) -> None:
    assert org.chat(headers={"Idempotency-Key": key}).status_code == 200


def test_an_endless_key_is_422(org: Org) -> None:
    response: httpx.Response = org.chat(headers={"Idempotency-Key": "x" * 256})

    assert response.status_code == 422
    assert response.json()["detail"][0]["loc"] == ["header", "Idempotency-Key"]


# Several answers


def test_several_answers_differ_and_are_one_debit_for_all_their_tokens(org: Org) -> None:
    response = org.chat("auto", "Explain copper.", n=8)

    choices = response.json()["choices"]
    texts = [choice["message"]["content"] for choice in choices]
    assert [choice["index"] for choice in choices] == list(range(8))
    assert len(set(texts)) == 8
    usage = response.json()["usage"]
    assert usage["completion_tokens"] == sum(-(-len(text) // 4) for text in texts)
    frontier = 5 * usage["prompt_tokens"] + 20 * usage["completion_tokens"]
    assert [-entry.amount_micro_usd for entry in org.debits] == [frontier // 18]


def test_the_first_of_several_answers_is_the_only_one_of_one(org: Org) -> None:
    for model in (ENDPOINT, "auto"):
        one = org.chat(model, seed=6).json()["choices"]
        assert org.chat(model, seed=6, n=3).json()["choices"][:1] == one


def test_several_answers_to_a_flat_rate_endpoint_cost_one_request(org: Org) -> None:
    assert org.chat(n=5).headers["x-pareta-billed"] == str(PRICE)
    assert len(org.chat(n=5).json()["choices"]) == 5


def test_several_streamed_answers_come_in_turn_and_are_the_plain_ones(org: Org) -> None:
    plain = org.chat("auto", "Explain copper.", n=3, seed=2).json()
    streamed = org.stream("auto", "Explain copper.", n=3, seed=2, stream_options={"include_usage": True})

    *spoken, last = streamed.chunks
    assert [chunk["choices"][0]["index"] for chunk in spoken[:6]] == [0, 1, 2, 0, 1, 2]
    for choice in plain["choices"]:
        pieces = [c["choices"][0] for c in spoken if c["choices"][0]["index"] == choice["index"]]
        assert "".join(piece["delta"].get("content", "") for piece in pieces) == choice["message"]["content"]
        assert pieces[0]["delta"]["role"] == "assistant"
        assert [piece["finish_reason"] for piece in pieces[-2:]] == [None, "stop"]
    assert last["usage"] == plain["usage"]


def test_each_of_several_answers_is_cut_by_itself(org: Org) -> None:
    answer = org.chat("auto", "Explain copper.", n=2, max_tokens=5).json()

    assert [choice["finish_reason"] for choice in answer["choices"]] == ["length", "length"]
    assert answer["usage"]["completion_tokens"] == 10


# What is said


def test_auto_answers_by_seed_too(org: Org) -> None:
    answers = {said(org.chat("auto", "Explain copper.", seed=seed)) for seed in range(6)}

    assert len(answers) == 6
    assert said(org.chat("auto", "Explain copper.", seed=0)) == said(org.chat("auto", "Explain copper."))


def test_earlier_turns_count_and_are_referred_to(org: Org) -> None:
    turns = user("Tell me about copper.", "It conducts.", "And granite?")

    alone = org.chat("auto", "And granite?").json()
    after = org.chat("auto", messages=turns).json()

    assert "granite" in said(org.chat("auto", messages=turns))
    assert "copper" in after["choices"][0]["message"]["content"]
    assert "copper" not in alone["choices"][0]["message"]["content"]
    assert after["usage"]["prompt_tokens"] == tokens(*(turn["content"] for turn in turns))


def test_what_was_said_before_answers_a_question(org: Org) -> None:
    turns = user("My favourite metal is osmium. I live in Oslo.", "Noted.", "What is my favourite metal?")

    assert said(org.chat("auto", messages=turns)) == "My favourite metal is osmium."


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("What is the invoice total?\n\nINVOICE\nTotal due: $4,210.00", "Total due: $4,210.00."),
        ("What is 2 + 3 * 4?", "2 + 3 * 4 = 14."),
        ("Reply with exactly: pong", "pong"),
        ('Say "good morning"', "good morning"),
        ("Classify the sentiment as positive, negative or neutral: I love this phone!", "positive"),
        ("Write SQL for: how many users are older than 30? Table users(id, name, age)",
         "SELECT COUNT(*) FROM users WHERE age > 30;"),
        ("Write a Python function that reverses a string.",
         "```python\ndef reverse_string(text):\n    return text[::-1]\n```"),
        ("Summarize: The mill runs on water. Water drives the wheel of the mill. Birds sing. The wheel drives a stone.",
         "The mill runs on water. Water drives the wheel of the mill. The wheel drives a stone."),
    ],
)  # fmt: skip
def test_auto_answers_in_the_shape_that_is_plainly_asked_for(org: Org, text: str, expected: str) -> None:
    assert said(org.chat("auto", text)) == expected


def test_auto_returns_the_fields_it_is_asked_for_as_json(org: Org) -> None:
    prompt = 'Extract {"vendor", "invoice_no", "date", "total", "due_date"} as JSON. Return ONLY the JSON object.'
    invoice = "INVOICE\nVendor: Bradley-Andrade\nInvoice no: 97159829\nDate: 2015-09-18\nTotal: $978.12"

    assert json.loads(said(org.chat("auto", f"{prompt}\n\n{invoice}"))) == {
        "vendor": "Bradley-Andrade", "invoice_no": "97159829", "date": "2015-09-18", "total": 978.12, "due_date": None,
    }  # fmt: skip


def test_auto_chooses_among_the_labels_of_the_instructions(org: Org) -> None:
    labels = "card_arrival, transfer_failed, other"
    system = {"role": "system", "content": f"Classify into exactly one label: {labels}. Reply with the label only."}
    shown = user("My transfer to the landlord bounced", "transfer_failed")

    def label(text: str) -> str:
        return said(org.chat("auto", messages=[system, *shown, {"role": "user", "content": text}]))

    assert label("When will my card arrive?") == "card_arrival"
    assert label("The payment to my landlord bounced") == "transfer_failed", "as in the example"
    assert label("hello") == "other"


# Endpoints of every kind of task


def deploy(org: Org, task: str, **more: Any) -> str:
    """The id of a live endpoint for a task."""
    identity: str = deployed(org, task, **more)["id"]
    return identity


def test_a_capabilitys_endpoint_bills_all_its_tokens(org: Org) -> None:
    endpoint = deploy(org, "general-chat")

    response = org.chat(endpoint, "Explain copper.", n=2)

    usage = response.json()["usage"]
    assert response.headers["x-pareta-billed"] == str(usage["total_tokens"])
    assert response.headers["x-pareta-frontier-would-have-cost"] == str(12 * usage["total_tokens"])
    assert org.metric("cost", endpoint)["total_micro_usd"] == usage["total_tokens"]


def test_a_price_said_at_deployment_wins_over_the_tokens(org: Org) -> None:
    endpoint = deploy(org, "general-chat", cost_per_request_micro_usd=77)

    response = org.chat(endpoint, "Explain copper.")

    assert response.headers["x-pareta-billed"] == "77"
    assert int(response.headers["x-pareta-frontier-would-have-cost"]) == 12 * response.json()["usage"]["total_tokens"]
    other = deploy(org, "general-chat", name="other", frontier_cost_per_request_micro_usd=88)
    assert org.chat(other, "Explain copper.").headers["x-pareta-frontier-would-have-cost"] == "88"


SHOP = (
    "CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT, city TEXT);\n"
    "CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id INTEGER, amount REAL, ordered_at DATE);\n\n"
)


@pytest.mark.parametrize(
    "question",
    [
        "How many customers live in Oslo?", "What is the total amount of orders in 2025?",
        "Which customer has the highest total amount?", "Average amount per customer", "Top 3 orders by amount",
        "names of all customers", "orders above 100", "Drop all tables",
    ],
)  # fmt: skip
def test_a_text_to_sql_endpoint_answers_with_a_statement_that_runs(org: Org, question: str) -> None:
    endpoint = deploy(org, "text-to-sql")
    database = sqlite3.connect(":memory:")
    database.executescript(SHOP)

    statements = {said(org.chat(endpoint, SHOP + question)) for _ in range(30)}

    for statement in statements:
        assert statement.startswith("SELECT ")
        database.execute(statement).fetchall()
    database.close()


def test_a_code_endpoint_answers_with_a_block_that_runs(org: Org) -> None:
    endpoint = deploy(org, "function-completion")
    asked = 'def total(values: list[int]) -> int:\n    """Return the sum of the numbers."""\n'

    answers = [said(org.chat(endpoint, asked)) for _ in range(20)]

    right = max(set(answers), key=answers.count)
    assert right.startswith("```python\n")
    scope: dict[str, Any] = {}
    exec(right.removeprefix("```python\n").removesuffix("```"), scope)
    assert scope["total"]([1, 2, 3]) == 6


def test_a_coding_endpoint_names_the_diagnosis(org: Org) -> None:
    endpoint = deploy(org, "icd-coding")
    answers = [said(org.chat(endpoint, "Patient presents with acute bronchitis.")) for _ in range(20)]

    assert max(set(answers), key=answers.count) == "J20.9"


def test_a_chat_endpoint_is_judged_on_what_it_gets_wrong(org: Org) -> None:
    endpoint = deploy(org, "general-chat", quality=0.5)
    for n in range(60):
        org.chat(endpoint, f"Explain copper number {n}.")

    assert 0.3 < org.metric("quality", endpoint)["quality_mean"] < 0.7


# The recommended prompt


def test_the_recommended_prompt_counts_unless_the_caller_brings_a_system_message(org: Org) -> None:
    system = {"role": "system", "content": "x"}

    without = org.chat().json()["usage"]["prompt_tokens"]
    own = org.chat(messages=[system, *user(TEXT)]).json()["usage"]["prompt_tokens"]
    empty = org.chat(messages=[{**system, "content": ""}, *user(TEXT)]).json()["usage"]["prompt_tokens"]

    assert without == tokens(RECOMMENDED, TEXT)
    assert own == tokens("x", TEXT)
    assert empty == tokens("", TEXT)
    assert org.chat("auto").json()["usage"]["prompt_tokens"] == tokens(TEXT)


def test_a_classifiers_scaffold_never_counts(org: Org) -> None:
    endpoint = deploy(org, "intent-classification")
    assert org.get(f"/v1/endpoints/{endpoint}")["promptScaffold"]

    assert org.chat(endpoint, "cancel it").json()["usage"]["prompt_tokens"] == tokens("cancel it")


# Frontier models by name


def test_the_direct_switch_lets_chat_name_frontier_models_at_their_vendors_price(org: Org) -> None:
    assert org.chat("gpt-5.5").status_code == 404
    org.flip(direct_models=True)

    response = org.chat("gpt-5.5", "Explain copper.")

    usage = response.json()["usage"]
    price = 5 * usage["prompt_tokens"] + 20 * usage["completion_tokens"]
    assert response.json()["model"] == "gpt-5.5"
    assert response.headers["x-pareta-billed"] == response.headers["x-pareta-frontier-would-have-cost"] == str(price)
    assert [(-entry.amount_micro_usd, entry.subject) for entry in org.debits] == [(price, "models/gpt-5.5")]
    assert org.get("/v1/auto/metrics")["requests_30d"] == 0
    assert org.stream("gpt-5.5", "Explain copper.").receipt(BILLED) == price
    assert org.chat("gpt-6").status_code == 404


def test_a_frontier_vendor_that_fails_costs_nothing(org: Org) -> None:
    org.flip(direct_models=True, frontier_fails=True)

    assert org.chat("gpt-5.5").status_code == 502
    assert org.debits == []
