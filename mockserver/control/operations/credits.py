"""A world's prepaid balance, its ledger, and the claims that must hold about both."""

from __future__ import annotations

from typing import Any

from mockserver.control.control import Control
from mockserver.control.operations.pages import page
from mockserver.control.schemas import CreditsRequest, GrantRequest, PageQuery
from mockserver.kernel.errors import NotFound
from mockserver.kernel.money import MicroUsd, usd_text
from mockserver.vendors.vendor import Account


def show_credits(control: Control, name: str) -> dict[str, Any]:
    """Return what a world has left."""
    with control.reading(name) as world:
        return credits_view(_account(control).balance(world))


def set_credits(control: Control, name: str, body: CreditsRequest) -> dict[str, Any]:
    """Make the balance what it is told to be, by a grant of the difference."""
    with control.changing(name) as world:
        account = _account(control)
        difference = body.balance - account.balance(world)
        if difference:
            account.grant(world, MicroUsd(difference), "balance set")
        return credits_view(account.balance(world))


def grant_credits(control: Control, name: str, body: GrantRequest) -> dict[str, Any]:
    """Add credit."""
    with control.changing(name) as world:
        account = _account(control)
        account.grant(world, body.amount, body.note)
        granted = {"amount_micro_usd": body.amount, "amount_usd": usd_text(body.amount), "note": body.note}
        return granted | credits_view(account.balance(world))


def list_ledger(control: Control, name: str, query: PageQuery) -> dict[str, Any]:
    """Return a world's ledger, oldest entry first."""
    with control.reading(name) as world:
        entries = _account(control).entries(world, query.after, query.limit + 1)
        return page(entries, query.limit, cursor=lambda entry: entry["seq"], shape=lambda entry: entry)


def check_invariants(control: Control, name: str) -> dict[str, Any]:
    """Check every vendor's claims about a world."""
    with control.reading(name) as world:
        checked = [invariant for vendor in control.vendors for invariant in vendor.invariants(world)]
    return {
        "holds": all(invariant.holds for invariant in checked),
        "invariants": [{"name": i.name, "holds": i.holds, "rows": i.rows} for i in checked],
    }


def _account(control: Control) -> Account:
    for vendor in control.vendors:
        if vendor.account is not None:
            return vendor.account
    raise NotFound("account", "credits")


def credits_view(balance: MicroUsd) -> dict[str, Any]:
    """Return the wire form of a balance."""
    return {"balance_micro_usd": balance, "balance_usd": usd_text(balance)}
