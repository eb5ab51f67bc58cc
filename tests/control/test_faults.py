"""Faults through the control API, on both vendors: what can be armed, what cannot, and how it is shown."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mockserver.app import Simulator
from mockserver.kernel.faults import Effect, Latency, When
from mockserver.kernel.ids import Draws
from mockserver.kernel.matching import Facts
from mockserver.kernel.windows import HOUR, MINUTE, SECOND, parse_instant
from mockserver.kernel.world import World
from tests.control.conftest import ControlClient

CHAT = "pareta.chat.completions.create"
INGEST = "paygentic.events.ingest"


@pytest.fixture
def control(simulator: Simulator) -> ControlClient:
    return ControlClient(simulator)


def _refused(control: ControlClient, body: dict[str, Any]) -> dict[str, str]:
    answer = control.post("worlds/acme/faults", body)
    assert answer.status_code == 422, answer.text
    assert control.get("worlds/acme/faults").json()["data"] == []
    return {error["field"]: error["message"] for error in answer.json()["errors"]}


def test_a_fault_is_armed_listed_shown_and_disarmed(control: ControlClient) -> None:
    armed = control.post("worlds/acme/faults", {"operation": "chat.completions.create", "first": 1, "status": 503})
    second = control.post("worlds/acme/faults", {"reset": True, "note": "cable pulled", "optional": True})

    assert armed.status_code == 201
    assert armed.json() == {
        "id": "fault-1", "operation": "chat.completions.create", "first": 1, "status": 503,
        "note": "", "optional": False, "matched": 0, "hits": 0,
    }  # fmt: skip
    assert control.get("worlds/acme/faults").json() == {"data": [armed.json(), second.json()], "next": None}
    assert control.get("worlds/acme/faults/fault-1").json() == {**armed.json(), "decisions": [], "next": None}
    assert control.delete("worlds/acme/faults/fault-1").status_code == 204
    assert control.get("worlds/acme/faults/fault-1").status_code == 404
    assert [fault["id"] for fault in control.get("worlds/acme/faults").json()["data"]] == ["fault-2"]


def test_all_faults_are_disarmed_at_once_and_no_id_is_used_again(control: ControlClient) -> None:
    for _ in range(2):
        control.post("worlds/acme/faults", {"reset": True})

    assert control.delete("worlds/acme/faults").status_code == 204

    assert control.get("worlds/acme/faults").json()["data"] == []
    assert control.post("worlds/acme/faults", {"reset": True}).json()["id"] == "fault-3"


@pytest.mark.parametrize("identifier", ["fault-2", "fault-01", "fault-", "1", "stub-1", "fault-9" + "9" * 30])
def test_what_is_no_fault_is_not_found(control: ControlClient, identifier: str) -> None:
    control.post("worlds/acme/faults", {"reset": True})

    assert control.get(f"worlds/acme/faults/{identifier}").status_code == 404
    assert control.delete(f"worlds/acme/faults/{identifier}").status_code == 404
    assert len(control.get("worlds/acme/faults").json()["data"]) == 1


def test_faults_and_decisions_come_in_pages(control: ControlClient, simulator: Simulator, world: World) -> None:
    for _ in range(3):
        control.post("worlds/acme/faults", {"method": "POST", "latency_ms": 5, "nth": 2})
    with simulator.store.committed():
        for request in (1, 2, 3):
            world.faults.strike(
                Facts({"method": "POST"}), world.clock.now(), request, Draws(7), lambda: 0, lambda effect: True
            )

    first = control.get("worlds/acme/faults?limit=2").json()
    second = control.get(f"worlds/acme/faults?limit=2&after={first['next']}").json()
    early = control.get("worlds/acme/faults/fault-2?limit=2").json()
    late = control.get(f"worlds/acme/faults/fault-2?limit=2&after={early['next']}").json()

    assert [(f["id"], f["matched"], f["hits"]) for f in (*first["data"], *second["data"])] == [
        ("fault-1", 3, 1), ("fault-2", 3, 1), ("fault-3", 3, 1),
    ]  # fmt: skip
    assert second["next"] is None
    assert [*early["decisions"], *late["decisions"]] == [
        {"n": 1, "request": 1, "hit": False, "reason": "number 1, not 2"},
        {"n": 2, "request": 2, "hit": True, "reason": "number 2"},
        {"n": 3, "request": 3, "hit": False, "reason": "number 3, not 2"},
    ]
    assert late["next"] is None


WHOLE: dict[str, Any] = {
    "vendor": "pareta", "operation": {"contains": "chat"}, "path": "/v1/*", "method": "POST",
    "key": "pareta_sk_*", "idempotency_key": {"regex": "^a"},
    "match": {"not": {"header": {"x-probe": "1"}}, "json": {"model": {"equals": "auto"}}},
    "nth": [1, 3], "first": 5, "every": 1, "between": ["2026-05-01T00:00:00Z", None], "rate": 0.25,
    "after_spend_usd": "0.000001", "latency_ms": {"median": 20, "p99": 400.5}, "malformed_chunk": 2,
    "drop_field": ["usage", "id"], "add_field": {"choices.0.extra": [1.5, None]}, "rename_field": {"model": "modell"},
    "retype_field": {"created": "string"}, "top_up_usd": "1.50", "top_up_after": "90s", "note": "all at once",
    "optional": True,
}  # fmt: skip


@pytest.mark.parametrize(
    "body",
    [
        WHOLE,
        {"latency_ms": {"low": 1, "high": 2.5}},
        {"latency_ms": 3},
        {"status": 500, "message": "ouch", "retry_after": 1.5, "empty_body": True},
        {"timeout": 0.5, "nth": 4},
        {"between": [None, "2026-05-01T00:00:00.000001Z"], "lost_ack": True},
        {"operation": CHAT, "truncate_stream_after": 0},
        {"operation": CHAT, "exhaust_credits": "mid_stream"},
        {"exhaust_credits": True},
        {"false_ack": True, "drop_field": "id"},
        {"operation": CHAT, "status": 402},
        {"status": 402},
    ],
)
def test_a_fault_is_shown_as_it_was_asked_for(control: ControlClient, body: dict[str, Any]) -> None:
    shown = control.post("worlds/acme/faults", body).json()

    assert shown == {"note": "", "optional": False, **body, "id": "fault-1", "matched": 0, "hits": 0}


@pytest.mark.parametrize(
    ("body", "effect"),
    [
        ({"timeout": True}, Effect(timeout_s=600.0)),
        ({"malformed_chunk": True}, Effect(malformed_chunk=1)),
        ({"status": 503, "retry_after": 0}, Effect(status=503, retry_after_s=0.0)),
        ({"latency_ms": {"low": 0, "high": 9}}, Effect(latency=Latency(0.0, 9.0))),
        ({"drop_field": "a.b"}, Effect(drop=("a.b",))),
        ({"top_up_usd": "0.1"}, Effect(top_up_micro_usd=100_000)),
        ({"exhaust_credits": True, "top_up_usd": "1", "top_up_after": "2h"},
         Effect(exhaust="before", top_up_micro_usd=1_000_000, top_up_after_us=2 * HOUR)),
    ],
)  # fmt: skip
def test_what_goes_wrong_is_read_exactly(
    control: ControlClient, world: World, body: dict[str, Any], effect: Effect
) -> None:
    control.post("worlds/acme/faults", body)

    assert world.faults.armed[0].fault.effect == effect


def test_when_is_read_exactly(control: ControlClient, world: World) -> None:
    control.post("worlds/acme/faults", {**WHOLE, "nth": [3, 1, 3]})

    when = world.faults.armed[0].fault.when
    assert replace(when, spent_before_micro_usd=0) == When(
        (1, 3), 5, 1, parse_instant("2026-05-01T00:00:00Z"), None, 0.25, 1
    )
    spent = [entry for entry in control.request("GET", "worlds/acme/ledger").json()["data"] if entry["kind"] == "debit"]
    assert when.spent_before_micro_usd == -sum(entry["amount_micro_usd"] for entry in spent)


@pytest.mark.parametrize(
    ("body", "field", "says"),
    [
        ({}, "body", "say what goes wrong, by one of status, timeout, reset, latency_ms"),
        ({"nth": 1}, "body", "say what goes wrong"),
        ({"status": None}, "body", "say what goes wrong"),
        ({"status": 503, "timeout": 1}, "timeout", "not together with status"),
        ({"status": 503, "reset": True}, "reset", "not together with status"),
        ({"timeout": True, "reset": True}, "reset", "not together with timeout"),
        ({"reset": True, "lost_ack": True}, "lost_ack", "not together with reset"),
        ({"status": 503, "drop_field": "id"}, "drop_field", "not together with status"),
        ({"timeout": 1, "latency_ms": 1}, "latency_ms", "not together with timeout"),
        ({"lost_ack": True, "empty_body": True}, "empty_body", "no answer arrives"),
        ({"empty_body": True, "add_field": {"a": 1}}, "add_field", "there is no body"),
        ({"false_ack": True, "lost_ack": True}, "lost_ack", "nothing is kept"),
        ({"operation": CHAT, "reset": True, "exhaust_credits": "mid_stream"}, "exhaust_credits", "not mid_stream"),
        ({"drop_field": "a", "retype_field": {"a": "null"}}, "retype_field", "'a' is changed in two ways"),
        ({"latency_ms": 1, "message": "x"}, "message", "goes with status only"),
        ({"operation": CHAT, "status": 402, "retry_after": 1}, "retry_after", "out of its ledger"),
        ({"reset": True, "top_up_after": "1h"}, "top_up_after", "goes with top_up_usd only"),
        ({"top_up_usd": "0"}, "top_up_usd", "above 0"),
        ({"top_up_usd": "0.0000001"}, "top_up_usd", "finer than one micro-dollar"),
        ({"status": 399}, "status", "greater than or equal to 400"),
        ({"status": 600}, "status", "less than or equal to 599"),
        ({"reset": True, "nth": 0}, "nth", "between 1 and"),
        ({"reset": True, "nth": []}, "nth", "between 1 and 1000 numbers"),
        ({"reset": True, "nth": True}, "nth", "whole number"),
        ({"reset": True, "first": 0}, "first", "between 1 and"),
        ({"reset": True, "every": 0}, "every", "between 1 and"),
        ({"reset": True, "nth": 4, "first": 3}, "nth", "is never one of the first 3"),
        ({"reset": True, "nth": [1, 5], "every": 2}, "nth", "is never one of the multiples of 2"),
        ({"reset": True, "first": 2, "every": 3}, "every", "never comes within the first 2"),
        ({"reset": True, "rate": 0}, "rate", "above 0"),
        ({"reset": True, "rate": 1.5}, "rate", "between 0 and 1"),
        ({"reset": True, "rate": True}, "rate", "must be a number"),
        ({"reset": True, "between": ["2026-05-02T00:00:00Z", "2026-05-01T00:00:00Z"]}, "between", "before it starts"),
        ({"reset": True, "between": [None, None]}, "between", "from when, or up to when"),
        ({"reset": True, "between": "2026-05-02"}, "between", "[from, to]"),
        ({"reset": True, "between": ["tomorrow", None]}, "between", "not an ISO 8601"),
        ({"reset": True, "after_spend_usd": "-1"}, "after_spend_usd", "0 or more"),
        ({"reset": True, "after_spend_usd": 1.5}, "after_spend_usd", "valid string"),
        ({"reset": False}, "reset", "True"),
        ({"timeout": False}, "timeout", "must be a number"),
        ({"timeout": 0}, "timeout", "between 0.001"),
        ({"latency_ms": -1}, "latency_ms", "between 0"),
        ({"latency_ms": {"low": 2, "high": 1}}, "latency_ms", "low is above high"),
        ({"latency_ms": {"median": 2, "p99": 1}}, "latency_ms", "median is above p99"),
        ({"latency_ms": {"median": 0, "p99": 1}}, "latency_ms", "median must be above 0"),
        ({"latency_ms": {"mean": 2}}, "latency_ms", '{"median", "p99"}'),
        ({"drop_field": []}, "drop_field", "must name a field"),
        ({"drop_field": "a..b"}, "drop_field", "dotted path"),
        ({"add_field": {}}, "add_field", "an object of fields"),
        ({"rename_field": {"a": "b.c"}}, "rename_field", "without dots"),
        ({"retype_field": {"a": "text"}}, "retype_field", "must be one of string, number"),
        ({"operation": INGEST, "late": "0s"}, "late", "above 0"),
        ({"operation": INGEST, "late": "soon"}, "late", "not a duration"),
        ({"operation": INGEST, "clock_skew": "-0s"}, "clock_skew", "must not be 0"),
        ({"operation": INGEST, "scale_values": "1.0"}, "scale_values", "1 changes nothing"),
        ({"operation": INGEST, "scale_values": "much"}, "scale_values", "must be a decimal"),
        ({"operation": INGEST, "double": "twice"}, "double", "'same_key', 'new_key' or 'other_payload'"),
        ({"exhaust_credits": "after"}, "exhaust_credits", 'true or "mid_stream"'),
        ({"reset": True, "model": 5}, "model", "must be a text, or an object"),
        ({"reset": True, "model": {"like": "x"}}, "model", "one of equals, contains, regex, one_of"),
        ({"reset": True, "key": {"regex": "("}}, "key", "no regular expression"),
        ({"reset": True, "match": {"colour": "red"}}, "match", "nothing is known as 'colour'; there are: "),
        ({"reset": True, "operatoin": "x"}, "operatoin", "Extra inputs"),
        ({"reset": True, "note": "x" * 201}, "note", "at most 200"),
    ],
)  # fmt: skip
def test_a_faulty_field_is_named_with_the_reason(
    control: ControlClient, body: dict[str, Any], field: str, says: str
) -> None:
    refused = _refused(control, body)

    assert says in refused[field]


@pytest.mark.parametrize(
    ("body", "field", "says"),
    [
        ({"vendor": "parota"}, "vendor", 'no vendor is "parota"; there are: pareta, paygentic'),
        ({"operation": "chat.completion.create"}, "operation", f"nearest: {CHAT}"),
        ({"operation": "events.*", "vendor": "pareta"}, "operation", '"events.*" is of paygentic, not of pareta'),
        ({"path": "/chat/completions"}, "path", "nearest: /v1/chat/completions"),
        ({"path": "/v1/chat", "operation": "chat.*"}, "path", "nearest: /v1/chat/completions"),
        ({"path": "/v9/*"}, "path", "no path here is"),
        ({"path": "/v1/eval-runs/a/b", "operation": "evals.*"}, "path", "no path here is"),
        ({"path": "/v0/events", "vendor": "pareta"}, "path", "is of paygentic, not of pareta"),
        ({"operation": CHAT, "method": "GET"}, "method", "there are: POST"),
        ({"vendor": "pareta", "customer": "c"}, "customer", "nothing is known as 'customer'"),
        ({"vendor": "paygentic", "model": "auto"}, "model", "nothing is known as 'model'"),
        ({"operation": CHAT, "match": {"not": {"vendor": "p*"}}}, "match", "no request can match"),
        ({"match": {"any": [{"vendor": "x"}, {"operation": "y"}]}}, "match", "no request can match"),
        ({"operation": {"one_of": ["chat", "x"]}}, "operation", "no operation is"),
        ({"model": {"one_of": []}}, "model", "one_of an empty list is nothing"),
    ],
)
def test_a_fault_that_can_never_match_is_refused(
    control: ControlClient, body: dict[str, Any], field: str, says: str
) -> None:
    refused = _refused(control, {"reset": True, **body})

    assert says in refused[field]


@pytest.mark.parametrize(
    ("body", "field", "says"),
    [
        ({"operation": "models.list", "truncate_stream_after": 1}, "truncate_stream_after",
         "none of pareta.models.list streams"),
        ({"vendor": "paygentic", "exhaust_credits": "mid_stream"}, "exhaust_credits", "streams"),
        ({"operation": "models.list", "delay_visibility": "1s"}, "delay_visibility", "can show late"),
        ({"operation": CHAT, "double": "same_key"}, "double", f"none of {CHAT} takes in events"),
        ({"operation": CHAT, "late": "1h"}, "late", "takes in events"),
        ({"operation": CHAT, "clock_skew": "-5m"}, "clock_skew", "takes in events"),
        ({"operation": CHAT, "scale_values": 1000}, "scale_values", "takes in events"),
        ({"vendor": "paygentic", "status": 402}, "status", "an empty balance, and paygentic has none"),
        ({"operation": "*.list", "status": 402}, "status", "costs anything"),
        ({"operation": "models.list", "status": 402}, "status", "none of pareta.models.list costs anything"),
    ],
)  # fmt: skip
def test_an_effect_that_no_matching_request_can_suffer_is_refused(
    control: ControlClient, body: dict[str, Any], field: str, says: str
) -> None:
    refused = _refused(control, body)

    assert says in refused[field]


@pytest.mark.parametrize(
    "body",
    [
        {"path": "/v1/endpoints/*/start"},
        {"path": "/pareta/v1/models"},
        {"path": "/v1/eval-runs/run_1", "method": "GET"},
        {"path": {"one_of": ["/nowhere", "/v1/models"]}},
        {"path": {"regex": "whatever"}},
        {"path": "/v1/of-another-version"},
        {"operation": "*.create", "vendor": "pareta"},
        {"match": {"not": {"operation": CHAT}}},
        {"match": {"any": [{"vendor": "x"}, {"vendor": "pareta"}]}},
        {"vendor": {"one_of": ["paygentic"]}},
        {"key": "sk_test_*"},
    ],
)
def test_what_may_match_is_armed(control: ControlClient, body: dict[str, Any]) -> None:
    assert control.post("worlds/acme/faults", {"reset": True, **body}).status_code == 201


def test_a_pattern_may_nest_as_deep_as_json_does(control: ControlClient) -> None:
    def nested(depth: int) -> str:
        return '{"reset": true, "match": ' + '{"not": ' * depth + '{"method": "GET"}' + "}" * depth + "}"

    answers = [control.post("worlds/acme/faults", content=nested(depth)).status_code for depth in (150, 100_000)]

    assert answers == [201, 400]


def test_every_faulty_field_is_named_at_once(control: ControlClient) -> None:
    refused = _refused(control, {"vendor": "x", "first": 2, "nth": 3, "status": 503, "lost_ack": True})

    assert refused.keys() == {"vendor", "nth", "lost_ack"}


def test_ingestion_can_go_wrong_in_every_named_way(control: ControlClient, world: World) -> None:
    body = {
        "operation": INGEST, "double": "other_payload", "late": "2h", "clock_skew": "-5m", "scale_values": "1000",
        "delay_visibility": "30s",
    }  # fmt: skip

    shown = control.post("worlds/acme/faults", body)

    assert shown.status_code == 201, shown.text
    assert body.items() <= shown.json().items()
    assert world.faults.armed[0].fault.effect == Effect(
        double="other_payload", late_us=2 * HOUR, skew_us=-5 * MINUTE, scale="1000", delay_us=30 * SECOND
    )


def test_a_fork_has_the_faults_and_their_counts_and_a_reset_world_none(
    control: ControlClient, simulator: Simulator, world: World
) -> None:
    control.post("worlds/acme/faults", {"reset": True})
    with simulator.store.committed():
        world.faults.strike(Facts({}), world.clock.now(), 1, Draws(7), lambda: 0, lambda effect: True)
    before = control.get("worlds/acme/faults/fault-1").json()

    control.post("worlds/acme/fork", {"name": "copy"})
    control.post("worlds/acme/reset")

    assert before["hits"] == 1
    assert control.get("worlds/copy/faults/fault-1").json() == before
    assert control.get("worlds/acme/faults").json()["data"] == []
    assert control.post("worlds/acme/faults", {"reset": True}).json()["id"] == "fault-1"


def test_faults_stay_in_their_world_and_out_of_the_template(control: ControlClient) -> None:
    control.post("worlds/acme/faults", {"reset": True})

    assert control.get("worlds/other/faults").json()["data"] == []
    assert control.post("worlds/~/faults", {"reset": True}).status_code == 409
    assert control.delete("worlds/~/faults").status_code == 409
