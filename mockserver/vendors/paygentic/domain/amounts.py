"""Exact amounts in forms a database can add and compare: whole numbers of 10**-24, and sortable bytes (pure).

A number with at most 24 decimals below 10**9 (any amount a double prints, down to 10**-7) is held as three
64-bit integers: units, pico (10**-12) and yocto (10**-24). Everything else travels as text and is added here.
"""

from __future__ import annotations

from decimal import Decimal

from mockserver.vendors.paygentic.domain.json_text import EXACT

DECIMALS = 24
HALF = 10**12
"""How many yocto make a pico, and pico a unit."""

MAX_UNITS = 10**9
"""Above it, 2**63 could be reached by fewer events than a database can hold."""

_EXPONENT_BIAS = 0x8000
_COMPLEMENT = bytes(255 - byte for byte in range(256))
_INSTANT_BIAS = 1 << 63


def yocto_of(value: Decimal) -> int | None:
    """Return an amount as a whole number of 10**-24, or `None` when it is too large or too fine for that."""
    if -MAX_UNITS < value < MAX_UNITS and value.as_tuple().exponent >= -DECIMALS:  # type: ignore[operator]  # finite
        return int(EXACT.scaleb(value, DECIMALS))
    return None


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
    sign, digits, exponent = value.as_tuple()
    significant = bytes(digits).rstrip(b"\0")
    if not significant:
        return b"\x02"
    size = len(digits) + int(exponent) - 1 + _EXPONENT_BIAS
    magnitude = size.to_bytes(2, "big") + significant
    # Among negative numbers more digits mean less, so the end must compare above any digit.
    return b"\x01" + magnitude.translate(_COMPLEMENT) + b"\xff" if sign else b"\x03" + magnitude


def from_sortable(key: bytes) -> Decimal:
    """Undo `sortable`; trailing zeros are gone."""
    if key[0] == 2:
        return Decimal(0)
    magnitude = key[1:] if key[0] == 3 else key[1:-1].translate(_COMPLEMENT)
    digits = magnitude[2:]
    size = int.from_bytes(magnitude[:2], "big") - _EXPONENT_BIAS
    return Decimal((int(key[0] == 1), tuple(digits), size - len(digits) + 1))


def mark(at: int, seq: int, key: bytes) -> bytes:
    """Return bytes that compare by instant, then by order of arrival, and carry a sortable value behind."""
    return ((at + _INSTANT_BIAS) << 64 | seq).to_bytes(16, "big") + key


MARKED_FROM = 17
"""Where the value begins in a mark, counted from one as SQL does."""


def marked(key: bytes) -> Decimal:
    """Return the value a mark carries."""
    return from_sortable(key[MARKED_FROM - 1 :])
