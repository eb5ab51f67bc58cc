"""Chat without requests, for a scenario's traffic: where it is served, and what may be asked."""

from __future__ import annotations

from collections.abc import Callable

from mockserver.kernel.errors import MockError
from mockserver.kernel.idempotency import REPLAY_SPAN
from mockserver.kernel.world import World
from mockserver.vendors.pareta import tables
from mockserver.vendors.pareta.domain.catalog import AUTO
from mockserver.vendors.pareta.operations import chat
from mockserver.vendors.serving import Till


class Counter:
    """Serves a scenario's chats by the rules of requests.

    :param status_of: returns the HTTP status that an error is answered with.
    """

    operation = chat.OPERATION
    replay_span_us = REPLAY_SPAN

    def __init__(self, status_of: Callable[[MockError], int]) -> None:
        self._status_of = status_of

    def open(self, world: World) -> Till:
        """Begin to serve."""
        from mockserver.vendors.pareta.operations.till import Till as ChatTill  # not needed at the start

        return ChatTill(world, self._status_of)

    def callable(self, world: World) -> list[str]:
        """Return the ids of live endpoints and `auto`."""
        there = tables.endpoints.endpoints(world)
        return [*(each.id for each in there if each.status == "live" and not each.is_seed), AUTO]

    def latest(self, world: World) -> int | None:
        """Return the instant of the last movement of money, `None` when there was none."""
        return tables.ledger.last_instant(world)
