"""Stubs through the control API: what can be placed, what cannot, and how it is shown."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from mockserver.app import Simulator
from tests.control.conftest import ControlClient

CHAT = "pareta.chat.completions.create"


@pytest.fixture
def control(simulator: Simulator) -> ControlClient:
    return ControlClient(simulator)


def _chat(pareta: httpx.Client, text: str = "hi", model: str = "auto") -> str:
    answer = pareta.post("/v1/chat/completions", json={"model": model, "messages": [{"role": "user", "content": text}]})
    assert answer.status_code == 200, answer.text
    content: str = answer.json()["choices"][0]["message"]["content"]
    return content


def test_a_stub_is_placed_listed_shown_and_taken_away(control: ControlClient) -> None:
    placed = control.post("worlds/acme/stubs", {"text": "Hello.", "model": "auto"})
    second = control.post(
        "worlds/acme/stubs",
        {"operation": "embeddings", "vectors": [[1, 0]], "then": "cycle", "note": "east", "optional": True},
    )

    assert placed.status_code == 201
    assert placed.json() == {
        "id": "stub-1", "operation": CHAT, "model": "auto", "answers": [{"text": "Hello."}], "then": "last",
        "note": "", "optional": False, "given": 0, "left": 1,
    }  # fmt: skip
    assert second.json()["note"] == "east"
    assert control.get("worlds/acme/stubs").json() == {"data": [placed.json(), second.json()], "next": None}
    assert control.get("worlds/acme/stubs/stub-1").json() == placed.json()
    assert control.delete("worlds/acme/stubs/stub-1").status_code == 204
    assert control.get("worlds/acme/stubs/stub-1").status_code == 404
    assert [stub["id"] for stub in control.get("worlds/acme/stubs").json()["data"]] == ["stub-2"]


def test_all_stubs_are_taken_away_at_once_and_no_id_is_used_again(control: ControlClient, pareta: httpx.Client) -> None:
    for _ in range(2):
        control.post("worlds/acme/stubs", {"text": "stubbed"})

    assert control.delete("worlds/acme/stubs").status_code == 204

    assert _chat(pareta) != "stubbed"
    assert control.get("worlds/acme/stubs").json()["data"] == []
    assert control.post("worlds/acme/stubs", {"text": "x"}).json()["id"] == "stub-3"


@pytest.mark.parametrize("identifier", ["stub-2", "stub-01", "1", "fault-1"])
def test_what_is_no_stub_is_not_found(control: ControlClient, identifier: str) -> None:
    control.post("worlds/acme/stubs", {"text": "x"})

    assert control.get(f"worlds/acme/stubs/{identifier}").status_code == 404
    assert control.delete(f"worlds/acme/stubs/{identifier}").status_code == 404
    assert len(control.get("worlds/acme/stubs").json()["data"]) == 1


def test_stubs_come_in_pages(control: ControlClient) -> None:
    for text in "abc":
        control.post("worlds/acme/stubs", {"text": text})

    first = control.get("worlds/acme/stubs?limit=2").json()
    second = control.get(f"worlds/acme/stubs?limit=2&after={first['next']}").json()

    assert [stub["id"] for stub in (*first["data"], *second["data"])] == ["stub-1", "stub-2", "stub-3"]
    assert second["next"] is None


@pytest.mark.parametrize(
    ("then", "said", "given"),
    [("last", ["a", "b", "b"], 3), ("cycle", ["a", "b", "a"], 3), ("simulate", ["a", "b", None], 2)],
)
def test_a_sequence_is_given_in_turn_and_what_is_left_is_told(
    control: ControlClient, pareta: httpx.Client, then: str, said: list[str | None], given: int
) -> None:
    control.post("worlds/acme/stubs", {"answers": [{"text": "a"}, {"text": "b"}], "then": then})

    told = [control.get("worlds/acme/stubs/stub-1").json()["left"]]
    heard = []
    for _ in said:
        heard.append(_chat(pareta))
        told.append(control.get("worlds/acme/stubs/stub-1").json()["left"])

    assert [text if text in ("a", "b") else None for text in heard] == said
    assert told == [2, 1, 0, 0]
    assert control.get("worlds/acme/stubs/stub-1").json()["given"] == given


@pytest.mark.parametrize(
    ("match", "text", "model", "is_meant"),
    [
        ({"model": "auto"}, "hi", "auto", True),
        ({"model": "ep-*"}, "hi", "auto", False),
        ({"endpoint": "ep-contract-key-fields"}, "hi", "ep-contract-key-fields", True),
        ({"match": {"last_message": {"contains": "refund"}}}, "A refund, please.", "auto", True),
        ({"match": {"last_message": {"contains": "refund"}}}, "hi", "auto", False),
        ({"match": {"not": {"model": "auto"}}}, "hi", "auto", False),
        ({"match": {"any": [{"model": "x"}, {"last_message": "h*"}]}}, "hi", "auto", True),
        ({"key": "*acme", "match": {"json": {"messages.0.role": "user"}}}, "hi", "auto", True),
        ({"key": "*other"}, "hi", "auto", False),
        ({"vendor": "pareta", "method": "POST", "path": "/v1/chat/*"}, "hi", "auto", True),
    ],
)
def test_a_stub_answers_the_requests_it_is_about(
    control: ControlClient, pareta: httpx.Client, match: dict[str, Any], text: str, model: str, is_meant: bool
) -> None:
    placed = control.post("worlds/acme/stubs", {"text": "stubbed", **match})

    assert placed.status_code == 201, placed.text
    assert match.items() <= placed.json().items()
    assert (_chat(pareta, text, model) == "stubbed") is is_meant
    assert control.get("worlds/acme/requests").json()["data"][-1]["stub"] == ("stub-1" if is_meant else None)


def test_the_newest_stub_that_matches_answers(control: ControlClient, pareta: httpx.Client) -> None:
    control.post("worlds/acme/stubs", {"text": "first"})
    control.post("worlds/acme/stubs", {"text": "second", "match": {"last_message": "hi"}})

    assert [_chat(pareta, "hi"), _chat(pareta, "ho")] == ["second", "first"]


def test_an_operation_may_be_meant_by_a_pattern_if_the_answer_is_one_of_all(control: ControlClient) -> None:
    assert control.post("worlds/acme/stubs", {"operation": "*.create", "text": "x"}).status_code == 201

    refused = control.post("worlds/acme/stubs", {"operation": "images.*", "text": "x"})

    assert refused.json()["errors"][0]["message"].startswith("pareta.images.generate is answered by base64;")


GENERATORS = (
    "pareta.agent.chat.completions.create, pareta.audio.speech, pareta.audio.transcriptions,"
    " pareta.auto.compare_frontier, pareta.chat.completions.create, pareta.embeddings, pareta.evals.propose_contract,"
    " pareta.images.edit, pareta.images.generate, pareta.rerank"
)
ONE_THING = (
    f"{CHAT} is answered by text, json, tool_calls, finish_reason: give exactly one of text, json and tool_calls"
)


@pytest.mark.parametrize(
    ("body", "field", "says"),
    [
        ({"operation": "models.list", "text": "x"}, "operation", f"generates nothing; there are: {GENERATORS}"),
        ({"operation": "evals.runs.create", "text": "x"}, "operation", f"generates nothing; there are: {GENERATORS}"),
        ({"operation": "chat.create", "text": "x"}, "operation", f"nearest that can be stubbed: {CHAT}"),
        ({"vendor": "paygentic", "text": "x"}, "operation", f'"{CHAT}" is of pareta, not of paygentic'),
        ({"text": "x", "customer": "c"}, "customer", "nothing is known as 'customer'"),
        ({"text": "x", "match": {"colour": "red"}}, "match", "nothing is known as 'colour'"),
        ({"text": "x", "path": "/v1/embeddings"}, "path", "nearest: /v1/chat/completions"),
        ({}, "body", ONE_THING),
        ({"text": "x", "json": None}, "body", ONE_THING),
        ({"finish_reason": "stop"}, "body", ONE_THING),
        ({"text": 5}, "text", "valid string"),
        ({"text": "x", "finish_reason": "bored"}, "finish_reason", "'length', 'tool_calls' or 'content_filter'"),
        ({"tool_calls": []}, "tool_calls", "at least 1 item"),
        ({"tool_calls": [{"arguments": {}}]}, "tool_calls.0.name", "field required"),
        ({"txet": "x"}, "txet", "is answered by text, json, tool_calls, finish_reason; of a stub there are: vendor"),
        ({"text": "x", "answers": [{"text": "y"}]}, "text", "stands beside answers"),
        ({"answers": []}, "answers", "at least 1 item"),
        ({"answers": [{"text": "x"}, {"json": 1, "text": "y"}]}, "answers.1", ONE_THING),
        ({"answers": [{"text": "x"}, {"txet": "y"}]}, "answers.1.txet", "is answered by text"),
        ({"text": "x", "then": "stop"}, "then", "'last', 'cycle' or 'simulate'"),
        ({"operation": "embeddings", "vectors": []}, "vectors", "at least 1 item"),
        ({"operation": "embeddings", "vectors": [[0.0] * 1025]}, "vectors.0", "at most 1024 items"),
        ({"operation": "rerank", "scores": [1]}, "scores.0", "less than 1"),
        ({"operation": "rerank", "scores": [0.5], "order": [0]}, "body", "exactly one of scores and order"),
        ({"operation": "audio.speech", "base64": "AAAA"}, "body", "say in duration_s how long it plays"),
        ({"operation": "audio.speech", "base64": "UklGRg=="}, "body", "base64: the audio is in no known container"),
        ({"operation": "images.edit", "base64": "?"}, "body", "is not base64"),
        ({"operation": "audio.transcriptions", "text": "x", "duration_s": 0}, "duration_s", "greater than 0"),
        ({"operation": "auto.compare_frontier", "json": 1}, "json", "is answered by text"),
        ({"operation": "propose_contract", "proposals": []}, "operation", "pareta.evals.propose_contract"),
        ({"operation": "*.create", "method": "PUT", "text": "x"}, "method", "is not the method"),
        ({"operation": "evals.propose_contract", "proposals": [{"task_id": "x", "confidence": "some"}]},
         "proposals.0.confidence", "'high', 'medium' or 'low'"),
    ],
)  # fmt: skip
def test_a_stub_that_cannot_answer_is_refused_with_what_it_could_say(
    control: ControlClient, body: dict[str, Any], field: str, says: str
) -> None:
    refused = control.post("worlds/acme/stubs", body)

    assert refused.status_code == 422, refused.text
    assert says in {error["field"]: error["message"] for error in refused.json()["errors"]}[field]
    assert control.get("worlds/acme/stubs").json()["data"] == []


def test_an_answer_is_json_that_answers_can_carry(control: ControlClient) -> None:
    refused = control.post("worlds/acme/stubs", content=b'{"json": {"a": NaN}}')

    assert refused.status_code == 422
    assert "NaN and infinities are not" in refused.text


def test_a_fork_goes_on_where_a_sequence_stood_and_a_reset_world_has_no_stubs(
    control: ControlClient, pareta: httpx.Client
) -> None:
    control.post("worlds/acme/stubs", {"answers": [{"text": "a"}, {"text": "b"}]})
    _chat(pareta)
    control.post("worlds/acme/fork", {"name": "copy"})
    control.post("worlds/acme/snapshots", {"name": "then"})

    control.post("worlds/acme/reset")

    copied = pareta.post(
        "/v1/chat/completions", headers={"Authorization": "Bearer pareta_sk_test_copy"},
        json={"model": "auto", "messages": [{"role": "user", "content": "hi"}]},
    )  # fmt: skip
    assert copied.json()["choices"][0]["message"]["content"] == "b"
    assert control.get("worlds/acme/stubs").json()["data"] == []
    assert _chat(pareta) not in ("a", "b")
    assert control.post("worlds/acme/stubs", {"text": "x"}).json()["id"] == "stub-1"


def test_a_restored_world_has_the_stubs_it_had(control: ControlClient, pareta: httpx.Client) -> None:
    control.post("worlds/acme/stubs", {"answers": [{"text": "a"}, {"text": "b"}]})
    snapshot = control.post("worlds/acme/snapshots", {"name": "then"}).json()["id"]
    _chat(pareta)
    control.delete("worlds/acme/stubs")

    control.post("worlds/acme/restore", {"snapshot": snapshot})

    assert [_chat(pareta), _chat(pareta)] == ["a", "b"]


def test_stubs_stay_in_their_world_and_out_of_the_template(control: ControlClient) -> None:
    control.post("worlds/acme/stubs", {"text": "x"})

    assert control.get("worlds/other/stubs").json()["data"] == []
    assert control.post("worlds/~/stubs", {"text": "x"}).status_code == 409
    assert control.delete("worlds/~/stubs").status_code == 409
