"""What a simulator is told at start."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from mockserver.kernel.clock import MAX_RATE, Mode
from mockserver.kernel.world import Beginning

_SCALED = re.compile(r"x(\d{1,7}(?:\.\d{1,6})?)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that shapes a simulator.

    :param db: SQLite file, or `None` for memory.
    :param beginning: seed and clock of new worlds.
    :param is_strict: serve only the newest generation's rules where generations differ.
    :param known_only: refuse keys that name no existing world.
    :param admin_token: credential that `/_mock` wants, or `None`.
    :param scenario: name or path of the scenario whose start state new worlds have, or `None`.
    :param fixtures: folder of a user's own starting data for new databases, or `None`.
    """

    db: Path | None = None
    beginning: Beginning = field(default_factory=Beginning)
    is_strict: bool = False
    known_only: bool = False
    admin_token: str | None = None
    scenario: str | None = None
    fixtures: Path | None = None


def parse_clock(text: str) -> tuple[Mode, float]:
    """Read `real`, `frozen` or `x<number>` (that many virtual seconds a second) as mode and rate.

    :raises ValueError: none of these, or a rate that is zero or above the clock's limit.
    """
    if text == "real":
        return "real", 1.0
    if text == "frozen":
        return "frozen", 0.0
    scaled = _SCALED.fullmatch(text)
    if scaled is None or not 0 < float(scaled[1]) <= MAX_RATE:
        raise ValueError(f"'{text}' is not a clock: real, frozen, or x and a rate up to {MAX_RATE:.0f}, such as x60")
    return "scaled", float(scaled[1])
