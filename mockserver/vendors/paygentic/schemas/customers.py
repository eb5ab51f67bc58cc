"""Customers."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, StringConstraints, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from mockserver.http.messages import Reply
from mockserver.kernel.money import json_number
from mockserver.kernel.windows import format_instant
from mockserver.vendors.paygentic.operations.customers import Consumer, CustomerDraft, Enrolled
from mockserver.vendors.paygentic.operations.paging import Page, PageOf
from mockserver.vendors.paygentic.schemas.pages import PageQuery, listed
from mockserver.vendors.paygentic.schemas.values import (
    NotNull,
    OptionalText,
    OrganizationId,
    Percent,
    Rates,
    Text,
    Wire,
    one_of_two,
    sent,
    without_none,
)
from mockserver.vendors.paygentic.tables.customers import Customer


class ListCustomersQuery(PageQuery):
    """Query of `GET /v0/customers`."""

    organization_id: OrganizationId
    name: str | None = Field(default=None, min_length=3, max_length=255)
    email: str | None = Field(default=None, min_length=3, max_length=255)
    external_id: str | None = Field(default=None, max_length=255)

    def to_domain(self) -> Page:
        """Return which page is wanted."""
        return Page(
            self.limit, self.offset, merchant_id=self.organization_id,
            name=self.name, email=self.email, external_id=self.external_id,
        )  # fmt: skip


class AddressBody(Wire):
    """A postal address."""

    line1: OptionalText = None
    line2: OptionalText = None
    city: OptionalText = None
    state: OptionalText = None
    country: Annotated[str | None, NotNull] = Field(default=None, min_length=2, max_length=2)
    zip_code: OptionalText = None


class ConsumerBody(Wire):
    """Who a new customer is."""

    name: Text
    # What is white space is not the same in every language's expressions: what is in any of them is said.
    email: Annotated[str, StringConstraints(pattern=r"^[^@\s\x1c-\x1f\x85\ufeff]+@[^@\s\x1c-\x1f\x85\ufeff]+$")]
    address: AddressBody
    phone: OptionalText = None

    def to_domain(self) -> Consumer:
        """Return the consumer."""
        address = self.address.model_dump(by_alias=True, exclude_none=True)
        return Consumer(self.name, self.email, address, self.phone)


class CreateCustomerRequest(Wire):
    """Body of `POST /v0/customers`."""

    model_config = one_of_two("consumer", "consumerId")

    merchant_id: OrganizationId
    consumer_id: Annotated[OrganizationId | None, NotNull] = None
    # After `consumer_id`: it may be missing when that is there.
    consumer: ConsumerBody | None = Field(default=None, validate_default=True)
    tax_id: OptionalText = None
    external_id: Annotated[str | None, NotNull] = Field(default=None, min_length=1, max_length=255)
    tax_rates: Annotated[dict[str, Percent] | None, NotNull] = None

    @field_validator("consumer")
    @classmethod
    def _one_of_two(cls, value: ConsumerBody | None, info: ValidationInfo) -> ConsumerBody | None:
        if value is None and info.data.get("consumer_id", "") is None:
            raise PydanticCustomError("required", "needed when there is no consumerId")
        return value

    def to_domain(self) -> CustomerDraft:
        """Return the customer that is wanted."""
        return CustomerDraft(
            self.merchant_id, self.consumer.to_domain() if self.consumer else None, self.consumer_id,
            self.tax_id, self.external_id, self.tax_rates,
        )  # fmt: skip


class NotificationSettings(Wire):
    """What a customer is told about."""

    invoice_issued: Annotated[bool | None, NotNull] = None
    invoice_paid: Annotated[bool | None, NotNull] = None
    renewal_reminder: Annotated[bool | None, NotNull] = None


class UpdateCustomerRequest(Wire):
    """Body of `PATCH /v0/customers/{id}`."""

    tax_id: str | None = None
    external_id: str | None = Field(default=None, min_length=1, max_length=255)
    tax_rates: Annotated[Rates | None, NotNull] = None
    notification_settings: Annotated[NotificationSettings | None, NotNull] = None

    def to_domain(self) -> dict[str, Any]:
        """Return the changes, by field."""
        changes = sent(self)
        if self.notification_settings is not None:
            del changes["notification_settings"]
            changes["notifications"] = self.notification_settings.model_dump(by_alias=True, exclude_none=True)
        return changes


_NOTIFICATIONS = {"invoiceIssued": True, "invoicePaid": True, "renewalReminder": True}


def _tax_address(customer: Customer) -> dict[str, Any]:
    """Say whether an address is complete enough for taxes.

    Source: paygentic/sdk-0.6.3 "Customers.create" (sdk): country, state and zipCode, or no tax is calculated.
    """
    missing = [part for part in ("country", "state", "zipCode") if not (customer.address or {}).get(part)]
    return {"valid": False, "message": f"missing: {', '.join(missing)}"} if missing else {"valid": True}


def present_customer(customer: Customer) -> dict[str, Any]:
    """Shape a customer; what is unset is left out, because one of the vendor's clients refuses null."""
    organization = {
        "id": customer.consumer_id,
        "name": customer.name,
        "address": customer.address,
        "billingEmails": [customer.email],
        "phone": customer.phone,
    }
    rates = customer.tax_rates
    body = {
        "id": customer.id,
        "object": "customer",
        "consumerId": customer.consumer_id,
        "merchantId": customer.merchant_id,
        "organization": without_none(organization),
        "validTaxAddress": _tax_address(customer),
        "taxId": customer.tax_id,
        "externalId": customer.external_id,
        "taxRates": None if rates is None else {name: json_number(rate) for name, rate in rates.items()},
        "notificationSettings": None
        if customer.notifications is None
        else {**_NOTIFICATIONS, **customer.notifications},
        "createdAt": format_instant(customer.created_at),
        "updatedAt": format_instant(customer.updated_at),
    }
    return without_none(body)


def present_customers(page: PageOf[Customer]) -> dict[str, Any]:
    """Shape some customers."""
    return listed(page, [present_customer(customer) for customer in page.items])


def present_enrolled(enrolled: Enrolled) -> Reply:
    """Shape the answer to a creation: 201 when the customer is new, 200 when it was there."""
    customer = enrolled.customer
    body = {"customerId": customer.id, "validTaxAddress": _tax_address(customer)}
    return Reply.json(body, 201 if enrolled.is_new else 200)
