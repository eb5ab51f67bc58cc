"""Paygentic's operations, one row each, and how it speaks HTTP."""

from __future__ import annotations

from mockserver.http.endpoint import Api, Endpoint
from mockserver.vendors.paygentic import schemas
from mockserver.vendors.paygentic.domain import json_text
from mockserver.vendors.paygentic.errors import crash, render
from mockserver.vendors.paygentic.operations import access, costs, customers, events, products

MAX_BODY_BYTES = 1024 * 1024

_DENIED = (401, 403)

_EVENTS = [
    Endpoint(
        "POST", "/v0/events", "events.ingest", events.ingest,
        body=schemas.IngestEventRequest, response="EventResponse", present=schemas.present_event,
        prepare=events.may_ingest, status=202, errors=(400, *_DENIED, 413, 422),
        summary="Record that something billable or costly happened",
        source='paygentic/cost-tracking "Step 2: Send Cost Events"',
    ),
]  # fmt: skip

_COSTS = [
    Endpoint(
        "POST", "/v0/costs", "costs.create_cost", costs.create,
        body=schemas.CreateCostRequest, response="CostResponse", present=schemas.present_cost,
        prepare=access.may_write_costs, status=201, errors=(400, *_DENIED, 404, 413),
        summary="Define what is measured, and how",
        source='paygentic/cost-tracking "Step 1: Create a Cost Metric"',
    ),
    Endpoint(
        "GET", "/v0/costs", "costs.list_costs", costs.page,
        query=schemas.ListCostsQuery, response="CostListResponse", present=schemas.present_costs,
        prepare=access.may_read_costs, errors=(400, *_DENIED),
        summary="List cost metrics",
        source='paygentic/cost-tracking "List costs"',
    ),
    Endpoint(
        "GET", "/v0/costs/{id}", "costs.get_cost", costs.must_exist,
        response="CostResponse", present=schemas.present_cost,
        prepare=access.may_read_costs, errors=(*_DENIED, 404),
        summary="Get one cost metric",
        source='paygentic/cost-tracking "Get a single cost"',
    ),
    Endpoint(
        "PATCH", "/v0/costs/{id}", "costs.update_cost", costs.update,
        body=schemas.UpdateCostRequest, response="CostResponse", present=schemas.present_cost,
        prepare=costs.may_change, errors=(400, *_DENIED, 404, 413),
        summary="Change a cost metric",
        source='paygentic/cost-tracking "Update a cost"',
    ),
    Endpoint(
        "DELETE", "/v0/costs/{id}", "costs.delete_cost", costs.delete,
        prepare=costs.may_change, status=204, errors=(*_DENIED, 404),
        summary="Delete a cost metric; what it measured stays",
        source='paygentic/cost-tracking "Delete a cost"',
    ),
    Endpoint(
        "GET", "/v0/costs/{id}/summary", "costs.get_cost_summary", costs.summary,
        query=schemas.CostSummaryQuery, response="CostSummaryResponse", present=schemas.present_summary,
        prepare=costs.may_summarise, errors=(400, *_DENIED, 404),
        summary="Aggregate what a cost metric measured over a window of time",
        source='paygentic/cost-tracking "Step 3: Query Cost Summary"',
    ),
]  # fmt: skip

_PRODUCTS = [
    Endpoint(
        "POST", "/v0/products", "products.create", products.create,
        body=schemas.CreateProductRequest, response="ProductResponse", present=schemas.present_product,
        prepare=access.may_write_products, status=201, errors=(400, *_DENIED, 413),
        summary="Add a product",
        source='paygentic/openapi "createProduct"',
    ),
    Endpoint(
        "GET", "/v0/products", "products.list", products.page,
        query=schemas.ListProductsQuery, response="ProductListResponse", present=schemas.present_products,
        prepare=access.may_read_products, errors=(400, *_DENIED),
        summary="List products",
        source='paygentic/openapi "listProducts"',
    ),
    Endpoint(
        "GET", "/v0/products/{id}", "products.get", products.must_exist,
        response="ProductResponse", present=schemas.present_product,
        prepare=access.may_read_products, errors=(*_DENIED, 404),
        summary="Get one product",
        source='paygentic/openapi "getProduct"',
    ),
    Endpoint(
        "PATCH", "/v0/products/{id}", "products.update", products.update,
        body=schemas.UpdateProductRequest, response="ProductResponse", present=schemas.present_product,
        prepare=products.may_change, errors=(400, *_DENIED, 404, 413),
        summary="Change a product's name or description",
        source='paygentic/openapi "updateProduct"',
    ),
]  # fmt: skip

_CUSTOMERS = [
    Endpoint(
        "POST", "/v0/customers", "customers.create", customers.create,
        body=schemas.CreateCustomerRequest, response="CreateCustomerResponse", present=schemas.present_enrolled,
        prepare=access.may_write_customers, status=201, errors=(400, *_DENIED, 404, 409, 413),
        summary="Add a customer, unless the consumer is one already",
        source='paygentic/openapi "createCustomer"',
    ),
    Endpoint(
        "GET", "/v0/customers", "customers.list", customers.page,
        query=schemas.ListCustomersQuery, response="CustomerListResponse", present=schemas.present_customers,
        prepare=access.may_read_customers, errors=(400, *_DENIED),
        summary="List customers",
        source='paygentic/openapi "listCustomers"',
    ),
    Endpoint(
        "GET", "/v0/customers/{id}", "customers.get", customers.must_exist,
        response="CustomerResponse", present=schemas.present_customer,
        prepare=access.may_read_customers, errors=(*_DENIED, 404),
        summary="Get one customer",
        source='paygentic/openapi "getCustomer"',
    ),
    Endpoint(
        "PATCH", "/v0/customers/{id}", "customers.update", customers.update,
        body=schemas.UpdateCustomerRequest, response="CustomerResponse", present=schemas.present_customer,
        prepare=customers.may_change, errors=(400, *_DENIED, 404, 409, 413),
        summary="Change a customer",
        source='paygentic/openapi "updateCustomer"',
    ),
    Endpoint(
        "DELETE", "/v0/customers/{id}", "customers.delete", customers.delete,
        prepare=customers.may_change, status=204, errors=(*_DENIED, 404),
        summary="Delete a customer",
        source='paygentic/openapi "deleteCustomer"',
    ),
]  # fmt: skip

_ERRORS = dict.fromkeys((401, 403, 404, 405, 409, 413, 422, 429, 500), "ErrorBody")

api = Api(
    name="paygentic",
    title="Paygentic",
    version="0",
    prefixes=("/v0",),
    endpoints=(*_EVENTS, *_COSTS, *_PRODUCTS, *_CUSTOMERS),
    key_prefix="sk_",
    bare_keys=False,
    render=render,
    crash=crash,
    parse_json=json_text.parse,
    error_models={400: "BadRequestBody", **_ERRORS},
    max_body_bytes=MAX_BODY_BYTES,
    answers="mockserver.vendors.paygentic.answers",
    scheme_description="A key `sk_live_<world>` or `sk_test_<world>`; the rest of it names the world.",
)
