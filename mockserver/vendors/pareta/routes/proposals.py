"""Proposals."""

from __future__ import annotations

from mockserver.http.endpoint import Endpoint
from mockserver.vendors.pareta.operations import proposals
from mockserver.vendors.pareta.schemas import proposals as wire

ENDPOINTS = (
    Endpoint(
        "POST", "/v1/eval-sets/propose-contract", "evals.propose_contract", proposals.propose_contract,
        body=wire.ProposeContractForm, form=True, present=wire.plan, response="proposals.ProposalResponse",
        errors=(400, 401, 422), stub="PlanStub",
        source="pareta/eval-sets",
    ),
)  # fmt: skip
