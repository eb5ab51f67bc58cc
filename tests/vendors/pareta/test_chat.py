"""Chat completions: what they answer, what they cost, and what a stream may and may not do with the balance."""

from __future__ import annotations

import gc
import json
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

BILLED = "pareta-billed-micro-usd "
COUNTERFACTUAL = "pareta-frontier-would-have-cost-micro-usd "

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
    assert usage["prompt_tokens"] == -(-len(TEXT) // 4) + 4


def test_an_extraction_endpoint_answers_with_the_fields_of_the_text(org: Org) -> None:
    right = {"effective_date": "2026-01-01", "party_a": "Acme GmbH", "party_b": "Orchard LLC"}

    answers = [json.loads(org.chat().json()["choices"][0]["message"]["content"]) for _ in range(60)]

    assert sum(answer == right for answer in answers) > 40
    assert any(answer != right for answer in answers), "a quality of 0.985 means three fields in sixty-odd are wrong"
    assert all(answer.keys() <= right.keys() for answer in answers)


def test_content_parts_read_like_one_text(org: Org) -> None:
    parts = [{"type": "text", "text": TEXT}, {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}}]
    messages: list[dict[str, Any]] = [{"role": "user", "content": parts}]

    whole = org.chat(seed=5).json()
    split = org.http.post("/v1/chat/completions", json={"model": ENDPOINT, "messages": messages, "seed": 5}).json()

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
    assert org.chat("qwen-vl-1", headers=G0).status_code == 404, "its only endpoint is stopped"
    assert len(org.debits) == 1


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
