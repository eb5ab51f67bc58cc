"""Cost metrics."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from mockserver.kernel.money import plain
from mockserver.kernel.windows import format_instant
from mockserver.vendors.paygentic.domain.aggregation import Aggregation
from mockserver.vendors.paygentic.domain.costing import Cost, CostDraft
from mockserver.vendors.paygentic.operations.paging import Page, PageOf
from mockserver.vendors.paygentic.schemas.pages import PageQuery, listed
from mockserver.vendors.paygentic.schemas.values import (
    Currency,
    EventType,
    NotNull,
    OptionalText,
    OrganizationId,
    Path,
    ProductId,
    Text,
    UnitCost,
    Wire,
    path_where_needed,
    sent,
)


class ListCostsQuery(PageQuery):
    """Query of `GET /v0/costs`."""

    merchant_id: OrganizationId | None = None
    product_id: ProductId | None = None

    def to_domain(self) -> Page:
        """Return which page is wanted."""
        return Page(self.limit, self.offset, merchant_id=self.merchant_id, product_id=self.product_id)


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

    _path = field_validator("value_property")(path_where_needed)

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
        return sent(self)


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
    return listed(page, [present_cost(cost) for cost in page.items])
