"""Scorers: how near a prediction comes to what was expected, in [0, 1], and how sure a mean of scores is."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# The two-sided 95% quantile of the normal distribution.
_Z95 = 1.959963984540054
_WORD = re.compile(r"\w+")

Scorer = Callable[[Any, Any], float]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean score with its 95% interval: `low <= mean <= high`, all in [0, 1]."""

    mean: float
    low: float
    high: float


def wilson(mean: float, count: int) -> Estimate:
    """Return the Wilson score interval around a mean of `count` scores in [0, 1].

    Exact scores of 0 and 1 make it the binomial interval; partial scores vary less than those, so it then covers
    at least as often. Without scores nothing is known: [0, 1].

    Source: Wilson (1927), "Probable inference, the law of succession, and statistical inference", JASA 22.
    """
    if not count:
        return Estimate(0.0, 0.0, 1.0)
    square = _Z95 * _Z95
    centre = (mean + square / (2 * count)) / (1 + square / count)
    half = _Z95 * math.sqrt(mean * (1 - mean) / count + square / (4 * count * count)) / (1 + square / count)
    return Estimate(mean, max(0.0, min(mean, centre - half)), min(1.0, max(mean, centre + half)))


def normalised(value: Any) -> str:
    """Return a value as comparable text: letter case, spaces and the form of numbers do not matter."""
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    if isinstance(value, int | float):
        return f"{value:.12g}"
    if isinstance(value, str):
        return " ".join(value.split()).casefold()
    if isinstance(value, Mapping):
        return json.dumps({key: normalised(part) for key, part in value.items()}, sort_keys=True)
    return json.dumps([normalised(part) for part in value])


def field_f1(prediction: Any, expected: Any) -> float:
    """Return the F1 of a prediction's fields: precision over those given, recall over those expected.

    A field whose value is null counts as not given. Nothing expected and nothing given is a full score.

    Source: pareta/catalog "field_f1" (name: documented; matching of values: assumed).
    """
    given, wanted = _fields(prediction), _fields(expected)
    if not given and not wanted:
        return 1.0
    right = sum(1 for name, value in given.items() if wanted.get(name) == value)
    return 2 * right / (len(given) + len(wanted))


def _fields(value: Any) -> dict[str, str]:
    if not isinstance(value, Mapping):
        return {} if value is None else {"": normalised(value)}
    return {name: normalised(part) for name, part in value.items() if part is not None}


def exact_match(prediction: Any, expected: Any) -> float:
    """Return 1 when the two are the same after normalising, else 0."""
    return float(normalised(_bare(prediction)) == normalised(_bare(expected)))


def _bare(value: Any) -> Any:
    """Return what a one-field object holds, so that `{"label": "x"}` and `"x"` compare alike."""
    return next(iter(value.values())) if isinstance(value, Mapping) and len(value) == 1 else value


def token_f1(prediction: Any, expected: Any) -> float:
    """Return the F1 of the words two texts share: how a judge without a rubric tells like from unlike.

    Source: pareta/catalog "judge panel" (the panel's rubric is not published: assumed).
    """
    given = Counter(_WORD.findall(normalised(_bare(prediction))))
    wanted = Counter(_WORD.findall(normalised(_bare(expected))))
    if not given and not wanted:
        return 1.0
    return 2 * (given & wanted).total() / (given.total() + wanted.total())


def word_accuracy(prediction: Any, expected: Any) -> float:
    """Return 1 - word error rate (edits per expected word), not below 0.

    Source: pareta/catalog "WER" (metric: documented; reported as 1 - WER: assumed).
    """
    given = normalised(_bare(prediction)).split()
    wanted = normalised(_bare(expected)).split()
    words = len(wanted)
    while given and wanted and given[-1] == wanted[-1]:  # what is alike at an end needs no edit
        del given[-1], wanted[-1]
    start = next(
        (n for n, (g, w) in enumerate(zip(given, wanted, strict=False)) if g != w), min(len(given), len(wanted))
    )
    del given[:start], wanted[:start]
    row = list(range(len(wanted) + 1))
    for i, word in enumerate(given, 1):
        diagonal, row[0] = row[0], i
        for j, other in enumerate(wanted, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (word != other))
    return max(0.0, 1 - row[-1] / max(1, words))


def macro_f1(predictions: Sequence[Any], expected: Sequence[Any]) -> float:
    """Return the mean over all labels of each label's F1.

    Source: pareta/evals "classification headline is macro-F1 over the set" (documented).
    """
    given = [normalised(_bare(value)) for value in predictions]
    wanted = [normalised(_bare(value)) for value in expected]
    labels = sorted({*given, *wanted})
    counts_given, counts_wanted = Counter(given), Counter(wanted)
    hits = Counter(g for g, w in zip(given, wanted, strict=True) if g == w)
    return sum(2 * hits[x] / (counts_given[x] + counts_wanted[x]) for x in labels) / len(labels) if labels else 0.0


SCORERS: Mapping[str, Scorer] = {
    "field_f1": field_f1,
    "macro_joint_f1": field_f1,
    "exact_match": exact_match,
    "macro_f1": exact_match,
    "judge_panel": token_f1,
    "wer": word_accuracy,
}
"""Scores one row, by the task's `default_scorer`; a macro score is taken over the set afterwards."""

CLASSIFICATION_SCORERS = frozenset({"macro_f1", "exact_match"})


def headline(scorer: str, predictions: Sequence[Any], expected: Sequence[Any], scores: Sequence[float]) -> Estimate:
    """Return a candidate's quality: the mean of its rows' scores, or the set's macro-F1 where that is the metric."""
    if not scores:
        return wilson(0.0, 0)
    mean = macro_f1(predictions, expected) if scorer == "macro_f1" else sum(scores) / len(scores)
    return wilson(min(1.0, mean), len(scores))
