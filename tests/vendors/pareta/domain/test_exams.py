from __future__ import annotations

import json
import math
import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.vendors.pareta.domain.comparing import normalised
from mockserver.vendors.pareta.domain.exams import (
    MAX_PREDICTION_CHARACTERS,
    Exam,
    Rival,
    Run,
    effort_us,
    examiner,
    labels_among,
    retell,
    shown,
)
from mockserver.vendors.pareta.domain.intervals import wilson
from mockserver.vendors.pareta.domain.rows import EvalItem
from mockserver.vendors.pareta.domain.scoring import SCORERS
from mockserver.vendors.pareta.domain.statements import Database
from tests.vendors.pareta.domain.samples import always, classifier, draws_of, json_values, task

RIVAL = Rival(0.9, lambda idx: draws_of(f"rival/{idx}"))
SHOP = "CREATE TABLE t (id INTEGER, name TEXT, price REAL)"
SQL = "SELECT name FROM t WHERE price > 10 ORDER BY name"
GRADES = [3, 0, 2, 0, 1, 0, 0, 0]
TOLD = "The board met on Monday. It approved a budget of 40 million; the move was put off, and nobody objected."
SAID = "please call me back about their delivery of two boxes on friday"


def by_price(database: Database) -> Run:
    """A database engine that knows one kind of query: the text up to WHERE is the result, and errors contain `!`."""
    return lambda sql: None if "!" in sql else [sql.partition(" WHERE ")[0], *sql.partition("ORDER")[1:2]]


def exam(scorer: str, expected: Any, *, given: dict[str, Any] | None = None, labels: tuple[str, ...] = ()) -> Exam:
    open_database: Callable[[Database], Run] = by_price
    return examiner(task(scorer=scorer), labels, RIVAL, open_database)(EvalItem(4, given or {"schema": SHOP}, expected))


EXPECTED: dict[str, Any] = {
    "field_f1": {"a": "x y", "b": 5, "c": None},
    "macro_joint_f1": {"a": "x y", "b": 5},
    "exact_match": {"code": "J20.9"},
    "macro_f1": {"label": "refund"},
    "wer": {"text": SAID},
    "ndcg_at_10": {"relevance": GRADES},
    "execution_accuracy": {"sql": SQL},
    "judge_panel": {"response": TOLD},
}


@pytest.mark.parametrize("scorer", sorted(EXPECTED))
def test_a_flawless_candidate_is_right(scorer: str) -> None:
    answer = exam(scorer, EXPECTED[scorer], labels=("refund", "other")).answer(1.0, always(0.99))

    assert answer.score == 1
    if scorer != "ndcg_at_10":  # where any numbers in the right order are right
        assert json.loads(answer.prediction) == EXPECTED[scorer]


@pytest.mark.parametrize("scorer", sorted({*EXPECTED, "win_rate"}))
@given(expected=json_values, seed=st.integers(0, 10**6), quality=st.floats(0, 1))
def test_any_row_can_be_answered_and_scored_and_always_alike(
    scorer: str, expected: Any, seed: int, quality: float
) -> None:
    answers = [exam(scorer, expected, labels=("true", "x")).answer(quality, draws_of(seed)) for _ in range(2)]

    assert answers[0] == answers[1]
    assert answers[0].score is not None
    assert 0 <= answers[0].score <= 1
    assert len(answers[0].prediction) <= MAX_PREDICTION_CHARACTERS
    flawless = exam(scorer, expected).answer(1.0, draws_of(seed))
    assert flawless.score == (1 if scorer != "win_rate" else flawless.score)


@pytest.mark.parametrize("quality", [0.75, 0.92])
@pytest.mark.parametrize("scorer", sorted(EXPECTED))
def test_scores_are_the_quality_on_average_and_their_interval_covers_it(scorer: str, quality: float) -> None:
    row = exam(scorer, EXPECTED[scorer], labels=("refund", "other", "billing"))
    trials = 1500
    scores = [row.answer(quality, draws_of(f"{scorer}/{seed}")).score or 0.0 for seed in range(trials)]
    mean = sum(scores) / trials

    # Fields left out, and texts whose parts differ in length, make an average only roughly the quality.
    assert abs(mean - quality) < 0.05
    rng = random.Random(scorer)
    runs = 600
    covered = 0
    for _ in range(runs):
        estimate = wilson(sum(rng.choices(scores, k=60)) / 60, 60)
        covered += estimate.low <= mean <= estimate.high
    assert covered / runs >= 0.92


# Fields and labels


def test_fields_are_scored_by_what_was_said() -> None:
    numbers = {0: 0.99, 1: 0.1, 2: 0.5}
    answer = exam("macro_joint_f1", {"a": "x y", "b": 5, "c": "z"}).answer(0.9, numbers.__getitem__)

    assert json.loads(answer.prediction) == {"a": "y", "b": 5, "c": "z"}
    assert answer.score == pytest.approx(2 / 3)
    assert set(answer.tally) == {("a", 0, 2), ("b", 1, 2), ("c", 1, 2)}


def test_only_a_macro_metric_asks_for_a_tally() -> None:
    for scorer, expected in EXPECTED.items():
        row = exam(scorer, expected)
        answer = row.answer(0.0, always(0.5))
        assert bool(answer.tally) == bool(row.missed()) == scorer.startswith("macro")


def test_what_is_missed_counts_as_expected_and_not_given() -> None:
    assert set(exam("macro_joint_f1", {"a": 1, "b": None}).missed()) == {("a", 0, 1)}
    assert exam("macro_f1", {"label": "Refund "}).missed() == (("refund", 0, 1),)


def test_a_label_is_confused_with_one_that_may_be_given() -> None:
    row = exam("macro_f1", {"label": "refund"}, labels=("refund", "other"))
    answer = row.answer(0.5, always(0.8))

    assert json.loads(answer.prediction) == {"label": "other"}
    assert (answer.score, answer.tally) == (0, (("other", 0, 1), ("refund", 0, 1)))
    assert row.answer(0.5, always(0.2)).tally == (("refund", 1, 2),)


@pytest.mark.parametrize(
    ("own", "found", "labels"),
    [
        (("a", "b"), ["a", "b", "a"], ("a", "b")),
        (("a", "b"), ["a"], ("a", "b")),
        (("a", "b"), ["x", "y", "x", "y", "x"], ("x", "y")),
        ((), ["x", "y", "x", "y"], ("x", "y")),
        ((), ["u", "v", "w", "x", "y"], ()),
        ((), ["x", "x"], ()),
        (("a", "b"), ["x", "x"], ("a", "b")),
        (("a", "b"), [1, None], ("a", "b")),
    ],
)
def test_labels_are_the_tasks_own_or_those_that_recur_in_the_set(
    own: tuple[str, ...], found: list[Any], labels: tuple[str, ...]
) -> None:
    items = [EvalItem(n, {}, {"label": label}) for n, label in enumerate(found)]

    assert labels_among(classifier(*own), items) == labels
    assert labels_among(task(), items) == ()


# SQL


def test_wrong_sql_runs_with_another_result_if_it_can() -> None:
    predictions = []
    for seed in range(60):
        answer = exam("execution_accuracy", {"sql": SQL}).answer(0.0, draws_of(seed))
        assert answer.score == 0
        predictions.append(json.loads(answer.prediction)["sql"])

    assert len(set(predictions)) > 2
    for sql in predictions:
        assert by_price(Database(()))(sql) != by_price(Database(()))(SQL)


@pytest.mark.parametrize(
    ("engine", "score"),
    [
        (lambda database: lambda sql: ["the same"], 1.0),
        (lambda database: lambda sql: ["right"] if sql == SQL else None, 0.0),
        (lambda database: lambda sql: None, 0.0),
    ],
    ids=["any statement is as good", "no other runs", "none runs"],
)
def test_sql_is_judged_by_its_result_or_as_text_where_there_is_none(engine: Any, score: float) -> None:
    row = examiner(task(scorer="execution_accuracy"), (), RIVAL, engine)(EvalItem(0, {"schema": SHOP}, {"sql": SQL}))

    answer = row.answer(0.5, always(0.7))

    assert json.loads(answer.prediction)["sql"] != SQL
    assert answer.score == score
    assert row.answer(0.5, always(0.3)).score == 1


@pytest.mark.parametrize(
    ("given", "sql"),
    [({}, SQL), ({"schema": SHOP}, "SELECT date('now')"), ({"schema": SHOP}, "SELECT random() FROM t")],
)
def test_sql_without_a_database_or_a_lasting_result_is_compared_as_text(given: dict[str, Any], sql: str) -> None:
    def never(database: Database) -> Run:
        raise AssertionError("nothing is to be run")

    row = examiner(task(scorer="execution_accuracy"), (), RIVAL, never)(EvalItem(0, given or {"question": "?"}, sql))

    assert row.answer(0.0, always(0.5)).score == 0
    assert row.answer(1.0, always(0.5)).score == 1


def test_a_statement_that_cannot_be_told_wrong_stays_as_it_is() -> None:
    row = exam("execution_accuracy", "!")

    assert row.answer(0.0, always(0.0)).prediction in ("SELECT", "!")


# Judges


def test_the_rival_ties_with_itself() -> None:
    row = exam("win_rate", {"response": TOLD})

    assert row.answer(RIVAL.quality, RIVAL.draws(4)).score == 0.5


@pytest.mark.parametrize(("quality", "low", "high"), [(0.3, 0.0, 0.2), (0.9, 0.4, 0.6), (1.0, 0.6, 1.0)])
def test_a_better_candidate_wins_more(quality: float, low: float, high: float) -> None:
    make = examiner(task(scorer="win_rate"), (), Rival(0.9, lambda idx: draws_of(f"r{idx}")), by_price)
    rows = [make(EvalItem(n, {}, {"response": TOLD})) for n in range(300)]
    won = [row.answer(quality, draws_of(n)).score or 0.0 for n, row in enumerate(rows)]

    assert low <= sum(won) / 300 <= high


def test_what_is_told_flawlessly_is_the_very_answer() -> None:
    value = {"response": TOLD, "score": 5, "tags": ["a"], "more": {"note": "x y"}}

    assert retell(value, 1.0, always(0.9)) is value
    told = retell(value, 0.0, always(0.9))
    assert told.keys() == value.keys()
    assert all(normalised(told[name]) != normalised(value[name]) for name in value)


def test_texts_of_one_answer_go_wrong_each_by_itself() -> None:
    value = {"a": TOLD, "b": TOLD}
    told = [retell(value, 0.7, draws_of(seed)) for seed in range(50)]

    assert any(answer["a"] != answer["b"] for answer in told)


# What nothing can grade


def test_speech_has_no_score_but_a_latency_that_grows_with_the_text() -> None:
    short, long = (
        examiner(task(scorer="none"), (), RIVAL, by_price)(EvalItem(0, {"text": "word " * n, "speed": 2}, {}))
        for n in (2, 200)
    )
    answers = [short.answer(0.9, draws_of(seed)) for seed in range(300)]
    latencies = sorted(answer.latency_ms or 0 for answer in answers)

    assert {answer.score for answer in answers} == {None}
    assert abs(latencies[150] - (250 + 80)) < 30, "half of all take longer"
    assert short.missed() == ()
    assert (long.answer(0.9, draws_of(1)).latency_ms or 0) > 3 * (short.answer(0.9, draws_of(1)).latency_ms or 0)


def test_every_kind_of_exam_has_a_scorer_for_single_answers() -> None:
    for scorer in SCORERS:
        assert exam(scorer, "x").answer(1.0, always(0.5)).score in (1.0, 0.5, None)
        assert math.isfinite(sum(effort_us(scorer, EvalItem(0, {}, {"a": "x" * 100}))))
    with pytest.raises(KeyError):
        exam("unheard_of", "x")


def test_more_to_compare_is_more_work() -> None:
    short, long = EvalItem(0, {}, "x"), EvalItem(0, {}, "word " * 5000)

    for scorer in ("wer", "judge_panel", "field_f1"):
        assert effort_us(scorer, long)[1] > 10 * effort_us(scorer, short)[1]
    assert effort_us("execution_accuracy", short)[0] > 10 * effort_us("field_f1", short)[0]


@pytest.mark.parametrize(
    ("prediction", "text"),
    [("pl\u00e4in", "pl\u00e4in"), ({"a": "\u00fc"}, '{"a": "\u00fc"}'), (5, "5"), ("x" * 3000, "x" * 2000)],
)
def test_predictions_are_shown_raw_and_cut(prediction: Any, text: str) -> None:
    assert shown(prediction) == text


def test_answers_keep_the_shape_of_what_is_expected() -> None:
    assert exam("wer", SAID).answer(1.0, always(0)).prediction == SAID
    assert json.loads(exam("wer", {"lang": 5, "text": SAID}).answer(1.0, always(0)).prediction)["lang"] == 5
    assert json.loads(exam("ndcg_at_10", GRADES).answer(1.0, always(0)).prediction)[0] > 0.8
    assert json.loads(exam("ndcg_at_10", {"0": 1, "1": 0}).answer(1.0, always(0)).prediction) == [0.666667, 0.333333]
