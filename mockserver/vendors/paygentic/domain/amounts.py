"""Exact amounts in forms a database can add and compare: whole numbers of 10**-24, and sortable bytes (pure).

A number with at most 24 decimals below 10**9 (any amount a double prints, down to 10**-7) is held as three
64-bit integers: units, pico (10**-12) and yocto (10**-24). Everything else travels as text and is added here.
"""

from __future__ import annotations

from decimal import ROUND_FLOOR, Decimal

from mockserver.vendors.paygentic.domain.json_text import EXACT

DECIMALS = 24
HALF = 10**12
"""How many yocto make a pico, and pico a unit."""

MAX_UNITS = 10**9
"""Above it, 2**63 could be reached by fewer events than a database can hold."""

_EXPONENT_BIAS = 0x8000
_COMPLEMENT = bytes(255 - byte for byte in range(256))
_YOCTO_BIAS = 1 << 127
_INSTANT_BIAS = 1 << 63

# First bytes of sortable amounts.
_HUGE_NEGATIVE, _USUAL, _HUGE = b"\x01", b"\x02", b"\x03"
_USUAL_SIZE = 17


def yocto_of(value: Decimal) -> int | None:
    """Return an amount as a whole number of 10**-24, or `None` when it is too large or too fine for that."""
    if not -MAX_UNITS < value < MAX_UNITS:
        return None
    scaled = EXACT.scaleb(value, DECIMALS)
    yocto = int(scaled)
    return yocto if yocto == scaled else None


def split(yocto: int) -> tuple[int, int, int]:
    """Return (units, pico, yocto), the last two from 0 to 10**12 - 1 even when the amount is negative."""
    rest, yocto = divmod(yocto, HALF)
    units, pico = divmod(rest, HALF)
    return units, pico, yocto


def joined(units: int, pico: int, yocto: int) -> Decimal:
    """Return the amount that is the sum of three counts, each of any size."""
    return EXACT.scaleb(Decimal((units * HALF + pico) * HALF + yocto), -DECIMALS)


def summed(text: str) -> Decimal:
    """Return the sum of numbers written with spaces between them."""
    total = Decimal(0)
    for part in text.split():
        total = EXACT.add(total, Decimal(part))
    return total


def sortable(value: Decimal) -> bytes:
    """Return bytes that compare as the numbers do; equal numbers give equal bytes."""
    if -MAX_UNITS < value < MAX_UNITS:
        scaled = EXACT.scaleb(value, DECIMALS)
        yocto = int(scaled.to_integral_value(ROUND_FLOOR))
        rest = EXACT.subtract(scaled, Decimal(yocto))
        return sortable_yocto(yocto) + _decimals(rest) if rest else sortable_yocto(yocto)
    sign, digits, exponent = value.as_tuple()
    size = len(digits) + int(exponent) - 1 + _EXPONENT_BIAS
    magnitude = size.to_bytes(2, "big") + bytes(digits).rstrip(b"\0")
    # Among negative numbers more digits mean less, so the end must compare above any digit.
    return _HUGE_NEGATIVE + magnitude.translate(_COMPLEMENT) + b"\xff" if sign else _HUGE + magnitude


def sortable_yocto(yocto: int) -> bytes:
    """Return what `sortable` returns, for a whole number of 10**-24 below `MAX_UNITS` units."""
    return _USUAL + (yocto + _YOCTO_BIAS).to_bytes(_USUAL_SIZE - 1, "big")


def _decimals(rest: Decimal) -> bytes:
    """Return the decimals of a number between 0 and 1, one byte each, without trailing zeros."""
    _, digits, exponent = rest.as_tuple()
    return (bytes(-int(exponent) - len(digits)) + bytes(digits)).rstrip(b"\0")


def from_sortable(key: bytes) -> Decimal:
    """Undo `sortable`; trailing zeros are gone."""
    kind = key[:1]
    if kind == _USUAL:
        yocto, rest = int.from_bytes(key[1:_USUAL_SIZE], "big") - _YOCTO_BIAS, key[_USUAL_SIZE:]
        total = EXACT.add(Decimal(yocto), Decimal((0, tuple(rest), -len(rest))))
        return EXACT.scaleb(total, -DECIMALS)
    magnitude = key[1:] if kind == _HUGE else key[1:-1].translate(_COMPLEMENT)
    digits = magnitude[2:]
    size = int.from_bytes(magnitude[:2], "big") - _EXPONENT_BIAS
    return Decimal((int(kind == _HUGE_NEGATIVE), tuple(digits), size - len(digits) + 1))


def mark(at: int, seq: int, key: bytes) -> bytes:
    """Return bytes that compare by instant, then by order of arrival, and carry a sortable value behind."""
    return ((at + _INSTANT_BIAS) << 64 | seq).to_bytes(16, "big") + key


MARKED_FROM = 17
"""Where the value begins in a mark, counted from one as SQL does."""


def marked(key: bytes) -> Decimal:
    """Return the value a mark carries."""
    return from_sortable(key[MARKED_FROM - 1 :])
