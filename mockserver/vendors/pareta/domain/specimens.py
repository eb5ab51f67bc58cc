"""Live answers that nobody but the judge looks at: what one is worth, made as any model makes its mistakes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mockserver.vendors.pareta.domain import sql
from mockserver.vendors.pareta.domain.catalog import Task
from mockserver.vendors.pareta.domain.generation import form_of, labels_of
from mockserver.vendors.pareta.domain.predictions import Wording, pick, predict, quality_of_part, rest_of, wording_of
from mockserver.vendors.pareta.domain.scoring import SCORERS, exact_match

WAYS = 20
"""In how many ways a part can go wrong, each as likely as the next; several may come to the same."""

Slips = tuple[tuple[int, int], ...]
"""Which parts of an answer are wrong, and in which way."""

Further = Callable[[float, int], float]
"""Returns the n-th further number in [0, 1) that follows from one, as good as independent of it."""

# A number in [0, 1) is good for so many decisions as its 53 bits can tell apart; the last of them are left alone.
_FINEST, _COARSEST = 2.0**-53, 2.0**-24
_REMEMBERED = 4_096


def slips(parts: int, quality: float, number: float, further: Further) -> Slips:
    """Return what goes wrong in an answer of so many parts, each right with probability `quality` by itself.

    :param number: uniform in [0, 1); decides everything. What it says beyond a decision decides the next one.
    """
    if number < quality**parts:
        return ()
    found = []
    left, grain, taken = number, _FINEST, 0
    for place in range(parts):
        if left < quality:
            left /= quality
            grain /= quality
        else:
            way, left = pick(range(WAYS), rest_of(left, quality))
            found.append((place, way))
            grain *= WAYS / (1 - quality)
        if grain > _COARSEST:
            taken += 1
            left, grain = further(number, taken), _FINEST
    return tuple(found)


class Specimen:
    """A right answer of a task, and what it is worth with mistakes in it.

    A text goes wrong clause by clause, or line by line if it is code, SQL as a whole, all else field by field.

    :param right: the answer a flawless model gives.
    """

    def __init__(self, task: Task, right: Mapping[str, Any]) -> None:
        self._right = right
        self._labels = labels_of(task)
        self._score = SCORERS.get(task.default_scorer, exact_match)
        self._name = next(iter(right), "")
        told = right.get(self._name)
        form = form_of(task)
        self._statement = f"{told.rstrip('; ')};" if form == "sql" and isinstance(told, str) else None
        self._wording: Wording | None = None
        if isinstance(told, str) and form in ("chat", "summary", "code"):
            self._wording = wording_of(told)
        self.parts = len(self._wording.parts) if self._wording else 1 if self._statement else len(right)
        self._worth: dict[Slips, float] = {}

    def worth(self, quality: float, number: float, further: Further) -> float:
        """Return the score of the answer that a model of some quality gives.

        :param number: uniform in [0, 1), on which the answer hangs.
        """
        if self._wording is not None:
            quality = quality_of_part(quality, self.parts)
        return self.score(slips(self.parts, quality, number, further))

    def score(self, wrong: Slips) -> float:
        """Return what the task's scorer makes of the answer with mistakes."""
        worth = self._worth.get(wrong)
        if worth is None:
            worth = self._score(self.answer(wrong), self._right)
            if len(self._worth) < _REMEMBERED:
                self._worth[wrong] = worth
        return worth

    def answer(self, wrong: Slips) -> Mapping[str, Any]:
        """Return the answer with mistakes; the very right one without any."""
        if not wrong:
            return self._right
        numbers = {place: (way + 0.5) / WAYS for place, way in wrong}
        if self._wording is not None:
            return {self._name: self._wording.with_mistakes(numbers)}
        if self._statement is not None:
            return {self._name: sql.flawed(self._statement, lambda clause: numbers[0])}
        # Below a half all is right, and what lies above says how it is wrong.
        answer: Mapping[str, Any] = predict(
            self._right, 0.5, lambda n: (1 + numbers[n]) / 2 if n in numbers else 0.0, self._labels
        )
        return answer


def specimens_of(task: Task, read: Callable[[Task, str], Mapping[str, Any]]) -> tuple[Specimen, ...]:
    """Return the right answers of a task that are known: its examples'.

    :param read: returns the right answer to a text, for a task that shows none.
    """
    shown = [example["expected_output"] for example in task.body["examples"] if "expected_output" in example]
    return tuple([Specimen(task, right) for right in shown if isinstance(right, Mapping)]) or (
        Specimen(task, read(task, task.body["description"])),
    )
