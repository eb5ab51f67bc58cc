"""Revenue."""

from __future__ import annotations

from mockserver.http.endpoint import Endpoint
from mockserver.vendors.paygentic.errors import DENIED
from mockserver.vendors.paygentic.operations import access, revenue
from mockserver.vendors.paygentic.schemas import revenue as wire

ENDPOINTS = (
    Endpoint(
        "GET", "/v0/revenue", "revenue.get", revenue.get,
        query=wire.RevenueQuery, response="revenue.RevenueResponse", present=wire.present_revenue,
        prepare=access.in_own_organization(access.may_read_revenue), errors=(400, *DENIED),
        summary="Revenue of a window of time: what was billed, less refunds",
        source='paygentic/openapi "getRevenue"',
    ),
)  # fmt: skip
