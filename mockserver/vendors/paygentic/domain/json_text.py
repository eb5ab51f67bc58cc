"""JSON text to values and back without a number ever passing through a float (pure)."""

from __future__ import annotations

import json
import re
from decimal import Context, Decimal
from json.encoder import encode_basestring_ascii
from typing import Any, NoReturn

from mockserver.kernel.errors import MalformedBody
from mockserver.kernel.money import plain

MAX_DEPTH = 100
"""Nesting beyond this is refused: far above any real event, far below the interpreter's limit."""

MAX_EXPONENT = 200
"""Numbers must lie below 10**200 and end at the 200th decimal, so that every sum and product still fits a double."""

EXACT = Context(prec=800)
"""Wide enough for the sum of 2**63 such numbers times a unit cost, so adding and multiplying never round."""

_NUMBER = re.compile(r"-?(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?", re.ASCII)
_NUMERIC_STRING = re.compile(r"\s*([+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)\s*", re.ASCII)


def parse(body: bytes) -> Any:
    """Read a request body; numbers come back as `int` or `Decimal`.

    :raises MalformedBody: not UTF-8, not JSON, nested too deeply, half a surrogate pair in a string, or a
        number that is no number (`NaN`) or absurdly large or fine.
    """
    try:
        value = _DECODER.decode(body.decode("utf-8"))
    except RecursionError:
        raise MalformedBody(f"the request body is nested more than {MAX_DEPTH} levels deep") from None
    except UnicodeDecodeError:
        raise MalformedBody("the request body is not UTF-8") from None
    except ValueError as error:
        raise MalformedBody(f"the request body is not valid JSON: {error}") from None
    if body.count(b"{") + body.count(b"[") > MAX_DEPTH or b"\\ud" in body.lower():
        _inspect(value)
    return value


def restore(text: str) -> Any:
    """Read text that `dump` wrote, so that nothing in it needs to be judged again."""
    return _RESTORER.raw_decode(text)[0]  # without a look at what may surround the value


def dump(value: Any) -> str:
    """Write a value as compact ASCII JSON, every number with all its digits."""
    kind = type(value)
    if kind is str:
        return encode_basestring_ascii(value)
    if kind is Decimal:
        return str(value)
    if kind is dict:
        text = encode_basestring_ascii
        members = [f"{text(name)}:{text(item) if type(item) is str else dump(item)}" for name, item in value.items()]
        return "{" + ",".join(members) + "}"
    if kind is int:
        return str(value)
    if kind is list:
        return "[" + ",".join([dump(item) for item in value]) + "]"
    return json.dumps(value)


def canonical(value: Any) -> str:
    """Write a value so that equal ones give equal text: 1 and 1.0 agree, 1 and "1" do not, key order is nothing."""
    kind = type(value)
    if kind is Decimal:
        return plain(value)
    if kind is dict:
        return "{" + ",".join([f"{encode_basestring_ascii(k)}:{canonical(v)}" for k, v in sorted(value.items())]) + "}"
    if kind is list:
        return "[" + ",".join([canonical(item) for item in value]) + "]"
    return dump(value)


def number_in(text: str) -> Decimal | None:
    """Return the number a string wholly is, blanks around it aside; `None` if it is none or out of range."""
    match = _NUMERIC_STRING.fullmatch(text)
    return _bounded(match[1].lstrip("+")) if match else None


def _bounded(text: str) -> Decimal | None:
    """Return a number if its first and last digit lie within 200 places of the point."""
    match = _NUMBER.fullmatch(text)
    assert match is not None
    whole, fraction, exponent = match.groups()
    if exponent is None:
        if len(whole) > MAX_EXPONENT or len(fraction or "") > MAX_EXPONENT:
            return None
        return Decimal(text)
    if len(text) > 3 * MAX_EXPONENT:
        return None
    shift = int(exponent)
    if len(whole) + shift > MAX_EXPONENT or len(fraction or "") - shift > MAX_EXPONENT:
        return None
    return Decimal(text)


def _decimal(text: str) -> Decimal:
    # Nearly every amount is short and has no exponent; those need no second look.
    if len(text) < 40 and "e" not in text and "E" not in text:
        return Decimal(text)
    value = _bounded(text)
    if value is None:
        raise MalformedBody(f"the number {text[:40]} is out of range")
    return value


def _integer(text: str) -> int:
    if len(text) > MAX_EXPONENT:
        raise MalformedBody(f"the number {text[:40]}... is out of range")
    return int(text)


def _refuse_constant(text: str) -> NoReturn:
    raise MalformedBody(f"the request body is not valid JSON: {text} is not a number")


_RESTORER = json.JSONDecoder(parse_float=Decimal)
_DECODER = json.JSONDecoder(parse_float=_decimal, parse_int=_integer, parse_constant=_refuse_constant)


def _inspect(value: Any) -> None:
    """Refuse deep nesting and strings that cannot be written as UTF-8."""
    waiting: list[tuple[Any, int]] = [(value, 1)]
    while waiting:
        item, depth = waiting.pop()
        if isinstance(item, str):
            try:
                item.encode()
            except UnicodeEncodeError:
                raise MalformedBody("a string holds half of a surrogate pair") from None
        elif isinstance(item, (dict, list)):
            if depth > MAX_DEPTH:
                raise MalformedBody(f"the request body is nested more than {MAX_DEPTH} levels deep")
            inner = [*item.keys(), *item.values()] if isinstance(item, dict) else item
            waiting.extend((part, depth + 1) for part in inner)
