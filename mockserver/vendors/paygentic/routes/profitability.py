"""Profitability."""

from __future__ import annotations

from mockserver.http.endpoint import Endpoint
from mockserver.vendors.paygentic.errors import DENIED
from mockserver.vendors.paygentic.operations import access, profitability
from mockserver.vendors.paygentic.schemas import profitability as wire

ENDPOINTS = (
    Endpoint(
        "GET", "/v0/profitability", "profitability.get_profitability", profitability.get,
        query=wire.ProfitabilityQuery, response="profitability.ProfitabilityResponse",
        present=wire.present_profitability,
        prepare=access.in_own_organization(access.may_read_profitability), errors=(400, *DENIED),
        summary="What each customer brought and cost over a window of time",
        source='paygentic/openapi "getProfitability"',
    ),
)  # fmt: skip
