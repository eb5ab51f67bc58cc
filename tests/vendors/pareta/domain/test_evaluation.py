from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from mockserver.vendors.pareta.domain.evaluation import (
    MAX_PREDICTION_CHARACTERS,
    TERMINAL,
    Contender,
    estimate,
    evaluate,
    next_stage,
)
from mockserver.vendors.pareta.domain.predictions import Roll
from mockserver.vendors.pareta.domain.rows import EvalItem
from mockserver.vendors.pareta.domain.scoring import macro_f1, wilson
from tests.vendors.pareta.domain.samples import classifier, rolls_of, task


def rolls(idx: int) -> Roll:
    return rolls_of(idx)


def test_a_run_goes_through_its_stages_to_the_end() -> None:
    stages = ["queued"]
    while stages[-1] not in TERMINAL:
        stages.append(next_stage(stages[-1]))

    assert stages == ["queued", "running", "evaluating", "completed"]


def test_the_estimate_is_the_sum_over_candidates_and_rows() -> None:
    contenders = [Contender("a", "open", 1.0, (63,) * 87), Contender("b", "frontier", 1.0, (700,) * 87)]

    assert estimate(contenders) == 87 * 763
    assert estimate([]) == 0


def test_money_adds_up_and_the_mean_rounds_half_up() -> None:
    items = [EvalItem(n, {}, {"a": "x"}) for n in range(4)]

    result = evaluate(Contender("auto", None, 0.9, (1, 2, 3, 4)), task(), items, rolls)

    assert result.total_cost_micro_usd == 10
    assert result.mean_cost_micro_usd == 3
    assert [item.cost_micro_usd for item in result.items] == [1, 2, 3, 4]
    assert (result.n_succeeded, result.error_count) == (4, 0)
    assert (result.model_id, result.kind) == ("auto", None)


def test_a_flawless_candidate_gets_everything_right() -> None:
    items = [EvalItem(n, {}, {"a": f"x{n}"}) for n in range(5)]

    result = evaluate(Contender("m", "open", 1.0, (1,) * 5), task(), items, rolls)

    assert (result.quality_mean, result.quality_ci_low, result.quality_ci_high) == (
        1.0, wilson(1.0, 5).low, 1.0,
    )  # fmt: skip
    assert [item.prediction for item in result.items] == [json.dumps({"a": f"x{n}"}) for n in range(5)]
    assert result.exact_match is None


def test_quality_of_an_extraction_is_the_mean_of_the_rows_scores() -> None:
    items = [EvalItem(n, {}, {"a": "x y", "b": "z w"}) for n in range(40)]

    result = evaluate(Contender("m", "open", 0.6, (1,) * 40), task(), items, rolls)

    assert 0 < result.quality_mean < 1
    assert result.quality_mean == pytest.approx(sum(item.score for item in result.items) / 40)
    assert result.quality_ci_low < result.quality_mean < result.quality_ci_high


def test_quality_of_a_classifier_is_macro_f1_with_the_share_of_exact_labels_beside_it() -> None:
    labels = ("refund", "billing", "other")
    wanted = ["refund"] * 20 + ["billing"] * 5
    items = [EvalItem(n, {}, {"label": label}) for n, label in enumerate(wanted)]

    result = evaluate(Contender("m", "open", 0.7, (1,) * 25), classifier(*labels), items, rolls)

    given = [json.loads(item.prediction)["label"] for item in result.items]
    assert set(given) <= set(labels)
    assert result.quality_mean == pytest.approx(macro_f1(given, wanted))
    assert result.exact_match == pytest.approx(100 * sum(map(str.__eq__, given, wanted)) / 25)
    assert result.exact_match != 100 * result.quality_mean


def test_a_candidates_answers_do_not_depend_on_its_price_or_the_other_rows() -> None:
    items = [EvalItem(n, {}, {"a": "x y", "b": "z w"}) for n in range(10)]
    contender = Contender("m", "open", 0.5, (1,) * 10)

    whole = evaluate(contender, task(), items, rolls)
    part = evaluate(replace(contender, prices_micro_usd=(9,) * 5), task(), items[5:], rolls)

    assert [item.prediction for item in part.items] == [item.prediction for item in whole.items[5:]]


@pytest.mark.parametrize(
    ("expected", "text"),
    [("pl\u00e4in", "pl\u00e4in"), ({"a": "\u00fc"}, '{"a": "\u00fc"}'), (5, "5"), ("x" * 3000, "x" * 2000)],
)
def test_predictions_are_shown_raw_and_cut(expected: Any, text: str) -> None:
    result = evaluate(Contender("m", "open", 1.0, (1,)), task(), [EvalItem(0, {}, expected)], rolls)

    assert result.items[0].prediction == text
    assert len(result.items[0].prediction) <= MAX_PREDICTION_CHARACTERS
