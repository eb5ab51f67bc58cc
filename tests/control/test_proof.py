"""Claims about what a client did, over HTTP, against both vendors."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from mockserver.app import Simulator
from mockserver.config import Settings
from mockserver.control.routes import control_app
from mockserver.http.inprocess import InProcessTransport
from mockserver.kernel.journal import MAX_BODY_BYTES
from mockserver.kernel.windows import parse_instant
from mockserver.kernel.world import Beginning, World
from tests.conftest import START
from tests.control.conftest import ControlClient

ENDPOINT = "ep-contract-key-fields"
TEXT = "Extract the effective date: effective as of January 1, 2026."
CHAT, INGEST = "pareta.chat.completions.create", "paygentic.events.ingest"
EVENT = {"type": "cost.ai.inference", "source": "tests", "subject": "cus_abc123", "data": {"amount": "0.00009"}}

COST = {
    "type": "metered", "name": "AI", "eventType": EVENT["type"], "aggregation": "SUM", "valueProperty": "$.amount",
    "unitCost": 1, "currency": "USD", "productId": "prod_YOUR_PRODUCT_ID",
}  # fmt: skip


class Firm:
    """A client of both vendors and of the control API, all in world `acme`."""

    def __init__(self, simulator: Simulator) -> None:
        self.control = ControlClient(control_app(simulator.worlds, simulator.vendors, None))
        self._client = httpx.Client(transport=InProcessTransport(simulator.gateway), base_url="http://mock", timeout=2)

    def close(self) -> None:
        self._client.close()

    def send(self, method: str, path: str, prefix: str = "pareta_sk_test_", **options: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {prefix}acme", **options.pop("headers", {})}
        return self._client.request(method, path, headers=headers, **options)

    def chat(self, text: str = TEXT, key: str | None = None, model: str = ENDPOINT) -> int:
        body = {"model": model, "messages": [{"role": "user", "content": text}]}
        headers = {"Idempotency-Key": key} if key else {}
        return self.send("POST", "/v1/chat/completions", json=body, headers=headers).status_code

    def ingest(self, **changes: Any) -> int:
        return self.send("POST", "/v0/events", "sk_test_", json={**EVENT, **changes}).status_code

    def meter(self) -> None:
        """Let events be worth what they say; this is a request too."""
        assert self.send("POST", "/v0/costs", "sk_test_", json=COST).status_code == 201

    def set(self, path: str, body: Any) -> Any:
        method = "PUT" if path in ("credits", "clock") else "POST"
        answer = self.control.request(method, f"worlds/acme/{path}", json=body)
        assert answer.status_code < 300, answer.text
        return answer.json()

    def verify(self, check: str, **options: Any) -> Any:
        answer = self.control.post("worlds/acme/requests/verify", {"check": check, **options})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def refused(self, check: str, **options: Any) -> dict[str, str]:
        """Return what is said of each faulty field."""
        answer = self.control.post("worlds/acme/requests/verify", {"check": check, **options})
        assert answer.status_code == 422, answer.text
        return {error["field"]: error["message"] for error in answer.json()["errors"]}


@pytest.fixture
def firm(simulator: Simulator) -> Iterator[Firm]:
    firm = Firm(simulator)
    yield firm
    firm.close()


HOLDS: dict[str, Any] = {"rows": [], "more": 0}


# How often


def test_calls_are_counted_by_operation_status_and_pattern(firm: Firm) -> None:
    firm.chat()
    firm.chat("Another text.")
    firm.chat(model="ep-nowhere")
    firm.ingest()

    for options, count in (
        ({}, 4),
        ({"operation": CHAT}, 3),
        ({"operation": "chat.completions.create"}, 3),
        ({"operation": "*.create"}, 3),
        ({"operation": {"one_of": [CHAT, INGEST]}}, 4),
        ({"vendor": "paygentic"}, 1),
        ({"operation": CHAT, "status": 200}, 2),
        ({"model": "ep-nowhere"}, 1),
        ({"match": {"last_message": {"contains": "Another"}}}, 1),
        ({"match": {"not": {"model": ENDPOINT}}, "operation": CHAT}, 1),
        ({"customer": "cus_abc123"}, 1),
        ({"path": "/v1/*", "method": "POST"}, 3),
    ):
        verdict = firm.verify("called", times=count, **options)
        assert (verdict["holds"], verdict["count"]) == (True, count), (options, verdict)
        assert firm.verify("called", times=count + 1, **options)["holds"] is False


def test_without_a_number_one_call_is_enough(firm: Firm) -> None:
    assert firm.verify("called", operation=CHAT)["holds"] is False

    firm.chat()

    assert firm.verify("called", operation=CHAT) == {
        "holds": True, "message": f"{CHAT} was called once", "count": 1, "more": 0, "rows": [],
        "columns": ["seq", "at", "operation", "status", "cost_usd", "key", "why"],
    }  # fmt: skip


def test_calls_that_are_too_many_are_shown(firm: Firm) -> None:
    firm.chat(key="k-1")
    firm.chat(key="k-2")

    verdict = firm.verify("called", operation="chat.*", at_most=1, status=200)

    assert verdict["message"] == "chat.*, answered 200, was called 2 times, wanted at most once"
    assert verdict["rows"] == [
        [1, START, CHAT, 200, "0.00009", "k-1", "counted"],
        [2, START, CHAT, 200, "0.00009", "k-2", "counted"],
    ]


def test_of_calls_that_are_missing_the_nearest_are_shown_with_what_differs(firm: Firm) -> None:
    firm.chat()
    firm.ingest()

    verdict = firm.verify("called", operation=CHAT, model="auto", status=402)

    assert (
        verdict["message"] == f'{CHAT} with {{"model": "auto"}}, answered 402, was never called, wanted at least once'
    )
    assert [(row[0], row[-1]) for row in verdict["rows"]] == [
        (1, f'model is "{ENDPOINT}", wanted "auto"; status is 200, wanted 402'),
        (2, f'operation is "{INGEST}", wanted "{CHAT}"; model is missing, wanted "auto"; status is 422, wanted 402'),
    ]


def test_since_leaves_out_what_came_before(firm: Firm) -> None:
    firm.chat()
    firm.set("clock/advance", {"by": "1h"})
    firm.chat()

    since = "2026-02-10T12:30:00Z"

    assert firm.verify("called", times=1, since=since)["holds"]
    assert firm.verify("spend", exactly_usd="0.00009", since=since)["holds"]
    assert firm.verify("spend", exactly_usd="0.00018")["holds"]


def test_a_body_that_was_cut_is_no_silent_zero(firm: Firm) -> None:
    firm.send(
        "POST", "/v1/chat/completions",
        json={"messages": [{"role": "user", "content": "x" * MAX_BODY_BYTES}], "model": "auto"},
    )  # fmt: skip

    assert firm.verify("called", operation=CHAT, times=1)["holds"]
    assert firm.verify("called", operation="evals.*", model="auto", times=0)["holds"]
    for pattern in ({"model": "auto"}, {"not": {"model": "auto"}}, {"json": {"seed": 1}}):
        verdict = firm.verify("called", match=pattern, times=0)
        assert verdict["holds"] is False
        assert verdict["message"].startswith("cannot be judged: ")
        assert "one body was longer than the journal keeps" in verdict["message"]


def test_what_there_is_not_is_an_error_naming_what_there_is(firm: Firm) -> None:
    assert f"nearest: {CHAT}" in firm.refused("called", operation="chat.completion.create")["operation"]
    assert f"nearest: {CHAT}" in firm.refused("spend", max_usd="1", operation="chat.completion.create")["operation"]
    assert "there are: pareta, paygentic" in firm.refused("called", vendor="openai")["vendor"]
    assert "nothing is known as 'colour'" in firm.refused("called", match={"colour": "red"})["match"]
    assert "paygentic.events.ingest costs anything" in firm.refused("spend", max_usd="1", operation=INGEST)["operation"]
    assert "there are: missing" in firm.refused("reconciles", kind="lost")["kind"]
    assert "no such kind of drift; there are:" in firm.refused("detected", kind="colour")["kind"]
    assert "'called'" in firm.refused("calld")["check"]


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"key": "pareta_sk_test_acme"}, "key"),
        ({"match": {"any": [{"key": "x"}, {"model": "y"}]}}, "match"),
        ({"match": {"header": {"Authorization": {"contains": "acme"}}}}, "match"),
    ],
)
def test_no_request_can_be_told_by_a_credential(firm: Firm, options: dict[str, Any], field: str) -> None:
    assert "the journal keeps no credentials" in firm.refused("called", **options)[field]


@pytest.mark.parametrize(
    ("check", "options", "faulty"),
    [
        ("called", {"max_usd": "1"}, {"max_usd": "goes with 'spend', not with 'called'"}),
        ("invariants", {"since": START, "times": 1}, None),
        ("called", {"times": 1, "at_most": 2}, {"times": "goes without at_least and at_most"}),
        ("called", {"at_least": 3, "at_most": 2}, {"at_most": "must be at_least or more"}),
        ("spend", {}, {"max_usd": "max_usd, min_usd or exactly_usd is needed"}),
        ("spend", {"max_usd": "-1"}, {"max_usd": "nobody spends less than nothing"}),
        ("spend", {"max_usd": "1", "min_usd": "2"}, {"max_usd": "must be min_usd or more"}),
        ("spend", {"max_usd": "1", "exactly_usd": "1"}, {"exactly_usd": "goes without max_usd and min_usd"}),
        ("spend", {"max_usd": 0.1}, {"max_usd": "Input should be a valid string"}),
        ("spend", {"max_usd": "0.0000001"}, {"max_usd": "'0.0000001' is finer than one micro-dollar"}),
        ("reconciles", {"tolerance_usd": 0.1}, {"tolerance_usd": "must be an amount as text, such as '0.000001'"}),
        ("reconciles", {"tolerance_usd": "a cent"}, {"tolerance_usd": "'a cent' is not an amount"}),
        ("reconciles", {"from": START, "to": START}, {"to": "must be later than from"}),
        ("called", {"tiems": 1}, {"tiems": "Extra inputs are not permitted"}),
    ],
)
def test_what_does_not_go_together_is_refused(
    firm: Firm, check: str, options: dict[str, Any], faulty: dict[str, str] | None
) -> None:
    refused = firm.refused(check, **options)

    assert refused == faulty if faulty is not None else set(refused) == {"since", "times"}


# Money


def test_spending_is_what_the_ledger_took(firm: Firm) -> None:
    firm.chat(key="k-1")
    firm.chat(key="k-1")  # replayed: costs nothing
    firm.chat("Another text.")
    firm.send("POST", "/v1/rerank", json={"query": "a", "documents": ["b"]})

    chats = firm.verify("spend", operation=CHAT, max_usd="0.0001")
    everything = firm.verify("spend", min_usd="5")

    assert chats["message"] == f"{CHAT} spent 0.00018 USD in 2 calls, wanted at most 0.0001 USD"
    assert chats["rows"] == [[3, START, CHAT, 200, "0.00009", None, "takes the sum to 0.00018 USD"]]
    assert everything["count"] == 3
    assert [row[:3] for row in everything["rows"]] == [
        [1, START, CHAT], [3, START, CHAT], [4, START, "pareta.rerank"],
    ]  # fmt: skip
    assert everything["rows"][0][5] == "k-1"


def test_spending_outlives_the_journal(firm: Firm, simulator: Simulator, world: World) -> None:
    firm.chat()
    with simulator.store.committed():
        simulator.store.execute("DELETE FROM journal WHERE world = ?", (world.id,))

    verdict = firm.verify("spend", exactly_usd="1")

    assert verdict["rows"] == [[None, START, CHAT, None, "0.00009", None, "takes the sum to 0.00009 USD"]]


def test_what_a_world_begins_with_was_not_spent_in_it(firm: Firm) -> None:
    assert firm.verify("spend", exactly_usd="0") == {
        "holds": True, "message": "spent 0.00 USD in 0 calls", "count": 0, **HOLDS,
        "columns": ["seq", "at", "operation", "status", "cost_usd", "key", "why"],
    }  # fmt: skip


# Credit


def test_a_repeated_request_without_credit_shows_both(firm: Firm) -> None:
    firm.set("credits", {"balance_usd": "0"})
    assert (firm.chat(), firm.chat("Another text."), firm.chat()) == (402, 402, 402)

    same = firm.verify("no_retry_after_402")
    any_request = firm.verify("no_retry_after_402", any_request=True)

    assert same["message"] == "one request came after 402, without credit"
    assert [(row[0], row[-1]) for row in same["rows"]] == [
        (1, "answered 402"), (3, "the same again, after #1 was answered 402"),
    ]  # fmt: skip
    assert any_request["count"] == 2


def test_a_repeated_request_with_credit_is_fine(firm: Firm) -> None:
    firm.set("credits", {"balance_usd": "0"})
    firm.chat()
    firm.set("credits", {"balance_usd": "1"})
    assert firm.chat() == 200

    assert firm.verify("no_retry_after_402", any_request=True)["holds"]


# Retries


def test_an_attempt_without_a_key_is_an_offence(firm: Firm) -> None:
    firm.set("faults", {"operation": CHAT, "first": 1, "status": 503})
    assert (firm.chat(), firm.chat()) == (503, 200)

    verdict = firm.verify("same_idempotency_key")

    assert verdict["message"] == "one call did not keep to one idempotency key"
    assert [row[-1] for row in verdict["rows"]] == ["tried again, has no key", "attempt 2 at #1, has no key"]


def test_attempts_with_one_key_are_fine(firm: Firm) -> None:
    firm.set("faults", {"operation": CHAT, "first": 1, "status": 503})
    assert (firm.chat(key="k"), firm.chat(key="k")) == (503, 200)

    assert firm.verify("same_idempotency_key")["holds"]


def test_an_answer_that_got_lost_makes_the_next_request_an_attempt(firm: Firm) -> None:
    firm.meter()
    firm.set("faults", {"operation": INGEST, "first": 1, "empty_body": True})
    assert (firm.ingest(idempotencyKey="a"), firm.ingest(idempotencyKey="b")) == (202, 202)

    verdict = firm.verify("same_idempotency_key")

    assert [row[5:] for row in verdict["rows"]] == [["a", "tried again"], ["b", "attempt 2 at #2, has another key"]]


def test_an_answer_that_nobody_waited_for_makes_the_next_request_an_attempt(firm: Firm) -> None:
    firm.set("faults", {"operation": CHAT, "first": 1, "latency_ms": 5000})
    with pytest.raises(httpx.ReadTimeout):
        firm.chat(key="a")
    firm.chat(key="b")
    firm.chat(key="c")  # another call: the one before was answered

    verdict = firm.verify("same_idempotency_key")

    assert [row[5:] for row in verdict["rows"]] == [["a", "tried again"], ["b", "attempt 2 at #1, has another key"]]
    assert firm.verify("spend", exactly_usd="0.00027")["holds"]


def test_one_key_for_two_calls_is_an_offence(firm: Firm) -> None:
    firm.meter()
    assert firm.ingest(idempotencyKey="a") == 202
    firm.ingest(idempotencyKey="a", data={"amount": "0.5"})

    verdict = firm.verify("same_idempotency_key")

    assert [row[-1] for row in verdict["rows"]] == ["its key is used again", "says another thing than #2, with its key"]


@pytest.mark.parametrize("fault", [{"double": "other_payload"}, {"double": "new_key"}, {"late": "1h"}])
def test_what_happened_to_an_event_on_its_way_is_not_its_clients_doing(firm: Firm, fault: dict[str, str]) -> None:
    firm.meter()
    firm.set("faults", {"operation": INGEST, **fault})
    assert firm.ingest(idempotencyKey="a") == 202
    firm.set("clock/advance", {"by": "2h"})
    assert len(firm.control.get("worlds/acme/requests").json()["data"]) == 3

    assert firm.verify("same_idempotency_key")["holds"]
    assert firm.verify("called", operation=INGEST, times=1)["holds"]


def test_the_worlds_clock_tells_how_long_a_client_waited(firm: Firm) -> None:
    firm.set("faults", {"operation": CHAT, "first": 2, "status": 429, "retry_after": 30})
    firm.chat()
    firm.set("clock/advance", {"by": "30s"})
    firm.chat()
    firm.set("clock/advance", {"by": "29s"})
    firm.chat()

    verdict = firm.verify("retry_after_respected")

    assert verdict["message"] == "one attempt came sooner than Retry-After asked"
    assert [(row[0], row[-1]) for row in verdict["rows"]] == [
        (2, "Retry-After: 30"), (3, "came 29 s after #2, which asked for 30 s"),
    ]  # fmt: skip


def test_the_machines_clock_tells_where_the_worlds_stands_still(firm: Firm, monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = [100.0]
    monkeypatch.setattr("mockserver.kernel.journal.monotonic_s", lambda: seconds[0])
    firm.set("faults", {"operation": CHAT, "first": 2, "status": 429, "retry_after": 30})
    firm.chat()
    seconds[0] += 30
    firm.chat()
    assert firm.verify("retry_after_respected")["holds"]
    seconds[0] += 10
    firm.chat()

    verdict = firm.verify("retry_after_respected")

    assert verdict["rows"][-1][-1] == "came 10 s after #2, which asked for 30 s"


def test_after_a_restart_waiting_in_a_frozen_world_cannot_be_judged(tmp_path: Path) -> None:
    settings = Settings(
        db=tmp_path / "world.db",
        beginning=Beginning(seed=7, clock_mode="frozen", clock_at=parse_instant(START)),
    )
    for run in range(2):
        simulator = Simulator(settings)
        firm = Firm(simulator)
        if run == 0:
            firm.set("faults", {"operation": CHAT, "first": 1, "status": 429, "retry_after": 30})
        firm.chat()
        verdict = firm.verify("retry_after_respected")
        firm.close()
        simulator.close()

    assert verdict["holds"] is False
    assert verdict["message"].startswith("cannot be judged: the world's clock stood still before one attempt")


# Books


def test_work_that_nobody_billed_does_not_reconcile(firm: Firm) -> None:
    assert firm.verify("reconciles")["message"] == "0 debits of 0.00 USD reconcile"
    firm.chat()

    verdict = firm.verify("reconciles")

    assert verdict["message"] == (
        "1 debit and 0 events do not reconcile: 1 missing; debited 0.00009 USD, billed 0.00 USD"
    )
    assert verdict["columns"] == ["kind", "at", "customer", "debited_usd", "billed_usd", "debits", "events"]
    assert verdict["rows"][0][:5] == ["missing", START, None, "0.00009", "0.00"]
    assert verdict["rows"][0][5].startswith("chatcmpl-")
    assert firm.verify("reconciles", kind="doubled")["holds"]
    assert firm.verify("reconciles", to=START)["holds"]


def test_a_broken_invariant_is_named_with_its_rows(firm: Firm, simulator: Simulator, world: World) -> None:
    firm.chat()
    assert firm.verify("invariants")["holds"]
    with simulator.store.committed():
        simulator.store.execute(
            "UPDATE pareta_ledger SET amount_micro_usd = -1 WHERE world = ? AND kind = 'debit'"
            " AND seq = (SELECT max(seq) FROM pareta_ledger WHERE world = ?)",
            (world.id, world.id),
        )

    verdict = firm.verify("invariants")

    assert "do not hold: " in verdict["message"]
    assert "debits = priced successful calls" in verdict["message"]
    assert [row[0] for row in verdict["rows"] if "request_id=" in row[1] and "called=90, debited=1" in row[1]] == [
        "debits = priced successful calls"
    ]


# What nothing came of


def test_requests_for_nothing_there_is_are_shown_with_the_nearest_route(firm: Firm) -> None:
    firm.chat()
    assert firm.verify("unmatched")["message"] == "every request was for an operation there is"
    firm.send("POST", "/v1/chat/completion")
    firm.send("GET", "/pareta/v1/chat/completions")
    firm.send("POST", "/paygentic/v0/event", "sk_test_")
    firm.send("GET", "/v0/QQQQQQQQQQQQQQQQQQQQ", "sk_test_")
    firm.send("GET", "/v1/endpoints/nowhere")  # there is such an operation

    verdict = firm.verify("unmatched")

    assert verdict["message"] == "4 requests were for no operation there is"
    assert verdict["columns"] == ["seq", "at", "request", "status", "nearest", "what differs"]
    assert [row[2:] for row in verdict["rows"]] == [
        [
            "POST /v1/chat/completion", 404, "POST /v1/chat/completions",
            "segment 3 is 'completion', the route has 'completions'",
        ],
        [
            "GET /pareta/v1/chat/completions", 405, "POST /v1/chat/completions",
            "the method is GET, the route takes POST",
        ],
        ["POST /paygentic/v0/event", 404, "POST /v0/events", "segment 2 is 'event', the route has 'events'"],
        ["GET /v0/QQQQQQQQQQQQQQQQQQQQ", 404, None, "there is nothing like it"],
    ]  # fmt: skip


def test_a_path_of_no_vendor_is_found_in_the_world_its_key_names(firm: Firm) -> None:
    firm.send("POST", "/v2/chat/completions")

    verdict = firm.verify("unmatched")

    assert [row[2:] for row in verdict["rows"]] == [
        ["POST /v2/chat/completions", 404, "POST /v1/chat/completions", "segment 1 is 'v2', the route has 'v1'"]
    ]


def test_faults_that_never_struck_are_shown_with_the_nearest_request(firm: Firm) -> None:
    for fault in (
        {"operation": CHAT, "model": "auto", "status": 503, "note": "the auto lane is down"},
        {"operation": CHAT, "nth": 5, "status": 503},
        {"operation": INGEST, "status": 503, "optional": True},
        {"operation": "rerank", "status": 503},
        {"operation": CHAT, "between": [None, "2026-02-10T11:00:00Z"], "status": 503},
        {"operation": CHAT, "truncate_stream_after": 1},
        {"operation": CHAT, "latency_ms": 0},
    ):
        firm.set("faults", fault)
    firm.chat()

    verdict = firm.verify("unused")

    assert verdict["message"] == "5 faults not used up"
    assert verdict["columns"] == ["id", "what", "why", "nearest", "what differs"]
    assert verdict["rows"] == [
        [
            "fault-1", f"the auto lane is down, operation={CHAT}, model=auto, status=503", "matched no request",
            f"#1 {CHAT}", f'model is "{ENDPOINT}", wanted "auto"',
        ],
        [
            "fault-2", f"operation={CHAT}, nth=5, status=503", "matched one request and struck none",
            "#1", "number 1, not 5",
        ],
        [
            "fault-4", "operation=rerank, status=503", "matched no request",
            f"#1 {CHAT}", f'operation is "{CHAT}", wanted "rerank"',
        ],
        [
            "fault-5", f"operation={CHAT}, between=[None, '2026-02-10T11:00:00Z'], status=503", "matched no request",
            f"#1 {CHAT}", "not before 2026-02-10T11:00:00Z",
        ],
        [
            "fault-6", f"operation={CHAT}, truncate_stream_after=1", "matched no request",
            f"#1 {CHAT}",
            "it cannot suffer this, or came before the fault was armed, or another fault was its fate already",
        ],
    ]  # fmt: skip


def test_a_fault_nobody_came_near_says_so(firm: Firm) -> None:
    firm.set("faults", {"operation": CHAT, "key": "*other", "status": 503})
    assert firm.verify("unused")["rows"][0][2:] == ["matched no request", None, "no request came at all"]
    firm.chat()

    (row,) = firm.verify("unused")["rows"]

    assert row[3:] == [f"#1 {CHAT}", "key, perhaps, of which the journal keeps nothing"]


def test_stubs_with_answers_left_are_shown(firm: Firm) -> None:
    firm.set("stubs", {"answers": [{"text": "one"}, {"text": "two"}]})
    firm.set("stubs", {"model": "auto", "text": "never"})
    firm.set("stubs", {"model": "auto", "text": "never", "optional": True})
    firm.chat()

    verdict = firm.verify("unused")

    assert verdict["message"] == "2 stubs not used up"
    assert [[row[0], *row[2:]] for row in verdict["rows"]] == [
        ["stub-1", "gave 1 of 2 answers", f"#1 {CHAT}", "it was given an answer"],
        ["stub-2", "gave 0 of 1 answers", f"#1 {CHAT}", f'model is "{ENDPOINT}", wanted "auto"'],
    ]


def test_a_fault_that_waits_for_more_spending_says_how_much_there_was(firm: Firm) -> None:
    firm.set("faults", {"operation": CHAT, "after_spend_usd": "1", "status": 503})
    firm.chat()

    (row,) = firm.verify("unused")["rows"]

    assert row[3:] == [f"#1 {CHAT}", "0.00009 of 1.00 USD spent"]


def test_why_a_stub_was_not_asked_is_told_where_nothing_differs(firm: Firm) -> None:
    firm.chat()
    firm.set("stubs", {"text": "early", "note": "for later"})
    late = firm.verify("unused")["rows"]
    firm.set("credits", {"balance_usd": "0"})
    firm.chat()
    refused = firm.verify("unused")["rows"]
    firm.set("credits", {"balance_usd": "1"})
    firm.set("stubs", {"text": "newer"})
    firm.chat()
    overridden = firm.verify("unused")["rows"]

    assert late == [
        ["stub-1", f"for later, {CHAT}", "gave 0 of 1 answers", f"#1 {CHAT}", "it came before the stub was placed"]
    ]
    assert refused[0][3] == f"#2 {CHAT}"
    assert refused[0][4] == "balance is 0 micro-USD, the request needs more than 0"
    assert overridden[0][3:] == [f"#3 {CHAT}", "stub-2 answered"]


def test_what_was_used_up_is_fine(firm: Firm) -> None:
    firm.set("faults", {"operation": CHAT, "first": 1, "status": 503})
    firm.set("stubs", {"text": "one"})
    firm.chat()
    firm.chat()

    assert firm.verify("unused")["message"] == "every fault struck, and every stub gave all its answers"


# Detection


def test_a_drift_counts_as_detected_when_an_alert_fits_it_in_time(firm: Firm) -> None:
    firm.set("drifts", {"kind": "latency", "subject": "ep-*", "size": 3})
    missed = firm.verify("detected")
    firm.set("clock/advance", {"by": "2h"})
    firm.set("alerts", {"kind": "latency", "subject": ENDPOINT})
    firm.set("alerts", {"kind": "quality"})

    late = firm.verify("detected", within="1h")
    alarmed = firm.verify("detected", within="2h", max_false_alarms=0)

    assert missed["rows"] == [["drift-1", "latency", "ep-*", START, None, None, "not noticed"]]
    assert late["rows"][0][4:] == ["2026-02-10T14:00:00Z", "7200", "noticed later than 3600 s after its onset"]
    assert alarmed["message"] == "1 of 1 drift noticed within 7200 s, one false alarm, at most 0 wanted"
    assert alarmed["rows"] == [["alert-2", "quality", None, None, "2026-02-10T14:00:00Z", None, "fits no drift"]]
    assert firm.verify("detected", within="2h", kind="latency", max_false_alarms=0)["holds"]
