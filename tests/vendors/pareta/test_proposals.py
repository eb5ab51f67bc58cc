"""Proposals: every published example that names no task finds one, and what cannot be chosen is explained."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

import httpx
import pytest

from mockserver.kernel.windows import DAY
from tests.vendors.pareta.org import CURL, G0, G1, G2, G3, Org

CONTRACT = "contract-key-fields"
INVOICE = "invoice-extraction"


def pair(given: dict[str, Any], expected: dict[str, Any]) -> dict[str, Any]:
    return {"input": given, "expected_output": expected}


def dated(**expected: Any) -> dict[str, Any]:
    return pair({"contract_text": "..."}, expected)


MONEY = [
    pair(
        {"contract_text": "MASTER SERVICES AGREEMENT ... Term: 24 months"}, {"term_months": 24, "annual_fee_usd": 48000}
    ),
    pair({"contract_text": "STATEMENT OF WORK ... Term: 12 months"}, {"term_months": 12, "annual_fee_usd": 9500}),
]
DATES = [
    pair({"contract_text": "Effective as of January 1, 2026, ..."}, {"effective_date": "2026-01-01"}),
    pair({"contract_text": "This Agreement terminates on 2027-12-31 ..."}, {"termination_date": "2027-12-31"}),
]
PARTIES = [
    dated(effective_date="2026-03-03", parties=["Acme Corp", "Globex LLC"]),
    dated(effective_date="2026-01-12", parties=["Initech", "Hooli"]),
]
SCANS = [
    {"document": None, "expected_output": {
        "invoice_number": "INV-4471", "invoice_date": "2026-03-14", "total": "1284.50", "currency": "USD",
        "vendor": "Katana ML",
    }},
] * 2  # fmt: skip
BILLS = [
    {"expected_output": {"invoice_number": "INV-7781", "total": "1240.00"}},
    {"expected_output": {"invoice_number": "INV-7782", "total": "98.50"}},
]
WORDS = [
    pair({"prompt": "Summarize in one sentence: the meeting is moved."}, {"response": "It is moved."}),
    pair({"prompt": "Rewrite politely: send me the report now."}, {"response": "Could you send me the report?"}),
    pair({"prompt": "What is the capital of France?"}, {"response": "Paris."}),
    pair({"prompt": "Turn this into a subject line: numbers attached."}, {"response": "Numbers attached"}),
    pair({"prompt": "Answer yes or no: is 17 a prime number?"}, {"response": "Yes."}),
]

PUBLISHED: list[tuple[str, Sequence[dict[str, Any]], str]] = [
    ("extract the key fields from each contract", MONEY, CONTRACT),
    ("extract the key fields from each contract", [dated()], CONTRACT),
    ("extract the key fields from each contract", [dated(parties=["A", "B"]), dated(parties=["C", "D"])], CONTRACT),
    ("extract the key fields from each contract", [dated(effective_date="2026-01-01")], CONTRACT),
    ("extract the key fields from each contract", [dated(effective_date="...")] * 2, CONTRACT),
    ("extract the key dates from each contract", DATES, CONTRACT),
    ("extract the effective date from each contract", DATES, CONTRACT),
    ("extract the effective and termination dates from each contract", DATES, CONTRACT),
    ("extract the effective date and parties from each contract", PARTIES, CONTRACT),
    ("pull key fields out of vendor contracts", [dated(effective_date="...")] * 5, CONTRACT),
    (
        "extract the payment amount from each contract",
        [
            pair({"contract_text": "Acme Corp agrees to pay $5,000 net 30."}, {"amount": "5000"}),
            pair({"contract_text": "Total due: $1,200 by 2026-07-01."}, {"amount": "1200"}),
        ],
        CONTRACT,
    ),
    (
        "extract the total from each invoice",
        [pair({"text": "INVOICE #4471 ... TOTAL $1,240.00 ..."}, {"total": "1240.00"})],
        INVOICE,
    ),
    ("extract the invoice number and total from each invoice", BILLS, INVOICE),
    ("extract invoice_number, invoice_date, total, currency, and vendor from each invoice", SCANS, INVOICE),
    (
        "extract the total and vendor from each invoice",
        [{"expected_output": {"total": "1240.00", "vendor": "Katana ML"}}] * 2,
        INVOICE,
    ),
    (
        "answer each prompt directly and concisely, matching the reference answer's intent",
        WORDS,
        "general-chat",
    ),
    ("classify each utterance", [pair({"text": "a"}, {"label": "x"})] * 5, "intent-classification"),
    (
        "write the SQL for each question",
        [pair({"question": "How many?", "schema": "orders(id)"}, {"sql": "SELECT count(*) FROM orders"})] * 12,
        "text-to-sql",
    ),
]
"""What the vendor's guides, references and tests ask without naming a task, and the task they show for it."""


def propose(org: Org, rows: Sequence[Any] | bytes, *, headers: Any = G3, **fields: str) -> httpx.Response:
    items = rows if isinstance(rows, bytes) else "\n".join(json.dumps(row) for row in rows).encode()
    files = {"items": ("items.jsonl", items, "application/jsonl")}
    return org.http.post("/v1/eval-sets/propose-contract", data=fields, files=files, headers=headers)


def proposed(org: Org, rows: Sequence[Any], prompt: str) -> Any:
    response = propose(org, rows, prompt=prompt)
    assert response.status_code == 200, response.text
    return response.json()


@pytest.mark.parametrize(("prompt", "rows", "task"), PUBLISHED)
def test_every_published_example_without_a_task_finds_the_one_it_shows(
    org: Org, prompt: str, rows: Sequence[dict[str, Any]], task: str
) -> None:
    answer = proposed(org, rows, prompt)

    (only,) = answer["proposals"]
    assert only["task_id"] == task
    assert only["confidence"] in ("high", "medium")
    assert (only["evidence"]["validated_n"], only["evidence"]["total_n"]) == (len(rows), len(rows))
    assert (answer["homogeneous"], answer["conflict"], answer["split"], answer["message"]) == (True, None, None, None)
    assert org.post_set(rows, None, headers=G3, prompt=prompt).json()["eval_set"]["task_id"] == task


def test_the_whole_answer(org: Org) -> None:
    answer = proposed(org, [pair({"text": "a"}, {"label": "x"})] * 5, " classify each support ticket ")

    reason = answer["proposals"][0]["evidence"].pop("matcher_reason")
    assert re.fullmatch(r"\d{2,3}% of the prompt's words and \d{2}% of the field names describe it", reason)
    assert answer == {
        "proposals": [
            {
                "task_id": "intent-classification",
                "confidence": "high",
                "evidence": {
                    "validated_n": 5,
                    "total_n": 5,
                    "alternatives": ["doc-classification"],
                },
                "warning": None,
            }
        ],
        "homogeneous": True,
        "split": None,
        "conflict": None,
        "closest_task": None,
        "intent": "classify each support ticket",
        "prompt": "classify each support ticket",
        "message": None,
    }


def test_a_prompt_for_another_job_is_a_conflict(org: Org) -> None:
    answer = proposed(org, [pair({"text": "a"}, {"label": "x"})] * 5, "summarize each utterance")

    assert answer["conflict"] == {
        "intended_task": "summarization",
        "reasoning": "the prompt asks to summarize, which is summarization",
    }
    assert {proposal["confidence"] for proposal in answer["proposals"]} == {"low"}
    assert answer["message"].endswith("the prompt asks to summarize, which is summarization")


def test_mixed_rows_are_a_split(org: Org) -> None:
    answer = proposed(org, [*DATES, pair({"text": "a"}, {"label": "x"})], "extract the key dates from each contract")

    assert answer["homogeneous"] is False
    assert answer["split"] == {"validated_n": 2, "total_n": 3, "closest_task": CONTRACT}
    assert answer["closest_task"] == CONTRACT
    assert [(p["task_id"], p["confidence"]) for p in answer["proposals"]] == [(CONTRACT, "low")]


def test_rows_that_fit_nothing_may_be_judged(org: Org) -> None:
    answer = proposed(org, [pair({"t": "a"}, {"r": "b"})] * 5, "grade the tone of each reply")

    assert [(p["task_id"], p["confidence"], p["warning"]) for p in answer["proposals"]] == [
        ("custom-eval", "medium", None)
    ]
    assert (answer["homogeneous"], answer["conflict"], answer["split"]) == (True, None, None)
    assert "custom-eval" in answer["message"]


def test_the_second_generation_says_intent_and_spells_rows_freely(org: Org) -> None:
    answer = propose(
        org, [{"input": "...", "expected": {"effective_date": "x"}}], headers=G2, intent="extract the key dates"
    ).json()

    assert [p["task_id"] for p in answer["proposals"]] == [CONTRACT]
    assert (answer["intent"], answer["prompt"]) == ("extract the key dates", "extract the key dates")


@pytest.mark.parametrize(
    ("headers", "fields", "detail"),
    [
        (G2, {}, "intent is required"),
        (G3, {}, "prompt is required"),
        (CURL, {}, "prompt is required"),
        (G0, {}, "prompt is required"),
        (G1, {"prompt": " "}, "prompt is required"),
        (G3, {"intent": "x"}, "`intent` was renamed"),
        (CURL, {"intent": "x"}, "`intent` was renamed"),
        (G3, {"prompt": "x" * 501}, "prompt must be at most 500"),
    ],
)
def test_what_rows_are_for_must_be_said(org: Org, headers: Any, fields: dict[str, str], detail: str) -> None:
    before = org.state()

    response = propose(org, DATES, headers=headers, **fields)

    assert response.status_code == 400
    assert response.json()["detail"].startswith(detail)
    assert org.state() == before


@pytest.mark.parametrize(
    ("items", "detail"),
    [
        (b"", "items: the file has no rows"),
        (b"{", "items: line 1 is not JSON"),
        (b'{"input": {}, "expected_output": {}}\n{"input": "a", "expected_output": {}}', "items: line 2: `input` must"),
        (b'{"input": {}, "expected": {}}', "items: line 1: `expected_output` must"),
    ],
)
def test_faulty_rows_are_refused(org: Org, items: bytes, detail: str) -> None:
    response = propose(org, items, prompt="x")

    assert response.status_code == 400
    assert response.json()["detail"].startswith(detail)


def test_a_file_is_required(org: Org) -> None:
    response = org.http.post("/v1/eval-sets/propose-contract", data={"prompt": "x"}, files={"rows": b"{}"})

    assert response.status_code == 422
    assert response.json()["detail"][0]["loc"] == ["body", "items"]


def test_the_strict_switch_asks_everybody_for_a_prompt(org: Org) -> None:
    org.flip(strict=True)

    response = propose(org, DATES, headers=G2, intent="extract the key dates")

    assert (response.status_code, response.json()) == (400, {"detail": "`intent` was renamed: send `prompt` instead"})


def test_a_proposal_is_free_keeps_nothing_and_is_always_the_same(org: Org) -> None:
    org.set_balance(0)
    before = org.state()

    first = propose(org, DATES, prompt="extract the key dates")
    org.advance(DAY)
    again = propose(org, DATES, prompt="extract the key dates")

    assert first.status_code == 200
    assert again.json() == first.json()
    assert "x-pareta-billed" not in first.headers
    assert org.state() == before


# Sets without a task


@pytest.mark.parametrize("headers", [G2, G3, CURL])
def test_an_upload_without_a_task_binds_by_the_same_rule(org: Org, headers: Any) -> None:
    fields = {"intent" if headers == G2 else "prompt": "extract the key dates from each contract"}

    response = org.post_set(DATES, None, headers=headers, **fields)

    assert response.status_code == 201, response.text
    assert response.json()["eval_set"]["task_id"] == CONTRACT


@pytest.mark.parametrize(
    ("rows", "prompt", "detail"),
    [
        ([pair({"t": "a"}, {"r": "b"})], "grade the tone of each reply", ("candidates: custom-eval)",)),
        ([pair({"text": "a"}, {"label": "x"})], "summarize each", ("which is summarization", "intent-classification")),
        (
            [*DATES, pair({"text": "a"}, {"label": "x"})],
            "extract the dates",
            ("mixed: 2 of 3", f"candidates: {CONTRACT}"),
        ),
        (
            [pair({"text": "a"}, {"label": "x"})],
            "do it",
            ("several tasks", "doc-classification", "intent-classification"),
        ),
        (DATES, "do it", ("says nothing of it", f"candidates: {CONTRACT}")),
        ([DATES[0], pair({"text": "a"}, {"label": "x"})], "do it", ("mixed: 1 of 2", "candidates: ")),
    ],
)
def test_an_upload_that_leaves_a_doubt_names_the_candidates_and_keeps_nothing(
    org: Org, rows: Sequence[Any], prompt: str, detail: tuple[str, ...]
) -> None:
    before = org.state()

    response = org.post_set(rows, None, headers=G3, prompt=prompt)

    assert response.status_code == 400
    for part in (*detail, "send task_id to choose"):
        assert part in response.json()["detail"]
    assert org.state() == before


def test_a_task_that_is_pinned_is_not_questioned(org: Org) -> None:
    odd = [pair({"t": "a"}, {"r": "b"})]

    assert org.post_set(odd, "custom-eval", headers=G3, prompt="grade the tone").status_code == 201
    assert org.post_set(odd, CONTRACT, headers=G3, prompt="summarize each").status_code == 201
