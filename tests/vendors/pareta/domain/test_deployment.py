from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.kernel.errors import InvalidRequest
from mockserver.vendors.pareta.domain.deployment import (
    STAGES,
    UNMEASURED_QUALITY,
    Failure,
    chosen_name,
    failure,
    generated_name,
    live_quality,
    prompt_scaffold,
    recommended_prompt,
    served_model,
)
from mockserver.vendors.pareta.domain.errors import Refused
from tests.vendors.pareta.domain.samples import BOARD, DATE, NUMBER, TEXT, classifier, model, task

CURATED = (*BOARD[:2], model("llama-1", "open", 0.99, 63))
UNCURATED = (model("gpt-5.5", "frontier", 0.99, 700), model("a-1", "open", None, None), model("b-1", "open", 0.5, 9))
ROSTER = frozenset({"gpt-5.5", "claude-opus-4-7", "mistral-large-3"})


@pytest.mark.parametrize(
    ("board", "wanted", "expected"),
    [
        (CURATED, "recommended", "qwen-2"),
        (UNCURATED, "recommended", "b-1"),
        (UNCURATED[:2], "recommended", "a-1"),
        (CURATED, "llama-1", "llama-1"),
        (CURATED, "unheard-of-7", "unheard-of-7"),
        ((model("house special", "open", 0.5, 9),), "house special", "house special"),
        ((model("gpt-5.5", "frontier", 0.9, 700, recommended=True), BOARD[2]), "recommended", "llama-1"),
    ],
)
def test_the_curated_pick_serves_else_the_best_open_model_else_the_alias_asked_for(
    board: Any, wanted: str, expected: str
) -> None:
    assert served_model(task(), board, ROSTER, wanted) == expected


@pytest.mark.parametrize(
    "wanted", ["gpt-5.5", "claude-opus-4-7", "claude-9", "mistral-large-3", "auto", "qwen", "Qwen-2", ""]
)
def test_vendors_models_and_what_is_no_alias_cannot_be_deployed(wanted: str) -> None:
    with pytest.raises(Refused, match=f"^unknown model '{wanted}'.*'recommended' or an alias such as 'qwen-2'"):
        served_model(task(), BOARD, ROSTER, wanted)


@pytest.mark.parametrize("strategy", ["transcription", "none", "ranking", "win_rate"])
def test_tasks_with_routes_of_their_own_have_no_endpoints(strategy: str) -> None:
    with pytest.raises(Refused, match="'general-asr' is not served by endpoints"):
        served_model(task(name="general-asr", strategy=strategy), BOARD, ROSTER, "recommended")


def test_a_task_without_an_open_model_has_no_endpoints() -> None:
    with pytest.raises(Refused, match="not served by endpoints"):
        served_model(task(), BOARD[:1], ROSTER, "qwen-2")


@pytest.mark.parametrize("name", ["contracts-prod", "pareta-prod-9", "ep_a1b2c3", "automatic", "recommended"])
def test_an_endpoint_may_be_called_anything_that_is_no_model(name: str) -> None:
    assert chosen_name(name, ROSTER) == name


@pytest.mark.parametrize("name", ["auto", "gpt-5.5", "mistral-large-3", "gemini-mine"])
def test_an_endpoint_cannot_be_called_like_a_model(name: str) -> None:
    with pytest.raises(InvalidRequest, match=f"name: '{name}' is the name of a model"):
        chosen_name(name, ROSTER)


@given(st.integers(0, 5), st.integers(0, 30))
def test_generated_names_count_up_past_those_that_are_taken(gap: int, count: int) -> None:
    taken = {f"ep-x-{n}" for n in range(2, 2 + gap)}

    names: list[str] = []
    for _ in range(count):
        names.append(generated_name("x", {*taken, *names}))

    assert names == ["ep-x", *(f"ep-x-{n}" for n in range(2 + gap, 1 + gap + count))][:count]


@pytest.mark.parametrize(("name", "expected"), [("qwen-2", 0.955), ("llama-1", 0.94), ("nobody-1", UNMEASURED_QUALITY)])
def test_live_traffic_sees_half_the_mistakes_of_the_benchmark(name: str, expected: float) -> None:
    assert live_quality(BOARD, name) == pytest.approx(expected)


def test_an_unmeasured_models_quality_is_assumed() -> None:
    assert live_quality(UNCURATED, "a-1") == UNMEASURED_QUALITY


FIELDS = {
    "due": DATE, "name": TEXT, "total": NUMBER, "n": {"type": "integer"}, "paid": {"type": "boolean"},
    "rows": {"type": "array"}, "more": {"type": "object"}, "any": {},
}  # fmt: skip


def test_extraction_endpoints_recommend_a_prompt_that_names_every_field() -> None:
    subject = task(FIELDS)
    subject.body["description"] = "Bills."  # type: ignore[index]

    assert recommended_prompt(subject) == (
        "Bills. Return one JSON object with these fields and nothing else: due (date as YYYY-MM-DD), name (text), "
        "total (number), n (whole number), paid (true or false), rows (list), more (object), any (text). "
        "Leave out what is not stated."
    )
    assert prompt_scaffold(subject) is None


def test_fields_are_those_of_the_gold_where_the_output_is_a_summary() -> None:
    subject = task({"summary": {"type": "object"}}, strategy="contract")
    subject.body.update(description="", gold_schema={"properties": {"total": NUMBER}})  # type: ignore[attr-defined]

    prompt = recommended_prompt(subject)

    assert prompt is not None
    assert "total (number)" in prompt
    assert "summary" not in prompt


def test_classifiers_have_a_scaffold_with_places_for_ones_own_labels() -> None:
    subject = classifier("refund", "other")

    scaffold = prompt_scaffold(subject)

    assert recommended_prompt(subject) is None
    assert scaffold is not None
    assert "<category 1>" in scaffold
    assert "refund" not in scaffold


def test_classifiers_without_labels_are_asked_for_their_field() -> None:
    subject = classifier()
    subject.body["description"] = ""  # type: ignore[index]

    assert "label (text)" in str(recommended_prompt(subject))
    assert prompt_scaffold(subject) is None


def test_other_tasks_have_no_prompt() -> None:
    subject = task(strategy="judge")

    assert recommended_prompt(subject) is prompt_scaffold(subject) is None


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (0.0, Failure("GPU pool exhausted", 1)),
        (0.34, Failure("GPU OOM", 3)),
        (0.67, Failure("out of memory", 3)),
        (0.999999, Failure("out of memory", 3)),
    ],
)
def test_what_a_deployment_fails_of(number: float, expected: Failure) -> None:
    assert failure(number) == expected
    assert 1 <= expected.stages <= len(STAGES)
