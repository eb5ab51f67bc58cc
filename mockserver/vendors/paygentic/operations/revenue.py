"""The revenue summary: what customers were billed in a window of time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mockserver.kernel.call import Call
from mockserver.vendors.paygentic import tables
from mockserver.vendors.paygentic.domain.revenue import (
    Basis,
    Bucket,
    GroupBy,
    Scope,
    Summary,
    Width,
    refuse_span,
    starts_of,
    summarise,
)
from mockserver.vendors.paygentic.operations.access import own_organization
from mockserver.vendors.paygentic.operations.summaries import ZERO_FILL


@dataclass(frozen=True, slots=True)
class RevenueQuestion:
    """What is asked of revenue.

    :param start: first instant of the window, in microseconds; `end` is the first one after it.
    :param currency: the primary one when `None`; with `group_by` of currencies, all of them.
    """

    start: int
    end: int
    width: Width
    basis: Basis
    merchant_id: str | None = None
    customer_id: str | None = None
    subscription_ids: Sequence[str] = ()
    currency: str | None = None
    group_by: GroupBy | None = None


@dataclass(frozen=True, slots=True)
class Revenue:
    """The answer.

    :param summaries: one, or one per currency.
    :param extent: where in time there are invoices, as far as is known.
    """

    summaries: Sequence[Summary]
    is_by_currency: bool
    is_empty: bool
    extent: tuple[int, int] | None


def get(call: Call, question: RevenueQuestion) -> Revenue:
    """Return revenue over a window of time.

    :raises NotMember: another organization is named.
    :raises Refused: the window is empty, or has too many buckets.

    Source: paygentic/openapi "getRevenue" (documented).
    """
    store, world = call.world.store, call.world.id
    own_organization(call, question.merchant_id)
    refuse_span(question.start, question.end, question.width, ("startTime", "endTime"))
    primary = tables.organizations.organization(store, world).primary_currency
    is_by_currency = question.group_by == "currency"
    currency = question.currency or (None if is_by_currency else primary)
    customers = None if question.customer_id is None else (question.customer_id,)
    scope = Scope(
        question.start, question.end, currency, customers, question.subscription_ids,
        by_period=question.basis == "billingPeriod",
    )  # fmt: skip
    lines = tables.invoices.lines(store, world, scope, width=question.width, group_by=question.group_by)
    codes = {line.currency for line in lines} if is_by_currency else {currency or primary}
    names = tables.customers.names(store, world) if question.group_by == "customer" else {}
    summaries = [
        summarise([line for line in lines if line.currency == code], code, question.group_by, names)
        for code in sorted(codes, key=lambda code: (code != primary, code))
    ]
    if call.world.is_on(ZERO_FILL):
        for summary in summaries:
            summary.trend = _filled(summary.trend, question)
    extent = None if lines else tables.invoices.extent(store, world, scope)
    return Revenue(summaries, is_by_currency, not lines, extent)


def _filled(trend: Mapping[int, Bucket], question: RevenueQuestion) -> dict[int, Bucket]:
    starts = starts_of(question.start, question.end, question.width)
    return {start: trend.get(start) or Bucket() for start in starts}
