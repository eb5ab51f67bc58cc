"""Who may do what: checked before a request's fields are judged, so that a refusal does not depend on them.

Each `may_*` fits `Endpoint.prepare`: call, path parameters, body or query. Permissions are switches of the world; all
are on at first, because a key without a table of permissions may do everything.
"""

from __future__ import annotations

import re
from typing import Any

from mockserver.http.endpoint import Prepare
from mockserver.kernel.call import Call
from mockserver.vendors.paygentic import tables
from mockserver.vendors.paygentic.domain.errors import CostTrackingOff, NoPermission, NotMember

SWITCHES = {
    "paygentic.cost_tracking": True,
    "paygentic.events_create": True,
    "paygentic.costs_read": True,
    "paygentic.costs_write": True,
    "paygentic.billable_metrics_read": True,
    "paygentic.billable_metrics_write": True,
    "paygentic.products_read": True,
    "paygentic.products_write": True,
    "paygentic.customers_read": True,
    "paygentic.customers_write": True,
    "paygentic.revenue_read": True,
    "paygentic.profitability_read": True,
    "paygentic.test_clocks_read": True,
    "paygentic.test_clocks_write": True,
}
"""Permissions and the private beta; the vendor names only `events:create` and `costs:write`."""

_ORGANIZATION_ID = re.compile(r"org_[a-zA-Z0-9_-]+", re.ASCII)

Parameters = tuple[str, ...]
Body = dict[str, Any] | None


def _require(call: Call, *permissions: str) -> None:
    if not any(call.world.is_on(f"paygentic.{name.replace(':', '_')}") for name in permissions):
        raise NoPermission(*permissions)


def may_create_events(call: Call, parameters: Parameters, body: Body) -> None:
    """Check `events:create`.

    Source: paygentic/cost-tracking "Before You Begin" (documented).
    """
    _require(call, "events:create")


def may_write_costs(call: Call, parameters: Parameters, body: Body) -> None:
    """Check the private beta and `costs:write`.

    Source: paygentic/cost-tracking "Before You Begin" (documented).
    """
    _require_cost_tracking(call)
    _require(call, "costs:write")


def may_read_costs(call: Call, parameters: Parameters, body: Body) -> None:
    """Check the private beta and the right to read; whoever may write may read.

    Source: paygentic/cost-tracking "Before You Begin" (documented: two permissions suffice), the name (assumed).
    """
    _require_cost_tracking(call)
    _require(call, "costs:read", "costs:write")


def _require_cost_tracking(call: Call) -> None:
    if not call.world.is_on("paygentic.cost_tracking"):
        raise CostTrackingOff


def may_write_billable_metrics(call: Call, parameters: Parameters, body: Body) -> None:
    """Check `billable_metrics:write`, a name of our own."""
    _require(call, "billable_metrics:write")


def may_read_billable_metrics(call: Call, parameters: Parameters, body: Body) -> None:
    """Check the right to read billable metrics, what they measured, and their events."""
    _require(call, "billable_metrics:read", "billable_metrics:write")


def may_write_products(call: Call, parameters: Parameters, body: Body) -> None:
    """Check `products:write`, a name of our own."""
    _require(call, "products:write")


def may_read_products(call: Call, parameters: Parameters, body: Body) -> None:
    """Check the right to read products."""
    _require(call, "products:read", "products:write")


def may_write_customers(call: Call, parameters: Parameters, body: Body) -> None:
    """Check `customers:write`, a name of our own."""
    _require(call, "customers:write")


def may_read_customers(call: Call, parameters: Parameters, body: Body) -> None:
    """Check the right to read customers."""
    _require(call, "customers:read", "customers:write")


def may_read_revenue(call: Call, parameters: Parameters, body: Body) -> None:
    """Check `revenue:read`, a name of our own; nothing writes revenue."""
    _require(call, "revenue:read")


def may_read_profitability(call: Call, parameters: Parameters, body: Body) -> None:
    """Check `profitability:read`, a name of our own; nothing writes profitability."""
    _require(call, "profitability:read")


def may_write_test_clocks(call: Call, parameters: Parameters, body: Body) -> None:
    """Check `test_clocks:write`, a name of our own."""
    _require(call, "test_clocks:write")


def may_read_test_clocks(call: Call, parameters: Parameters, body: Body) -> None:
    """Check the right to read test clocks."""
    _require(call, "test_clocks:read", "test_clocks:write")


def in_own_organization(check: Prepare, member: str = "merchantId") -> Prepare:
    """Return a check that, once the other is passed, refuses a request that names another organization.

    :param member: the member of the body, or the parameter, that names it.
    """

    def checked(call: Call, parameters: Parameters, sent: Body) -> None:
        check(call, parameters, sent)
        refuse_other_organization(call, sent, member)

    return checked


def refuse_other_organization(call: Call, sent: Body, member: str) -> None:
    """Refuse a request that names another organization; what is no organization's id is left to the fields' check.

    :raises NotMember: it does.
    """
    named = None if sent is None else sent.get(member)
    if isinstance(named, str) and _ORGANIZATION_ID.fullmatch(named):
        own_organization(call, named)


def own_organization(call: Call, named: str | None) -> str:
    """Return the key's organization.

    :param named: the organization a request names, or `None`.
    :raises NotMember: it is another one.
    """
    own = tables.organizations.organization_id(call.world.store, call.world.id)
    if named is not None and named != own:
        raise NotMember(named)
    return own
