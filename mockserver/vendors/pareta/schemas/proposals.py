"""Proposals on the wire."""

from __future__ import annotations

from typing import Any

from mockserver.http.endpoint import WireModel
from mockserver.vendors.pareta.domain.proposals import Plan, Proposal
from mockserver.vendors.pareta.operations import proposals
from mockserver.vendors.pareta.schemas.eval_sets import File


class ProposeContractForm(WireModel):
    """A JSON Lines file with what it is for."""

    items: File
    intent: str | None = None
    prompt: str | None = None

    def to_domain(self) -> proposals.Sample:
        """Return what is to be looked at."""
        return proposals.Sample(self.items.data, self.intent, self.prompt)


def plan(value: Plan) -> dict[str, Any]:
    """Shape how rows would be scored."""
    split, conflict = value.split, value.conflict
    return {
        "proposals": [_proposal(proposal) for proposal in value.proposals],
        "homogeneous": value.is_homogeneous,
        "split": split
        and {"validated_n": split.validated_n, "total_n": split.total_n, "closest_task": split.closest_task},
        "conflict": conflict and {"intended_task": conflict.intended_task, "reasoning": conflict.reasoning},
        "closest_task": value.closest_task,
        "intent": value.prompt,
        "prompt": value.prompt,
        "message": value.message,
    }


def _proposal(value: Proposal) -> dict[str, Any]:
    evidence = value.evidence
    return {
        "task_id": value.task_id,
        "confidence": value.confidence,
        "evidence": {
            "validated_n": evidence.validated_n,
            "total_n": evidence.total_n,
            "matcher_reason": evidence.matcher_reason,
            "alternatives": list(evidence.alternatives),
        },
        "warning": value.warning,
    }
