"""Rankings of documents: how near one comes to the best order, and how a model of a given quality misorders."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from mockserver.vendors.pareta.domain.comparing import bare
from mockserver.vendors.pareta.domain.predictions import Draw, errors

DEPTH = 10
_GRADES = ("relevance", "relevance_score", "grade", "score")
_DISCOUNTS = tuple(1 / math.log2(rank + 2) for rank in range(DEPTH))


def ndcg_at_10(prediction: Any, expected: Any) -> float:
    """Return the nDCG of the ten documents a prediction ranks highest.

    Both sides give a number for each document, in the documents' order: a score, and the grade of its relevance.
    Documents of one score stand in their given order; those without one come last. Where nothing is relevant every
    order is the best.

    Source: Jarvelin and Kekalainen (2002), "Cumulated gain-based evaluation of IR techniques", ACM TOIS 20;
    pareta/catalog "nDCG@10" (metric: documented; gain = grade: assumed).
    """
    return gain_of(numbers_of(prediction), numbers_of(expected))


def numbers_of(value: Any) -> list[float]:
    """Return a number for each document; 0 for what is none.

    They may be a list, an object by the documents' places or names, or a list of objects as the rerank route gives
    them, each with its place and its number.
    """
    if isinstance(value, Mapping):
        inside = value.get(_GRADES[0], bare(value))
        value = value if isinstance(inside, int | float) else inside
    if isinstance(value, Sequence) and not isinstance(value, str) and all(isinstance(part, Mapping) for part in value):
        value = {
            str(part.get("index", n)): next((part[name] for name in _GRADES if name in part), 0)
            for n, part in enumerate(value)
        }
    if isinstance(value, Mapping):
        places = {int(name): number for name, number in value.items() if name.isdecimal() and len(name) < 6}
        value = [places.get(n, 0) for n in range(max(places) + 1)] if places else list(value.values())
    return [_number(part) for part in value] if isinstance(value, Sequence) and not isinstance(value, str) else []


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) and abs(value) < 1e300 else 0.0


def gain_of(scores: Sequence[float], grades: Sequence[float]) -> float:
    """Return the nDCG@10 of the order that scores put documents of these grades in."""
    best = sorted((grade for grade in grades if grade > 0), reverse=True)[:DEPTH]
    if not best:
        return 1.0
    order = sorted(range(min(len(scores), len(grades))), key=lambda place: -scores[place])[:DEPTH]
    scale = best[0]
    gained = sum(max(0.0, grades[place]) / scale * _DISCOUNTS[rank] for rank, place in enumerate(order))
    return min(1.0, gained / sum(grade / scale * _DISCOUNTS[rank] for rank, grade in enumerate(best)))


def misorder(grades: Sequence[float], quality: float, draw: Draw) -> list[float]:
    """Return the scores a model gives documents of these grades, on average with an nDCG@10 of `quality`.

    Some documents are lost track of and end up in each other's places. A model that is worse than blind order is
    blind.
    """
    count = len(grades)
    order = sorted(range(count), key=lambda place: -grades[place])
    lost = [place for place, _ in errors(count, 1 - _share_lost(grades, quality), lambda n: draw(2 * n))]
    shuffled = list(lost)
    for n in range(len(lost) - 1, 0, -1):  # Fisher and Yates' shuffle
        other = int(draw(2 * n + 1) * (n + 1))
        shuffled[n], shuffled[other] = shuffled[other], shuffled[n]
    ranked = list(order)
    for place, other in zip(lost, shuffled, strict=True):
        ranked[place] = order[other]
    scores = [0.0] * count
    for rank, place in enumerate(ranked):
        scores[place] = round((count - rank) / (count + 1), 6)
    return scores


def _share_lost(grades: Sequence[float], quality: float) -> float:
    """Return with which probability each document must be lost for an average nDCG@10 of `quality`.

    Of k documents that are lost, each comes back to its own place in one case of k, and is otherwise worth what the
    other places are on average.
    """
    count = len(grades)
    gains = sorted((max(0.0, grade) for grade in grades), reverse=True)
    if quality >= 1 or count < 2 or gains[0] == gains[-1]:
        return 0.0
    discounts = [*_DISCOUNTS[:count], *[0.0] * (count - DEPTH)]
    every = sum(discounts)
    best = sum(gain / gains[0] * discount for gain, discount in zip(gains, discounts, strict=True))
    elsewhere = sum(
        gain / gains[0] * (every - discount) / (count - 1) for gain, discount in zip(gains, discounts, strict=True)
    )
    displaced = (1 - quality) / max(1e-12, 1 - elsewhere / best)
    low, high = 0.0, 1.0
    for _ in range(24):  # halving: the share displaced grows with the share lost
        middle = (low + high) / 2
        if middle - (1 - (1 - middle) ** count) / count < displaced:
            low = middle
        else:
            high = middle
    return high
