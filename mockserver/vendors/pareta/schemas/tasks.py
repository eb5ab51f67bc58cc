"""Tasks, leaderboards and the roster on the wire."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, StringConstraints

from mockserver.http.endpoint import WireModel
from mockserver.vendors.pareta.domain.catalog import RankedModel, Task, baseline
from mockserver.vendors.pareta.domain.matching import Candidate, Lane, TaskMatch
from mockserver.vendors.pareta.operations import tasks

Text = Annotated[str, StringConstraints(min_length=1)]


class TaskQuery(WireModel):
    """How many examples to show."""

    examples_n: Annotated[int, Field(ge=0, le=100, strict=False)] | None = None

    def to_domain(self) -> int | None:
        """Return the number, if one was given."""
        return self.examples_n


def task(value: tuple[Task, int | None]) -> dict[str, Any]:
    """Shape one task, with as many examples as were asked for."""
    subject, examples_n = value
    body = {name: part for name, part in subject.body.items() if name not in ("keywords", "examples", "metering")}
    if examples_n is not None:
        body["examples"] = subject.body["examples"][:examples_n]
    return body


def task_list(value: list[Task]) -> dict[str, Any]:
    """Shape every task."""
    return {"tasks": [task((item, None)) for item in value]}


class MatchRequest(WireModel):
    """What is wanted, in plain words."""

    query: Annotated[str, StringConstraints(min_length=1, pattern=r"\S")]
    top_k: Annotated[int, Field(ge=1)] = 5

    def to_domain(self) -> tasks.Wanted:
        """Return what is wanted."""
        return tasks.Wanted(self.query, self.top_k)


def match(value: TaskMatch) -> dict[str, Any]:
    """Shape what a description means.

    Reasoning and a confidence of the whole are the vendor's other matcher's, so they are null here.
    """
    rows = [_candidate(rank, candidate) for rank, candidate in enumerate(value.candidates)]
    return {
        "query": value.query,
        "matcher": "keyword",
        "type": value.kind,
        "matched": value.kind in ("task", "capability"),
        "ambiguous": value.is_ambiguous,
        "confidence": None,
        "reasoning": None,
        "capability": _lane(value.lane) if value.lane else None,
        "chosen": rows[0] if value.chosen else None,
        "candidates": rows,
    }


def _lane(value: Lane) -> dict[str, str]:
    return {
        "id": value.id,
        "label": value.label,
        "category": value.category,
        "category_id": value.category_id,
        "desc": value.desc,
    }


def _candidate(rank: int, value: Candidate) -> dict[str, Any]:
    return {
        "task_id": value.task.id,
        "score": value.score,
        "confidence": value.confidence,
        "rank": rank,
        "category": value.task.body["category"],
    }


def leaderboard(value: tasks.Leaderboard) -> dict[str, Any]:
    """Shape a leaderboard."""
    best = baseline(value.models)
    return {
        "task_id": value.task.id,
        "metric": "quality",
        "cost_unit": "per_request",
        "recommended": next((model.name for model in value.models if model.is_recommended), None),
        "models": [_ranked(model) for model in value.models],
        "frontier": _ranked(best) if best else None,
    }


def _ranked(model: RankedModel) -> dict[str, Any]:
    return {
        "name": model.name,
        "kind": model.kind,
        "quality": model.quality,
        "cost_per_request_micro_usd": model.cost_micro_usd,
        "context_k": model.context_k,
        "run_mode": model.run_mode,
    }


class FrontierQuery(WireModel):
    """The task to measure against."""

    task: str | None = None

    def to_domain(self) -> str | None:
        """Return the task's id."""
        return self.task


def frontier_models(value: tasks.Roster) -> dict[str, Any]:
    """Shape the roster."""
    return {
        "task": value.task_id,
        "frontier_models": [
            {"id": m.id, "vendor": m.vendor, "vision": m.has_vision, "benchmarked": m.id in value.benchmarked}
            for m in value.models
        ],
    }
