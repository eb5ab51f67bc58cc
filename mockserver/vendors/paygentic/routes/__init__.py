"""Paygentic's operations, one row each by resource, and how it speaks HTTP."""

from __future__ import annotations

from typing import Any

from mockserver.http.endpoint import Api, Endpoint, Intake
from mockserver.vendors.paygentic.domain import json_text
from mockserver.vendors.paygentic.errors import crash, failure, render
from mockserver.vendors.paygentic.operations import keys
from mockserver.vendors.paygentic.routes import (
    billable_metrics,
    costs,
    customers,
    events,
    products,
    profitability,
    reports,
    revenue,
    test_clocks,
)

MAX_BODY_BYTES = 1024 * 1024

_ERRORS = dict.fromkeys((401, 403, 404, 405, 413, 422, 429, 500), "errors.ErrorBody")

FACTS = ("customer",)
"""What faults, stubs and assertions may ask of a request, beside what is asked of all vendors' requests."""

_CUSTOMERS = ("subject", "externalSubject", "customerId", "externalId", "consumerId")


def describe(endpoint: Endpoint, parameters: tuple[str, ...], data: Any) -> dict[str, Any]:
    """Return these facts of a request, as far as it has them; nothing about it need be as it should."""
    said: dict[str, Any] = data if isinstance(data, dict) else {}
    customers = [said[name] for name in _CUSTOMERS if isinstance(said.get(name), str)]
    if endpoint.path == "/v0/customers/{id}":
        customers.append(parameters[0])
    return {"customer": customers}


api = Api(
    name="paygentic",
    title="Paygentic",
    version="0",
    prefixes=("/v0",),
    endpoints=(
        *events.ENDPOINTS,
        *costs.ENDPOINTS,
        *reports.ENDPOINTS,
        *billable_metrics.ENDPOINTS,
        *products.ENDPOINTS,
        *customers.ENDPOINTS,
        *revenue.ENDPOINTS,
        *profitability.ENDPOINTS,
        *test_clocks.ENDPOINTS,
    ),
    key_prefix="sk_",
    bare_keys=False,
    render=render,
    crash=crash,
    admit=keys.admit,
    parse_json=json_text.parse,
    error_models={**_ERRORS, 400: "errors.BadRequestBody", 409: "errors.ConflictBody"},
    max_body_bytes=MAX_BODY_BYTES,
    answers="mockserver.vendors.paygentic.answers",
    failure=failure,
    facts=FACTS,
    describe=describe,
    intake=Intake("events.ingest", "timestamp", "idempotencyKey", "data"),
    scheme_description="A key `sk_live_<world>` or `sk_test_<world>`; the rest of it names the world.",
)
