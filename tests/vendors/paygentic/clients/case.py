"""One version of the client in a world of its own, and what the answers to it hold."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from mockserver.kernel.world import World
from tests.conftest import START
from tests.sdks import Sdk
from tests.vendors.paygentic.clients.sdk import Plain, raised_for, versions
from tests.vendors.paygentic.conftest import MERCHANT, PRODUCT, TYPE

CUSTOMER = "cus_abc123"
FROM = datetime(2026, 2, 1, tzinfo=UTC)
TO = datetime(2026, 3, 1, tzinfo=UTC)
NOON = datetime(2026, 2, 3, 12, tzinfo=UTC)


@dataclass
class Case:
    """One client of that version in a world of its own."""

    sdk: Sdk
    name: str
    is_async: bool
    client: Any = None

    @property
    def key(self) -> str:
        return f"sk_test_{self.name}"

    @property
    def world(self) -> World:
        with self.sdk.simulator.store.committed():
            return self.sdk.simulator.worlds.admit(self.name)

    def another(self, **options: Any) -> Any:
        """Return one more client, by default with the same key over the same connections."""
        same = {
            "bearer_auth": self.key, "server_url": self.sdk.url,
            "client": self.sdk.sync_http, "async_client": self.sdk.async_http,
        }  # fmt: skip
        client = self.sdk.module.Paygentic(**same | options)
        return Plain(client, self.sdk.runner if self.is_async else None)

    def flip(self, **switches: bool) -> None:
        """Turn switches of the world on and off, named without the vendor."""
        world = self.world
        with self.sdk.simulator.store.committed():
            self.sdk.simulator.worlds.flip(world, {f"paygentic.{name}": is_on for name, is_on in switches.items()})

    @contextmanager
    def refused(
        self, operation: str, status: int, message: str, errors: dict[str, str] | None = None, **facts: Any
    ) -> Iterator[None]:
        """Hold a block to a refusal, in the exception this version is written to raise for it.

        :param operation: resource and method, with a dot between them.
        :param errors: faulty fields and their codes.
        :param facts: further members of the body, where this version reads them.
        """
        name = raised_for(self.sdk.module, operation, status)
        with pytest.raises(self.sdk.module.errors.PaygenticError) as caught:
            yield
        error: Any = caught.value
        assert (type(error).__name__, error.status_code) == (name, status)
        body = error.raw_response.json()
        assert body["message"] == message
        if name != "PaygenticDefaultError":
            assert error.data.message == message
            for fact, value in facts.items():
                assert getattr(error.data, fact, value) == value
        if name == "Error":
            assert str(error) == message
        if errors is not None:
            assert {problem["field"]: problem["code"] for problem in body["errors"]} == errors
            if name == "BadRequest":
                assert {problem.field: problem.code for problem in error.data.errors} == errors
                assert all(problem.message for problem in error.data.errors)

    # What a merchant's own code does

    def create_cost(self, **changes: Any) -> Any:
        wanted = {
            "type_": "metered", "name": "AI Inference Cost", "event_type": TYPE, "value_property": "$.amount",
            "aggregation": "SUM", "unit_cost": 1, "currency": "USD", "product_id": PRODUCT,
            "group_by": {"provider": "$.provider", "operation": "$.operation"},
        }  # fmt: skip
        return self.client.costs.create_cost(**wanted | changes)

    def create_metric(self, **changes: Any) -> Any:
        wanted = {
            "name": "Tokens", "description": "Tokens used", "unit": "token", "merchant_id": MERCHANT,
            "product_id": PRODUCT, "aggregation": "SUM", "event_type": TYPE, "value_property": "$.tokens",
            "group_by": {"provider": "$.provider"},
        }  # fmt: skip
        return self.client.billable_metrics.create(**wanted | changes)

    def send(self, data: dict[str, Any], **changes: Any) -> Any:
        """Send an event, in the way of this version."""
        event = {"type": TYPE, "source": "https://api.myapp.com", "subject": CUSTOMER, "data": data, "timestamp": NOON}
        event = {name: value for name, value in {**event, **changes}.items() if value is not ...}
        if self.sdk.version in versions(since="0.5.0"):
            return self.client.events.ingest(request=event)
        return self.client.events.ingest(type_=event.pop("type"), **event)


# What answers hold


def identity(prefix: str) -> Callable[[Any], bool]:
    return lambda value: re.fullmatch(rf"{prefix}_([A-Za-z0-9]{{16}}|abc123)", value) is not None


def cost_of(**changes: Any) -> dict[str, Any]:
    """Return every field of the cost that `Case.create_cost` makes."""
    return {
        "id": identity("cst"), "object": "cost", "type": "metered", "name": "AI Inference Cost", "currency": "USD",
        "unitCost": "1", "unit": None, "aggregation": "SUM", "eventType": TYPE, "valueProperty": "$.amount",
        "groupBy": {"provider": "$.provider", "operation": "$.operation"}, "productId": PRODUCT,
        "merchantId": MERCHANT, "createdAt": START, "updatedAt": START, "deletedAt": None,
    } | changes  # fmt: skip


def metric_of(**changes: Any) -> dict[str, Any]:
    """Return every field of the metric that `Case.create_metric` makes."""
    return {
        "id": identity("bm"), "object": "billableMetric", "name": "Tokens", "description": "Tokens used",
        "unit": "token", "merchantId": MERCHANT, "productId": PRODUCT, "itemId": None, "aggregation": "SUM",
        "eventType": TYPE, "valueProperty": "$.tokens", "groupBy": {"provider": "$.provider"}, "eventFrom": None,
        "createdAt": START, "updatedAt": START,
    } | changes  # fmt: skip


def event_of(**changes: Any) -> dict[str, Any]:
    """Return every field of the answer to an event that `Case.send` sends."""
    return {
        "id": identity("evt"), "object": "event", "type": TYPE, "source": "https://api.myapp.com",
        "subject": CUSTOMER, "externalSubject": ..., "namespace": MERCHANT, "timestamp": "2026-02-03T12:00:00Z",
        "idempotencyKey": str, "externalId": ...,
    } | changes  # fmt: skip


def summary_of(total: float | None, **changes: Any) -> dict[str, Any]:
    """Return every field of a summary whose unit cost is 1."""
    return {
        "id": identity("cst"), "object": "cost", "type": "metered", "name": "AI Inference Cost", "currency": "USD",
        "eventType": TYPE, "unit": ..., "totalCost": total, "totalQuantity": total, "groups": ..., "timeSeries": ...,
    } | changes  # fmt: skip


def page_of(*items: Any, limit: int = 10, offset: int = 0, total: int | None = None) -> dict[str, Any]:
    """Return every field of a page."""
    pagination = {"limit": limit, "offset": offset, "total": len(items) if total is None else total}
    return {"object": "list", "data": list(items), "pagination": pagination}


def point(start: str, end: str, quantity: float) -> dict[str, Any]:
    return {"windowStart": start, "windowEnd": end, "quantity": quantity, "cost": quantity}


def customer_of(**changes: Any) -> dict[str, Any]:
    """Return every field of North Ltd."""
    address = {
        "line1": "Weg 1", "line2": ..., "city": "Berlin", "state": "BE", "country": "DE", "zipCode": "10115"
    }  # fmt: skip
    return {
        "id": identity("cus"), "object": "customer", "consumerId": identity("org"), "merchantId": MERCHANT,
        "organization": {
            "id": identity("org"), "name": "North Ltd", "address": address, "billingEmails": ["ap@north.example"],
            "phone": "+49 30 1",
        },
        "validTaxAddress": {"valid": True, "message": ...}, "taxId": "DE1", "externalId": "north-01",
        "taxRates": {"vat": 19.5}, "notificationSettings": ..., "createdAt": START, "updatedAt": START,
    } | changes  # fmt: skip
