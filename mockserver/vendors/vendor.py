"""What a vendor is to the rest of the package: one value, filled in by its folder."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Protocol

from mockserver.http.endpoint import Api
from mockserver.kernel.drifts import DriftKind
from mockserver.kernel.invariants import Invariant
from mockserver.kernel.money import MicroUsd
from mockserver.kernel.schedule import Action
from mockserver.kernel.sqlite import Migrations
from mockserver.kernel.world import World
from mockserver.resources import Fixtures
from mockserver.vendors.billing import Invoice, InvoiceStatus, Payment, Refund
from mockserver.vendors.bookkeeping import Debits, Receipts
from mockserver.vendors.intake import Intake
from mockserver.vendors.serving import Serving


class Account(Protocol):
    """A prepaid balance, for vendors that have one."""

    def balance(self, world: World) -> MicroUsd:
        """Return what is left, in micro-USD; may be slightly below zero."""

    def spent(self, world: World) -> MicroUsd:
        """Return the sum of everything that was ever debited."""

    def grant(self, world: World, amount: MicroUsd, note: str) -> None:
        """Add credit (or take it away, when negative)."""

    def entries(self, world: World, after: int, limit: int) -> list[dict[str, Any]]:
        """Return ledger entries with a `seq` above `after`, oldest first."""


class Billing(Protocol):
    """Invoices to a merchant's customers, for vendors whose revenue is read from them.

    What is named and not there raises `NotFound`; what cannot be raises `InvalidRequest` with every faulty field.
    """

    def page(self, world: World, after: int, limit: int) -> list[Invoice]:
        """Return invoices with a `seq` above `after`, in the order they were recorded."""

    def find(self, world: World, identifier: str) -> Invoice:
        """Return an invoice."""

    def record(self, world: World, invoices: Iterable[Invoice]) -> list[Invoice]:
        """Add invoices with the payments and refunds they come with, and return them with their ids."""

    def change_status(self, world: World, identifier: str, status: InvoiceStatus, at: int) -> Invoice:
        """Say what became of an invoice; `at` is when it was written off, if it was."""

    def pay(self, world: World, identifier: str, payment: Payment) -> Invoice:
        """Add a payment."""

    def refund(self, world: World, identifier: str, refund: Refund) -> Invoice:
        """Give part of an invoice back."""

    def remove(self, world: World, identifier: str) -> None:
        """Take an invoice back as if it had never been."""


PutOnClock = Callable[[World, str, str | None], None]
"""Puts a customer on a test clock, or on none; raises `NotFound` when there is no such customer or clock."""


class Json(str):
    """JSON text that an exported row carries as it stands."""

    __slots__ = ()


Value = str | int | Decimal | None
"""One field of an exported row; instants are ISO 8601 text already."""


@dataclass(frozen=True, slots=True)
class Export:
    """Rows of a world, for other programs to read.

    :param batches: yields the rows, so many at a time as memory and other requests can bear. Each batch is read
        within a unit of work of its own, so a generator must not keep a cursor open from one to the next.
    """

    columns: tuple[str, ...]
    batches: Callable[[World], Iterator[Sequence[tuple[Value, ...]]]]


@dataclass(frozen=True, slots=True)
class Vendor:
    """One simulated vendor.

    :param api: how it speaks HTTP.
    :param migrations: its tables.
    :param seed: fills a template world with the starting state that fixtures describe.
    :param actions: what its scheduled things do, by name; names start with the vendor's.
    :param switches: behaviours a world can turn on or off, with defaults; names start with the vendor's.
    :param invariants: checks its claims about a world.
    :param account: its prepaid balance, if it has one.
    :param put_on_clock: lets a customer live by a test clock, if it has such clocks.
    :param billing: its invoices, if it has any.
    :param exports: what it hands to other programs, by name; no two vendors use one name.
    :param debits: what it takes for work, if it does.
    :param receipts: the cost events it accepts, if it does.
    :param drifts: what can drift about it, by kind.
    :param serving: serves the calls of a scenario's traffic, if it does such work.
    :param intake: takes in the customers and cost events of a scenario's traffic, if it takes any.
    """

    api: Api
    migrations: Sequence[Migrations]
    seed: Callable[[World, Fixtures], None]
    invariants: Callable[[World], list[Invariant]]
    actions: Mapping[str, Action] = field(default_factory=dict)
    switches: Mapping[str, bool] = field(default_factory=dict)
    account: Account | None = None
    billing: Billing | None = None
    put_on_clock: PutOnClock | None = None
    exports: Mapping[str, Export] = field(default_factory=dict)
    debits: Debits | None = None
    receipts: Receipts | None = None
    drifts: Mapping[str, DriftKind] = field(default_factory=dict)
    serving: Serving | None = None
    intake: Intake | None = None

    @property
    def name(self) -> str:
        """The vendor's short name, as in `/_mock` answers and operation names."""
        return self.api.name
