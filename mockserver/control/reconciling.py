"""Whether all work was billed, once and at its price: debits held against the cost events that name them (pure).

An event names a debit by an id of the work: its idempotency key contains one as a whole word, or another of its texts
is one. Only an event that does not is looked up by the idempotency key of the work's own request, which one of its
texts must be. Nothing is guessed from amounts and times.

A million debits and as many events are kept as columns of numbers: some hundred bytes for each pair.
"""

from __future__ import annotations

import re
from array import array
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Context, Decimal
from heapq import nsmallest
from itertools import chain, count
from typing import Literal, TypeVar, get_args

from mockserver.kernel.windows import HOUR, floor_to
from mockserver.vendors.bookkeeping import Debit, Receipt

FaultKind = Literal["missing", "doubled", "wrong_amount", "unknown", "ambiguous"]
Kind = Literal["matched", FaultKind]
KINDS: tuple[Kind, ...] = get_args(Kind)

MAX_EVENTS = 100
"""Of more events about one fault than this, the first are shown."""

# Wide enough for the sum of any number of amounts, so that adding never rounds.
_EXACT = Context(prec=1000)
_MATCHED, _MISSING, _DOUBLED, _WRONG, _UNKNOWN, _AMBIGUOUS = range(1, 7)
_LARGE = 10**12  # micro-USD; a million times as much still fits a column


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked.

    :param start: first instant of the window, in microseconds; `end` is the first one after it. A debit belongs to
        the window by its own instant, whenever its events came; an event about none belongs to it by its own.
    :param tolerance: dollars by which an amount may differ.
    :param kind: the one kind of fault to show, or `None` for all.
    :param faults: how many of them at most.
    :param after: how many lines to skip; at most `limit` follow.
    """

    start: int
    end: int
    tolerance: Decimal = Decimal(0)
    kind: FaultKind | None = None
    faults: int = 100
    after: int = 0
    limit: int = 100


@dataclass(slots=True)
class Sums:
    """What some debits and events come to.

    :param count: debits, or events about none.
    """

    count: int = 0
    debited_micro_usd: int = 0
    billed_micro_usd: int = 0
    billed_besides: Decimal = Decimal(0)

    @property
    def debited(self) -> Decimal:
        """What was taken, in dollars."""
        return Decimal(self.debited_micro_usd).scaleb(-6, _EXACT)

    @property
    def billed(self) -> Decimal:
        """What the events are worth, in dollars."""
        return _EXACT.add(Decimal(self.billed_micro_usd).scaleb(-6, _EXACT), self.billed_besides)

    @property
    def difference(self) -> Decimal:
        """What was billed too much; negative when too little."""
        return _EXACT.subtract(self.billed, self.debited)

    def add(self, other: Sums) -> None:
        """Take others in."""
        self.count += other.count
        self.debited_micro_usd += other.debited_micro_usd
        self.billed_micro_usd += other.billed_micro_usd
        self.billed_besides = _EXACT.add(self.billed_besides, other.billed_besides)


def _total(kinds: Mapping[Kind, Sums]) -> Sums:
    total = Sums()
    for sums in kinds.values():
        total.add(sums)
    return total


@dataclass(frozen=True, slots=True)
class Line:
    """One customer, model and hour.

    :param customer: as the first event about a debit names it; `None` without events, or when that is nobody known.
    :param model: `None` for events about no debit, and for work that no single model did.
    :param hour: the start of it.
    :param kinds: what each kind comes to, of those there are.
    """

    customer: str | None
    model: str | None
    hour: int
    kinds: dict[Kind, Sums] = field(default_factory=dict)

    @property
    def total(self) -> Sums:
        """What it all comes to."""
        return _total(self.kinds)


@dataclass(frozen=True, slots=True)
class Fault:
    """A debit that is not matched, or an event that names none, or several.

    :param debits: the debit; none for an unknown event, all that are named for an ambiguous one.
    :param events: about it, in order of arrival, `MAX_EVENTS` at most; `event_count` of them there are.
    """

    kind: Kind
    at: int
    customer: str | None
    debits: Sequence[Debit]
    events: Sequence[Receipt]
    event_count: int
    sums: Sums


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """How debits and events compare.

    :param kinds: what each kind comes to.
    :param events: how many events that is.
    :param lines: some of them, by hour, customer and model; `next` is `after` for those that follow, if any.
    :param faults: the oldest of them.
    :param warnings: why events of some types are worth less than may be expected.
    """

    kinds: dict[Kind, Sums]
    events: int
    lines: list[Line]
    next: int | None
    faults: list[Fault]
    warnings: list[str]

    @property
    def holds(self) -> bool:
        """Whether everything is matched."""
        return not any(sums.count for kind, sums in self.kinds.items() if kind != "matched")

    @property
    def calls(self) -> int:
        """How many debits there are."""
        return sum(self.kinds[kind].count for kind in ("matched", "missing", "doubled", "wrong_amount"))

    @property
    def total(self) -> Sums:
        """What everything comes to."""
        return _total(self.kinds)


@dataclass(frozen=True, slots=True)
class Books:
    """Where debits and events are read.

    :param pattern: matches ids of work; its one group captures the debit's token.
    :param debits: batches of them; `debits_again` are the same, for when a second look is needed.
    :param debits_numbered: returns debits by number; `receipts_numbered` events.
    """

    pattern: str
    debits: Iterable[Sequence[Debit]]
    debits_again: Iterable[Sequence[Debit]]
    receipts: Iterable[Sequence[Receipt]]
    debits_numbered: Callable[[Collection[int]], Sequence[Debit]]
    receipts_numbered: Callable[[Collection[int]], Sequence[Receipt]]


def reconcile(books: Books, question: Question) -> Reconciliation:
    """Hold every debit of a window against the events that name it."""
    return _Reconciler(books, question).result()


class _Names:
    """Numbers for names, in order of first appearance, so that columns can hold them; no name is number 0."""

    def __init__(self) -> None:
        self._numbers: dict[str | None, int] = {None: 0}

    def number(self, name: str | None) -> int:
        return self._numbers.setdefault(name, len(self._numbers))

    def all(self) -> list[str | None]:
        """Return the names by number."""
        return list(self._numbers)

    def ranks(self) -> list[int]:
        """Return the place of each number among the sorted names."""
        names = self.all()
        ranks = [0] * len(names)
        for rank, number in enumerate(sorted(range(len(names)), key=lambda number: names[number] or "")):
            ranks[number] = rank
        return ranks


class _Reconciler:
    """An item is a debit or, further down in the columns, an event that is about none."""

    def __init__(self, books: Books, question: Question) -> None:
        self._books = books
        self._question = question
        self._id = re.compile(books.pattern)
        self._id_word = re.compile(rf"(?<![^\W_]){books.pattern}(?![^\W_])")
        self._customers, self._models, self._types = _Names(), _Names(), _Names()
        self._warnings: set[str] = set()
        # Items
        self._debit, self._at, self._debited, self._model = array("q"), array("q"), array("q"), array("i")
        self._by_token: dict[str, int] = {}
        self._key_lengths: set[int] = set()
        # Events
        self._event, self._item = array("q"), array("q")
        self._event_at, self._event_type, self._event_customer = array("q"), array("i"), array("i")
        self._worth, self._fine_worth = array("q"), dict[int, Decimal]()
        self._several: dict[int, set[int]] = {}

    def result(self) -> Reconciliation:
        self._read_debits()
        self._find_by_key(self._read_events())
        self._gather()
        self._judge()
        return self._told()

    # Reading

    def _read_debits(self) -> None:
        number = self._models.number
        for batch in self._books.debits:
            self._by_token.update(zip([debit.token for debit in batch], count(len(self._debit)), strict=False))
            self._debit.extend([debit.number for debit in batch])
            self._at.extend([debit.at for debit in batch])
            self._debited.extend([debit.amount_micro_usd for debit in batch])
            self._model.extend([number(debit.model) for debit in batch])
            self._key_lengths.update([len(debit.idempotency_key) for debit in batch if debit.idempotency_key])

    def _read_events(self) -> dict[str, list[int]]:
        """Read all events; of those that name no debit by an id, return what could be a key, and which say it."""
        unfound: dict[str, list[int]] = {}
        customer, kind = self._customers.number, self._types.number
        for batch in self._books.receipts:
            for event, receipt in enumerate(batch, len(self._event)):
                named = self._named(receipt)
                if len(named) == 1:
                    self._item.append(named.pop())
                elif named:
                    self._item.append(-_AMBIGUOUS)
                    self._several[event] = named
                else:
                    self._item.append(-_UNKNOWN)
                    for text in {receipt.key or "", *receipt.texts}:
                        if len(text) in self._key_lengths:
                            unfound.setdefault(text, []).append(event)
                self._keep_worth(event, receipt.worth)
                self._warnings.update(receipt.caveats)
            self._event.extend([receipt.number for receipt in batch])
            self._event_at.extend([receipt.at for receipt in batch])
            self._event_type.extend([kind(receipt.type) for receipt in batch])
            self._event_customer.extend([customer(receipt.customer) for receipt in batch])
        return unfound

    def _keep_worth(self, event: int, worth: Decimal) -> None:
        micro = _EXACT.scaleb(worth, 6)
        whole = int(micro) if abs(micro) < _LARGE else 0
        self._worth.append(whole)
        if whole != micro:
            self._fine_worth[event] = _EXACT.subtract(worth, Decimal(whole).scaleb(-6, _EXACT))

    def _named(self, receipt: Receipt) -> set[int]:
        """Return the debits that an event names by their ids."""
        tokens = [found[1] for found in map(self._id.fullmatch, receipt.texts) if found]
        if receipt.key is not None:
            tokens += self._id_word.findall(receipt.key)
        known = self._by_token
        return {known[token] for token in tokens if token in known}

    def _find_by_key(self, unfound: dict[str, list[int]]) -> None:
        """Give events that name no debit by an id to the one whose request had a key that they say."""
        if not unfound:
            return
        found: dict[int, set[int]] = {}
        for n, debit in enumerate(chain.from_iterable(self._books.debits_again)):
            for event in unfound.get(debit.idempotency_key or "", ()):
                found.setdefault(event, set()).add(n)
        for event, named in found.items():
            if len(named) == 1:
                self._item[event] = named.pop()
            else:
                self._item[event] = -_AMBIGUOUS
                self._several[event] = named

    # Comparing

    def _gather(self) -> None:
        """Add up what the events about each item say; an event about no debit becomes an item of its own."""
        calls = len(self._debit)
        self._kind = bytearray(calls)
        self._count, self._customer = array("i", [0]) * calls, array("i", [0]) * calls
        self._billed, self._billed_besides = array("q", [0]) * calls, dict[int, Decimal]()
        seen: defaultdict[int, bytearray] = defaultdict(lambda: bytearray(calls))
        for event, item in enumerate(self._item):
            if item < 0:
                item = self._item[event] = self._add_item(event, -item)
            else:
                of_type = seen[self._event_type[event]]
                if of_type[item]:
                    self._kind[item] = _DOUBLED
                of_type[item] = 1
            if not self._count[item]:
                self._customer[item] = self._event_customer[event]
            self._count[item] += 1
            self._billed[item] += self._worth[event]
            if event in self._fine_worth:
                besides = self._billed_besides.get(item, Decimal(0))
                self._billed_besides[item] = _EXACT.add(besides, self._fine_worth[event])

    def _add_item(self, event: int, kind: int) -> int:
        self._kind.append(kind)
        self._at.append(self._event_at[event])
        for column in (self._debited, self._model, self._count, self._customer, self._billed):
            column.append(0)
        return len(self._at) - 1

    def _judge(self) -> None:
        """Give every item of the window its kind, and every other none."""
        start, end = self._question.start, self._question.end
        for item, at in enumerate(self._at):
            if not start <= at < end:
                self._kind[item] = 0
            elif not self._kind[item]:
                self._kind[item] = self._judged(item)

    def _judged(self, item: int) -> int:
        if not self._count[item]:
            return _MISSING if self._debited[item] else _MATCHED
        if self._billed[item] == self._debited[item] and item not in self._billed_besides:
            return _MATCHED
        return _MATCHED if abs(self._sums(item).difference) <= self._question.tolerance else _WRONG

    def _sums(self, item: int) -> Sums:
        return Sums(1, self._debited[item], self._billed[item], self._billed_besides.get(item, Decimal(0)))

    # Telling

    def _told(self) -> Reconciliation:
        kinds = {kind: Sums() for kind in KINDS}
        sums_of = dict(enumerate(kinds.values(), 1))
        events = 0
        places: set[int] = set()
        of_customer, of_model = self._customers.ranks(), self._models.ranks()

        def place(item: int) -> int:
            """Return a number that stands for an item's line, and sorts as lines do."""
            row = self._at[item] // HOUR * len(of_customer) + of_customer[self._customer[item]]
            return row * len(of_model) + of_model[self._model[item]]

        for item, kind in enumerate(self._kind):
            if kind:
                self._add(sums_of[kind], item)
                events += self._count[item]
                places.add(place(item))
        first, beyond = self._question.after, self._question.after + self._question.limit
        lines: dict[int, Line | None] = dict.fromkeys(sorted(places)[first:beyond])
        customers, models = self._customers.all(), self._models.all()
        for item, kind in enumerate(self._kind):
            if kind and (number := place(item)) in lines:
                line = lines[number]
                if line is None:
                    hour = floor_to(self._at[item], HOUR)
                    line = lines[number] = Line(customers[self._customer[item]], models[self._model[item]], hour)
                self._add(line.kinds.setdefault(KINDS[kind - 1], Sums()), item)
        return Reconciliation(
            kinds, events, [line for line in lines.values() if line], beyond if len(places) > beyond else None,
            self._faults(), sorted(self._warnings),
        )  # fmt: skip

    def _add(self, sums: Sums, item: int) -> None:
        sums.count += 1
        sums.debited_micro_usd += self._debited[item]
        sums.billed_micro_usd += self._billed[item]
        if item in self._billed_besides:
            sums.billed_besides = _EXACT.add(sums.billed_besides, self._billed_besides[item])

    def _faults(self) -> list[Fault]:
        chosen = nsmallest(
            self._question.faults,
            (item for item, kind in enumerate(self._kind) if kind > _MATCHED and self._is_wanted(kind)),
            key=self._at.__getitem__,
        )
        events: dict[int, list[int]] = {item: [] for item in chosen}
        debits = {item: [item] if item < len(self._debit) else [] for item in chosen}
        for event, item in enumerate(self._item):
            if item in events and len(events[item]) < MAX_EVENTS:
                events[item].append(self._event[event])
                debits[item].extend(sorted(self._several.get(event, ())))
        debit_of = _numbered(self._books.debits_numbered, (self._debit[n] for named in debits.values() for n in named))
        receipt_of = _numbered(self._books.receipts_numbered, (n for numbers in events.values() for n in numbers))
        customers = self._customers.all()
        faults = []
        for item in chosen:
            faults.append(
                Fault(
                    KINDS[self._kind[item] - 1], self._at[item], customers[self._customer[item]],
                    [debit_of[self._debit[n]] for n in debits[item]], [receipt_of[n] for n in events[item]],
                    self._count[item], self._sums(item),
                )
            )  # fmt: skip
        return faults

    def _is_wanted(self, kind: int) -> bool:
        return self._question.kind in (None, KINDS[kind - 1])


_Numbered = TypeVar("_Numbered", Debit, Receipt)


def _numbered(read: Callable[[Collection[int]], Sequence[_Numbered]], numbers: Iterable[int]) -> dict[int, _Numbered]:
    return {found.number: found for found in read(set(numbers))}
