"""What surrounds the `auto` model: its rollup over days and hours, and the frontier models it is compared with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mockserver.kernel.windows import DAY, HOUR, floor_to
from mockserver.vendors.pareta.domain.errors import Refused
from mockserver.vendors.pareta.domain.metrics import Latency, Tally, Window, added

COMPARABLE = ("claude-sonnet-4-6", "gemini-3-1-pro", "gemini-3-5-flash", "gpt-5.5")
"""Source: pareta/auto "Allowed models" (documented)."""

DAYS, HOURS = 30, 7 * 24
COST_TO_SERVE_PERCENT = 80
"""What serving costs the vendor, of what it bills. Source: pareta/auto "cost_to_serve" (the figure: assumed)."""


def days_window(now: int) -> Window:
    """Return the 30 UTC days that end with today."""
    return Window(floor_to(now, DAY) - (DAYS - 1) * DAY - 1, now, "30d", DAY)


def hours_window(now: int) -> Window:
    """Return the 168 UTC hours that end with this one."""
    return Window(floor_to(now, HOUR) - (HOURS - 1) * HOUR - 1, now, "7d", HOUR)


def filled(buckets: Mapping[int, Tally], window: Window) -> dict[int, Tally]:
    """Return a window's buckets with none left out, oldest first."""
    assert window.bucket is not None
    return {start: buckets.get(start, Tally()) for start in range(window.start + 1, window.end + 1, window.bucket)}


@dataclass(frozen=True, slots=True)
class LastRequest:
    """The newest request, with what it was answered."""

    at: int
    status: int
    latency_us: int
    billed_micro_usd: int


@dataclass(frozen=True, slots=True)
class Rollup:
    """What an organisation's `auto` traffic came to.

    :param days: by their start, none left out, oldest first; the last one is today.
    :param hours: likewise; `latencies` has those with a successful call.
    """

    days: Mapping[int, Tally]
    hours: Mapping[int, Tally]
    latencies: Mapping[int, Latency]
    last: LastRequest | None

    @property
    def whole(self) -> Tally:
        """All days together."""
        return added(self.days.values())

    @property
    def today(self) -> Tally:
        """The day that is not over yet."""
        return self.days[max(self.days)]


def cost_to_serve(billed_micro_usd: int) -> int:
    """Return what it cost the vendor to serve what it billed, in whole micro-USD."""
    return billed_micro_usd * COST_TO_SERVE_PERCENT // 100


def compared_model(model: str) -> str:
    """Return a model that may be compared with `auto`.

    :raises Refused: it may not.
    """
    if model not in COMPARABLE:
        raise Refused(f"model must be one of {', '.join(COMPARABLE)}")
    return model
