"""Test clocks."""

from __future__ import annotations

from mockserver.http.endpoint import Endpoint
from mockserver.vendors.paygentic.errors import DENIED
from mockserver.vendors.paygentic.operations import access, test_clocks
from mockserver.vendors.paygentic.schemas import test_clocks as wire

ENDPOINTS = (
    Endpoint(
        "POST", "/v0/testClocks", "test_clocks.create", test_clocks.create,
        body=wire.CreateTestClockRequest, response="test_clocks.TestClockResponse", present=wire.present_clock,
        prepare=access.in_own_organization(access.may_write_test_clocks), status=201, errors=(400, *DENIED, 413),
        summary="Add a test clock",
        source='paygentic/openapi "createTestClock"',
    ),
    Endpoint(
        "GET", "/v0/testClocks", "test_clocks.list", test_clocks.page,
        query=wire.ListTestClocksQuery, response="test_clocks.TestClockListResponse", present=wire.present_clocks,
        prepare=access.in_own_organization(access.may_read_test_clocks), errors=(400, *DENIED),
        summary="List test clocks",
        source='paygentic/openapi "listTestClocks"',
    ),
    Endpoint(
        "GET", "/v0/testClocks/{id}", "test_clocks.get", test_clocks.get,
        response="test_clocks.TestClockResponse", present=wire.present_clock,
        prepare=access.may_read_test_clocks, errors=(*DENIED, 404),
        summary="Get one test clock",
        source='paygentic/openapi "getTestClock"',
    ),
    Endpoint(
        "PATCH", "/v0/testClocks/{id}", "test_clocks.advance", test_clocks.advance,
        body=wire.AdvanceTestClockRequest, response="test_clocks.TestClockResponse", present=wire.present_clock,
        prepare=test_clocks.may_change, errors=(400, *DENIED, 404, 413),
        summary="Move a test clock forward",
        source='paygentic/openapi "advanceTestClock"',
    ),
    Endpoint(
        "DELETE", "/v0/testClocks/{id}", "test_clocks.delete", test_clocks.delete,
        response="test_clocks.TestClockResponse", present=wire.present_clock,
        prepare=test_clocks.may_change, errors=(*DENIED, 404, 409),
        summary="Delete a test clock that no customer is on",
        source='paygentic/openapi "deleteTestClock"',
    ),
)  # fmt: skip
