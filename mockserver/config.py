"""What a server is told at start: flags, `MOCKSERVER_*` variables and `[tool.mockserver]`, read once."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from mockserver.kernel.world import Beginning

ServerName = Literal["hypercorn", "uvicorn", "granian"]
SERVERS: tuple[ServerName, ...] = ("hypercorn", "uvicorn", "granian")
DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 8787


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that shapes a simulator.

    :param db: SQLite file, or `None` for memory.
    :param beginning: seed and clock of new worlds.
    :param is_strict: serve only the newest generation's rules where generations differ.
    :param known_only: refuse keys that name no existing world.
    :param admin_token: credential that `/_mock` wants, or `None`.
    :param scenario: name or path of the scripted world to start with, or `None`.
    """

    db: Path | None = None
    beginning: Beginning = field(default_factory=Beginning)
    is_strict: bool = False
    known_only: bool = False
    admin_token: str | None = None
    scenario: str | None = None
