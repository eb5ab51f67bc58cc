"""Paygentic's wire: what it accepts, as strict as its published schema, and the shapes of its answers.

Request and query models end in `to_domain`; `present_*` makes the bodies that `answers` documents.
camelCase exists here alone.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    StringConstraints,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from mockserver.http.endpoint import WireModel
from mockserver.http.messages import Reply
from mockserver.kernel.money import json_number, plain
from mockserver.kernel.windows import format_instant, parse_instant
from mockserver.vendors.paygentic.domain.aggregation import NEEDS_VALUE, Aggregation, Window
from mockserver.vendors.paygentic.domain.costing import MAX_UNIT_COST, MIN_UNIT_COST, Cost, CostDraft, Question, Summary
from mockserver.vendors.paygentic.domain.metering import PATH, Event, EventDraft, control_character_in
from mockserver.vendors.paygentic.operations.customers import Consumer, CustomerDraft, Enrolled
from mockserver.vendors.paygentic.operations.paging import Page, PageOf
from mockserver.vendors.paygentic.operations.products import ProductDraft
from mockserver.vendors.paygentic.tables.customers import Customer
from mockserver.vendors.paygentic.tables.organizations import Product


class Wire(WireModel):
    """Base of these models: fields are known by their camelCase name and by no other."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=False)


# Kinds of values


def _not_null(value: Any) -> Any:
    if value is None:
        raise PydanticCustomError("invalid_type", "must not be null")
    return value


def _number(value: Any) -> Decimal:
    if type(value) is int or type(value) is Decimal:
        return Decimal(value)
    raise PydanticCustomError("invalid_type", "must be a number")


def _unit_cost(value: Decimal) -> Decimal:
    if not MIN_UNIT_COST <= value <= MAX_UNIT_COST:
        raise PydanticCustomError("out_of_range", "must be from 0 to 1000000")
    return value


def _percent(value: Decimal) -> Decimal:
    if not 0 <= value <= 100:
        raise PydanticCustomError("out_of_range", "must be from 0 to 100")
    return value


def _rates(value: Any) -> dict[str, Decimal]:
    """One rate for all is kept under the name `default`."""
    rates = value if isinstance(value, dict) else {"default": value}
    return {name: _percent(_number(rate)) for name, rate in rates.items()}


def _instant(value: Any) -> int:
    if not isinstance(value, str):
        raise PydanticCustomError("invalid_type", "must be an ISO 8601 date-time string")
    try:
        return parse_instant(value)
    except ValueError:
        raise PydanticCustomError(
            "invalid_format", "must be an ISO 8601 date-time, such as 2026-02-01T00:00:00Z"
        ) from None


def _event_type(value: str) -> str:
    if control_character_in(value):
        raise PydanticCustomError("invalid_format", "must not contain control characters")
    return value


def _whole(value: str) -> int:
    if not re.fullmatch(r"-?[0-9]{1,18}", value):
        raise PydanticCustomError("invalid_type", "must be an integer")
    return int(value)


def _dimension_keys(value: str) -> tuple[str, ...]:
    keys = [key.strip() for key in value.split(",")]
    if not all(keys):
        raise PydanticCustomError("unknown_key", "must be dimension keys with commas between them")
    return tuple(dict.fromkeys(keys))


NotNull = BeforeValidator(_not_null)
"""For optional members that may be left out but are not nullable in the vendor's schema."""

Text = Annotated[str, StringConstraints(min_length=1)]
OptionalText = Annotated[str | None, NotNull]
EventType = Annotated[str, StringConstraints(min_length=1), AfterValidator(_event_type)]
Path = Annotated[str, StringConstraints(pattern=PATH)]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
UnitCost = Annotated[
    Decimal,
    PlainValidator(_number),
    AfterValidator(_unit_cost),
    WithJsonSchema({"type": "number", "minimum": 0, "maximum": 1_000_000}),
]
Percent = Annotated[
    Decimal,
    PlainValidator(_number),
    AfterValidator(_percent),
    WithJsonSchema({"type": "number", "minimum": 0, "maximum": 100}),
]
Rates = Annotated[
    dict[str, Decimal],
    PlainValidator(_rates),
    WithJsonSchema({"type": ["number", "object"], "additionalProperties": {"type": "number"}}),
]
DateTime = Annotated[int, PlainValidator(_instant), WithJsonSchema({"type": "string", "format": "date-time"})]
Whole = Annotated[int, BeforeValidator(_whole)]
ExternalId = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9_-]+$", max_length=255)]
# The vendor's own example ids break its patterns with an underscore, so one is let through.
OrganizationId = Annotated[str, StringConstraints(pattern=r"^org_[a-zA-Z0-9_-]+$")]
ProductId = Annotated[str, StringConstraints(pattern=r"^prod_[a-zA-Z0-9_-]+$")]


def _sent(model: Wire) -> dict[str, Any]:
    """Return the members a request brought, null ones included, by their Python names."""
    return {name: getattr(model, name) for name in model.model_fields_set}


def _without_none(members: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


# Errors


# Lists


class _PageQuery(Wire):
    limit: Whole = Field(default=10, ge=1, le=100)
    offset: Whole = Field(default=0, ge=0)


class ListProductsQuery(_PageQuery):
    """Query of `GET /v0/products`."""

    merchant_id: OrganizationId | None = None

    def to_domain(self) -> Page:
        """Return which page is wanted."""
        return Page(self.limit, self.offset, merchant_id=self.merchant_id)


class ListCostsQuery(_PageQuery):
    """Query of `GET /v0/costs`."""

    merchant_id: OrganizationId | None = None
    product_id: ProductId | None = None

    def to_domain(self) -> Page:
        """Return which page is wanted."""
        return Page(self.limit, self.offset, merchant_id=self.merchant_id, product_id=self.product_id)


class ListCustomersQuery(_PageQuery):
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


def _list(page: PageOf[Any], items: list[dict[str, Any]]) -> dict[str, Any]:
    pagination = {"limit": page.page.limit, "offset": page.page.offset, "total": page.total}
    return {"object": "list", "data": items, "pagination": pagination}


# Products


class CreateProductRequest(Wire):
    """Body of `POST /v0/products`."""

    name: Text
    description: str
    merchant_id: OrganizationId
    metadata: Annotated[dict[str, str] | None, NotNull] = None

    def to_domain(self) -> ProductDraft:
        """Return the product that is wanted."""
        return ProductDraft(self.name, self.description, self.merchant_id, self.metadata or {})


class UpdateProductRequest(Wire):
    """Body of `PATCH /v0/products/{id}`."""

    name: Annotated[Text | None, NotNull] = None
    description: OptionalText = None

    def to_domain(self) -> dict[str, Any]:
        """Return the changes, by field."""
        return _sent(self)


def present_product(product: Product) -> dict[str, Any]:
    """Shape a product."""
    return {
        "id": product.id,
        "object": "product",
        "name": product.name,
        "description": product.description,
        "merchantId": product.merchant_id,
        "metadata": dict(product.metadata),
        "createdAt": format_instant(product.created_at),
        "updatedAt": format_instant(product.updated_at),
    }


def present_products(page: PageOf[Product]) -> dict[str, Any]:
    """Shape some products."""
    return _list(page, [present_product(product) for product in page.items])


# Customers


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
    email: Annotated[str, StringConstraints(pattern=r"^[^@\s]+@[^@\s]+$")]
    address: AddressBody
    phone: OptionalText = None

    def to_domain(self) -> Consumer:
        """Return the consumer."""
        address = self.address.model_dump(by_alias=True, exclude_none=True)
        return Consumer(self.name, self.email, address, self.phone)


class CreateCustomerRequest(Wire):
    """Body of `POST /v0/customers`."""

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
        changes = _sent(self)
        if self.notification_settings is not None:
            del changes["notification_settings"]
            changes["notifications"] = self.notification_settings.model_dump(by_alias=True, exclude_none=True)
        return changes


_NOTIFICATIONS = {"invoiceIssued": True, "invoicePaid": True, "renewalReminder": True}


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
        "organization": _without_none(organization),
        "validTaxAddress": {"valid": bool(customer.address)},
        "taxId": customer.tax_id,
        "externalId": customer.external_id,
        "taxRates": None if rates is None else {name: json_number(rate) for name, rate in rates.items()},
        "notificationSettings": customer.notifications and {**_NOTIFICATIONS, **customer.notifications},
        "createdAt": format_instant(customer.created_at),
        "updatedAt": format_instant(customer.updated_at),
    }
    return _without_none(body)


def present_customers(page: PageOf[Customer]) -> dict[str, Any]:
    """Shape some customers."""
    return _list(page, [present_customer(customer) for customer in page.items])


def present_enrolled(enrolled: Enrolled) -> Reply:
    """Shape the answer to a creation: 201 when the customer is new, 200 when it was there."""
    customer = enrolled.customer
    body = {"customerId": customer.id, "validTaxAddress": {"valid": bool(customer.address)}}
    return Reply.json(body, 201 if enrolled.is_new else 200)


# Costs


class CreateCostRequest(Wire):
    """Body of `POST /v0/costs`."""

    type: Literal["metered"]
    name: Text
    event_type: EventType
    aggregation: Aggregation
    unit_cost: UnitCost
    currency: Currency
    product_id: ProductId
    # After `aggregation`: whether it may be missing depends on that.
    value_property: Path | None = Field(default=None, validate_default=True)
    unit: OptionalText = None
    group_by: Annotated[dict[str, Path] | None, NotNull] = None
    merchant_id: Annotated[OrganizationId | None, NotNull] = None

    @field_validator("value_property")
    @classmethod
    def _needed(cls, value: str | None, info: ValidationInfo) -> str | None:
        aggregation = info.data.get("aggregation")
        if value is None and aggregation in NEEDS_VALUE:
            raise PydanticCustomError(
                "required", "needed when aggregation is {aggregation}", {"aggregation": aggregation}
            )
        return value

    def to_domain(self) -> CostDraft:
        """Return the cost that is wanted."""
        return CostDraft(
            self.name, self.event_type, self.aggregation, self.unit_cost, self.currency, self.product_id,
            self.value_property, self.unit, self.group_by, self.merchant_id,
        )  # fmt: skip


class UpdateCostRequest(Wire):
    """Body of `PATCH /v0/costs/{id}`; what it names may not be null unless the answer may be."""

    name: Annotated[Text | None, NotNull] = None
    unit_cost: Annotated[UnitCost | None, NotNull] = None
    currency: Annotated[Currency | None, NotNull] = None
    unit: str | None = None
    aggregation: Aggregation | None = None
    event_type: EventType | None = None
    value_property: Path | None = None
    group_by: dict[str, Path] | None = None

    def to_domain(self) -> dict[str, Any]:
        """Return the changes, by field."""
        return _sent(self)


def present_cost(cost: Cost) -> dict[str, Any]:
    """Shape a cost metric; what is unset is null."""
    return {
        "id": cost.id,
        "object": "cost",
        "type": "metered",
        "name": cost.name,
        "currency": cost.currency,
        "unitCost": plain(cost.unit_cost),
        "unit": cost.unit,
        "aggregation": cost.aggregation,
        "eventType": cost.event_type,
        "valueProperty": cost.value_property,
        "groupBy": None if cost.group_by is None else dict(cost.group_by),
        "productId": cost.product_id,
        "merchantId": cost.merchant_id,
        "createdAt": format_instant(cost.created_at),
        "updatedAt": format_instant(cost.updated_at),
        "deletedAt": None if cost.deleted_at is None else format_instant(cost.deleted_at),
    }


def present_costs(page: PageOf[Cost]) -> dict[str, Any]:
    """Shape some cost metrics."""
    return _list(page, [present_cost(cost) for cost in page.items])


# Summaries


class CostSummaryQuery(Wire):
    """Query of `GET /v0/costs/{id}/summary`."""

    from_: DateTime = Field(alias="from")
    to: DateTime
    subject: str | None = None
    group_by: Annotated[tuple[str, ...] | None, PlainValidator(_dimension_keys), WithJsonSchema({"type": "string"})] = (
        None
    )
    window: Window | None = None
    filter_group_by: str | None = None

    def to_domain(self) -> Question:
        """Return what is asked."""
        return Question(self.from_, self.to, self.subject, self.group_by, self.window, self.filter_group_by)


def present_summary(summary: Summary) -> dict[str, Any]:
    """Shape a summary; exact decimals become JSON numbers here and nowhere before."""
    cost = summary.cost
    body: dict[str, Any] = {
        "object": "cost",
        "id": cost.id,
        "name": cost.name,
        "type": "metered",
        "currency": cost.currency,
    }
    body |= _without_none({"eventType": cost.event_type, "unit": cost.unit})
    body["totalCost"] = _json_number(summary.total_cost)
    body["totalQuantity"] = _json_number(summary.total_quantity)
    if summary.groups is not None:
        body["groups"] = [
            {
                "dimensions": dict(group.dimensions),
                "quantity": json_number(group.quantity),
                "cost": json_number(group.cost),
            }
            for group in summary.groups
        ]
    if summary.series is not None:
        body["timeSeries"] = [
            {
                "windowStart": format_instant(point.start),
                "windowEnd": format_instant(point.end),
                "quantity": json_number(point.quantity),
                "cost": json_number(point.cost),
            }
            for point in summary.series
        ]
    return body


def _json_number(value: Decimal | None) -> int | float | None:
    return None if value is None else json_number(value)


# Events


class IngestEventRequest(Wire):
    """Body of `POST /v0/events`."""

    type: EventType
    source: str
    external_subject: Annotated[ExternalId | None, NotNull] = None
    # After `external_subject`: it may be missing when that is there.
    subject: Text | None = Field(default=None, validate_default=True)
    data: dict[str, Any]
    namespace: OptionalText = None
    timestamp: Annotated[DateTime | None, NotNull] = None
    idempotency_key: OptionalText = None
    external_id: Annotated[ExternalId | None, NotNull] = None

    @field_validator("subject")
    @classmethod
    def _one_of_two(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None and info.data.get("external_subject", "") is None:
            raise PydanticCustomError("required", "needed when there is no externalSubject")
        return value

    def to_domain(self) -> EventDraft:
        """Return the event that was sent."""
        return EventDraft(
            self.type, self.source, self.data, self.subject, self.external_subject, self.external_id,
            self.namespace, self.timestamp, self.idempotency_key,
        )  # fmt: skip


def present_event(event: Event) -> dict[str, Any]:
    """Shape an accepted event; what is unset is left out."""
    draft = event.draft
    return _without_none(
        {
            "id": event.id,
            "object": "event",
            "type": draft.type,
            "source": draft.source,
            "subject": event.subject,
            "externalSubject": draft.external_subject,
            "namespace": event.namespace,
            "timestamp": format_instant(event.at),
            "idempotencyKey": event.idempotency_key,
            "externalId": draft.external_id,
        }
    )
