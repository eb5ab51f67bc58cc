"""The cost report."""

from __future__ import annotations

from mockserver.http.endpoint import Endpoint
from mockserver.vendors.paygentic.errors import DENIED
from mockserver.vendors.paygentic.operations import access, reports
from mockserver.vendors.paygentic.schemas import reports as wire

ENDPOINTS = (
    Endpoint(
        "GET", "/v0/costs/report", "costs.get_cost_report", reports.report,
        query=wire.CostReportQuery, response="reports.CostReportResponse", present=wire.present_report,
        prepare=access.in_own_organization(access.may_read_costs), errors=(400, *DENIED),
        summary="Aggregate costs by cost, customer or dimension",
        source='paygentic/openapi "getCostReport"',
    ),
)  # fmt: skip
