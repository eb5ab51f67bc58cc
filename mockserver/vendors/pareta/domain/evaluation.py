"""An eval run: every candidate answers every row, a real scorer scores it, and the bill is the exact sum."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from mockserver.vendors.pareta.domain.catalog import ModelKind
from mockserver.vendors.pareta.domain.drifting import noisy, normal_of
from mockserver.vendors.pareta.domain.exams import CLASSIFIERS, Answer, Exam
from mockserver.vendors.pareta.domain.intervals import Estimate, Tally, macro_f1_estimate, wilson
from mockserver.vendors.pareta.domain.predictions import Draw
from mockserver.vendors.pareta.domain.pricing import mean_half_up
from mockserver.vendors.pareta.domain.rows import EvalItem

MAX_ANSWERS_KEPT = 100_000
"""A run with more answers keeps none of them, only what they add up to.

Source: pareta/sdk "populated for runs that persist them" (that not all do: sdk; which: assumed).
"""

SLICE_US = 250_000
"""How much work is done at a time, by an estimate that does not depend on the machine."""

STAGES = ("queued", "running", "evaluating", "completed")
TERMINAL = frozenset({"completed", "failed"})

BLIND = "the model takes no documents"
NO_DOCUMENT = "no document is attached to this row"

_NOISE = 1 << 41
"""Numbers that come after any that writing and grading an answer take."""

_MACRO = frozenset({"macro_f1", "macro_joint_f1"})
_UNSCORED = "none"


@dataclass(frozen=True, slots=True)
class Contender:
    """A model taking part in a run.

    :param kind: `None` for `auto`, which is neither.
    :param quality: how often it is right, in [0, 1]: for all rows alike, or for each in order.
    :param prices_micro_usd: what each row costs with it, in order of the rows; one price for all of them when flat.
    :param is_blind: whether it cannot take the documents the rows are about, so that every row is an error.
    :param is_endpoint: whether it is a deployed endpoint, which must stay live.
    :param judge_noise: by how much judges are off about its answers: a standard deviation, likewise.
    """

    model_id: str
    kind: ModelKind | None
    quality: tuple[float, ...] | float
    prices_micro_usd: tuple[int, ...] | int
    is_blind: bool = False
    is_endpoint: bool = False
    judge_noise: tuple[float, ...] | float = 0.0

    def quality_of(self, idx: int) -> float:
        """Return how often it is right about a row."""
        return self.quality[idx] if isinstance(self.quality, tuple) else self.quality

    def noise_of(self, idx: int) -> float:
        """Return by how much judges are off about its answer to a row."""
        return self.judge_noise[idx] if isinstance(self.judge_noise, tuple) else self.judge_noise

    def price_of(self, idx: int) -> int:
        """Return what a row costs with it."""
        return self.prices_micro_usd if isinstance(self.prices_micro_usd, int) else self.prices_micro_usd[idx]


@dataclass(slots=True)
class Sheet:
    """What a candidate made of consecutive rows.

    :param start: index of the first.
    :param scores: `None` where nothing tells good from bad; an error scores 0.
    :param predictions: raw output, cut to a length fit for display; `None` for an error.
    :param errors: by index.
    :param tallies: how many rows add what to the set's macro F1, where that is the metric.
    :param latency_ms: how long all answers took together, where that is measured.
    """

    start: int
    scores: list[float | None] = field(default_factory=list)
    predictions: list[str | None] = field(default_factory=list)
    costs_micro_usd: list[int] = field(default_factory=list)
    errors: dict[int, str] = field(default_factory=dict)
    tallies: Counter[Tally] = field(default_factory=Counter)
    latency_ms: int | None = None


@dataclass(frozen=True, slots=True)
class CandidateResult:
    """How one candidate did over all rows; money in micro-USD.

    :param quality: `None` where nothing tells good from bad.
    :param exact_match: the share of exactly right labels in percent, for classifiers only.
    """

    model_id: str
    kind: ModelKind | None
    quality: Estimate | None
    mean_cost_micro_usd: int
    total_cost_micro_usd: int
    n_succeeded: int
    error_count: int
    exact_match: float | None
    mean_latency_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What is settled about a run when it is created, so that it comes out the same however it is carried out.

    :param labels: what a classifier may answer.
    :param rival_quality: of the model that judges compare with.
    :param ends: the rows are answered in slices, which end before these; each is little work.
    """

    contenders: tuple[Contender, ...]
    labels: tuple[str, ...]
    rival_quality: float
    ends: tuple[int, ...]


def next_stage(status: str) -> str:
    """Return the stage after one that is not terminal."""
    return STAGES[STAGES.index(status) + 1]


def estimate(contenders: Sequence[Contender], rows: int) -> int:
    """Return what a run will cost at most, in micro-USD."""
    return sum(
        contender.prices_micro_usd * rows
        if isinstance(contender.prices_micro_usd, int)
        else sum(contender.prices_micro_usd)
        for contender in contenders
        if not contender.is_blind
    )


def answered(
    items: Sequence[EvalItem],
    examine: Callable[[EvalItem], Exam],
    contenders: Sequence[tuple[Contender, Callable[[int], Draw]]],
    lacking: frozenset[int] = frozenset(),
) -> list[Sheet]:
    """Let every contender answer some consecutive rows, and score what they say.

    :param contenders: each with its numbers for the row of a given index.
    :param lacking: rows whose document is missing: nobody can answer those, and they cost nothing.
    """
    sheets = [Sheet(items[0].idx) for _ in contenders]
    for item in items:
        exam = examine(item)
        idx = item.idx
        for sheet, (contender, draws) in zip(sheets, contenders, strict=True):
            if contender.is_blind or idx in lacking:
                sheet.scores.append(0.0)
                sheet.predictions.append(None)
                sheet.costs_micro_usd.append(0)
                sheet.errors[idx] = BLIND if contender.is_blind else NO_DOCUMENT
                if missed := exam.missed():
                    sheet.tallies[missed] += 1
                continue
            answer = exam.answer(contender.quality_of(idx), draws(idx))
            sheet.scores.append(answer.score if not contender.judge_noise else _judged(answer, contender, draws, idx))
            sheet.predictions.append(answer.prediction)
            sheet.costs_micro_usd.append(contender.price_of(idx))
            if answer.tally:
                sheet.tallies[answer.tally] += 1
            if answer.latency_ms is not None:
                sheet.latency_ms = (sheet.latency_ms or 0) + answer.latency_ms
    return sheets


def _judged(answer: Answer, contender: Contender, draws: Callable[[int], Draw], idx: int) -> float | None:
    """Return the score of judges who are off."""
    noise = contender.noise_of(idx)
    if answer.score is None or not noise:
        return answer.score
    draw = draws(idx)
    return noisy(answer.score, noise, normal_of(draw(_NOISE), draw(_NOISE + 1)))


def slices(efforts_us: Iterable[tuple[int, int]], contenders: int) -> tuple[int, ...]:
    """Return where to cut a run's rows so that each part is little work; a part has at least one row.

    :param efforts_us: for each row, how long it takes to get ready and then for each contender.
    """
    ends: list[int] = []
    work = end = 0
    for end, (once, each) in enumerate(efforts_us):
        cost = once + each * contenders
        if work and work + cost > SLICE_US:
            ends.append(end)
            work = 0
        work += cost
    return (*ends, end + 1)


@dataclass(frozen=True, slots=True)
class Sum:
    """What a sheet adds up to."""

    rows: int
    score: float
    errors: int
    cost_micro_usd: int
    tallies: Counter[Tally]
    latency_ms: int | None = None


def result_of(contender: Contender, scorer: str, sums: Sequence[Sum]) -> CandidateResult:
    """Return how a candidate did on all rows, from what its sheets add up to, in order."""
    rows = sum(part.rows for part in sums)
    errors = sum(part.errors for part in sums)
    total = sum(part.cost_micro_usd for part in sums)
    score = sum(part.score for part in sums)
    latencies = [part.latency_ms for part in sums if part.latency_ms is not None]
    return CandidateResult(
        contender.model_id, contender.kind, _quality(scorer, rows, score, sums), mean_half_up(total, rows), total,
        rows - errors, errors, 100 * score / rows if scorer in CLASSIFIERS else None,
        mean_half_up(sum(latencies), rows - errors) if latencies else None,
    )  # fmt: skip


def _quality(scorer: str, rows: int, score: float, sums: Sequence[Sum]) -> Estimate | None:
    if scorer == _UNSCORED:
        return None
    if scorer in _MACRO:
        tallies: Counter[Tally] = Counter()
        for part in sums:
            tallies.update(part.tallies)
        return macro_f1_estimate(tallies, rows)
    return wilson(min(1.0, score / rows), rows)
