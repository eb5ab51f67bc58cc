"""What faults do to a request, to its answer and to its stream (pure). Whom they hit is decided elsewhere."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from decimal import Context, Decimal
from typing import Any

from mockserver.http.endpoint import Api, Endpoint, Intake
from mockserver.http.messages import Reply, Stream
from mockserver.kernel.faults import Effect, Hit, Latency
from mockserver.kernel.ids import Draws
from mockserver.kernel.matching import Facts
from mockserver.kernel.windows import EARLIEST, LATEST, format_instant, parse_instant

_EXACT = Context(prec=1000)
"""Wide enough for any two numbers that a vendor takes."""

_AMOUNT = re.compile(r"-?[0-9]{1,100}(\.[0-9]{1,100})?")

_Z_OF_P99 = 2.3263478740408408
"""How many deviations the 99th percentile of a normal distribution lies above its middle."""


def can_suffer(effect: Effect, api: Api, endpoint: Endpoint | None, facts: Facts, *, is_prepaid: bool) -> bool:
    """Whether an effect means anything to a request; a fault whose effect does not leaves it alone, uncounted.

    :param endpoint: where it goes, `None` for nowhere.
    :param facts: of which `stream` says whether it asks for one.
    :param is_prepaid: whether the vendor has a balance to empty.
    """
    if effect.status == 402 and not (is_prepaid and endpoint is not None and 402 in endpoint.errors):
        return False
    if (effect.truncate_after is not None or effect.exhaust == "mid_stream") and not facts.get("stream"):
        return False
    if effect.delay_us is not None and not (endpoint is not None and endpoint.is_delayable):
        return False
    if effect.double or effect.late_us is not None or effect.skew_us is not None or effect.scale is not None:
        return endpoint is not None and api.intake is not None and endpoint.operation == api.intake.operation
    return True


class Struck:
    """The faults that hit one request, taken together: they wait one after the other, and all that any says is done."""

    __slots__ = ("_seen", "armed", "effects", "exhausts", "hits", "is_lost", "is_swallowed", "is_undone", "wait_us")

    def __init__(self, hits: Sequence[Hit], draws: Draws) -> None:
        self.hits = tuple(hits)
        self.armed = tuple([hit.armed for hit in hits])
        self.effects = tuple([armed.fault.effect for armed in self.armed])
        self.is_lost = any(effect.lost_ack for effect in self.effects)
        self.is_undone = any(effect.false_ack for effect in self.effects)
        self.is_swallowed = self.is_lost or any(effect.empty_body for effect in self.effects)
        self.exhausts = any(effect.exhaust or effect.top_up_micro_usd is not None for effect in self.effects)
        self.wait_us = sum(_wait_us(hit, draws) for hit in self.hits)
        timeout_s = self.final.timeout_s if self.final is not None else None
        if timeout_s is not None:
            self.wait_us += round(timeout_s * 1e6)
        self._seen = 0

    @property
    def ids(self) -> str:
        """The faults' ids, separated by blanks."""
        return " ".join(hit.armed.id for hit in self.hits)

    @property
    def reason(self) -> str:
        """Why each of them hit, and what with."""
        return "; ".join(f"{hit.armed.id}: {hit.reason} ({_told(hit.armed.fault.effect)})" for hit in self.hits)

    @property
    def final(self) -> Effect | None:
        """The effect that comes in place of the work, if one does."""
        last = self.effects[-1]
        return last if last.is_final else None

    @property
    def truncate_after(self) -> int | None:
        """After how many pieces a stream is cut, `None` for never."""
        return min((e.truncate_after for e in self.effects if e.truncate_after is not None), default=None)

    @property
    def delay_us(self) -> int:
        """How much later what was done is to show."""
        return max((e.delay_us for e in self.effects if e.delay_us is not None), default=0)

    @property
    def late_us(self) -> int | None:
        """How much later an event arrives than it was sent, `None` when it is not held up."""
        return max((e.late_us for e in self.effects if e.late_us is not None), default=None)

    def instead(self, api: Api) -> Reply | None:
        """Return what comes in place of an answer; `None` when there is one, or when a ledger has to refuse it."""
        final = self.final
        if final is None or (final.status == 402 and final.timeout_s is None and not final.reset):
            return None
        if final.timeout_s is not None:
            return Reply(0, fate="held")
        if final.reset:
            return Reply(0, fate="reset")
        assert final.status is not None
        reply = api.failure(final.status, final.message)
        if final.retry_after_s is not None:
            reply.headers = [pair for pair in reply.headers if pair[0] != b"retry-after"]
            reply.headers.append((b"retry-after", f"{final.retry_after_s:g}".encode()))
        return reply

    def spoil(self, reply: Reply) -> None:
        """Do to a whole answer what the faults do to it."""
        if is_event_stream(reply):
            *head, last = events(reply.body) or [b""]
            reply.body = b"".join([*map(self.piece, head), self.piece(last, is_last=True)])
        else:
            if reply.status < 300 and b"json" in _kind(reply):
                reply.body = self._edited(reply.body)
            if any(effect.malformed_chunk is not None for effect in self.effects):
                reply.body = broken(reply.body)
        if any(effect.empty_body for effect in self.effects):
            reply.body = b""

    def pieces(self, head: Iterable[bytes], made: list[bytes]) -> Iterator[bytes]:
        """Yield the pieces of a stream as they go out, until it is cut.

        :param made: gets those that were to go out.
        """
        limit = self.truncate_after
        for piece in head:
            if limit is not None and self._seen >= limit and _has_data(piece):
                return
            made.append(piece)
            yield self.piece(piece)

    def piece(self, piece: bytes, *, is_last: bool = False) -> bytes:
        """Return a piece of a stream as it goes out; they must come in order.

        :param is_last: what was to be broken, but never came, is this one.
        """
        lines = piece.split(b"\n")
        for number, line in enumerate(lines):
            if line.startswith(b"data:"):
                lines[number] = self._line(line, is_last=is_last)
        return b"\n".join(lines)

    def _line(self, line: bytes, *, is_last: bool) -> bytes:
        self._seen += 1
        body = line[5:].strip()
        edited = self._edited(body)
        for effect in self.effects:
            n = effect.malformed_chunk
            if n is not None and (n == self._seen or (is_last and n > self._seen)):
                edited = broken(edited)
        return line if edited == body else line.replace(body, edited, 1)

    def _edited(self, body: bytes) -> bytes:
        if not any(e.drop or e.add or e.rename or e.retype for e in self.effects):
            return body
        try:
            data = read_exactly(body)
        except ValueError:
            return body
        for effect in self.effects:
            data = edited(data, effect)
        return dump_exactly(data)

    def taken_in(self, body: bytes, intake: Intake, now: int) -> bytes:
        """Return an event's body as it arrives after what happened to it on its way."""
        changed = [effect for effect in self.effects if effect.skew_us is not None or effect.scale is not None]
        if not changed:
            return body
        data = _object(body)
        if data is None:
            return body
        for effect in changed:
            if effect.skew_us is not None:
                skew(data, intake, effect.skew_us, now)
            if effect.scale is not None and isinstance(data.get(intake.data), dict):
                data[intake.data] = scaled(data[intake.data], Decimal(effect.scale))
        return dump_exactly(data)


def _told(effect: Effect) -> str:
    """Return what an effect is, in a few words."""
    return ", ".join(
        name if value is True or isinstance(value, dict | list | tuple) else f"{name} {value}"
        for name, value in effect.said().items()
    )


def is_event_stream(reply: Reply) -> bool:
    """Whether an answer is a stream of events, though it may be there as a whole."""
    return _kind(reply).startswith(b"text/event-stream")


def _kind(reply: Reply) -> bytes:
    return next((value for name, value in reply.headers if name == b"content-type"), b"")


def _has_data(piece: bytes) -> bool:
    """Whether a piece of a stream says something: comments and names of events are none of those that are counted."""
    return piece.startswith(b"data:") or b"\ndata:" in piece


# Waiting


def _wait_us(hit: Hit, draws: Draws) -> int:
    latency = hit.armed.fault.effect.latency
    return (
        0 if latency is None else round(wait_ms(latency, lambda: draws.uniforms(2, "wait", hit.armed.id, hit.n)) * 1000)
    )


def wait_ms(latency: Latency, draw: Callable[[], tuple[float, ...]]) -> float:
    """Return how long an answer is held back.

    :param draw: returns two uniform numbers, if chance plays a part.
    """
    if latency.median_ms is not None and latency.p99_ms is not None:
        one, other = draw()
        normal = math.sqrt(-2 * math.log(1 - one)) * math.cos(2 * math.pi * other)  # Box and Muller's
        sigma = math.log(latency.p99_ms / latency.median_ms) / _Z_OF_P99
        return latency.median_ms * math.exp(sigma * normal)
    if latency.high_ms is not None:
        return latency.low_ms + (latency.high_ms - latency.low_ms) * draw()[0]
    return latency.low_ms


# JSON, with every number's digits as they are


def read_exactly(body: bytes) -> Any:
    """Read JSON without a number ever passing through a float.

    :raises ValueError: it is none.
    """
    try:
        return json.loads(body, parse_float=Decimal)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def dump_exactly(value: Any) -> bytes:
    """Write JSON that `read_exactly` read, as compactly as the vendors' answers are written."""
    return _dumped(value).encode("utf-8", "surrogatepass")


def _dumped(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ",".join([f"{json.dumps(k, ensure_ascii=False)}:{_dumped(v)}" for k, v in value.items()]) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(_dumped, value)) + "]"
    return str(value) if isinstance(value, Decimal) else json.dumps(value, ensure_ascii=False)


def events(body: bytes) -> list[bytes]:
    """Return the events of a stream that is there as a whole."""
    end = b"\r\n\r\n" if b"\r\n\r\n" in body else b"\n\n"
    *whole, rest = body.split(end)
    return [each + end for each in whole] + ([rest] if rest else [])


def in_pieces(reply: Reply) -> Reply:
    """Return a stream that is there as a whole, because it is a replay, as one that is sent piece by piece."""
    *head, last = events(reply.body) or [b""]
    return replace(reply, body=b"", stream=Stream(iter(head), lambda: last, lambda: None))


def broken(body: bytes) -> bytes:
    """Return the first half of a body, which is no JSON any more."""
    return body[: max(1, len(body) // 2)] if len(body) > 1 else b"{"


# Fields


def edited(data: Any, effect: Effect) -> Any:
    """Return JSON data with fields left out, renamed, made another type, and added, in this order."""
    for path in effect.drop:
        for holder, key in _places(data, path.split(".")):
            del holder[key]
    for path, name in effect.rename.items():
        for holder, key in _places(data, path.split(".")):
            if isinstance(holder, dict):
                renamed = {name if each == key else each: value for each, value in holder.items() if each != name}
                holder.clear()
                holder.update(renamed)
    for path, kind in effect.retype.items():
        for holder, key in _places(data, path.split(".")):
            holder[key] = retyped(holder[key], kind)
    for path, value in effect.add.items():
        _add(data, path.split("."), deepcopy(value))  # what is added may itself be edited
    return data


def _places(data: Any, path: Sequence[str]) -> list[tuple[Any, Any]]:
    """Return the holder and key of everything there is at a path, of a list the last first: so they can be removed."""
    here = [data]
    for number, part in enumerate(path):
        found = [(holder, key) for holder in here for key in _keys(holder, part)]
        if number == len(path) - 1:
            return found[::-1]
        here = [holder[key] for holder, key in found]
    return []


def _keys(holder: Any, part: str) -> list[Any]:
    if isinstance(holder, dict):
        return list(holder) if part == "*" else [part] if part in holder else []
    if isinstance(holder, list):
        if part == "*":
            return list(range(len(holder)))
        return [int(part)] if part.isdecimal() and int(part) < len(holder) else []
    return []


def _add(data: Any, path: Sequence[str], value: Any) -> None:
    holders = [data]
    for part in path[:-1]:
        for holder in holders:
            if isinstance(holder, dict) and part != "*":
                holder.setdefault(part, {})
        holders = [holder[key] for holder in holders for key in _keys(holder, part)]
    last = path[-1]
    for holder in holders:
        if isinstance(holder, dict) and last != "*":
            holder[last] = value
        elif isinstance(holder, list) and last.isdecimal() and int(last) == len(holder):
            holder.append(value)
        else:
            for key in _keys(holder, last):
                holder[key] = value


def retyped(value: Any, kind: str) -> Any:
    """Return the value of another JSON type that is most like a given one."""
    if kind == "string":
        return value if isinstance(value, str) else _dumped(value)
    if kind == "boolean":
        return bool(value)
    if kind == "array":
        return value if isinstance(value, list) else [value]
    if kind == "object":
        return value if isinstance(value, dict) else {"value": value}
    if kind == "null":
        return None
    number = _number(value)
    return int(number) if kind == "integer" else number if number % 1 else Decimal(f"{int(number)}.0")


def _number(value: Any) -> Decimal:
    if isinstance(value, bool | int | Decimal):
        return Decimal(value)
    if isinstance(value, str):
        try:
            number = Decimal(value)
        except ArithmeticError:
            return Decimal(0)
        return number if number.is_finite() else Decimal(0)
    return Decimal(0)


# Events on their way


def skew(data: dict[str, Any], intake: Intake, by_us: int, now: int) -> None:
    """Put an event's timestamp off; one without any gets that of a clock that is off."""
    said = data.get(intake.timestamp)
    try:
        at = now if said is None else parse_instant(said)
    except (TypeError, ValueError):
        return  # it will be refused as it is
    data[intake.timestamp] = format_instant(min(max(at + by_us, EARLIEST), LATEST))


def scaled(value: Any, factor: Decimal) -> Any:
    """Return JSON data with every number multiplied, exactly; amounts may also be texts, and stay what they are."""
    if isinstance(value, dict):
        return {name: scaled(each, factor) for name, each in value.items()}
    if isinstance(value, list):
        return [scaled(each, factor) for each in value]
    if isinstance(value, str) and _AMOUNT.fullmatch(value):
        return format(_EXACT.multiply(Decimal(value), factor), "f")
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return value
    return _plain(_EXACT.multiply(Decimal(value), factor))


def scaled_by(one: Decimal, other: Decimal) -> Decimal:
    """Return an exact product."""
    return _EXACT.multiply(one, other)


def repeated(body: bytes, intake: Intake, how: str) -> bytes:
    """Return an event's body as it arrives the second time.

    :param how: `same_key` (as it was), `new_key`, or `other_payload`: every number in its data is one more, and where
        there is none, it has a member more.
    """
    if how == "same_key":
        return body
    data = _object(body)
    if data is None:
        return body
    if how == "new_key":
        key = data.get(intake.key)
        if not isinstance(key, str):
            return body
        data[intake.key] = again(key)
    else:
        payload = data.get(intake.data)
        if isinstance(payload, dict):
            data[intake.data] = other_payload(payload)
    return dump_exactly(data)


def again(key: str) -> str:
    """Return the new key that an event has the second time."""
    return f"{key}-again"


def other_payload(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return other data than an event's: every number is one more, and where there is none, it has a member more."""
    other: dict[str, Any] = _one_more(payload)
    return other if other != payload else {**payload, "again": True}


def _object(body: bytes) -> dict[str, Any] | None:
    """Return a body's JSON object; `None` when it has none, which the operation is left to say."""
    try:
        data = read_exactly(body)
    except ValueError:
        return None
    return data if isinstance(data, dict) else None


def _one_more(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _one_more(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_one_more(each) for each in value]
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return value
    return _plain(_EXACT.add(Decimal(value), Decimal(1)))


def _plain(value: Decimal) -> int | Decimal:
    """Return a whole number as an integer, so that it is written without an exponent."""
    return int(value) if value == value.to_integral_value() and abs(value.adjusted()) < 400 else value
