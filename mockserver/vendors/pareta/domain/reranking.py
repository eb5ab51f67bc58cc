"""Reranking: how probably a document answers a query, judged for each document by itself.

Source: pareta/rerank (independent probabilities strictly between 0 and 1: documented; how they come about: assumed).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from mockserver.vendors.pareta.domain.words import Word, word, words

MODEL = "pareta-rerank-1"
DECIMALS = 6

# What a word of a document is worth to a word of the query: another form of it, or a kin. One that is only spelt alike
# is worth the square of the share of letter groups the two have in common, if that is at least half.
_FORM, _KIN = 0.95, 0.7
_LEAST_ALIKE = 0.5
# A query's weightiest words are plenty, and bound the work.
_MAX_TERMS = 64
# How much each signal in [0, 1] moves the logistic; half of what a query says, found in a document that says little
# else, is about an even chance. Together they stay where rounding leaves room on both sides.
_BIAS, _COVERAGE, _ORDER, _FOCUS = -4.2, 7.0, 1.4, 1.6


@dataclass(frozen=True, slots=True)
class Relevance:
    """A document's place in a ranking.

    :param index: where it stands in the request.
    :param score: how probably it answers the query, strictly between 0 and 1.
    """

    index: int
    score: float


@dataclass(frozen=True, slots=True)
class _Sighting:
    """What a word of a document means to a query.

    :param weight: of the word itself.
    :param values: by the number of the query's word, in (0, 1].
    """

    weight: float
    values: dict[int, float]
    best: float


def rank(query: str, documents: Sequence[str], top_n: int | None = None) -> list[Relevance]:
    """Return documents from the most to the least relevant, alike ones in the order they came in.

    :param top_n: how many to return; all by default.
    """
    judge = Judge(query)
    scored = [Relevance(index, judge.score(document)) for index, document in enumerate(documents)]
    return sorted(scored, key=lambda each: -each.score)[:top_n]


class Judge:
    """Holds any number of documents against one query."""

    def __init__(self, query: str) -> None:
        """Read a query; one of dull words alone, such as "what is this", is taken by those."""
        read = [word(each) for each in words(query)]
        told = [each for each in read if each.weight] or read
        terms = sorted({each.stem: each for each in told}.values(), key=lambda each: -each.weight)
        self._terms = terms[:_MAX_TERMS]
        self._weights = [each.weight or 1.0 for each in self._terms]
        self._pairs = set(pairwise(each.family for each in told))
        self._by_gram: dict[str, list[int]] = {}
        for number, each in enumerate(self._terms):
            for gram in each.grams:
                self._by_gram.setdefault(gram, []).append(number)
        self._sightings: dict[str, _Sighting] = {}

    def score(self, document: str) -> float:
        """Return how probably a document answers the query, rounded to `DECIMALS`; other documents do not matter."""
        read = words(document)
        seen = [self._sighting(each) for each in dict.fromkeys(read)]
        coverage = self._coverage(seen)
        signal = _BIAS
        if coverage:
            order = self._order(read) if self._pairs else coverage
            signal += _COVERAGE * coverage + _ORDER * order + _FOCUS * _focus(seen)
        return round(1 / (1 + math.exp(-signal)), DECIMALS)

    def _coverage(self, seen: Iterable[_Sighting]) -> float:
        """Return the share of what the query says that was seen."""
        best = [0.0] * len(self._terms)
        for sighting in seen:
            for number, value in sighting.values.items():
                best[number] = max(best[number], value)
        found = math.fsum(weight * value for weight, value in zip(self._weights, best, strict=True))
        return found / math.fsum(self._weights) if found else 0.0

    def _order(self, document: Sequence[str]) -> float:
        """Return the share of the query's neighbours that are neighbours in a document, in the same order."""
        families = [known.family for known in map(word, document) if known.weight]
        return len(self._pairs.intersection(pairwise(families))) / len(self._pairs)

    def _sighting(self, text: str) -> _Sighting:
        found = self._sightings.get(text)
        if found is None:
            known = word(text)
            values = self._values(known)
            found = self._sightings[text] = _Sighting(known.weight, values, max(values.values(), default=0.0))
        return found

    def _values(self, seen: Word) -> dict[int, float]:
        shared = Counter(number for gram in seen.grams for number in self._by_gram.get(gram, ()))
        values: dict[int, float] = {}
        for number, term in enumerate(self._terms):
            value = _likeness(term, seen, shared[number])
            if value:
                values[number] = value
        return values


def _likeness(term: Word, seen: Word, shared: int) -> float:
    """Return what a word of a document is worth to one of a query.

    :param shared: how many groups of letters they have in common.
    """
    if seen.text == term.text:
        return 1.0
    if not seen.weight:
        return 0.0
    if seen.stem == term.stem:
        return _FORM
    if seen.family == term.family:
        return _KIN
    alike = 2 * shared / (len(seen.grams) + len(term.grams)) if shared else 0.0
    return alike * alike if alike >= _LEAST_ALIKE else 0.0


def _focus(seen: Sequence[_Sighting]) -> float:
    """Return how much of what a document says is about the query; the root, because long ones say more."""
    about = math.fsum(sighting.weight * sighting.best for sighting in seen)
    said = math.fsum(sighting.weight for sighting in seen)
    return math.sqrt(about / said) if said else 1.0
