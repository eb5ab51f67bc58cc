"""Deploying an open model for a task: which one serves, under what name, how well, and what callers are told."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mockserver.kernel.errors import InvalidRequest, Problem
from mockserver.vendors.pareta.domain.catalog import (
    AUTO,
    RankedModel,
    Task,
    looks_like_alias,
    looks_like_frontier,
    ranked,
)
from mockserver.vendors.pareta.domain.errors import Refused

RECOMMENDED = "recommended"
"""The model name that leaves the choice to the vendor."""

DEFAULT_BASELINE = "gpt-5.5"
"""What an endpoint stands in for where no leaderboard says. Source: pareta/auto "default" (assumed)."""

UNMEASURED_QUALITY = 0.95
"""Live quality of a model no leaderboard measured. Source: pareta/endpoints "quality" (assumed)."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A step of a deployment, with how far it is then.

    Source: pareta/endpoints "progress" (the names and 45: sdk; the order and other percentages: assumed).
    """

    name: str
    label: str
    pct: int


STAGES = (
    Stage("provisioning-gpu", "Provisioning GPU", 10),
    Stage("pulling weights", "Pulling weights", 45),
    Stage("warming-up", "Warming up", 90),
)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a deployment ends without an endpoint, and how many stages it went through before."""

    message: str
    stages: int


# Source: pareta/endpoints "error" (texts: sdk; when each comes: assumed).
_FAILURES = (Failure("GPU pool exhausted", 1), Failure("GPU OOM", 3), Failure("out of memory", 3))


def failure(number: float) -> Failure:
    """Return what a deployment fails of.

    :param number: a draw in [0, 1).
    """
    return _FAILURES[int(number * len(_FAILURES))]


# Source: pareta/endpoints "speech is not deployed" (documented; likewise retrieval and custom evals: assumed).
_NOT_DEPLOYED = frozenset({"transcription", "none", "ranking", "win_rate"})
"""Scoring strategies of tasks that are served by routes of their own, or not at all."""


def served_model(task: Task, board: Sequence[RankedModel], frontier: Collection[str], wanted: str) -> str:
    """Return the alias of the model that serves.

    `recommended` is the curated pick, else the best open model. An alias that is not ranked will do, if it has the
    form of one.

    :param frontier: ids of the vendors' models, which cannot be deployed.
    :raises Refused: no such model, or the task is not one that endpoints serve.

    Source: pareta/endpoints "model" (`recommended`: documented; unranked aliases: assumed).
    """
    names = [model.name for model in ranked(board) if model.kind == "open"]
    if not names or task.scoring_strategy in _NOT_DEPLOYED:
        raise Refused(f"task '{task.id}' is not served by endpoints")
    if wanted == RECOMMENDED:
        return next((model.name for model in board if model.is_recommended and model.name in names), names[0])
    is_frontier = wanted in frontier or looks_like_frontier(wanted)
    if wanted in names or (looks_like_alias(wanted) and not is_frontier):
        return wanted
    raise Refused(f"unknown model '{wanted}': it must be '{RECOMMENDED}' or an alias such as '{names[0]}'")


def chosen_name(name: str, frontier: Collection[str]) -> str:
    """Return a name somebody chose for an endpoint, if chat can tell it from its other models.

    :raises InvalidRequest: it is `auto` or a vendor's model.
    """
    if name == AUTO or name in frontier or looks_like_frontier(name):
        raise InvalidRequest(Problem(("body", "name"), f"'{name}' is the name of a model", "invalid_format"))
    return name


def generated_name(task_id: str, taken: Collection[str]) -> str:
    """Return the first free one of `ep-<task>`, `ep-<task>-2` and so on.

    Source: pareta/endpoints "name" (that one is generated: documented; its form: assumed).
    """
    plain = name = f"ep-{task_id}"
    number = 1
    while name in taken:
        number += 1
        name = f"{plain}-{number}"
    return name


def live_quality(board: Sequence[RankedModel], model: str) -> float:
    """Return how often a deployed model is right about live traffic: of its mistakes on the benchmark, half remain.

    Source: pareta/endpoints "quality" (assumed).
    """
    measured = next((m.quality for m in board if m.name == model and m.quality is not None), None)
    return UNMEASURED_QUALITY if measured is None else 1 - (1 - measured) / 2


def recommended_prompt(task: Task) -> str | None:
    """Return the system prompt that gets a task's fields out of a model; `None` where there are none to get.

    Source: pareta/endpoints "recommendedSystemPrompt" (that extraction and coding tasks have one: documented; its
    words: assumed).
    """
    if task.scoring_strategy not in ("extraction", "contract", "classification") or _has_labels(task):
        return None
    fields = ", ".join(f"{name} ({_kind(schema)})" for name, schema in task.output_fields.items())
    return (
        f"{task.body['description']} Return one JSON object with these fields and nothing else: {fields}."
        " Leave out what is not stated."
    )


def prompt_scaffold(task: Task) -> str | None:
    """Return the prompt to fill in one's own labels, for classification; `None` for other tasks.

    Source: pareta/endpoints "promptScaffold" (that it has placeholders: documented; its words: assumed).
    """
    if not _has_labels(task):
        return None
    return (
        "Sort what follows into exactly one of these categories and answer with its name alone.\n\n"
        "- <category 1>: <what belongs there>\n- <category 2>: <what belongs there>\n- <other>: everything else"
    )


def _has_labels(task: Task) -> bool:
    return any("enum" in schema for schema in task.output_fields.values())


_KINDS = {
    "number": "number",
    "integer": "whole number",
    "boolean": "true or false",
    "array": "list",
    "object": "object",
}


def _kind(schema: Mapping[str, Any]) -> str:
    if schema.get("format") == "date":
        return "date as YYYY-MM-DD"
    return _KINDS.get(str(schema.get("type")), "text")
