"""Money as people read it."""

from __future__ import annotations

from mockserver.kernel.money import usd_text


def usd(micro_usd: int) -> str:
    """Return micro-USD as dollars, exactly: -90000 is "-$0.09"."""
    return f"${usd_text(micro_usd)}" if micro_usd >= 0 else f"-${usd_text(-micro_usd)}"
