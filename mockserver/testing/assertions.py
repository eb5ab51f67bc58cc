"""What a test may claim about its world: each claim is judged by the simulator and fails with a table of the calls."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from mockserver.control.faults import MATCH_KEYS
from mockserver.kernel.matching import Pattern
from mockserver.testing.tables import table

if TYPE_CHECKING:
    from mockserver.testing.wire import Wire

__tracebackhide__ = True  # a test that is refused something is shown its own line, not ours

Amount = str | int | Decimal
"""Dollars, exact: text such as `"0.09"`, a `Decimal`, or whole dollars."""

When = str | datetime
Span = str | timedelta


class Assertions:
    """Claims about a world; whoever has them knows how to reach it.

    Every claim raises `AssertionError` when it does not hold: one line, and a table of the calls that speak against it.
    `since` leaves out whatever happened before an instant.
    """

    _wire: Wire
    _name: str

    def assert_spend(
        self,
        *,
        max_usd: Amount | None = None,
        min_usd: Amount | None = None,
        exactly_usd: Amount | None = None,
        operation: str | None = None,
        since: When | None = None,
    ) -> None:
        """Claim how much was spent: what the ledger debited, exact to the micro-dollar.

        :param operation: of these operations only; `*` stands for any text, and the vendor may be left out.
        :raises TypeError: an amount is a float, which cannot say most of them.
        """
        amounts = {"max_usd": max_usd, "min_usd": min_usd, "exactly_usd": exactly_usd}
        said = {name: dollars(name, amount) for name, amount in amounts.items() if amount is not None}
        self._verify("spend", operation=operation, since=since, **said)

    def assert_called(
        self,
        operation: Any = None,
        *,
        times: int | None = None,
        at_least: int | None = None,
        at_most: int | None = None,
        status: int | None = None,
        match: Pattern | Mapping[str, Any] | None = None,
        since: When | None = None,
        **criteria: Any,
    ) -> None:
        """Claim how often something was called: at least once, if nothing else is said. Refused calls count too.

        :param operation: its name; `*` stands for any text, and the vendor may be left out.
        :param status: only calls that were answered with it.
        :param match: only calls that match; `mockserver.matchers` has what these are made of.
        :param criteria: facts by name, such as `model="auto"` or `last_message={"contains": "refund"}`.
        """
        spec = match.spec() if isinstance(match, Pattern) else match
        others = {name: criteria.pop(name) for name in [*criteria] if name not in MATCH_KEYS}
        if others:
            spec = others if spec is None else {"all": [spec, others]}
        self._verify(
            "called", operation=operation, times=times, at_least=at_least, at_most=at_most, status=status, match=spec,
            since=since, **criteria,
        )  # fmt: skip

    def assert_no_retry_after_402(self, any_request: bool = False, *, since: When | None = None) -> None:
        """Claim that no request was repeated after it was answered 402, unless credit had come.

        :param any_request: nor was any other paid request made in vain while nothing paid had succeeded.
        """
        self._verify("no_retry_after_402", any_request=any_request, since=since)

    def assert_same_idempotency_key(self, *, since: When | None = None) -> None:
        """Claim that each call that was tried again had one idempotency key all along, and no other call had it."""
        self._verify("same_idempotency_key", since=since)

    def assert_retry_after_respected(self, *, since: When | None = None) -> None:
        """Claim that nothing was tried again sooner than the answer before it asked for."""
        self._verify("retry_after_respected", since=since)

    def assert_reconciles(self, **query: Any) -> None:
        """Claim that everything debited was billed by cost events, once and at its price.

        :param query: `from_` and `to` (instants), `type` (a glob of types of event), `tolerance_usd`, and `kind` (the
            one kind of fault to look at).
        """
        if "from_" in query:
            query["from"] = query.pop("from_")
        if query.get("tolerance_usd") is not None:
            query["tolerance_usd"] = dollars("tolerance_usd", query["tolerance_usd"])
        self._verify("reconciles", **query)

    def assert_invariants(self) -> None:
        """Claim that everything about the world adds up."""
        self._verify("invariants")

    def assert_detected(
        self, within: Span | None = None, kind: str | None = None, max_false_alarms: int | None = None
    ) -> None:
        """Claim that the alerts that were raised tell every drift there has been.

        :param within: how long after its onset a drift has to be noticed.
        :param kind: drifts of this kind only.
        :param max_false_alarms: how many alerts may fit no drift.
        """
        self._verify("detected", within=within, kind=kind, max_false_alarms=max_false_alarms)

    def _verify(self, check: str, **options: Any) -> None:
        said = {name: value for name, value in options.items() if value is not None}
        verdict = self._wire.call("requests.verify", self._name, body={"check": check, **said})
        if not verdict["holds"]:
            raise AssertionError(told(verdict))


def told(verdict: Mapping[str, Any]) -> str:
    """Return a verdict as a message: its line, and its rows as a table."""
    if not verdict["rows"]:
        return str(verdict["message"])
    return f"{verdict['message']}\n{table(verdict['columns'], verdict['rows'], verdict['more'])}"


def dollars(name: str, amount: Amount) -> str:
    """Return an amount as text.

    :param name: what it is for.
    :raises TypeError: it is no text, decimal or whole number.
    """
    if isinstance(amount, bool) or not isinstance(amount, str | int | Decimal):
        hint = f", such as '{amount}'" if isinstance(amount, float) else ""
        raise TypeError(
            f"{name}: a {type(amount).__name__} is no exact amount; give dollars as text{hint}, as a Decimal or as a"
            " whole number"
        )
    return format(amount, "f") if isinstance(amount, Decimal) else str(amount)
