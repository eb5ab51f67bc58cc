"""Billable metrics."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from mockserver.kernel.windows import format_instant
from mockserver.vendors.paygentic.domain.aggregation import Aggregation
from mockserver.vendors.paygentic.domain.billable_metrics import BillableMetric, BillableMetricDraft
from mockserver.vendors.paygentic.operations.paging import Page, PageOf
from mockserver.vendors.paygentic.schemas.pages import PageQuery, listed
from mockserver.vendors.paygentic.schemas.values import (
    DateTime,
    EventType,
    ItemId,
    NotNull,
    OptionalText,
    OrganizationId,
    Path,
    ProductId,
    Text,
    Wire,
    one_of_two,
    path_where_needed,
    sent,
)


class ListBillableMetricsQuery(PageQuery):
    """Query of `GET /v0/billableMetrics`."""

    merchant_id: OrganizationId
    product_id: ProductId | None = None
    item_id: ItemId | None = None

    def to_domain(self) -> Page:
        """Return which page is wanted."""
        return Page(
            self.limit, self.offset, merchant_id=self.merchant_id, product_id=self.product_id, item_id=self.item_id
        )


class CreateBillableMetricRequest(Wire):
    """Body of `POST /v0/billableMetrics`."""

    model_config = one_of_two("productId", "itemId")

    name: Text
    description: str
    unit: str
    merchant_id: OrganizationId
    aggregation: Aggregation
    event_type: Annotated[EventType | None, NotNull] = None
    item_id: Annotated[ItemId | None, NotNull] = None
    # After `item_id`: it may be missing when that is there. The path likewise, after `aggregation`.
    product_id: ProductId | None = Field(default=None, validate_default=True)
    value_property: Path | None = Field(default=None, validate_default=True)
    group_by: Annotated[dict[str, Path] | None, NotNull] = None
    event_from: Annotated[DateTime | None, NotNull] = None

    _path = field_validator("value_property")(path_where_needed)

    @field_validator("product_id")
    @classmethod
    def _one_of_two(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None and info.data.get("item_id", "") is None:
            raise PydanticCustomError("required", "needed when there is no itemId")
        return value

    def to_domain(self) -> BillableMetricDraft:
        """Return the billable metric that is wanted."""
        return BillableMetricDraft(
            self.name, self.description, self.unit, self.merchant_id, self.aggregation, self.event_type,
            self.product_id, self.item_id, self.value_property, self.group_by, self.event_from,
        )  # fmt: skip


class UpdateBillableMetricRequest(Wire):
    """Body of `PATCH /v0/billableMetrics/{id}`; what it names may not be null unless that unsets it."""

    name: Annotated[Text | None, NotNull] = None
    description: OptionalText = None
    unit: OptionalText = None
    item_id: ItemId | None = None
    event_type: Annotated[EventType | None, NotNull] = None
    value_property: Path | None = None
    group_by: dict[str, Path] | None = None
    event_from: DateTime | None = None

    def to_domain(self) -> dict[str, Any]:
        """Return the changes, by field."""
        return sent(self)


def present_billable_metric(metric: BillableMetric) -> dict[str, Any]:
    """Shape a billable metric; what is unset is null."""
    return {
        "id": metric.id,
        "object": "billableMetric",
        "name": metric.name,
        "description": metric.description,
        "unit": metric.unit,
        "merchantId": metric.merchant_id,
        "productId": metric.product_id,
        "itemId": metric.item_id,
        "aggregation": metric.aggregation,
        "eventType": metric.event_type,
        "valueProperty": metric.value_property,
        "groupBy": None if metric.group_by is None else dict(metric.group_by),
        "eventFrom": None if metric.event_from is None else format_instant(metric.event_from),
        "createdAt": format_instant(metric.created_at),
        "updatedAt": format_instant(metric.updated_at),
    }


def present_billable_metrics(page: PageOf[BillableMetric]) -> dict[str, Any]:
    """Shape some billable metrics."""
    return listed(page, [present_billable_metric(metric) for metric in page.items])
