"""Every operation of the OpenAPI document, called with what it promises to take and with what it does not.

Nothing may fail on our side, every answer must be one that the document describes, what keeps to a schema is not
called malformed, and what breaks it is never taken.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi.checks import negative_data_rejection

from mockserver.app import Simulator
from mockserver.config import Settings
from mockserver.http.inprocess import InProcessTransport
from mockserver.http.openapi import vendor_document
from mockserver.http.serve import BackgroundServer
from mockserver.kernel.windows import parse_instant
from mockserver.kernel.world import Beginning
from mockserver.vendors.paygentic.routes import api
from tests.conftest import START
from tests.fuzzing import CHECKS, breaks_its_schema, keeps_its_schema, one_for_each_operation, put_what_exists, whole
from tests.vendors.paygentic.conftest import COST, EVENT, MERCHANT, PRODUCT, TYPE

KEY = {"Authorization": "Bearer sk_test_acme"}
METRIC = {
    "name": "Tokens", "description": "", "unit": "token", "merchantId": MERCHANT, "productId": PRODUCT,
    "aggregation": "COUNT", "eventType": TYPE, "groupBy": {"provider": "$.provider"},
}  # fmt: skip
KNOWN: dict[str, list[Any]] = {
    "merchantId": [MERCHANT], "organizationId": [MERCHANT], "namespace": [MERCHANT], "productId": [PRODUCT],
    "consumerId": ["org_abc123"], "costId": [["cst_abc123"]], "subject": ["cus_abc123"],
    "currency": ["USD", "EUR"], "filterGroupBy": ['{"provider": "openai"}'],
    "from": ["2026-02-01T00:00:00Z"], "to": ["2026-02-03T00:00:00Z"], "startTime": ["2026-02-01T00:00:00Z"],
    "endTime": ["2026-02-03T00:00:00Z"], "advanceBy": ["P1D"], "currentTime": ["2026-03-01T00:00:00Z"],
    "valueProperty": ["$.amount"], "eventType": [TYPE], "itemId": ["itm_YOUR_ITEM_ID"], "aggregation": ["COUNT", "SUM"],
}  # fmt: skip
"""What exists, by the name of the parameter or member that may say so; chance alone would never find it."""

WITH_RULES = {
    "filterGroupBy", "type", "eventType", "from", "to", "startTime", "endTime", "timestamp", "eventFrom", "currentTime"
}  # fmt: skip
"""What has a form that no schema describes: JSON within text, no control characters, instants that can be counted."""

# The phase that tries each limit of each schema would take longer than the rest of this vendor's tests.
config = SchemathesisConfig.from_dict({"phases": {"coverage": {"enabled": False}}})
schema = schemathesis.openapi.from_dict(vendor_document(api), config=config)
statuses: dict[str, list[int]] = defaultdict(list)
"""By operation: what it answered."""


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    """One simulator for all operations."""
    beginning = Beginning(seed=7, clock_mode="frozen", clock_at=parse_instant(START))
    simulator = Simulator(Settings(beginning=beginning))
    yield simulator
    simulator.close()


@pytest.fixture(scope="module")
def url(simulator: Simulator) -> Iterator[str]:
    """The address of a server in front of it."""
    with BackgroundServer(simulator) as server:
        yield server.url


@pytest.fixture
def ids(simulator: Simulator) -> dict[str, str]:
    """An id of a thing that exists, by the part of a path that is before it."""
    transport = InProcessTransport(simulator.gateway)
    with httpx.Client(transport=transport, base_url="http://mock", headers=KEY) as http:
        made = {
            "costs": http.post("/v0/costs", json=COST),
            "billableMetrics": http.post("/v0/billableMetrics", json=METRIC),
            "products": http.post("/v0/products", json={"name": "x", "description": "", "merchantId": MERCHANT}),
            "testClocks": http.post("/v0/testClocks", json={}),
        }
        assert http.post("/v0/events", json=EVENT).status_code == 202
    return {name: answer.json()["id"] for name, answer in made.items()} | {"customers": "cus_abc123"}


def use_what_exists(case: schemathesis.Case[Any], ids: dict[str, str]) -> None:
    """Put things that exist into most requests that keep to their schema."""
    known = {**KNOWN, "id": [ids.get(case.path.split("/")[2])]}
    known["type"] = [TYPE if case.path == "/v0/events" else "metered"]
    if "{id}" in case.path:
        known["groupBy"] = ["provider"]
    if case.path.endswith("/report"):
        known["groupBy"] = ["cost", "customer", "provider"]
    if isinstance(case.body, dict):
        known["groupBy"] = [{"provider": "$.provider"}]
    put_what_exists(case, known, statuses[case.operation.label], but_one_in=12)


def told(case: schemathesis.Case[Any], response: Any) -> str:
    """Say what was sent and answered; only for a failure, since it takes as long as the request."""
    return f"{response.status_code} {response.text[:400]}\n{case.as_curl_command()[:2000]}"


@one_for_each_operation(
    schema,
    settings(max_examples=30, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck)),
    globals(),
)
def test_whatever_is_sent_is_answered_as_documented(
    case: schemathesis.Case[Any], url: str, ids: dict[str, str]
) -> None:
    is_meant_to_be_taken = keeps_its_schema(case)
    if is_meant_to_be_taken:
        use_what_exists(case, ids)
        case.body = whole(case.body)

    response = case.call(base_url=url, headers=KEY)

    statuses[case.operation.label].append(response.status_code)
    case.validate_response(response, checks=CHECKS)
    if breaks_its_schema(case):
        case.validate_response(response, checks=[negative_data_rejection])
    assert response.status_code < 500, told(case, response)
    if is_meant_to_be_taken and response.status_code == 400:
        faults = [(error["field"], error["code"]) for error in response.json().get("errors", ())]
        codes = {code for field, code in faults if field not in WITH_RULES or code != "invalid_format"}
        assert codes <= {"required", "unknown_key", "out_of_range"}, told(case, response)


def test_every_operation_took_something() -> None:
    if len(statuses) < len(api.endpoints):
        pytest.skip("only all operations together show which of them took nothing")
    took = {label for label, seen in statuses.items() if min(seen) < 300}
    assert took == {f"{endpoint.method} {endpoint.path}" for endpoint in api.endpoints}
