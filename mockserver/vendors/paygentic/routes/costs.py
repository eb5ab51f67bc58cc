"""Cost metrics, and what they came to."""

from __future__ import annotations

from mockserver.http.endpoint import Endpoint
from mockserver.vendors.paygentic.errors import DENIED
from mockserver.vendors.paygentic.operations import access, costs, summaries
from mockserver.vendors.paygentic.schemas import costs as wire
from mockserver.vendors.paygentic.schemas import summaries as summary_wire

ENDPOINTS = (
    Endpoint(
        "POST", "/v0/costs", "costs.create_cost", costs.create,
        body=wire.CreateCostRequest, response="costs.CostResponse", present=wire.present_cost,
        prepare=costs.may_create, status=201, errors=(400, *DENIED, 404, 413),
        summary="Define what is measured, and how",
        source='paygentic/cost-tracking "Step 1: Create a Cost Metric"',
    ),
    Endpoint(
        "GET", "/v0/costs", "costs.list_costs", costs.page,
        query=wire.ListCostsQuery, response="costs.CostListResponse", present=wire.present_costs,
        prepare=access.in_own_organization(access.may_read_costs), errors=(400, *DENIED),
        summary="List cost metrics",
        source='paygentic/cost-tracking "List costs"',
    ),
    Endpoint(
        "GET", "/v0/costs/{id}", "costs.get_cost", costs.must_exist,
        response="costs.CostResponse", present=wire.present_cost,
        prepare=access.may_read_costs, errors=(*DENIED, 404),
        summary="Get one cost metric",
        source='paygentic/cost-tracking "Get a single cost"',
    ),
    Endpoint(
        "PATCH", "/v0/costs/{id}", "costs.update_cost", costs.update,
        body=wire.UpdateCostRequest, response="costs.CostResponse", present=wire.present_cost,
        prepare=costs.may_update, errors=(400, *DENIED, 404, 413),
        summary="Change a cost metric",
        source='paygentic/cost-tracking "Update a cost"',
    ),
    Endpoint(
        "DELETE", "/v0/costs/{id}", "costs.delete_cost", costs.delete,
        prepare=costs.may_delete, status=204, errors=(*DENIED, 404),
        summary="Delete a cost metric; what it measured stays",
        source='paygentic/cost-tracking "Delete a cost"',
    ),
    Endpoint(
        "GET", "/v0/costs/{id}/summary", "costs.get_cost_summary", summaries.summary,
        query=summary_wire.CostSummaryQuery, response="summaries.CostSummaryResponse",
        present=summary_wire.present_summary,
        prepare=summaries.may_summarise, errors=(400, *DENIED, 404),
        summary="Aggregate what a cost metric measured over a window of time",
        source='paygentic/cost-tracking "Step 3: Query Cost Summary"',
    ),
)  # fmt: skip
