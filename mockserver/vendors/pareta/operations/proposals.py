"""Proposals: how rows would be scored, before anything is kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mockserver.kernel.call import Call
from mockserver.vendors.pareta import tables
from mockserver.vendors.pareta.domain.errors import Refused
from mockserver.vendors.pareta.domain.generations import PROMPT
from mockserver.vendors.pareta.domain.proposals import Evidence, Plan, Proposal, propose
from mockserver.vendors.pareta.domain.rows import read_rows
from mockserver.vendors.pareta.operations.eval_sets import rules_and_prompt

if TYPE_CHECKING:
    from mockserver.vendors.pareta.domain.stubs import StubbedPlan


@dataclass(frozen=True, slots=True)
class Sample:
    """Rows and what they are for; `intent` is what the second generation calls `prompt`."""

    items: bytes
    intent: str | None
    prompt: str | None


def propose_contract(call: Call, sample: Sample) -> Plan:
    """Say how rows would be scored; nothing is kept and nothing debited.

    :raises Refused: no prompt, or faulty rows.
    """
    rules, prompt = rules_and_prompt(call, sample.prompt, sample.intent)
    if prompt is None:
        raise Refused("prompt is required: say in a sentence what a good answer is")
    rows = read_rows(sample.items, is_strict=rules == PROMPT)
    stub: StubbedPlan | None = call.answer
    if stub is not None:
        everything = len(rows)
        proposals = [
            Proposal(each.task_id, each.confidence, Evidence(everything, everything, each.reason))
            for each in stub.proposals
        ]
        return Plan(prompt, tuple(proposals), message=stub.message)
    return propose(rows, prompt, tables.catalog.tasks(call.world))
