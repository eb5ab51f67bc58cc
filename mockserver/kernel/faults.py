"""Faults: what goes wrong on purpose, for which requests, and when. Every decision is a row that can be read.

Which request is hit is decided here and nowhere else, from the fault, how many requests it has matched, the clock,
the spend and one keyed draw; what a hit does to a request is left to `mockserver.http`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cached_property
from typing import Any, Literal, NamedTuple, Protocol

from mockserver.kernel.ids import Draws
from mockserver.kernel.matching import ANYTHING, Facts, Pattern, read
from mockserver.kernel.money import MicroUsd, usd_text
from mockserver.kernel.sqlite import Database, Migrations
from mockserver.kernel.store import Store
from mockserver.kernel.windows import Instant, format_instant

MAX_DECISIONS = 20_000
_TRIM_EVERY = 256

migrations = Migrations("kernel.faults")


@migrations()
def create_faults(db: Database) -> None:
    """One row per fault, and one per request that a fault had to decide about."""
    db.execute(
        """
        CREATE TABLE faults (
            world INTEGER NOT NULL, seq INTEGER NOT NULL, rule TEXT NOT NULL,
            matched INTEGER NOT NULL, hits INTEGER NOT NULL,
            PRIMARY KEY (world, seq)
        ) WITHOUT ROWID
        """
    )
    db.execute(
        """
        CREATE TABLE fault_decisions (
            world INTEGER NOT NULL, fault INTEGER NOT NULL, n INTEGER NOT NULL, request INTEGER NOT NULL,
            is_hit INTEGER NOT NULL, reason TEXT NOT NULL,
            PRIMARY KEY (world, fault, n)
        ) WITHOUT ROWID
        """
    )


class Purse(Protocol):
    """The prepaid balance that faults look at and empty."""

    def balance(self, world: Any) -> MicroUsd:
        """Return what is left."""

    def spent(self, world: Any) -> MicroUsd:
        """Return the sum of everything that was ever debited."""

    def grant(self, world: Any, amount: MicroUsd, note: str) -> None:
        """Add credit, or take it away when negative."""


@dataclass(frozen=True, slots=True)
class When:
    """Which of the requests that match are hit: those for which everything that is said here holds.

    Requests outside of `start`, `end` and `after_spend_micro_usd` are not counted by `nth`, `first` and `every`.

    :param nth: the numbers of these requests, from 1.
    :param first: so many from the start.
    :param every: each so-manyth.
    :param start: no request before this instant; `end` none at or after it.
    :param rate: each with this probability, drawn from the world's seed.
    :param after_spend_micro_usd: none before so much was debited since the fault was armed, when
        `spent_before_micro_usd` had been.
    """

    nth: tuple[int, ...] = ()
    first: int | None = None
    every: int | None = None
    start: int | None = None
    end: int | None = None
    rate: float | None = None
    after_spend_micro_usd: int | None = None
    spent_before_micro_usd: int = 0

    def closed(self, now: int, spent: Callable[[], int]) -> str | None:
        """Return why a request is not even counted, `None` when it is."""
        if self.start is not None and now < self.start:
            return f"before {format_instant(Instant(self.start))}"
        if self.end is not None and now >= self.end:
            return f"not before {format_instant(Instant(self.end))}"
        if self.after_spend_micro_usd is not None:
            sum_spent = spent() - self.spent_before_micro_usd
            if sum_spent < self.after_spend_micro_usd:
                return f"{usd_text(sum_spent)} of {usd_text(self.after_spend_micro_usd)} USD spent"
        return None

    def decide(self, n: int, draw: Callable[[], float]) -> Decision:
        """Return whether the n-th counted request is hit, and why."""
        if self.nth and n not in self.nth:
            return Decision(False, f"number {n}, not {_listed(self.nth)}")
        if self.first is not None and n > self.first:
            return Decision(False, f"number {n}, past the first {self.first}")
        if self.every is not None and n % self.every:
            return Decision(False, f"number {n}, no multiple of {self.every}")
        if self.rate is None:
            return Decision(True, f"number {n}")
        drawn = draw()
        is_hit = drawn < self.rate
        return Decision(is_hit, f"number {n}, drew {drawn:.6f}, {'below' if is_hit else 'not below'} {self.rate:g}")


class Decision(NamedTuple):
    """Whether a request is hit, and why."""

    is_hit: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Latency:
    """How long an answer is held back: `low_ms`, uniform from there to `high_ms`, or log-normal by median and p99."""

    low_ms: float = 0.0
    high_ms: float | None = None
    median_ms: float | None = None
    p99_ms: float | None = None


Double = Literal["same_key", "new_key", "other_payload"]
Exhaustion = Literal["before", "mid_stream"]


@dataclass(frozen=True, slots=True)
class Effect:
    """What happens to a request that is hit.

    Instead of the work (the request is journalled, nothing else is done):

    :param status: the vendor's own error, with `message` and `retry_after_s`. 402 is made by emptying the ledger.
    :param timeout_s: no answer for so long; then the connection is cut.
    :param reset: the connection is reset.

    The work is done, its answer suffers:

    :param latency: the answer is held back.
    :param lost_ack: everything is kept, the connection is cut without an answer.
    :param empty_body: the status comes without a body.
    :param malformed_chunk: the so-manyth piece of a stream is broken JSON; of a plain answer, the whole.
    :param truncate_after: the connection is cut after so many pieces of a stream, before anything is debited.
    :param drop: dotted paths of fields to leave out; `add`, `rename` and `retype` likewise, of successes only.

    The answer is fine, the work suffers:

    :param false_ack: nothing of it is kept.
    :param delay_us: what was taken in or debited only shows after so long.

    What a client or the network did to an event on its way (pathologies of ingestion):

    :param double: it arrives twice: with the same key, with a new one, or with the same key and another payload.
    :param late_us: it arrives so much later than it was sent, although its sender is told at once that it has.
    :param skew_us: its timestamp is so far off.
    :param scale: every number in its data, also one that is written as text, is multiplied by this decimal.

    Credit:

    :param exhaust: the balance is emptied before the request, or while its stream is out, by an entry in the ledger.
    :param top_up_micro_usd: so much is granted `top_up_after_us` later.
    """

    status: int | None = None
    message: str | None = None
    retry_after_s: float | None = None
    latency: Latency | None = None
    timeout_s: float | None = None
    reset: bool = False
    truncate_after: int | None = None
    malformed_chunk: int | None = None
    empty_body: bool = False
    lost_ack: bool = False
    false_ack: bool = False
    delay_us: int | None = None
    drop: tuple[str, ...] = ()
    add: Mapping[str, Any] = field(default_factory=dict)
    rename: Mapping[str, str] = field(default_factory=dict)
    retype: Mapping[str, str] = field(default_factory=dict)
    double: Double | None = None
    late_us: int | None = None
    skew_us: int | None = None
    scale: str | None = None
    exhaust: Exhaustion | None = None
    top_up_micro_usd: int | None = None
    top_up_after_us: int = 0

    @property
    def is_final(self) -> bool:
        """Whether a request that suffers this has no other fate left: later faults do not see it."""
        return self.status is not None or self.timeout_s is not None or self.reset

    def said(self) -> dict[str, Any]:
        """Return what is not as usual, by field."""
        # Every request that is struck is told so: taking each part apart, usual ones too, took a sixth of a play.
        said = {name: getattr(self, name) for name, usual in _USUAL if getattr(self, name) != usual}
        return {name: asdict(value) if isinstance(value, Latency) else value for name, value in said.items()}


_USUAL = tuple((each.name, getattr(Effect(), each.name)) for each in fields(Effect))


@dataclass(frozen=True)
class Fault:
    """One fault.

    :param match: pattern of the requests it is about, as JSON; `names` of the facts it may speak of.
    :param note: the user's own word for it.
    :param is_optional: it is no fault of a test that it never struck.
    """

    match: Mapping[str, Any]
    names: tuple[str, ...]
    effect: Effect
    when: When = field(default_factory=When)
    note: str = ""
    is_optional: bool = False

    @cached_property
    def pattern(self) -> Pattern:
        """The requests it is about."""
        return read(self.match, self.names) if self.match else ANYTHING

    def dump(self) -> str:
        """Return the fault as JSON text, which `load` reads."""
        return json.dumps(asdict(self))

    @classmethod
    def load(cls, text: str) -> Fault:
        """Undo `dump`."""
        data = json.loads(text)
        effect, when = data.pop("effect"), data.pop("when")
        latency = effect.pop("latency")
        return cls(
            effect=Effect(
                **{**effect, "drop": tuple(effect["drop"])}, latency=None if latency is None else Latency(**latency)
            ),
            when=When(**{**when, "nth": tuple(when["nth"])}),
            **{**data, "names": tuple(data["names"])},
        )


@dataclass(frozen=True, slots=True)
class Armed:
    """A fault that lies in wait in a world."""

    seq: int
    fault: Fault

    @property
    def id(self) -> str:
        """What it is called."""
        return f"fault-{self.seq}"


class Count(NamedTuple):
    """An armed fault with how many requests it matched, and how many of these it hit."""

    armed: Armed
    matched: int
    hits: int


class Hit(NamedTuple):
    """A fault that strikes a request, the n-th it matched, and why."""

    armed: Armed
    n: int
    reason: str


class Faults:
    """The faults of one world, in the order they were armed."""

    def __init__(self, store: Store, world: int) -> None:
        self._store = store
        self._world = world
        self._armed: tuple[Armed, ...] | None = None

    @property
    def armed(self) -> tuple[Armed, ...]:
        """Every fault, oldest first."""
        if self._armed is None:
            rows = self._store.all("SELECT seq, rule FROM faults WHERE world = ? ORDER BY seq", (self._world,))
            self._armed = tuple(Armed(seq, Fault.load(rule)) for seq, rule in rows)
        return self._armed

    def counts(self) -> list[Count]:
        """Return every fault with what it has done, oldest first."""
        rows = self._store.all("SELECT matched, hits FROM faults WHERE world = ? ORDER BY seq", (self._world,))
        return [Count(armed, *row) for armed, row in zip(self.armed, rows, strict=True)]

    def add(self, seq: int, fault: Fault, spent: int = 0) -> Armed:
        """Arm a fault under a number nobody had.

        :param spent: what was debited so far.
        """
        if fault.when.after_spend_micro_usd is not None:
            fault = replace(fault, when=replace(fault.when, spent_before_micro_usd=spent))
        self._store.execute("INSERT INTO faults VALUES (?, ?, ?, 0, 0)", (self._world, seq, fault.dump()))
        self._armed = None
        return Armed(seq, fault)

    def remove(self, seq: int) -> bool:
        """Disarm a fault; its decisions go with it. Return whether there was one."""
        gone = self._store.execute("DELETE FROM faults WHERE world = ? AND seq = ?", (self._world, seq)).rowcount
        self._store.execute("DELETE FROM fault_decisions WHERE world = ? AND fault = ?", (self._world, seq))
        self._armed = None
        return bool(gone)

    def clear(self) -> None:
        """Disarm every fault."""
        for table in ("faults", "fault_decisions"):
            self._store.execute(f"DELETE FROM {table} WHERE world = ?", (self._world,))
        self._armed = None

    def decisions(self, seq: int, after: int, limit: int) -> list[tuple[int, int, bool, str]]:
        """Return what a fault decided: (n, the request's number in the journal, whether it was hit, why)."""
        rows = self._store.all(
            "SELECT n, request, is_hit, reason FROM fault_decisions WHERE world = ? AND fault = ? AND n > ?"
            " ORDER BY n LIMIT ?",
            (self._world, seq, after, limit),
        )
        return [(n, request, bool(is_hit), reason) for n, request, is_hit, reason in rows]

    def strike(
        self,
        facts: Facts,
        now: int,
        request: int,
        draws: Draws,
        spent: Callable[[], int],
        can_suffer: Callable[[Effect], bool],
    ) -> list[Hit]:
        """Let every fault decide about a request, in order, and return those that hit it.

        After one that leaves the request no other fate, the rest do not see it. Decisions are kept, whatever becomes of
        the request: this must stand outside of what a refusal undoes.

        :param request: the request's number in the journal; 0 for what never was a request.
        :param spent: returns what was debited so far.
        :param can_suffer: whether an effect means anything to the request; else the fault is not about it.
        """
        hits: list[Hit] = []
        for armed in self.armed:
            fault = armed.fault
            if not (fault.pattern.matches(facts) and can_suffer(fault.effect)):
                continue
            if fault.when.closed(now, spent) is not None:
                continue
            row = self._store.one(
                "UPDATE faults SET matched = matched + 1 WHERE world = ? AND seq = ? RETURNING matched",
                (self._world, armed.seq),
            )
            assert row is not None
            n: int = row[0]
            decision = fault.when.decide(n, lambda subject=armed.id, n=n: draws.uniform("fault", subject, n))  # type: ignore[misc]
            self._keep(armed.seq, n, request, decision)
            if not decision.is_hit:
                continue
            self._store.execute(
                "UPDATE faults SET hits = hits + 1 WHERE world = ? AND seq = ?", (self._world, armed.seq)
            )
            hits.append(Hit(armed, n, decision.reason))
            if fault.effect.is_final:
                break
        return hits

    def _keep(self, fault: int, n: int, request: int, decision: Decision) -> None:
        self._store.execute(
            "INSERT INTO fault_decisions VALUES (?, ?, ?, ?, ?, ?)",
            (self._world, fault, n, request, decision.is_hit, decision.reason),
        )
        if n % _TRIM_EVERY == 0:
            self._store.execute(
                "DELETE FROM fault_decisions WHERE world = ? AND fault = ? AND n <= ?",
                (self._world, fault, n - MAX_DECISIONS),
            )


def _listed(numbers: tuple[int, ...]) -> str:
    return " or ".join(map(str, numbers))
