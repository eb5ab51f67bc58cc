"""Customers: who costs and invoices are for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from mockserver.kernel.call import Call
from mockserver.kernel.errors import Conflict, NotFound
from mockserver.kernel.windows import SECOND, floor_to
from mockserver.vendors.paygentic import tables
from mockserver.vendors.paygentic.domain.errors import CustomerInUse
from mockserver.vendors.paygentic.operations.access import Body, Parameters, may_write_customers, own_organization
from mockserver.vendors.paygentic.operations.paging import Page, PageOf
from mockserver.vendors.paygentic.tables.customers import Customer


@dataclass(frozen=True, slots=True)
class Consumer:
    """Who a new customer is."""

    name: str
    email: str
    address: Mapping[str, str] | None
    phone: str | None = None


@dataclass(frozen=True, slots=True)
class CustomerDraft:
    """A customer as it was asked for: a described consumer, or the id of a known one."""

    merchant_id: str
    consumer: Consumer | None = None
    consumer_id: str | None = None
    tax_id: str | None = None
    external_id: str | None = None
    tax_rates: Mapping[str, Decimal] | None = None


@dataclass(frozen=True, slots=True)
class Enrolled:
    """The customer a draft came to, and whether it is new."""

    customer: Customer
    is_new: bool


def must_exist(call: Call, identifier: str) -> Customer:
    """Return a customer.

    :raises NotFound: there is none, or it was deleted.
    """
    found = tables.customers.customer(call.world.store, call.world.id, identifier)
    if found is None:
        raise NotFound("Customer", identifier)
    return found


def may_change(call: Call, parameters: Parameters, body: Body) -> None:
    """Check the permission, then that the customer exists."""
    may_write_customers(call, parameters, body)
    must_exist(call, parameters[0])


def create(call: Call, draft: CustomerDraft) -> Enrolled:
    """Add a customer, unless the merchant has this consumer already.

    A consumer is known by its id or its e-mail address, and stays known, as it was, when its customer is deleted.

    :raises NotFound: `consumer_id` names nobody.
    :raises Conflict: another customer has the external id.
    """
    store, world = call.world.store, call.world.id
    merchant = own_organization(call, draft.merchant_id)
    known = _known_consumer(call, draft)
    current = known if known is not None and known.deleted_at is None else None
    _refuse_taken(call, draft.external_id, current)
    if current is not None:
        return Enrolled(current, is_new=False)
    if known is not None:
        consumer_id, consumer = known.consumer_id, Consumer(known.name, known.email, known.address, known.phone)
    else:
        assert draft.consumer is not None  # or its id would have been unknown
        consumer_id, consumer = call.world.new_id("org"), draft.consumer
    now = floor_to(call.now, SECOND)
    customer = Customer(
        call.world.new_id("cus"), consumer_id, merchant, consumer.name, consumer.email, consumer.phone,
        consumer.address, draft.tax_id, draft.external_id, draft.tax_rates, None, created_at=now, updated_at=now,
    )  # fmt: skip
    tables.customers.save_customer(store, world, customer)
    return Enrolled(customer, is_new=True)


def _known_consumer(call: Call, draft: CustomerDraft) -> Customer | None:
    """Return the customer that a consumer is or last was; an id says more than a description."""
    store, world = call.world.store, call.world.id
    if draft.consumer_id is None:
        assert draft.consumer is not None
        return tables.customers.last_with_email(store, world, draft.consumer.email)
    known = tables.customers.last_of_consumer(store, world, draft.consumer_id)
    if known is None:
        raise NotFound("Consumer", draft.consumer_id)
    return known


def _refuse_taken(call: Call, external_id: str | None, own: Customer | None) -> None:
    if external_id is None:
        return
    holder = tables.customers.customer_with_external_id(call.world.store, call.world.id, external_id)
    if holder is not None and (own is None or holder.id != own.id):
        raise Conflict(f"externalId '{external_id}' is already used by customer {holder.id}")


def page(call: Call, wanted: Page) -> PageOf[Customer]:
    """Return some customers, newest first."""
    own_organization(call, wanted.merchant_id)
    found, total = tables.customers.customers(
        call.world.store, call.world.id, wanted.limit, wanted.offset,
        name=wanted.name, email=wanted.email, external_id=wanted.external_id,
    )  # fmt: skip
    return PageOf(found, wanted, total)


def update(call: Call, identifier: str, changes: Mapping[str, Any]) -> Customer:
    """Change a customer; of notifications only those that are named change.

    :raises Conflict: another customer has the external id.
    """
    customer = must_exist(call, identifier)
    _refuse_taken(call, changes.get("external_id"), customer)
    if changes:
        if "notifications" in changes:
            changes = {**changes, "notifications": {**(customer.notifications or {}), **changes["notifications"]}}
        customer = replace(customer, **changes, updated_at=floor_to(call.now, SECOND))
        tables.customers.save_customer(call.world.store, call.world.id, customer)
    return customer


def delete(call: Call, identifier: str) -> None:
    """Delete a customer; its events and invoices stay, and its external id is free again.

    :raises CustomerInUse: it still owes something.
    """
    customer = must_exist(call, identifier)
    owed = tables.invoices.outstanding_of(call.world.store, call.world.id, identifier)
    if owed:
        raise CustomerInUse(identifier, owed)
    now = floor_to(call.now, SECOND)
    tables.customers.save_customer(call.world.store, call.world.id, replace(customer, updated_at=now, deleted_at=now))
