"""What a cost came to."""

from __future__ import annotations

from typing import Literal

from mockserver.vendors.paygentic.answers.answer import Answer


class SummaryGroup(Answer):
    """One combination of dimension values."""

    dimensions: dict[str, str]
    quantity: float
    cost: float


class SummaryPoint(Answer):
    """One bucket of time."""

    window_start: str
    window_end: str
    quantity: float
    cost: float


class CostSummaryResponse(Answer):
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
