"""Eval sets: the rows every generation of client sends, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mockserver.app import Simulator
from tests.vendors.pareta.org import CURL, G0, G1, G2, G3, Org

NEW = {
    "input": {"contract_text": "Effective as of January 1, 2026"},
    "expected_output": {"effective_date": "2026-01-01"},
}
OLD = [
    {"input": "text", "expected": {"effective_date": "2026-01-01"}},
    {"input": "text", "expected": "2026-01-01"},
    {"input": {"contract_text": "text"}, "expected": "2026-01-01"},
    {"text": "text", "target": {"effective_date": "2026-01-01"}},
    {"prompt": "text", "reference": "2026-01-01"},
]
BLOB = [
    {"expected": {"total": 5}},
    {"target": {"total": 5}},
    {"document": None, "expected": {"total": 5}},
]


def test_a_set_is_kept_as_it_was_described(org: Org) -> None:
    response = org.post_set([NEW, NEW], headers=G3, name="Q2 sample", prompt="  extract key dates ")

    assert response.status_code == 201
    kept = response.json()["eval_set"]
    assert kept == {
        "id": kept["id"],
        "task_id": "contract-key-fields",
        "name": "Q2 sample",
        "item_count": 2,
        "scoring_strategy": "extraction",
        "intent": "extract key dates",
        "prompt": "extract key dates",
        "created_at": "2026-02-10T12:00:00Z",
    }
    assert org.get(f"/v1/eval-sets/{kept['id']}") == {"eval_set": kept}
    assert org.get("/v1/eval-sets")["eval_sets"][-1] == kept


def test_a_set_without_a_name_gets_one(org: Org) -> None:
    assert org.post_set([NEW]).json()["eval_set"]["name"] == "eval set (1 items)"


def test_a_name_has_room_for_500_characters(org: Org) -> None:
    assert org.post_set([NEW], name="x" * 500).status_code == 201

    too_long = org.post_set([NEW], name="x" * 501)

    assert (too_long.status_code, too_long.json()) == (400, {"detail": "name must be at most 500 characters"})


@pytest.mark.parametrize("headers", [G0, G1])
@pytest.mark.parametrize("row", [NEW, *OLD])
def test_the_first_two_generations_spell_rows_freely_and_say_nothing_more(
    org: Org, headers: dict[str, str], row: Any
) -> None:
    response = org.post_set([row, row], headers=headers)

    assert response.status_code == 201, response.text
    assert response.json()["eval_set"]["item_count"] == 2
    assert response.json()["eval_set"]["prompt"] is None


@pytest.mark.parametrize("row", [NEW, *OLD])
def test_the_second_generation_says_its_intent(org: Org, row: Any) -> None:
    response = org.post_set([row], headers=G2, intent="key dates")

    assert response.status_code == 201, response.text
    assert (response.json()["eval_set"]["intent"], response.json()["eval_set"]["prompt"]) == ("key dates", "key dates")


@pytest.mark.parametrize("headers", [G3, CURL])
def test_the_newest_rules_hold_for_the_newest_client_and_for_strangers(org: Org, headers: dict[str, str]) -> None:
    assert org.post_set([NEW], headers=headers, prompt="key dates").status_code == 201
    for row in OLD:
        response = org.post_set([NEW, row], headers=headers, prompt="key dates")
        assert response.status_code == 400
        assert response.json()["detail"].startswith("items: line 2: `")


@pytest.mark.parametrize("headers", [G0, G1, G2])
@pytest.mark.parametrize("row", BLOB)
def test_older_rows_on_documents_need_no_input(org: Org, headers: dict[str, str], row: Any) -> None:
    fields = {"intent": "x"} if headers == G2 else {}

    assert org.post_set([row], "invoice-extraction", headers=headers, **fields).status_code == 201


@pytest.mark.parametrize(
    "row", [{"expected_output": {"total": 5}}, {"document": None, "expected_output": {"total": 5}}]
)
def test_the_newest_rows_on_documents_need_no_input_either(org: Org, row: Any) -> None:
    assert org.post_set([row], "invoice-extraction", headers=G3, prompt="x").status_code == 201


@pytest.mark.parametrize(
    ("headers", "fields", "detail"),
    [
        (G2, {}, "intent is required"),
        (G2, {"intent": "  "}, "intent is required"),
        (G3, {}, "prompt is required"),
        (CURL, {}, "prompt is required"),
        (G3, {"prompt": ""}, "prompt is required"),
        (G3, {"intent": "x"}, "`intent` was renamed"),
        (CURL, {"intent": "x"}, "`intent` was renamed"),
        (G3, {"prompt": "x" * 501}, "prompt must be at most 500"),
        (G2, {"intent": "x" * 501}, "prompt must be at most 500"),
    ],
)
def test_what_a_set_is_for_is_said_in_each_generations_word(
    org: Org, headers: dict[str, str], fields: dict[str, str], detail: str
) -> None:
    before = org.state()

    response = org.post_set([NEW], headers=headers, **fields)

    assert response.status_code == 400
    assert response.json()["detail"].startswith(detail)
    assert org.state() == before


def test_as_long_a_prompt_as_allowed(org: Org) -> None:
    assert org.post_set([NEW], headers=G3, prompt=f" {'x' * 500} ").status_code == 201


def test_a_prompt_brings_the_newest_rules_with_it(org: Org) -> None:
    for headers in (G0, G1, G2):
        response = org.post_set([OLD[0]], headers=headers, prompt="key dates")
        assert response.status_code == 400
        assert response.json()["detail"].startswith("items: line 1: `")


def test_the_form_field_outweighs_the_user_agent(org: Org) -> None:
    assert org.post_set([NEW], headers=G2, prompt="key dates").status_code == 201
    assert (
        org.post_set([NEW], headers=G2, prompt="key dates", intent="other").json()["eval_set"]["intent"] == "key dates"
    )


@pytest.mark.parametrize(("headers", "fields"), [(G0, {}), (G1, {}), (G2, {"intent": "x"})])
def test_the_strict_switch_holds_everybody_to_the_newest_rules(
    org: Org, headers: dict[str, str], fields: dict[str, str]
) -> None:
    assert org.post_set([OLD[0]], headers=headers, **fields).status_code == 201

    org.flip(strict=True)

    assert org.post_set([NEW], headers=headers, **fields).status_code == 400
    assert org.post_set([OLD[0]], headers=headers, prompt="x").status_code == 400
    assert org.post_set([NEW], headers=headers, prompt="x").status_code == 201


@pytest.mark.parametrize(
    ("items", "detail"),
    [
        (b"", "items: the file has no rows"),
        (b"\n\n", "items: the file has no rows"),
        (json.dumps(NEW).encode() + b"\n{", "items: line 2 is not JSON"),
        (json.dumps(NEW).encode() + b"\n\n[1]", "items: line 3 must be a JSON object"),
        (b'{"input": "x"}', "items: line 1 has no expected output"),
        (b'{"expected": "x"}', "items: line 1 has no input"),
        (b'{"input": "x", "expected": NaN}', "items: line 1 is not JSON"),
        (b'{"input": "x", "expected": 1e999}', "items: line 1 is not JSON"),
        (b'{"input": "x", "expected": "\\udfff"}', "items: line 1 is not JSON"),
        (b'{"input": "x", "expected": ' + b'{"a":' * 500 + b"1" + b"}" * 501, "items: line 1 is not JSON"),
        (b"\xff\xfe", "items: not UTF-8 at byte 0"),
        (b'{"input": "x", "input": "y", "expected": 1}', 'items: line 1 is not JSON: the name "input" stands twice'),
        (b'{"input": "x", "expected": 1}\n' * 10_001, "items: more than 10000 rows"),
        (b'{"input": "' + b"x" * 10**6 + b'", "expected": 1}', "items: line 1 is longer than 1000000 characters"),
        (b" " * (32 * 1024 * 1024 + 1), "items: the file is larger than 33554432 bytes"),
    ],
    ids=range(15),
)
def test_faulty_rows_are_refused_with_their_line(org: Org, items: bytes, detail: str) -> None:
    before = org.state()

    response = org.post_set(items)

    assert response.status_code == 400
    assert response.json()["detail"].startswith(detail)
    assert org.state() == before


def test_line_separators_inside_a_text_do_not_end_its_row(org: Org) -> None:
    row = json.dumps({"input": "one\u2028two\u0085three", "expected": {"a": "b"}}, ensure_ascii=False).encode()

    assert org.post_set(row + b"\r\n" + row).json()["eval_set"]["item_count"] == 2
    assert org.post_set(b"\xef\xbb\xbf" + row).json()["eval_set"]["item_count"] == 1


@pytest.mark.parametrize("headers", [G0, G1])
def test_the_first_two_generations_name_their_task(org: Org, headers: dict[str, str]) -> None:
    before = org.state()

    missing = org.post_set([NEW], None, headers=headers)
    empty = org.post_set([NEW], "", headers=headers)
    unknown = org.post_set([NEW], "nope", headers=headers)

    assert (missing.status_code, missing.json()) == (400, {"detail": "task_id is required"})
    assert (empty.status_code, empty.json()) == (400, {"detail": "task_id is required"})
    assert (unknown.status_code, unknown.json()) == (404, {"detail": "task 'nope' not found"})
    assert org.state() == before


def test_the_file_is_required_and_must_be_one(org: Org) -> None:
    boundary = {"Content-Type": "multipart/form-data; boundary=x", **G0}
    text = b'--x\r\nContent-Disposition: form-data; name="items"\r\n\r\n{}\r\n--x--\r\n'
    none = text.replace(b'"items"', b'"rows"')

    for content in (text, none):
        response = org.http.post("/v1/eval-sets", content=content, headers=boundary)
        assert response.status_code == 422
        assert response.json()["detail"][0]["loc"] == ["body", "items"]


def test_a_deleted_set_is_gone(org: Org) -> None:
    kept = org.new_set([NEW])

    response = org.http.delete(f"/v1/eval-sets/{kept}")

    assert (response.status_code, response.content) == (204, b"")
    assert org.http.get(f"/v1/eval-sets/{kept}").status_code == 404
    assert org.http.delete(f"/v1/eval-sets/{kept}").json() == {"detail": f"eval set '{kept}' not found"}
    assert kept not in {row["id"] for row in org.get("/v1/eval-sets")["eval_sets"]}
    assert org.new_set([NEW]) != kept


def test_lists_are_whole_and_oldest_first(org: Org) -> None:
    made = []
    for _ in range(120):
        made.append(org.new_set([NEW]))
        org.advance(1)

    assert [row["id"] for row in org.get("/v1/eval-sets")["eval_sets"]] == ["es_contracts", *made]


def test_a_replayed_upload_makes_no_second_set_whatever_its_boundary(org: Org) -> None:
    headers = {**G1, "Idempotency-Key": "pareta-py-1"}

    first, again = (org.post_set([NEW], headers=headers, name="n") for _ in range(2))
    other = org.post_set([NEW], headers=headers, name="m")

    assert first.request.content != again.request.content, "each upload has a boundary of its own"
    assert (again.status_code, again.json()) == (201, first.json())
    assert other.status_code == 422
    assert len(org.get("/v1/eval-sets")["eval_sets"]) == 2


def test_a_replay_repeats_a_name_that_looks_like_a_receipt(org: Org) -> None:
    headers = {**G0, "Idempotency-Key": "k"}
    name = ": pareta-billed-micro-usd 5"

    first, again = (org.post_set([NEW], headers=headers, name=name) for _ in range(2))

    assert (again.status_code, again.json()) == (201, first.json())
    assert again.json()["eval_set"]["name"] == name


def test_sets_cost_nothing_even_without_credit(org: Org) -> None:
    org.set_balance(0)

    kept = org.new_set([NEW])
    org.get(f"/v1/eval-sets/{kept}")
    org.http.delete(f"/v1/eval-sets/{kept}")

    assert org.debits == []


def test_another_organisation_sees_none_of_it(org: Org, simulator: Simulator) -> None:
    other = Org(simulator, "other")
    kept = org.new_set([NEW])

    assert other.http.get(f"/v1/eval-sets/{kept}").status_code == 404
    assert other.http.delete(f"/v1/eval-sets/{kept}").status_code == 404
    assert other.post_run(kept, "llama-1").status_code == 404
    assert [row["id"] for row in other.get("/v1/eval-sets")["eval_sets"]] == ["es_contracts"]
    assert org.http.get(f"/v1/eval-sets/{kept}").status_code == 200
