"""What the desk works on, and what comes of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Ticket:
    """What a customer wrote."""

    id: str
    customer: str
    text: str


@dataclass(frozen=True)
class Work:
    """A text written for a ticket, and what it cost.

    :param call: the vendor's id of the call.
    """

    ticket: Ticket
    call: str
    text: str
    cost_micro_usd: int


class OutOfCredit(Exception):
    """The prepaid balance is empty; only somebody with a credit card can help."""


class OverBudget(Exception):
    """The day's budget is used up."""


class NotNow(Exception):
    """The vendor does not answer, and has been asked often enough."""
