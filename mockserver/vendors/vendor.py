"""What a vendor is to the rest of the package: one value, filled in by its folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Protocol

from sqlite_utils import Migrations

from mockserver.http.endpoint import Api
from mockserver.kernel.invariants import Invariant
from mockserver.kernel.money import MicroUsd
from mockserver.kernel.schedule import Action
from mockserver.kernel.world import World
from mockserver.resources import Fixtures


class Account(Protocol):
    """A prepaid balance, for vendors that have one."""

    def balance(self, world: World) -> MicroUsd:
        """Return what is left, in micro-USD; may be slightly below zero."""

    def grant(self, world: World, amount: MicroUsd, note: str) -> None:
        """Add credit (or take it away, when negative)."""

    def entries(self, world: World, after: int, limit: int) -> list[dict[str, Any]]:
        """Return ledger entries with a `seq` above `after`, oldest first."""


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
    :param exports: what it hands to other programs, by name; no two vendors use one name.
    """

    api: Api
    migrations: Sequence[Migrations]
    seed: Callable[[World, Fixtures], None]
    invariants: Callable[[World], list[Invariant]]
    actions: Mapping[str, Action] = field(default_factory=dict)
    switches: Mapping[str, bool] = field(default_factory=dict)
    account: Account | None = None
    exports: Mapping[str, Export] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The vendor's short name, as in `/_mock` answers and operation names."""
        return self.api.name
