"""The cost report."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

from mockserver.kernel.money import json_number
from mockserver.kernel.windows import format_instant
from mockserver.vendors.paygentic.domain.reports import Prior, Report, ReportGroup, ReportQuestion, Sort
from mockserver.vendors.paygentic.schemas.values import (
    Currency,
    DateTime,
    Flag,
    OrganizationId,
    Text,
    Whole,
    Wire,
    optional_number,
)

_COST_ID = r"^cst_[a-zA-Z0-9_-]+$"


def _cost_ids(value: list[str] | None) -> list[str] | None:
    if value is not None and not all(re.fullmatch(_COST_ID, identifier, re.ASCII) for identifier in value):
        raise PydanticCustomError("invalid_format", "must be ids of costs, such as cst_abc123")
    return value


class CostReportQuery(Wire):
    """Query of `GET /v0/costs/report`."""

    from_: DateTime = Field(alias="from")
    to: DateTime
    group_by: Text
    merchant_id: OrganizationId | None = None
    # Checked as one, so that the parameter is to blame and not its third item.
    cost_id: Annotated[
        list[str] | None,
        AfterValidator(_cost_ids),
        WithJsonSchema({"type": "array", "items": {"type": "string", "pattern": _COST_ID}}),
    ] = None
    subject: str | None = None
    filter_group_by: Annotated[str, StringConstraints(max_length=4096)] | None = None
    top_n: Whole = Field(default=9, ge=1, le=25)
    compare_prior_period: Flag = False
    exclude_empty: Flag = False
    window_size: Literal["HOUR", "DAY", "MONTH"] | None = None
    sort: Sort = "totalCost"
    sort_dir: Literal["asc", "desc"] = "desc"
    offset: Whole = Field(default=0, ge=0)
    limit: Whole = Field(default=25, ge=1, le=100)
    currency: Currency | None = None

    def to_domain(self) -> ReportQuestion:
        """Return what is asked."""
        return ReportQuestion(
            self.from_, self.to, self.group_by, self.merchant_id, tuple(dict.fromkeys(self.cost_id or ())),
            self.subject, self.filter_group_by, self.top_n, self.compare_prior_period, self.exclude_empty,
            self.window_size, self.sort, self.sort_dir == "asc", self.offset, self.limit, self.currency,
        )  # fmt: skip


def present_report(report: Report) -> dict[str, Any]:
    """Shape a report; exact decimals become JSON numbers here and nowhere before."""
    question = report.question
    body: dict[str, Any] = {
        "object": "cost_report",
        "currency": report.selection.currency,
        "period": _period(question.start, question.end),
        "groupBy": question.group_by,
        "totalCost": json_number(report.total.cost),
        "totalQuantity": json_number(report.total.quantity),
        "groups": [_group(group, report) for group in report.groups],
        "timeSeries": [
            {
                "windowStart": format_instant(bucket.start),
                "windowEnd": format_instant(bucket.end),
                "groups": {key: json_number(cost) for key, cost in bucket.costs.items()},
            }
            for bucket in report.series
        ],
        "availableDimensions": list(report.selection.dimensions),
        "warnings": list(report.selection.warnings),
        "groupCount": report.group_count,
        "emptyGroupCount": report.empty_count,
        "pagination": {"limit": question.limit, "offset": question.offset, "total": report.matching},
    }
    if report.is_empty:
        body["costRange"] = None if report.extent is None else _period(*report.extent)
    return body


def _group(group: ReportGroup, report: Report) -> dict[str, Any]:
    body: dict[str, Any] = {
        "key": group.key,
        "label": "Other" if group.is_other else report.labels.get(group.key, group.key),
        "totalCost": json_number(group.amount.cost),
        "totalQuantity": json_number(group.amount.quantity),
        "percentOfTotal": json_number(group.percent),
        "isOther": group.is_other,
        "unit": group.unit,
    }
    if group.prior is not None:
        body["priorPeriod"] = _prior(group.prior)
    return body


def _prior(prior: Prior) -> dict[str, Any]:
    return {"cost": json_number(prior.cost), "changePercent": optional_number(prior.change)}


def _period(start: int, end: int) -> dict[str, str]:
    return {"from": format_instant(start), "to": format_instant(end)}
