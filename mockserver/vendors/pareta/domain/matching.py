"""The lexical task matcher: which task a description in plain words asks for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from mockserver.vendors.pareta.domain.catalog import Task

_WORD = re.compile(r"[a-z0-9]+")
_DULL = frozenset(
    "a an and as at by for from in into is it my of on or our that the these this to we with your".split()
)
CONFIDENT = 0.5
CLOSE = 0.05


@dataclass(frozen=True, slots=True)
class Candidate:
    """A task that may be meant, with how well it fits in [0, 1]."""

    task: Task
    score: float

    @property
    def confidence(self) -> str:
        """`high`, `medium` or `low`."""
        return "high" if self.score >= 0.75 else "medium" if self.score >= CONFIDENT else "low"


@dataclass(frozen=True, slots=True)
class TaskMatch:
    """The ranked candidates for a query.

    :param kind: `task`, `unsupported` (a proper answer: nothing here does that) or `none`.
    """

    query: str
    kind: str
    candidates: tuple[Candidate, ...]

    @property
    def chosen(self) -> Candidate | None:
        """The candidate that fits with confidence, if one does."""
        return self.candidates[0] if self.kind == "task" else None

    @property
    def is_ambiguous(self) -> bool:
        """Whether the two best candidates are close."""
        return len(self.candidates) > 1 and self.candidates[0].score - self.candidates[1].score < CLOSE


def match_task(query: str, tasks: Sequence[Task], unsupported: frozenset[str], top_k: int) -> TaskMatch:
    """Rank tasks by the share of a query's words that describe them.

    Source: pareta/tasks "match" (deterministic lexical matcher: documented; its score: assumed).
    """
    words = [word for word in _WORD.findall(query.lower()) if word not in _DULL]
    ranked = sorted((Candidate(task, _fit(words, task)) for task in tasks), key=lambda c: (-c.score, c.task.id))
    candidates = tuple(c for c in ranked if c.score > 0)[:top_k]
    if candidates and candidates[0].score >= CONFIDENT:
        kind = "task"
    elif unsupported.intersection(words):
        kind = "unsupported"
    else:
        kind = "none"
    return TaskMatch(query, kind, candidates)


def _fit(words: Sequence[str], task: Task) -> float:
    known = {*task.body["keywords"], *task.id.split("-")}
    known |= {f"{word}s" for word in known}
    if not words:
        return 0.0
    return round(sum(word in known for word in words) / len(words), 4)
