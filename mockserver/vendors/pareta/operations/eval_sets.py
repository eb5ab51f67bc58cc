"""Eval sets: a user's own rows, kept to run models on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mockserver.kernel.call import Call
from mockserver.kernel.errors import NotFound
from mockserver.kernel.world import World
from mockserver.vendors.pareta import tables
from mockserver.vendors.pareta.domain.catalog import Task
from mockserver.vendors.pareta.domain.errors import Refused
from mockserver.vendors.pareta.domain.generations import PROMPT, generation
from mockserver.vendors.pareta.domain.prompts import rules_of, stated_prompt
from mockserver.vendors.pareta.domain.proposals import propose
from mockserver.vendors.pareta.domain.rows import Row, check_named, items_of, read_rows
from mockserver.vendors.pareta.operations.tasks import task_named
from mockserver.vendors.pareta.tables.eval_sets import EvalSetRow

MAX_NAME_CHARACTERS = 500
"""Source: pareta/eval-sets, which gives no limit (assumed)."""

STRICT = "pareta.strict"
"""The switch that holds every client to the newest generation's rules."""


@dataclass(frozen=True, slots=True)
class NewEvalSet:
    """What a client uploads; `intent` is what the second generation calls `prompt`."""

    items: bytes
    task_id: str | None
    name: str | None
    intent: str | None
    prompt: str | None


@dataclass(frozen=True, slots=True)
class KeptEvalSet:
    """An eval set and the task it is for."""

    row: EvalSetRow
    task: Task


def create(call: Call, new: NewEvalSet) -> KeptEvalSet:
    """Keep an eval set.

    Without a task, the rows and the prompt choose it, if they leave no doubt.

    :raises NotFound: no such task.
    :raises Refused: no prompt where the client's generation needs one, faulty rows, or no task that is beyond doubt.
    """
    rules, prompt = rules_and_prompt(call, new.prompt, new.intent)
    if len(new.name or "") > MAX_NAME_CHARACTERS:
        raise Refused(f"name must be at most {MAX_NAME_CHARACTERS} characters")
    task = task_named(call.world, new.task_id) if new.task_id else None
    if task is None and prompt is None:
        raise Refused("task_id is required")
    rows = read_rows(new.items, is_strict=rules == PROMPT)
    if task is None:
        assert prompt is not None
        task = _bound(call.world, rows, prompt)
    if rules == PROMPT:
        check_named(rows, task)
    items = items_of(rows, task)
    name = new.name or f"eval set ({len(items)} items)"
    row = EvalSetRow(call.world.new_id("es"), task.id, name, prompt, len(items), call.now)
    tables.eval_sets.insert_eval_set(call.world, row, items)
    return KeptEvalSet(row, task)


def rules_and_prompt(call: Call, prompt: str | None, intent: str | None) -> tuple[int, str | None]:
    """Return the generation whose rules an upload is held to, and what its rows are for.

    :raises Refused: it is not said as that generation must say it.
    """
    major = generation(call.client, call.idempotency_key)
    rules = rules_of(major, prompt, is_strict=call.world.is_on(STRICT))
    return rules, stated_prompt(prompt, intent, rules)


def _bound(world: World, rows: Sequence[Row], prompt: str) -> Task:
    """Return the task that rows and prompt choose by themselves.

    :raises Refused: they leave a doubt; the candidates are named.

    Source: pareta/sdk "is_clean", applied to uploads without a task (assumed).
    """
    plan = propose(rows, prompt, tables.catalog.tasks(world))
    if plan.bound_task is not None:
        return task_named(world, plan.bound_task)
    candidates = plan.candidates or ((plan.closest_task,) if plan.closest_task else ())
    hint = f" (candidates: {', '.join(candidates)})" if candidates else ""
    raise Refused(f"{plan.message}; send task_id to choose{hint}")


def list_all(call: Call) -> list[KeptEvalSet]:
    """Return every eval set, oldest first."""
    return [_kept(call.world, row) for row in tables.eval_sets.eval_sets(call.world)]


def retrieve(call: Call, set_id: str) -> KeptEvalSet:
    """Return one eval set.

    :raises NotFound: there is none of that id.
    """
    return eval_set_named(call.world, set_id)


def delete(call: Call, set_id: str) -> None:
    """Remove an eval set and its documents; runs on it stay readable, and those under way still find theirs."""
    eval_set_named(call.world, set_id)
    tables.eval_sets.delete_eval_set(call.world, set_id)
    tables.documents.sweep(call.world)


def eval_set_named(world: World, set_id: str) -> KeptEvalSet:
    """Return one eval set.

    :raises NotFound: there is none of that id.
    """
    row = tables.eval_sets.find_eval_set(world, set_id)
    if row is None:
        raise NotFound("eval set", set_id)
    return _kept(world, row)


def _kept(world: World, row: EvalSetRow) -> KeptEvalSet:
    return KeptEvalSet(row, task_named(world, row.task))
