"""Eval sets: a user's own rows, kept to run models on."""

from __future__ import annotations

from dataclasses import dataclass

from mockserver.kernel.call import Call
from mockserver.kernel.errors import NotFound
from mockserver.kernel.world import World
from mockserver.vendors.pareta import tables
from mockserver.vendors.pareta.domain.catalog import Task
from mockserver.vendors.pareta.domain.errors import Refused
from mockserver.vendors.pareta.domain.generations import AUTO, INTENT, PROMPT, generation
from mockserver.vendors.pareta.domain.rows import parse_rows
from mockserver.vendors.pareta.operations.tasks import task_named
from mockserver.vendors.pareta.tables.eval_sets import EvalSetRow

MAX_PROMPT_CHARACTERS = 500
"""Source: pareta/eval-sets "trimmed, max 500 chars" (documented)."""

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

    :raises NotFound: no such task.
    :raises Refused: no prompt where the client's generation needs one, or faulty rows.
    """
    if not new.task_id:
        raise Refused("task_id is required")
    task = task_named(call.world, new.task_id)
    major = PROMPT if call.world.is_on(STRICT) else generation(call.client, call.idempotency_key)
    prompt = _prompt(new, major)
    items = parse_rows(new.items, task, is_strict=major is None or major >= PROMPT)
    row = EvalSetRow(
        call.world.new_id("es"), task.id, new.name or f"eval set ({len(items)} items)", prompt, len(items), call.now
    )
    tables.eval_sets.insert_eval_set(call.world, row, items)
    return KeptEvalSet(row, task)


def _prompt(new: NewEvalSet, major: int | None) -> str | None:
    """Return what the set is for, as the client's generation must say it.

    Source: pareta/generations "where it matters" (400 without: documented; for clients other than SDKs: assumed).
    """
    text = (new.prompt if new.prompt is not None else new.intent or "").strip()
    if len(text) > MAX_PROMPT_CHARACTERS:
        raise Refused(f"prompt must be at most {MAX_PROMPT_CHARACTERS} characters")
    if new.prompt is None and new.intent is not None and major != INTENT:
        raise Refused("`intent` was renamed: send `prompt` instead")
    if not text and (major is None or major > AUTO):
        field = "intent" if major == INTENT else "prompt"
        raise Refused(f"{field} is required: say in a sentence what a good answer is")
    return text or None


def list_all(call: Call) -> list[KeptEvalSet]:
    """Return every eval set, oldest first."""
    return [_kept(call.world, row) for row in tables.eval_sets.eval_sets(call.world)]


def retrieve(call: Call, set_id: str) -> KeptEvalSet:
    """Return one eval set.

    :raises NotFound: there is none of that id.
    """
    return eval_set_named(call.world, set_id)


def delete(call: Call, set_id: str) -> None:
    """Remove an eval set; runs on it stay readable."""
    eval_set_named(call.world, set_id)
    tables.eval_sets.delete_eval_set(call.world, set_id)


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
