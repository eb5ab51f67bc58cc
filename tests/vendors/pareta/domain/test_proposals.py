from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.vendors.pareta.domain.catalog import Task
from mockserver.vendors.pareta.domain.proposals import (
    FALLBACK,
    MAX_PROPOSALS,
    Conflict,
    Plan,
    Split,
    has_shape,
    propose,
    shape_of,
)
from mockserver.vendors.pareta.domain.rows import Row, read_rows
from tests.vendors.pareta.domain.samples import json_values

TEXT = {"type": "string"}
NUMBER = {"type": "number"}
LIST = {"type": "array"}
FILE = {"type": "string", "format": "binary"}


def task(name: str, strategy: str, given: dict[str, Any], output: dict[str, Any], *keywords: str, **more: Any) -> Task:
    body = {
        "keywords": keywords,
        "input_schema": {"properties": given},
        "output_schema": {"properties": output},
        **more,
    }
    return Task(name, "scorer", strategy, FILE in given.values(), body)


CONTRACT = task(
    "contract-key-fields", "extraction", {"contract_text": TEXT}, {"effective_date": TEXT, "value": NUMBER},
    "contract", "date", "key", "fields", "extract",
)  # fmt: skip
BESIDE = Task(
    "contract", "scorer", "extraction", False,
    {**CONTRACT.body, "input_schema": {"properties": {"contract_text": TEXT, "document": FILE}}},
)  # fmt: skip
INVOICE = task(
    "invoice-extraction", "extraction", {"document": FILE}, {"invoice_number": TEXT, "total": NUMBER, "vendor": TEXT},
    "invoice", "total", "vendor", "bill",
)  # fmt: skip
DOCUMENT = task("document-extraction", "extraction", {"document": FILE}, {"title": TEXT}, "document", "extract")
INTENT = task(
    "intent-classification", "classification", {"text": TEXT}, {"label": {**TEXT, "enum": ["a", "b"]}},
    "intent", "classify", "utterance", "label",
)  # fmt: skip
KIND = task("doc-classification", "classification", {"text": TEXT}, {"label": TEXT}, "document", "classify", "kind")
SQL = task("text-to-sql", "sql", {"question": TEXT, "schema": TEXT}, {"sql": TEXT}, "sql", "query", "write")
CHAT = task("general-chat", "judge", {"prompt": TEXT}, {"response": TEXT}, "answer", "chat")
RANK = task(
    "document-reranking", "ranking", {"query": TEXT, "documents": LIST}, {"order": LIST}, "rank",
    input_schema={"properties": {"query": TEXT, "documents": LIST}, "required": ["query", "documents"]},
)  # fmt: skip
VISION = task(
    "general-vision", "judge", {"image": FILE}, {"response": TEXT}, "look",
    input_schema={"properties": {"image": FILE, "prompt": TEXT}, "required": ["image", "prompt"]},
)  # fmt: skip
CUSTOM = task(FALLBACK, "judge", {"input": TEXT}, {"output": TEXT})
TASKS = (CONTRACT, INVOICE, DOCUMENT, INTENT, KIND, SQL, CHAT, RANK, CUSTOM)

REASON = r"\d{2,3}% of the prompt's words and \d{2}% of the field names describe it"
DATED = {"input": {"contract_text": "..."}, "expected_output": {"effective_date": "2026-01-01"}}
LABELLED = {"input": {"text": "a"}, "expected_output": {"label": "x"}}
BILLED = {"expected_output": {"invoice_number": "INV-1", "total": "12.00"}}
ODD = {"input": {"t": "a"}, "expected_output": {"r": "b"}}


def rows_of(*values: Any, strict: bool = True) -> list[Row]:
    return read_rows("\n".join(json.dumps(value) for value in values).encode(), is_strict=strict)


def plan(prompt: str, *values: Any, tasks: tuple[Task, ...] = TASKS, strict: bool = True) -> Plan:
    return propose(rows_of(*values, strict=strict), prompt, tasks)


@pytest.mark.parametrize(
    ("prompt", "value", "bound", "confidence"),
    [
        ("extract the key fields from each contract", DATED, "contract-key-fields", "high"),
        ("the document, the bill and the chat that rank a contract", DATED, "contract-key-fields", "medium"),
        ("classify each utterance", LABELLED, "intent-classification", "high"),
        ("extract the invoice number and total from each invoice", BILLED, "invoice-extraction", "high"),
        ("extract the total and vendor", {"document": None, **BILLED}, "invoice-extraction", "high"),
        (
            "extract the total from each invoice",
            {"input": {"text": "INVOICE ... TOTAL 12"}, "expected_output": {"total": "12.00"}},
            "invoice-extraction", "high",
        ),
        (
            "write the SQL for each question",
            {"input": {"question": "how many?", "schema": "t(a)"}, "expected_output": {"sql": "SELECT 1"}},
            "text-to-sql", "high",
        ),
        (
            "answer each prompt directly and concisely, matching the reference answer's intent",
            {"input": {"prompt": "hi"}, "expected_output": {"response": "hello"}},
            "general-chat", "medium",
        ),
    ],
)  # fmt: skip
def test_words_and_shape_that_agree_bind(prompt: str, value: Any, bound: str, confidence: str) -> None:
    found = plan(prompt, *[value] * 5)

    (only,) = found.proposals
    assert (found.bound_task, only.task_id, only.confidence) == (bound, bound, confidence)
    assert (only.evidence.validated_n, only.evidence.total_n) == (5, 5)
    assert only.evidence.matcher_reason is not None
    assert (found.is_homogeneous, found.conflict, found.message, found.closest_task) == (True, None, None, None)
    assert found.prompt == prompt


def test_the_older_spelling_binds_too() -> None:
    rows = [{"text": "...", "target": {"effective_date": "2026-01-01"}}] * 3

    assert plan("extract the key dates from each contract", *rows, strict=False).bound_task == "contract-key-fields"


def test_other_tasks_of_that_shape_are_named_beside_the_chosen_one() -> None:
    (only,) = plan("classify each utterance", LABELLED).proposals

    assert only.evidence.alternatives == ("doc-classification",)
    assert only.evidence.matcher_reason is not None
    assert re.fullmatch(REASON, only.evidence.matcher_reason)


def test_words_that_fit_two_tasks_alike_leave_the_choice() -> None:
    found = plan("classify the text", {"input": {"text": "a"}, "expected_output": {"label": "x"}}, tasks=(KIND, INTENT))

    assert found.bound_task == "intent-classification", "its own name for the label decides"
    found = plan(
        "classify", LABELLED, tasks=(KIND, task("b", "classification", {"text": TEXT}, {"label": TEXT}, "classify"))
    )
    assert found.candidates == ("b", "doc-classification")
    assert found.bound_task is None
    assert [proposal.confidence for proposal in found.proposals] == ["high", "high"]
    assert found.message is not None
    assert found.message.endswith("the prompt does not say which: b, doc-classification")


def test_words_that_say_nothing_bind_nothing() -> None:
    only = plan("do it", DATED)
    several = plan("do it", LABELLED)

    assert only.candidates == ("contract-key-fields",)
    assert (only.proposals[0].confidence, only.bound_task) == ("low", None)
    assert only.message == "the rows have the shape of contract-key-fields, but the prompt says nothing of it"
    assert several.candidates[0] == "intent-classification"
    assert several.candidates == ("intent-classification", "doc-classification")
    assert several.bound_task is None


def test_no_more_proposals_than_a_person_can_read() -> None:
    many = tuple(task(f"t{n}", "judge", {"text": TEXT}, {"label": TEXT}) for n in range(20))

    found = plan("do it", LABELLED, tasks=many)

    assert len(found.proposals) == MAX_PROPOSALS
    assert len(found.proposals[0].evidence.alternatives) == MAX_PROPOSALS


@pytest.mark.parametrize(
    ("prompt", "value", "intended", "reasoning"),
    [
        ("summarize each utterance", LABELLED, "summarization", "asks to summarize, which is summarization"),
        ("please translate each label", LABELLED, "translation", "asks to translate, which is translation"),
        ("extract the vendor's total", LABELLED, "invoice-extraction", "asks to extract, which is extraction"),
        ("pull what matters", LABELLED, "extraction", "asks to pull, which is extraction"),
        ("classify each contract", DATED, "classification", "asks to classify, which is classification"),
        ("the total of each bill", DATED, "invoice-extraction", "describes invoice-extraction"),
        ("summarize, then classify each", DATED, "summarization", "asks to summarize, which is summarization"),
    ],
)  # fmt: skip
def test_words_for_another_job_than_the_rows_are_a_conflict(
    prompt: str, value: Any, intended: str, reasoning: str
) -> None:
    found = plan(prompt, value, value)

    assert found.conflict == Conflict(intended, f"the prompt {reasoning}")
    assert found.bound_task is None
    assert found.proposals
    assert {proposal.confidence for proposal in found.proposals} == {"low"}
    assert found.message is not None
    assert found.message.endswith(reasoning)


@pytest.mark.parametrize(
    ("prompt", "value"),
    [
        ("extract what matters and classify it", LABELLED),
        ("summarize: write sql", {"input": {"question": "?", "schema": ""}, "expected_output": {"sql": ""}}),
        ("extract and condense each contract", DATED),
        ("the total of a contract", DATED),
    ],
)
def test_words_that_also_name_the_rows_job_are_none(prompt: str, value: Any) -> None:
    assert plan(prompt, value).conflict is None


def test_mostly_one_kind_is_a_split_with_a_doubtful_proposal() -> None:
    found = plan("extract the key dates from each contract", DATED, DATED, ODD, DATED)

    assert found.split == Split(3, 4, "contract-key-fields")
    assert (found.is_homogeneous, found.bound_task, found.closest_task) == (False, None, "contract-key-fields")
    (only,) = found.proposals
    assert (only.task_id, only.confidence) == ("contract-key-fields", "low")
    assert (only.evidence.validated_n, only.evidence.total_n) == (3, 4)
    assert found.message == "the rows are mixed: 3 of 4 have the shape of contract-key-fields"


def test_halves_of_two_kinds_are_a_split_without_a_proposal() -> None:
    found = plan("extract the key dates from each contract", DATED, LABELLED, tasks=(CONTRACT, INTENT, CUSTOM))

    assert found.split == Split(1, 2, "contract-key-fields")
    assert found.proposals == ()
    assert found.bound_task is None


def test_nothing_of_any_shape_leaves_a_panel_of_judges() -> None:
    found = plan("grade the tone of each reply", *[ODD] * 5)

    (only,) = found.proposals
    assert (only.task_id, only.confidence, only.warning) == (FALLBACK, "medium", None)
    assert (only.evidence.validated_n, only.evidence.total_n, only.evidence.alternatives) == (5, 5, ())
    assert (found.is_homogeneous, found.conflict, found.bound_task, found.closest_task) == (True, None, None, None)
    assert found.message is not None
    assert FALLBACK in found.message


def test_mostly_unknown_shapes_leave_it_too_but_name_the_closest() -> None:
    found = plan("grade each", ODD, ODD, DATED)

    assert found.candidates == (FALLBACK,)
    assert found.closest_task == "contract-key-fields"
    assert plan("write a query", ODD).closest_task == "text-to-sql"


def test_judges_are_no_match_for_extracted_fields() -> None:
    row = {"input": {"t": "a"}, "expected_output": {"from": "x", "to": "y"}}

    assert plan("grade it", row).proposals[0].warning is not None


def test_a_catalog_without_judges_has_nothing_to_offer() -> None:
    found = plan("grade it", ODD, tasks=(CONTRACT,))

    assert (found.proposals, found.bound_task) == ((), None)
    assert found.message == "the rows have the shape of no ready-made task"


@pytest.mark.parametrize(
    ("subject", "value", "is_fit"),
    [
        (CONTRACT, DATED, True),
        (CONTRACT, {"input": "...", "expected": {"effective_date": "x"}}, True),
        (CONTRACT, {"input": "...", "expected": {"parties": ["A", "B"]}}, True),
        (CONTRACT, {"input": "...", "expected": {"value": "12.00"}}, True),
        (CONTRACT, {"input": "...", "expected": {"value": None}}, True),
        (CONTRACT, {"input": "...", "expected": {}}, True),
        (CONTRACT, {"input": "...", "expected": {"value": [12]}}, False),
        (CONTRACT, {"input": "...", "expected": "x"}, False),
        (CONTRACT, {"input": 5, "expected": {}}, False),
        (CONTRACT, {"input": {"contract_text": None}, "expected": {}}, False),
        (CONTRACT, {"input": {"text": "..."}, "expected": {}}, False),
        (CONTRACT, {"input": {"contract_text": "...", "id": 5}, "expected": {}}, True),
        (CONTRACT, {"contract_text": "...", "expected": {}}, True),
        (INTENT, {"input": "a", "expected": "b"}, True),
        (INTENT, {"input": "a", "expected": ["b"]}, False),
        (INTENT, {"input": "a", "expected": {"label": "own"}}, True),
        (INTENT, {"input": "a", "expected": {"label": "own", "reason": "x"}}, False),
        (INTENT, {"input": "a", "expected": {"score": 1}}, False),
        (RANK, {"input": {"query": "q", "documents": []}, "expected": {"order": [1]}}, True),
        (RANK, {"input": {"query": "q", "documents": []}, "expected": [1]}, True),
        (RANK, {"input": {"query": "q", "documents": "d"}, "expected": {"order": [1]}}, False),
        (RANK, {"input": {"query": "q"}, "expected": {"order": [1]}}, False),
        (BESIDE, {"input": {"contract_text": "...", "document": None}, "expected": {}}, True),
        (BESIDE, {"input": {"contract_text": "...", "document": {"kind": "blob"}}, "expected": {}}, True),
        (BESIDE, {"input": {"document": None}, "expected": {}}, False),
        (INVOICE, BILLED, True),
        (INVOICE, {"document": None, **BILLED}, True),
        (INVOICE, {"scan": None, **BILLED}, True),
        (INVOICE, {"document": {"kind": "blob"}, "page": 1, **BILLED}, True),
        (INVOICE, {"input": "INVOICE", **BILLED}, True),
        (INVOICE, {"input": {"document_text": "INVOICE"}, **BILLED}, True),
        (INVOICE, {"input": {"document_text": 5}, **BILLED}, False),
        (INVOICE, {"input": {"contract_text": "..."}, **BILLED}, False),
        (INVOICE, {"input": ["INVOICE"], **BILLED}, False),
        (VISION, {"input": {"image": None, "prompt": "what?"}, "expected": {"response": "a cat"}}, True),
        (VISION, {"input": {"prompt": "what?"}, "expected": {"response": "a cat"}}, False),
        (VISION, {"input": {"image": None}, "expected": {"response": "a cat"}}, False),
    ],
)
def test_shapes(subject: Task, value: Any, is_fit: bool) -> None:
    (row,) = rows_of(value, strict=False)

    assert has_shape(shape_of(row), subject) is is_fit


def test_what_the_gold_looks_like_may_have_a_schema_of_its_own() -> None:
    role = {"gold_schema": {"properties": {"spans": {"type": ["array", "null"]}, "n": {"type": "integer"}}}}
    subject = task("pii", "spans", {"text": TEXT}, {"summary": TEXT}, **role)

    assert has_shape(shape_of(*rows_of({"input": {"text": "a"}, "expected_output": {"spans": [], "n": 1}})), subject)
    assert not has_shape(shape_of(*rows_of({"input": {"text": "a"}, "expected_output": {"summary": "x"}})), subject)


def test_a_file_of_endless_names_is_still_answered() -> None:
    rows = [{"input": {f"n{n}": 1, f"m{n}": True}, "expected_output": {f"x{n}": 1}} for n in range(500)]

    assert plan("grade it", *rows).candidates == (FALLBACK,)


@given(
    st.text(max_size=60),
    st.lists(st.tuples(json_values, json_values.filter(lambda v: v is not None)), min_size=1, max_size=5),
)
def test_any_rows_and_words_get_an_answer_that_keeps_the_rules(prompt: str, content: list[Any]) -> None:
    rows = [Row(n, given, True, expected) for n, (given, expected) in enumerate(content, 1)]

    found = propose(rows, prompt, TASKS)

    assert found == propose(rows, prompt, TASKS[::-1]), "the order of the catalog decides nothing"
    full = [t.task_id for t in found.proposals if t.evidence.validated_n == len(rows)]
    if found.bound_task is not None:
        subject = next(each for each in TASKS if each.id == found.bound_task)
        assert all(has_shape(shape_of(row), subject) for row in rows)
        assert full == [found.bound_task]
    assert FALLBACK not in found.candidates or found.candidates == (FALLBACK,)
    assert (found.split is None) is found.is_homogeneous
    assert all(p.evidence.total_n == len(rows) for p in found.proposals)
