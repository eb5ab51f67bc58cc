from __future__ import annotations

import pytest

from mockserver.vendors.pareta.domain.catalog import Task, baseline, looks_like_alias, looks_like_frontier, ranked
from tests.vendors.pareta.domain.samples import BOARD, TEXT, model, task


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("qwen-2", True),
        ("qwen2.5-vl-1", True),
        ("contract-kie-12", True),
        ("sql-1", True),
        ("qwen", False),
        ("qwen-", False),
        ("-1", False),
        ("Qwen-2", False),
        ("2-1", False),
        ("ep-contract-key-fields", False),
        ("qwen--1", False),
        ("qwen-2 ", False),
        ("qwen-\u0662", False),
        ("", False),
    ],
)
def test_an_alias_is_a_family_and_a_rank(name: str, expected: bool) -> None:
    assert looks_like_alias(name) is expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [("gpt-5.5", True), ("claude-x", True), ("gemini-3-1-pro", True), ("gpt", False), ("my-gpt-4", False)],
)
def test_a_frontier_id_begins_like_one_of_the_vendors(name: str, expected: bool) -> None:
    assert looks_like_frontier(name) is expected


def test_the_baseline_is_the_first_frontier_model_and_absent_from_an_open_board() -> None:
    assert baseline(BOARD) == BOARD[0]
    assert baseline(BOARD[1:]) is None


def test_ranking_is_by_quality_with_unmeasured_models_last_in_their_order() -> None:
    first, second = model("first-1", "open", None, None), model("second-1", "open", None, None)
    zero = model("zero-1", "open", 0.0, 1)

    assert ranked([first, BOARD[2], second, zero, BOARD[0]]) == [BOARD[0], BOARD[2], zero, first, second]


def test_a_task_tells_its_fields_and_its_main_input() -> None:
    subject = task({"vendor": TEXT})

    assert dict(subject.output_fields) == {"vendor": TEXT}
    assert subject.main_input == "contract_text"
    assert subject == subject
    assert subject != task({"vendor": TEXT})


def test_a_task_whose_output_schema_is_a_summary_expects_what_its_gold_schema_says() -> None:
    subject = task({"summary": TEXT})
    gold = {"type": "object", "properties": {"vendor": TEXT}}

    assert dict(Task("t", "field_f1", "contract", False, {**subject.body, "gold_schema": gold}).output_fields) == {
        "vendor": TEXT
    }
    assert dict(Task("t", "field_f1", "contract", False, {**subject.body, "gold_schema": None}).output_fields) == {
        "summary": TEXT
    }


@pytest.mark.parametrize(
    ("metering", "by_token", "by_minute"),
    [(None, False, False), ("per_token", True, False), ("per_minute", False, True)],
)
def test_a_task_says_how_it_is_metered(metering: str | None, by_token: bool, by_minute: bool) -> None:
    subject = task()
    subject = Task("t", "field_f1", "extraction", False, {**subject.body, "metering": metering})

    assert (subject.is_metered_by_token, subject.is_metered_by_minute) == (by_token, by_minute)
