"""Values as Python has them, and as the control API takes and gives them (pure)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from mockserver.kernel.matching import All, Pattern
from mockserver.testing.assertions import dollars

__tracebackhide__ = True  # a test that is refused something is shown its own line, not ours

Instant = str | datetime
"""ISO 8601 text, or a time with its zone."""

Span = str | timedelta
"""Text such as `90s`, `15m`, `36h` or `7d`, or a timedelta."""


def moment(text: str) -> datetime:
    """Return an instant of the wire as a time."""
    return datetime.fromisoformat(text)


def plain(value: Any) -> Any:
    """Return a value as JSON has it: patterns as what they say, instants, spans and decimals as text."""
    if isinstance(value, Pattern):
        return value.spec()
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset | range):
        return [plain(each) for each in value]
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise TypeError(f"{value!r} has no time zone; say which, such as datetime(..., tzinfo=UTC)")
        return value.astimezone(UTC).isoformat()
    if isinstance(value, timedelta):
        return f"{Decimal(value // timedelta(microseconds=1)) / 1_000_000:f}s"
    return value


def spec(patterns: Sequence[Pattern], keys: Mapping[str, Any]) -> dict[str, Any]:
    """Return keys as the control API takes them: patterns joined, dollars as text.

    :raises TypeError: what stands in the place of a pattern is none, or an amount is not exact.
    """
    body = dict(keys)
    parts = [*patterns, *([body.pop("match")] if isinstance(body.get("match"), Pattern) else [])]
    for part in parts:
        if not isinstance(part, Pattern):
            raise TypeError(f"{part!r} is no pattern; those are in mockserver.matchers, such as model('auto')")
    if parts:
        given = [body["match"]] if "match" in body else []
        body["match"] = (
            {"all": [*given, *(part.spec() for part in parts)]} if given else All(tuple(parts)).spec()
        )  # fmt: skip
    for name in body.keys() & {"after_spend_usd", "top_up_usd"}:
        body[name] = dollars(name, body[name])
    checked: dict[str, Any] = plain(body)
    return checked
