"""Eval sets on the wire."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import WithJsonSchema

from mockserver.http.endpoint import WireModel
from mockserver.http.forms import Upload
from mockserver.kernel.windows import format_instant
from mockserver.vendors.pareta.operations import eval_sets
from mockserver.vendors.pareta.operations.eval_sets import KeptEvalSet

File = Annotated[Upload, WithJsonSchema({"type": "string", "format": "binary"})]


class CreateEvalSetForm(WireModel):
    """A JSON Lines file with what it is for."""

    items: File
    task_id: str | None = None
    name: str | None = None
    intent: str | None = None
    prompt: str | None = None

    def to_domain(self) -> eval_sets.NewEvalSet:
        """Return what is to be kept."""
        return eval_sets.NewEvalSet(self.items.data, self.task_id, self.name, self.intent, self.prompt)


def eval_set(value: KeptEvalSet) -> dict[str, Any]:
    """Shape one eval set."""
    return {"eval_set": _eval_set(value)}


def eval_set_list(value: list[KeptEvalSet]) -> dict[str, Any]:
    """Shape every eval set."""
    return {"eval_sets": [_eval_set(item) for item in value]}


def _eval_set(value: KeptEvalSet) -> dict[str, Any]:
    row = value.row
    return {
        "id": row.id,
        "task_id": row.task,
        "name": row.name,
        "item_count": row.item_count,
        "scoring_strategy": value.task.scoring_strategy,
        "intent": row.prompt,
        "prompt": row.prompt,
        "created_at": format_instant(row.created_at),
    }
