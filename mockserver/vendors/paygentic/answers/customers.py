"""Customers."""

from __future__ import annotations

from typing import Any, Literal

from mockserver.vendors.paygentic.answers.pages import Pagination
from mockserver.vendors.paygentic.schemas.values import Wire


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
