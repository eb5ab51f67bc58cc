"""An eval run: every candidate answers every row, a real scorer scores it, and the bill is the exact sum."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from mockserver.vendors.pareta.domain.catalog import ModelKind, Task
from mockserver.vendors.pareta.domain.generation import labels_of
from mockserver.vendors.pareta.domain.predictions import Roll, predict
from mockserver.vendors.pareta.domain.pricing import mean_half_up
from mockserver.vendors.pareta.domain.rows import EvalItem
from mockserver.vendors.pareta.domain.scoring import CLASSIFICATION_SCORERS, SCORERS, exact_match, headline

MAX_PREDICTION_CHARACTERS = 2_000
"""Source: pareta/evals "truncated by the server" (that it is: documented; where: assumed)."""

STAGES = ("queued", "running", "evaluating", "completed")
TERMINAL = frozenset({"completed", "failed"})


@dataclass(frozen=True, slots=True)
class Contender:
    """A model taking part in a run.

    :param kind: `None` for `auto`, which is neither.
    :param prices_micro_usd: what each row costs with it, in order of the rows.
    """

    model_id: str
    kind: ModelKind | None
    quality: float
    prices_micro_usd: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ScoredItem:
    """What a candidate made of one row.

    :param prediction: its raw output, cut to a length fit for display.
    """

    idx: int
    score: float
    prediction: str
    cost_micro_usd: int


@dataclass(frozen=True, slots=True)
class CandidateResult:
    """How one candidate did over all rows; quality in [0, 1] with a 95% interval, money in micro-USD."""

    model_id: str
    kind: ModelKind | None
    quality_mean: float
    quality_ci_low: float
    quality_ci_high: float
    mean_cost_micro_usd: int
    total_cost_micro_usd: int
    n_succeeded: int
    error_count: int
    exact_match: float | None
    items: tuple[ScoredItem, ...]


def next_stage(status: str) -> str:
    """Return the stage after one that is not terminal."""
    return STAGES[STAGES.index(status) + 1]


def estimate(contenders: Sequence[Contender]) -> int:
    """Return what a run will cost at most, in micro-USD."""
    return sum(sum(contender.prices_micro_usd) for contender in contenders)


def evaluate(
    contender: Contender, task: Task, items: Sequence[EvalItem], rolls: Callable[[int], Roll]
) -> CandidateResult:
    """Let one candidate answer every row and score what it says.

    :param rolls: the draws for the row with a given index.
    """
    scorer = SCORERS[task.default_scorer]
    labels = labels_of(task)
    predictions: list[Any] = []
    scored: list[ScoredItem] = []
    for item, price in zip(items, contender.prices_micro_usd, strict=True):
        prediction = predict(item.expected, contender.quality, rolls(item.idx), labels)
        predictions.append(prediction)
        scored.append(ScoredItem(item.idx, scorer(prediction, item.expected), _text(prediction), price))
    expected = [item.expected for item in items]
    quality = headline(task.default_scorer, predictions, expected, [item.score for item in scored])
    total = sum(item.cost_micro_usd for item in scored)
    return CandidateResult(
        contender.model_id, contender.kind, quality.mean, quality.low, quality.high,
        mean_half_up(total, len(scored)), total, len(scored), 0, _exact(task, predictions, expected), tuple(scored),
    )  # fmt: skip


def _exact(task: Task, predictions: Sequence[Any], expected: Sequence[Any]) -> float | None:
    """Return the share of exactly right labels in percent, for classifiers only."""
    if task.default_scorer not in CLASSIFICATION_SCORERS:
        return None
    return 100 * sum(map(exact_match, predictions, expected)) / len(expected)


def _text(prediction: Any) -> str:
    text = prediction if isinstance(prediction, str) else json.dumps(prediction, ensure_ascii=False)
    return text[:MAX_PREDICTION_CHARACTERS]
