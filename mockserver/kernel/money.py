"""Exact money: integer micro-USD for the prepaid balance, decimals for everything else (pure)."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import NewType

MicroUsd = NewType("MicroUsd", int)
"""Whole micro-dollars; 1_000_000 is one dollar."""


def micro_usd(dollars: str | Decimal) -> MicroUsd:
    """Turn dollars into micro-USD, refusing what would need rounding.

    :param dollars: decimal text or a `Decimal`; never a float.
    :raises ValueError: not a finite decimal, or finer than one micro-dollar.
    """
    try:
        amount = Decimal(dollars)
    except InvalidOperation:
        raise ValueError(f"'{dollars}' is not a decimal number of dollars") from None
    if not amount.is_finite() or abs(amount) > 10**12:
        raise ValueError(f"'{dollars}' is not a decimal number of dollars")
    micro = amount.scaleb(6)
    if micro != micro.to_integral_value():
        raise ValueError(f"'{dollars}' is finer than one micro-dollar")
    return MicroUsd(int(micro))


def usd_text(amount: int) -> str:
    """Return micro-USD as dollars with at least two decimals and none that say nothing: 90000 -> "0.09"."""
    text = f"{Decimal(amount).scaleb(-6):.6f}".rstrip("0")
    whole, _, fraction = text.partition(".")
    return f"{whole}.{fraction:0<2}"


def plain(value: Decimal) -> str:
    """Return a decimal as plain text: no exponent, no trailing zeros, no negative zero."""
    if not value:
        return "0"
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def json_number(value: Decimal) -> int | float:
    """Return the JSON number nearest to an exact decimal; whole values stay integers.

    This is the only place where an exact amount becomes a double, on its way out.
    """
    if value == value.to_integral_value() and abs(value) < 2**53:
        return int(value)
    return float(value)
