"""What was taken for work, as those want it who compare it with what was billed."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from mockserver.kernel.world import World
from mockserver.vendors.bookkeeping import Debit, Debits
from mockserver.vendors.pareta import tables
from mockserver.vendors.pareta.domain.ledger import IDS, completion_id, token_of
from mockserver.vendors.pareta.operations import agent, chat

_BATCH = 2000

_COMPLETIONS = frozenset({chat.OPERATION, agent.OPERATION})


def _batches(world: World) -> Iterator[Sequence[Debit]]:
    # What every world begins with was debited before there was anybody to bill it to.
    first, last = tables.ledger.last_inherited(world), tables.ledger.last_entry(world).seq

    def batches() -> Iterator[Sequence[Debit]]:
        after = first
        while rows := tables.ledger.debits(world, after, last, _BATCH):
            after = rows[-1][0]
            yield [_debit(*row) for row in rows]

    return batches()


def _numbered(world: World, numbers: Collection[int]) -> Sequence[Debit]:
    return [_debit(*row) for row in tables.ledger.debits_numbered(world, numbers)]


def _debit(
    number: int, at: int, amount: int, operation: str, subject: str, request_id: str, model: str | None, key: str | None
) -> Debit:
    token = token_of(request_id or subject)
    own = completion_id(request_id) if operation in _COMPLETIONS else None if request_id else subject
    return Debit(number, token, own, request_id or None, key, at, operation, subject, model, amount)


DEBITS = Debits(IDS, _batches, _numbered)
"""Every debit since the world began, for calls and for eval runs."""
