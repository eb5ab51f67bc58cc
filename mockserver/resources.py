"""Finds shipped data: in the wheel, in a checkout, or at a user's path."""

from __future__ import annotations

from pathlib import Path

from mockserver.kernel.errors import Unusable


def folder(name: str) -> Path:
    """Return the folder of shipped `fixtures` or `scenarios`."""
    package = Path(__file__).resolve().parent
    packaged = package / "_data" / name
    return packaged if packaged.is_dir() else package.parent / name


def fixture(relative: str) -> Path:
    """Return a file of shipped starting data, such as `pareta/catalog.json`.

    :raises Unusable: the installation lacks it.
    """
    path = folder("fixtures") / relative
    if not path.is_file():
        raise Unusable(f"the installation lacks fixtures/{relative}")
    return path


def scenario_names() -> list[str]:
    """Return the names of the shipped scenarios."""
    return sorted(path.stem for path in folder("scenarios").glob("*.yaml"))


def scenario(name_or_path: str) -> Path:
    """Return a scenario's file, by shipped name or by path.

    :raises Unusable: neither.
    """
    if name_or_path in scenario_names():
        return folder("scenarios") / f"{name_or_path}.yaml"
    path = Path(name_or_path)
    if path.is_file():
        return path
    raise Unusable(f"unknown scenario '{name_or_path}': not a file, and not one of {', '.join(scenario_names())}")
