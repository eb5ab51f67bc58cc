"""What one vendor took for work, and what another was told it cost, in values that the two can be compared by."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from mockserver.kernel.world import World


class Debit(NamedTuple):
    """What was taken for one finished piece of work.

    :param number: the debit's, by which it can be asked for again.
    :param token: what all ids of this piece of work have in common, and no other has.
    :param id: what its answer is called; `None` where answers have no id.
    :param request_id: what the request is called; `None` where the work outlives it.
    :param idempotency_key: what the client sent with the request.
    :param endpoint: what was paid for; `model` is what did the work, where that has a name.
    """

    number: int
    token: str
    id: str | None
    request_id: str | None
    idempotency_key: str | None
    at: int
    operation: str
    endpoint: str
    model: str | None
    amount_micro_usd: int


class Receipt(NamedTuple):
    """A cost event that was accepted, and what it is worth by itself.

    :param number: the event's, in order of arrival, by which it can be asked for again.
    :param customer: whom it is about; `None` when that is nobody known.
    :param key: the idempotency key it was sent with, if it was.
    :param texts: what else it says: its external id, and every string in its data.
    :param worth: dollars.
    :param caveats: what about its type cannot be expressed so.
    """

    number: int
    id: str
    type: str
    customer: str | None
    at: int
    key: str | None
    texts: Sequence[str]
    worth: Decimal
    caveats: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Debits:
    """What a vendor took for work.

    :param pattern: matches the ids that clients see; what its one group captures is the debit's token.
    :param batches: yields every debit there is when it is called, oldest first. Each batch is read within a unit of
        work of its own, so a generator must not keep a cursor open from one to the next.
    :param numbered: returns debits by number.
    """

    pattern: str
    batches: Callable[[World], Iterator[Sequence[Debit]]]
    numbered: Callable[[World, Collection[int]], Sequence[Debit]]


@dataclass(frozen=True, slots=True)
class Receipts:
    """The cost events a vendor accepted.

    :param batches: yields every event there is when it is called, of types that a glob matches, in order of arrival;
        in batches as those of debits.
    :param numbered: returns events by number, in order of arrival.
    """

    batches: Callable[[World, str], Iterator[Sequence[Receipt]]]
    numbered: Callable[[World, Collection[int]], Sequence[Receipt]]
