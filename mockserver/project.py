"""Where a user's project writes down its options: `[tool.mockserver]` of its pyproject.toml."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mockserver.kernel.errors import Unusable


def table(start: Path) -> dict[str, Any]:
    """Return `[tool.mockserver]` of the nearest pyproject.toml at or above a folder; empty without one.

    :raises Unusable: the file cannot be read.
    """
    for folder in (start, *start.parents):
        path = folder / "pyproject.toml"
        if path.is_file():
            return _read(path)
    return {}


def _read(path: Path) -> dict[str, Any]:
    import tomllib

    try:
        found = tomllib.loads(path.read_text(encoding="utf-8")).get("tool", {}).get("mockserver", {})
    except (OSError, ValueError, AttributeError) as error:
        raise Unusable(f"cannot read {path}: {error}") from None
    if not isinstance(found, dict):
        raise Unusable(f"{path}: tool.mockserver is not a table")
    return found
