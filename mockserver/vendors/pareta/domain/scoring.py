"""Scorers of one answer by itself: how near it comes to what was expected, in [0, 1]."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mockserver.vendors.pareta.domain.comparing import bare, f1_of, field_tally, fields_of, normalised
from mockserver.vendors.pareta.domain.panel import verdicts, words_in
from mockserver.vendors.pareta.domain.rankings import ndcg_at_10
from mockserver.vendors.pareta.domain.statements import canonical, sql_of
from mockserver.vendors.pareta.domain.word_errors import word_accuracy


def exact_match(prediction: Any, expected: Any) -> float:
    """Return 1 when the two are the same after normalising, else 0."""
    return float(prediction is expected or normalised(bare(prediction)) == normalised(bare(expected)))


def field_f1(prediction: Any, expected: Any) -> float:
    """Return the F1 of a prediction's fields: precision over those given, recall over those expected.

    A field whose value is null counts as not given. Nothing expected and nothing given is a full score.

    Source: pareta/catalog "field_f1" (name: documented; matching of values: assumed).
    """
    return f1_of(field_tally(fields_of(prediction), fields_of(expected)))


def statement_match(prediction: Any, expected: Any) -> float:
    """Return 1 when two answers hold the same SQL, spaces and the case of names apart."""
    return float(canonical(sql_of(prediction)) == canonical(sql_of(expected)))


def likeness(prediction: Any, expected: Any) -> float:
    """Return the panel's view of an answer beside a reference, without doubt."""
    seen = verdicts(words_in(prediction), words_in(expected))
    return sum(seen) / len(seen)


SCORERS: Mapping[str, Callable[[Any, Any], float]] = {
    "field_f1": field_f1,
    "macro_joint_f1": field_f1,
    "exact_match": exact_match,
    "macro_f1": exact_match,
    "wer": word_accuracy,
    "ndcg_at_10": ndcg_at_10,
    "execution_accuracy": statement_match,
    "judge_panel": likeness,
    "win_rate": likeness,
    "none": likeness,
}
"""By a task's `default_scorer`: scores one answer by itself, as the judge of live answers does."""
