"""Debits held against the cost events about the same work: over HTTP, through both SDKs, and against plain loops."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from random import Random
from typing import Any, TypeVar

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from paygentic_sdk import Paygentic

from mockserver.app import Simulator
from mockserver.control.control import Control
from mockserver.control.operations import reconciliation
from mockserver.control.reconciling import KINDS, MAX_EVENTS, Books, Line, Question, Reconciliation, reconcile
from mockserver.control.routes import control_app
from mockserver.http.inprocess import InProcessTransport
from mockserver.kernel.errors import Conflict
from mockserver.kernel.windows import DAY, HOUR, MINUTE, parse_instant
from mockserver.kernel.world import World
from mockserver.vendors.bookkeeping import Debit, Receipt
from tests.control import toy
from tests.control.conftest import ControlClient

ENDPOINT, MODEL = "ep-contract-key-fields", "qwen-2"
PRICE = Decimal("0.00009")
TYPE = "cost.ai.inference"
TEXT = "Extract the effective date: effective as of January 1, 2026."
MERCHANT = "org_YOUR_ORG_ID"
COST = {
    "type": "metered", "name": "AI", "eventType": TYPE, "aggregation": "SUM", "valueProperty": "$.amount",
    "unitCost": 1, "currency": "USD", "productId": "prod_YOUR_PRODUCT_ID",
}  # fmt: skip


@dataclass(frozen=True)
class Work:
    """What a client sees of something it paid for."""

    id: str
    request_id: str
    amount: Decimal


class Firm:
    """Buys work, reports what it cost, and checks its books, all over HTTP."""

    def __init__(self, pareta: httpx.Client, paygentic: httpx.Client, control: ControlClient) -> None:
        self.pareta = pareta
        self.paygentic = paygentic
        self.control = control

    def chat(self, model: str = ENDPOINT, key: str | None = None) -> Work:
        body = {"model": model, "messages": [{"role": "user", "content": TEXT}]}
        return self.work("/v1/chat/completions", body, key)

    def work(self, path: str, body: Mapping[str, Any], key: str | None = None) -> Work:
        answer = self.pareta.post(path, json=body, headers={"Idempotency-Key": key} if key else {})
        assert answer.status_code == 200, answer.text
        billed = Decimal(answer.headers["x-pareta-billed"]).scaleb(-6)
        return Work(answer.json().get("id", ""), answer.headers["x-request-id"], billed)

    def cost(self, **changes: Any) -> Any:
        body = {name: value for name, value in {**COST, **changes}.items() if value is not ...}
        answer = self.paygentic.post("/v0/costs", json=body)
        assert answer.status_code == 201, answer.text
        return answer.json()

    def bill(self, amount: Decimal | str | None = None, *, data: Mapping[str, Any] | None = None, **event: Any) -> str:
        """Send an event; the amount travels as text, with all its digits. Return its id."""
        content = {**({} if amount is None else {"amount": str(amount)}), **(data or {})}
        event = {"type": TYPE, "source": "tests", "data": content, **event}
        if "externalSubject" not in event:
            event.setdefault("subject", "cus_abc123")
        answer = self.paygentic.post("/v0/events", json=event)
        assert answer.status_code == 202, answer.text
        identifier: str = answer.json()["id"]
        return identifier

    def at(self, instant: str) -> None:
        assert self.control.put("worlds/acme/clock", {"mode": "frozen", "now": instant}).status_code == 200

    def check(self, **query: Any) -> Any:
        params = {name.rstrip("_"): value for name, value in query.items()}
        answer = self.control.get("worlds/acme/reconciliation", params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def counts(self, **query: Any) -> dict[str, int]:
        """Return how many there are of each kind that there is."""
        return {kind: sums["count"] for kind, sums in self.check(**query)["kinds"].items() if sums["count"]}


@pytest.fixture
def control(simulator: Simulator) -> ControlClient:
    return ControlClient(control_app(simulator.worlds, simulator.vendors, None))


@pytest.fixture
def firm(pareta: httpx.Client, paygentic: httpx.Client, control: ControlClient, world: World) -> Firm:
    """The firm of world `acme`, whose events of one type are summed at a dollar each."""
    firm = Firm(pareta, paygentic, control)
    firm.cost()
    return firm


def dollars(sums: Mapping[str, Any]) -> tuple[str, str, str]:
    return sums["debited_usd"], sums["billed_usd"], sums["difference_usd"]


# What is compared


def test_a_new_world_owes_nobody_anything(control: ControlClient) -> None:
    ledger = control.get("worlds/acme/ledger").json()["data"]
    found = control.get("worlds/acme/reconciliation").json()

    assert "debit" in [entry["kind"] for entry in ledger], "there is a debit, but every world begins with it"
    nothing = {"debited_usd": "0.00", "billed_usd": "0.00", "difference_usd": "0.00"}
    assert found == {
        "holds": True, "from": None, "to": None,
        "totals": {"calls": 0, "events": 0, **nothing},
        "kinds": {kind: {"count": 0, **nothing} for kind in KINDS},
        "faults": [], "warnings": [], "data": [], "next": None,
    }  # fmt: skip


def test_each_kind_is_told_with_its_exact_dollars_and_its_ids(firm: Firm) -> None:
    good, forgotten, twice, wrong, one, other = (firm.chat() for _ in range(6))
    firm.bill(PRICE, idempotencyKey=f"{good.id}-cost")
    doubled = [firm.bill(PRICE, data={"call": twice.id}, subject=who) for who in ("cus_first", "cus_second")]
    dear = firm.bill("0.000090000001", externalId=wrong.request_id)
    stray = firm.bill("12.5", data={"call": "chatcmpl-0000000000000000"})
    both = firm.bill("0.25", data={"calls": [one.id, other.id]})

    found = firm.check()

    assert found["holds"] is False
    assert {kind: (sums["count"], *dollars(sums)) for kind, sums in found["kinds"].items()} == {
        "matched": (1, "0.00009", "0.00009", "0.00"),
        "missing": (3, "0.00027", "0.00", "-0.00027"),
        "doubled": (1, "0.00009", "0.00018", "0.00009"),
        "wrong_amount": (1, "0.00009", "0.000090000001", "0.000000000001"),
        "unknown": (1, "0.00", "12.50", "12.50"),
        "ambiguous": (1, "0.00", "0.25", "0.25"),
    }
    assert found["totals"] == {
        "calls": 6, "events": 6, "debited_usd": "0.00054", "billed_usd": "12.750360000001",
        "difference_usd": "12.749820000001",
    }  # fmt: skip
    told = [
        (fault["kind"], fault["customer"], [d["id"] for d in fault["debits"]], [e["id"] for e in fault["events"]])
        for fault in found["faults"]
    ]
    assert told == [
        ("missing", None, [forgotten.id], []),
        ("doubled", "cus_first", [twice.id], doubled),
        ("wrong_amount", "cus_abc123", [wrong.id], [dear]),
        ("missing", None, [one.id], []),
        ("missing", None, [other.id], []),
        ("unknown", "cus_abc123", [], [stray]),
        ("ambiguous", "cus_abc123", [one.id, other.id], [both]),
    ]


def test_a_fault_shows_all_there_is_to_follow_it_up(firm: Firm) -> None:
    call = firm.chat(key="order-7")
    event = firm.bill("0.0001", idempotencyKey=f"cost:{call.id}")

    (fault,) = firm.check()["faults"]

    assert fault == {
        "kind": "wrong_amount", "at": "2026-02-10T12:00:00Z", "customer": "cus_abc123",
        "debited_usd": "0.00009", "billed_usd": "0.0001", "difference_usd": "0.00001", "event_count": 1,
        "debits": [
            {
                "id": call.id, "request_id": call.request_id, "idempotency_key": "order-7",
                "at": "2026-02-10T12:00:00Z", "operation": "chat.completions.create", "endpoint": ENDPOINT,
                "model": MODEL, "amount_usd": "0.00009",
            }
        ],
        "events": [
            {
                "id": event, "type": TYPE, "customer": "cus_abc123", "at": "2026-02-10T12:00:00Z",
                "idempotency_key": f"cost:{call.id}", "worth_usd": "0.0001",
            }
        ],
    }  # fmt: skip


# Which event names which debit


@pytest.mark.parametrize(
    "event",
    [
        {"idempotencyKey": "{id}"},
        {"idempotencyKey": "{id}-cost.ai.inference"},
        {"idempotencyKey": "cost:{request_id}/1"},
        {"idempotencyKey": "v2_{id}_v2"},
        {"externalId": "{id}"},
        {"externalId": "{request_id}"},
        {"data": {"call": "{request_id}"}},
        {"data": {"trace": {"steps": [1, ["x", {"ref": "{id}"}]]}}},
        {"idempotencyKey": "job-1"},
        {"externalId": "job-1"},
        {"data": {"job": "job-1"}},
        {"idempotencyKey": "{id}", "externalId": "{request_id}", "data": {"job": "job-1"}},
        {"idempotencyKey": "{id}", "data": {"job": "job-2"}},  # an id goes before an idempotency key
    ],
)
def test_an_event_names_a_call_by_an_id_it_saw_or_by_the_idempotency_key_it_sent(
    firm: Firm, event: dict[str, Any]
) -> None:
    other, call = firm.chat(key="job-2"), firm.chat(key="job-1")
    firm.bill(PRICE, **_filled(event, call))
    firm.bill(PRICE, externalId=other.id)

    assert firm.counts() == {"matched": 2}


@pytest.mark.parametrize(
    "event",
    [
        {"idempotencyKey": "x{id}"},
        {"idempotencyKey": "{id}é"},
        {"idempotencyKey": "{id}0-cost"},
        {"externalId": "{id}-cost"},
        {"externalId": "job-1-cost"},
        {"idempotencyKey": "job-1-cost"},
        {"data": {"call": "{id} "}},
        {"data": {"{id}": 1}},
        {"data": {"calls": "{id},{request_id}"}},
        {"idempotencyKey": "chatcmpl-0000000000000000"},
        {"source": "{id}"},
        {},
    ],
)
def test_nothing_is_guessed(firm: Firm, event: dict[str, Any]) -> None:
    call = firm.chat(key="job-1")
    firm.bill(PRICE, **_filled(event, call))

    assert firm.counts() == {"missing": 1, "unknown": 1}


def _filled(value: Any, call: Work) -> Any:
    if isinstance(value, dict):
        return {_filled(name, call): _filled(part, call) for name, part in value.items()}
    if isinstance(value, list):
        return [_filled(part, call) for part in value]
    return value.format(id=call.id, request_id=call.request_id) if isinstance(value, str) else value


def test_a_key_that_several_calls_were_sent_with_names_none_of_them(firm: Firm) -> None:
    firm.chat(key="job-1")
    firm.work("/v1/embeddings", {"input": "a"}, key="job-1")
    firm.bill(PRICE, idempotencyKey="job-1")

    (fault,) = firm.check(kind="ambiguous")["faults"]

    assert [debit["operation"] for debit in fault["debits"]] == ["chat.completions.create", "embeddings"]


def test_a_repeated_request_is_one_debit_whatever_its_answers_are_called(firm: Firm) -> None:
    call, again = firm.chat(key="job-1"), firm.chat(key="job-1")
    firm.bill(PRICE, data={"call": again.id})

    assert (call.id, call.request_id == again.request_id) == (again.id, False)
    assert firm.counts() == {"matched": 1}


@pytest.mark.parametrize(
    ("path", "body", "model", "endpoint"),
    [
        ("/v1/embeddings", {"input": "a" * 400}, "qwen-embed-1", "/v1/embeddings"),
        ("/v1/rerank", {"query": "a", "documents": ["a", "b"]}, "pareta-rerank-1", "/v1/rerank"),
        ("/v1/audio/speech", {"text": "Hello."}, None, "/v1/audio/speech"),
        ("/v1/chat/completions", {"model": "auto", "messages": [{"role": "user", "content": TEXT}]}, "auto", "auto"),
        (
            "/agent/v1/chat/completions",
            {"model": "auto", "messages": [{"role": "user", "content": TEXT}]},
            "auto",
            "/agent/v1/chat/completions",
        ),
    ],
)
def test_every_kind_of_paid_call_is_a_debit(
    firm: Firm, path: str, body: dict[str, Any], model: str | None, endpoint: str
) -> None:
    call = firm.work(path, body)

    (fault,) = firm.check()["faults"]
    firm.bill(call.amount, data={"call": call.id or call.request_id})

    assert call.amount > 0
    (debit,) = fault["debits"]
    assert (debit["id"] or "", debit["request_id"]) == (call.id, call.request_id)
    assert (debit["model"], debit["endpoint"], Decimal(debit["amount_usd"])) == (model, endpoint, call.amount)
    assert firm.check()["holds"] is True


def test_an_eval_run_is_a_debit_that_its_id_names(firm: Firm) -> None:
    row = {"input": {"contract_text": "Effective as of May 1."}, "expected_output": {"effective_date": "2026-05-01"}}
    made = firm.pareta.post(
        "/v1/eval-sets",
        data={"task_id": "contract-key-fields", "prompt": "The date."},
        files={"items": ("items.jsonl", json.dumps(row).encode(), "application/jsonl")},
    )
    assert made.status_code == 201, made.text
    run = firm.pareta.post(
        "/v1/eval-runs", json={"eval_set_id": made.json()["eval_set"]["id"], "candidate_model_ids": [MODEL]}
    ).json()["run_id"]

    (fault,) = firm.check()["faults"]
    (debit,) = fault["debits"]
    firm.bill(debit["amount_usd"], idempotencyKey=f"{run}-cost")

    assert (debit["id"], debit["request_id"], debit["model"]) == (run, None, None)
    assert firm.check()["holds"] is True


def test_what_was_refused_or_cost_nothing_needs_no_event(firm: Firm) -> None:
    firm.control.put("worlds/acme/credits", {"balance_usd": "0"})
    refused = firm.pareta.post("/v1/chat/completions", json={"model": "auto", "messages": [{"role": "user"}]})
    assert refused.status_code >= 400

    assert firm.check()["holds"] is True
    firm.bill("1", data={"call": refused.headers["x-request-id"]})
    assert firm.counts() == {"unknown": 1}


# What an event is worth


def test_an_event_is_worth_what_all_live_costs_make_of_it_together(firm: Firm) -> None:
    call = firm.chat()
    extra = firm.cost(aggregation="COUNT", valueProperty=..., unitCost=0.00002)
    firm.bill("0.00007", idempotencyKey=call.id)
    with_both = firm.counts()

    firm.paygentic.patch(f"/v0/costs/{extra['id']}", json={"unitCost": 0.00003})
    changed = firm.check()["faults"][0]["difference_usd"]
    firm.paygentic.delete(f"/v0/costs/{extra['id']}")

    assert with_both == {"matched": 1}
    assert changed == "0.00001"
    assert firm.check()["faults"][0]["difference_usd"] == "-0.00002"


def test_events_of_several_types_pay_for_a_call_together(firm: Firm) -> None:
    firm.cost(eventType="cost.compute")
    whole, half = firm.chat(), firm.chat()
    firm.bill("0.00008", idempotencyKey=f"{whole.id}-{TYPE}")
    firm.bill("0.00001", idempotencyKey=f"{whole.id}-cost.compute", type="cost.compute")
    firm.bill("0.00008", idempotencyKey=f"{half.id}-{TYPE}")

    assert firm.counts() == {"matched": 1, "wrong_amount": 1}


def test_one_type_can_be_looked_at_by_itself(firm: Firm) -> None:
    firm.cost(eventType="cost.compute")
    call = firm.chat()
    firm.bill(PRICE, idempotencyKey=call.id)
    firm.bill("3", type="cost.compute")

    assert firm.counts() == {"matched": 1, "unknown": 1}
    assert firm.counts(type="*.ai.*") == {"matched": 1}
    assert firm.counts(type="cost.compute") == {"missing": 1, "unknown": 1}


def test_events_that_no_live_cost_reads_are_no_receipts(firm: Firm) -> None:
    other = firm.cost(eventType="cost.compute")
    call = firm.chat()
    firm.bill(PRICE, idempotencyKey=call.id, type="cost.compute")
    firm.paygentic.delete(f"/v0/costs/{other['id']}")

    assert firm.counts() == {"missing": 1}


def test_what_has_no_worth_in_dollars_by_itself_is_a_warning(firm: Firm) -> None:
    average = firm.cost(eventType="avg", aggregation="AVG")
    euros = firm.cost(eventType="eur", currency="EUR")
    calls = [firm.chat() for _ in range(2)]
    before = firm.check()["warnings"]
    for call, kind in zip(calls, ("avg", "eur"), strict=True):
        firm.bill(PRICE, idempotencyKey=call.id, type=kind)

    found = firm.check()

    assert before == [], "no event yet"
    assert sorted(found["warnings"]) == sorted(
        [
            f"cost {average['id']} is AVG: none of its events is worth anything by itself",
            f"cost {euros['id']} is in EUR: what its events are worth in USD is not known",
        ]
    )
    assert found["kinds"]["wrong_amount"]["billed_usd"] == "0.00"
    assert [fault["events"][0]["idempotency_key"] for fault in found["faults"]] == [call.id for call in calls]


def test_amounts_are_exact_unless_a_tolerance_is_given(firm: Firm) -> None:
    firm.bill(repr(90 * 1e-6), idempotencyKey=firm.chat().id)

    found = firm.check()

    assert found["faults"][0]["difference_usd"] == "-0.00000000000000000001"
    assert firm.counts(tolerance_usd="0.00000000000000000001") == {"matched": 1}
    assert firm.counts(tolerance_usd="0.000000000000000000009") == {"wrong_amount": 1}
    assert firm.check(tolerance_usd="1e-6")["totals"]["difference_usd"] == "-0.00000000000000000001"


@pytest.mark.parametrize("amount", ["123456789012345.000001", "-0.00001", "1e30", "1e-30"])
def test_amounts_of_any_size_are_exact(firm: Firm, amount: str) -> None:
    call = firm.chat()
    firm.bill(amount, data={"call": call.id, "n": 1})
    firm.bill(amount, data={"call": call.id, "n": 2})

    (fault,) = firm.check()["faults"]

    assert Fraction(fault["billed_usd"]) == 2 * Fraction(amount)
    assert Fraction(fault["difference_usd"]) == 2 * Fraction(amount) - Fraction(PRICE)


# Retries


def test_a_retry_under_the_same_key_counts_once_and_under_another_twice(firm: Firm) -> None:
    call = firm.chat()
    for _ in range(2):
        firm.bill(PRICE, idempotencyKey=f"{call.id}-cost")
    same = firm.counts()
    firm.bill(PRICE, idempotencyKey=f"{call.id}-cost-retry")

    assert same == {"matched": 1}
    assert firm.counts() == {"doubled": 1}


def test_a_call_billed_twice_is_doubled_even_if_the_sum_is_right(firm: Firm) -> None:
    call = firm.chat()
    for n, amount in enumerate(("0.00004", "0.00005")):
        firm.bill(amount, data={"call": call.id, "n": n})

    (fault,) = firm.check()["faults"]

    assert (fault["kind"], fault["difference_usd"]) == ("doubled", "0.00")


# Whose it is


def test_an_external_subject_is_the_customer_it_turns_out_to_be(firm: Firm) -> None:
    firm.bill(PRICE, idempotencyKey=firm.chat().id, externalSubject="north-01")
    before = firm.check()["data"]
    consumer = {
        "name": "North", "email": "ap@north.example",
        "address": {"line1": "1 High St", "city": "Leeds", "state": "ENG", "country": "GB", "zipCode": "LS1"},
    }  # fmt: skip
    made = firm.paygentic.post(
        "/v0/customers", json={"merchantId": MERCHANT, "consumer": consumer, "externalId": "north-01"}
    )

    after = firm.check()["data"]

    assert [line["customer"] for line in before] == [None]
    assert [line["customer"] for line in after] == [made.json()["customerId"]]


def test_lines_are_by_hour_customer_and_model_and_come_in_pages(firm: Firm) -> None:
    for instant in ("2026-02-10T13:59:59Z", "2026-02-10T14:00:00Z"):
        firm.at(instant)
        for subject in ("cus_b", "cus_a"):
            firm.bill(PRICE, idempotencyKey=firm.chat().id, subject=subject)
        auto = firm.chat("auto")
        firm.bill(auto.amount, idempotencyKey=auto.id, subject="cus_a")
        firm.chat()
        firm.bill("1", subject="cus_a")

    lines: list[Any] = []
    cursor: int | None = 0
    while cursor is not None:
        page = firm.check(after=cursor, limit=3)
        assert len(page["data"]) <= 3
        lines, cursor = [*lines, *page["data"]], page["next"]

    assert [(line["hour"][11:13], line["customer"], line["model"], *line["kinds"]) for line in lines] == [
        (hour, *line)
        for hour in ("13", "14")
        for line in (
            (None, MODEL, "missing"),
            ("cus_a", None, "unknown"),
            ("cus_a", "auto", "matched"),
            ("cus_a", MODEL, "matched"),
            ("cus_b", MODEL, "matched"),
        )
    ]
    assert lines == firm.check()["data"]
    assert firm.check(limit=len(lines))["next"] is None
    assert lines[0] == {
        "customer": None, "model": MODEL, "hour": "2026-02-10T13:00:00Z",
        "debited_usd": "0.00009", "billed_usd": "0.00", "difference_usd": "-0.00009",
        "kinds": {
            "missing": {"count": 1, "debited_usd": "0.00009", "billed_usd": "0.00", "difference_usd": "-0.00009"}
        },
    }  # fmt: skip


# When


def test_a_call_belongs_to_its_own_day_whenever_its_events_come(firm: Firm) -> None:
    firm.at("2026-02-10T23:59:59.999999Z")
    late, early, gone = firm.chat(), firm.chat(), firm.chat()
    firm.bill(PRICE, idempotencyKey=early.id, timestamp="2026-02-01T00:00:00Z")
    firm.at("2026-02-11T00:00:00Z")
    firm.bill(PRICE, idempotencyKey=late.id)
    firm.bill(PRICE, idempotencyKey=firm.chat().id, timestamp="2026-02-10T12:00:00Z")
    firm.bill("1", timestamp="2026-02-10T23:00:00Z")
    midnight, day = "2026-02-11T00:00:00Z", "2026-02-10T00:00:00Z"

    tenth = firm.check(from_=day, to=midnight)
    eleventh = firm.check(from_=midnight)

    assert {kind: sums["count"] for kind, sums in tenth["kinds"].items() if sums["count"]} == {
        "matched": 2, "missing": 1, "unknown": 1,
    }  # fmt: skip
    assert [debit["id"] for fault in tenth["faults"] for debit in fault["debits"]] == [gone.id]
    assert (eleventh["holds"], eleventh["totals"]["calls"], eleventh["to"]) == (True, 1, None)
    assert (tenth["from"], tenth["to"]) == (day, midnight)
    assert firm.counts(to=day) == {}


# What is shown


def test_faults_are_shown_oldest_first_of_one_kind_and_no_more_than_wanted(firm: Firm) -> None:
    calls = [firm.chat() for _ in range(3)]
    firm.bill("1", timestamp="2026-02-10T11:59:59Z")

    shown = firm.check(faults=2)["faults"]

    assert [fault["kind"] for fault in shown] == ["unknown", "missing"]
    assert shown[0]["events"][0]["idempotency_key"] is None, "it was sent without one"
    missing = firm.check(faults=2, kind="missing")
    assert [fault["debits"][0]["id"] for fault in missing["faults"]] == [call.id for call in calls[:2]]
    assert missing["kinds"]["unknown"]["count"] == 1, "what is shown changes nothing about what is counted"
    assert firm.check(faults=0)["faults"] == []
    assert firm.check(kind="doubled")["faults"] == []


def test_of_very_many_events_about_one_call_the_first_are_shown(firm: Firm) -> None:
    call = firm.chat()
    sent = [firm.bill("0.01", data={"call": call.id, "n": n}) for n in range(MAX_EVENTS + 5)]

    (fault,) = firm.check()["faults"]

    assert [event["id"] for event in fault["events"]] == sent[:MAX_EVENTS]
    assert (fault["event_count"], fault["billed_usd"]) == (MAX_EVENTS + 5, "1.05")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"from": "yesterday"}, "from"),
        ({"to": "2026-02-30T00:00:00Z"}, "to"),
        ({"from": "2026-02-10T00:00:00Z", "to": "2026-02-10T00:00:00Z"}, "to"),
        ({"from": "2026-02-11T00:00:00Z", "to": "2026-02-10T00:00:00Z"}, "to"),
        ({"kind": "matched"}, "kind"),
        ({"kind": "Missing"}, "kind"),
        ({"faults": "-1"}, "faults"),
        ({"faults": "1001"}, "faults"),
        ({"limit": "0"}, "limit"),
        ({"after": "-1"}, "after"),
        ({"tolerance_usd": "-0.1"}, "tolerance_usd"),
        ({"tolerance_usd": "NaN"}, "tolerance_usd"),
        ({"tolerance_usd": "Infinity"}, "tolerance_usd"),
        ({"tolerance_usd": "a cent"}, "tolerance_usd"),
        ({"type": "x" * 201}, "type"),
        ({"customer": "cus_abc123"}, "customer"),
    ],
)
def test_a_faulty_question_is_refused_by_name(control: ControlClient, query: dict[str, str], field: str) -> None:
    refused = control.get("worlds/acme/reconciliation", params=query)

    assert refused.status_code == 422
    assert refused.headers["content-type"] == "application/problem+json"
    assert [error["field"] for error in refused.json()["errors"]] == [field]


def test_all_faulty_parameters_are_named_at_once(control: ControlClient) -> None:
    refused = control.get("worlds/acme/reconciliation", params={"from": "x", "kind": "y", "limit": "z"})

    assert sorted(error["field"] for error in refused.json()["errors"]) == ["from", "kind", "limit"]


def test_without_a_vendor_of_either_sort_there_is_nothing_to_compare(simulator: Simulator) -> None:
    for vendors in ([toy.moneyless], [replace(toy.vendor, receipts=None)], [replace(toy.vendor, debits=None)]):
        control = ControlClient(control_app(simulator.worlds, vendors, None))

        assert control.get("worlds/acme/reconciliation").status_code == 404


def test_a_world_that_goes_away_meanwhile_is_a_conflict(simulator: Simulator, world: World) -> None:
    def batches(world: World) -> Iterator[Sequence[Debit]]:
        yield []
        simulator.worlds.delete(world)
        yield []

    debits = replace(toy.debits, batches=batches)
    control = Control(simulator.worlds, [replace(toy.vendor, debits=debits, receipts=None), *simulator.vendors], {})

    with pytest.raises(Conflict, match="was deleted or reset"):
        reconciliation.reconciliation(control, world.name, ALWAYS)


def test_what_comes_while_it_is_read_plays_no_part(firm: Firm, simulator: Simulator, world: World) -> None:
    debits = next(vendor.debits for vendor in simulator.vendors if vendor.debits is not None)
    receipts = next(vendor.receipts for vendor in simulator.vendors if vendor.receipts is not None)
    firm.bill(PRICE, data={"call": firm.chat().id})
    reading = (debits.batches(world), receipts.batches(world, "*"))
    firm.bill(PRICE, data={"call": firm.chat().id})

    assert [[len(batch) for batch in batches] for batches in reading] == [[1], [1]]


# Through both clients


@pytest.mark.sdk
def test_what_the_vendors_own_clients_do_reconciles(
    transport: InProcessTransport, firm: Firm, monkeypatch: pytest.MonkeyPatch
) -> None:
    pareta_module = pytest.importorskip("pareta")
    client = httpx.Client
    monkeypatch.setattr(httpx, "Client", lambda **options: client(**{**options, "transport": transport}))
    with pareta_module.Pareta(api_key="pareta_sk_test_acme", base_url="http://mock") as pareta:
        answers = [
            pareta.chat.completions.create(model=ENDPOINT, messages=[{"role": "user", "content": TEXT}])
            for _ in range(3)
        ]
    with client(transport=transport) as wire:
        paygentic = Paygentic(bearer_auth="sk_test_acme", server_url="http://mock", client=wire)
        for answer in answers[:2]:
            paygentic.events.ingest(
                request={
                    "type": TYPE,
                    "source": "https://app.example",
                    "subject": "cus_abc123",
                    "idempotency_key": f"{answer.id}-cost",
                    "data": {"amount": 0.00009},
                }
            )

    found = firm.check()

    assert found["kinds"]["matched"]["count"] == 2
    assert [fault["debits"][0]["id"] for fault in found["faults"]] == [answers[2].id]


# Against plain loops

ALWAYS = Question(-(2**63), 2**63)
PATTERN = "(?:w|r)-([0-9]{2})"
T = TypeVar("T", Debit, Receipt)


def books(debits: Sequence[Debit], receipts: Sequence[Receipt], size: int = 3) -> Books:
    def batches(rows: Sequence[T]) -> list[Sequence[T]]:
        return [rows[n : n + size] for n in range(0, len(rows), size)]

    def numbered(rows: Sequence[T], numbers: Collection[int]) -> Sequence[T]:
        return [row for row in rows if row.number in numbers]

    return Books(
        PATTERN, batches(debits), batches(debits), batches(receipts),
        lambda numbers: numbered(debits, numbers), lambda numbers: numbered(receipts, numbers),
    )  # fmt: skip


def expected(debits: Sequence[Debit], receipts: Sequence[Receipt], question: Question) -> list[tuple[Any, ...]]:
    """Return kind, number, customer, model, hour, dollars debited and billed of everything in a window."""

    def named(receipt: Receipt) -> list[int]:
        words = re.split(r"[^a-z0-9-]", receipt.key or "")
        tries: list[list[int]] = [
            [
                debit.number
                for debit in debits
                if any(
                    identifier in receipt.texts or any(_has_word(word, identifier) for word in words)
                    for identifier in (f"w-{debit.token}", f"r-{debit.token}")
                )
            ],
            [debit.number for debit in debits if debit.idempotency_key in {receipt.key, *receipt.texts} - {None}],
        ]
        return tries[0] or tries[1]

    owners = [named(receipt) for receipt in receipts]
    rows: list[tuple[Any, ...]] = []
    for debit in debits:
        own = [receipt for receipt, names in zip(receipts, owners, strict=True) if names == [debit.number]]
        types = [receipt.type for receipt in own]
        debited = Decimal(debit.amount_micro_usd) / 1_000_000
        billed = sum((receipt.worth for receipt in own), Decimal(0))
        if len(types) > len(set(types)):
            kind = "doubled"
        elif not own and debited:
            kind = "missing"
        else:
            kind = "matched" if abs(billed - debited) <= question.tolerance else "wrong_amount"
        rows.append((kind, debit.number, own[0].customer if own else None, debit.model, debit.at, debited, billed))
    for receipt, names in zip(receipts, owners, strict=True):
        if len(names) != 1:
            kind = "ambiguous" if names else "unknown"
            rows.append((kind, receipt.number, receipt.customer, None, receipt.at, Decimal(0), receipt.worth))
    return [row for row in rows if question.start <= row[4] < question.end]


def _has_word(text: str, identifier: str) -> bool:
    """Whether text holds an identifier that no letter or digit touches."""
    return any(
        text[n : n + len(identifier)] == identifier
        and (n == 0 or text[n - 1] == "-")
        and text[n + len(identifier) : n + len(identifier) + 1] in ("", "-")
        for n in range(len(text))
    )


def told(found: Reconciliation) -> tuple[Any, ...]:
    """Return what a reconciliation says, as plain values."""
    kinds = {kind: (s.count, s.debited, s.billed) for kind, s in found.kinds.items() if s.count}
    lines = [_told_line(line) for line in found.lines]
    faults = [
        (f.kind, (f.debits if f.kind not in ("unknown", "ambiguous") else f.events)[0].number, f.customer, f.at,
         f.sums.debited, f.sums.billed)
        for f in found.faults
    ]  # fmt: skip
    return kinds, lines, faults


def _told_line(line: Line) -> tuple[Any, ...]:
    return (
        (line.hour, line.customer or "", line.model or ""),
        {kind: (s.count, s.debited, s.billed) for kind, s in line.kinds.items()},
    )


def told_by(rows: Sequence[tuple[Any, ...]]) -> tuple[Any, ...]:
    """Say the same of expected rows."""

    def sums(some: Sequence[tuple[Any, ...]]) -> dict[str, tuple[int, Decimal, Decimal]]:
        found: dict[str, tuple[int, Decimal, Decimal]] = {}
        for kind, _, _, _, _, debited, billed in some:
            count, taken, sent = found.get(kind, (0, Decimal(0), Decimal(0)))
            found[kind] = (count + 1, taken + debited, sent + billed)
        return found

    places = sorted({_place(row) for row in rows})
    lines = [(place, sums([row for row in rows if _place(row) == place])) for place in places]
    faults = sorted((row for row in rows if row[0] != "matched"), key=lambda row: row[4])
    return sums(rows), lines, [(row[0], row[1], row[2], row[4], row[5], row[6]) for row in faults]


def _place(row: tuple[Any, ...]) -> tuple[int, str, str]:
    return row[4] // HOUR * HOUR, row[2] or "", row[3] or ""


amounts = st.sampled_from(["0", "0.00009", "0.00018", "-0.00009", "0.0000000001", "2000000", "123456789.000001"])
instants = st.integers(-3, 60).map(lambda n: n * 25 * MINUTE)
words = st.sampled_from(["w-01", "r-01", "w-02", "r-02", "w-03", "w-011", "xw-01", "k1", "k2", "a", ""])


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Debit], list[Receipt]]:
    """Draw calls and events, of which most are about one of the calls."""
    debits = [
        Debit(
            n, f"{n:02d}", f"w-{n:02d}", f"r-{n:02d}", draw(st.sampled_from([None, "k1", "k2"])), draw(instants), "op",
            "ep", draw(st.sampled_from([None, "m1", "m2"])), draw(st.sampled_from([0, 90, 180, 2_000_000_000_000])),
        )
        for n in range(1, draw(st.integers(0, 6)) + 1)
    ]  # fmt: skip
    receipts = [
        Receipt(
            n, f"e{n}", draw(st.sampled_from(["t1", "t2"])), draw(st.sampled_from([None, "c1", "c2"])), draw(instants),
            draw(st.none() | st.lists(words, max_size=3).map("-".join)), draw(st.lists(words, max_size=2)),
            Decimal(draw(amounts)), (),
        )
        for n in range(10, draw(st.integers(0, 8)) + 10)
    ]  # fmt: skip
    return debits, receipts


@given(histories(), instants, instants, st.sampled_from(["0", "0.00009"]), st.integers(1, 4))
def test_it_agrees_with_plain_loops(
    history: tuple[list[Debit], list[Receipt]], start: int, end: int, tolerance: str, limit: int
) -> None:
    debits, receipts = history
    for window in (ALWAYS, replace(ALWAYS, start=min(start, end), end=max(start, end) + 1)):
        question = replace(window, tolerance=Decimal(tolerance))
        found = reconcile(books(debits, receipts), question)
        rows = expected(debits, receipts, question)

        assert told(found) == told_by(rows)
        assert found.holds == all(row[0] == "matched" for row in rows)
        assert (found.calls, found.total.count) == (sum(row[1] < 10 for row in rows), len(rows))
        assert found.total.difference == sum((row[6] - row[5] for row in rows), Decimal(0))
        pages: list[Line] = []
        after: int | None = 0
        while after is not None:
            page = reconcile(books(debits, receipts), replace(question, after=after, limit=limit))
            pages, after = [*pages, *page.lines], page.next
        assert [_told_line(line) for line in pages] == [_told_line(line) for line in found.lines]


@given(histories(), instants)
@example(([], []), 0)
def test_what_adjacent_windows_tell_adds_up_to_the_whole(history: tuple[list[Debit], list[Receipt]], cut: int) -> None:
    whole = reconcile(books(*history), ALWAYS)
    before = reconcile(books(*history), replace(ALWAYS, end=cut))
    since = reconcile(books(*history), replace(ALWAYS, start=cut))

    assert whole.events == len(history[1]) == before.events + since.events
    for kind in KINDS:
        both = replace(before.kinds[kind])
        both.add(since.kinds[kind])
        assert both == whole.kinds[kind]


def test_a_month_of_work_with_planted_faults_is_told_to_the_last_one(firm: Firm) -> None:
    chance = Random(4)
    kinds = ("matched", "missing", "doubled", "wrong_amount")
    start = parse_instant("2026-02-10T12:00:00Z")
    planted: dict[str, str] = {}
    billed = Decimal(0)
    for n in range(120):
        if n % 20 == 0:
            assert firm.control.post("worlds/acme/clock/advance", {"by": "13h"}).status_code == 200
        call, kind = firm.chat(), chance.choices(kinds, (7, 1, 1, 1))[0]
        planted[call.id] = kind
        amount = PRICE if kind != "wrong_amount" else PRICE * chance.randint(2, 9)
        for time in range({"missing": 0, "doubled": 2}.get(kind, 1)):
            firm.bill(amount, idempotencyKey=f"{call.id}-{time}", subject=chance.choice(["cus_a", "cus_b"]))
            billed += amount

    found = firm.check(faults=1000)
    lines = [line for after in range(0, 60, 5) for line in firm.check(after=after, limit=5)["data"]]

    assert {fault["debits"][0]["id"]: fault["kind"] for fault in found["faults"]} == {
        identifier: kind for identifier, kind in planted.items() if kind != "matched"
    }
    assert Decimal(found["totals"]["billed_usd"]) == billed
    assert sum(Decimal(line["billed_usd"]) for line in lines) == billed
    assert sum(Decimal(line["debited_usd"]) for line in lines) == 120 * PRICE
    assert len({line["hour"] for line in lines}) == 6
    assert max(parse_instant(line["hour"]) for line in lines) < start + 4 * DAY
