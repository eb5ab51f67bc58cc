"""Customers."""

from __future__ import annotations

from mockserver.http.endpoint import Endpoint
from mockserver.vendors.paygentic.errors import DENIED
from mockserver.vendors.paygentic.operations import access, customers
from mockserver.vendors.paygentic.schemas import customers as wire

ENDPOINTS = (
    Endpoint(
        "POST", "/v0/customers", "customers.create", customers.create,
        body=wire.CreateCustomerRequest, response="customers.CreateCustomerResponse", present=wire.present_enrolled,
        prepare=access.in_own_organization(access.may_write_customers), status=201, other_status=200,
        errors=(400, *DENIED, 404, 409, 413),
        summary="Add a customer, unless the consumer is one already",
        source='paygentic/openapi "createCustomer"',
    ),
    Endpoint(
        "GET", "/v0/customers", "customers.list", customers.page,
        query=wire.ListCustomersQuery, response="customers.CustomerListResponse", present=wire.present_customers,
        prepare=access.in_own_organization(access.may_read_customers, "organizationId"), errors=(400, *DENIED),
        summary="List customers",
        source='paygentic/openapi "listCustomers"',
    ),
    Endpoint(
        "GET", "/v0/customers/{id}", "customers.get", customers.must_exist,
        response="customers.CustomerResponse", present=wire.present_customer,
        prepare=access.may_read_customers, errors=(*DENIED, 404),
        summary="Get one customer",
        source='paygentic/openapi "getCustomer"',
    ),
    Endpoint(
        "PATCH", "/v0/customers/{id}", "customers.update", customers.update,
        body=wire.UpdateCustomerRequest, response="customers.CustomerResponse", present=wire.present_customer,
        prepare=customers.may_change, errors=(400, *DENIED, 404, 409, 413),
        summary="Change a customer",
        source='paygentic/openapi "updateCustomer"',
    ),
    Endpoint(
        "DELETE", "/v0/customers/{id}", "customers.delete", customers.delete,
        prepare=customers.may_change, status=204, errors=(*DENIED, 404, 409),
        summary="Delete a customer",
        source='paygentic/openapi "deleteCustomer"',
    ),
)  # fmt: skip
