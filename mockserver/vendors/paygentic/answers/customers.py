"""Customers."""

from __future__ import annotations

from typing import Literal

from mockserver.vendors.paygentic.answers.answer import Answer
from mockserver.vendors.paygentic.answers.pages import Pagination


class CustomerAddress(Answer):
    """A postal address."""

    line1: str | None = None
    line2: str | None = None
    city: str | None = None
    state: str | None = None
    country: str | None = None
    zip_code: str | None = None


class CustomerOrganization(Answer):
    """Who a customer is."""

    id: str
    name: str
    address: CustomerAddress | None = None
    billing_emails: list[str]
    phone: str | None = None


class ValidTaxAddress(Answer):
    """Whether the address will do for taxes, and what it lacks."""

    valid: bool
    message: str | None = None


class CustomerNotifications(Answer):
    """What a customer is told about."""

    invoice_issued: bool
    invoice_paid: bool
    renewal_reminder: bool


class CustomerResponse(Answer):
    """A customer."""

    id: str
    object: Literal["customer"]
    consumer_id: str
    merchant_id: str
    organization: CustomerOrganization
    valid_tax_address: ValidTaxAddress
    tax_id: str | None = None
    external_id: str | None = None
    tax_rates: dict[str, float] | None = None
    notification_settings: CustomerNotifications | None = None
    created_at: str
    updated_at: str


class CustomerListResponse(Answer):
    """Some customers."""

    object: Literal["list"]
    data: list[CustomerResponse]
    pagination: Pagination


class CreateCustomerResponse(Answer):
    """Who the customer is; 200 when it was there already."""

    customer_id: str
    valid_tax_address: ValidTaxAddress
