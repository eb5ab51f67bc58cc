from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.vendors.pareta.domain.catalog import Task
from mockserver.vendors.pareta.domain.evaluation import (
    BLIND,
    NO_DOCUMENT,
    SLICE_US,
    TERMINAL,
    CandidateResult,
    Contender,
    Sheet,
    Sum,
    answered,
    estimate,
    next_stage,
    result_of,
    slices,
)
from mockserver.vendors.pareta.domain.exams import Rival, Run, examiner
from mockserver.vendors.pareta.domain.intervals import Estimate, wilson
from mockserver.vendors.pareta.domain.predictions import Draw
from mockserver.vendors.pareta.domain.rows import EvalItem
from mockserver.vendors.pareta.domain.statements import Database
from tests.vendors.pareta.domain.samples import classifier, draws_of, task


def draws(idx: int) -> Draw:
    return draws_of(idx)


def nothing_runs(database: Database) -> Run:
    return lambda sql: None


def summed(sheet: Sheet) -> Sum:
    return Sum(
        len(sheet.scores), sum(score or 0.0 for score in sheet.scores), len(sheet.errors),
        sum(sheet.costs_micro_usd), sheet.tallies, sheet.latency_ms,
    )  # fmt: skip


def evaluated(
    contender: Contender, subject: Task, items: Sequence[EvalItem], lacking: frozenset[int] = frozenset()
) -> tuple[CandidateResult, Sheet]:
    labels = tuple(subject.output_fields.get("label", {}).get("enum", ()))
    examine = examiner(subject, labels, Rival(0.9, draws), nothing_runs)
    (sheet,) = answered(items, examine, [(contender, draws)], lacking)
    return result_of(contender, subject.default_scorer, [summed(sheet)]), sheet


def test_a_run_goes_through_its_stages_to_the_end() -> None:
    stages = ["queued"]
    while stages[-1] not in TERMINAL:
        stages.append(next_stage(stages[-1]))

    assert stages == ["queued", "running", "evaluating", "completed"]


def test_the_estimate_is_the_sum_over_candidates_and_rows() -> None:
    contenders = [
        Contender("a", "open", 1.0, 63),
        Contender("b", "frontier", 1.0, (700,) * 87),
        Contender("blind", "frontier", 1.0, 6000, is_blind=True),
    ]

    assert estimate(contenders, 87) == 87 * 763
    assert estimate([], 87) == 0


def test_money_adds_up_and_the_mean_rounds_half_up() -> None:
    items = [EvalItem(n, {}, {"a": "x"}) for n in range(4)]

    result, sheet = evaluated(Contender("auto", None, 0.9, (1, 2, 3, 4)), task(), items)

    assert result.total_cost_micro_usd == 10
    assert result.mean_cost_micro_usd == 3
    assert sheet.costs_micro_usd == [1, 2, 3, 4]
    assert (result.n_succeeded, result.error_count) == (4, 0)
    assert (result.model_id, result.kind) == ("auto", None)


def test_a_flawless_candidate_gets_everything_right() -> None:
    items = [EvalItem(n, {}, {"a": f"x{n}"}) for n in range(5)]

    result, sheet = evaluated(Contender("m", "open", 1.0, 1), task(), items)

    assert result.quality == wilson(1.0, 5)
    assert sheet.predictions == [json.dumps({"a": f"x{n}"}) for n in range(5)]
    assert result.exact_match is None


def test_quality_of_an_extraction_is_the_mean_of_the_rows_scores() -> None:
    items = [EvalItem(n, {}, {"a": "x y", "b": "z w"}) for n in range(40)]

    result, sheet = evaluated(Contender("m", "open", 0.6, 1), task(), items)

    assert result.quality is not None
    assert 0 < result.quality.mean < 1
    assert result.quality.mean == pytest.approx(sum(score or 0.0 for score in sheet.scores) / 40)
    assert result.quality.low < result.quality.mean < result.quality.high


def test_quality_of_a_classifier_is_macro_f1_with_the_share_of_exact_labels_beside_it() -> None:
    labels = ("refund", "billing", "other")
    wanted = ["refund"] * 20 + ["billing"] * 5
    items = [EvalItem(n, {}, {"label": label}) for n, label in enumerate(wanted)]

    result, sheet = evaluated(Contender("m", "open", 0.7, 1), classifier(*labels), items)

    given = [json.loads(prediction or "")["label"] for prediction in sheet.predictions]
    hits = Counter(g for g, w in zip(given, wanted, strict=True) if g == w)
    f1s = [2 * hits[label] / (given.count(label) + wanted.count(label)) for label in {*given, *wanted}]
    assert set(given) <= set(labels)
    assert result.quality is not None
    assert result.quality.mean == pytest.approx(sum(f1s) / len(f1s))
    assert result.exact_match == pytest.approx(100 * hits.total() / 25)
    assert result.exact_match != 100 * result.quality.mean


def test_quality_of_a_joint_extraction_is_the_mean_of_the_fields_f1() -> None:
    items = [EvalItem(n, {}, {"a": f"x{n}", "b": n}) for n in range(30)]

    result, sheet = evaluated(Contender("m", "open", 0.7, 1), task(scorer="macro_joint_f1"), items)

    given = [json.loads(prediction or "") for prediction in sheet.predictions]
    f1s = []
    for name in ("a", "b"):
        hits = sum(answer.get(name) == item.expected[name] for answer, item in zip(given, items, strict=True))
        f1s.append(2 * hits / (sum(name in answer for answer in given) + 30))
    assert result.quality is not None
    assert result.quality.mean == pytest.approx(sum(f1s) / 2)
    assert result.exact_match is None


@given(st.integers(1, 39))
def test_answers_do_not_depend_on_prices_on_the_other_rows_or_candidates_or_on_the_slices(cut: int) -> None:
    items = [EvalItem(n, {}, {"a": "x y", "b": "z w"}) for n in range(40)]
    contender = Contender("m", "open", 0.5, 1)
    whole, sheet = evaluated(contender, task(scorer="macro_joint_f1"), items)
    examine = examiner(task(scorer="macro_joint_f1"), (), Rival(0.9, draws), nothing_runs)
    others = [
        (Contender("n", "open", 0.9, 5), lambda idx: draws_of(-idx)),
        (replace(contender, prices_micro_usd=1), draws),
    ]

    parts = [answered(part, examine, others)[1] for part in (items[:cut], items[cut:])]

    assert [part.start for part in parts] == [0, cut]
    assert [p for part in parts for p in part.predictions] == sheet.predictions
    assert result_of(contender, "macro_joint_f1", [summed(part) for part in parts]) == whole


# Errors


def test_a_row_without_its_document_is_an_error_for_everybody() -> None:
    items = [EvalItem(n, {}, {"a": f"x{n}"}) for n in range(4)]

    result, sheet = evaluated(Contender("m", "open", 1.0, 7), task(blob=True), items, frozenset({1, 3}))

    assert sheet.scores == [1.0, 0.0, 1.0, 0.0]
    assert sheet.predictions[1] is None
    assert sheet.costs_micro_usd == [7, 0, 7, 0]
    assert sheet.errors == {1: NO_DOCUMENT, 3: NO_DOCUMENT}
    assert (result.n_succeeded, result.error_count) == (2, 2)
    assert (result.total_cost_micro_usd, result.mean_cost_micro_usd) == (14, 4)
    assert result.quality == wilson(0.5, 4)


@pytest.mark.parametrize("scorer", ["field_f1", "macro_joint_f1", "macro_f1", "exact_match", "judge_panel"])
def test_a_candidate_that_cannot_see_fails_on_every_row_and_costs_nothing(scorer: str) -> None:
    items = [EvalItem(n, {}, {"a": "x"}) for n in range(10)]

    result, sheet = evaluated(Contender("m", "frontier", 0.9, 700, is_blind=True), task(scorer=scorer), items)

    assert (result.n_succeeded, result.error_count, result.total_cost_micro_usd) == (0, 10, 0)
    assert result.quality is not None
    assert (result.quality.mean, result.quality.low) == (0, 0)
    assert result.exact_match == (0 if scorer in ("macro_f1", "exact_match") else None)
    assert set(sheet.errors.values()) == {BLIND}
    assert sheet.scores == [0.0] * 10


def test_an_error_is_a_label_missed() -> None:
    items = [EvalItem(n, {}, {"label": "refund" if n else "other"}) for n in range(3)]

    result, sheet = evaluated(Contender("m", "open", 1.0, 1), classifier("refund", "other"), items, frozenset({1}))

    assert result.quality is not None
    assert result.quality.mean == pytest.approx((2 / 3 + 1) / 2)
    assert result.exact_match == pytest.approx(200 / 3)
    assert sheet.tallies == {(("refund", 0, 1),): 1, (("refund", 1, 2),): 1, (("other", 1, 2),): 1}


# What nothing can grade


def test_speech_has_a_latency_and_no_quality() -> None:
    items = [EvalItem(n, {"text": "hello"}, {}) for n in range(5)]

    result, sheet = evaluated(Contender("m", "open", 0.9, 3), task(scorer="none"), items, frozenset({2}))

    assert result.quality is None
    assert result.exact_match is None
    assert sheet.latency_ms is not None
    assert result.mean_latency_ms == (2 * sheet.latency_ms + 4) // 8
    assert sheet.scores == [None, None, 0.0, None, None]


def test_nothing_takes_time_where_nothing_was_said() -> None:
    items = [EvalItem(0, {"text": "hello"}, {})]

    assert (
        evaluated(Contender("m", "open", 0.9, 3, is_blind=True), task(scorer="none"), items)[0].mean_latency_ms is None
    )
    assert evaluated(Contender("m", "open", 0.9, 3), task(), items)[0].mean_latency_ms is None


def test_a_macro_mean_of_nothing_misses_nothing() -> None:
    items = [EvalItem(n, {}, {}) for n in range(3)]

    assert evaluated(Contender("m", "open", 0.5, 1), task(scorer="macro_joint_f1"), items)[0].quality == wilson(1.0, 3)


# Slices


@given(st.lists(st.tuples(st.integers(0, SLICE_US), st.integers(0, SLICE_US)), min_size=1), st.integers(1, 50))
def test_rows_are_cut_into_slices_of_little_work(efforts: list[tuple[int, int]], contenders: int) -> None:
    ends = slices(efforts, contenders)

    assert ends[-1] == len(efforts)
    assert list(ends) == sorted(set(ends))
    starts = (0, *ends[:-1])
    work = [sum(once + each * contenders for once, each in efforts[a:b]) for a, b in zip(starts, ends, strict=True)]
    for (a, b), one, after in zip(zip(starts, ends, strict=True), work, [*work[1:], SLICE_US * 100], strict=True):
        assert b > a
        assert one <= SLICE_US or sum(1 for once, each in efforts[a:b] if once + each * contenders) == 1
        assert after > 0


def test_a_small_run_is_one_slice() -> None:
    assert slices([(10, 10)] * 1000, 5) == (1000,)
    assert len(slices([(10, 10)] * 10_000, 10)) > 2


def many(make: Callable[[int], Any], count: int) -> list[EvalItem]:
    return [EvalItem(n, {}, make(n)) for n in range(count)]


def test_a_run_of_one_row_has_a_result() -> None:
    result, _ = evaluated(Contender("m", "open", 1.0, 5), task(), many(lambda n: {"a": n}, 1))

    assert result.quality == Estimate(1.0, wilson(1.0, 1).low, 1.0)
    assert (result.n_succeeded, result.total_cost_micro_usd, result.mean_cost_micro_usd) == (1, 5, 5)


def test_rows_may_differ_in_how_well_they_are_answered() -> None:
    items = many(lambda n: {"a": f"value {n}"}, 40)
    qualities = tuple(1.0 if n % 2 else 0.0 for n in range(40))

    _, sheet = evaluated(Contender("m", "open", qualities, 1), task(), items)

    assert sheet.scores == list(qualities)


def test_judges_may_be_off_about_some_rows() -> None:
    items = many(lambda n: {"a": f"One thing is {n}. Another is not."}, 40)
    noise = tuple(0.0 if n % 2 else 0.3 for n in range(40))
    judged = task(scorer="judge_panel")

    _, exact = evaluated(Contender("m", "open", 0.7, 1), judged, items)
    _, noisy = evaluated(Contender("m", "open", 0.7, 1, judge_noise=noise), judged, items)

    assert noisy.predictions == exact.predictions
    differing = [n for n, (one, other) in enumerate(zip(exact.scores, noisy.scores, strict=True)) if one != other]
    assert len(differing) > 5
    assert all(n % 2 == 0 for n in differing)
    assert all(score is not None and 0 <= score <= 1 for score in noisy.scores)


def test_nobody_is_off_about_what_nobody_can_judge() -> None:
    items = many(lambda n: {"audio": "x"}, 3)

    _, sheet = evaluated(Contender("m", "open", 0.9, 3, judge_noise=0.5), task(scorer="none"), items)

    assert sheet.scores == [None] * 3
