"""Tasks: what can be asked for, which one a description means, and how the models rank on it."""

from __future__ import annotations

from dataclasses import dataclass

from mockserver.kernel.call import Call
from mockserver.kernel.errors import NotFound
from mockserver.kernel.world import World
from mockserver.vendors.pareta import tables
from mockserver.vendors.pareta.domain.catalog import FrontierModel, RankedModel, Task, ranked
from mockserver.vendors.pareta.domain.generations import release
from mockserver.vendors.pareta.domain.matching import TaskMatch, known_lanes, match_task, not_done


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is wanted, in plain words, and how many candidates to name."""

    query: str
    top_k: int


@dataclass(frozen=True, slots=True)
class Leaderboard:
    """A task's models from best to worst."""

    task: Task
    models: tuple[RankedModel, ...]


@dataclass(frozen=True, slots=True)
class Roster:
    """The vendors' models, and which of them are measured on a task (`None`: no task was named)."""

    task_id: str | None
    models: tuple[FrontierModel, ...]
    benchmarked: frozenset[str]


def task_named(world: World, task_id: str) -> Task:
    """Return a task.

    :raises NotFound: there is none of that name.
    """
    task = tables.catalog.find_task(world, task_id)
    if task is None:
        raise NotFound("task", task_id)
    return task


def list_all(call: Call) -> list[Task]:
    """Return every task."""
    return tables.catalog.tasks(call.world)


def retrieve(call: Call, task_id: str, examples_n: int | None) -> tuple[Task, int | None]:
    """Return a task and how many of its examples were asked for."""
    return task_named(call.world, task_id), examples_n


def match(call: Call, wanted: Wanted) -> TaskMatch:
    """Find the task or lane a description means, as far as the client's release knows of them."""
    known = release(call.client)
    lanes, unsupported = tables.capabilities.capabilities(call.world)
    tasks = tables.catalog.tasks(call.world)
    return match_task(wanted.query, tasks, not_done(unsupported, known), wanted.top_k, known_lanes(lanes, known))


def leaderboard(call: Call, task_id: str) -> Leaderboard:
    """Return how models rank on a task."""
    task = task_named(call.world, task_id)
    return Leaderboard(task, tuple(ranked(tables.catalog.board(call.world, task_id))))


def frontier_models(call: Call, task_id: str | None) -> Roster:
    """Return the vendors' models; on a task that takes documents only those that can see."""
    models = tables.catalog.roster(call.world)
    if task_id is None:
        return Roster(None, tuple(models), frozenset())
    task = task_named(call.world, task_id)
    measured = frozenset(model.name for model in tables.catalog.board(call.world, task_id) if model.kind == "frontier")
    seen = tuple(model for model in models if model.has_vision or not task.has_blob_input)
    return Roster(task_id, seen, measured)
