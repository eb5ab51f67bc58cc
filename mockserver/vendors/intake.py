"""Cost events without requests: how a scenario's traffic reports to a vendor, by the same rules as requests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from mockserver.kernel.world import World


class Newcomer(NamedTuple):
    """A customer to be.

    :param external_id: what the merchant calls it.
    """

    name: str
    email: str
    external_id: str


class Sent(NamedTuple):
    """One cost event as an integrator sends it.

    :param data: JSON data; amounts are `Decimal`.
    :param subject: the customer's id.
    :param at: its own timestamp; `None` for when it arrives.
    :param key: its idempotency key, if it has one.
    """

    type: str
    source: str
    data: Mapping[str, Any]
    subject: str
    at: int | None
    key: str | None


class Intake(Protocol):
    """A vendor's door for a scenario's customers and events.

    :ivar operation: the operation events are sent with, by its vendor's name for it.
    """

    operation: str

    def enrol(self, world: World, newcomers: Sequence[Newcomer]) -> list[str]:
        """Add customers now, and return their ids."""

    def take(self, world: World, arrivals: Iterable[tuple[int, Sent]]) -> int:
        """Take events in, as (when it arrives, event) in order of arrival; return how many were new."""

    def is_heard(self, world: World, event_type: str) -> bool:
        """Whether anything listens to a type."""

    def latest(self, world: World) -> int | None:
        """Return when the last event was received, `None` when there is none."""
