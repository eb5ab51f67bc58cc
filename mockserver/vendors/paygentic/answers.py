"""What the answers look like: models for the OpenAPI document and for whoever holds answers to it.

Serving does not need them, so they are only loaded when the document is asked for.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import RootModel

from mockserver.vendors.paygentic.domain.aggregation import Aggregation
from mockserver.vendors.paygentic.schemas import Wire


class ErrorBody(Wire):
    """Any refusal."""

    message: str
    error: str | None = None
    code: str | None = None
    details: dict[str, Any] | None = None
    reason: str | None = None
    required_permissions: list[str] | None = None


class FieldError(Wire):
    """One faulty field."""

    field: str
    message: str
    code: str | None = None


class ValidationErrorBody(Wire):
    """A refusal that names fields."""

    message: str
    error: Literal["validation_error"]
    errors: list[FieldError]


class BadRequestBody(RootModel[ValidationErrorBody | ErrorBody]):
    """A request that cannot be served as it is: one shape when fields are to blame, another when not."""


class Pagination(Wire):
    """Which part of a list an answer holds."""

    limit: int
    offset: int
    total: int


class ProductResponse(Wire):
    """A product."""

    id: str
    object: Literal["product"]
    name: str
    description: str
    merchant_id: str
    metadata: dict[str, str]
    created_at: str
    updated_at: str


class ProductListResponse(Wire):
    """Some products."""

    object: Literal["list"]
    data: list[ProductResponse]
    pagination: Pagination


class CustomerResponse(Wire):
    """A customer."""

    id: str
    object: Literal["customer"]
    consumer_id: str
    merchant_id: str
    organization: dict[str, Any]
    valid_tax_address: dict[str, Any]
    tax_id: str | None = None
    external_id: str | None = None
    tax_rates: dict[str, float] | None = None
    notification_settings: dict[str, bool] | None = None
    created_at: str
    updated_at: str


class CustomerListResponse(Wire):
    """Some customers."""

    object: Literal["list"]
    data: list[CustomerResponse]
    pagination: Pagination


class CreateCustomerResponse(Wire):
    """Who the customer is; 200 when it was there already."""

    customer_id: str
    valid_tax_address: dict[str, Any]


class CostResponse(Wire):
    """A cost metric."""

    id: str
    object: Literal["cost"]
    type: Literal["metered"]
    name: str
    currency: str
    unit_cost: str
    unit: str | None
    aggregation: Aggregation | None
    event_type: str | None
    value_property: str | None
    group_by: dict[str, str] | None
    product_id: str
    merchant_id: str
    created_at: str
    updated_at: str
    deleted_at: str | None


class CostListResponse(Wire):
    """Some cost metrics."""

    object: Literal["list"]
    data: list[CostResponse]
    pagination: Pagination


class SummaryGroup(Wire):
    """One combination of dimension values."""

    dimensions: dict[str, str]
    quantity: float
    cost: float


class SummaryPoint(Wire):
    """One bucket of time."""

    window_start: str
    window_end: str
    quantity: float
    cost: float


class CostSummaryResponse(Wire):
    """What a cost came to."""

    object: Literal["cost"]
    id: str
    name: str
    type: Literal["metered"]
    currency: str
    event_type: str | None = None
    unit: str | None = None
    total_cost: float | None
    total_quantity: float | None
    groups: list[SummaryGroup] | None = None
    time_series: list[SummaryPoint] | None = None


class EventResponse(Wire):
    """An accepted event."""

    id: str
    object: Literal["event"]
    type: str
    source: str
    subject: str | None = None
    external_subject: str | None = None
    namespace: str
    timestamp: str
    idempotency_key: str
    external_id: str | None = None
