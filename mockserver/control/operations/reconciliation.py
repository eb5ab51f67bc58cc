"""What was debited for work, against the cost events that were received about it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Any, TypeVar

from mockserver.control.control import Control
from mockserver.control.reconciling import Books, Fault, Kind, Line, Question, Reconciliation, Sums, reconcile
from mockserver.control.schemas import ReconciliationQuery
from mockserver.kernel.errors import Conflict, InvalidRequest, NotFound, Problem
from mockserver.kernel.money import plain, usd_text
from mockserver.kernel.windows import format_instant
from mockserver.kernel.world import World
from mockserver.vendors.bookkeeping import Debit, Receipt

_T = TypeVar("_T")

# No instant lies outside of these.
ALWAYS = (-(2**63), 2**63)


def check(control: Control, name: str, query: ReconciliationQuery) -> dict[str, Any]:
    """Compare a world's debits with its cost events.

    :raises InvalidRequest: the window ends before it starts.
    :raises NotFound: no vendor debits work, or none takes cost events.
    :raises Conflict: the world was deleted or reset meanwhile.
    """
    start = ALWAYS[0] if query.from_ is None else query.from_
    end = ALWAYS[1] if query.to is None else query.to
    if start >= end:
        raise InvalidRequest(Problem(("query", "to"), "must be later than from", "out_of_range"))
    question = Question(start, end, query.tolerance_usd, query.kind, query.faults, query.after, query.limit)
    found = reconciliation(control, name, question, query.type)
    window = {"from": query.from_, "to": query.to}
    return {
        "holds": found.holds,
        **{side: None if at is None else format_instant(at) for side, at in window.items()},
        "totals": {"calls": found.calls, "events": found.events, **_sums(found.total)},
        "kinds": _kinds(found.kinds),
        "faults": [_fault(fault) for fault in found.faults],
        "warnings": found.warnings,
        "data": [_line(line) for line in found.lines],
        "next": found.next,
    }


def reconciliation(control: Control, name: str, question: Question, types: str = "*") -> Reconciliation:
    """Return how a world's debits and its cost events compare.

    They are read in pieces between which others are served, but compared as they were at one instant.

    :param types: a glob of types of event.
    :raises NotFound: no vendor debits work, or none takes cost events.
    :raises Conflict: the world was deleted or reset meanwhile.
    """
    debits = next((vendor.debits for vendor in control.vendors if vendor.debits is not None), None)
    receipts = next((vendor.receipts for vendor in control.vendors if vendor.receipts is not None), None)
    if debits is None or receipts is None:
        raise NotFound("reconciliation", name)
    with control.reading(name) as world:
        read = Reader(control, world)
        books = Books(
            debits.pattern, read.all(debits.batches), read.all(debits.batches),
            read.all(lambda world: receipts.batches(world, types)),
            read.numbered(debits.numbered), read.numbered(receipts.numbered),
        )  # fmt: skip
    return reconcile(books, question)


class Reader:
    """Reads a world piece by piece, each in a unit of work of its own."""

    def __init__(self, control: Control, world: World) -> None:
        self._control = control
        self._world = world

    def all(self, batches: Callable[[World], Iterator[_T]]) -> Iterator[_T]:
        """Return everything there is now, in batches; it may be read later."""
        waiting = batches(self._world)

        def each() -> Iterator[_T]:
            while True:
                with self._unit_of_work():
                    batch = next(waiting, None)
                if batch is None:
                    return
                yield batch

        return each()

    def numbered(
        self, read: Callable[[World, Collection[int]], Sequence[_T]]
    ) -> Callable[[Collection[int]], Sequence[_T]]:
        """Return what reads single rows by number."""

        def rows(numbers: Collection[int]) -> Sequence[_T]:
            with self._unit_of_work():
                return read(self._world, numbers)

        return rows

    @contextmanager
    def _unit_of_work(self) -> Iterator[None]:
        with self._control.store.committed():
            if self._world.is_gone:
                raise Conflict(f"world '{self._world.name}' was deleted or reset while it was compared")
            yield


# The answer


def usd(amount: Decimal) -> str:
    """Return dollars with at least two decimals."""
    whole, _, fraction = plain(amount).partition(".")
    return f"{whole}.{fraction:0<2}"


def _sums(sums: Sums) -> dict[str, Any]:
    return {
        "debited_usd": usd(sums.debited), "billed_usd": usd(sums.billed), "difference_usd": usd(sums.difference),
    }  # fmt: skip


def _kinds(kinds: Mapping[Kind, Sums]) -> dict[str, Any]:
    return {kind: {"count": sums.count, **_sums(sums)} for kind, sums in kinds.items()}


def _line(line: Line) -> dict[str, Any]:
    return {
        "customer": line.customer, "model": line.model, "hour": format_instant(line.hour), **_sums(line.total),
        "kinds": _kinds(line.kinds),
    }  # fmt: skip


def _fault(fault: Fault) -> dict[str, Any]:
    return {
        "kind": fault.kind,
        "at": format_instant(fault.at),
        "customer": fault.customer,
        **_sums(fault.sums),
        "debits": [_debit(debit) for debit in fault.debits],
        "events": [_event(event) for event in fault.events],
        "event_count": fault.event_count,
    }


def _debit(debit: Debit) -> dict[str, Any]:
    return {
        "id": debit.id, "request_id": debit.request_id, "idempotency_key": debit.idempotency_key,
        "at": format_instant(debit.at), "operation": debit.operation, "endpoint": debit.endpoint, "model": debit.model,
        "amount_usd": usd_text(debit.amount_micro_usd),
    }  # fmt: skip


def _event(event: Receipt) -> dict[str, Any]:
    return {
        "id": event.id, "type": event.type, "customer": event.customer, "at": format_instant(event.at),
        "idempotency_key": event.key, "worth_usd": usd(event.worth),
    }  # fmt: skip
