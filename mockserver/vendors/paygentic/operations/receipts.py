"""Cost events as receipts: whom each is about, what it says, and what it is worth by itself.

An accepted event is a cost event as long as a cost that was not deleted reads its type.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase

from mockserver.kernel.store import Row
from mockserver.kernel.world import World
from mockserver.vendors.bookkeeping import Receipt, Receipts
from mockserver.vendors.paygentic import tables
from mockserver.vendors.paygentic.domain.json_text import restore
from mockserver.vendors.paygentic.domain.worth import Tariff, strings_in, tariffs
from mockserver.vendors.paygentic.operations.events import generated_key
from mockserver.vendors.paygentic.operations.readings import linked

_BATCH = 2000


def _batches(world: World, types: str) -> Iterator[Sequence[Receipt]]:
    last = tables.events.newest(world.store, world.id)
    reader = _Reader(world)
    wanted = [name for name in reader.tariffs if fnmatchcase(name, types)]

    def batches() -> Iterator[Sequence[Receipt]]:
        after = 0
        while rows := tables.receipts.events(world.store, world.id, wanted, after, last, _BATCH):
            after = rows[-1][0]
            yield [reader.receipt(row) for row in rows]

    return batches()


def _numbered(world: World, numbers: Collection[int]) -> Sequence[Receipt]:
    reader = _Reader(world)
    return [reader.receipt(row) for row in tables.receipts.events_numbered(world.store, world.id, numbers)]


class _Reader:
    """Reads events by what customers and costs are now."""

    def __init__(self, world: World) -> None:
        self.tariffs: Mapping[str, Tariff] = tariffs(tables.costs.live_costs(world.store, world.id))
        self._customers = linked(world)

    def receipt(self, row: Row) -> Receipt:
        number, identifier, event_type, subject, external_subject, external_id, at, key, text = row
        data = restore(text)
        texts = strings_in(data)
        if external_id is not None:
            texts.append(external_id)
        tariff = self.tariffs.get(event_type) or Tariff()
        return Receipt(
            number, identifier, event_type, self._customers.get(external_subject) if subject is None else subject, at,
            None if key == generated_key(identifier) else key, texts, tariff.worth(data), tariff.caveats,
        )  # fmt: skip


RECEIPTS = Receipts(_batches, _numbered)
"""Every cost event that was accepted."""
