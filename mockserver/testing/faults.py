"""What goes wrong in a world on purpose, as a test says it."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

from mockserver.kernel.matching import Pattern
from mockserver.testing.assertions import Amount
from mockserver.testing.planted import Planted
from mockserver.testing.record import Record
from mockserver.testing.values import Instant, Span, spec

if TYPE_CHECKING:
    from mockserver.testing.world import World

__tracebackhide__ = True  # a test that is refused something is shown its own line, not ours

_INGEST = "paygentic.events.ingest"


class Fault(Planted):
    """A fault that lies in wait in a world."""

    route = "faults"
    numbers = ("matched", "hits")

    @property
    def matched(self) -> int:
        """How many requests it had to decide about."""
        return self._now("matched")

    @property
    def hits(self) -> int:
        """How many of these it hit."""
        return self._now("hits")

    @property
    def decisions(self) -> list[Record]:
        """What it decided about each request, and why."""
        return [Record(each) for each in self._world.every("faults.get", self.id, member="decisions")]


class Faults:
    """What goes wrong in a world on purpose."""

    def __init__(self, world: World) -> None:
        self._world = world

    def __iter__(self) -> Iterator[Fault]:
        return (Fault(self._world, each) for each in list(self._world.every("faults.list")))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        return f"Faults({list(self)})"

    def add(self, *patterns: Pattern, **keys: Any) -> Fault:
        """Arm a fault: which requests, when, and what happens to them.

        `world.faults.add(operation="chat.completions.create", first=1, status=503, retry_after=0)`

        :param patterns: of the requests, besides what the keys say.
        :param keys: as the control API's `faults` takes them.
        :raises Refused: a key is unknown, a value cannot be, or no request could ever match.
        """
        return Fault(self._world, self._world.change("faults.add", body=spec(patterns, keys)))

    def clear(self) -> None:
        """Disarm every fault."""
        self._world.change("faults.clear")

    # What happens to events on their way. Each takes the keys of `add` too: which requests, and when.

    def lost_ack(self, *patterns: Pattern, **keys: Any) -> Fault:
        """Take events in, and cut the connection before the sender is told."""
        return self._on_events(patterns, keys, lost_ack=True)

    def false_ack(self, *patterns: Pattern, **keys: Any) -> Fault:
        """Tell the sender that events were taken in, and keep nothing."""
        return self._on_events(patterns, keys, false_ack=True)

    def doubled(
        self,
        *patterns: Pattern,
        payload: Literal["same", "other"] = "same",
        key: Literal["same", "new"] = "same",
        **keys: Any,
    ) -> Fault:
        """Let events arrive twice.

        :param payload: of the second: the same, or another under the same idempotency key.
        :param key: idempotency key of the second: the same, or a new one.
        """
        if payload not in ("same", "other") or key not in ("same", "new"):
            raise ValueError("doubled() takes payload='same' or 'other', and key='same' or 'new'")
        if payload == "other" and key == "new":
            raise ValueError("with another payload and a new key it is no double, but another event")
        double = "other_payload" if payload == "other" else f"{key}_key"
        return self._on_events(patterns, keys, double=double)

    def late(self, by: Span, *patterns: Pattern, **keys: Any) -> Fault:
        """Let events arrive so much later than their sender believes."""
        return self._on_events(patterns, keys, late=by)

    def out_of_order(self, *patterns: Pattern, by: Span = "1m", **keys: Any) -> Fault:
        """Let each second event arrive so much later, so that those sent after it overtake it."""
        return self._on_events(patterns, keys, late=by, **({} if keys.keys() & _WHEN else {"every": 2}))

    def clock_skew(self, by: Span, *patterns: Pattern, **keys: Any) -> Fault:
        """Let the sender's clock be so far off, such as `-5m`."""
        return self._on_events(patterns, keys, clock_skew=by)

    def unit_mistake(self, factor: str | Decimal | int = "1000", *patterns: Pattern, **keys: Any) -> Fault:
        """Multiply every number in the events' data, as somebody does who takes one unit for another."""
        return self._on_events(patterns, keys, scale_values=str(factor))

    def credit_exhausted(
        self,
        *patterns: Pattern,
        nth: int | None = None,
        after_spend_usd: Amount | None = None,
        at: Instant | None = None,
        mid_stream: bool = False,
        topped_up_usd: Amount | None = None,
        topped_up_after: Span | None = None,
        **keys: Any,
    ) -> Fault:
        """Empty the prepaid balance once: before a call, which is then refused with 402, or while its stream is out.

        :param nth: before the so-manyth call.
        :param after_spend_usd: before the first call after so much was spent.
        :param at: before the first call at or after an instant.
        :param topped_up_usd: so much is granted again `topped_up_after` that, or at once.
        """
        said: dict[str, Any] = {"exhaust_credits": "mid_stream" if mid_stream else True}
        said["nth" if nth is not None else "first"] = nth or 1
        if after_spend_usd is not None:
            said["after_spend_usd"] = after_spend_usd
        if at is not None:
            said["between"] = [at, None]
        if topped_up_usd is not None:
            said["top_up_usd"] = topped_up_usd
        if topped_up_after is not None:
            said["top_up_after"] = topped_up_after
        if not patterns and not keys.keys() & _WHICH:
            said |= {"vendor": "pareta", "method": "POST"}
        return self.add(*patterns, **said | keys)

    def _on_events(self, patterns: tuple[Pattern, ...], keys: dict[str, Any], **effect: Any) -> Fault:
        return self.add(*patterns, **{"operation": _INGEST, **effect, **keys})


_WHEN = {"nth", "first", "every", "between", "rate", "after_spend_usd"}
_WHICH = {
    "vendor", "operation", "path", "method", "model", "endpoint", "key", "idempotency_key", "customer", "match",
}  # fmt: skip
