"""The lexical matcher: which task or lane a description in plain words asks for, or that nobody here does that."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from mockserver.vendors.pareta.domain.catalog import Task
from mockserver.vendors.pareta.domain.words import word, words

Kind = Literal["task", "capability", "unsupported", "none"]
Release = tuple[int, int]

CONFIDENT = 0.5
CLOSE = 0.05
_GENERAL = "general"  # begins the names of the lanes' tasks, and says nothing about them
_UNHEARD_OF = 1 / 3
"""What a word counts that describes nothing there is, such as a name: it says little about what is wanted."""


@dataclass(frozen=True, slots=True, eq=False)
class Lane:
    """General work that no numbered task stands for; equal only to itself, like a task.

    :param task: id of the task that is this lane's, if one is.
    :param since: the first release of the vendor's SDK that knows it.
    """

    id: str
    label: str
    category: str
    category_id: str
    desc: str
    task: str | None
    since: Release
    keywords: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Unsupported:
    """Work that is not done here.

    :param until: the first release of the vendor's SDK that has a lane for it, `None` if none has.
    """

    what: str
    until: Release | None
    keywords: tuple[str, ...]


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

    :param kind: `task`, `capability` (a lane), `unsupported` (a proper answer: nothing here does that) or `none`.
    :param lane: the lane, if it is one.
    """

    query: str
    kind: Kind
    candidates: tuple[Candidate, ...]
    lane: Lane | None = None

    @property
    def chosen(self) -> Candidate | None:
        """The candidate that fits with confidence, if one does."""
        return self.candidates[0] if self.kind == "task" else None

    @property
    def is_ambiguous(self) -> bool:
        """Whether tasks are asked for and the two best are close."""
        if self.kind not in ("task", "none") or len(self.candidates) < 2:
            return False
        return self.candidates[0].score - self.candidates[1].score < CLOSE


def known_lanes(lanes: Sequence[Lane], release: Release | None) -> list[Lane]:
    """Return the lanes a release of the vendor's SDK knows; all of them for other clients.

    Source: pareta/tasks "Capabilities" (which lanes, and that they came one after the other: documented).
    """
    return [lane for lane in lanes if release is None or release >= lane.since]


def not_done(areas: Sequence[Unsupported], release: Release | None) -> list[Unsupported]:
    """Return what a release of the vendor's SDK must be told is not done.

    Source: pareta/tasks "Unsupported intents" (documented).
    """
    return [area for area in areas if area.until is None or (release is not None and release < area.until)]


def match_task(
    query: str,
    tasks: Sequence[Task],
    unsupported: Collection[Unsupported],
    top_k: int,
    lanes: Sequence[Lane] = (),
) -> TaskMatch:
    """Rank tasks, and tell whether one, a lane or nothing there is fits with confidence.

    What fits is judged by the share of a query's words that describe it, rarer words weighing more. Of equals a task
    comes before a lane, and a lane before a refusal. A task that is a lane's own is no candidate beside it.

    Source: pareta/tasks "match" (deterministic lexical matcher, the four outcomes: documented; the score, and that it
    knows lanes: assumed).
    """
    asked = [word(each) for each in words(query) if each != _GENERAL]
    others: tuple[Lane | Unsupported, ...] = (*lanes, *unsupported)
    known = frozenset[str]().union(*map(_words_of_task, tasks), *(_words_of(each.keywords) for each in others))
    total = sum(each.weight * (1 if each.family in known else _UNHEARD_OF) for each in asked)

    def fit(described: frozenset[str]) -> float:
        return round(sum(each.weight for each in asked if each.family in described) / total, 4) if total else 0.0

    of_lanes = {lane.task for lane in lanes}
    ranked = sorted(
        (Candidate(task, fit(_words_of_task(task))) for task in tasks if task.id not in of_lanes),
        key=lambda candidate: (-candidate.score, candidate.task.id),
    )
    candidates = tuple(candidate for candidate in ranked if candidate.score > 0)[:top_k]
    task_score = candidates[0].score if candidates else 0.0
    lane_scores = [fit(_words_of(lane.keywords)) for lane in lanes]
    lane_score = max(lane_scores, default=0.0)
    refusal_score = max((fit(_words_of(area.keywords)) for area in unsupported), default=0.0)

    best = max(task_score, lane_score, refusal_score)
    if best < CONFIDENT:
        return TaskMatch(query, "none", candidates)
    if best == task_score:
        return TaskMatch(query, "task", candidates)
    if best == lane_score:
        return TaskMatch(query, "capability", candidates, lanes[lane_scores.index(best)])
    return TaskMatch(query, "unsupported", candidates)


@lru_cache(maxsize=256)
def _words_of_task(task: Task) -> frozenset[str]:
    return _words_of((*task.body["keywords"], *(part for part in task.id.split("-") if part != _GENERAL)))


@lru_cache(maxsize=256)
def _words_of(keywords: tuple[str, ...]) -> frozenset[str]:
    return frozenset(word(each).family for each in keywords)
