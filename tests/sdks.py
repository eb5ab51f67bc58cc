"""Several versions of one client library in one process: each lies in a folder of its own beside the environment."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import pytest

_loaded: dict[tuple[str, str], dict[str, ModuleType]] = {}


def folder_of(name: str, version: str) -> Path:
    """Return where a version lies, skipping the test where it does not."""
    folder = Path(sys.prefix) / "sdks" / f"{name}-{version}"
    if not folder.is_dir():
        pytest.skip(f"{name} {version} is not installed; `make test` puts it at {folder.name} beside the environment")
    return folder


def between(versions: tuple[str, ...], since: str, until: str) -> list[str]:
    """Return the versions of a span, both ends included."""

    def key(version: str) -> list[int]:
        return [int(part) for part in version.split(".")]

    return [version for version in versions if key(since) <= key(version) <= key(until)]


@contextmanager
def installed(package: str, folder: Path) -> Iterator[ModuleType]:
    """Make the package of a folder the importable one of its name for the length of a block."""

    def modules() -> dict[str, ModuleType]:
        return {name: module for name, module in sys.modules.items() if f"{name}.".startswith(f"{package}.")}

    before = modules()
    for name in before:
        del sys.modules[name]
    sys.modules.update(_loaded.get((package, folder.name), {}))
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    try:
        module = importlib.import_module(package)
        assert Path(str(module.__file__)).is_relative_to(folder)
        yield module
    finally:
        sys.path.remove(str(folder))
        _loaded[package, folder.name] = modules()
        for name in modules():
            del sys.modules[name]
        sys.modules.update(before)
