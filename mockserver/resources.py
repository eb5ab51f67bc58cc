"""Finds shipped data: in the wheel, in a checkout, or at a user's path."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from mockserver.kernel.errors import Unusable


def folder(name: str) -> Path:
    """Return the folder of shipped `fixtures` or `scenarios`."""
    package = Path(__file__).resolve().parent
    packaged = package / "_data" / name
    return packaged if packaged.is_dir() else package.parent / name


@dataclass(frozen=True, slots=True)
class Fixtures:
    """What worlds start from: a user's own files, and the shipped ones in place of those that are missing.

    :param own: folder laid out like the shipped `fixtures/`, or `None`.
    """

    own: Path | None = None

    def check(self) -> None:
        """Look through a user's folder before anything is read from it.

        :raises Unusable: it is no folder, or holds a JSON file that nothing would read.
        """
        if self.own is None:
            return
        if not self.own.is_dir():
            raise Unusable(f"{self.own} is not a folder of fixtures")
        shipped = folder("fixtures")
        known = sorted(path.relative_to(shipped).as_posix() for path in shipped.rglob("*.json"))
        found = sorted(path.relative_to(self.own).as_posix() for path in self.own.rglob("*.json"))
        stray = next((name for name in found if name not in known), None)
        if stray is not None:
            raise Unusable(f"{self.own / stray} is no file that worlds start from; those are {', '.join(known)}")
        if not found:
            raise Unusable(f"{self.own} has none of the files that worlds start from: {', '.join(known)}")

    def has(self, relative: str) -> bool:
        """Whether a file is the user's own."""
        return self.own is not None and (self.own / relative).is_file()

    def file(self, relative: str) -> Path:
        """Return a file of starting data, such as `pareta/catalog.json`.

        :raises Unusable: there is none.
        """
        if self.own is not None and self.has(relative):
            return self.own / relative
        path = folder("fixtures") / relative
        if not path.is_file():
            raise Unusable(f"there is no fixture {relative}")
        return path

    def read(self, relative: str, *, is_exact: bool = False) -> Any:
        """Return the content of a JSON file of starting data.

        :param is_exact: numbers with a point come as `Decimal`.
        :raises Unusable: there is none, or it is not JSON.
        """
        path = self.file(relative)
        try:
            return json.loads(path.read_text("utf-8"), parse_float=Decimal if is_exact else None)
        except ValueError as error:
            raise Unusable(f"{path} is not JSON: {error}") from None

    @contextmanager
    def blamed(self) -> Iterator[None]:
        """Turn what a user's own data leads to while it is read into one line about it.

        :raises Unusable: something in it is missing, or of the wrong kind.
        """
        try:
            yield
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            if self.own is None:
                raise
            raise Unusable(f"the fixtures in {self.own} cannot be used: {type(error).__name__}: {error}") from error


def cassette_names() -> list[str]:
    """Return the names of the shipped cassettes."""
    return sorted(path.stem for path in (folder("fixtures") / "cassettes").glob("*.yaml"))


def cassette(path: Path) -> Path:
    """Return where a cassette is: the path itself, or the shipped one of that name where nothing is at the path."""
    shipped = folder("fixtures") / "cassettes" / f"{path}.yaml"
    return shipped if not path.exists() and str(path) in cassette_names() else path


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
